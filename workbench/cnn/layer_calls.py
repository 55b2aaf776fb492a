"""The layers of a functional model as they are called, in the order in which they run.

Keras keeps the nodes of a model by their depth, the distance from the outputs. A layer's own
``input`` is not asked: it fails for a layer that has been called a second time anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras


class LayerCall(NamedTuple):
    """A layer or an operation of `keras.ops`, called once, with its symbolic tensors."""

    layer: keras.Operation
    inputs: Sequence[Any]
    outputs: Sequence[Any]


def layer_calls(model: keras.Model) -> Iterator[LayerCall]:
    """Yield the calls of a functional or built sequential model, each behind those it needs."""
    nodes = (model._functional if isinstance(model, keras.Sequential) else model)._nodes_by_depth
    for depth in sorted(nodes, reverse=True):
        for node in nodes[depth]:
            if not node.is_input:
                yield LayerCall(node.operation, node.input_tensors, node.outputs)
