"""Edge recombination: children of permutations that are read as round trips.

Sources: D. Whitley, T. Starkweather and D. Fuquay, "Scheduling problems and traveling salesmen: the
genetic edge recombination operator", ICGA 3, 1989; T. Starkweather, S. McDaniel, K. Mathias,
D. Whitley and C. Whitley, "A comparison of genetic sequencing operators", ICGA 4, 1991, for the
enhanced form. GAOT (NCSU-IE TR 95-09) has both.

A child goes on to a neighbour that a parent has there, if any is left: to one with the fewest
neighbours left itself, so that none is left behind without.
"""

from __future__ import annotations

import numpy as np

from workbench.evolve.gaot_families import Floats, Indices
from workbench.evolve.gaot_order import order_crossover


@order_crossover("erXover", lambda genes: 2 * genes)
def edge_crossover(first: Indices, second: Indices, uniform: Floats) -> tuple[Indices, Indices]:
    """Make two children of the edges of both parents; each begins where a parent does."""
    return _children(first, second, uniform, False)


@order_crossover("enhancederXover", lambda genes: 2 * genes)
def enhanced_edge_crossover(
    first: Indices, second: Indices, uniform: Floats
) -> tuple[Indices, Indices]:
    """Recombine edges as `edge_crossover` does, and prefer edges that both parents have."""
    return _children(first, second, uniform, True)


def _children(
    first: Indices, second: Indices, uniform: Floats, enhanced: bool
) -> tuple[Indices, Indices]:
    one, other = first.tolist(), second.tolist()
    edges, n = _edges(one, other), len(one)
    ties = uniform.tolist()
    return (
        _trip(one[0], [set(near) for near in edges], _shared(one, other, enhanced), ties[:n]),
        _trip(other[0], edges, _shared(one, other, enhanced), ties[n:]),
    )


def _neighbours(trip: list[int]) -> list[tuple[int, int]]:
    near = [(0, 0)] * len(trip)
    for place, here in enumerate(trip):
        near[here] = trip[place - 1], trip[(place + 1) % len(trip)]
    return near


def _edges(one: list[int], other: list[int]) -> list[set[int]]:
    """Return the neighbours of each value in either parent."""
    pairs = zip(_neighbours(one), _neighbours(other), strict=True)
    return [{*mine, *theirs} for mine, theirs in pairs]


def _shared(one: list[int], other: list[int], enhanced: bool) -> list[set[int]]:
    """Return the neighbours of each value in both parents, none if they are not preferred."""
    if not enhanced:
        return [set()] * len(one)
    pairs = zip(_neighbours(one), _neighbours(other), strict=True)
    return [{*mine} & {*theirs} for mine, theirs in pairs]


def _trip(start: int, edges: list[set[int]], shared: list[set[int]], ties: list[float]) -> Indices:
    """Return a permutation from ``start`` on; ``edges`` lose the values that it has used."""
    trip, left = [start], set(range(len(edges))) - {start}
    here = start
    for tie in ties[1:]:
        near = edges[here]
        for value in near:
            edges[value].discard(here)
        # Sorted, for the order of a set is no promise; after a dead end all that is left will do.
        best = near & shared[here]
        if not best:
            fewest = min((len(edges[value]) for value in near), default=0)
            best = {value for value in near if len(edges[value]) == fewest} or left
        choice = sorted(best)
        here = choice[int(tie * len(choice))]
        trip.append(here)
        left.discard(here)
    return np.array(trip, dtype=np.intp)
