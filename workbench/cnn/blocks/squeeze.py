"""Squeeze-and-excitation around a block, in the four positions of its paper.

Source: J. Hu, L. Shen, G. Sun, "Squeeze-and-Excitation Networks", 2018 (arXiv:1709.01507),
section 6.5 and figure 5: "standard" weighs the channels of the branch before the sum, "pre" those
of what comes into the branch, "post" those behind the sum, and "identity" those of the shortcut.
A block without a shortcut (inception) knows the first three, and the first is the third there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from workbench import checks
from workbench.cnn.spec import Tensor
from workbench.errors import ArgumentError

if TYPE_CHECKING:
    from workbench.cnn.builder import Builder

Position = Literal["standard", "pre", "post", "identity"]


@dataclass(frozen=True)
class Squeeze:
    """Where squeeze-and-excitation is put, and how wide its middle is.

    Attributes:
        reduction: The ratio r: channels to one channel in the middle.
        position: See above.
        bias: Whether its two layers have biases.
        divisor: The middle is rounded to its multiple, and is no smaller. 8 is timm's; the paper
            rounds nothing, which is the same from 128 channels on.
    """

    reduction: int = 16
    position: Position = "standard"
    bias: bool = True
    divisor: int = 8

    def __post_init__(self) -> None:
        """Check both."""
        checks.integer("reduction", self.reduction)
        if self.position not in get_args(Position):
            raise ArgumentError(
                "position", f"be one of {', '.join(get_args(Position))}", self.position
            )

    def at(self, position: Position, x: Tensor, place: Builder, name: str = "se") -> Tensor:
        """Return ``x`` weighed if this is where the weighing takes place, else ``x``."""
        if position != self.position:
            return x
        middle = x.shape[-1] / self.reduction
        squeeze = max(int(middle + self.divisor / 2) // self.divisor * self.divisor, self.divisor)
        return place.squeeze_excite(x, name, squeeze, bias=self.bias)


def weighing(se: Squeeze | None, at: Builder) -> Callable[[Position, Tensor], Tensor]:
    """Return what a block sends its tensors through at each position, with or without SE."""
    return lambda position, x: x if se is None else se.at(position, x, at)
