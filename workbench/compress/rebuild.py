"""The smaller model: every layer anew with fewer channels, and what stays of its weights.

Nothing is masked. Layers are made of their own configuration with the number of filters, units or
groups changed, as ``keras.models.clone_model`` makes them, and called in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import tree

from workbench.compress.channel_call import Call, Kept
from workbench.compress.channel_graph import ChannelGraph
from workbench.compress.graph_run import arguments, functional, is_nested, remade, run
from workbench.errors import ModelError


def rebuild(graph: ChannelGraph, kept: Kept) -> keras.Model:
    """Return a new model of the channels that stay; it is not compiled.

    A network of the zoo stays a `CNN` and keeps its preprocessing; name and options of its table no
    longer describe it and are left out.
    """
    rebuilding = _Rebuilding(graph, kept)
    model = rebuilding.model(graph.model)
    rebuilding.copy_weights()
    return model


class _Rebuilding:
    """Makes the new layers, each once."""

    def __init__(self, graph: ChannelGraph, kept: Kept):
        self._graph, self._kept = graph, kept
        self._made: dict[int, Any] = {}
        self._pairs: list[tuple[Any, Any]] = []  # layers with weights: old, new

    def model(self, old: Any) -> keras.Model:
        """Return the new model for one, or for one that is nested in it."""
        graph = functional(old)
        inputs = [self._input(graph, place) for place in range(len(graph.inputs))]
        outputs = run(old, inputs, self._node)
        return remade(old, inputs, outputs)

    def _input(self, graph: Any, place: int) -> Any:
        tensor = graph.inputs[place]
        channels = self._graph.tensors[id(tensor)]
        shape = tuple(tensor.shape)
        if len(shape) > 1:
            shape = (*shape[:-1], self._kept.count(channels))
        return keras.Input(batch_shape=shape, dtype=tensor.dtype, name=_input_name(tensor))

    def _node(self, node: Any, inputs: Sequence[Any]) -> Sequence[Any]:
        operation = node.operation
        if id(operation) not in self._made:
            self._made[id(operation)] = self._make(operation)
        args, kwargs = arguments(node, inputs)
        return tree.flatten(self._made[id(operation)](*args, **kwargs))

    def _make(self, operation: Any) -> Callable[..., Any]:
        if is_nested(operation):
            return self.model(operation)
        call: Call = self._graph.calls[id(operation)]
        if call.replacement is not None:
            return call.replacement(self._kept)
        changes = {option: change(self._kept) for option, change in call.changes.items()}
        layer = type(operation).from_config({**operation.get_config(), **changes})
        if isinstance(operation, keras.Layer) and operation.weights:
            self._pairs.append((operation, layer))
        return layer

    def copy_weights(self) -> None:
        """Give the new layers what stays of the weights of the old ones."""
        for old, new in self._pairs:
            uses = {use.place: use for use in self._graph.calls[id(old)].uses}
            for place, (source, target) in enumerate(zip(old.weights, new.weights, strict=True)):
                values = source.numpy()
                if place in uses:
                    values = uses[place].cut(values, self._kept)
                if tuple(values.shape) != tuple(target.shape):
                    raise ModelError(
                        f"The weight {source.path!r} has shape {np.shape(values)} after pruning, "
                        f"and the layer {self._graph.names[id(old)]!r} wants "
                        f"{tuple(target.shape)}. Its rule must name the channels of every weight; "
                        "see workbench.compress.channel_call.Call.weight."
                    )
                target.assign(values)


def _input_name(tensor: Any) -> str | None:
    """Return the name of an input's layer."""
    history = getattr(tensor, "_keras_history", None)
    return None if history is None else history.operation.name
