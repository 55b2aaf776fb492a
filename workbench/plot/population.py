"""A population over the contours of what it minimises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from workbench import checks
from workbench.plot.palette import COLOURS, axes_or_new


def plot_population(
    objective: Callable[[Any], ArrayLike],
    bounds: ArrayLike,
    members: ArrayLike,
    ax: Any = None,
    *,
    points: int = 101,
    levels: int = 12,
) -> Any:
    """Draw members of two genes as dots over the contours of the objective.

    Args:
        objective: Maps members (n, 2) to values (n,), as for `workbench.minimize`.
        bounds: Rows (low, high) of the two genes, shape (2, 2).
        members: The population, shape (members, 2).
        ax: Axes; None makes some.
        points: Grid points along each gene.
        levels: Contours; their values are quantiles, so that each holds as much of the area.

    Returns:
        The Axes.

    Raises:
        ArgumentError: There are not two genes.
    """
    box = checks.bounds("bounds", bounds, 2)
    dots = checks.samples("members", members, (2,), "the contours")
    ax = axes_or_new(ax, 4.5, 4.5)
    ax.grid(False)
    x, y = (np.linspace(low, high, points) for low, high in box)
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    values = np.asarray(objective(grid.reshape(-1, 2)), dtype=float).reshape(points, points)
    finite = values[np.isfinite(values)]
    shares = np.linspace(0, 1, levels + 1)
    steps = np.unique(np.quantile(finite, shares)) if finite.size else finite
    if len(steps) > 1:  # a plain has no contours
        # Greys by rank: by value, a needle's eye in a plain would be all there is to see.
        greys = [str(grey) for grey in np.linspace(0.55, 1, len(steps) - 1)]
        ax.contourf(x, y, np.ma.masked_invalid(values), steps, colors=greys)
    ax.plot(*dots.T, "o", color=COLOURS[1], markersize=4, markeredgecolor="white", mew=0.4)
    ax.set(xlim=box[0], ylim=box[1], xlabel="gene 1", ylabel="gene 2")
    ax.set_box_aspect(1)
    return ax
