"""Where the windows of an operation lie on an image: their arguments, checked, and their zeros.

The arithmetic along one axis is that of `workbench.cnn.window.Window`. The padding is TensorFlow's
``"valid"`` or ``"same"``, or Torch's number of pixels on either side, one for both axes or a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from workbench.checks import integer
from workbench.cnn.window import SAME, VALID, Window
from workbench.errors import ArgumentError

Pair: TypeAlias = int | Sequence[int]
Padding: TypeAlias = str | Pair


def pair(argument: str, value: Pair, minimum: int = 1) -> tuple[int, int]:
    """Return ``value``, an integer for both axes or two of them, as (down, to the right)."""
    both = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(both) != 2:
        raise ArgumentError(argument, "be an integer or two of them", value)
    return integer(argument, both[0], minimum), integer(argument, both[1], minimum)


def padding_of(value: Padding) -> str | tuple[int, int]:
    """Return ``"same"``, ``"valid"`` or a pair of pixels, or raise."""
    if not isinstance(value, str):
        return pair("padding", value, minimum=0)
    if value.lower() not in (SAME, VALID):
        raise ArgumentError("padding", "be 'valid', 'same', an integer or two of them", value)
    return value.lower()


def windows(
    size: tuple[int, int],
    strides: tuple[int, int],
    padding: str | tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> tuple[Window, Window]:
    """Return the windows down and to the right; ``padding`` is as `padding_of` returns it."""
    sides = (padding, padding) if isinstance(padding, str) else padding
    down, right = (
        Window((points - 1) * step + 1, stride, side)  # type: ignore[arg-type]
        for points, step, stride, side in zip(size, dilation, strides, sides, strict=True)
    )
    return down, right


def zeros(window: Window, pixels: int | None) -> tuple[int, int]:
    """Return the zeros to put before and behind ``pixels``, for windows that are then "valid".

    Raises:
        ArgumentError: It depends on the number of pixels, and that is unknown.
    """
    if window.padding != SAME:
        return window.zeros(pixels)
    if window.stride == 1:
        missing = window.size - 1
    elif pixels is None:
        raise ArgumentError(
            "input",
            "have known rows and columns for padding='same' with strides",
            "an unknown number",
            "Give them to keras.Input, or a number of pixels for padding.",
        )
    else:
        missing = max((window.outputs(pixels) - 1) * window.stride + window.size - pixels, 0)
    return missing // 2, missing - missing // 2


def output_size(window: Window, pixels: int | None, axis: str) -> int | None:
    """Return the number of windows along an axis, None if that of the pixels is unknown.

    Raises:
        ArgumentError: Not one window fits.
    """
    if pixels is None:
        return None
    count = window.outputs(pixels)
    if count < 1:
        raise ArgumentError(
            f"input {axis}",
            f"be at least {window.size - 2 * window.before} for one window of {window.size} pixels",
            f"{pixels} {axis}",
            "Take a smaller window or dilation, or pad.",
        )
    return count
