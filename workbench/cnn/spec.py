"""What a convolutional network is made of, as data: a table of named blocks, and its conventions.

An `Architecture` is a sequence of ``(name, block)``: first the body, whose last output is the last
feature map, then the head. Blocks are frozen dataclasses with a method `Block.build`, one a file in
`workbench.cnn.blocks`; `workbench.cnn.builder` is the one place that makes Keras layers of them.
A family of networks is a function of its options, entered into `ZOO` under each of its names.

Names are those of the implementation that a table follows (``layer1.0`` as in torchvision), so that
its weights find their place: a layer is called after the place of its block and its part there
(``layer1.0.conv1``), and the batch norm behind a convolution after that (``layer1.0.conv1.norm``).

Nothing here imports Keras: to list the networks costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from workbench.cnn.preprocessing import IMAGENET, Preprocessing
from workbench.registry import Registry

if TYPE_CHECKING:
    from workbench.cnn.builder import Builder

Tensor: TypeAlias = Any
Padding: TypeAlias = int | tuple[int, int] | Literal["same", "valid"]
Activation: TypeAlias = str | None  # by its name in Keras
USUAL = "usual"  # the activation that the network's conventions name


class Block:
    """One block of a network; its subclasses are frozen dataclasses of its settings."""

    stride: int = 1  # by how much its output has fewer rows and columns than its input

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add the block's layers behind ``x`` (batch, rows, columns, channels)."""
        raise NotImplementedError

    def with_stride(self, stride: int) -> Block:
        """Return the block with another stride, for images that are too small for its own."""
        return replace(self, stride=stride)  # type: ignore[type-var]


Rows: TypeAlias = tuple[tuple[str, Block], ...]


@dataclass(frozen=True)
class Conventions:
    """What implementations differ in, throughout a network.

    Attributes:
        epsilon: Added to the variance by batch norm.
        momentum: Of batch norm's moving averages, in the sense of Keras: 0.9 is torch's 0.1.
        padding: Of a convolution that says nothing else: "symmetric" pads (k - 1) / 2 on either
            side, as torch's networks do; "same" is TensorFlow's, which pads an even image less at
            its start than at its end when the stride is 2.
        activation: Behind a convolution that says nothing else, by its name in Keras.
    """

    epsilon: float = 1e-5
    momentum: float = 0.9
    padding: Literal["symmetric", "same"] = "symmetric"
    activation: str = "relu"


@dataclass(frozen=True)
class Origin:
    """Where weights come from.

    Attributes:
        name: Of the implementation.
        names: Rules ``(pattern, replacement)`` of regular expressions which, one after the other,
            turn the name of a module there into the name of our layer; into nothing, where we
            have none.
        preprocessing: What its weights expect of images.
    """

    name: str
    names: tuple[tuple[str, str], ...] = ()
    preprocessing: Preprocessing = IMAGENET


@dataclass(frozen=True)
class Architecture:
    """A network as a table.

    Attributes:
        name: What its users call it.
        body: The blocks up to the last feature map.
        head: The blocks from there to the classes.
        source: Papers, a semicolon, and the implementation that is followed to the digit, the first
            word of which is the name of its origin: "He et al. 2016; torchvision resnet50".
        conventions: Batch norm, padding and activation.
        small: Images with fewer rows or columns get lower strides; see `workbench.cnn.build`.
        preprocessing: What the weights of the followed implementation expect.
        names: Rules for the names of its modules; see `Origin`.
        others: Other origins of weights for the same network.
    """

    name: str
    body: Rows
    head: Rows
    source: str
    conventions: Conventions = Conventions()
    small: int = 64
    preprocessing: Preprocessing = IMAGENET
    names: tuple[tuple[str, str], ...] = ()
    others: tuple[Origin, ...] = ()

    @property
    def origins(self) -> tuple[Origin, ...]:
        """All origins of weights, the followed implementation first."""
        followed = self.source.rpartition("; ")[2].split()[0]
        return (Origin(followed, self.names, self.preprocessing), *self.others)

    def in_head(self, weight: str) -> bool:
        """Say whether a weight or a layer stands behind the last feature map, by its name."""
        return any(f"{weight}.".startswith(f"{row}.") for row, _ in self.head)

    @property
    def total_stride(self) -> int:
        """Rows of the image to one of the last feature map."""
        return prod(block.stride for _, block in self.body)

    def with_total_stride(self, total: int) -> Architecture:
        """Return the network with the earliest strides lowered until their product is ``total``.

        The first layers give way because detail that is lost there is lost for all others: what
        the residual networks for 32 pixel images do, whose stem has neither stride nor pooling.

        Args:
            total: A divisor of `total_stride`.
        """
        surplus, rows = self.total_stride // total, []
        for name, block in self.body:
            kept = block.stride
            while surplus > 1 and kept > 1:
                kept, surplus = kept // 2, surplus // 2
            rows.append((name, block if kept == block.stride else block.with_stride(kept)))
        return replace(self, body=tuple(rows))


ZOO: Registry[Callable[..., Architecture]] = Registry("network")


def stage(name: str, block: Block, repeats: int, *, first: Block | None = None) -> Rows:
    """Return rows ``name.0``, ``name.1`` and so on of one block.

    Args:
        name: Of the stage.
        block: The block; its stride is 1.
        repeats: How many.
        first: Another block in the first place, such as the one with the stride.
    """
    blocks = (first or block, *(block,) * (repeats - 1))
    return tuple((f"{name}.{number}", each) for number, each in enumerate(blocks))


def make_divisible(value: float, divisor: int = 8) -> int:
    """Round a number of channels to a multiple of ``divisor``, never down by more than a tenth.

    Source: the reference code of MobileNet V2 (Sandler et al. 2018), which all mobile networks
    took over.

    Args:
        value: Channels wanted.
        divisor: The result is its multiple, and no smaller.
    """
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded
