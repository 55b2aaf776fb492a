"""Max pooling that remembers where the maxima were, and unpooling that puts them back there.

Sources: M. D. Zeiler and R. Fergus, "Visualizing and Understanding Convolutional Networks", 2014,
arXiv:1311.2901 (switches); V. Badrinarayanan, A. Kendall and R. Cipolla, "SegNet", 2017,
arXiv:1511.00561 (decoders that unpool by the encoder's indices).

Indices are Torch's (``return_indices``): row * width + column of the maximum in its channel of its
image, padding not counted, the first of equal maxima row by row. TensorFlow's
``max_pool_with_argmax`` counts channels as well, and fails under XLA.

The maxima come from TensorFlow's pooling, whose gradient goes to the first of equals too. The
index is then the first point of the window that equals its maximum. Forward and backward take about
twice as long as a pooling without indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from workbench.cnn.ops.placement import Padding, Pair, output_size, padding_of, pair, windows, zeros
from workbench.cnn.window import SAME, Window
from workbench.errors import ArgumentError
from workbench.network.backend import Tensor

Shape = tuple[int | None, ...]
IntArray = NDArray[np.int32]


class _Pooling(keras.layers.Layer):
    """What both layers know: the windows."""

    def __init__(
        self,
        pool_size: Pair = 2,
        strides: Pair | None = None,
        padding: Padding = "valid",
        **options: Any,
    ):
        super().__init__(**options)
        self.pool_size = pair("pool_size", pool_size)
        self.strides = self.pool_size if strides is None else pair("strides", strides)
        self.padding = padding_of(padding)
        if not isinstance(self.padding, str):
            for pixels, size in zip(self.padding, self.pool_size, strict=True):
                if 2 * pixels > size:
                    raise ArgumentError(
                        "padding",
                        f"be at most half of pool_size={self.pool_size}, so that no window lies "
                        "outside",
                        padding,
                    )

    def _windows(self) -> tuple[Window, Window]:
        return windows(self.pool_size, self.strides, self.padding)

    def _outputs(self, rows: int | None, columns: int | None) -> tuple[int | None, int | None]:
        down, right = self._windows()
        return output_size(down, rows, "rows"), output_size(right, columns, "columns")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, as Keras saves them."""
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
        }


@keras.saving.register_keras_serializable("workbench")
class MaxPoolingWithIndices2D(_Pooling):
    """Pool images (batch, height, width, channels), and return [maxima, indices].

    Both have shape (batch, new height, new width, channels); indices are int32 and as the head of
    this file says. Padding never wins. Where a window has no maximum, having NaN or nothing but
    minus infinity, the maximum is what TensorFlow makes of it, and the index one of its pixels.

    Args:
        pool_size: Height and width of the window, or one integer.
        strides: Steps of the window, or one integer; None is ``pool_size``.
        padding: ``"valid"``, ``"same"``, or pixels on either side: one integer or two.
        **options: Those of `keras.layers.Layer`.

    Raises:
        ArgumentError: An argument is not of its kind; the image is smaller than the window, or its
            height or width is unknown.
    """

    def build(self, input_shape: Shape) -> None:
        """Check the size of the images."""
        if None in input_shape[1:]:
            raise ArgumentError(
                "input",
                "have known rows, columns and channels, on which the indices depend",
                f"shape {input_shape}",
                "Give them to keras.Input.",
            )
        self.compute_output_shape(input_shape)

    def call(self, inputs: Tensor) -> list[Tensor]:
        """Return maxima and indices."""
        rows, columns = inputs.shape[1:3]
        down, right = self._windows()
        edges = (zeros(down, rows), zeros(right, columns))
        padded = inputs
        if any(map(any, edges)):
            padded = ops.pad(inputs, ((0, 0), *edges, (0, 0)), constant_values=-np.inf)
        maxima = ops.max_pool(padded, self.pool_size, self.strides, "valid")
        # Rows and columns of the windows' corners, negative in the padding.
        corners = [
            np.arange(count, dtype="int32") * stride - before
            for count, stride, (before, _) in zip(
                maxima.shape[1:3], self.strides, edges, strict=True
            )
        ]
        index = self._first_equal(padded, maxima, corners, (rows, columns))
        return [maxima, index + (corners[0][:, None] * columns + corners[1])[..., None]]

    def _first_equal(
        self, padded: Tensor, maxima: Tensor, corners: Sequence[IntArray], size: tuple[int, int]
    ) -> Tensor:
        """Return row * width + column from the window's corner to its first maximum."""
        phases = _phases(padded, self.strides)
        # What remains if no other is equal: the last point inside, one comparison less.
        last = [
            np.minimum(points - 1, pixels - 1 - corner)
            for points, pixels, corner in zip(self.pool_size, size, corners, strict=True)
        ]
        index = ops.broadcast_to(
            (last[0][:, None] * size[1] + last[1])[..., None].astype("int32"), ops.shape(maxima)
        )
        taps = list(np.ndindex(*self.pool_size))
        for tap in reversed(taps[:-1]):
            equal = _tap(phases, tap, self.strides, maxima.shape[1:3]) == maxima
            inside = np.logical_and.outer(
                *(
                    (corner + k >= 0) & (corner + k < pixels)
                    for corner, k, pixels in zip(corners, tap, size, strict=True)
                )
            )
            if not inside.all():  # padding is minus infinity, and so may an image be
                equal = ops.logical_and(equal, inside[..., None])
            index = ops.where(equal, np.int32(tap[0] * size[1] + tap[1]), index)
        return index

    def compute_output_shape(self, input_shape: Shape) -> list[Shape]:
        """Return the shapes of maxima and indices, which are equal."""
        batch, rows, columns, channels = input_shape
        shape = (batch, *self._outputs(rows, columns), channels)
        return [shape, shape]

    def compute_output_spec(self, inputs: Tensor) -> list[keras.KerasTensor]:
        """Return shapes and types."""
        maxima, indices = self.compute_output_shape(inputs.shape)
        return [
            keras.KerasTensor(maxima, self.compute_dtype),
            keras.KerasTensor(indices, "int32"),
        ]


