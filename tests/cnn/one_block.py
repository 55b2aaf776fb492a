"""One block as a model, and its pieces written out in NumPy, for tests of blocks."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from workbench.cnn.builder import Builder, Network
from workbench.cnn.spec import Block, Conventions


def one_block(block: Block, shape: tuple[int | None, ...], **conventions: Any) -> keras.Model:
    """Return the block alone, its layers named after the place "unit" and all weights random."""
    image = keras.Input(shape, name="image")
    rng = np.random.default_rng(0)
    network = Network(Conventions(**conventions), rng, image, None, None, None)
    model = keras.Model(image, Builder(network).run(image, (("unit", block),)))
    for variable in model.weights:
        if variable.path.endswith("moving_variance"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        else:
            variable.assign(rng.normal(0, 0.5, variable.shape))
    return model


def trainable(model: keras.Model) -> int:
    """Count the trainable parameters."""
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


def has_layer(model: keras.Model, name: str) -> bool:
    return any(layer.name == name for layer in model.layers)


def convolved(
    x: np.ndarray, model: keras.Model, name: str, *, stride: int = 1, groups: int = 1
) -> np.ndarray:
    """Convolve in float64 by the kernel and bias of a layer, (k - 1) / 2 zeros on either side."""
    layer = model.get_layer(name)
    kernel, *bias = (np.asarray(weight, dtype=float) for weight in layer.get_weights())
    rows, columns, run, filters = kernel.shape
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        kernel, run, filters = kernel.reshape(rows, columns, 1, -1), 1, kernel[0, 0].size
        groups = filters
    border = (rows - 1) // 2
    x = np.pad(x, ((0, 0), (border, border), (border, border), (0, 0)))
    high, wide = ((side - rows) // stride + 1 for side in x.shape[1:3])
    y = np.zeros((len(x), high, wide, filters))
    for i, j, filter_ in np.ndindex(high, wide, filters):
        first = filter_ * groups // filters * run
        window = x[:, i * stride : i * stride + rows, j * stride : j * stride + columns]
        y[:, i, j, filter_] = np.tensordot(
            window[..., first : first + run], kernel[..., filter_], 3
        )
    return y + sum(bias)


def normalised(x: np.ndarray, model: keras.Model, name: str) -> np.ndarray:
    """Normalise by the moving statistics of a layer."""
    gamma, beta, mean, variance = map(np.asarray, model.get_layer(name).get_weights())
    return (x - mean) / np.sqrt(variance + model.get_layer(name).epsilon) * gamma + beta


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)
