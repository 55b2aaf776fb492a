"""plotconfusion counts and plotroc draws as scikit-learn does."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from sklearn import metrics

from workbench.errors import ArgumentError
from workbench.plot import plotconfusion, plotroc
from workbench.plot.roc import roc_curve

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 4, 300)
SCORES = np.eye(4)[TRUTH] + RNG.normal(scale=0.6, size=(300, 4))
SAID = SCORES.argmax(axis=1)
NAMES = ["iris", "rose", "tulip", "aster"]


def written(ax: Axes) -> dict[tuple[float, int], list[str]]:
    """Return the texts of each cell, by row and column."""
    cells: dict[tuple[float, int], list[str]] = {}
    for text in ax.texts:
        column, row = text.get_position()
        cells.setdefault((round(row), round(column)), []).append(text.get_text())
    return cells


def drawn_counts(ax: Axes) -> np.ndarray:
    cells, size = written(ax), len(ax.get_xticks()) - 1
    return np.array([[int(cells[row, column][0]) for column in range(size)] for row in range(size)])


def tick_names(ax: Axes) -> list[str]:
    assert [label.get_text() for label in ax.get_xticklabels()][-1] == "precision"
    assert [label.get_text() for label in ax.get_yticklabels()][-1] == "recall"
    names = [label.get_text() for label in ax.get_xticklabels()][:-1]
    assert [label.get_text() for label in ax.get_yticklabels()][:-1] == names
    return names


def per_cent(*values: float) -> list[list[str]]:
    return [[f"{100 * value:.1f}%", f"{100 * (1 - value):.1f}%"] for value in values]


# plotconfusion ------------------------------------------------------------------------------


def test_a_column_is_a_target_class_and_a_row_an_output_class() -> None:
    ax = plotconfusion([0, 0, 0, 1, 1], [0, 1, 1, 1, 1])
    assert drawn_counts(ax).tolist() == [[1, 0], [2, 2]]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Target class", "Output class")


def test_the_counts_are_those_of_scikit_learn() -> None:
    ax = plotconfusion(TRUTH, SAID)
    matrix = metrics.confusion_matrix(TRUTH, SAID)
    np.testing.assert_array_equal(drawn_counts(ax), matrix.T)
    cells = written(ax)
    assert cells[1, 1][1] == f"{100 * matrix[1, 1] / 300:.1f}%"


def test_the_edges_are_precision_recall_and_accuracy() -> None:
    cells = written(plotconfusion(TRUTH, SAID))
    precision, recall, *_ = metrics.precision_recall_fscore_support(TRUTH, SAID)
    assert [cells[row, 4] for row in range(4)] == per_cent(*precision)
    assert [cells[4, column] for column in range(4)] == per_cent(*recall)
    assert [cells[4, 4]] == per_cent(metrics.accuracy_score(TRUTH, SAID))


def test_a_cell_without_samples_has_a_zero_only() -> None:
    assert written(plotconfusion([0, 1], [0, 1]))[0, 1] == ["0"]


def test_what_cannot_be_computed_is_a_dash() -> None:
    cells = written(plotconfusion(["a", "a"], ["a", "a"], classes=["a", "b"]))
    assert cells[1, 2] == cells[2, 1] == ["-", "-"]
    assert cells[2, 2] == ["100.0%", "0.0%"]


@pytest.mark.parametrize(
    ("targets", "outputs", "classes"),
    [
        (TRUTH, SCORES, None),
        (TRUTH[:, None].astype(float), SAID[:, None], None),
        (np.eye(4)[TRUTH], SCORES, None),
        (np.eye(4, dtype=bool)[TRUTH], SAID, None),
        (TRUTH, SAID, NAMES),
        (np.array(NAMES)[TRUTH], SAID, NAMES),
        (np.array(NAMES)[TRUTH], SCORES, NAMES),
        (pd.Series(pd.Categorical.from_codes(TRUTH, NAMES)), np.array(NAMES)[SAID], NAMES),
        (np.eye(4)[TRUTH], np.array(NAMES)[SAID], NAMES),
        (TRUTH + 1, SAID + 1, [1, 2, 3, 4]),
        (TRUTH + 1, SCORES, None),
    ],
)
def test_labels_columns_and_names_are_the_same_figure(targets, outputs, classes) -> None:
    ax = plotconfusion(targets, outputs, classes)
    np.testing.assert_array_equal(drawn_counts(ax), metrics.confusion_matrix(TRUTH, SAID).T)
    if classes is not None:
        assert tick_names(ax) == list(map(str, classes))


def test_labels_without_names_are_sorted() -> None:
    assert tick_names(plotconfusion(["b", "c"], ["a", "c"])) == ["a", "b", "c"]
    assert tick_names(plotconfusion([2.0, 10.0], [2.0, 10.0])) == ["2", "10"]


def test_probabilities_of_one_class_count_from_a_half_on() -> None:
    for truth in ([0, 0, 1, 1], [False, False, True, True]):
        ax = plotconfusion(truth, [0.2, 0.5, 0.49, 0.9], classes=["ham", "spam"])
        assert drawn_counts(ax).tolist() == [[1, 1], [1, 1]]


def test_ten_classes_are_written_smaller_than_their_cells() -> None:
    truth = RNG.integers(0, 10, 20_000)
    ax = plotconfusion(truth, RNG.integers(0, 10, 20_000))
    ax.figure.canvas.draw()
    renderer = ax.figure.canvas.get_renderer()
    cell = ax.get_window_extent().width / 11
    assert max(text.get_window_extent(renderer).width for text in ax.texts) < cell
    # Each line of a cell ends before the other begins.
    boxes = [text.get_window_extent(renderer) for text in ax.texts[:2]]
    assert not boxes[0].overlaps(boxes[1])


def test_axes_that_are_given_are_drawn_into() -> None:
    axes = pyplot.subplots(1, 2)[1]
    assert plotconfusion(TRUTH, SAID, ax=axes[0]) is axes[0]
    assert plotroc(TRUTH, SCORES, axes[1]) is axes[1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (([0, 1], [0, 1, 1]), r"outputs must have as many rows as targets \(2\)"),
        (([0, 1], [0.5, np.nan]), "outputs must be finite"),
        (([], []), "targets must be a non-empty array"),
        (([[1, 1], [0, 1]], [0, 1]), r"have a single 1 and else 0 in each row.*in row 0"),
        ((np.eye(3), np.eye(3)[:, :2]), "outputs must have a column for each of 3 classes"),
        ((np.eye(3), [0, 1, 2], ["a", "b"]), "targets must have a column for each of 2 classes"),
        (([0, 1, 5], [0, 1, 1], ["a", "b"]), r"be labels out of \['a', 'b'\].*\[0, 1, 5\]"),
        ((["a", "b"], [0, 1]), "targets and outputs must have labels of one kind"),
        (([0, 1, 2], [[1, 0], [0, 1], [0, 1]]), "be labels class numbers from 0, for 2 classes"),
    ],
)
def test_what_does_not_fit_together_is_told(arguments, told: str) -> None:
    with pytest.raises(ArgumentError, match=told):
        plotconfusion(*arguments)


# plotroc ------------------------------------------------------------------------------------


def labels_of(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_each_class_has_the_curve_and_the_area_of_scikit_learn() -> None:
    ax = plotroc(TRUTH, SCORES, classes=NAMES)
    _, *curves = ax.lines
    assert len(curves) == 4
    for number, (curve, name, label) in enumerate(zip(curves, NAMES, labels_of(ax), strict=True)):
        member, score = number == TRUTH, SCORES[:, number]
        alarms, found, _ = metrics.roc_curve(member, score, drop_intermediate=False)
        np.testing.assert_allclose(curve.get_xydata(), np.stack([alarms, found], axis=1))
        assert label == f"{name}, area {metrics.roc_auc_score(member, score):.4f}"


def test_a_single_score_is_that_of_the_second_class() -> None:
    spam = RNG.random(80) > 0.7
    score = spam + RNG.normal(size=80)
    area = metrics.roc_auc_score(spam, score)
    for truth in (spam, spam.astype(float)[:, None], np.eye(2)[spam.astype(int)]):
        assert labels_of(plotroc(truth, score, classes=["ham", "spam"])) == [
            f"spam, area {area:.4f}"
        ]
    words = np.where(spam, "spam", "ham")
    assert labels_of(plotroc(words, score)) == [f"spam, area {area:.4f}"]


def test_equal_scores_are_one_step_and_count_half() -> None:
    member, score = np.array([1, 0, 1, 0, 1]) == 1, np.array([3.0, 3.0, 2.0, 2.0, 1.0])
    alarms, found = roc_curve(member, score)
    np.testing.assert_allclose(alarms, [0, 1 / 2, 1, 1])
    np.testing.assert_allclose(found, [0, 1 / 3, 2 / 3, 1])
    pairs = score[member][:, None] - score[~member]
    area = np.mean((pairs > 0) + 0.5 * (pairs == 0))
    assert labels_of(plotroc(member, score)) == [f"True, area {area:.4f}"]


def test_more_classes_than_colours_still_differ() -> None:
    truth = np.arange(40) % 20
    _, *curves = plotroc(truth, RNG.normal(size=(40, 20))).lines
    assert len({(line.get_color(), line.get_linestyle()) for line in curves}) == 20


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (([0, 1], [0.1, 0.2, 0.3]), r"scores must have as many rows as targets \(2\)"),
        (([0, 1, 2], [0.1, 0.2, 0.3]), "scores must have a column for each of 3 classes"),
        (([0, 1], [[1, 2, 3], [4, 5, 6]]), "have samples of class 2 and of others.*none of"),
        ((["a", "a"], [[1, 2], [3, 4]]), "be labels class numbers from 0"),
        (([0, 1], [0.1, np.inf]), "scores must be finite"),
        (([0, 0], [0.1, 0.2]), "scores must have a column for each of 1 classes"),
    ],
)
def test_a_curve_that_does_not_exist_is_told(arguments, told: str) -> None:
    with pytest.raises(ArgumentError, match=told):
        plotroc(*arguments)


def test_a_class_without_samples_is_told_by_name() -> None:
    with pytest.raises(ArgumentError, match="samples of class b and of others"):
        plotroc(["a", "a", "c"], np.eye(3), classes=["a", "b", "c"])
