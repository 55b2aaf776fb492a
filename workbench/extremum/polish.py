"""From the places a search leaves to local optima: where to start, and the descent from there.

Starts are chosen by topographs (A. Törn and S. Viitanen, "Topographical global optimization
using pre-sampled points", Journal of Global Optimization 5 (1994), pp. 267-276): of many points
scattered over the box, those that are better than all their nearest neighbours. There is about
one for each basin, where the best points by value would crowd in the deepest.

The descent is L-BFGS-B (R. H. Byrd, P. Lu, J. Nocedal and C. Zhu, SIAM J. Sci. Comput. 16
(1995), pp. 1190-1208) with the exact gradient of a network, or with central differences. It
never ends worse than it began. At the kinks of a network of poslin neurons, and on the steps of
a decision tree, there is no gradient to follow to the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.extremum.box import Box
from workbench.extremum.surface import Surface

Floats = NDArray[np.float64]

_ITERATIONS = 500
_NEIGHBOURS = 8  # and two an input, where that is more
_WALL = 1e30  # stands for a value that is no number; the line search then steps back


@dataclass(frozen=True, eq=False)
class Polished:
    """Where a descent ended.

    Attributes:
        x: The inputs ``(inputs,)``.
        value: Value there.
        gradient: Gradient there ``(inputs,)`` by the inputs, without what leads out of the box.
        evaluations: Rows evaluated.
    """

    x: Floats
    value: float
    gradient: Floats
    evaluations: int


def starts(points: Floats, values: Floats, count: int, apart: Floats) -> Floats:
    """Return the places to start from, the best first.

    Args:
        points: Points ``(n, free)``, as fractions of the box.
        values: Their values ``(n,)``, lower is better.
        count: Most starts.
        apart: Least distance of two, as fractions of the box ``(free,)``.
    """
    from scipy.spatial import KDTree

    points, places = np.unique(points, axis=0, return_index=True)
    values = values[places]
    neighbours = min(max(_NEIGHBOURS, 2 * points.shape[1]), len(points) - 1)
    minima = np.arange(len(points))
    if neighbours > 0:
        _, near = KDTree(points).query(points, k=neighbours + 1)
        minima = np.flatnonzero(values <= values[near].min(axis=1))
    minima = minima[np.isfinite(values[minima])]
    minima = minima[values[minima].argsort(kind="stable")]
    kept = distinct(points[minima] / apart, count)
    return points[minima[kept]]


def distinct(points: Floats, count: int) -> list[int]:
    """Return the first points that are at least 1 from all those before, at most ``count``."""
    kept: list[int] = []
    for number, point in enumerate(points):
        if len(kept) == count:
            break
        if not kept or (np.linalg.norm(points[kept] - point, axis=1) >= 1).all():
            kept.append(number)
    return kept


def polished(surface: Surface, box: Box, sign: float, start: Floats, spread: float) -> Polished:
    """Descend from a start to a local optimum within the box.

    Args:
        surface: The surface.
        box: Bounds.
        sign: 1 to minimise, -1 to maximise.
        start: Where from, as fractions of the box ``(free,)``.
        spread: How far values differ over the box; the unit of what is minimised, so that the
            stopping rules mean the same for all surfaces.
    """
    from scipy.optimize import minimize

    evaluations = 0

    def scaled(place: Floats) -> tuple[float, Floats]:
        nonlocal evaluations
        value, gradient, rows = _slope(surface, box, place)
        evaluations += rows
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            return _WALL, np.zeros_like(gradient)
        return sign * value / spread, sign * gradient / spread

    found = minimize(
        scaled,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, 1.0)] * len(start),
        # Down to where rounding stops it; a value is flat long before a gradient is zero.
        options={"maxiter": _ITERATIONS, "ftol": 0.0, "gtol": 1e-10},
    )
    ends = [np.clip(found.x, 0.0, 1.0), start]
    rows = box.rows(np.stack([box.member(place) for place in ends]))
    values = surface.values(rows)
    rounding = 10 * surface.precision * max(spread, float(np.abs(values[1])))
    # Values that rounding may have swapped: then the end has the smaller gradient.
    best = 0 if sign * values[0] <= sign * values[1] + rounding else 1
    _, gradient, count = _slope(surface, box, ends[best])
    return Polished(
        rows[best],
        float(values[best]),
        _projected(gradient, ends[best], box, sign),
        evaluations + count + len(rows),
    )


def _slope(surface: Surface, box: Box, place: Floats) -> tuple[float, Floats, int]:
    """Return value and gradient by the fractions, and how many rows that took."""
    if surface.slope is not None:
        value, gradient = surface.slope(box.rows(box.member(place)[None])[0])
        return value, gradient[box.free] * box.width, 1
    # Central differences, all in one call; at a bound they become one-sided. Their errors of
    # truncation, h^2, and of rounding, precision / h, are alike at the cube root.
    steps = np.eye(len(place)) * surface.precision ** (1 / 3)
    up, down = np.minimum(place + steps, 1.0), np.maximum(place - steps, 0.0)
    places = np.concatenate([place[None], up, down])
    values = surface.values(box.rows(box.member(places)))
    above, below = values[1 : 1 + len(place)], values[1 + len(place) :]
    with np.errstate(invalid="ignore"):  # infinite on both sides; the wall deals with it
        gradient = (above - below) / (up - down).diagonal()
    return float(values[0]), gradient, len(places)


def _projected(gradient: Floats, place: Floats, box: Box, sign: float) -> Floats:
    downhill = -sign * gradient
    stopped = ((place <= 0) & (downhill < 0)) | ((place >= 1) & (downhill > 0))
    whole = np.zeros(len(box.low))
    whole[box.free] = np.where(stopped, 0.0, gradient) / box.width
    return whole
