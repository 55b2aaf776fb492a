"""Convolution at displaced points, sampled between the pixels.

Source: X. Zhu et al., "Deformable ConvNets v2: More Deformable, Better Results", 2019,
arXiv:1811.11168, equation 1; without a mask it is equation 2 of J. Dai et al., "Deformable
Convolutional Networks", 2017, arXiv:1703.06211. Order and meaning of the offsets are those of
``torchvision.ops.deform_conv2d``: (down, right) a point, points row by row, offset groups
outermost. Interpolation is bilinear, and everything outside of the image is zero: from the
outermost pixel to its zero neighbour the value falls off linearly.

How it is done. With channels last, a pixel's channels lie side by side in memory: four gathers of
such rows and their weighted sum are the samples, and a matrix product with the kernel is the
convolution. Two rows of zeros around the image stand for everything outside. The gradient gathers
again rather than keep four copies of the samples, which is quicker as well: forward and backward
of 4 x 32 x 32 x 64 by 3 x 3 take 25 ms on 2 cores, against 34 with copies and 40 with one gather
of all four corners from an image that has its neighbours as channels. The ordinary convolution
takes 5, and `keras.ops.image.map_coordinates` a channel at a time 430.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from workbench.cnn.ops.placement import Padding, Pair, output_size, padding_of, pair, windows, zeros
from workbench.cnn.window import Window
from workbench.errors import ArgumentError
from workbench.network.backend import Tensor

_MARGIN = 2  # rows of zeros: below -1 both neighbours of a point are outside


def deformable_conv2d(
    x: Tensor,
    offsets: Tensor,
    kernel: Tensor,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    strides: Pair = 1,
    padding: Padding = "valid",
    dilation: Pair = 1,
) -> Tensor:
    """Convolve at displaced points; differentiable in every array.

    The number of groups is the channels of ``x`` over the input channels of ``kernel``, and the
    number of offset groups follows from the last axis of ``offsets``, as in torchvision. Where a
    point lies exactly on a pixel, the slope to its lower right counts, as there.

    Args:
        x: Images (batch, height, width, channels), as tensors: for symbolic ones there is
            `DeformableConv2D`.
        offsets: Displacements in pixels (batch, new height, new width, offset groups * points *
            2), down and right.
        kernel: (height, width, channels / groups, filters).
        mask: Factors (batch, new height, new width, offset groups * points); None is 1.
        bias: (filters,), or None.
        strides: Steps of the window, or one integer.
        padding: ``"valid"``, ``"same"`` as TensorFlow's, or pixels on either side.
        dilation: Distances between the points of the undisplaced window, or one integer.

    Returns:
        (batch, new height, new width, filters).

    Raises:
        ArgumentError: Shapes do not fit together.
    """
    size = (kernel.shape[0], kernel.shape[1])
    steps, spread = pair("strides", strides), pair("dilation", dilation)
    groups = _check_shapes(x, offsets, kernel, mask)
    before = _check_places(x, offsets, windows(size, steps, padding_of(padding), spread))
    down, right = _positions(offsets, size, steps, before, spread, groups)
    table, pixel, below, beside = _neighbours(x, down, right)
    factor = ops.ones_like(below)
    if mask is not None:
        factor = ops.cast(_by_point(mask, size[0] * size[1], groups, 1)[..., 0], x.dtype)
    # Row by row of the kernel: arrays of all points are so large that each comes as fresh memory.
    parts = [ops.split(each, size[0], axis=3) for each in (pixel, below, beside, factor)]
    wide = (x.shape[2] or ops.shape(x)[2]) + 2 * _MARGIN
    y = 0 if bias is None else bias
    for row, *part in zip(ops.split(kernel, size[0], axis=0), *parts, strict=True):
        y = y + _project(_interpolate(table, wide * groups, *part), row[0])
    return y


def _check_shapes(x: Tensor, offsets: Tensor, kernel: Tensor, mask: Tensor | None) -> int:
    """Return the number of offset groups, or raise if channels do not fit."""
    points, channels = kernel.shape[0] * kernel.shape[1], x.shape[-1]
    groups, rest = divmod(offsets.shape[-1], 2 * points)
    if rest or not groups or channels % groups:
        raise ArgumentError(
            "offsets",
            f"have 2 channels a point of the kernel ({2 * points}) and offset group, and the "
            f"{channels} channels of x divide into the offset groups",
            f"shape {tuple(offsets.shape)}",
        )
    if mask is not None and mask.shape[-1] != groups * points:
        raise ArgumentError(
            "mask", f"have {groups * points} channels, half of offsets", f"shape {mask.shape}"
        )
    parts = channels // kernel.shape[2]
    if channels % kernel.shape[2] or kernel.shape[3] % max(parts, 1):
        raise ArgumentError(
            "kernel",
            f"have a divisor of the {channels} channels of x as its third size, and a multiple "
            "of the groups so many as its fourth",
            f"shape {tuple(kernel.shape)}",
        )
    return groups


def _check_places(x: Tensor, offsets: Tensor, both: tuple[Window, Window]) -> list[int]:
    """Return the zeros before the first row and column, or raise if offsets are not a window's."""
    for window, axis, name in zip(both, (1, 2), ("rows", "columns"), strict=True):
        count = output_size(window, x.shape[axis], name)
        if None not in (count, offsets.shape[axis]) and count != offsets.shape[axis]:
            raise ArgumentError(
                "offsets",
                f"have {count} {name}, one a window",
                f"shape {tuple(offsets.shape)} for x of shape {tuple(x.shape)}",
            )
    return [zeros(window, pixels)[0] for window, pixels in zip(both, x.shape[1:3], strict=True)]


