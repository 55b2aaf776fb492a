"""Crossovers for permutations: GAOT's, but for the recombination of edges.

GAOT (C. R. Houck, J. A. Joines and M. G. Kay, NCSU-IE TR 95-09) ships them for its order-based
representation; each names the paper it comes from. Compared by T. Starkweather and others, "A
comparison of genetic sequencing operators", ICGA 4, 1991.

A member is a permutation of 0 ... n-1, held in floats. Parents are drawn with GAOT's half weight
at both ends, cuts evenly; the operations follow one another. What an operator makes of two parents
is all that its function says; `order_crossover` makes the crossover of a population of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import numpy as np
from numpy.typing import NDArray

from workbench.evolve.gaot_families import CROSSOVERS, Floats, Indices, operator, rounded_draw

Cross = Callable[[Indices, Indices, Floats], tuple[Indices, Indices]]


def order_crossover(
    name: str, uniforms: Callable[[int], int]
) -> Callable[[Cross], Callable[..., Floats]]:
    """Return a decorator that makes an operator of the crossing of two, and registers it.

    The operator takes permutations ``(members, genes)``, which it leaves as they are, a
    generator, and ``crossovers``, the number of pairs, one after the other.

    Args:
        name: GAOT's name.
        uniforms: How many uniforms a pair needs besides those that choose it, by its genes.
    """

    def made(cross: Cross) -> Callable[..., Floats]:
        @operator(CROSSOVERS, name, "permutation")
        @wraps(cross)
        def crossover(members: Floats, rng: np.random.Generator, *, crossovers: int = 2) -> Floats:
            children = members.astype(np.intp)
            uniform = rng.random((crossovers, 2 + uniforms(members.shape[1])))
            pairs = rounded_draw(uniform[:, :2], len(members)).tolist()
            for (one, other), drawn in zip(pairs, uniform[:, 2:], strict=True):
                if one != other:
                    children[one], children[other] = cross(children[one], children[other], drawn)
            return children.astype(members.dtype)

        del crossover.__wrapped__  # its own signature is the one that counts
        return crossover

    return made


@order_crossover("cyclicXover", lambda genes: 0)
def cycle_crossover(first: Indices, second: Indices, uniform: Floats) -> tuple[Indices, Indices]:
    """Exchange the genes outside one cycle, that of the value 0: each keeps its place.

    I. M. Oliver, D. J. Smith and J. R. C. Holland, "A study of permutation crossover operators
    on the traveling salesman problem", ICGA 2, 1987.
    """
    mine, theirs = _places(first).tolist(), second.tolist()
    cycle = np.zeros(len(first), dtype=bool)
    place = mine[0]
    while not cycle[place]:
        cycle[place] = True
        place = mine[theirs[place]]
    return np.where(cycle, first, second), np.where(cycle, second, first)


@order_crossover("partmapXover", lambda genes: 2)
def partially_mapped_crossover(
    first: Indices, second: Indices, uniform: Floats
) -> tuple[Indices, Indices]:
    """Exchange the genes between two cuts, and replace what is now double by what it displaced.

    D. E. Goldberg and R. Lingle, "Alleles, loci, and the traveling salesman problem", ICGA 1, 1985.
    """
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


@order_crossover("orderbasedXover", lambda genes: 2)
def order_based_crossover(
    first: Indices, second: Indices, uniform: Floats
) -> tuple[Indices, Indices]:
    """Put the genes between two cuts into the order that they have in the other parent.

    GAOT's form of L. Davis, "Applying adaptive algorithms to epistatic domains", IJCAI, 1985. Its
    cuts are even here, GAOT's are not.
    """
    chosen = slice(*two_cuts(uniform, len(first)))
    return _reordered(first, second, chosen), _reordered(second, first, chosen)


@order_crossover("singleptXover", lambda genes: 1)
def single_point_crossover(
    first: Indices, second: Indices, uniform: Floats
) -> tuple[Indices, Indices]:
    """Put the genes from a cut on, 1 to genes-1, into the order they have in the other parent."""
    chosen = slice(1 + int(uniform[0] * (len(first) - 1)), None)
    return _reordered(first, second, chosen), _reordered(second, first, chosen)


@order_crossover("linerorderXover", lambda genes: 2)
def linear_order_crossover(
    first: Indices, second: Indices, uniform: Floats
) -> tuple[Indices, Indices]:
    """Take the genes between two cuts from the other parent, and keep the order of the others.

    E. Falkenauer and S. Bouffouix, "A genetic algorithm for job shop", ICRA, 1991.
    """
    start, end = two_cuts(uniform, len(first))

    def child(mine: Indices, other: Indices) -> Indices:
        taken = np.zeros(len(mine), dtype=bool)
        taken[other[start:end]] = True
        rest = mine[~taken[mine]]
        return np.concatenate([rest[:start], other[start:end], rest[start:]])

    return child(first, second), child(second, first)


@order_crossover("uniformXover", lambda genes: genes)
def uniform_order_crossover(
    first: Indices, second: Indices, uniform: Floats
) -> tuple[Indices, Indices]:
    """Put the genes at random places into the order that they have in the other parent.

    Each place is chosen by a fair coin; the second child reorders the places that the first
    keeps. L. Davis, "Handbook of Genetic Algorithms", 1991.
    """
    chosen = uniform < 0.5
    return _reordered(first, second, chosen), _reordered(second, first, ~chosen)


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
