"""Residual blocks: basic, bottleneck, and aggregated (ResNeXt), with or without SE.

Sources: K. He et al., "Deep Residual Learning for Image Recognition", 2016 (arXiv:1512.03385);
S. Xie et al., "Aggregated Residual Transformations", 2017 (arXiv:1611.05431); the stride in the
3x3 as in torchvision ("ResNet v1.5"), not in the first 1x1 as in the paper, unless
``stride_first``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.cnn.blocks.squeeze import Squeeze, weighing
from workbench.cnn.spec import Block, Tensor

if TYPE_CHECKING:
    from workbench.cnn.builder import Builder


class Residual(Block):
    """A branch, a shortcut, their sum and a ReLU; SE in any of its positions.

    A subclass has the fields ``channels`` (that it puts out), ``stride`` and ``se``, and says what
    its branch is.
    """

    channels: int
    se: Squeeze | None = None

    def branch(self, x: Tensor, at: Builder) -> Tensor:
        """Add the branch, the last convolution without activation."""
        raise NotImplementedError

    def shortcut(self, x: Tensor, at: Builder) -> Tensor:
        """Hand x on, through a 1x1 convolution where the shapes differ."""
        if self.stride == 1 and x.shape[-1] == self.channels:
            return x
        return at.conv(x, "downsample", self.channels, stride=self.stride, activation=None)

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add branch, shortcut and sum."""
        weighed = weighing(self.se, at)
        branch = weighed("standard", self.branch(weighed("pre", x), at))
        shortcut = weighed("identity", self.shortcut(x, at))
        return weighed("post", at.activate(at.add([branch, shortcut])))


@dataclass(frozen=True)
class Basic(Residual):
    """Two 3x3 convolutions."""

    channels: int
    stride: int = 1
    se: Squeeze | None = None

    def branch(self, x: Tensor, at: Builder) -> Tensor:
        """Add both convolutions, the first with the stride."""
        x = at.conv(x, "conv1", self.channels, 3, stride=self.stride)
        return at.conv(x, "conv2", self.channels, 3, activation=None)


@dataclass(frozen=True)
class Bottleneck(Residual):
    """1x1 to fewer channels, 3x3 among them, 1x1 back; in groups it is ResNeXt's.

    Attributes:
        channels: That it puts out.
        middle: Channels of the 3x3 convolution.
        groups: Into which the 3x3 convolution falls.
        stride_first: The stride is in the first 1x1 convolution, as in the paper.
    """

    channels: int
    middle: int
    stride: int = 1
    groups: int = 1
    se: Squeeze | None = None
    stride_first: bool = False

    def branch(self, x: Tensor, at: Builder) -> Tensor:
        """Add the three convolutions."""
        first, second = (self.stride, 1) if self.stride_first else (1, self.stride)
        x = at.conv(x, "conv1", self.middle, stride=first)
        x = at.conv(x, "conv2", self.middle, 3, stride=second, groups=self.groups)
        return at.conv(x, "conv3", self.channels, activation=None)
