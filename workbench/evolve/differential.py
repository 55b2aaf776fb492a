"""Differential evolution: members move by the differences of others.

Source: R. Storn and K. Price, "Differential evolution: a simple and efficient heuristic for global
optimization over continuous spaces", J. Global Optimization 11 (1997) 341-359, in the form of
`scipy.optimize.differential_evolution` with ``updating="deferred"`` and ``vectorized=True``: its
strategies, its dither, its defaults, and its way with genes out of bounds, which are drawn anew.

SciPy's own solver is not called because it evaluates by itself and cannot be asked and told, nor
stopped and gone on with: a solver begun from an old population draws other numbers. It also
chooses partners and compares values member by member in Python. Here a generation is arithmetic
on the whole population. Given the same random numbers both make the same members, to the last
bit; the tests hold this file to that. Only partners are drawn otherwise, with the same
distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench import checks
from workbench.errors import ArgumentError, UnknownNameError
from workbench.evolve.loop import METHODS, AskTell, Space

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True)
class Evolving:
    """The members ``(n, genes)`` of a generation with their values ``(n,)``, the best first."""

    members: Floats
    values: Floats


class Mutation(NamedTuple):
    """How mutants ``(n, genes)`` are made of members, partners ``(partners, n)`` and scale."""

    partners: int
    mutants: Callable[[Floats, Indices, float], Floats]


def _best1(x: Floats, r: Indices, scale: float) -> Floats:
    return x[0] + scale * (x[r[0]] - x[r[1]])


def _rand1(x: Floats, r: Indices, scale: float) -> Floats:
    return x[r[0]] + scale * (x[r[1]] - x[r[2]])


def _randtobest1(x: Floats, r: Indices, scale: float) -> Floats:
    start = x[r[0]]
    return start + scale * (x[0] - start) + scale * (x[r[1]] - x[r[2]])


def _currenttobest1(x: Floats, r: Indices, scale: float) -> Floats:
    return x + scale * (x[0] - x + x[r[0]] - x[r[1]])


def _best2(x: Floats, r: Indices, scale: float) -> Floats:
    return x[0] + scale * (x[r[0]] + x[r[1]] - x[r[2]] - x[r[3]])


def _rand2(x: Floats, r: Indices, scale: float) -> Floats:
    return x[r[0]] + scale * (x[r[1]] + x[r[2]] - x[r[3]] - x[r[4]])


def binomial(uniform: Floats, first: Indices, recombination: float) -> Booleans:
    """Return which genes come from the mutant: each by chance, and ``first`` at any rate.

    Args:
        uniform: Random numbers in [0, 1), shape (n, genes).
        first: One gene a member, shape (n,).
        recombination: Probability of each other gene.
    """
    crossed = uniform < recombination
    crossed[np.arange(len(first)), first] = True
    return crossed


def exponential(uniform: Floats, first: Indices, recombination: float) -> Booleans:
    """Return which genes come from the mutant: a run that begins at ``first``, around the end.

    Args:
        uniform: Random numbers in [0, 1), shape (n, genes); the run goes on while they are below
            ``recombination``, the first of them not asked.
        first: Where the run begins, shape (n,).
        recombination: Probability of going on.
    """
    genes = uniform.shape[1]
    over = uniform >= recombination
    over[:, 0] = False
    length = np.where(over.any(axis=1), over.argmax(axis=1), genes)
    place = (np.arange(genes) - first[:, None]) % genes
    return place < length[:, None]


MUTATIONS: dict[str, Mutation] = {
    "best1": Mutation(2, _best1),
    "rand1": Mutation(3, _rand1),
    "randtobest1": Mutation(3, _randtobest1),
    "currenttobest1": Mutation(2, _currenttobest1),
    "best2": Mutation(4, _best2),
    "rand2": Mutation(5, _rand2),
}
CROSSOVERS: dict[str, Callable[[Floats, Indices, float], Booleans]] = {
    "bin": binomial,
    "exp": exponential,
}
STRATEGIES = {m + c: (MUTATIONS[m], CROSSOVERS[c]) for c in CROSSOVERS for m in MUTATIONS}


def partners(n: int, count: int, rng: np.random.Generator) -> Indices:
    """Draw for each of ``n`` members ``count`` others, all different; shape (count, n).

    SciPy shuffles all indices once for each member. Here the i-th partner of all members is drawn
    among the n-1-i indices left, and counted on past those that are taken, in ascending order.

    A population without so many others has partners drawn from all members, with replacement.
    """
    uniform = rng.random((count, n))
    if n <= count:
        return (uniform * n).astype(np.intp)
    drawn = (uniform * np.arange(n - 1, n - 1 - count, -1)[:, None]).astype(np.intp)
    taken: list[Indices] = [np.arange(n)]
    for index in drawn:
        for other in taken:
            index += index >= other
        rest = index
        for place, other in enumerate(taken):
            taken[place], rest = np.minimum(other, rest), np.maximum(other, rest)
        taken.append(rest)
    return drawn


def returned(trials: Floats, bounds: Floats, rng: np.random.Generator) -> Floats:
    """Draw genes of ``trials`` (n, genes) that are out of ``bounds`` anew, in place."""
    low, high = bounds.T
    outside = (trials > high) | (trials < low)
    if outside.any():
        genes = outside.nonzero()[1]
        low, high = low[genes], high[genes]
        # The sum may pass the upper bound by its rounding error.
        trials[outside] = np.minimum(low + rng.random(len(genes)) * (high - low), high)
    return trials


@METHODS.register("de")
@dataclass(frozen=True)
class DifferentialEvolution(AskTell[Evolving]):
    """Options of differential evolution, named as SciPy names them.

    Attributes:
        strategy: What is mutated and how it is crossed: ``"best1"``, ``"rand1"``,
            ``"randtobest1"``, ``"currenttobest1"``, ``"best2"`` or ``"rand2"``, followed by
            ``"bin"`` or ``"exp"``.
        mutation: Weight of the differences, from 0 to 2; or a pair (low, high) between which it
            is drawn for each generation.
        recombination: Probability, from 0 to 1, that a gene comes from the mutant.

    Raises:
        UnknownNameError: No such strategy.
        ArgumentError: A value out of range.
    """

    State: ClassVar[type] = Evolving

    strategy: str = "best1bin"
    mutation: float | tuple[float, float] = (0.5, 1.0)
    recombination: float = 0.7

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise UnknownNameError("strategy", self.strategy, STRATEGIES)
        self._weights()
        checks.real("recombination", self.recombination, 0, 1)

    def init(self, space: Space, members: Floats, rng: np.random.Generator) -> Evolving:
        """Start from the given members."""
        return Evolving(members, np.full(len(members), np.inf))

    def ask(
        self, state: Evolving, space: Space, rng: np.random.Generator
    ) -> tuple[Floats, Evolving]:
        """Return one trial for each member."""
        mutation, crossover = STRATEGIES[self.strategy]
        n, genes = state.members.shape
        low, high = self._weights()
        scale = low if low == high else rng.uniform(low, high)
        chosen = partners(n, mutation.partners, rng)
        mutants = mutation.mutants(state.members, chosen, scale)
        first = rng.integers(genes, size=(n,))
        crossed = crossover(rng.random((n, genes)), first, self.recombination)
        trials = np.where(crossed, mutants, state.members)
        return returned(trials, space.bounds, rng), state

    def tell(self, state: Evolving, candidates: Floats, values: Floats) -> Evolving:
        """Let each trial that is as good as its member replace it, and put the best first."""
        better = values <= state.values
        values = np.where(better, values, state.values)
        members = np.where(better[:, None], candidates, state.members)
        best = int(values.argmin())
        if best:
            members[[0, best]] = members[[best, 0]]
            values[[0, best]] = values[[best, 0]]
        return Evolving(members, values)

    def _weights(self) -> tuple[float, float]:
        """Return the lowest and the highest weight of the differences."""
        given = self.mutation if isinstance(self.mutation, tuple | list) else (self.mutation,) * 2
        if len(given) != 2:
            raise ArgumentError("mutation", "be a number or a pair (low, high)", self.mutation)
        low, high = (checks.real("mutation", weight, 0, 2) for weight in given)
        return min(low, high), max(low, high)
