"""How searches compare over many problems: when each has solved how many of them.

Sources: E. D. Dolan and J. J. Moré, "Benchmarking optimization software with performance
profiles", Mathematical Programming 91, 2002; J. J. Moré and S. M. Wild, "Benchmarking
derivative-free optimization algorithms", SIAM J. Optimization 20(1), 2009, for the test of
convergence and for data profiles.

A problem counts as solved to a tolerance tau once f <= f_L + tau (f_0 - f_L) (Moré and Wild,
eq. 2.2): f_0 is the best value of the first population, the same for all, and f_L the lowest that
any of them found. So the minimum need not be known, and a search is measured by the others: what
none of them found, none is blamed for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.errors import ArgumentError
from workbench.evolve.ledger import History

Floats = NDArray[np.float64]


def evaluations_needed(
    histories: Mapping[str, Sequence[History]], tolerance: float
) -> dict[str, Floats]:
    """Return how many evaluations each search needed for each problem.

    Args:
        histories: Histories by the name of the search, one a problem, in the same order.
        tolerance: The fraction tau of the way from the first value to the lowest that may be
            left, between 0 and 1.

    Returns:
        By the name of the search an array (problems,), infinite where it did not get there. A
        generation is counted whole.

    Raises:
        ArgumentError: The searches have not as many histories, or none, the first value of a
            problem is not the same for all, or the tolerance is out of range.
    """
    tolerance = checks.real("tolerance", tolerance, 0, 1)
    counts = {name: len(listed) for name, listed in histories.items()}
    if len(set(counts.values())) != 1 or 0 in counts.values():
        raise ArgumentError("histories", "have one a problem for every search", counts)
    needed: dict[str, list[float]] = {name: [] for name in histories}
    for number, runs in enumerate(zip(*histories.values(), strict=True)):
        firsts = {float(history.best[0]) for history in runs}
        if len(firsts) > 1:
            raise ArgumentError(
                "histories",
                "begin with the same value for every search of a problem",
                f"{sorted(firsts)} for problem {number}",
                "Search with the same seed, population and initial members.",
            )
        lowest = min(float(history.best[-1]) for history in runs)
        goal = lowest + tolerance * (firsts.pop() - lowest)
        for name, history in zip(histories, runs, strict=True):
            reached = np.flatnonzero(history.best <= goal)
            needed[name].append(history.evaluations[reached[0]] if len(reached) else np.inf)
    return {name: np.array(listed, dtype=float) for name, listed in needed.items()}


def performance_ratios(needed: Mapping[str, ArrayLike]) -> dict[str, Floats]:
    """Return evaluations in those of the quickest search of each problem (Dolan and Moré).

    Args:
        needed: Evaluations by the name of the search, arrays (problems,), infinite where a search
            failed; at least one search must have solved each problem.

    Raises:
        ArgumentError: A problem that none has solved.
    """
    table = np.array([np.asarray(row, dtype=float) for row in needed.values()])
    quickest = table.min(axis=0)
    if not np.isfinite(quickest).all():
        unsolved = int(np.flatnonzero(np.isinf(quickest))[0])
        raise ArgumentError("needed", "have a search that solved each problem", f"none: {unsolved}")
    return dict(zip(needed, table / quickest, strict=True))


def simplex_gradients(needed: Mapping[str, ArrayLike], genes: ArrayLike) -> dict[str, Floats]:
    """Return evaluations in units of genes + 1, what a finite difference costs (Moré and Wild).

    Args:
        needed: Evaluations by the name of the search, arrays (problems,).
        genes: Genes of each problem, shape (problems,).
    """
    units = np.asarray(genes, dtype=float) + 1.0
    return {name: np.asarray(row, dtype=float) / units for name, row in needed.items()}


def solved_within(costs: Mapping[str, ArrayLike], cost: float) -> dict[str, float]:
    """Return the share of problems that each search has solved at that cost.

    Over all costs it is the performance profile if they are `performance_ratios`, and the data
    profile if they are `simplex_gradients`.
    """
    return {name: float(np.mean(np.asarray(row) <= cost)) for name, row in costs.items()}
