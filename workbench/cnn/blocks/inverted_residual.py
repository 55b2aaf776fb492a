"""Inverted residual: wide inside and narrow outside, with a linear bottleneck.

Sources: M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018
(arXiv:1801.04381), table 1 and figure 3; A. Howard et al., "Searching for MobileNetV3", 2019
(arXiv:1905.02244), figure 4, which adds squeeze-and-excitation on the wide part and hard-swish.
The shortcut joins the narrow ends, and no activation follows the sum: one on so few channels would
lose what they carry. Order of the layers as in torchvision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.cnn.spec import USUAL, Activation, Block, Tensor

if TYPE_CHECKING:
    from workbench.cnn.builder import Builder


@dataclass(frozen=True)
class InvertedResidual(Block):
    """1x1 to more channels, a depthwise convolution among them, 1x1 to fewer.

    Attributes:
        channels: That it puts out.
        expanded: Channels inside; the first convolution is left out if as many come in.
        kernel: Rows and columns of the depthwise kernels.
        dilation: Of the depthwise convolution.
        squeeze: Channels in the middle of squeeze-and-excitation; None for a block without.
        activation: Behind the first two convolutions.
    """

    channels: int
    expanded: int
    kernel: int = 3
    stride: int = 1
    dilation: int = 1
    squeeze: int | None = None
    activation: Activation = USUAL

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add the branch, and the shortcut where the shapes agree."""
        branch = x
        if x.shape[-1] != self.expanded:
            branch = at.conv(branch, "expand", self.expanded, activation=self.activation)
        branch = at.conv(
            branch,
            "depthwise",
            self.expanded,
            self.kernel,
            stride=self.stride,
            dilation=self.dilation,
            groups=self.expanded,
            activation=self.activation,
        )
        if self.squeeze is not None:
            branch = at.squeeze_excite(branch, "se", self.squeeze, gate="hard_sigmoid")
        branch = at.conv(branch, "project", self.channels, activation=None)
        if self.stride == 1 and x.shape[-1] == self.channels:
            return at.add([x, branch])
        return branch
