"""What a rule says about a layer that is called once: which channels are which.

Source: G. Fang, X. Ma, M. Song, M. B. Mi and X. Wang, "DepGraph: Towards Any Structural Pruning",
2023, arXiv:2301.12900, section 3: channels that only go together form a group. The paper ties whole
layers and slices by index; here every channel of every tensor has a number of its own, and a tensor
is a vector of numbers along its last axis. So a sum ties numbers, a concatenation joins vectors, a
shuffle permutes one, a split cuts one, and flattening repeats one, without further bookkeeping.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import nan, prod
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Channels: TypeAlias = NDArray[np.intp]
Shape: TypeAlias = tuple[int | None, ...]
Role = Literal["kernel", "bias", "scale", "offset", "rest"]


@dataclass(frozen=True)
class Kept:
    """The decision: which numbers stay.

    Attributes:
        stays: For each number whether it does.
    """

    stays: NDArray[np.bool_]

    def count(self, channels: Channels) -> int:
        """Return how many places of a tensor stay."""
        return int(self.stays[channels].sum())

    def places(self, channels: Channels) -> NDArray[np.intp]:
        """Return the places of a tensor that stay."""
        return np.flatnonzero(self.stays[channels])


@dataclass(eq=False)
class Use:
    """A weight, and the channels along its axes.

    Attributes:
        layer: The layer that has it.
        place: Its place in ``layer.weights``.
        shape: Of the weight.
        axes: Channels along each axis, None along one that stays whole.
        role: A "kernel" and its "bias" make channels, "scale" and "offset" are those of a batch
            norm; the "rest" says nothing about a channel's worth.
        made: The channels that a kernel and its bias make, or that a batch norm scales.
        birth: Whether they are new; those of a depthwise convolution are its input's.
        groups: Groups of a convolution; the channels along the last axis but one then are those of
            all groups, though the weight has room for those of one.
        positions: How often the weight is multiplied with in a forward pass of one sample; NaN if
            the image has any size, 0 for a weight whose products do not count as MACs.
    """

    layer: Any
    place: int
    shape: tuple[int, ...]
    axes: tuple[Channels | None, ...]
    role: Role = "rest"
    made: Channels = field(default_factory=lambda: np.zeros(0, np.intp))
    birth: bool = False
    groups: int = 1
    positions: float = 0

    def macs(self, kept: Kept) -> float:
        """Return the multiply-accumulates that it takes."""
        if not self.positions:
            return 0
        sizes = [
            size if channels is None else kept.count(channels)
            for size, channels in zip(self.shape, self.axes, strict=True)
        ]
        return self.positions * prod(sizes) / self.groups

    def cut(self, values: NDArray[Any], kept: Kept) -> NDArray[Any]:
        """Return what stays of the weight's values."""
        if self.groups > 1:
            return self._cut_groups(values, kept)
        for axis, channels in enumerate(self.axes):
            if channels is not None:
                values = np.take(values, kept.places(channels), axis=axis)
        return values

    def by_channel(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the sums of ``values``, of the weight's shape, for each channel that it makes."""
        axis = next((i for i, channels in enumerate(self.axes) if channels is self.made), None)
        if axis is None:  # depthwise: (..., channels, multiplier)
            return values.reshape(-1, len(self.made)).sum(axis=0, dtype=np.float64)
        others = tuple(i for i in range(values.ndim) if i != axis)
        return values.sum(axis=others, dtype=np.float64)

    def _cut_groups(self, values: NDArray[Any], kept: Kept) -> NDArray[Any]:
        inputs, outputs = self.axes[-2:]
        assert inputs is not None
        assert outputs is not None
        parts = [
            np.take(np.take(part, kept.places(seen), axis=-2), kept.places(made), axis=-1)
            for part, seen, made in zip(
                np.split(values, self.groups, axis=-1),
                np.split(inputs, self.groups),
                np.split(outputs, self.groups),
                strict=True,
            )
        ]
        return np.concatenate(parts, axis=-1)


Change = Callable[[Kept], Any]


@dataclass(eq=False)
class Call:
    """One call of a layer, as its rule sees it and what the rule says of it.

    Attributes:
        layer: The layer, or an operation of `keras.ops`.
        inputs: The channels of each tensor that comes in.
        input_shapes: Their shapes, the batch included.
        output_shapes: Likewise of what comes out.
        constants: Arguments of the call that are no tensors of the graph.
        fresh: Gives that many new numbers.
        ties: Pairs of vectors, equal in length, whose channels stay or go together.
        pinned: Channels that stay.
        balances: Channels (groups, channels of a group); equally many of each row stay.
        uses: Weights.
        changes: New values of the layer's options, by the decision.
        replacement: Makes what stands in the layer's place, by the decision.
        made: New numbers.
    """

    layer: Any
    inputs: list[Channels]
    input_shapes: list[Shape]
    output_shapes: list[Shape]
    constants: list[Any]
    fresh: Callable[[int], Channels]
    ties: list[tuple[Channels, Channels]] = field(default_factory=list)
    pinned: list[Channels] = field(default_factory=list)
    balances: list[Channels] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    changes: dict[str, Change] = field(default_factory=dict)
    replacement: Change | None = None
    made: list[Channels] = field(default_factory=list)

    def new(self, count: int) -> Channels:
        """Return channels that no other tensor has yet."""
        channels = self.fresh(count)
        self.made.append(channels)
        return channels

    def tie(self, one: Channels, other: Channels) -> None:
        """Let two vectors of equal length stay or go place by place."""
        self.ties.append((one, other))

    def pin(self, channels: Channels) -> None:
        """Let channels stay, whatever they are worth."""
        self.pinned.append(channels)

    def balance(self, channels: Channels, groups: int) -> None:
        """Let equally many channels of each group stay."""
        self.balances.append(channels.reshape(groups, -1))

    def change(self, option: str, value: Change) -> None:
        """Give the rebuilt layer another value of an option."""
        self.changes[option] = value

    def weight(
        self,
        variable: Any,
        axes: Sequence[Channels | None],
        role: Role = "rest",
        **settings: Any,
    ) -> None:
        """Say which channels lie along the axes of a weight; None of them if there is no such one.

        Args:
            variable: The weight, or None.
            axes: Channels of the last axes; those before stay whole.
            role: See `Use`.
            **settings: The rest of `Use`.
        """
        if variable is None:
            return
        place = next(i for i, each in enumerate(self.layer.weights) if each is variable)
        shape = tuple(variable.shape)
        whole = (None,) * (len(shape) - len(axes))
        use = Use(self.layer, place, shape, (*whole, *axes), role, **settings)
        self.uses.append(use)

    @property
    def ties_layer(self) -> bool:
        """Whether all calls of the layer must agree on what stays."""
        return bool(self.uses or self.changes or self.replacement)

    @property
    def positions(self) -> float:
        """Pixels of the output: what a kernel is applied to in a sample."""
        return pixels(self.output_shapes[0])


def pixels(shape: Shape) -> float:
    """Return the positions of a tensor but for batch and channels, NaN if they are unknown."""
    sides = shape[1:-1]
    return nan if None in sides else prod(sides)  # type: ignore[arg-type]
