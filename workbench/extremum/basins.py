"""Basins of a surface: what a search and scattered points show of them, and their deepest points.

The search's last population alone would not do for several optima: it has gathered in one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.extremum.box import Box
from workbench.extremum.polish import Polished, distinct, polished, starts
from workbench.extremum.support import Support
from workbench.extremum.surface import Surface

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

Floats = NDArray[np.float64]

_SCATTERED = 1024  # points of a Sobol sequence, whose balance wants a power of two
_STARTS = 8  # for each optimum


def signed(surface: Surface, box: Box, sign: float, members: Floats) -> Floats:
    """Return what is minimised: members ``(n, free)`` to values ``(n,)``, infinity the worst."""
    values = sign * surface.values(box.rows(members))
    return np.where(np.isfinite(values), values, np.inf)


@dataclass(frozen=True, eq=False)
class Basins:
    """What leads from the end of a search to its local optima.

    Attributes:
        surface: The surface.
        box: Bounds of the search.
        support: The data, which say what distances mean.
        sign: 1 to minimise, -1 to maximise.
        apart: Least distance of two optima, in scaled inputs.
        wanted: Most optima.
    """

    surface: Surface
    box: Box
    support: Support
    sign: float
    apart: float
    wanted: int

    @property
    def distance(self) -> Floats:
        """Least distance of two optima as fractions of the box, ``(free,)``."""
        unit = self.support.unit[self.box.free]
        # An input without a unit, constant in the data, counts by the width of its bounds.
        return self.apart * np.where(np.isfinite(unit), unit / self.box.width, 1.0)

    def polished(
        self, search: OptimizeResult, rng: np.random.Generator
    ) -> tuple[list[Polished], int]:
        """Descend from the best point of each basin.

        Args:
            search: Result of the search, of the free inputs and negated for a maximum.
            rng: Source of the scattered points.

        Returns:
            Distinct optima, the best first, and the number of rows evaluated.
        """
        from scipy.stats import qmc

        box = self.box
        scattered = box.member(qmc.Sobol(len(box.width), rng=rng).random(_SCATTERED))
        values = signed(self.surface, box, self.sign, scattered)
        members = np.concatenate([search.x[None], search.population, scattered])
        values = np.concatenate([[search.fun], search.population_values, values])
        spread = float(np.ptp(values[np.isfinite(values)])) or 1.0
        places = box.place(members)
        # More starts than optima, since several may lead to one.
        begin = starts(places, values, _STARTS * self.wanted, self.distance)
        ends = [
            polished(self.surface, box, self.sign, place, spread)
            for place in np.concatenate([places[:1], begin])
        ]
        return self._distinct(ends), _SCATTERED + sum(end.evaluations for end in ends)

    def unpolished(self, search: OptimizeResult) -> tuple[list[Polished], int]:
        """Take the best members of the search as they are; see `polished`."""
        members = np.concatenate([search.x[None], search.population])
        rows = self.box.rows(members)
        values, unknown = self.surface.values(rows), np.full(rows.shape[1], np.nan)
        ends = [
            Polished(row, float(value), unknown, 1)
            for row, value in zip(rows, values, strict=True)
            if np.isfinite(value)
        ]
        return self._distinct(ends), len(rows)

    def _distinct(self, ends: list[Polished]) -> list[Polished]:
        ends = sorted(ends, key=lambda end: self.sign * end.value)
        places = self.box.place(np.stack([end.x[self.box.free] for end in ends]))
        return [ends[number] for number in distinct(places / self.distance, self.wanted)]
