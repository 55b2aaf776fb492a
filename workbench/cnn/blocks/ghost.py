"""Ghost module and ghost bottleneck: some channels by convolution, the others cheaply from those.

Source: K. Han et al., "GhostNet: More Features from Cheap Operations", 2020 (arXiv:1911.11907),
section 3.1 and figures 2 and 3; order of the layers as in the authors' code and timm. Of n channels
n / s come from a convolution, and each gives s - 1 more by a depthwise kernel of its own; so the
module costs about 1 / s of the convolution that it replaces (equation 4).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench import checks
from workbench.cnn.blocks.depthwise_separable import DepthwiseSeparable
from workbench.cnn.spec import USUAL, Activation, Block, Tensor
from workbench.errors import ArgumentError

if TYPE_CHECKING:
    from workbench.cnn.builder import Builder


@dataclass(frozen=True)
class GhostModule(Block):
    """A convolution to a part of the channels, and depthwise ones from it to the rest.

    Attributes:
        channels: That it puts out, a multiple of ``ratio``: first those of the convolution.
        kernel: Of the convolution.
        cheap_kernel: Of the depthwise convolution.
        ratio: The paper's s: channels put out to one channel by the convolution.
        stride: Of the convolution.
        activation: Behind both.
    """

    channels: int
    kernel: int = 1
    cheap_kernel: int = 3
    ratio: int = 2
    stride: int = 1
    activation: Activation = USUAL

    def __post_init__(self) -> None:
        """Check that the ratio divides the channels."""
        # timm makes a channel too many otherwise, and cuts it off.
        if checks.integer("channels", self.channels) % checks.integer("ratio", self.ratio):
            raise ArgumentError("channels", f"be a multiple of ratio ({self.ratio})", self.channels)

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add both convolutions, and put their channels one behind the other."""
        own = self.channels // self.ratio
        x = at.conv(x, "primary", own, self.kernel, stride=self.stride, activation=self.activation)
        if self.ratio == 1:
            return x
        ghosts = at.conv(
            x,
            "cheap",
            self.channels - own,
            self.cheap_kernel,
            groups=own,
            activation=self.activation,
        )
        return at.concat([x, ghosts])


@dataclass(frozen=True)
class GhostBottleneck(Block):
    """A ghost module to more channels, one to fewer without activation, and a shortcut.

    Attributes:
        channels: That it puts out.
        expanded: Channels between the two modules.
        kernel: Of the depthwise convolutions: that between the modules, and that of the shortcut.
        squeeze: Channels in the middle of squeeze-and-excitation between the modules; None for a
            block without.
        depthwise: Whether a depthwise convolution stands between the modules; None puts one where
            there is a stride.
    """

    channels: int
    expanded: int
    kernel: int = 3
    stride: int = 1
    squeeze: int | None = None
    depthwise: bool | None = None

    @property
    def has_depthwise(self) -> bool:
        """Whether a depthwise convolution stands between the two modules."""
        return self.stride > 1 if self.depthwise is None else self.depthwise

    def with_stride(self, stride: int) -> Block:
        """Return the block with that stride and the same weights, so that published ones fit."""
        return replace(self, stride=stride, depthwise=self.has_depthwise or stride > 1)

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add branch, shortcut and sum."""
        branch = GhostModule(self.expanded).build(x, at.within("ghost1"))
        if self.has_depthwise:
            branch = at.conv(
                branch,
                "depthwise",
                self.expanded,
                self.kernel,
                stride=self.stride,
                groups=self.expanded,
                activation=None,
            )
        if self.squeeze is not None:
            branch = at.squeeze_excite(branch, "se", self.squeeze, gate="hard_sigmoid")
        branch = GhostModule(self.channels, activation=None).build(branch, at.within("ghost2"))
        return at.add([branch, self._shortcut(x, at.within("shortcut"))])

    def _shortcut(self, x: Tensor, at: Builder) -> Tensor:
        if self.stride == 1 and x.shape[-1] == self.channels:
            return x
        fitted = DepthwiseSeparable(self.channels, self.kernel, self.stride, activation=None)
        return fitted.build(x, at)
