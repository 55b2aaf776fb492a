"""The axes of weights: from torch's order to that of Keras.

Torch keeps kernels as (filters, channels, rows, columns) and matrices as (outputs, inputs); Keras
as (rows, columns, channels, filters) and (inputs, outputs). Two more things differ: a depthwise
convolution's channels are torch's filters, and behind a flattened image the inputs of a matrix are
ordered by channels, rows, columns in torch, and by rows, columns, channels in Keras.
"""

from __future__ import annotations

from math import prod
from typing import Any

import keras
from numpy.typing import NDArray


def turned(
    array: NDArray[Any], layer: keras.layers.Layer, shape: tuple[int, ...], *, keras_order: bool
) -> NDArray[Any]:
    """Return a weight with its axes in the order of Keras.

    Args:
        array: The weight of another implementation.
        layer: Of ours, that it is for.
        shape: That it has there. Where it cannot come out, the caller sees another one.
        keras_order: The axes have Keras's order already.
    """
    if array.ndim == 4 and not keras_order:
        array = array.transpose(2, 3, 1, 0)
    if array.ndim == 4 and len(shape) == 2:
        return _matrix(array, layer)
    if keras_order:
        return array
    if array.ndim == 4 and isinstance(layer, keras.layers.DepthwiseConv2D):
        fits = array.shape[2:] == (1, prod(shape[2:]))
        return array.reshape(*array.shape[:2], *shape[2:]) if fits else array
    if array.ndim == 2 and len(shape) == 2:
        return _by_pixels(array, layer).T
    return array


def _matrix(kernel: NDArray[Any], layer: keras.layers.Layer) -> NDArray[Any]:
    """Return a convolution that sees its whole image at once as the matrix of a dense layer."""
    one_pixel = kernel.shape[:2] == (1, 1)
    if one_pixel or kernel.shape[:3] == _flattened_image(layer):
        return kernel.reshape(-1, kernel.shape[3])
    return kernel


def _by_pixels(matrix: NDArray[Any], layer: keras.layers.Layer) -> NDArray[Any]:
    """Return torch's matrix (outputs, inputs) with the inputs of an image in Keras's order."""
    image = _flattened_image(layer)
    if image is None or prod(image) != matrix.shape[1]:
        return matrix
    rows, columns, channels = image
    by_channels = matrix.reshape(-1, channels, rows, columns)
    return by_channels.transpose(0, 2, 3, 1).reshape(len(matrix), -1)


def _flattened_image(layer: keras.layers.Layer) -> tuple[int, ...] | None:
    """Return the shape of the image whose rows a dense layer sees, None if it sees no image."""
    while isinstance(layer, keras.layers.Dense | keras.layers.Dropout):
        layer = layer.input._keras_history.operation
        if isinstance(layer, keras.layers.Flatten):
            return tuple(layer.input.shape[1:])
        if isinstance(layer, keras.layers.Dense):
            return None
    return None
