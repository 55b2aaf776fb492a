"""A memetic search: members learn, pass on what they learned, and exchange whole units.

Sources: P. Moscato, "On evolution, search, optimization, genetic algorithms and martial arts",
Caltech C3P report 826 (1989), for the idea; GAOT (C. R. Houck, J. A. Joines and M. G. Kay,
NCSU-IE TR 95-09) for the Lamarckian evaluation function, which hands back the member it improved.

It is made for an objective that trains: one that returns (members, values), the members after a
few steps of training. A generation is the best members, which go on learning, and children: each
a copy of one of the best with one unit, a neuron with the weights that lead into it, replaced by a
unit of another, or of a network drawn anew. The weights out of it become zero, so that the child
begins as its parent without that unit. Neurons are exchanged because single weights are not worth
it: two good networks hold the same neurons in another order, and their mean is a bad one.

Measured (benchmarks/evolved.py, 50 paired seeds, 100 epochs of trainlm after each start; test
error): it wins against Nguyen-Widrow and against a random multistart of untrained networks with as
many forward passes, on quadratic (50 of 50 both, median ratio 0.001), on the tables airfoil (49 and
46 of 50, ratios 0.72 and 0.78) and energy (38 and 35 of 50, 0.86 and 0.90, p = 7e-5). A multistart
that trains as many networks as long is harder: the search wins 45 of 50 on airfoil (0.84,
p = 2e-9), but only 31 on quadratic (0.60, p = 0.2) and 31 on energy (0.92, p = 0.02), where it ends
15 % lower on the training rows and the test rows hardly show it. Five times as many generations,
for both, change nothing (24 of 50 on quadratic, 28 on energy).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from workbench import checks
from workbench.evolve.loop import METHODS, AskTell, Space

if TYPE_CHECKING:
    from workbench.network.units import Units

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Elite:
    """The members ``(n, genes)`` of a generation with their values ``(n,)``."""

    members: Floats
    values: Floats


@METHODS.register("memetic")
@dataclass(frozen=True)
class Memetic(AskTell[Elite]):
    """Options of the memetic search.

    Attributes:
        keep: Members that go on learning, as a fraction of the population.
        fresh: Probability that a child takes its unit from a new network and not from another
            of the best.
        units: Which genes belong together, one entry a layer; `evolve_weights` knows them.
            Without any, each gene is taken with a probability of 1/5.
    """

    keep: float = 0.25
    fresh: float = 0.5
    units: tuple[Units, ...] = ()

    State: ClassVar = Elite

    def __post_init__(self) -> None:
        checks.real("keep", self.keep, 0, 1, open_low=True)
        checks.real("fresh", self.fresh, 0, 1)

    def init(self, space: Space, members: Floats, rng: np.random.Generator) -> Elite:
        """Start from the given members."""
        return Elite(members, np.full(len(members), np.inf))

    def ask(self, state: Elite, space: Space, rng: np.random.Generator) -> tuple[Floats, Elite]:
        """Return the best members, and children in the places of the others."""
        size = len(state.members)
        kept = min(max(round(self.keep * size), 1), size - 1)
        best = state.members[state.values.argsort(kind="stable")[:kept]]
        children = best[rng.integers(kept, size=size - kept)]
        others = best[rng.integers(kept, size=size - kept)]
        new = rng.random(size - kept) < self.fresh
        others[new] = space.draw(int(new.sum()), rng)
        for child, other in zip(children, others, strict=True):
            self._exchange(child, other, rng)
        return np.concatenate([best, children]), state

    def tell(self, state: Elite, candidates: Floats, values: Floats) -> Elite:
        """Take the candidates, as their training left them, for the generation."""
        return Elite(candidates, values)

    def _exchange(self, child: Floats, other: Floats, rng: np.random.Generator) -> None:
        """Write a unit of ``other`` into ``child``."""
        if not self.units:
            taken = rng.random(len(child)) < 0.2
            child[taken] = other[taken]
            return
        layer = self.units[rng.integers(len(self.units))]
        to, of = rng.integers(len(layer.incoming), size=2)
        child[layer.incoming[to]] = other[layer.incoming[of]]
        child[layer.outgoing[to]] = 0
