"""Which pixels the gradient of an output position reaches: receptive fields, measured.

A network's own gradient may vanish by chance (a dead ReLU, a pixel that is no maximum). So the
network is run with its own layers, but untied from its weights: every kernel is an average, biases
are 0, activations and normalisations let everything through, maxima are means, and what comes
through a global pooling is a constant, such as the gate of a squeeze-and-excitation. Then nothing
cancels out, and a pixel counts if and only if its gradient is not 0. Numbers have 64 bits, for at
the border of a deep network's field there may be 1e-60 of the whole.

No rule of `workbench.complexity` is used here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from workbench.cnn.ops import (
    AdaptiveAveragePool2D,
    BatchNorm,
    ChannelShuffle,
    ChannelSplit,
    ResizeLike,
    SqueezeExcite,
)
from workbench.network import backend

Extent = tuple[tuple[int, int], tuple[int, int]]

# Layers that let a position through as it is, as far as the field goes.
TRANSPARENT = (
    layers.Activation,
    layers.BatchNormalization,
    BatchNorm,
    layers.Dropout,
    layers.LayerNormalization,
    layers.LeakyReLU,
    layers.PReLU,
    layers.ReLU,
    layers.Rescaling,
    SqueezeExcite,
)
GLOBAL = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)
# Layers without weights that are linear, or at least pass a gradient to all that they look at.
THEMSELVES = (
    layers.Add,
    layers.Average,
    layers.AveragePooling2D,
    layers.Concatenate,
    layers.Cropping2D,
    layers.Identity,
    layers.Multiply,
    layers.Permute,
    layers.Reshape,
    layers.UpSampling2D,
    layers.ZeroPadding2D,
    AdaptiveAveragePool2D,
    ChannelShuffle,
    ChannelSplit,
    ResizeLike,
)
OPERATIONS = (
    *("Add", "Concatenate", "GetItem", "Multiply", "Pad", "Resize", "Split", "Take"),
    "TrueDivide",
)


def gradient_extent(
    model: keras.Model,
    layer_name: str | None = None,
    *,
    input_shape: tuple[int, int, int] | None = None,
    position: tuple[int, int] | None = None,
) -> Extent:
    """Return first and last row, and first and last column, that a position depends on.

    Args:
        model: Functional or sequential, of images (rows, columns, channels); nested models are
            gone through.
        layer_name: The layer looked at; None takes the output.
        input_shape: Of the image, where the model leaves it open.
        position: Row and column of the layer's output; None takes the middle one.
    """
    output = model.output if layer_name is None else model.get_layer(layer_name).output
    part = keras.Model(model.inputs, output)
    shape = input_shape or part.input_shape[1:]
    image = backend.tensor(np.ones((1, *shape)), "float64")

    def looked_at(inputs: Any) -> Any:
        x = _run(part, inputs[0])
        row, column = position or (x.shape[1] // 2, x.shape[2] // 2)
        return ops.sum(x[:, row, column])

    _, (slopes,) = backend.gradient(looked_at, [image])
    reached = np.abs(ops.convert_to_numpy(slopes)[0]).sum(axis=-1) > 0
    rows, columns = (np.flatnonzero(reached.any(axis=axis)) for axis in (1, 0))
    return (int(rows[0]), int(rows[-1])), (int(columns[0]), int(columns[-1]))


def _run(model: Any, image: Any) -> Any:
    return model._run_through_graph(image, operation_fn=_untied)


def _untied(operation: Any) -> Callable[..., Any]:
    """Return the function that stands in for a layer."""
    if isinstance(operation, keras.Sequential):
        operation = operation._functional
    if isinstance(operation, keras.Model):
        return lambda x, **_: _run(operation, x)
    if isinstance(operation, TRANSPARENT):
        return lambda x, **_: x
    if isinstance(operation, GLOBAL):
        return lambda x, **_: ops.stop_gradient(_copy(operation)(x))
    if isinstance(operation, layers.MaxPooling2D):
        return layers.AveragePooling2D(
            operation.pool_size, operation.strides, operation.padding, dtype="float64"
        )
    if isinstance(operation, THEMSELVES):
        return _copy(operation)
    if hasattr(operation, "kernel") or hasattr(operation, "depthwise_kernel"):
        return lambda x, **_: _averaging(operation)(x)
    if not isinstance(operation, keras.Layer) and type(operation).__name__ in OPERATIONS:
        return operation
    raise NotImplementedError(f"No stand-in for {operation!r}.")


def _copy(layer: Any, **changes: Any) -> Any:
    return type(layer).from_config({**layer.get_config(), "dtype": "float64", **changes})


def _averaging(layer: Any) -> Any:
    """Return the same kind of layer with constant kernels that add up to 1, and nothing else."""
    linear = _copy(layer, use_bias=False, activation=None)
    linear.build(layer._build_shapes_dict["input_shape"])
    for weight in linear.weights:
        offsets = weight.name.startswith("offset")  # deformable windows stay undisplaced
        inputs = np.prod(weight.shape[:-1])
        weight.assign(np.full(weight.shape, 0 if offsets else 1 / inputs))
    return linear
