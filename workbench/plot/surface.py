"""A function of two inputs, as a surface through its samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks

if TYPE_CHECKING:
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
