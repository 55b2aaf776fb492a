"""Costs, receptive fields and fronts are drawn as they are, and names stay legible."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.text import Text

from workbench.errors import ArgumentError
from workbench.plot import plot_accuracy_cost, plot_cost, plot_receptive_field
from workbench.plot.complexity import pareto_front

KINDS = ["Conv2D", "BatchNormalization", "ReLU", "DepthwiseConv2D"]
SIZES = [3, 3, 3, 7, 7, 7, 11]


def table(layers: int) -> pd.DataFrame:
    """Return a table such as a profile has: every second layer costs MACs, the last is global."""
    numbers = np.arange(layers)
    return pd.DataFrame(
        {
            "name": [f"stage{i // 4}.{i % 4}" for i in numbers],
            "kind": [KINDS[i % 4] for i in numbers],
            "macs": np.where(numbers % 2, 0, 1000 * (numbers + 1)),
            "read": 100 * (numbers + 1),
            "field": [float(3 + 2 * i) for i in numbers[:-1]] + [np.nan],
        }
    )


def test_every_layer_that_costs_something_has_a_bar_as_long_as_its_cost() -> None:
    frame = table(9)
    ax = plot_cost(frame, "macs")
    names = [label.get_text() for label in ax.get_yticklabels()]
    drawn = {names[round(b.get_y() + b.get_height() / 2)]: b.get_width() for b in ax.patches}
    costly = frame[frame["macs"] > 0]
    assert drawn == dict(zip(costly["name"], costly["macs"], strict=True))
    assert names == list(costly["name"])
    bottom, top = ax.get_ylim()
    assert bottom > top  # the first layer is at the top
    assert "MACs" in ax.get_xlabel()


def test_many_layers_are_bars_side_by_side_and_some_are_named() -> None:
    frame = table(200)
    ax = plot_cost(frame, "read")
    assert sorted(bar.get_height() for bar in ax.patches) == list(frame["read"])
    assert all(bar.get_width() < 1 for bar in ax.patches)
    shown = [label.get_text() for label in ax.get_xticklabels()]
    assert 15 <= len(shown) <= 30
    assert [frame["name"][int(tick)] for tick in ax.get_xticks()] == shown
    assert ax.yaxis.get_major_formatter()(2000) == "2 kB"


def test_a_usual_kind_of_layer_has_the_same_colour_in_every_figure() -> None:
    def colours(frame: pd.DataFrame) -> dict[str, str]:
        handles, kinds = plot_cost(frame, "read").get_legend_handles_labels()
        return {k: h.patches[0].get_facecolor() for k, h in zip(kinds, handles, strict=True)}

    some = colours(table(4))
    others = colours(table(4).iloc[::-1].assign(read=[1, 10, 100, 1000]))
    assert len(set(some.values())) == len(KINDS)
    assert all(some[kind] == others[kind] for kind in ("Conv2D", "DepthwiseConv2D"))


def test_kinds_beyond_the_six_costliest_share_a_grey() -> None:
    names = [f"l{i}" for i in range(9)]
    ax = plot_cost(names, np.arange(1, 10), kinds=names, label="weights")
    _, labels = ax.get_legend_handles_labels()
    assert sorted(labels) == ["l3", "l4", "l5", "l6", "l7", "l8", "others"]
    assert ax.get_xlabel() == "weights"


def test_costs_of_nothing_are_drawn_as_nothing() -> None:
    assert [bar.get_width() for bar in plot_cost(["a", "b"], [0, 0]).patches] == [0, 0]


def test_the_field_grows_from_layer_to_layer_and_layers_without_one_are_left_out() -> None:
    frame = table(6)
    (line,) = plot_receptive_field(frame).lines
    np.testing.assert_array_equal(line.get_ydata(), frame["field"][:-1])
    names = [label.get_text() for label in line.axes.get_xticklabels()]
    assert names == list(frame["name"][:-1])


def test_rows_and_columns_are_two_lines() -> None:
    ax = plot_receptive_field([[3, 5], [7, 9]], names=["a", "b"])
    assert [list(line.get_ydata()) for line in ax.lines] == [[3, 7], [5, 9]]


def test_fields_over_an_image_are_rectangles_about_its_middle() -> None:
    ax = plot_receptive_field(SIZES, image=np.zeros((8, 12, 3)))
    drawn = [patch for patch in ax.patches if not patch.get_fill()]
    assert [(box.get_width(), box.get_height()) for box in drawn] == [(3, 3), (7, 7), (11, 11)]
    assert {(box.get_x() + box.get_width() / 2) for box in drawn} == {5.5}
    assert {(box.get_y() + box.get_height() / 2) for box in drawn} == {3.5}
    assert [text.get_text() for text in ax.texts] == ["1: 3", "4: 7", "7: 11"]  # the first of each
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    assert min(right - left, bottom - top) >= 11  # what is larger than the image is seen whole


def test_of_many_fields_a_few_are_drawn_evenly_up_to_the_largest() -> None:
    ax = plot_receptive_field(np.arange(1, 316, 2), image=(224, 224))
    widths = [box.get_width() for box in ax.patches if not box.get_fill()]
    assert widths[-1] == 315
    assert len(widths) == 8
    assert np.ptp(np.diff(widths)) <= 2


def test_the_front_holds_whom_no_other_beats() -> None:
    rng = np.random.default_rng(0)
    cost, accuracy = rng.integers(1, 9, 40).astype(float), rng.integers(0, 9, 40).astype(float)
    beaten = [
        any(
            (c <= cost[i] and a >= accuracy[i]) and (c < cost[i] or a > accuracy[i])
            for c, a in zip(cost, accuracy, strict=True)
        )
        for i in range(40)
    ]
    unbeaten = {(cost[i], accuracy[i]) for i in range(40) if not beaten[i]}
    front = pareto_front(cost, accuracy)
    assert {(cost[i], accuracy[i]) for i in front} == unbeaten
    assert len(front) == len(unbeaten)
    assert list(cost[front]) == sorted(cost[front])


def test_accuracy_is_drawn_against_the_logarithm_of_the_cost_with_its_spread() -> None:
    cost, accuracy, spread = [1e6, 1e8, 1e7], [0.5, 0.7, 0.4], [0.01, 0.02, 0.03]
    ax = plot_accuracy_cost(cost, accuracy, ["a", "b", "c"], spread=spread)
    assert ax.get_xscale() == "log"
    front = next(line for line in ax.lines if line.get_label() == "Pareto front")
    np.testing.assert_array_equal(front.get_xydata(), [(1e6, 0.5), (1e8, 0.7)])
    ends = ax.collections[0].get_segments()
    np.testing.assert_allclose([end[1, 1] - end[0, 1] for end in ends], 2 * np.array(spread))
    assert [text.xy for text in ax.texts] == list(zip(cost, accuracy, strict=True))


def test_names_of_neighbours_do_not_cover_each_other_and_stay_inside() -> None:
    cost = 1e8 * np.array([1, 1.02, 1.05, 1.1, 1.12, 9, 9.1, 9.5])
    accuracy = np.array([70, 70.1, 70.2, 69.9, 70, 76, 76.1, 75.9])
    ax = plot_accuracy_cost(cost, accuracy, [f"Network {i} x0.5" for i in range(8)])
    ax.figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in ax.texts]  # without the leading lines
    assert len(boxes) == 8
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    frame = ax.bbox.padded(2)
    assert all(frame.contains(*box.min) and frame.contains(*box.max) for box in boxes)


def test_given_axes_are_used() -> None:
    axes = pyplot.subplots(1, 4)[1]
    assert plot_cost(table(3), "macs", axes[0]) is axes[0]
    assert plot_receptive_field(table(3), axes[1]) is axes[1]
    assert plot_receptive_field(table(3), axes[2], image=(9, 9)) is axes[2]
    assert plot_accuracy_cost([1, 2], [3, 4], ["a", "b"], axes[3]) is axes[3]


def test_what_cannot_be_drawn_says_why() -> None:
    with pytest.raises(ArgumentError, match=r"columns.*'macs'.*Received: mac\."):
        plot_cost(table(3), "mac")
    with pytest.raises(ArgumentError, match="as many as there are names"):
        plot_cost(["a", "b"], [1, 2, 3])
    with pytest.raises(ArgumentError, match="not negative"):
        plot_cost(["a", "b"], [1, -2])
    with pytest.raises(ArgumentError, match="kinds"):
        plot_cost(["a", "b"], [1, 2], kinds=["x"])
    with pytest.raises(ArgumentError, match="2 layers without NaN"):
        plot_receptive_field([1, 0])
    with pytest.raises(ArgumentError, match="0 layers without NaN"):
        plot_receptive_field([np.nan])
    with pytest.raises(ArgumentError, match="cost must be positive"):
        plot_accuracy_cost([0, 1], [1, 2], ["a", "b"])
    with pytest.raises(ArgumentError, match="accuracy"):
        plot_accuracy_cost([1, 1], [1, 2, 3], ["a", "b"])
    with pytest.raises(ArgumentError, match="spread must not be negative"):
        plot_accuracy_cost([1, 1], [1, 2], ["a", "b"], spread=[0, -1])
