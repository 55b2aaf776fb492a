"""Bilinear resizing to the size of another image, also where that is known only at run time.

Source: `torch.nn.functional.interpolate` with ``align_corners=False``, the rule of TensorFlow's
``half_pixel_centers``: pixels are areas, so pixel i of n lies at (i + 1/2) / n of the way. The
layers of Keras take a fixed size (`Resizing`) or a whole factor (`UpSampling2D`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
from keras import ops

from workbench.errors import ArgumentError
from workbench.network.backend import Tensor

Shape: TypeAlias = tuple[int | None, ...]


@keras.saving.register_keras_serializable("workbench")
class ResizeLike(keras.layers.Layer):
    """Bring an image to the rows and columns of another: ``layer([image, other])``.

    Both are (batch, rows, columns, channels); the result has the channels of the first.

    Raises:
        ArgumentError: The input is not two images.
    """

    interpolation = "bilinear"

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Check that two images come in."""
        if len(input_shape) != 2 or any(
            not isinstance(shape, tuple | list) or len(shape) != 4 for shape in input_shape
        ):
            raise ArgumentError(
                "input",
                "be two images (batch, rows, columns, channels)",
                f"shapes {input_shape}",
            )

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the first image in the size of the second."""
        image, other = inputs
        # Sizes known beforehand go into the graph as numbers: exporters need them.
        size = tuple(ops.shape(other)[1:3])
        return ops.image.resize(
            image, size, interpolation=self.interpolation, data_format="channels_last"
        )

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Return the shape of the result."""
        image, other = input_shape
        return (image[0], *other[1:3], image[3])

    def compute_output_spec(self, inputs: Sequence[Any]) -> keras.KerasTensor:
        """Return a symbolic result, the size of which may be unknown."""
        shape = self.compute_output_shape([tuple(each.shape) for each in inputs])
        return keras.KerasTensor(shape, dtype=self.compute_dtype)
