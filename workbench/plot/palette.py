"""Colours that stay apart for colour-blind readers, and an Axes where none is given.

Source of the colours: M. Okabe and K. Ito, "Color Universal Design", 2008.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
# Training, validation and test in MATLAB's blue, green and red; further sets follow.
SET_COLOURS = (COLOURS[0], COLOURS[2], COLOURS[1], *COLOURS[3:])
FAINT = "#bbbbbb"


def axes_or_new(ax: Axes | None, width: float = 6, height: float = 4) -> Axes:
    """Return ``ax``, or the Axes of a new figure of that size in inches."""
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.subplots(figsize=(width, height), layout="constrained")[1]
    ax.grid(alpha=0.25)
    return ax
