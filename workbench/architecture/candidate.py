"""What an architecture search chooses among: one frame for small images, with other blocks in it.

Idea: the frame is that of the tiny networks of the zoo (`workbench.cnn.zoo.tiny`): a 3x3
convolution, three stages of w, 2w and 4w channels of which the later two begin with a stride of 2,
the average over all pixels, the classes. A candidate is five choices within it: the kind of block,
w, how many blocks each stage has, and the ratio of squeeze-and-excitation. As genes they are places
in tuples, whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Any

from workbench import checks
from workbench.cnn.blocks import (
    Basic,
    Classifier,
    Conv,
    DepthwiseSeparable,
    GhostBottleneck,
    GlobalPool,
    InvertedResidual,
    ShuffleUnitV2,
    Squeeze,
)
from workbench.cnn.spec import Architecture, Block, Rows, Tensor
from workbench.errors import ArgumentError
from workbench.registry import Registry

if TYPE_CHECKING:
    from workbench.cnn.builder import Builder
    from workbench.cnn.model import CNN

STRIDES = (1, 2, 2)
HEAD: Rows = (("pool", GlobalPool()), ("classes", Classifier()))

# A block by its channels and the ratio of its squeeze-and-excitation, 0 for none.
Kind = Callable[[int, int], Block]
BLOCKS: Registry[Kind] = Registry("searched block")


@dataclass(frozen=True)
class Weighed(Block):
    """A block that has no place for squeeze-and-excitation of its own, with it behind."""

    block: Block
    se: Squeeze
    stride: int = 1

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add the block and what weighs its channels."""
        x = self.block.with_stride(self.stride).build(x, at)
        return self.se.at("standard", x, at)


def _squeeze(ratio: int) -> Squeeze | None:
    return Squeeze(ratio, divisor=4) if ratio else None


def _behind(block: Block, ratio: int) -> Block:
    return Weighed(block, Squeeze(ratio, divisor=4)) if ratio else block


