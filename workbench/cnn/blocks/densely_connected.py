"""DenseNet's layers: each one sees the outputs of all before it, and puts out a few channels more.

Source: G. Huang, Z. Liu, L. van der Maaten, K. Q. Weinberger, "Densely Connected Convolutional
Networks", 2017 (arXiv:1608.06993), section 3: composite function, bottleneck layers, transition
(DenseNet-BC). Batch norm and ReLU come before their convolution, since each reader of a map
scales it in its own way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.cnn.spec import Block, Tensor

if TYPE_CHECKING:
    from workbench.cnn.builder import Builder


def _preactivated(x: Tensor, at: Builder, name: str) -> Tensor:
    return at.activate(at.norm(x, name), behind=name)


@dataclass(frozen=True)
class DenselyConnected(Block):
    """1x1 to a bottleneck, 3x3 to ``growth`` channels, put behind those that came in.

    Attributes:
        growth: Channels that it adds, the paper's k.
        bottleneck: Channels of the 1x1 convolution, as a multiple of ``growth``.
    """

    growth: int
    bottleneck: int = 4

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add both convolutions and the concatenation."""
        new = _preactivated(x, at, "norm1")
        new = at.conv(new, "conv1", self.bottleneck * self.growth)
        new = at.conv(new, "conv2", self.growth, 3, bias=False, norm=False, activation=None)
        return at.concat([x, new])


@dataclass(frozen=True)
class Transition(Block):
    """Between two dense blocks: a 1x1 convolution to half of the channels, and average pooling.

    With a stride of 1 there is no pooling.
    """

    stride: int = 2

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add the layers."""
        half = x.shape[-1] // 2
        x = _preactivated(x, at, "norm")
        x = at.conv(x, "conv", half, bias=False, norm=False, activation=None)
        return x if self.stride == 1 else at.average_pool(x, "pool", self.stride, self.stride)


@dataclass(frozen=True)
class Activated(Block):
    """Batch norm and activation, behind the last of such layers."""

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add both."""
        return _preactivated(x, at, "")