def _phases(images: Tensor, strides: tuple[int, int]) -> Tensor:
    """Return images as (batch, rows / s, s, columns / t, t, channels), padded where necessary.

    A slice with a step takes TensorFlow 7 ms for 16 x 28 x 28 x 64 numbers; a plain one of this
    array takes 0.7.
    """
    batch, rows, columns, channels = ops.shape(images)
    down, right = (-(-size // s) for size, s in zip((rows, columns), strides, strict=True))
    missing = ((0, down * strides[0] - rows), (0, right * strides[1] - columns))
    if any(after for _, after in missing):
        images = ops.pad(images, ((0, 0), *missing, (0, 0)))
    return ops.reshape(images, (batch, down, strides[0], right, strides[1], channels))


def _tap(
    phases: Tensor, tap: tuple[int, int], strides: tuple[int, int], count: tuple[int, int]
) -> Tensor:
    """Return that point of every window: images[:, i::s, j::t] from `_phases`."""
    (top, i), (left, j) = (divmod(k, s) for k, s in zip(tap, strides, strict=True))
    return phases[:, top : top + count[0], i, left : left + count[1], j]


@keras.saving.register_keras_serializable("workbench")
class MaxUnpooling2D(_Pooling):
    """Put values at the places that `MaxPoolingWithIndices2D` gave, and zeros everywhere else.

    Input is ``[values, indices]`` or ``[values, indices, like]``, values and indices of shape
    (batch, height, width, channels). Height and width of the result are ``output_size``, or else
    those of ``like``, or else those of the smallest image with so many windows (Torch's rule),
    ``height * stride`` for ``"same"``.

    Where windows overlap, several values may have one place. It gets their mean: that is what was
    pooled if the values were not changed since, whereas Torch leaves it open which of them wins.
    Only with strides smaller than ``pool_size`` is it looked for.

    Args:
        pool_size: As of the pooling.
        strides: As of the pooling.
        padding: As of the pooling.
        output_size: Height and width of the result.
        **options: Those of `keras.layers.Layer`.

    Raises:
        ArgumentError: An argument is not of its kind; shapes do not fit together; or the size of
            the result is unknown. Indices outside of it are an error of TensorFlow's on a CPU.
    """

    def __init__(
        self,
        pool_size: Pair = 2,
        strides: Pair | None = None,
        padding: Padding = "valid",
        output_size: Pair | None = None,
        **options: Any,
    ):
        super().__init__(pool_size, strides, padding, **options)
        self.output_size = None if output_size is None else pair("output_size", output_size)

    def _size(self, shapes: Sequence[Shape]) -> Any:
        """Return height and width of the result."""
        if len(shapes) not in (2, 3):
            raise ArgumentError(
                "inputs", "be [values, indices] or [values, indices, like]", f"{len(shapes)} arrays"
            )
        values, indices, *like = shapes
        if values[1:] != indices[1:]:
            raise ArgumentError(
                "indices", "have the shape of values", f"shapes {indices} and {values}"
            )
        size = self.output_size or (like[0][1:3] if like else self._smallest(values))
        if None in (*size, *values[1:]):
            raise ArgumentError(
                "inputs",
                "have known rows, columns and channels",
                f"shapes {', '.join(map(str, shapes))}",
                "Give them to keras.Input.",
            )
        if self._outputs(*size) != tuple(values[1:3]):
            raise ArgumentError(
                "output_size",
                f"have {values[1]} x {values[2]} windows, as many as there are values",
                f"{size[0]} x {size[1]} pixels, which have "
                f"{' x '.join(map(str, self._outputs(*size)))}",
                "Take the size, pool_size, strides and padding of the pooling.",
            )
        return size

    def _smallest(self, values: Shape) -> tuple[int | None, ...]:
        return tuple(
            None
            if count is None
            else count * window.stride
            if window.padding == SAME
            else (count - 1) * window.stride + window.size - 2 * window.before
            for window, count in zip(self._windows(), values[1:3], strict=True)
        )

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Check the sizes."""
        self._size(input_shape)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the images."""
        values, indices = inputs[:2]
        rows, columns = self._size([each.shape for each in inputs])
        batch, channels = ops.shape(values)[0], values.shape[-1]
        image = ops.reshape(ops.arange(batch, dtype="int32"), (-1, 1, 1, 1)) * (rows * columns)
        place = (ops.cast(indices, "int32") + image) * channels
        place = ops.reshape(place + ops.arange(channels, dtype="int32"), (-1,))
        # Sums by segment: `ops.scatter` takes five times as long.
        total = batch * (rows * columns * channels)
        flat = ops.reshape(values, (-1,))
        if self.strides[0] < self.pool_size[0] or self.strides[1] < self.pool_size[1]:
            count = ops.segment_sum(ops.ones_like(flat), place, total)
            flat = flat / ops.take(count, place)
        return ops.reshape(ops.segment_sum(flat, place, total), (batch, rows, columns, channels))

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Return (batch, rows, columns, channels)."""
        values = input_shape[0]
        return (values[0], *self._size(input_shape), values[-1])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, as Keras saves them."""
        return {**super().get_config(), "output_size": self.output_size}
