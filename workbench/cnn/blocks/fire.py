"""SqueezeNet's fire: few channels, then 1x1 and 3x3 convolutions side by side.

Source: F. N. Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and
<0.5MB model size", 2016 (arXiv:1602.07360), section 3.2 and figure 1. The 3x3 convolutions are
dear, so they get few input channels, and half of their outputs come from 1x1 ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.cnn.spec import Block, Tensor

if TYPE_CHECKING:
    from workbench.cnn.builder import Builder


@dataclass(frozen=True)
class Fire(Block):
    """Squeeze and expand, with biases and without batch norm.

    Attributes:
        squeeze: Channels of the 1x1 convolution that comes first.
        expand: Channels of each of the two that see them; twice as many come out, those of the
            1x1 before those of the 3x3.
    """

    squeeze: int
    expand: int

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add the three convolutions and their concatenation."""
        x = at.conv(x, "squeeze", self.squeeze, norm=False)
        points = at.conv(x, "expand1x1", self.expand, norm=False)
        windows = at.conv(x, "expand3x3", self.expand, 3, norm=False)
        return at.concat([points, windows])
