"""Which units stay: so many of each group, and equally many in each group of a convolution.

Without grouped convolutions the best of each group of units stay. A grouped convolution ties no
channels, but it wants equally many left in each of its groups, and one channel may stand under
several such demands: behind a shuffle it is in one group for the convolution before and in another
for the one behind. That is an integer program over the units x in {0, 1}:

    maximise  sum scores x - 10 sum |units of a group that stay - units that should|
    such that each grouped convolution has equally many channels in all of its groups

which SciPy's HiGHS solves exactly. It always has a solution, for to keep everything is one. A
deviation costs more than a unit is worth (scores are scaled to 1 at most), so group sizes are met
wherever they can be. DepGraph's remedy, to tie the same places of all groups, leaves 1 / groups of
the choice, and behind a shuffle often none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import block_array, coo_array, csr_array, eye_array
from scipy.sparse.csgraph import connected_components

from workbench.compress.channel_graph import ChannelGraph
from workbench.errors import ModelError

DEVIATION = 10  # what a unit too many or too few costs, in units of the best score
SECONDS = 60
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]


def sizes_by_layer(
    graph: ChannelGraph, amount: float, min_channels: int, round_to: int
) -> list[int]:
    """Return how many units of each group should stay if all groups lose the same share."""
    wanted = [(1 - amount) * len(group.units) for group in graph.groups]
    return _whole_numbers(graph, wanted, min_channels, round_to)


def sizes_by_rank(
    graph: ChannelGraph, scores: Floats, amount: float, min_channels: int, round_to: int
) -> list[int]:
    """Return how many should stay if the worst units of the whole model go, wherever they are."""
    free = np.flatnonzero(~graph.stuck)
    gone = np.zeros(len(scores), dtype=bool)
    gone[free[np.argsort(scores[free], kind="stable")][: round(amount * len(free))]] = True
    wanted = [float((~gone[group.units]).sum()) for group in graph.groups]
    return _whole_numbers(graph, wanted, min_channels, round_to)


def _whole_numbers(
    graph: ChannelGraph, wanted: Sequence[float], min_channels: int, round_to: int
) -> list[int]:
    """Round sizes so that what a layer makes is a multiple of ``round_to``, rounded up.

    Where a split sends the channels of a layer different ways, their sum is rounded, and the parts
    by largest remainders: rounded one by one, many small parts would all round up.
    """
    counts, layers = [0] * len(wanted), dict[tuple[str, ...], list[int]]()
    for place, group in enumerate(graph.groups):
        layers.setdefault(group.layers, []).append(place)
    for places in layers.values():
        sizes = np.array([len(graph.groups[i].units) for i in places])
        exact = np.array([wanted[i] for i in places])
        total = -(-int(exact.sum() + 0.5) // round_to) * round_to
        parts = np.clip(np.floor(exact + 1e-9), np.minimum(sizes, min_channels), sizes)
        while parts.sum() < min(total, sizes.sum()):
            parts[np.argmax(np.where(parts < sizes, exact - parts, -np.inf))] += 1
        for i, count in zip(places, parts, strict=True):
            counts[i] = int(count)
    return counts


def select(graph: ChannelGraph, scores: Floats, sizes: Sequence[int]) -> Bools:
    """Return for each unit whether it stays.

    Args:
        graph: The model's channels.
        scores: Of each unit; the higher, the better.
        sizes: How many units of each group should stay, one at least.
    """
    stays = graph.stuck.copy()
    balances = [graph.units[rows] for rows in graph.balances]
    for groups, rows in _families(graph, balances):
        parts, wanted = [graph.groups[i].units for i in groups], [sizes[i] for i in groups]
        units = np.concatenate(parts)
        table = balances[rows[0]] if len(groups) == len(rows) == 1 else None
        if table is not None and np.array_equal(np.sort(table, axis=None), np.sort(units)):
            # One convolution, and all of its channels are free: the best of each of its groups.
            parts, wanted = list(table), [max(round(wanted[0] / len(table)), 1)] * len(table)
        elif rows and sum(wanted) < len(units):
            chosen = _balanced(scores, len(stays), parts, wanted, [balances[i] for i in rows])
            stays[chosen] = True
            continue
        for part, count in zip(parts, wanted, strict=True):
            stays[part[np.argsort(-scores[part], kind="stable")[:count]]] = True
    return stays


def _families(graph: ChannelGraph, balances: Sequence[Ints]) -> list[tuple[list[int], list[int]]]:
    """Return the groups that some balance ties together, and their balances."""
    home = np.full(len(graph.stuck), -1)
    for number, group in enumerate(graph.groups):
        home[group.units] = number
    count, edges = len(graph.groups), []
    touched = [sorted(set(home[rows].ravel().tolist()) - {-1}) for rows in balances]
    for groups in touched:
        edges += [(groups[0], other) for other in groups[1:]]
    one, other = np.array(edges, dtype=int).reshape(-1, 2).T
    adjacency = coo_array((np.ones(len(one)), (one, other)), (count, count))
    label = connected_components(adjacency, directed=False)[1] if count else np.zeros(0, int)
    return [
        (
            np.flatnonzero(label == family).tolist(),
            [i for i, groups in enumerate(touched) if groups and label[groups[0]] == family],
        )
        for family in range(label.max(initial=-1) + 1)
    ]


def _balanced(
    scores: Floats, count: int, parts: Sequence[Ints], wanted: Sequence[int], rows: Sequence[Ints]
) -> Ints:
    """Solve the program at the head of this file for some groups of units.

    Unknowns are x, the channels that stay in a group of each convolution, and for each group of
    units how many are too many and too few; one of them stays.
    """
    units, groups, balances = np.concatenate(parts), len(parts), len(rows)
    n = len(units)
    counts, fixed, owner = _balance_rows(units, count, rows)
    member = np.repeat(np.arange(groups), [len(part) for part in parts])
    blocks: Any = [
        [csr_array(counts), -_incidence(owner, balances), None, None],
        [_incidence(member, groups).T, None, -eye_array(groups), eye_array(groups)],
    ]
    matrix = block_array(blocks)
    right = np.concatenate([-fixed, np.asarray(wanted, float)])
    worth = scores[units] / max(scores[units].max(initial=0), np.finfo(float).tiny)
    free, penalty = np.zeros(balances), np.full(2 * groups, float(DEVIATION))
    found = milp(
        np.concatenate([-worth, free, penalty]),
        integrality=np.concatenate([np.ones(n + balances), np.zeros(2 * groups)]),
        bounds=Bounds(
            np.concatenate([np.zeros(n), np.ones(balances), np.zeros(2 * groups)]),
            np.concatenate(
                [np.ones(n), np.full(balances + groups, np.inf), np.subtract(wanted, 1)]
            ),
        ),
        constraints=LinearConstraint(matrix, right, right),
        options={"mip_rel_gap": 1e-3, "time_limit": SECONDS},
    )
    if found.x is None:
        raise ModelError(
            f"No way was found in {SECONDS} s to prune {n} channels so that the groups of "
            f"{balances} grouped convolutions stay equal: {found.message} Name some of their "
            "layers in keep=."
        )
    return units[found.x[:n] > 0.5]


def _balance_rows(units: Ints, count: int, rows: Sequence[Ints]) -> tuple[Floats, Floats, Ints]:
    """Return for each group of each convolution its channels by unit, and what stays anyway.

    The third array says to which convolution it belongs.
    """
    place = np.full(count, -1)
    place[units] = np.arange(len(units))
    lines = [place[row] for table in rows for row in table]
    counts = [np.bincount(line[line >= 0], minlength=len(units)) for line in lines]
    fixed = [(line < 0).sum() for line in lines]
    owner = np.repeat(np.arange(len(rows)), [len(table) for table in rows])
    return np.array(counts, float), np.array(fixed, float), owner


def _incidence(owner: Ints, columns: int) -> csr_array:
    """Return a row for each entry, with a one in the column that it names."""
    ones = np.ones(len(owner))
    return csr_array((ones, (np.arange(len(owner)), owner)), (len(owner), columns))
