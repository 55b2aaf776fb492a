"""How a training or a search went: errors by epoch, and by generation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.evolve.ledger import History
from workbench.plot.palette import COLOURS, axes_or_new
from workbench.training.record import TrainingRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_performance(
    records: TrainingRecord | Mapping[str, TrainingRecord], ax: Axes | None = None
) -> Axes:
    """Draw the errors by epoch, as ``plotperform`` does, for one training or several.

    Training rows are drawn solid, validation rows dashed, test rows dotted, and a circle marks
    the best epoch.

    Args:
        records: A record, or records by name.
        ax: Where to draw; None makes a figure.
    """
    if isinstance(records, TrainingRecord):
        records = {records.method: records}
    ax = axes_or_new(ax)
    for colour, (name, record) in zip(COLOURS, records.items(), strict=False):
        parts = (("perf", "-", "training"), ("vperf", "--", "validation"), ("tperf", ":", "test"))
        for part, style, word in parts:
            values = getattr(record, part)
            if not np.isnan(values).all():
                ax.semilogy(record.epoch, values, style, color=colour, label=f"{name}, {word}")
        ax.semilogy(record.best_epoch, record.best_perf, "o", color=colour, fillstyle="none")
    ax.set(xlabel="epoch", ylabel="mean squared error")
    ax.legend()
    return ax


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
