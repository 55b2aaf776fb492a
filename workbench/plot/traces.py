"""How a search went: errors and fitness by generation."""

from __future__ import annotations

from typing import Any

from workbench.evolve.ledger import History
from workbench.plot.palette import COLOURS, axes_or_new


def plot_ga_trace(history: History, axes: Any = None) -> Any:
    """Draw error and fitness by generation, the two figures of the classic GA-BP program.

    Args:
        history: The history of a search that minimised an error.
        axes: Two Axes; None makes a figure.

    Returns:
        The two Axes: errors, and fitness 1/error.
    """
    if axes is None:
        from matplotlib import pyplot

        axes = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")[1]
    left, right = (axes_or_new(ax) for ax in axes)
    for colour, name in zip(COLOURS, ("best", "mean"), strict=False):
        values = getattr(history, name)
        left.plot(history.generation, values, color=colour, label=name)
        right.plot(history.generation, 1 / values, color=colour, label=name)
    left.set(xlabel="generation", ylabel="error", title="Error")
    right.set(xlabel="generation", ylabel="fitness = 1 / error", title="Fitness")
    left.legend()
    right.legend()
    return axes
