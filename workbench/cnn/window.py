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

from dataclasses import dataclass
from typing import Literal

SAME, VALID = "same", "valid"


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
        count = -(-pixels // self.stride)
        total = max((count - 1) * self.stride + self.size - pixels, 0)
        return count == self.outputs(pixels) and total // 2 == self.before

    def zeros(self, pixels: int | None) -> tuple[int, int]:
        """Return the zeros to put before and behind ``pixels`` for windows that are "valid"."""
        if pixels is None:
            return self.before, self.before
        last = (self.outputs(pixels) - 1) * self.stride + self.size - self.before
        return self.before, max(last - pixels, 0)
