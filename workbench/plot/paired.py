"""A paired comparison: every seed's test error, by initialiser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.plot.palette import COLOURS, FAINT, axes_or_new

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def plot_comparison(runs: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw a row of points for each initialiser, the same seed joined by a thin line.

    Args:
        runs: Columns ``seed``, ``initialiser`` and ``test_mse``, a row for each pair.
        ax: Where to draw; None makes a figure.
    """
    names = list(dict.fromkeys(runs["initialiser"]))
    errors = runs.pivot(index="seed", columns="initialiser", values="test_mse")[names]
    ax = axes_or_new(ax, 7, 1.2 + 0.55 * len(names))
    places = range(len(names))
    for _, seed in errors.iterrows():
        ax.plot(seed, places, color=FAINT, linewidth=0.5, zorder=1)
    for place, name in enumerate(names):
        colour = COLOURS[place % len(COLOURS)]
        ax.plot(errors[name], [place] * len(errors), "o", color=colour, alpha=0.6, markersize=5)
        ax.plot(errors[name].median(), place, "|", color="black", markersize=22, markeredgewidth=2)
    ax.set_xscale("log")
    ax.set_yticks(places, names)
    ax.invert_yaxis()
    ax.set(xlabel="test error after training (mean squared, scaled); bar: median")
    return ax
