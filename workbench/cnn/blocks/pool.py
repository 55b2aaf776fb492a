"""Poolings that make the image smaller, and the one that makes it a vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.cnn.spec import Block, Padding, Tensor

if TYPE_CHECKING:
    from workbench.cnn.builder import Builder


@dataclass(frozen=True)
class Skip(Block):
    """Nothing: what is left of a pooling where the image is too small for it."""

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Hand ``x`` on."""
        return x


@dataclass(frozen=True)
class MaxPool(Block):
    """Max pooling; ``padding`` and ``ceil`` as torch has them, or "same"."""

    size: int = 3
    stride: int = 2
    padding: Padding = 0
    ceil: bool = False

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add the pooling."""
        return at.max_pool(x, "", self.size, self.stride, self.padding, self.ceil)

    def with_stride(self, stride: int) -> Block:
        """Return the pooling with that stride, or none at all without one."""
        return Skip() if stride == 1 else super().with_stride(stride)


@dataclass(frozen=True)
class AveragePool(Block):
    """Average pooling, likewise; zeros of a padding count."""

    size: int = 2
    stride: int = 2
    padding: Padding = 0
    ceil: bool = False

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add the pooling."""
        return at.average_pool(x, "", self.size, self.stride, self.padding, self.ceil)

    def with_stride(self, stride: int) -> Block:
        """Return the pooling with that stride, or none at all without one."""
        return Skip() if stride == 1 else super().with_stride(stride)


@dataclass(frozen=True)
class GlobalPool(Block):
    """The average over all pixels; with ``keepdims`` still an image, of one pixel."""

    keepdims: bool = False

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add the pooling."""
        return at.global_pool(x, "", self.keepdims)
