"""Which input pixels each position along one axis sees: exact, in whole numbers.

Source: A. Araujo, W. Norris and J. Sim, "Computing Receptive Fields of Convolutional Neural
Networks", Distill, 2019, whose recursion holds for windows. Upsampling and transposed convolution
let neighbouring positions see differently much, so here the interval is kept for each position of
one period: position q * period + r sees the pixels low[r] + q * step to high[r] + q * step. A
plain convolution has the period 1, and then ``step`` is the network's stride.

Pixels left of the first have negative numbers: padding is seen like everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

Interval = tuple[int, int] | None  # None sees nothing, between the windows of a transposition


@dataclass(frozen=True)
class Span:
    """The intervals of one period along an axis.

    Attributes:
        seen: First and last pixel of each position of the first period.
        step: Pixels from one period to the next.
        axis: Which axis of the input the pixels lie on: 0 for rows, 1 for columns.
    """

    seen: tuple[Interval, ...]
    step: int
    axis: int

    @property
    def stride(self) -> Fraction:
        """Pixels from one position to the next, on average: below 1 behind upsampling."""
        return Fraction(self.step, len(self.seen))

    @property
    def size(self) -> int:
        """Pixels that a position sees: the most, where positions differ."""
        return max((high - low + 1 for low, high in filter(None, self.seen)), default=0)

    @property
    def centre(self) -> Fraction | None:
        """Middle of what the first position sees, in pixels; 0 is the middle of the first pixel."""
        first = self.seen[0]
        return None if first is None else Fraction(first[0] + first[1], 2)

    def at(self, position: int) -> Interval:
        """Return the first and the last pixel that a position sees, None if it sees none."""
        q, r = divmod(position, len(self.seen))
        interval = self.seen[r]
        return interval and (interval[0] + q * self.step, interval[1] + q * self.step)

    def hull(self, positions: Iterable[int]) -> Interval:
        """Return the first and the last pixel that any of these positions sees."""
        intervals = [interval for interval in map(self.at, positions) if interval]
        if not intervals:
            return None
        return min(low for low, _ in intervals), max(high for _, high in intervals)

    def window(self, stride: int, before: int, taps: Iterable[int]) -> Span:
        """Return what windows see: position i has the taps i * stride - before + tap."""
        taps = tuple(taps)
        period = len(self.seen) // gcd(len(self.seen), stride)
        places = ((i * stride - before + tap for tap in taps) for i in range(period))
        moved = period * stride // len(self.seen)
        return self._new(map(self.hull, places), moved * self.step)

    def transposed(self, stride: int, before: int, taps: Iterable[int]) -> Span:
        """Return what the transpose of such windows sees.

        Position j gets from every i for which ``j = i * stride - before + tap``.
        """
        taps = tuple(taps)
        period = len(self.seen) * stride
        places = (
            ((j + before - tap) // stride for tap in taps if (j + before - tap) % stride == 0)
            for j in range(period)
        )
        return self._new(map(self.hull, places), self.step)

    def resized(self, before: int, after: int, neighbours: tuple[int, int]) -> Span:
        """Return what an interpolation from ``before`` to ``after`` positions sees.

        Args:
            before: Positions along the axis.
            after: Positions of the result.
            neighbours: Which positions count, from the one left of the point sought: (0, 1) is
                linear, (-1, 2) cubic. (0, 0) takes the nearest one.
        """
        ratio = Fraction(before, after)
        return self._scaled(ratio, lambda j: _neighbours(j, ratio, neighbours))

    def adaptive(self, before: int, after: int) -> Span:
        """Return what ``after`` windows see that are spread evenly over ``before`` positions."""
        return self._scaled(
            Fraction(before, after),
            lambda i: range(i * before // after, -(-(i + 1) * before // after)),
        )

    def _scaled(self, ratio: Fraction, places: Callable[[int], range]) -> Span:
        """Return what positions see that take others, ``ratio`` apart in the mean."""
        repeats = len(self.seen) // gcd(len(self.seen), ratio.numerator)
        moved = ratio.numerator * repeats // len(self.seen)
        period = range(ratio.denominator * repeats)
        return self._new((self.hull(places(i)) for i in period), moved * self.step)

    def _new(self, seen: Iterable[Interval], step: int) -> Span:
        return _shortest(Span(tuple(seen), step, self.axis))


def union(spans: Iterable[Span]) -> Span | None:
    """Return the span that sees what any of some sees; None if they move at different strides."""
    spans = tuple(spans)
    first = spans[0]
    if any((span.stride, span.axis) != (first.stride, first.axis) for span in spans):
        return None
    period = lcm(*(len(span.seen) for span in spans))
    seen = []
    for i in range(period):
        parts = [interval for interval in (span.at(i) for span in spans) if interval]
        low, high = [low for low, _ in parts], [high for _, high in parts]
        seen.append((min(low), max(high)) if parts else None)
    return _shortest(Span(tuple(seen), int(first.stride * period), first.axis))


def _neighbours(position: int, ratio: Fraction, neighbours: tuple[int, int]) -> range:
    if neighbours == (0, 0):  # the pixel that the middle of the new one lies in
        nearest = int((position + Fraction(1, 2)) * ratio // 1)
        return range(nearest, nearest + 1)
    point = (position + Fraction(1, 2)) * ratio - Fraction(1, 2)
    floor = int(point // 1)
    if point == floor:  # all others have the weight 0 there
        return range(floor, floor + 1)
    return range(floor + neighbours[0], floor + neighbours[1] + 1)


def _shortest(span: Span) -> Span:
    """Return the same span with the shortest period there is."""
    for period in range(1, len(span.seen)):
        if len(span.seen) % period or span.step * period % len(span.seen):
            continue
        short = Span(span.seen[:period], span.step * period // len(span.seen), span.axis)
        if all(short.at(i) == interval for i, interval in enumerate(span.seen)):
            return short
    return span
