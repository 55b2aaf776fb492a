"""How large the errors are and how often, the figure of MATLAB's ``ploterrhist``."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from workbench import checks
from workbench.errors import ArgumentError
from workbench.plot.palette import COLOURS, SET_COLOURS, axes_or_new
from workbench.plot.values import flat

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_LABELS = 25  # more would overlap


def ploterrhist(
    errors: ArrayLike | Mapping[str, ArrayLike], bins: int = 20, ax: Axes | None = None
) -> Axes:
    """Draw a histogram of errors, of one set of rows or of several, stacked.

    The bins divide the range of all errors evenly, as MATLAB's ``hist`` does, and the axis is
    labelled with their centres. A line marks the error zero.

    Args:
        errors: Targets minus outputs, any shape; or such errors by the name of their set, as
            in ``{"Training": e, "Validation": e_val, "Test": e_test}``.
        bins: Number of bins.
        ax: Where to draw; None makes a figure.

    Raises:
        ArgumentError: No errors, not finite, or ``bins`` is no positive integer.
    """
    bins = checks.integer("bins", bins)
    sets = _sets(errors)
    edges = np.histogram_bin_edges(np.concatenate(list(sets.values())), bins)
    centres, width = (edges[:-1] + edges[1:]) / 2, edges[1] - edges[0]
    ax = axes_or_new(ax, 7, 4.2)
    ax.grid(visible=False, axis="x")
    ax.set_axisbelow(True)
    below = np.zeros(bins)
    for colour, (name, values) in zip(cycle(SET_COLOURS), sets.items(), strict=False):
        counts = np.histogram(values, edges)[0]
        ax.bar(centres, counts, 0.85 * width, below, color=colour, label=name)
        below += counts
    ax.axvline(0, color=COLOURS[4], linewidth=2, label="zero error")
    shown = centres[:: -(-bins // _MOST_LABELS)]
    ax.set_xticks(shown, [f"{centre:.4g}" for centre in shown], rotation=90, fontsize="small")
    ax.set(xlabel="errors = targets - outputs", ylabel="instances")
    ax.set_title(f"Error histogram with {bins} bins")
    ax.legend()
    return ax


def _sets(errors: ArrayLike | Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    if not isinstance(errors, Mapping):
        return {"errors": flat("errors", errors)}
    if not errors:
        raise ArgumentError("errors", "hold at least one set of errors", errors)
    return {name: flat(f"errors[{name!r}]", values) for name, values in errors.items()}
