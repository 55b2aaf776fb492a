"""ShuffleNet V2's unit: half of the channels pass by, half are worked on, all are shuffled.

Source: N. Ma, X. Zhang, H.-T. Zheng, J. Sun, "ShuffleNet V2: Practical Guidelines for Efficient CNN
Architecture Design", 2018 (arXiv:1807.11164), figure 3 (c) and (d); torchvision. The split stands
for the groups of V1, and the concatenation for its sum: by the paper's guidelines, few groups and
few element-wise operations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.cnn.spec import Block, Tensor

if TYPE_CHECKING:
    from workbench.cnn.builder import Builder


@dataclass(frozen=True)
class ShuffleUnitV2(Block):
    """The unit in both of its kinds.

    Where neither the number of channels nor the size of the map changes, the first half of the
    channels is handed on as it is (figure 3 c); elsewhere two branches see all of them and put out
    a half each (figure 3 d).

    Attributes:
        channels: That it puts out, an even number.
        stride: Of the depthwise convolutions.
    """

    channels: int
    stride: int = 1

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add both branches, their concatenation and the shuffle."""
        half = self.channels // 2
        if self.stride == 1 and x.shape[-1] == self.channels:
            first, second = at.split(x, "split")
        else:
            first, second = self._depthwise(x, at.within("branch1")), x
            first = at.conv(first, "branch1.pointwise", half)
        branch = at.within("branch2")
        second = branch.conv(second, "compress", half)
        second = self._depthwise(second, branch)
        second = branch.conv(second, "expand", half)
        return at.shuffle(at.concat([first, second]), "shuffle", 2)

    def _depthwise(self, x: Tensor, at: Builder) -> Tensor:
        channels = x.shape[-1]
        return at.conv(
            x, "depthwise", channels, 3, stride=self.stride, groups=channels, activation=None
        )
