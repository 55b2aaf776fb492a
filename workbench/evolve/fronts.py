"""Fronts of several objectives: who dominates whom, how crowded a front is, what it is worth.

Sources: K. Deb, A. Pratap, S. Agarwal, T. Meyarivan, "A fast and elitist multiobjective genetic
algorithm: NSGA-II", IEEE Trans. Evolutionary Computation 6(2), 2002, sections III-A and III-B;
E. Zitzler and L. Thiele, "Multiobjective evolutionary algorithms: a comparative case study and the
strength Pareto approach", IEEE Trans. Evolutionary Computation 3(4), 1999, for the hypervolume.

All objectives are minimised. One member dominates another if it is worse in none and better in one;
of equals neither does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.errors import ArgumentError

Floats = NDArray[np.float64]


def front_ranks(values: Floats) -> NDArray[np.intp]:
    """Return the number of the front of each member, 0 for those that none dominates.

    The first front taken away, the second is what none of the others dominates, and so on.

    Args:
        values: Objectives ``(members, objectives)``.
    """
    one, other = values[:, None], values[None]
    dominates = np.all(one <= other, axis=2) & np.any(one < other, axis=2)
    ranks = np.full(len(values), -1, dtype=np.intp)
    above, rank = dominates.sum(axis=0), 0
    while (ranks < 0).any():
        front = np.flatnonzero((ranks < 0) & (above == 0))
        ranks[front] = rank
        above = above - dominates[front].sum(axis=0)
        rank += 1
    return ranks


def crowding_distances(values: Floats, ranks: NDArray[np.intp]) -> Floats:
    """Return how far each member's neighbours in its front are apart; infinite at the ends.

    Args:
        values: Objectives ``(members, objectives)``.
        ranks: The front of each member, see `front_ranks`.

    Returns:
        Sums over the objectives ``(members,)``, each in the range that its front has.
    """
    distances = np.zeros(len(values))
    for rank in range(int(ranks.max()) + 1):
        front = np.flatnonzero(ranks == rank)
        for objective in values[front].T:
            order = objective.argsort(kind="stable")
            ordered = objective[order]
            spread = ordered[-1] - ordered[0]
            distances[front[order[[0, -1]]]] = np.inf
            if spread > 0:
                distances[front[order[1:-1]]] += (ordered[2:] - ordered[:-2]) / spread
    return distances


def pareto_set(values: ArrayLike) -> NDArray[np.intp]:
    """Return the numbers of the members that none dominates, by their first objective.

    Args:
        values: Objectives ``(members, objectives)``, all to be minimised. Of members with the same
            values the first stands for all.
    """
    objectives = np.asarray(values, dtype=float)
    _, first = np.unique(objectives, axis=0, return_index=True)  # in the order of the values
    return first[front_ranks(objectives[first]) == 0]


def hypervolume(values: ArrayLike, reference: ArrayLike) -> float:
    """Return the volume between a front and a reference point that is worse in everything.

    It grows with every member that comes nearer to the ideal or fills a gap. The front is sliced
    along its last objective, and each slice measured likewise in one dimension less: quick for two
    objectives, and good enough for a hundred members of three.

    Args:
        values: Objectives ``(members, objectives)``; members beyond the reference add nothing.
        reference: ``(objectives,)``.

    Raises:
        ArgumentError: The reference has another number of objectives.
    """
    objectives, corner = checks.matrix("values", values), np.asarray(reference, dtype=float)
    if corner.shape != objectives.shape[1:]:
        raise ArgumentError(
            "reference", f"have shape {objectives.shape[1:]}, as values has", f"{corner.shape}"
        )
    inside = objectives[(objectives < corner).all(axis=1)]
    return _volume(np.unique(inside, axis=0), corner)


def _volume(members: Floats, corner: Floats) -> float:
    if not len(members):
        return 0.0
    if len(corner) == 1:
        return float(corner[0] - members.min())
    members = members[members[:, -1].argsort(kind="stable")]
    ends = np.append(members[1:, -1], corner[-1])
    total = 0.0
    for count, (begin, end) in enumerate(zip(members[:, -1], ends, strict=True), start=1):
        if end > begin:
            total += float(end - begin) * _volume(members[:count, :-1], corner[:-1])
    return total
