"""Selections: GAOT's three, with the textbook's scale for the roulette wheel.

Sources: C. R. Houck, J. A. Joines and M. G. Kay, NCSU-IE TR 95-09, section 3.1, for the ranking
and the tournament; D. E. Goldberg and K. Deb, "A comparative analysis of selection schemes used in
genetic algorithms", FOGA 1, 1991, for how strongly they select.

A selection takes values ``(members,)``, lower is better, and returns the indices of the parents.
"""

from __future__ import annotations

import numpy as np

from workbench.errors import ArgumentError
from workbench.evolve.gaot_families import SELECTIONS, Floats, Indices, operator
from workbench.evolve.space import KINDS


@operator(SELECTIONS, "normGeomSelect", *KINDS)
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


@operator(SELECTIONS, "roulette", *KINDS)
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


@operator(SELECTIONS, "tournSelect", *KINDS)
def tournament_select(values: Floats, rng: np.random.Generator, *, tournament: int = 2) -> Indices:
    """Select the best of so many members drawn with replacement, once for each place.

    Of n members without ties the one of rank r wins a place with the probability
    ((n-r+1)/n)^k - ((n-r)/n)^k, where k is the size of the tournament.

    Args:
        values: Objective of each member, lower is better.
        rng: Source of the contestants.
        tournament: Members in a tournament; 1 selects blindly.
    """
    n = len(values)
    contestants = rng.integers(n, size=(n, tournament))
    winners = values[contestants].argmin(axis=1)
    return contestants[np.arange(n), winners]


def _spin(cumulative: Floats, uniform: Floats) -> Indices:
    # Rounding may leave the last sum a little below 1, and a uniform above it.
    found = cumulative.searchsorted(uniform, side="right")
    return np.minimum(found, len(cumulative) - 1)
