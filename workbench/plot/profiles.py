"""Performance and data profiles: the share of problems solved, by what it cost.

Sources: E. D. Dolan and J. J. Moré, Mathematical Programming 91, 2002; J. J. Moré and S. M. Wild,
SIAM J. Optimization 20(1), 2009. A curve that is higher is better: on the left for the quickest,
on the right for the one that gets there at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from workbench.plot.labels import decades
from workbench.plot.palette import COLOURS, axes_or_new

_COLOURS = (*COLOURS, "black")


def plot_profile(costs: Mapping[str, ArrayLike], ax: Any = None, *, control: str = "") -> Any:
    """Draw for each search the share of problems that it has solved, by cost.

    Args:
        costs: What each problem cost, by the name of the search: arrays (problems,) of
            `workbench.evolve.performance_ratios` or `workbench.evolve.simplex_gradients`,
            infinite where it was not solved.
        ax: Axes; None makes some.
        control: Name of the search that the others have to beat; it is drawn grey and dashed.

    Returns:
        The Axes, with one step curve a search.
    """
    ax = axes_or_new(ax)
    table = {name: np.sort(np.asarray(row, dtype=float)) for name, row in costs.items()}
    finite = np.concatenate([row[np.isfinite(row)] for row in table.values()])
    low, high = (finite.min(), finite.max()) if finite.size else (1.0, 2.0)
    others = [name for name in table if name != control]
    for name, row in table.items():
        style: dict[str, Any] = {"color": "0.45", "linestyle": "--"}
        if name != control:
            style = {"color": _COLOURS[others.index(name) % len(_COLOURS)]}
        solved = row[np.isfinite(row)]
        share = np.arange(len(solved) + 1) / len(row)
        # From the first cost of all to the last of all, so that every curve crosses the figure.
        steps = np.concatenate([[low], solved, [high * 1.02]])
        ax.step(steps, np.append(share, share[-1]), where="post", label=name, **style)
    ax.set(xscale="log", xlim=(low, high * 1.02), ylim=(-0.02, 1.02), ylabel="share solved")
    decades(ax.xaxis, np.array([low, high]))
    return ax
