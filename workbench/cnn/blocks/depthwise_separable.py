"""Depthwise separable convolution: one kernel a channel, then 1x1 across the channels.

Sources: A. Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
Applications", 2017 (arXiv:1704.04861), section 3.1 and figure 3, with batch norm and activation
behind both convolutions. It costs 1 / filters + 1 / kernel^2 of a full convolution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.cnn.spec import USUAL, Activation, Block, Tensor

if TYPE_CHECKING:
    from workbench.cnn.builder import Builder


@dataclass(frozen=True)
class DepthwiseSeparable(Block):
    """A depthwise convolution, which has the stride, and a pointwise one.

    Attributes:
        channels: That it puts out.
        kernel: Rows and columns of the depthwise kernels.
        activation: Behind both; None leaves both linear.
    """

    channels: int
    kernel: int = 3
    stride: int = 1
    activation: Activation = USUAL

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add both convolutions."""
        inputs = x.shape[-1]
        x = at.conv(
            x,
            "depthwise",
            inputs,
            self.kernel,
            stride=self.stride,
            groups=inputs,
            activation=self.activation,
        )
        return at.conv(x, "pointwise", self.channels, activation=self.activation)
