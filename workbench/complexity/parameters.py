"""Parameters: the weights of a layer, each counted once.

Convention. Trainable are the weights that training would change, non-trainable the others: the
moving statistics of batch norms, and all weights of frozen layers. A layer that is called twice
has its weights in the row of its first call. Weights that no step of the graph reads (an auxiliary
head that inference leaves out) get a row of their own, so that totals are the model's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import keras

from workbench.complexity.step import Graph, elements


@dataclass(frozen=True)
class Parameters:
    """Numbers of weights.

    Attributes:
        trainable: Those that training changes.
        fixed: The others.
    """

    trainable: int = 0
    fixed: int = 0


def parameters(graph: Graph, model: keras.Model) -> tuple[list[Parameters], Parameters]:
    """Return the parameters of every row, and those of the model that are in none."""
    seen: set[int] = set()
    rows = [_count(row.weights, seen) for row in graph.rows]
    return rows, _count(model.weights, seen)


def _count(weights: Iterable[keras.Variable], seen: set[int]) -> Parameters:
    numbers = {True: 0, False: 0}
    for weight in weights:
        if id(weight) not in seen:
            seen.add(id(weight))
            numbers[bool(weight.trainable)] += elements(weight)
    return Parameters(numbers[True], numbers[False])
