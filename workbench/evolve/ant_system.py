"""The ant system, on permutations.

Source: M. Dorigo, V. Maniezzo and A. Colorni, "Ant system: optimization by a colony of
cooperating agents", IEEE Transactions on Systems, Man, and Cybernetics B 26(1) (1996) 29-41.

An ant walks from place to place. It chooses the next with a chance that grows with the trail on
the way there, and with its nearness. Then trails evaporate, and ants lay new ones, stronger for
better walks. All ants of a generation walk at once, step by step.

How much they lay is the paper's Q/value ("ant-cycle"), or follows from ranks alone, with the
weights of B. Bullnheimer, R. F. Hartl and C. Strauss, "A new rank-based version of the ant
system", Central European Journal for Operations Research and Economics 7 (1999) 25-38: the r-th
best of a generation counts w - r times and the best of the search w times. Their factor 1/value
is left out here, so that values of any sign will do.

Measured on random points in a square, 50 ants, median of 7 to 11 seeds, tour length beside the
best of 30 runs of 2-opt: 30 points in 100 generations 1.000 (rho 0.5: 1.009, Q/value 1.004), 50
points in 200 generations 0.991 (1.009, 1.023). Without distances 1.15 and 1.33, Q/value 2.2 and
3.6: a colony that knows no distances needs the ranks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.errors import ArgumentError
from workbench.evolve.loop import METHODS, AskTell, Space

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

LEAST = 1e-200  # A way that is not barred has a chance, however much of its trail is gone.


@dataclass(frozen=True)
class Trails:
    """What the colony remembers.

    Attributes:
        trails: Trail on the way from place i to place j, shape (places, places). Where walks
            are not closed, a last place stands for the outside, from which each walk comes.
        members: The last walks, shape (ants, genes).
        values: Their values.
        best: The best walk so far.
        best_value: Its value; infinity until there is a finite one.
    """

    trails: Floats
    members: Floats
    values: Floats
    best: Floats
    best_value: float


@METHODS.register("ant-system")
@dataclass(frozen=True, eq=False)  # arrays do not compare to one truth value
class AntSystem(AskTell[Trails]):
    """Options of the ant system, for members that are permutations.

    Attributes:
        distances: Positive lengths of the ways from gene value i to j, shape (genes, genes);
            ants prefer near places. Without any, trails alone guide them. What is minimised
            remains the objective.
        closed: The way back from the last place to the first counts, as in a tour.
        symmetric: A way is the same in both directions; None: if the distances are symmetric.
        alpha: Exponent of the trail.
        beta: Exponent of the nearness, 1/distance.
        rho: Fraction of a trail that stays; 0.5 in the paper.
        deposit: ``"rank"``, or ``"value"`` for the paper's Q/value, which needs positive values.
        ranks: Weight of the best of the search, w, with ``"rank"``; w - 1 ants lay trails.
        Q: Amount laid. It matters only beside a ``trail`` that is given.
        trail: Trail on every way initially; None: what the best of the search lays with
            ``"rank"``, and what all ants would lay, were they as good as the best of the first
            members, with ``"value"``.

    Raises:
        ArgumentError: An option out of range; a value of the objective that is not positive
            with ``deposit="value"``; distances for another number of genes.
    """

    distances: ArrayLike | None = None
    closed: bool = True
    symmetric: bool | None = None
    alpha: float = 1.0
    beta: float = 5.0
    rho: float = 0.9
    deposit: str = "rank"
    ranks: int = 6
    Q: float = 1.0
    trail: float | None = None

    State: ClassVar = Trails
    kinds: ClassVar[frozenset[str]] = frozenset({"permutation"})

    def __post_init__(self) -> None:
        checks.real("alpha", self.alpha, 0)
        checks.real("beta", self.beta, 0)
        checks.real("rho", self.rho, 0, 1)
        checks.integer("ranks", self.ranks)
        checks.real("Q", self.Q, 0, open_low=True)
        if self.trail is not None:
            checks.real("trail", self.trail, 0, open_low=True)
        if self.deposit not in ("rank", "value"):
            raise ArgumentError("deposit", 'be "rank" or "value"', self.deposit)
        if self.distances is not None:
            object.__setattr__(self, "distances", _checked(self.distances))

    def init(self, space: Space, members: Floats, rng: np.random.Generator) -> Trails:
        """Start from the given members, with equal trails."""
        genes = members.shape[1]
        if self.distances is not None and len(np.asarray(self.distances)) != genes:
            raise ArgumentError(
                "distances",
                f"have shape ({genes}, {genes}), a row for each gene",
                f"shape {np.asarray(self.distances).shape}",
            )
        places = genes + (not self.closed)
        unknown = np.full(len(members), np.inf)
        return Trails(np.ones((places, places)), members, unknown, members[0], np.inf)

    def ask(self, state: Trails, space: Space, rng: np.random.Generator) -> tuple[Floats, Trails]:
        """Return a new walk for each ant."""
        ants, places = len(state.members), len(state.trails)
        # A tour may begin anywhere; a walk that is not closed comes from outside, the last place.
        starts = rng.integers(0 if self.closed else places - 1, places, size=ants)
        walks = walk(self.attraction(state.trails), starts, rng)
        return walks[:, not self.closed :].astype(np.float64), state

    def tell(self, state: Trails, candidates: Floats, values: Floats) -> Trails:
        """Let trails evaporate, and lay new ones along the candidates."""
        trails, best, best_value = state.trails, state.best, state.best_value
        first = int(values.argmin())
        if values[first] < best_value:
            best, best_value = candidates[first], float(values[first])
        if best_value < np.inf:
            walks, amounts = self._laid(candidates, values, best)
            if state.best_value == np.inf:
                trails = np.full_like(trails, self._initial_trail(len(values), best_value))
            if amounts.any():  # evaporation alone changes no chance, and would end in zeros
                laid = self._along(walks, amounts, len(trails))
                trails = self.rho * trails + laid
        return Trails(trails, candidates, values, best, best_value)

    def attraction(self, trails: Floats) -> Floats:
        """Return trail^alpha * nearness^beta for each way, up to a factor (equation 4)."""
        weights = (trails / trails.max()) ** self.alpha
        if self.distances is not None:
            distances = np.asarray(self.distances)
            genes = len(distances)
            weights[:genes, :genes] *= (distances.min() / distances) ** self.beta
        return np.maximum(weights, LEAST)

    def _laid(self, candidates: Floats, values: Floats, best: Floats) -> tuple[Floats, Floats]:
        """Return walks, and how much is laid along each."""
        if self.deposit == "value":
            if values.min() <= 0:
                raise ArgumentError(
                    "objective",
                    'be positive for deposit="value"',
                    f"a value of {values.min():g}",
                    'Choose deposit="rank", which needs the ranks only.',
                )
            return candidates, self.Q / values
        order = values.argsort(kind="stable")[: self.ranks - 1]
        order = order[values[order] < np.inf]
        weights = self.ranks - np.arange(len(order) + 1.0)  # the best so far, then rank 1, 2, ...
        return np.concatenate([best[None], candidates[order]]), self.Q * weights

    def _initial_trail(self, ants: int, value: float) -> float:
        if self.trail is not None:
            return self.trail
        return self.Q * (ants / value if self.deposit == "value" else self.ranks)

    def _along(self, walks: Floats, amounts: Floats, places: int) -> Floats:
        """Return what is laid on each way, shape (places, places)."""
        # The ranks of a permutation are itself; those of any other member are a permutation.
        steps = walks.argsort(axis=1).argsort(axis=1)
        if not self.closed:
            outside = np.full((len(steps), 1), places - 1)
            steps = np.concatenate([outside, steps], axis=1)
        ways = steps * places + np.roll(steps, -1, axis=1)
        laid = np.zeros((places, places))
        np.add.at(laid.reshape(-1), ways.ravel(), amounts.repeat(places))
        return laid + laid.T if self._both_ways() else laid

    def _both_ways(self) -> bool:
        if self.symmetric is not None or self.distances is None:
            return bool(self.symmetric)
        distances = np.asarray(self.distances)
        return bool((distances == distances.T).all())


def walk(attraction: Floats, starts: Indices, rng: np.random.Generator) -> Indices:
    """Let each ant go to every place once.

    The chance of the next place is its share of the attraction of all that are not yet visited.

    Args:
        attraction: Positive weight of the way from place i to place j, shape (places, places).
        starts: First place of each ant.
        rng: Source of one uniform number an ant and step.

    Returns:
        The places in order, shape (ants, places).
    """
    ants, places = np.arange(len(starts)), len(attraction)
    uniform = rng.random((places, len(starts)))
    free = np.ones((len(starts), places))
    chances = np.empty_like(free)
    steps = np.empty((places, len(starts)), dtype=np.intp)
    steps[0], free[ants, starts] = starts, 0
    for step in range(1, places):
        attraction.take(steps[step - 1], axis=0, out=chances, mode="clip")
        chances *= free
        np.add.accumulate(chances, axis=1, out=chances)
        # A uniform number is below 1, so that the product is below the last sum.
        spun = chances[:, -1] * uniform[step]
        steps[step] = (chances > spun[:, None]).argmax(axis=1)
        free[ants, steps[step]] = 0
    return steps.T


def _checked(distances: ArrayLike) -> Floats:
    """Return distances with the largest on the diagonal, where they are of no account."""
    matrix = checks.matrix("distances", distances).astype(float)
    if matrix.shape[0] != matrix.shape[1]:
        raise ArgumentError("distances", "be square", f"shape {matrix.shape}")
    np.fill_diagonal(matrix, 0)
    np.fill_diagonal(matrix, matrix.max() or 1.0)
    if matrix.min() <= 0:
        row, column = np.argwhere(matrix <= 0)[0].tolist()
        raise ArgumentError(
            "distances",
            "be positive between different places",
            f"{matrix[row, column]:g} from {row} to {column}",
            "Give places that coincide a small distance.",
        )
    return matrix
