"""Where the windows of convolutions and poolings lie: sizes and zero padding along one axis.

TensorFlow knows two paddings, "valid" and "same". Torch pads a number of pixels on either side and
may count windows that hang over the end (``ceil_mode``). Here is the arithmetic that brings the
second to the first: "same" is used wherever it means the same windows, because it is quicker (a
separate padding costs a copy of the image, and explicit padding in TensorFlow's own kernels has a
slower gradient: 16 ms against 14 for a 3x3 depthwise convolution of 32 x 48 x 48 x 96 with its
gradient, and 11 with "same").

Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016
(arXiv:1603.07285), relationships 5 and 6; PyTorch's ``pooling_output_shape`` for ceil_mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from workbench import checks
from workbench.errors import ArgumentError

SAME: Final = "same"
VALID: Final = "valid"


@dataclass(frozen=True)
class Window:
    """A window along one axis.

    Attributes:
        size: Pixels from its first to its last, dilation included.
        stride: Pixels from one window to the next.
        padding: Zeros before the first pixel and, as far as windows reach, behind the last; or
            TensorFlow's "same" or "valid".
        ceil: Count a last window that is only partly inside.
    """

    size: int
    stride: int = 1
    padding: int | Literal["same", "valid"] = 0
    ceil: bool = False

    def __post_init__(self) -> None:
        """Check the settings: a padding misspelt would count as none."""
        checks.integer("size", self.size)
        checks.integer("stride", self.stride)
        if self.padding not in (SAME, VALID):
            if isinstance(self.padding, str):
                raise ArgumentError("padding", "be 'same', 'valid' or an integer", self.padding)
            checks.integer("padding", self.padding, minimum=0)

    @property
    def before(self) -> int:
        """Zeros before the first pixel, for windows that are not "same"."""
        return self.padding if isinstance(self.padding, int) else 0

    def outputs(self, pixels: int) -> int:
        """Return how many windows there are along ``pixels``; less than 1 if none fits."""
        if self.padding == SAME:
            return -(-pixels // self.stride)
        room = pixels + 2 * self.before - self.size
        count = (-(-room // self.stride) if self.ceil else room // self.stride) + 1
        # The last window has to begin inside the image or its padding at the start.
        outside = self.ceil and (count - 1) * self.stride >= pixels + self.before
        return count - 1 if outside else count

    def is_same(self, pixels: int | None) -> bool:
        """Say whether TensorFlow's "same" means these very windows; pixels None are unknown."""
        if self.padding == SAME:
            return True
        if pixels is None:
            return self.stride == 1 and 2 * self.before == self.size - 1
        same = Window(self.size, self.stride, SAME)
        return same.outputs(pixels) == self.outputs(pixels) and same.zeros(pixels)[0] == self.before

    def zeros(self, pixels: int | None) -> tuple[int, int]:
        """Return the zeros to put before and behind ``pixels`` for windows that are "valid".

        Raises:
            ArgumentError: They depend on the number of pixels, and that is unknown.
        """
        if pixels is None:
            return self._zeros_of_any()
        reach = (self.outputs(pixels) - 1) * self.stride + self.size
        before = max(reach - pixels, 0) // 2 if self.padding == SAME else self.before
        return before, max(reach - before - pixels, 0)

    def _zeros_of_any(self) -> tuple[int, int]:
        """Return the zeros that make the same windows of every number of pixels."""
        if self.padding == SAME and self.stride == 1:
            return (self.size - 1) // 2, self.size // 2
        # Behind stride - 1 more zeros as many windows fit inside as hung over, if all begin early
        # enough to count.
        behind = self.before + (self.stride - 1 if self.ceil else 0)
        if self.padding == SAME or (self.ceil and self.before > self.size - self.stride):
            raise ArgumentError(
                "input_shape",
                f"have known rows and columns for windows of {self.size} pixels with the stride "
                f"{self.stride}, padded by {self.padding}",
                "an unknown number",
                "Name rows and columns, such as (224, 224, 3).",
            )
        return self.before, behind


def same_zeros(
    sides: Sequence[int | None],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> tuple[int, int] | None:
    """Return the zeros above and left that "same" means; None where sizes are unknown."""
    if not all(side is not None and side > 0 for side in sides):
        return None
    above, left = (
        Window(dilation * (points - 1) + 1, stride, SAME).zeros(side)[0]
        for side, points, stride, dilation in zip(sides, kernel, strides, dilations, strict=False)
    )
    return above, left
