"""Crossovers for permutations: GAOT's, but for the recombination of edges.

GAOT (C. R. Houck, J. A. Joines and M. G. Kay, NCSU-IE TR 95-09) ships them for its order-based
representation; each names the paper it comes from. Compared by T. Starkweather and others, "A
comparison of genetic sequencing operators", ICGA 4, 1991.

A member is a permutation of 0 ... n-1, held in floats. Parents are drawn with GAOT's half weight
at both ends, cuts evenly; the operations follow one another.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from workbench.evolve.gaot_families import CROSSOVERS, Floats, Indices, operator, rounded_draw

Cross = Callable[[Indices, Indices, Floats], tuple[Indices, Indices]]


@operator(CROSSOVERS, "cyclicXover", "permutation")
def cycle_crossover(members: Floats, rng: np.random.Generator, *, crossovers: int = 2) -> Floats:
    """Exchange the genes outside one cycle, that of the value 0: each keeps its place.

    I. M. Oliver, D. J. Smith and J. R. C. Holland, "A study of permutation crossover operators
    on the traveling salesman problem", ICGA 2, 1987.

    Args:
        members: Permutations, shape (members, genes); left as they are.
        rng: Source of both parents.
        crossovers: Number of pairs, one after the other.
    """
    return crossed_pairs(members, rng, crossovers, _cycle, 0)


@operator(CROSSOVERS, "partmapXover", "permutation")
def partially_mapped_crossover(
    members: Floats, rng: np.random.Generator, *, crossovers: int = 2
) -> Floats:
    """Exchange the genes between two cuts, and replace what is now double by what it displaced.

    D. E. Goldberg and R. Lingle, "Alleles, loci, and the traveling salesman problem", ICGA 1, 1985.

    Args:
        members: Permutations, shape (members, genes); left as they are.
        rng: Source of both parents and of two cuts for each pair.
        crossovers: Number of pairs, one after the other.
    """
    return crossed_pairs(members, rng, crossovers, _part_mapped, 2)


@operator(CROSSOVERS, "orderbasedXover", "permutation")
def order_based_crossover(
    members: Floats, rng: np.random.Generator, *, crossovers: int = 2
) -> Floats:
    """Put the genes between two cuts into the order that they have in the other parent.

    GAOT's form of L. Davis, "Applying adaptive algorithms to epistatic domains", IJCAI, 1985.

    Args:
        members: Permutations, shape (members, genes); left as they are.
        rng: Source of both parents and of two cuts for each pair.
        crossovers: Number of pairs, one after the other.
    """
    return crossed_pairs(members, rng, crossovers, _order_based, 2)


@operator(CROSSOVERS, "singleptXover", "permutation")
def single_point_crossover(
    members: Floats, rng: np.random.Generator, *, crossovers: int = 2
) -> Floats:
    """Put the genes from a cut on into the order that they have in the other parent.

    Args:
        members: Permutations, shape (members, genes); left as they are.
        rng: Source of both parents and of a cut for each pair, 1 to genes-1.
        crossovers: Number of pairs, one after the other.
    """
    return crossed_pairs(members, rng, crossovers, _single_point, 1)


@operator(CROSSOVERS, "linerorderXover", "permutation")
def linear_order_crossover(
    members: Floats, rng: np.random.Generator, *, crossovers: int = 2
) -> Floats:
    """Take the genes between two cuts from the other parent, and keep the order of the others.

    E. Falkenauer and S. Bouffouix, "A genetic algorithm for job shop", ICRA, 1991.

    Args:
        members: Permutations, shape (members, genes); left as they are.
        rng: Source of both parents and of two cuts for each pair.
        crossovers: Number of pairs, one after the other.
    """
    return crossed_pairs(members, rng, crossovers, _linear_order, 2)


@operator(CROSSOVERS, "uniformXover", "permutation")
def uniform_order_crossover(
    members: Floats, rng: np.random.Generator, *, crossovers: int = 2
) -> Floats:
    """Put the genes at random places into the order that they have in the other parent.

    Each place is chosen by a fair coin; the second child reorders the places that the first
    keeps. L. Davis, "Handbook of Genetic Algorithms", 1991.

    Args:
        members: Permutations, shape (members, genes); left as they are.
        rng: Source of both parents and of a coin for each gene of each pair.
        crossovers: Number of pairs, one after the other.
    """
    return crossed_pairs(members, rng, crossovers, _uniform, members.shape[1])


def crossed_pairs(
    members: Floats, rng: np.random.Generator, crossovers: int, cross: Cross, uniforms: int
) -> Floats:
    """Replace random pairs of permutations by their children, one pair after the other.

    Args:
        members: Permutations, shape (members, genes); left as they are.
        rng: Source of both parents and of the uniforms of each pair.
        crossovers: Number of pairs.
        cross: Makes two children of two parents and the uniforms.
        uniforms: How many it needs.
    """
    children, uniform = members.astype(np.intp), rng.random((crossovers, 2 + uniforms))
    pairs = rounded_draw(uniform[:, :2], len(members)).tolist()
    for (first, second), drawn in zip(pairs, uniform[:, 2:], strict=True):
        if first != second:
            children[first], children[second] = cross(children[first], children[second], drawn)
    return children.astype(members.dtype)


def two_cuts(uniform: Floats | list[float], n: int) -> tuple[int, int]:
    """Return two cuts 0 <= a < b <= n; all pairs are equally likely."""
    first, second = int(uniform[0] * (n + 1)), int(uniform[1] * n)
    second += second >= first
    return min(first, second), max(first, second)


def _places(permutation: Indices) -> Indices:
    """Return the inverse permutation: where each value stands."""
    places = np.empty_like(permutation)
    places[permutation] = np.arange(len(permutation))
    return places


def _reordered(mine: Indices, other: Indices, chosen: slice | NDArray[np.bool_]) -> Indices:
    """Return ``mine`` with the genes at the chosen places in the order of ``other``."""
    child = mine.copy()
    child[chosen] = other[np.sort(_places(other)[mine[chosen]])]
    return child


def _order_based(first: Indices, second: Indices, uniform: Floats) -> tuple[Indices, Indices]:
    chosen = slice(*two_cuts(uniform, len(first)))
    return _reordered(first, second, chosen), _reordered(second, first, chosen)


def _single_point(first: Indices, second: Indices, uniform: Floats) -> tuple[Indices, Indices]:
    chosen = slice(1 + int(uniform[0] * (len(first) - 1)), None)
    return _reordered(first, second, chosen), _reordered(second, first, chosen)


def _uniform(first: Indices, second: Indices, uniform: Floats) -> tuple[Indices, Indices]:
    chosen = uniform < 0.5
    return _reordered(first, second, chosen), _reordered(second, first, ~chosen)


def _linear_order(first: Indices, second: Indices, uniform: Floats) -> tuple[Indices, Indices]:
    start, end = two_cuts(uniform, len(first))

    def child(mine: Indices, other: Indices) -> Indices:
        taken = np.zeros(len(mine), dtype=bool)
        taken[other[start:end]] = True
        rest = mine[~taken[mine]]
        return np.concatenate([rest[:start], other[start:end], rest[start:]])

    return child(first, second), child(second, first)


def _cycle(first: Indices, second: Indices, uniform: Floats) -> tuple[Indices, Indices]:
    mine, theirs = _places(first).tolist(), second.tolist()
    cycle = np.zeros(len(first), dtype=bool)
    place = mine[0]
    while not cycle[place]:
        cycle[place] = True
        place = mine[theirs[place]]
    return np.where(cycle, first, second), np.where(cycle, second, first)


def _part_mapped(first: Indices, second: Indices, uniform: Floats) -> tuple[Indices, Indices]:
    start, end = two_cuts(uniform, len(first))

    def child(mine: Indices, other: Indices) -> Indices:
        displaced = dict(zip(other[start:end].tolist(), mine[start:end].tolist(), strict=True))
        made = mine.tolist()
        for place in (*range(start), *range(end, len(made))):
            while made[place] in displaced:
                # No chain meets another, so that each link is needed once.
                made[place] = displaced.pop(made[place])
        made[start:end] = other[start:end].tolist()
        return np.array(made, dtype=np.intp)

    return child(first, second), child(second, first)
