"""Genetic operators on whole populations: GAOT's, and those of the textbook programs.

GAOT: C. R. Houck, J. A. Joines and M. G. Kay, "A Genetic Algorithm for Function Optimization:
A Matlab Implementation", NCSU-IE TR 95-09, 1995. It names how many operations a generation
has; the textbook ("MATLAB Neural Networks: 30 cases") gives each a probability instead.

A selection takes values ``(members,)``, lower is better, and returns the indices of the parents.
A crossover takes and returns members ``(members, genes)``; a mutation also needs the bounds and
the fraction of the search that is over. Operations of one generation follow one another: the
second of two that meet the same member starts from what the first has left. That is why the
changes are applied in a loop; only the random numbers are drawn in one go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ArgumentError
from workbench.registry import Registry

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

SELECTIONS: Registry[Callable[..., Indices]] = Registry("selection")
CROSSOVERS: Registry[Callable[..., Floats]] = Registry("crossover")
MUTATIONS: Registry[Callable[..., Floats]] = Registry("mutation")


def rounded_draw(uniform: Floats, n: int) -> Indices:
    """Map uniform numbers to 0 ... n-1 as GAOT does, by ``round(rand*(n-1)+1)``.

    The first and the last index have half the weight of the others.
    """
    return np.rint(uniform * (n - 1)).astype(np.intp)


@SELECTIONS.register("normGeomSelect")
def norm_geom_select(values: Floats, rng: np.random.Generator, *, q: float = 0.08) -> Indices:
    """Select by normalised geometric ranking (TR 95-09, section 3.1).

    P(rank) = r (1-q)^(rank-1) with r = q / (1-(1-q)^n); the best has rank 1. The parents come
    in the order of the population, for the n uniforms are sorted along its cumulative sum.

    Args:
        values: Objective of each member, lower is better.
        rng: Source of the n uniforms.
        q: Probability of selecting the best, before normalising; in (0, 1].
    """
    n = len(values)
    probability = np.empty(n)
    ranked = values.argsort(kind="stable")
    probability[ranked] = q / (1.0 - (1.0 - q) ** n) * (1.0 - q) ** np.arange(n)
    return _spin(probability.cumsum(), np.sort(rng.random(n)))


@SELECTIONS.register("roulette")
def roulette_select(values: Floats, rng: np.random.Generator) -> Indices:
    """Select in proportion to 1/value, as the textbook's ``Select`` does.

    Raises:
        ArgumentError: A value is negative; a reciprocal ranks only values of one sign.
    """
    if values.min() < 0:
        raise ArgumentError(
            "objective",
            "be non-negative for selection='roulette'",
            f"a value of {values.min():g}",
            "Choose selection='normGeomSelect', which needs the ranks only.",
        )
    if values.min() == 0 or values.min() == np.inf:
        # The limit of 1/value: perfect members, or as many hopeless ones, share the wheel.
        weight = (values == values.min()).astype(float)
    else:
        # Relative to the best: the reciprocal of a value below 1e-308 is infinite.
        weight = values.min() / values
    wheel = weight.cumsum()
    return _spin(wheel / wheel[-1], rng.random(len(values)))


def _spin(cumulative: Floats, uniform: Floats) -> Indices:
    # Rounding may leave the last sum a little below 1, and a uniform above it.
    found = cumulative.searchsorted(uniform, side="right")
    return np.minimum(found, len(cumulative) - 1)


@CROSSOVERS.register("arithXover")
def arith_crossover(members: Floats, rng: np.random.Generator, *, crossovers: int = 2) -> Floats:
    """Replace pairs by their weighted means: c1 = a p1 + (1-a) p2, and c2 the mirror.

    Args:
        members: Population, shape (members, genes); left as it is.
        rng: Source of both parents and of one scalar ``a`` for each pair.
        crossovers: Number of pairs, one after the other.
    """
    children, uniform = members.copy(), rng.random((crossovers, 3))
    pairs = rounded_draw(uniform[:, :2], len(members)).tolist()
    for (first, second), a in zip(pairs, uniform[:, 2].tolist(), strict=True):
        # Written as a step from each parent: equal parents then give themselves to the last
        # bit, and need no evaluation.
        step = (1.0 - a) * (children[second] - children[first])
        if first != second:
            children[first] += step
            children[second] -= step
    return children


@CROSSOVERS.register("geneXover")
def gene_crossover(
    members: Floats, rng: np.random.Generator, *, crossover_probability: float = 0.3
) -> Floats:
    """Cross one gene of random pairs arithmetically, as the textbook's ``Cross`` does.

    As many pairs as there are members are drawn, with replacement, and each is crossed with
    the given probability.

    Args:
        members: Population, shape (members, genes); left as it is.
        rng: Source of pairs, genes and weights.
        crossover_probability: Probability of crossing a pair, in [0, 1].
    """
    n, genes = members.shape
    children, uniform = members.copy(), rng.random((n, 5))
    uniform = uniform[uniform[:, 0] < crossover_probability]
    pairs = (uniform[:, 1:3] * n).astype(int).tolist()
    places = (uniform[:, 3] * genes).astype(int).tolist()
    for (first, second), gene, a in zip(pairs, places, uniform[:, 4].tolist(), strict=True):
        step = a * (children[second, gene] - children[first, gene])
        if first != second:
            children[first, gene] += step
            children[second, gene] -= step
    return children


@MUTATIONS.register("nonUnifMutation")
def non_uniform_mutation(
    members: Floats,
    bounds: Floats,
    elapsed: float,
    rng: np.random.Generator,
    *,
    mutations: int = 2,
    shape: float = 3.0,
) -> Floats:
    """Move one gene of random members towards a bound, less and less far.

    The step is (distance to the bound) (U (1-g/G))^b in a fair direction (TR 95-09, section
    3.2). Member and gene are drawn with GAOT's half weight at both ends.

    Args:
        members: Population, shape (members, genes); left as it is.
        bounds: Rows (low, high), shape (genes, 2).
        elapsed: Fraction of the search that is over, g/G.
        rng: Source of members, genes, directions and steps.
        mutations: Number of mutations, one after the other.
        shape: The exponent b; a larger one makes smaller steps.
    """
    n, genes = members.shape
    uniform = rng.random((mutations, 4))
    rows, places = rounded_draw(uniform[:, 0], n), rounded_draw(uniform[:, 1], genes)
    return _mutated(members, bounds, elapsed, shape, rows, places, uniform[:, 2:])


@MUTATIONS.register("geneMutation")
def gene_mutation(
    members: Floats,
    bounds: Floats,
    elapsed: float,
    rng: np.random.Generator,
    *,
    mutation_probability: float = 0.1,
    shape: float = 2.0,
) -> Floats:
    """Mutate one gene of each member with a given probability: the textbook's ``Mutation``.

    The step follows the law of `non_uniform_mutation`; all genes are equally likely.

    Args:
        members: Population, shape (members, genes); left as it is.
        bounds: Rows (low, high), shape (genes, 2).
        elapsed: Fraction of the search that is over, g/G.
        rng: Source of members, genes, directions and steps.
        mutation_probability: Probability of mutating a member, in [0, 1].
        shape: The exponent b; a larger one makes smaller steps.
    """
    n, genes = members.shape
    uniform = rng.random((n, 4))
    rows = np.flatnonzero(uniform[:, 0] < mutation_probability)
    places = (uniform[rows, 1] * genes).astype(np.intp)
    return _mutated(members, bounds, elapsed, shape, rows, places, uniform[rows, 2:])


def _mutated(
    members: Floats,
    bounds: Floats,
    elapsed: float,
    shape: float,
    rows: Indices,
    places: Indices,
    uniform: NDArray[Any],
) -> Floats:
    children = members.copy()
    upwards = (uniform[:, 0] >= 0.5).astype(np.intp)
    goals = bounds[places, upwards].tolist()
    steps = ((uniform[:, 1] * (1.0 - elapsed)) ** shape).tolist()
    for row, gene, goal, step in zip(rows.tolist(), places.tolist(), goals, steps, strict=True):
        children[row, gene] += (goal - children[row, gene]) * step
    return children
