"""Outputs against targets with the fitted line, the figure of MATLAB's ``plotregression``."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from workbench.checks import FloatArray
from workbench.errors import ArgumentError
from workbench.plot.palette import SET_COLOURS, axes_or_new
from workbench.plot.values import flat, same_size

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plotregression(
    targets: ArrayLike | Mapping[str, tuple[ArrayLike, ArrayLike]],
    outputs: ArrayLike | None = None,
    ax: Any = None,
) -> Any:
    """Draw a network's outputs against the targets, with the least-squares line and R.

    Args:
        targets: Targets, any shape; or pairs (targets, outputs) by the name of their set, as
            in ``{"Training": (t, y), "Test": (t_test, y_test)}``, which get a panel each.
        outputs: Outputs of as many values; None where ``targets`` holds the pairs.
        ax: Where to draw: Axes, or one for each set; None makes a figure.

    Returns:
        The Axes; for sets by name an array of them.

    Raises:
        ArgumentError: Not as many values, fewer than two, not finite, or not as many Axes.
    """
    if not isinstance(targets, Mapping):
        if outputs is None:
            raise ArgumentError("outputs", "be given with the targets", outputs)
        pair = _pair(("targets", "outputs"), targets, outputs)
        return _panel(axes_or_new(ax, 4.5, 4.5), "", pair, SET_COLOURS[0])
    if outputs is not None:
        raise ArgumentError(
            "outputs",
            "be left out where targets holds pairs (targets, outputs) by name",
            f"a {type(outputs).__name__}",
        )
    pairs = {name: _named_pair(name, pair) for name, pair in targets.items()}
    panels = _panels(len(pairs), ax)
    for axes, colour, (name, pair) in zip(panels, cycle(SET_COLOURS), pairs.items(), strict=False):
        _panel(axes_or_new(axes), f"{name}: ", pair, colour)
    return panels


# The same in the spelling of the other figures.
plot_regression = plotregression


def _panel(ax: Axes, name: str, pair: tuple[FloatArray, FloatArray], colour: str) -> Axes:
    slope, offset, r = _line(*pair)
    low, high = min(map(np.min, pair)), max(map(np.max, pair))
    margin = 0.04 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    circles: dict[str, Any] = {"fillstyle": "none", "markeredgewidth": 0.6, "color": "0.35"}
    ax.plot(*pair, "o", **circles, markersize=4, label="data")
    ends = np.array([pair[0].min(), pair[0].max()])
    ax.plot(ends, slope * ends + offset, color=colour, linewidth=2, label="fit")
    ax.plot(limits, limits, ":", color="black", label="Y = T")
    ax.set(xlim=limits, ylim=limits, box_aspect=1, xlabel="Target")
    ax.set_ylabel(f"Output ~= {slope:.2g}*Target {'-' if offset < 0 else '+'} {abs(offset):.2g}")
    ax.set_title(f"{name}R = {r:.7g}")
    ax.legend()
    return ax


def _line(targets: FloatArray, outputs: FloatArray) -> tuple[float, float, float]:
    """Return slope, offset and correlation, NaN where constant values leave them undefined."""
    t, y = (values - values.mean() for values in (targets, outputs))
    # A mean is rounded, so that the differences of constant values need not be zero.
    varies = [np.ptp(values) > 0 for values in (targets, outputs)]
    slope = float(t @ y / (t @ t)) if varies[0] else np.nan
    r = float(t @ y / np.sqrt((t @ t) * (y @ y))) if all(varies) else np.nan
    return slope, float(outputs.mean() - slope * targets.mean()), r


def _pair(
    names: tuple[str, str], targets: ArrayLike, outputs: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    pair = flat(names[0], targets), flat(names[1], outputs)
    same_size(*pair, names)
    if pair[0].size < 2:
        raise ArgumentError(names[0], "have at least two values", "one value")
    return pair


def _named_pair(name: str, pair: object) -> tuple[FloatArray, FloatArray]:
    argument = f"targets[{name!r}]"
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ArgumentError(argument, "be a pair (targets, outputs)", f"a {type(pair).__name__}")
    return _pair((f"{argument}[0]", f"{argument}[1]"), *pair)


def _panels(count: int, ax: Any) -> Any:
    """Return as many Axes, side by side or from four on in a square."""
    if count == 0:
        raise ArgumentError("targets", "hold at least one pair (targets, outputs)", "{}")
    if ax is None:
        from matplotlib import pyplot

        columns = count if count < 4 else ceil(sqrt(count))
        rows = ceil(count / columns)
        figure = pyplot.figure(figsize=(4 * columns, 4 * rows), layout="constrained")
        places = range(1, count + 1)
        return np.array([figure.add_subplot(rows, columns, place) for place in places])
    given = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    if len(given) != count:
        raise ArgumentError("ax", f"be {count} Axes, one for each set", f"{len(given)}")
    return given
