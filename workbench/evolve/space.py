"""Where the members of a search come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Space:
    """Where the members of a search come from.

    Attributes:
        bounds: Rows (low, high), shape (genes, 2).
        sample: Draws members from a generator and their number, shape (n, genes); None draws
            uniformly within the bounds.
    """

    bounds: Floats
    sample: Callable[[np.random.Generator, int], Floats] | None = None

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Return so many new members, shape (count, genes)."""
        if self.sample is not None:
            return self.sample(rng, count)
        low, high = self.bounds.T
        return rng.uniform(low, high, size=(count, len(low)))
