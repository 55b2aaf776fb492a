"""ploterrhist counts as NumPy does, plotregression fits as NumPy does."""

import numpy as np
import pytest
from matplotlib import pyplot

from workbench.errors import ArgumentError
from workbench.plot import plot_regression, ploterrhist, plotregression

RNG = np.random.default_rng(0)
SETS = {"Training": RNG.normal(size=(70, 2)), "Validation": RNG.normal(size=15)}


def heights(bars) -> list[float]:
    return [bar.get_height() for bar in bars]


def centres(bars) -> list[float]:
    return [bar.get_x() + bar.get_width() / 2 for bar in bars]


def test_the_bars_are_the_counts_of_20_bins_over_all_errors() -> None:
    ax = ploterrhist(SETS)
    together = np.concatenate([errors.ravel() for errors in SETS.values()])
    counts, edges = np.histogram(together, 20)
    middles = np.linspace(edges[0], edges[-1], 41)[1::2]
    below = np.zeros(20)
    for bars, (name, errors) in zip(ax.containers, SETS.items(), strict=True):
        assert bars.get_label() == name
        np.testing.assert_allclose(centres(bars), middles)
        assert heights(bars) == np.histogram(errors, edges)[0].tolist()
        assert [bar.get_y() for bar in bars] == below.tolist()
        below += heights(bars)
    assert below.tolist() == counts.tolist()
    assert ax.get_title() == "Error histogram with 20 bins"
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels == [f"{middle:.4g}" for middle in middles]


def test_a_line_marks_the_error_zero() -> None:
    (line,) = ploterrhist(RNG.normal(3, 0.1, 50), bins=5).lines
    assert line.get_xdata() == [0, 0]
    assert line.get_label() == "zero error"


def test_many_bins_keep_labels_that_can_be_read() -> None:
    assert len(ploterrhist(SETS, bins=200).get_xticks()) <= 25


def test_equal_errors_have_a_histogram() -> None:
    (bars,) = ploterrhist([0.5, 0.5, 0.5]).containers
    assert sum(heights(bars)) == 3


def fitted() -> tuple[np.ndarray, np.ndarray]:
    targets = RNG.normal(size=50)
    return targets, 0.98 * targets + 0.0123 + RNG.normal(scale=1e-3, size=50)


def test_a_regression_shows_r_and_the_line_of_least_squares() -> None:
    targets, outputs = fitted()
    ax = plotregression(targets, outputs[:, None])
    assert ax.get_title() == f"R = {np.corrcoef(targets, outputs)[0, 1]:.7g}"
    assert ax.get_ylabel() == "Output ~= 0.98*Target + 0.012"
    data, fit, equal = ax.lines
    np.testing.assert_array_equal(data.get_xydata(), np.stack([targets, outputs], axis=1))
    x, y = fit.get_data()
    np.testing.assert_allclose(y, np.polyval(np.polyfit(targets, outputs, 1), x))
    np.testing.assert_array_equal(*equal.get_data())
    assert ax.get_xlim() == ax.get_ylim()


def test_a_negative_offset_is_subtracted() -> None:
    assert plotregression([0, 1], [-0.5, 0.5]).get_ylabel() == "Output ~= 1*Target - 0.5"


def test_each_set_has_a_panel_of_its_own() -> None:
    pairs = {name: fitted() for name in ("Training", "Validation", "Test", "All")}
    axes = plotregression(pairs)
    assert len(axes) == 4
    for ax, (name, (targets, outputs)) in zip(axes, pairs.items(), strict=True):
        assert ax.get_title() == f"{name}: R = {np.corrcoef(targets, outputs)[0, 1]:.7g}"
        np.testing.assert_array_equal(ax.lines[0].get_xdata(), targets)


def test_axes_that_are_given_are_drawn_into() -> None:
    ax = pyplot.subplots()[1]
    assert plot_regression(*fitted(), ax=ax) is ax
    assert ploterrhist(SETS, ax=pyplot.subplots()[1]).containers
    axes = pyplot.subplots(1, 2)[1]
    assert (plotregression({"a": fitted(), "b": fitted()}, ax=axes) == axes).all()


@pytest.mark.parametrize(
    "pair", [([0.1] * 3, [1, 2, 3]), ([1, 2, 3], [0.1] * 3)], ids=["targets", "outputs"]
)
def test_r_of_constant_values_is_undefined_and_drawn_without_warning(pair) -> None:
    ax = plotregression(*pair)
    ax.figure.canvas.draw()
    assert ax.get_title() == "R = nan"


def test_wrong_errors_are_told() -> None:
    with pytest.raises(ArgumentError, match="bins must be a positive integer"):
        ploterrhist(SETS, bins=0)
    with pytest.raises(ArgumentError, match="errors must hold at least one set"):
        ploterrhist({})
    with pytest.raises(ArgumentError, match=r"errors\['Test'\] must be finite"):
        ploterrhist({"Test": [np.inf]})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (([1, 2],), "outputs must be given"),
        (([1, 2], [1, 2, 3]), "outputs must have the 2 values of targets"),
        (([1], [1]), "targets must have at least two values"),
        (([1, np.nan], [1, 2]), "targets must be finite"),
        (({},), "targets must hold at least one pair"),
        (({"a": [1, 2, 3]},), r"targets\['a'\] must be a pair \(targets, outputs\)"),
        (({"a": ([1, 2], [1])},), r"targets\['a'\]\[1\] must have the 2 values"),
        (({"a": ([1, 2], [1, 2])}, [1, 2]), "outputs must be left out"),
    ],
)
def test_wrong_pairs_are_told(arguments, told: str) -> None:
    with pytest.raises(ArgumentError, match=told):
        plotregression(*arguments)


def test_as_many_axes_as_sets_are_wanted() -> None:
    with pytest.raises(ArgumentError, match="ax must be 1 Axes, one for each set"):
        plotregression({"a": fitted()}, ax=pyplot.subplots(1, 2)[1])
