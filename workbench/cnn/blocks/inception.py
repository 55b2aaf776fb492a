"""The inception module: parallel branches over one image, their channels one behind the other.

Sources: C. Szegedy et al., "Going Deeper with Convolutions", 2015 (arXiv:1409.4842), figure 2; its
version with batch norm: S. Ioffe and C. Szegedy 2015 (arXiv:1502.03167), figure 5.

A branch is a chain of named blocks, convolutions and poolings, as the body of a network is one;
so a module is data, and each network's table writes its modules down. A module with a stride (a
reduction) has it in the last block of each branch, as all published ones do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.cnn.blocks.conv import Conv
from workbench.cnn.blocks.squeeze import Squeeze, weighing
from workbench.cnn.spec import Block, Rows, Tensor, make_divisible
from workbench.errors import ArgumentError

if TYPE_CHECKING:
    from workbench.cnn.builder import Builder


def branch(name: str, *blocks: Block) -> Rows:
    """Return a branch by torchvision's and timm's names: ``name.0``, ``name.1`` and so on.

    A single block is called ``name`` alone.
    """
    if len(blocks) == 1:
        return ((name, blocks[0]),)
    return tuple((f"{name}.{number}", block) for number, block in enumerate(blocks))


@dataclass(frozen=True)
class Inception(Block):
    """Branches side by side, with or without SE.

    There is no shortcut: SE in the positions "standard" and "post" weighs the channels of the
    concatenation, in "pre" those of what comes in, and "identity" is refused.

    Attributes:
        branches: Each from ``x`` on; their outputs agree in rows and columns.
        stride: Of the last block in every branch, whatever that block itself says.
        se: Where squeeze-and-excitation is put, if at all.
    """

    branches: tuple[Rows, ...]
    stride: int = 1
    se: Squeeze | None = None

    def mixed(self, x: Tensor, at: Builder) -> Tensor:
        """Add the branches and put their channels one behind the other."""
        outputs = []
        for *first, (name, last) in self.branches:
            # Not `with_stride`, by which a pooling would fall away: without the stride too it
            # takes off as many pixels at the border as the convolutions beside it.
            rows = (*first, (name, replace(last, stride=self.stride)))  # type: ignore[type-var]
            outputs.append(at.run(x, rows))
        return at.concat(outputs)

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add branches, concatenation and SE.

        Raises:
            ArgumentError: SE is to weigh a shortcut.
        """
        if self.se is not None and self.se.position == "identity":
            raise ArgumentError(
                "position",
                "be standard, pre or post: an inception module has no shortcut to weigh",
                "identity",
            )
        weighed = weighing(self.se, at)
        x = self.mixed(weighed("pre", x), at)
        return weighed("post", weighed("standard", x))


def each_conv(rows: Rows, change: Callable[[Conv], Conv]) -> Rows:
    """Return a table with its convolutions changed, those in branches too."""

    def changed(block: Block) -> Block:
        if isinstance(block, Conv):
            return change(block)
        if isinstance(block, Inception):
            return replace(
                block, branches=tuple(each_conv(chain, change) for chain in block.branches)
            )
        return block

    return tuple((name, changed(block)) for name, block in rows)


def widened(rows: Rows, width: float) -> Rows:
    """Return a table with ``width`` times the channels, rounded to multiples of 8."""
    return each_conv(rows, lambda conv: replace(conv, filters=make_divisible(conv.filters * width)))


def squeezed(rows: Rows, se: Squeeze, kind: type[Inception] = Inception) -> Rows:
    """Return a table with SE in all its blocks of a kind."""
    return tuple(
        (name, replace(block, se=se) if isinstance(block, kind) else block) for name, block in rows
    )
