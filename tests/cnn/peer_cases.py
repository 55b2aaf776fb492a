"""Inputs of the operations that torch and torchvision have as well.

The outputs of those are kept in fixtures/, made by benchmarks/peers/operations_fixture.py from
these very arrays. Only NumPy is imported, so that both sides can read this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).parent / "fixtures"


@dataclass(frozen=True)
class Deformable:
    """A deformable convolution of (2, 7, 6, 4) with 6 filters."""

    seed: int
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    offset_groups: int = 1
    mask: bool = False

    @property
    def outputs(self) -> tuple[int, int]:
        down, right = (
            (pixels + 2 * padding - dilation * (size - 1) - 1) // stride + 1
            for pixels, size, stride, padding, dilation in zip(
                (7, 6), self.kernel, self.stride, self.padding, self.dilation, strict=True
            )
        )
        return down, right

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the inputs, channels last, and ``upstream``, by which the gradient begins.

        Offsets are so large that some points leave the image, by more than a pixel too.
        """
        rng = np.random.default_rng(self.seed)
        places = self.offset_groups * self.kernel[0] * self.kernel[1]
        arrays = {
            "x": rng.normal(size=(2, 7, 6, 4)),
            "offsets": rng.normal(scale=2, size=(2, *self.outputs, 2 * places)),
            "kernel": rng.normal(size=(*self.kernel, 4 // self.groups, 6)),
            "bias": rng.normal(size=6),
            "upstream": rng.normal(size=(2, *self.outputs, 6)),
        }
        if self.mask:
            arrays["mask"] = rng.uniform(size=(2, *self.outputs, places))
        return arrays


DEFORMABLE = {
    "v1": Deformable(1),
    "v1 padding 1": Deformable(2, padding=(1, 1)),
    "v1 stride 2": Deformable(3, stride=(2, 2), padding=(1, 1)),
    "v1 dilation 2": Deformable(4, dilation=(2, 2), padding=(1, 1)),
    "v2": Deformable(5, padding=(1, 1), mask=True),
    "v2 groups 2": Deformable(6, groups=2, mask=True),
    "v2 offset groups 2": Deformable(7, stride=(2, 2), padding=(1, 1), offset_groups=2, mask=True),
    "v2 everything": Deformable(
        8, (3, 2), (2, 1), (2, 1), (1, 2), groups=2, offset_groups=4, mask=True
    ),
}


@dataclass(frozen=True)
class Pooling:
    """A max pooling of (2, 7, 9, 3), and the unpooling of its result."""

    seed: int
    size: tuple[int, int] = (2, 2)
    stride: tuple[int, int] = (2, 2)
    padding: tuple[int, int] = (0, 0)

    def images(self) -> np.ndarray:
        """Return images with many equal values, channels last."""
        return np.random.default_rng(self.seed).integers(-6, 7, (2, 7, 9, 3)).astype(float)

    def unpooled_values(self, count: tuple[int, ...]) -> np.ndarray:
        """Return values of shape ``count`` to unpool by the indices."""
        return np.random.default_rng(self.seed + 100).normal(size=count)


POOLING = {
    "2x2": Pooling(1),
    "3x3 by 3, padded": Pooling(2, (3, 3), (3, 3), (1, 1)),
    "3x3 by 2": Pooling(3, (3, 3), (2, 2)),
    "3x3 by 2, padded": Pooling(4, (3, 3), (2, 2), (1, 1)),
    "2x3 by 3x1": Pooling(5, (2, 3), (3, 1), (1, 0)),
}
