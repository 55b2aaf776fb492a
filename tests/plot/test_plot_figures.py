"""The figures show the numbers they were given."""

import numpy as np
import pandas as pd
import pytest

from workbench import minimize
from workbench.errors import ArgumentError
from workbench.plot import (
    plot_comparison,
    plot_ga_trace,
    plot_sample_errors,
    plot_surface,
)

RNG = np.random.default_rng(0)


def test_sample_errors_are_prediction_minus_truth() -> None:
    truth = RNG.normal(size=(9, 1))
    ax = plot_sample_errors(truth, {"one": truth + 0.5})
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 0.5)


def test_no_network_is_left_out_when_the_colours_run_out() -> None:
    ax = plot_sample_errors([0.0, 1.0], {str(n): [0.0, n] for n in range(9)})
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list("012345678")


def test_the_trace_shows_error_and_its_reciprocal() -> None:
    history = minimize(
        lambda x: 1 + (x**2).sum(axis=1), [(-1, 1)] * 2, generations=5, seed=0, progress=False
    ).history
    left, right = plot_ga_trace(history)
    np.testing.assert_array_equal(left.lines[0].get_ydata(), history.best)
    np.testing.assert_array_equal(right.lines[1].get_ydata(), 1 / history.mean)


def test_the_comparison_has_a_row_of_points_and_a_median_for_each_initialiser() -> None:
    runs = pd.DataFrame(
        {
            "seed": [0, 0, 1, 1, 2, 2],
            "initialiser": ["b", "a"] * 3,
            "test_mse": [1.0, 2.0, 3.0, 4.0, 9.0, 8.0],
        }
    )
    ax = plot_comparison(runs)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["b", "a"]
    medians = [line.get_xdata().item() for line in ax.lines if line.get_marker() == "|"]
    assert medians == [3.0, 4.0]


def test_the_surface_is_in_the_axes_that_is_returned() -> None:
    X = RNG.uniform(size=(20, 2))
    assert len(plot_surface(X, X.sum(axis=1)).collections) == 1


def test_bad_input_is_told() -> None:
    with pytest.raises(ArgumentError, match="X must have shape"):
        plot_surface(np.ones((5, 3)), np.ones(5))
    with pytest.raises(ArgumentError, match=r"predictions\['a'\] must have the 3 values of y_true"):
        plot_sample_errors(np.ones(3), {"a": np.ones(4)})
    with pytest.raises(ArgumentError, match="finite"):
        plot_sample_errors([np.nan], {"a": [1.0]})