def _middle(channels: int, ratio: int) -> int | None:
    return max(4, channels // ratio) if ratio else None


# Each is the block of a family of the zoo. Bottlenecks and inception modules were left out: of few
# channels they make almost none.
for _name, _kind in {
    "conv": lambda c, r: _behind(Conv(c, 3), r),
    "residual": lambda c, r: Basic(c, se=_squeeze(r)),
    "separable": lambda c, r: _behind(DepthwiseSeparable(c), r),
    "inverted": lambda c, r: InvertedResidual(c, 3 * c, squeeze=_middle(3 * c, r)),
    "shuffle": lambda c, r: _behind(ShuffleUnitV2(c), r),
    "ghost": lambda c, r: GhostBottleneck(c, 2 * c, squeeze=_middle(2 * c, r)),
}.items():
    BLOCKS.register(_name)(_kind)


@dataclass(frozen=True)
class Candidate:
    """One architecture.

    Attributes:
        block: Name in `BLOCKS`.
        width: Channels of the first stage, a multiple of 4.
        depths: Blocks of each of the three stages.
        se_ratio: Channels to one in the middle of squeeze-and-excitation; 0 for none.

    Raises:
        UnknownNameError: There is no such block.
        ArgumentError: A number out of its range.
    """

    block: str
    width: int
    depths: tuple[int, ...]
    se_ratio: int = 0

    def __post_init__(self) -> None:
        """Check all of them; what comes from a file is tried as well."""
        BLOCKS[self.block]
        if checks.integer("width", self.width) % 4:
            raise ArgumentError("width", "be a multiple of 4", self.width)
        if len(self.depths) != len(STRIDES):
            raise ArgumentError("depths", f"have {len(STRIDES)} entries", self.depths)
        for depth in self.depths:
            checks.integer("depths", depth)
        checks.integer("se_ratio", self.se_ratio, minimum=0)

    @property
    def name(self) -> str:
        """Such as "residual-16-121-se4"."""
        depths = "".join(map(str, self.depths))
        return f"{self.block}-{self.width}-{depths}" + (f"-se{self.se_ratio}" * bool(self.se_ratio))

    @property
    def table(self) -> Architecture:
        """The candidate as a table of blocks."""
        rows: Rows = (("stem", Conv(self.width, 3)),)
        for number, (depth, stride) in enumerate(zip(self.depths, STRIDES, strict=True)):
            block = BLOCKS[self.block](self.width * 2**number, self.se_ratio)
            blocks = (block.with_stride(stride), *(block,) * (depth - 1))
            rows += tuple((f"stage{number + 1}.{at}", one) for at, one in enumerate(blocks))
        return Architecture(
            f"searched_{self.name.replace('-', '_')}", rows, HEAD, "the frame of the tiny networks"
        )

    def build(
        self,
        input_shape: tuple[int, int, int],
        classes: int,
        *,
        seed: checks.Seed = None,
        **settings: Any,
    ) -> CNN:
        """Return the network, its weights new.

        Args:
            input_shape: Rows, columns and channels of the images.
            classes: Number of classes.
            seed: Of the initial weights.
            **settings: Those of `workbench.cnn.build.build_table`, such as ``total_stride``.
        """
        from workbench.cnn.build import build_table

        return build_table(self.table, input_shape, classes, seed=seed, **settings)


@dataclass(frozen=True)
class SearchSpace:
    """What may be chosen.

    Attributes:
        blocks: Names in `BLOCKS`; None for all.
        widths: Channels of the first stage, ascending.
        depths: Blocks of a stage, ascending.
        se_ratios: Ratios of squeeze-and-excitation; 0 for none.
    """

    blocks: tuple[str, ...] | None = None
    widths: tuple[int, ...] = (4, 8, 12, 16, 24, 32)
    depths: tuple[int, ...] = (1, 2, 3)
    se_ratios: tuple[int, ...] = (0, 4, 8)

    def __post_init__(self) -> None:
        """Check that something may be chosen everywhere, and that all of it can be built."""
        if self.blocks is None:
            object.__setattr__(self, "blocks", tuple(BLOCKS))
        for name, options in zip(("blocks", "widths", "depths", "se_ratios"), self, strict=True):
            if not options or len(set(options)) != len(options):
                raise ArgumentError(name, "be options, each of them once", options)
        for name in ("widths", "depths"):
            if list(getattr(self, name)) != sorted(getattr(self, name)):
                raise ArgumentError(name, "be ascending", getattr(self, name))
        for block in self.options[0]:
            for width in self.widths:
                for ratio in self.se_ratios:
                    Candidate(block, width, (self.depths[0],) * 3, ratio)

    def __iter__(self) -> Any:
        return iter(astuple(self))

    @property
    def options(self) -> tuple[Sequence[Any], ...]:
        """The options of each gene: block, width, three depths, ratio."""
        blocks, widths, depths, ratios = self
        return blocks, widths, depths, depths, depths, ratios

    @property
    def bounds(self) -> list[tuple[int, int]]:
        """Lowest and highest place of each gene that has more than one option."""
        return [(0, len(options) - 1) for options in self.options if len(options) > 1]

    def candidate(self, genes: Sequence[float]) -> Candidate:
        """Return what genes stand for: a place in the options for each that has several."""
        places = iter(genes)
        block, width, *depths, ratio = (
            options[round(next(places)) if len(options) > 1 else 0] for options in self.options
        )
        return Candidate(block, width, tuple(depths), ratio)

    def smaller(self, candidate: Candidate) -> Candidate | None:
        """Return the next narrower candidate, or of the narrowest one with fewer blocks.

        Blocks are taken from the last of the deepest stages, where they have the most weights.
        """
        place = self.widths.index(candidate.width)
        if place:
            return replace(candidate, width=self.widths[place - 1])
        deepest = max(candidate.depths)
        place = self.depths.index(deepest)
        if not place:
            return None
        last = max(i for i, depth in enumerate(candidate.depths) if depth == deepest)
        depths = list(candidate.depths)
        depths[last] = self.depths[place - 1]
        return replace(candidate, depths=tuple(depths))
