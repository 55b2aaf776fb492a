"""A convolution with its batch norm and activation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.cnn.spec import USUAL, Activation, Block, Padding, Tensor

if TYPE_CHECKING:
    from workbench.cnn.builder import Builder


@dataclass(frozen=True)
class Conv(Block):
    """One convolution; see `Builder.conv` for its settings.

    Its layer is called after its place in the table, without a part of its own.
    """

    filters: int
    kernel: int | tuple[int, int] = 1
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    padding: Padding | None = None
    bias: bool | None = None
    norm: bool = True
    activation: Activation = USUAL

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add convolution, batch norm and activation."""
        return at.conv(
            x,
            "",
            self.filters,
            self.kernel,
            stride=self.stride,
            dilation=self.dilation,
            groups=self.groups,
            padding=self.padding,
            bias=self.bias,
            norm=self.norm,
            activation=self.activation,
        )
