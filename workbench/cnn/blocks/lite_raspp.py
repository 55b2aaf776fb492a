"""Lite R-ASPP: the head of MobileNet V3 that gives every pixel a class.

Source: A. Howard et al., "Searching for MobileNetV3", 2019 (arXiv:1905.02244), section 6.4 and
figure 10; followed is torchvision's ``LRASPPHead``, which pools over the whole image where the
paper pools over 49 x 49 pixels. The last feature map, weighed by what the whole image shows, is
enlarged to an earlier one; both name classes, the sum of which is enlarged to the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.cnn.spec import Block, Conventions, Tensor

if TYPE_CHECKING:
    from workbench.cnn.builder import Builder

TORCH = Conventions()


@dataclass(frozen=True)
class LiteRASPP(Block):
    """Classes of pixels (batch, rows, columns, classes), as many as the image has.

    Attributes:
        low: Full name of the block whose feature map has the details.
        middle: Channels of the last feature map before it names classes.
        conventions: Of its one batch norm: torch's defaults, whatever the body has.
    """

    low: str
    middle: int = 128
    conventions: Conventions = TORCH

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add the head behind the last feature map."""
        at, low = at.under(self.conventions), at.tap(self.low)
        gate = at.conv(
            at.global_pool(x, "pool", keepdims=True),
            "scale",
            self.middle,
            bias=False,
            norm=False,
            activation="sigmoid",
        )
        x = at.multiply([at.conv(x, "cbr", self.middle), gate])
        x = at.resize_like(x, low, "resize")
        scores = [
            at.conv(seen, f"{name}_classifier", at.classes, norm=False, activation=None)
            for name, seen in (("low", low), ("high", x))
        ]
        return at.finish(at.resize_like(at.add(scores), at.image, "out"), "out")
