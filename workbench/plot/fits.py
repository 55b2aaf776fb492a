"""What a network learned: the surface of the data, predictions against truth, their errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.errors import ArgumentError
from workbench.plot.palette import COLOURS, FAINT, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.tri import Triangulation


def plot_surface(X: ArrayLike, y: ArrayLike, ax: Any = None) -> Any:
    """Draw a function of two inputs as a surface through its samples.

    Args:
        X: Inputs ``(samples, 2)``.
        y: Values ``(samples,)`` or ``(samples, 1)``.
        ax: Axes with a 3-D projection; None makes one.

    Raises:
        ArgumentError: Not two inputs and one output, or not as many rows.
    """
    X = checks.samples("X", X, (2,), "a surface")
    y = checks.samples("y", y, (1,), "a surface")
    checks.same_rows(X, y)
    if ax is None:
        from matplotlib import pyplot

        figure = pyplot.figure(figsize=(6, 4.5), layout="constrained")
        ax = figure.add_subplot(projection="3d")
    ax.plot_trisurf(_surface(X), y[:, 0], cmap="viridis", linewidth=0.1)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", zlabel="$y$")
    ax.set_box_aspect(None, zoom=0.88)  # room for the label of the third axis
    return ax


def plot_regression(y_true: ArrayLike, y_pred: ArrayLike, ax: Axes | None = None) -> Axes:
    """Draw predictions against true values with the fitted line, as ``plotregression`` does.

    Args:
        y_true: True values, any shape.
        y_pred: Predictions of the same number of values.
        ax: Where to draw; None makes a figure.

    Raises:
        ArgumentError: Not as many values, fewer than two, or not finite.
    """
    truth, predicted = _flat("y_true", y_true), _flat("y_pred", y_pred)
    if truth.size != predicted.size or truth.size < 2:
        raise ArgumentError(
            "y_pred",
            f"have the {truth.size} values of y_true, and at least two",
            f"{predicted.size} values",
        )
    ax = axes_or_new(ax, 4.5, 4.5)
    slope, offset = np.polyfit(truth, predicted, 1)
    ends = np.array([truth.min(), truth.max()])
    ax.plot(truth, predicted, ".", color=COLOURS[0], markersize=4, label="samples")
    ax.plot(ends, slope * ends + offset, color=COLOURS[1], label="fit")
    ax.plot(ends, ends, ":", color="black", label="Y = T")
    ax.set(xlabel="true value T", ylabel="prediction Y")
    ax.set_title(f"R = {np.corrcoef(truth, predicted)[0, 1]:.7g}")
    ax.legend()
    return ax


def plot_sample_errors(
    y_true: ArrayLike, predictions: Mapping[str, ArrayLike], ax: Axes | None = None
) -> Axes:
    """Draw the error of every sample, for one or several networks.

    Args:
        y_true: True values, any shape.
        predictions: Predictions of as many values, by the network's name.
        ax: Where to draw; None makes a figure.

    Raises:
        ArgumentError: Not as many values, or not finite.
    """
    truth = _flat("y_true", y_true)
    ax = axes_or_new(ax, 6, 3)
    for colour, (name, values) in zip(COLOURS, predictions.items(), strict=False):
        predicted = _flat(f"predictions[{name!r}]", values)
        if predicted.size != truth.size:
            raise ArgumentError(
                f"predictions[{name!r}]",
                f"have the {truth.size} values of y_true",
                f"{predicted.size} values",
            )
        ax.plot(predicted - truth, color=colour, linewidth=0.8, alpha=0.8, label=name)
    ax.axhline(0, color=FAINT, linewidth=0.8)
    ax.set(xlabel="test sample", ylabel="prediction - true value")
    ax.legend()
    return ax


def _surface(X: NDArray[np.floating]) -> Triangulation:
    """Return the triangles between points ``(samples, 2)``, without slivers along the border.

    The convex hull closes over whatever gap the samples leave at the border, and a surface
    that bends upwards is then drawn with flat lids.
    """
    from matplotlib.tri import TriAnalyzer, Triangulation

    triangles = Triangulation(X[:, 0], X[:, 1])
    flat = TriAnalyzer(triangles).get_flat_tri_mask(min_circle_ratio=0.1)
    triangles.set_mask(flat)
    return triangles


def _flat(argument: str, values: ArrayLike) -> Any:
    return checks.matrix(argument, np.ravel(np.asarray(values)))[:, 0]
