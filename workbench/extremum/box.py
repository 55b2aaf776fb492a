"""The bounds of a search; inputs whose two bounds are equal stay where they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.errors import ArgumentError

Floats = NDArray[np.float64]

_NEAR = 1e-6  # of the width: what counts as at a bound


@dataclass(frozen=True, eq=False)
class Box:
    """Bounds of all inputs, and which of them are free.

    Attributes:
        low: Lower bounds (inputs,).
        high: Upper bounds (inputs,).
        free: Which inputs vary (inputs,).
    """

    low: Floats
    high: Floats
    free: NDArray[np.bool_]

    @property
    def width(self) -> Floats:
        """High minus low of the free inputs, ``(free,)``."""
        return (self.high - self.low)[self.free]

    @property
    def free_bounds(self) -> Floats:
        """Rows (low, high) of the free inputs, ``(free, 2)``."""
        return np.stack([self.low, self.high], axis=1)[self.free]

    def rows(self, members: Floats) -> Floats:
        """Return free inputs ``(n, free)`` with the others beside them ``(n, inputs)``."""
        rows = np.tile(self.low, (len(members), 1))
        rows[:, self.free] = members
        return rows

    def place(self, members: Floats) -> Floats:
        """Return free inputs as fractions of the way from low to high."""
        return np.clip((members - self.low[self.free]) / self.width, 0.0, 1.0)

    def member(self, place: Floats) -> Floats:
        """Return free inputs from fractions; both ends are met exactly."""
        low, high = self.low[self.free], self.high[self.free]
        inside = np.where(place < 0.5, low + place * self.width, high - (1 - place) * self.width)
        return np.clip(inside, low, high)

    def at_bound(self, row: Floats) -> NDArray[np.bool_]:
        """Return which inputs of a row ``(inputs,)`` lie at a bound; fixed ones never do."""
        near = _NEAR * (self.high - self.low)
        return self.free & ((row - self.low <= near) | (self.high - row <= near))


def box_of(bounds: object, inputs: int | None) -> Box:
    """Return checked bounds.

    Args:
        bounds: One row (low, high) an input, one pair for all, or `scipy.optimize.Bounds`.
        inputs: Number of inputs, if known.

    Raises:
        ArgumentError: They are no such bounds, or no input is free.
    """
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        bounds = np.stack(np.broadcast_arrays(bounds.lb, bounds.ub), axis=-1)
    fixed = _fixed(bounds)
    if fixed is None:
        checked = checks.bounds("bounds", bounds, inputs).astype(np.float64)
        return Box(checked[:, 0], checked[:, 1], np.full(len(checked), True))
    pairs = np.array(bounds, dtype=np.float64)
    checks.finite("bounds", pairs)
    values = pairs[fixed, 0].copy()
    pairs[fixed] = 0.0, 1.0  # any that pass the check
    pairs = checks.bounds("bounds", pairs, inputs).astype(np.float64)
    pairs[fixed] = values[:, None]
    if fixed.all():
        raise ArgumentError("bounds", "leave an input free", "low = high for every input")
    return Box(pairs[:, 0], pairs[:, 1], ~fixed)


def _fixed(bounds: ArrayLike | object) -> NDArray[np.bool_] | None:
    """Return which rows have equal bounds; None if there are none, or they are no rows."""
    try:
        pairs = np.asarray(bounds, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        return None
    equal = pairs[:, 0] == pairs[:, 1]
    return equal if equal.any() else None
