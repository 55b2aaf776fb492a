"""ShuffleNet V1's unit: 1x1 convolutions in groups, whose channels are shuffled in between.

Source: X. Zhang, X. Zhou, M. Lin, J. Sun, "ShuffleNet: An Extremely Efficient Convolutional Neural
Network for Mobile Devices", 2018 (arXiv:1707.01083), section 3.2 and figure 2; the authors' code
(megvii-model/ShuffleNet-Series). That shuffles behind the depthwise convolution, where the paper
does before it, and by the inverse permutation: in g groups of n channels, channel i g + j goes to
place j n + i, not the other way round. Either way each group hears of the others; weights are at
home in one of the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.cnn.spec import Block, Tensor

if TYPE_CHECKING:
    from workbench.cnn.builder import Builder


@dataclass(frozen=True)
class ShuffleUnitV1(Block):
    """The unit in both of its kinds.

    Where neither the number of channels nor the size of the map changes, its branch is added to
    what came in (figure 2 b); elsewhere it is put behind that, pooled to the same size (figure
    2 c), and makes the channels that lack. With a stride of 1 nothing is pooled.

    Attributes:
        channels: That it puts out.
        groups: Of the 1x1 convolutions.
        stride: Of the depthwise convolution.
        first_groups: Of the first 1x1 convolution, which has too few channels to be cut in the
            first unit of a network; as ``groups`` if None.
    """

    channels: int
    groups: int
    stride: int = 1
    first_groups: int | None = None

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add branch and shortcut."""
        inputs = x.shape[-1]
        if self.stride == 1 and inputs == self.channels:
            return at.activate(at.add([x, self._branch(x, at, self.channels)]))
        branch = at.activate(self._branch(x, at, self.channels - inputs))
        shortcut = x if self.stride == 1 else at.average_pool(x, "pool", 3, self.stride, padding=1)
        return at.concat([shortcut, branch])

    def _branch(self, x: Tensor, at: Builder, filters: int) -> Tensor:
        middle = self.channels // 4
        first = self.groups if self.first_groups is None else self.first_groups
        x = at.conv(x, "compress", middle, groups=first)
        x = at.conv(x, "depthwise", middle, 3, stride=self.stride, groups=middle, activation=None)
        if self.groups > 1:
            x = at.shuffle(x, "shuffle", middle // self.groups)
        return at.conv(x, "expand", filters, groups=self.groups, activation=None)
