"""Where the data lie: how far a point is from the nearest sample, and whether it is outside.

A fitted surface says something only near its samples. Outside their range it extrapolates, and
in a hole of theirs it guesses. (The convex hull was rejected as the measure: with ten inputs
nearly every new point lies outside the hull of a thousand samples.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.extremum.box import Box
from workbench.extremum.surface import Surface

Floats = NDArray[np.float64]

# Of the range: samples drawn from a box leave a little of it free at its faces.
_SLACK = 0.01


@dataclass(frozen=True, eq=False)
class Support:
    """The data under a surface, as far as they are known.

    Attributes:
        unit: What of each input is 1 in scaled units ``(inputs,)``, half the range of the data;
            infinite for an input that is constant.
        seen: Rows (low, high) of the data ``(inputs, 2)``, or None.
        tree: The scaled samples in a `scipy.spatial.KDTree`, or None.
        gap: Largest distance from a sample to its nearest neighbour.
    """

    unit: Floats
    seen: Floats | None
    tree: Any
    gap: float

    def distance(self, row: Floats) -> float:
        """Return the distance to the nearest sample in scaled units; NaN without samples."""
        return np.nan if self.tree is None else float(self.tree.query(row / self.unit)[0])

    def outside(self, row: Floats) -> NDArray[np.bool_]:
        """Return which inputs are beyond the range of the data by a hundredth of it."""
        if self.seen is None:
            return np.zeros(len(row), bool)
        low, high = self.seen.T
        slack = np.maximum(_SLACK * (high - low), 1e-9 * np.abs(self.seen).max(axis=1))
        return (row < low - slack) | (row > high + slack)


def support_of(surface: Surface, X: ArrayLike | None, box: Box) -> Support:
    """Return what is known of the data under a surface.

    Args:
        surface: The surface, which may know the range of its data, or even the data.
        X: Samples ``(samples, inputs)``, or None.
        box: Bounds, whose half width is the unit where no data are known.

    Raises:
        ArgumentError: X does not fit the model.
    """
    samples = surface.samples
    if X is not None:
        samples = checks.samples("X", X, (len(box.low),), "the model's input").astype(np.float64)
    seen = surface.seen
    if samples is not None:
        own = np.stack([samples.min(axis=0), samples.max(axis=0)], axis=1)
        # Of data other than those of the fit, what either has seen counts.
        seen = own if seen is None else _hull(seen, own)
    scale = surface.seen if surface.seen is not None else seen
    half = (box.high - box.low) / 2 if scale is None else np.ptp(scale, axis=1) / 2
    unit = np.where(half > 0, half, np.inf)
    tree, gap = (None, np.inf) if samples is None else _tree(samples / unit)
    return Support(unit, seen, tree, gap)


def _hull(one: Floats, other: Floats) -> Floats:
    return np.stack([np.minimum(one, other)[:, 0], np.maximum(one, other)[:, 1]], axis=1)


def _tree(points: Floats) -> tuple[Any, float]:
    """Return a tree of the points, and the largest distance to a nearest neighbour."""
    from scipy.spatial import KDTree

    tree = KDTree(points)
    if len(points) == 1:
        return tree, np.inf
    nearest = np.asarray(tree.query(points, k=2)[0])
    return tree, float(nearest[:, 1].max())
