"""The figures show the numbers they were given."""

from collections.abc import Iterator

import matplotlib
import numpy as np
import pandas as pd
import pytest

from workbench import minimize
from workbench.errors import ArgumentError
from workbench.plot import (
    plot_comparison,
    plot_ga_trace,
    plot_performance,
    plot_regression,
    plot_sample_errors,
    plot_surface,
)
from workbench.training import TrainingRecord

matplotlib.use("Agg")
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    from matplotlib import pyplot

    pyplot.close("all")


def record(vperf: float = np.nan) -> TrainingRecord:
    perf = np.array([1.0, 0.1, 0.01])
    flat = np.full(3, vperf)
    return TrainingRecord(
        "trainlm", "epochs", perf, flat, np.full(3, np.nan), perf, np.zeros(3, int), 2, 0.1
    )


def test_regression_shows_r_and_the_fitted_line() -> None:
    truth = RNG.normal(size=50)
    predicted = 2 * truth + 1 + RNG.normal(size=50)
    ax = plot_regression(truth, predicted[:, None])
    assert ax.get_title() == f"R = {np.corrcoef(truth, predicted)[0, 1]:.7g}"
    x, y = ax.lines[1].get_data()
    slope = np.cov(truth, predicted)[0, 1] / truth.var(ddof=1)
    assert np.diff(y) / np.diff(x) == pytest.approx(slope)


def test_sample_errors_are_prediction_minus_truth() -> None:
    truth = RNG.normal(size=(9, 1))
    ax = plot_sample_errors(truth, {"one": truth + 0.5})
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 0.5)


def test_performance_draws_what_was_measured_and_the_best_epoch() -> None:
    ax = plot_performance({"a": record(), "b": record(vperf=0.5)})
    assert [line.get_label() for line in ax.lines if line.get_marker() == "None"] == [
        "a, training",
        "b, training",
        "b, validation",
    ]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), record().perf)
    assert ax.lines[1].get_xdata() == [2]
    assert ax.get_yscale() == "log"


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
    with pytest.raises(ArgumentError, match="y_pred must have the 3 values"):
        plot_regression(np.ones(3), np.ones(4))
    with pytest.raises(ArgumentError, match="finite"):
        plot_sample_errors([np.nan], {"a": [1.0]})
