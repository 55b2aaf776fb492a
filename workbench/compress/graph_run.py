"""A functional model, run node by node on anything: channel numbers, symbols or arrays.

Pruning goes three times through the same graph: to number the channels, to build the smaller
model, and to look at what gates do to images; folding batch norms goes through it as well. Keras
has such a walk too (``Function._run_through_graph``), but that hides the node, whose arguments and
shapes are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import tree

from workbench.cnn.model import CNN
from workbench.errors import ModelError

Apply = Callable[[Any, Sequence[Any]], Sequence[Any]]


def functional(model: Any) -> Any:
    """Return the graph of a functional or sequential model.

    Raises:
        ModelError: It has none: a subclass, or a sequential model that does not know its input.
    """
    graph = getattr(model, "_functional", model) if is_sequential(model) else model
    if not isinstance(graph, keras.Function):
        name = getattr(model, "name", model)
        raise ModelError(
            f"The model {name!r} has no graph of layers, which is needed here. Build it with "
            "keras.Model(inputs, outputs), or call a Sequential on its input first."
        )
    return graph


def is_sequential(model: Any) -> bool:
    """Say whether a model is a list of layers."""
    return isinstance(model, keras.Sequential)


def is_nested(operation: Any) -> bool:
    """Say whether an operation is a model with a graph of its own."""
    return is_sequential(operation) or isinstance(operation, keras.Function)


def run(model: Any, inputs: Sequence[Any], apply: Apply) -> list[Any]:
    """Return what comes out of a functional model for ``inputs``.

    Args:
        model: The model.
        inputs: One value for each of its inputs.
        apply: Called with each node and the values of its input tensors; returns one value for
            each of its outputs.
    """
    graph = functional(model)
    values = dict(zip(map(id, graph.inputs), inputs, strict=True))
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if node.is_input:
                continue
            outputs = apply(node, [values[id(x)] for x in node.input_tensors])
            values.update(zip(map(id, node.outputs), outputs, strict=True))
    return [values[id(x)] for x in graph.outputs]


def remade(old: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> keras.Model:
    """Return a model between symbols, named and packed as ``old`` is.

    A network of the zoo stays one and keeps what its images go through.
    """
    graph = functional(old)
    ends = (
        tree.pack_sequence_as(graph._inputs_struct, inputs),
        tree.pack_sequence_as(graph._outputs_struct, outputs),
    )
    if not isinstance(old, CNN):
        return keras.Model(*ends, name=old.name)
    new = CNN(*ends, name=old.name)
    new.preprocessing = old.preprocessing
    return new


def arguments(node: Any, inputs: Sequence[Any]) -> tuple[Any, Any]:
    """Return the positional and keyword arguments of a node's call, its tensors replaced."""
    return node.arguments.fill_in(dict(zip(map(id, node.input_tensors), inputs, strict=True)))
