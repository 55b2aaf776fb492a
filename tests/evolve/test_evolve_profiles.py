"""Performance and data profiles, by hand."""

import numpy as np
import pytest

from workbench.errors import ArgumentError
from workbench.evolve.ledger import History
from workbench.evolve.profiles import (
    evaluations_needed,
    performance_ratios,
    simplex_gradients,
    solved_within,
)


def history(best: list[float], step: int) -> History:
    n = len(best)
    nothing = np.zeros(n)
    return History(
        np.arange(1, n + 1), step * np.arange(1, n + 1), np.array(best), nothing, nothing
    )


# Two problems, from 11 and from 100; the lowest values found are 1 and 0.
HISTORIES = {
    "quick": [history([11, 2, 2, 2], 10), history([100, 50, 50, 50], 10)],
    "sure": [history([11, 8, 3, 1], 10), history([100, 20, 5, 0], 10)],
    "dear": [history([11, 1.5], 40), history([100, 0.5], 40)],
}


def test_a_problem_is_solved_when_a_tenth_of_the_way_is_left() -> None:
    # The goals are 1 + 0.1 * 10 = 2 and 0 + 0.1 * 100 = 10.
    needed = evaluations_needed(HISTORIES, 0.1)
    assert {name: list(row) for name, row in needed.items()} == {
        "quick": [20, np.inf],
        "sure": [40, 30],
        "dear": [80, 80],
    }


def test_a_tolerance_of_zero_asks_for_the_lowest_value_found() -> None:
    needed = evaluations_needed(HISTORIES, 0)
    assert [list(row) for row in needed.values()] == [[np.inf] * 2, [40, 40], [np.inf] * 2]


def test_everything_is_solved_at_once_if_all_of_the_way_may_be_left() -> None:
    assert evaluations_needed(HISTORIES, 1)["dear"].tolist() == [40, 40]


def test_profiles_by_hand() -> None:
    needed = evaluations_needed(HISTORIES, 0.1)
    ratios = performance_ratios(needed)
    assert ratios["quick"].tolist() == [1, np.inf]
    assert ratios["sure"].tolist() == [2, 1]
    assert ratios["dear"].tolist() == [4, 80 / 30]
    # Dolan and Moré: at ratio 1 the profiles add up to 1 or more, ties counted twice.
    assert solved_within(ratios, 1) == {"quick": 0.5, "sure": 0.5, "dear": 0}
    assert solved_within(ratios, 2.7) == {"quick": 0.5, "sure": 1, "dear": 0.5}
    units = simplex_gradients(needed, [1, 9])
    assert units["sure"].tolist() == [20, 3]
    assert solved_within(units, 10) == {"quick": 0.5, "sure": 0.5, "dear": 0.5}


def test_histories_of_different_beginnings_are_refused() -> None:
    other = {**HISTORIES, "lucky": [history([10], 10), history([100], 10)]}
    with pytest.raises(ArgumentError, match=r"same value for every search.*\[10\.0, 11\.0\]"):
        evaluations_needed(other, 0.1)


@pytest.mark.parametrize("broken", [{"one": []}, {**HISTORIES, "few": HISTORIES["sure"][:1]}])
def test_histories_that_do_not_pair_are_refused(broken) -> None:
    with pytest.raises(ArgumentError, match="histories must have one a problem"):
        evaluations_needed(broken, 0.1)


def test_a_problem_that_none_has_solved_has_no_ratio() -> None:
    with pytest.raises(ArgumentError, match="none: 1"):
        performance_ratios({"one": [1, np.inf], "two": [2, np.inf]})
