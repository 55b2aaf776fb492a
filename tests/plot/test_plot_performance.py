"""plotperform draws what was measured and marks the best epoch, plottrainstate the rest."""

import numpy as np
import pytest
from matplotlib import pyplot

from workbench.errors import ArgumentError
from workbench.plot import plot_performance, plotperform, plottrainstate

PERF = [1.0, 0.1, 0.01, 0.001]
VPERF = [2.0, 0.3, 0.0012345678, 0.4]
TPERF = [3.0, 0.2, 0.02, 0.01]


def curves(ax) -> dict[str, np.ndarray]:
    """Return what a reader finds in the legend, and the heights that are drawn."""
    lines = {line.get_label(): line for line in ax.lines}
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    return {word: np.asarray(lines[word].get_ydata()) for word in words}


def circles(ax) -> list[tuple[float, float]]:
    marks = [line.get_xydata() for line in ax.lines if line.get_marker() == "o"]
    return [(float(x), float(y)) for ((x, y),) in marks]


def test_the_best_epoch_is_that_of_the_validation_rows(make_record) -> None:
    ax = plotperform(make_record(PERF, VPERF, TPERF))
    assert ax.get_title() == "Best validation performance is 0.0012346 at epoch 2"
    assert circles(ax) == [(2, VPERF[2])]
    assert ax.get_xlabel() == "3 epochs"
    assert ax.get_yscale() == "log"
    drawn = curves(ax)
    assert list(drawn) == ["training", "validation", "test", "best"]
    for word, values in (("training", PERF), ("validation", VPERF), ("test", TPERF)):
        np.testing.assert_array_equal(drawn[word], values)
    np.testing.assert_array_equal(drawn["best"], VPERF[2])


def test_without_validation_rows_it_is_that_of_the_training(make_record) -> None:
    ax = plotperform(make_record(PERF))
    assert ax.get_title() == "Best training performance is 0.001 at epoch 3"
    assert circles(ax) == [(3, PERF[3])]
    assert list(curves(ax)) == ["training", "best"]


def test_weights_kept_though_others_were_better_are_called_the_last(make_record) -> None:
    ax = plotperform(make_record([1, 0.1, 0.2], best_epoch=2))
    assert ax.get_title() == "Last training performance is 0.2 at epoch 2"


def test_the_goal_is_a_line_if_a_logarithm_has_a_place_for_it(make_record) -> None:
    ax = plotperform(make_record(PERF), goal=1e-5)
    np.testing.assert_array_equal(curves(ax)["goal"], 1e-5)
    assert ax.get_ylim()[0] < 1e-5
    assert "goal" not in curves(plotperform(make_record(PERF), goal=0.0))


def test_several_trainings_are_told_apart_by_name(make_record) -> None:
    ax = plot_performance({"a": make_record(PERF), "b": make_record(PERF, VPERF)})
    assert list(curves(ax)) == ["a, training", "b, training", "b, validation"]
    np.testing.assert_array_equal(curves(ax)["b, validation"], VPERF)
    assert circles(ax) == [(3, PERF[3]), (2, VPERF[2])]


def test_no_training_is_left_out_when_the_colours_run_out(make_record) -> None:
    ax = plotperform({str(n): make_record(PERF) for n in range(9)})
    assert len(curves(ax)) == 9


def test_a_training_that_was_interrupted_at_once_can_be_drawn(make_record) -> None:
    ax = plotperform(make_record([np.nan], best_epoch=0))
    ax.figure.canvas.draw()
    assert ax.get_title() == "Best training performance is nan at epoch 0"


def test_a_perfect_fit_can_be_drawn(make_record) -> None:
    plotperform(make_record([1.0, 0.0])).figure.canvas.draw()
    plotperform(make_record([0.0])).figure.canvas.draw()


def test_axes_that_are_given_are_drawn_into(make_record) -> None:
    ax = pyplot.subplots()[1]
    assert plotperform(make_record(PERF), ax) is ax
    axes = pyplot.subplots(3)[1]
    assert (plottrainstate(make_record(PERF, traces={"mu": np.ones(4)}), axes) == axes).all()


def test_the_state_shows_gradient_traces_and_checks(make_record) -> None:
    mu = np.array([1e-3, 1e-4, 1e-5, 1e-6])
    lr = np.array([0.01, 0.011, 0.012, 0.013])
    fails = np.array([0, 0, 1, 2])
    record = make_record(PERF, traces={"mu": mu, "lr": lr}, val_fail=fails)
    axes = plottrainstate(record)
    assert [ax.get_title() for ax in axes] == [
        "gradient = 0.0005, at epoch 3",
        "mu = 1e-06, at epoch 3",
        "lr = 0.013, at epoch 3",
        "validation checks = 2, at epoch 3",
    ]
    for ax, values in zip(axes, (record.gradient, mu, lr, fails), strict=True):
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), values)
        np.testing.assert_array_equal(ax.lines[0].get_xdata(), range(4))
    assert [ax.get_yscale() for ax in axes] == ["log", "log", "linear", "linear"]
    assert [ax.get_xlabel() for ax in axes] == ["", "", "", "3 epochs"]
    assert axes[0].get_shared_x_axes().joined(axes[0], axes[3])
    axes[0].figure.canvas.draw()
    assert all(tick == int(tick) for tick in axes[3].get_yticks())


@pytest.mark.parametrize("perf", [[np.nan], [0.0, 0.0]], ids=["nothing known", "no gradient"])
def test_the_state_of_a_training_without_steps_can_be_drawn(make_record, perf) -> None:
    plottrainstate(make_record(perf, best_epoch=0))[0].figure.canvas.draw()


@pytest.mark.parametrize("records", [{}, {"a": 1}, 3, None])
def test_what_is_no_record_is_told(records) -> None:
    with pytest.raises(ArgumentError, match="records must be a TrainingRecord"):
        plotperform(records)


def test_other_wrong_arguments_are_told(make_record) -> None:
    record = make_record(PERF)
    with pytest.raises(ArgumentError, match=r"goal must be a real number in \[0, "):
        plotperform(record, goal=-1)
    with pytest.raises(ArgumentError, match="record must be a TrainingRecord"):
        plottrainstate({"a": record})
    with pytest.raises(ArgumentError, match="axes must be 2 Axes"):
        plottrainstate(record, pyplot.subplots(3)[1])
