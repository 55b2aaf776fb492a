"""ACO_R: ant colony optimisation for continuous genes.

Source: K. Socha and M. Dorigo, "Ant colony optimization for continuous domains", European
Journal of Operational Research 185 (2008) 1155-1173.

The pheromone is an archive of the k best members found, sorted. An ant draws one of them, the
better the likelier, and then each gene from a normal distribution around it, as wide as the
archive's members lie away from it on average. The archive contracts, and the search with it.

The paper's rotation of the coordinates, drawn anew for each ant, is left out: it costs an ant
genes^3 operations. Genes beyond a bound are set to it, of which the paper says nothing.

The paper has an archive of 50 for 2 ants a generation, q = 1e-4 and xi = 0.85. A whole population
of ants at once needs more than one guide: 100 ants with an archive of 100, 300 generations, 30
genes, median of 9 seeds (here -> the paper's q and xi): sphere 2e-14 -> 7e-9, Rosenbrock 30 -> 30,
Ackley 5e-7 -> 3, Rastrigin 100 -> 100, Griewank 3e-11 -> 2e-2. An archive of half the population
gets stuck more often, one of twice the population needs more generations.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from workbench import checks
from workbench.evolve.loop import METHODS, AskTell, Space

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Archive:
    """What the colony remembers.

    Attributes:
        members: The best found, best first, shape (up to size, genes).
        values: Their values.
        size: Members that the archive holds when it is full, k of the paper.
        ants: Candidates a generation, m of the paper.
        told: Whether the members have been evaluated.
    """

    members: Floats
    values: Floats
    size: int
    ants: int
    told: bool


@METHODS.register("aco")
@dataclass(frozen=True)
class AntColony(AskTell[Archive]):
    """Options of ACO_R.

    Attributes:
        archive: Members kept, at least 2; None keeps as many as the population has. A larger
            archive than the population is full after a few generations.
        q: How far down the archive ants look for a guide: ranks are chosen with the weights of
            a normal distribution of deviation ``q * archive`` around the first.
        xi: Width of the steps; less converges sooner. The paper's evaporation rate.
    """

    archive: int | None = None
    q: float = 0.1
    xi: float = 0.65

    State: ClassVar = Archive
    kinds: ClassVar[frozenset[str]] = frozenset({"real", "integer", "binary"})

    def __post_init__(self) -> None:
        if self.archive is not None:
            checks.integer("archive", self.archive, minimum=2)
        checks.real("q", self.q, 0, open_low=True)
        checks.real("xi", self.xi, 0, open_low=True)

    def init(self, space: Space, members: Floats, rng: np.random.Generator) -> Archive:
        """Start from the given members."""
        ants = len(members)
        unknown = np.full(ants, np.inf)
        return Archive(members, unknown, size=self.archive or ants, ants=ants, told=False)

    def ask(self, state: Archive, space: Space, rng: np.random.Generator) -> tuple[Floats, Archive]:
        """Return a new member for each ant."""
        chances = cumulative_weights(len(state.members), self.q)
        guide = chances.searchsorted(rng.random(state.ants), side="right")
        candidates = rng.standard_normal((state.ants, len(space.bounds)))
        candidates *= self.xi * mean_distances(state.members)[guide]
        candidates += state.members[guide]
        low, high = space.bounds.T
        np.maximum(candidates, low, out=candidates)
        return np.minimum(candidates, high, out=candidates), state

    def tell(self, state: Archive, candidates: Floats, values: Floats) -> Archive:
        """Keep the best of the archive and the candidates; of equals, the older."""
        if state.told:
            candidates = np.concatenate([state.members, candidates])
            values = np.concatenate([state.values, values])
        best = values.argsort(kind="stable")[: state.size]
        return replace(state, members=candidates[best], values=values[best], told=True)


@functools.lru_cache(maxsize=64)
def cumulative_weights(size: int, q: float) -> Floats:
    """Return the chance of a guide among the first r, for r = 1 ... size; the last is 1.

    Equations 9 and 10 of the paper: the weight of rank l is normal in l - 1 with a deviation of
    ``q * size``, and a guide's chance its share of all weights.
    """
    with np.errstate(over="ignore"):  # a tiny q leaves the best alone with a weight
        weights = np.exp(-0.5 * (np.arange(size) / (q * size)) ** 2)
    chances = weights.cumsum()
    chances /= chances[-1]
    chances.setflags(write=False)
    return chances


def mean_distances(members: Floats) -> Floats:
    """Return how far the others lie from each member on average, gene by gene.

    Equation 11 of the paper without xi: the sum over e of abs(x[e] - x[l]) / (k - 1). From the
    gaps between sorted neighbours it is found for all members at once: as many differences
    reach across a gap as there are members beyond it. The terms are positive, so that nothing
    cancels, however small the archive has become.

    Args:
        members: Shape (k, genes), k at least 2.

    Returns:
        Shape (k, genes).
    """
    last = len(members) - 1
    genes = np.ascontiguousarray(members.T)
    order = genes.argsort(axis=1)
    order += np.arange(0, genes.size, last + 1)[:, None]  # places in the flat array
    ordered = genes.take(order)
    gaps = ordered[:, 1:] - ordered[:, :-1]
    beyond = np.arange(1, last + 1) / last
    sums = np.zeros_like(genes)
    np.add.accumulate(gaps * beyond, axis=1, out=sums[:, 1:])
    sums[:, :-1] += (gaps * beyond[::-1])[:, ::-1].cumsum(axis=1)[:, ::-1]
    distances = np.empty_like(genes)
    distances.put(order, sums)
    return distances.T
