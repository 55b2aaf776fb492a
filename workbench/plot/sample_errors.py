"""The error of every sample, for one or several networks."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from workbench.plot.palette import COLOURS, FAINT, axes_or_new
from workbench.plot.values import flat, same_size

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    truth = flat("y_true", y_true)
    ax = axes_or_new(ax, 6, 3)
    for colour, (name, values) in zip(cycle(COLOURS), predictions.items(), strict=False):
        predicted = flat(f"predictions[{name!r}]", values)
        same_size(truth, predicted, ("y_true", f"predictions[{name!r}]"))
        ax.plot(predicted - truth, color=colour, linewidth=0.8, alpha=0.8, label=name)
    ax.axhline(0, color=FAINT, linewidth=0.8)
    ax.set(xlabel="test sample", ylabel="prediction - true value")
    ax.legend()
    return ax
