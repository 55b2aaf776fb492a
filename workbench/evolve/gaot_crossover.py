"""Crossovers for members of numbers: GAOT's three, and the textbook's.

Sources: C. R. Houck, J. A. Joines and M. G. Kay, NCSU-IE TR 95-09, section 3.2, after
Z. Michalewicz, "Genetic Algorithms + Data Structures = Evolution Programs", 1992; heuristic
crossover is A. H. Wright's, "Genetic algorithms for real parameter optimization", FOGA 1, 1991;
the textbook is "MATLAB Neural Networks: 30 cases".

Integer and binary genes are crossed like real ones; `workbench.evolve.gaot_whole` makes them whole
again. Operations of one generation follow one another: the second of two that meet the same
member starts from what the first has left. That is why the changes are applied in a loop; only
the random numbers are drawn in one go.
"""

from __future__ import annotations

import numpy as np

from workbench.evolve.gaot_families import CROSSOVERS, Floats, operator, rounded_draw


@operator(CROSSOVERS, "arithXover", "real", "integer", "binary")
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


@operator(CROSSOVERS, "simpleXover", "real", "integer", "binary")
def simple_crossover(members: Floats, rng: np.random.Generator, *, crossovers: int = 2) -> Floats:
    """Exchange the genes of pairs from a random place on: Holland's one-point crossover.

    Pairs and places are drawn with GAOT's half weight at both ends; the place is 1 to genes-1.

    Args:
        members: Population, shape (members, genes); left as it is. Of one gene, it stays so.
        rng: Source of both parents and of the place for each pair.
        crossovers: Number of pairs, one after the other.
    """
    n, genes = members.shape
    children, uniform = members.copy(), rng.random((crossovers, 3))
    if genes == 1:
        return children
    pairs = rounded_draw(uniform[:, :2], n).tolist()
    cuts = (1 + rounded_draw(uniform[:, 2], genes - 1)).tolist()
    for (first, second), cut in zip(pairs, cuts, strict=True):
        kept = children[first, cut:].copy()
        children[first, cut:] = children[second, cut:]
        children[second, cut:] = kept
    return children


@operator(CROSSOVERS, "heuristicXover", "real", "integer")
def heuristic_crossover(
    members: Floats,
    rng: np.random.Generator,
    *,
    values: Floats,
    bounds: Floats,
    crossovers: int = 2,
    retries: int = 3,
) -> Floats:
    """Replace the worse of pairs by a step beyond the better: better + a (better - worse).

    A child out of the bounds is tried again with another ``a``; after the last try the pair stays
    as it is. All pairs are of parents, for a child has no value yet by which to tell the better:
    here, unlike in GAOT, operations do not follow one another, and of two that replace the same
    member the last one counts.

    Args:
        members: Population, shape (members, genes); left as it is.
        rng: Source of both parents and of ``retries`` scalars for each pair.
        values: Objective of each member, lower is better.
        bounds: Rows (low, high), shape (genes, 2).
        crossovers: Number of pairs.
        retries: How often ``a`` is drawn at most.
    """
    children, uniform = members.copy(), rng.random((crossovers, 2 + retries))
    first, second = rounded_draw(uniform[:, :2], len(members)).T
    ahead = values[first] <= values[second]
    better, worse = np.where(ahead, first, second), np.where(ahead, second, first)
    step = members[better] - members[worse]
    tried = members[better, None] + uniform[:, 2:, None] * step[:, None]
    inside = ((tried >= bounds[:, 0]) & (tried <= bounds[:, 1])).all(axis=2)
    pairs = np.flatnonzero(inside.any(axis=1) & (better != worse))
    # Assigned one by one where a member is replaced twice, in the order of the pairs.
    children[worse[pairs]] = tried[pairs, inside[pairs].argmax(axis=1)]
    return children


@operator(CROSSOVERS, "geneXover", "real", "integer", "binary")
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
