"""Batch norm folded into the convolutions before it: the same network with fewer layers.

Source: B. Jacob et al. 2018, arXiv:1712.05877, section 3.2. In inference, batch norm is a factor
and a summand for each channel: with a = gamma / sqrt(variance + epsilon), the kernel w becomes a w
and the bias b becomes a (b - mean) + beta. LiteRT's converter does as much; whoever looks at the
weights that a network is quantised with needs them before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import tree
from numpy.typing import NDArray

from workbench.compress.graph_run import arguments, functional, is_nested, remade, run
from workbench.compress.links import Links, graphs
from workbench.errors import ArgumentError

# Layers with a kernel whose last axes are the channels that come out.
WEIGHTED = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)


def fold_batch_norm(model: keras.Model) -> keras.Model:
    """Return a new model with batch norms folded into the layers before them.

    Folded is what stands directly behind a convolution (depthwise and grouped ones too) or a dense
    layer without an activation, read by nothing else; a batch norm before a convolution stays. The
    layers keep their names. The new model says the same in inference, to rounding; to train it on
    is to train without batch norm. It is not compiled. A network of the zoo stays a `CNN` and
    keeps its preprocessing.

    Args:
        model: Functional or sequential; it is left as it is.

    Raises:
        ArgumentError: Not a Keras model.
        ModelError: It has no graph of layers.
    """
    if not isinstance(model, keras.Model):
        raise ArgumentError("model", "be a keras.Model", f"a {type(model).__name__}")
    return _Folding(model).result()


class _Folding:
    """Makes the new layers, each once."""

    def __init__(self, model: keras.Model):
        self._model = model
        self._norm_of = _foldable(model)
        self._folded = {id(norm) for norm in self._norm_of.values()}
        self._made: dict[int, Any] = {}
        self._pairs: list[tuple[Any, Any]] = []

    def result(self) -> keras.Model:
        new = self._graph(self._model)
        for old, layer in self._pairs:
            if id(old) in self._norm_of:
                layer.set_weights(_folded(old, self._norm_of[id(old)]))
            else:
                layer.set_weights(old.get_weights())
        return new

    def _graph(self, old: Any) -> keras.Model:
        graph = functional(old)
        inputs = [
            keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x._keras_history.operation.name)
            for x in graph.inputs
        ]
        outputs = run(old, inputs, self._node)
        return remade(old, inputs, outputs)

    def _node(self, node: Any, inputs: Sequence[Any]) -> Sequence[Any]:
        operation = node.operation
        if id(operation) in self._folded:
            return inputs
        if id(operation) not in self._made:
            self._made[id(operation)] = self._make(operation)
        args, kwargs = arguments(node, inputs)
        return tree.flatten(self._made[id(operation)](*args, **kwargs))

    def _make(self, operation: Any) -> Any:
        if is_nested(operation):
            return self._graph(operation)
        if not isinstance(operation, keras.Layer):
            return operation  # of keras.ops, without weights
        config = operation.get_config()
        if id(operation) in self._norm_of:
            config["use_bias"] = True
        layer = type(operation).from_config(config)
        self._pairs.append((operation, layer))
        return layer


def _foldable(model: keras.Model) -> dict[int, Any]:
    """Return the batch norm to fold into each layer, by the layer's identity."""
    found = {}
    for graph in graphs(model):
        links = Links(graph)
        for node in links.nodes:
            layer, behind = node.operation, links.behind(node)
            if (
                isinstance(layer, WEIGHTED)
                and layer.activation is keras.activations.linear
                and behind is not None
                and links.once(node)
                and links.once(behind)
                and _is_norm_of_channels(behind)
            ):
                found[id(layer)] = behind.operation
    return found


def _is_norm_of_channels(node: Any) -> bool:
    layer, rank = node.operation, len(node.outputs[0].shape)
    return isinstance(layer, keras.layers.BatchNormalization) and layer.axis in (-1, rank - 1)


def _folded(layer: Any, norm: Any) -> list[NDArray[Any]]:
    """Return kernel and bias with the batch norm in them, computed in float64."""
    kernel, *bias = (np.asarray(weight, dtype=np.float64) for weight in layer.get_weights())
    factor = 1 / np.sqrt(norm.moving_variance.numpy().astype(np.float64) + norm.epsilon)
    if norm.scale:
        factor = factor * norm.gamma.numpy()
    offset = ((bias[0] if bias else 0) - norm.moving_mean.numpy()) * factor
    if norm.center:
        offset = offset + norm.beta.numpy()
    # The channels of a depthwise kernel are its last two axes, (channels, multiplier).
    across = factor.reshape(channel_axes(layer, kernel.shape))
    return [kernel * across, offset]


def channel_axes(layer: Any, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape in which a number for each output channel multiplies a kernel."""
    kept = 2 if isinstance(layer, keras.layers.DepthwiseConv2D) else 1
    return (*(1 for _ in shape[:-kept]), *shape[-kept:])
