"""Profiles and populations are drawn as they are."""

import numpy as np
import pytest
from matplotlib import pyplot

from workbench.errors import ArgumentError
from workbench.evolve.profiles import solved_within
from workbench.plot.population import plot_population
from workbench.plot.profiles import plot_profile

COSTS = {"a": [1.0, 2.0, np.inf, 1.0], "control": [4.0, np.inf, 8.0, 2.0]}
BOX = [(-1, 3), (0, 2)]


def test_a_profile_is_the_share_solved_at_every_cost() -> None:
    ax = plot_profile(COSTS, control="control")
    for line in ax.lines:
        x, y = (np.asarray(data, dtype=float) for data in line.get_data())
        for cost in (1.0, 1.5, 2.0, 5.0, 8.0):
            drawn = y[np.flatnonzero(x <= cost)[-1]]
            assert drawn == solved_within(COSTS, cost)[line.get_label()]
    assert ax.get_xscale() == "log"
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--"]
    colours = {line.get_color() for line in ax.lines}
    assert len(colours) == 2


def test_a_search_that_solved_nothing_stays_at_zero() -> None:
    ax = plot_profile({"a": [1.0, 3.0], "never": [np.inf, np.inf]})
    assert set(ax.lines[1].get_ydata()) == {0}
    assert ax.lines[1].get_xdata()[-1] == ax.get_xlim()[1]


def test_members_are_drawn_where_they_are_over_the_objective() -> None:
    members = np.array([[0.0, 1.0], [2.5, 0.5]])
    ax = plot_population(lambda x: (x**2).sum(axis=1), BOX, members)
    np.testing.assert_array_equal(np.transpose(ax.lines[0].get_data()), members)
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1, 3), (0, 2))
    (contours,) = ax.collections
    assert contours.levels[0] == pytest.approx(0, abs=1e-3)  # a grid point near the minimum
    assert contours.levels[-1] == 13  # the corner (3, 2)


@pytest.mark.parametrize("value", [1.0, np.inf])
def test_a_plain_has_no_contours(value: float) -> None:
    ax = plot_population(lambda x: np.full(len(x), value), BOX, [[0, 1]])
    assert not ax.collections


def test_axes_are_used_and_three_genes_are_refused() -> None:
    ax = pyplot.subplots()[1]
    assert plot_population(lambda x: x[:, 0], BOX, [[0, 1]], ax) is ax
    with pytest.raises(ArgumentError, match="members"):
        plot_population(lambda x: x[:, 0], BOX, [[0, 1, 2]])