def _by_point(values: Tensor, points: int, groups: int, size: int) -> Tensor:
    """Turn (..., groups * points * size) into (..., points, groups, size)."""
    batch, rows, columns, _ = ops.shape(values)
    table = ops.reshape(values, (batch, rows, columns, groups, points, size))
    return ops.transpose(table, (0, 1, 2, 4, 3, 5))


def _positions(
    offsets: Tensor,
    size: tuple[int, int],
    strides: tuple[int, int],
    before: list[int],
    dilation: tuple[int, int],
    groups: int,
) -> tuple[Tensor, Tensor]:
    """Return where the points lie, in rows and columns: twice (batch, h, w, points, groups)."""
    # 16 bits know no fraction of a pixel beyond the 1024th (bfloat16: the 128th).
    dtype = "float64" if keras.backend.standardize_dtype(offsets.dtype) == "float64" else "float32"
    moved = _by_point(ops.cast(offsets, dtype), size[0] * size[1], groups, 2)
    taps = np.indices(size).reshape(2, -1)
    found = []
    for axis, shape in ((0, (-1, 1, 1, 1)), (1, (1, -1, 1, 1))):
        count = ops.shape(offsets)[axis + 1]
        first = ops.arange(count, dtype="int32") * strides[axis] - before[axis]
        points = (taps[axis] * dilation[axis]).astype("int32")[:, None]
        found.append(moved[..., axis] + ops.cast(ops.reshape(first, shape) + points, dtype))
    return found[0], found[1]


def _neighbours(x: Tensor, down: Tensor, right: Tensor) -> tuple[Tensor, ...]:
    """Return what to interpolate between.

    Args:
        x: Images.
        down: Rows of the points (batch, h, w, points, groups).
        right: Their columns.

    Returns:
        Pixels of the framed images, a row for each group (pixels * groups, channels / groups);
        the row number of the pixel to the upper left of each point; and fractions of a pixel
        that the point lies below and beside it.
    """
    batch, rows, columns, channels = ops.shape(x)
    groups = down.shape[-1]
    edge = (_MARGIN, _MARGIN)
    table = ops.reshape(ops.pad(x, ((0, 0), edge, edge, (0, 0))), (-1, channels // groups))
    top, below = _neighbour(down, rows)
    left, beside = _neighbour(right, columns)
    image = ops.reshape(ops.arange(batch, dtype="int32"), (-1, 1, 1, 1, 1))
    framed = (image * (rows + 2 * _MARGIN) + top) * (columns + 2 * _MARGIN) + left
    pixel = framed * groups + ops.arange(groups, dtype="int32")
    return table, pixel, ops.cast(below, x.dtype), ops.cast(beside, x.dtype)


def _neighbour(position: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the padded index of the pixel before a position, and the fraction beyond it."""
    floor = ops.floor(position)
    # Clipped as an integer, so that the index is legal even where the position is NaN.
    index = ops.clip(ops.cast(floor, "int32"), -_MARGIN, pixels) + _MARGIN
    return index, position - ops.stop_gradient(floor)


def _interpolate(
    table: Tensor, down: Tensor, pixel: Tensor, below: Tensor, beside: Tensor, factor: Tensor
) -> Tensor:
    """Return weighted sums of four rows of ``table`` each, with a gradient that is lean.

    Args:
        table: Pixels (pixels * groups, channels / groups).
        down: Rows of the table from a pixel to the one below it.
        pixel: Row of the upper left pixel (batch, h, w, points, groups).
        below: Fraction on the way down, of that shape.
        beside: Fraction on the way right.
        factor: Times the value.

    Returns:
        (batch, h, w, points, groups, channels / groups).
    """
    right = pixel.shape[-1]
    corners = [pixel, pixel + right, pixel + down, pixel + (down + right)]

    @ops.custom_gradient
    def weighted(table: Tensor, below: Tensor, beside: Tensor, factor: Tensor) -> Any:
        above, aside = 1 - below, 1 - beside
        weights = [above * aside, above * beside, below * aside, below * beside]

        def gradient(upstream: Tensor) -> tuple[Tensor, ...]:
            width = table.shape[-1]
            spread, dots = 0, []
            for corner, weight in zip(corners, weights, strict=True):
                dots.append(ops.sum(ops.take(table, corner, axis=0) * upstream, axis=-1))
                part = ops.reshape((weight * factor)[..., None] * upstream, (-1, width))
                number = ops.shape(table)[0]
                spread = spread + ops.segment_sum(part, ops.reshape(corner, (-1,)), number)
            a, b, c, d = dots
            by_below = factor * (aside * (c - a) + beside * (d - b))
            by_beside = factor * (above * (b - a) + below * (d - c))
            by_factor = sum(weight * dot for weight, dot in zip(weights, dots, strict=True))
            return spread, by_below, by_beside, by_factor

        total = 0
        for corner, weight in zip(corners, weights, strict=True):
            total = total + (weight * factor)[..., None] * ops.take(table, corner, axis=0)
        return total, gradient

    return weighted(table, below, beside, factor)


def _project(samples: Tensor, kernel: Tensor) -> Tensor:
    """Multiply samples (batch, h, w, points, ...) with a row of the kernel."""
    points, inputs, filters = kernel.shape
    shape = ops.shape(samples)
    groups = samples.shape[-2] * samples.shape[-1] // inputs
    if groups == 1:
        flat = ops.matmul(
            ops.reshape(samples, (-1, points * inputs)), ops.reshape(kernel, (-1, filters))
        )
    else:
        flat = ops.einsum(
            "mkgc,kcgf->mgf",
            ops.reshape(samples, (-1, points, groups, inputs)),
            ops.reshape(kernel, (points, inputs, groups, filters // groups)),
        )
    return ops.reshape(flat, (*shape[:3], filters))
