"""Random multistart: draws from the space, and the best of them.

The control for any search that claims to be better than luck: give both the same number of
evaluations (J. Bergstra and Y. Bengio, "Random Search for Hyper-Parameter Optimization", JMLR
13, 2012, make the case for it as a baseline).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from workbench.evolve.loop import METHODS, AskTell, Space
from workbench.evolve.space import KINDS

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Draws:
    """The last draws ``members`` (n, genes) with their values (n,)."""

    members: Floats
    values: Floats


@METHODS.register("multistart")
@dataclass(frozen=True)
class Multistart(AskTell[Draws]):
    """Draw each generation anew. It has no options.

    With ``evaluations`` set, the last generation is cut short, so that exactly as many members
    are evaluated.
    """

    State: ClassVar = Draws
    kinds: ClassVar = frozenset(KINDS)

    def init(self, space: Space, members: Floats, rng: np.random.Generator) -> Draws:
        """Start from the given members."""
        return Draws(members, np.full(len(members), np.inf))

    def ask(self, state: Draws, space: Space, rng: np.random.Generator) -> tuple[Floats, Draws]:
        """Draw as many members as before."""
        return space.draw(len(state.members), rng), state

    def tell(self, state: Draws, candidates: Floats, values: Floats) -> Draws:
        """Keep the draws; the ledger remembers the best."""
        return Draws(candidates, values)
