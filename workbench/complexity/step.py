"""One operation as it runs: what every count is told about it.

Idea: a Keras graph is a list of steps, each with its symbolic inputs and outputs, whose shapes are
all known. A row is a layer as the reader of a table knows it: one step, or several where a layer
is composed of others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, TypeAlias

import keras
from keras import tree

Symbol: TypeAlias = keras.KerasTensor


@dataclass(frozen=True, eq=False)
class Step:
    """An operation, called once.

    Attributes:
        operation: The layer, or the operation of `keras.ops`.
        args: Positional arguments of the call, tensors as symbols with complete shapes.
        kwargs: Keyword arguments, likewise.
        outputs: What comes out, the batch included in every shape.
    """

    operation: keras.Operation
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: tuple[Symbol, ...]

    @cached_property
    def inputs(self) -> tuple[Symbol, ...]:
        """The symbolic tensors among the arguments, in order."""
        flat = tree.flatten((self.args, self.kwargs))
        return tuple(leaf for leaf in flat if isinstance(leaf, keras.KerasTensor))

    @cached_property
    def weights(self) -> tuple[keras.Variable, ...]:
        """What the operation reads beside its inputs: a layer's weights, or variables passed in."""
        if isinstance(self.operation, keras.Layer):
            return tuple(self.operation.weights)
        flat = tree.flatten((self.args, self.kwargs))
        return tuple(leaf for leaf in flat if isinstance(leaf, keras.Variable))


@dataclass(frozen=True, eq=False)
class Row:
    """A layer of a model, as it is called once.

    Attributes:
        name: Its name, behind those of the models it is nested in: ``"backbone/conv1"``.
        layer: The layer, or an operation of `keras.ops`.
        steps: What runs in it, in order.
        outputs: What comes out.
    """

    name: str
    layer: keras.Operation
    steps: tuple[Step, ...]
    outputs: tuple[Symbol, ...]

    @property
    def weights(self) -> tuple[keras.Variable, ...]:
        """All weights of the layer, or the variables that its steps read."""
        if isinstance(self.layer, keras.Layer):
            return tuple(self.layer.weights)
        return tuple(weight for step in self.steps for weight in step.weights)


@dataclass(frozen=True, eq=False)
class Graph:
    """A model, spread out.

    Attributes:
        inputs: The tensors that it is given.
        outputs: Those that it returns.
        rows: Its layers in the order in which they run.
    """

    inputs: tuple[Symbol, ...]
    outputs: tuple[Symbol, ...]
    rows: tuple[Row, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, in the order in which they run."""
        return tuple(step for row in self.rows for step in row.steps)


def elements(tensor: Any) -> int:
    """Return the number of elements of a symbolic tensor or a weight."""
    return prod(tensor.shape)


def size_in_bytes(tensor: Any) -> int:
    """Return what a symbolic tensor or a weight takes in memory; booleans take a byte."""
    bits = re.search(r"\d+$", keras.backend.standardize_dtype(tensor.dtype))
    return elements(tensor) * (max(int(bits.group()), 8) // 8 if bits else 1)
