"""Performance by epoch, the figure of MATLAB's ``plotperform``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench import checks
from workbench.errors import ArgumentError
from workbench.plot.palette import COLOURS, SET_COLOURS, axes_or_new
from workbench.training.record import TrainingRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SETS = {"training": "perf", "validation": "vperf", "test": "tperf"}


def plotperform(
    records: TrainingRecord | Mapping[str, TrainingRecord],
    ax: Axes | None = None,
    *,
    goal: float | None = None,
) -> Axes:
    """Draw the performance by epoch on a logarithmic axis, of one training or of several.

    One training looks as in MATLAB: a colour for each set of rows, the best epoch marked with
    a circle and dotted lines, and named in the title. The best epoch is the one of the lowest
    validation performance, or without validation rows of the lowest training performance.
    Several trainings have a colour each: training rows are drawn solid, validation rows
    dashed, test rows dotted, and a circle marks the best epoch.

    Args:
        records: A record, or records by name.
        ax: Where to draw; None makes a figure.
        goal: The goal that was trained for, drawn as a line if it is above zero.

    Raises:
        ArgumentError: Not a record or records by name, none at all, or a goal below zero.
    """
    goal = 0.0 if goal is None else checks.real("goal", goal, 0)
    several = _checked(records)
    ax = axes_or_new(ax)
    if isinstance(records, TrainingRecord):
        _draw(ax, records, "", SET_COLOURS, "---")
        _mark_best(ax, records)
    else:
        for colour, (name, record) in zip(cycle(COLOURS), several.items(), strict=False):
            _draw(ax, record, f"{name}, ", [colour] * 3, ["-", "--", ":"])
            ax.plot(record.best_epoch, _best(record)[1], "o", color=colour, fillstyle="none")
        ax.set_xlabel("epoch")
    if goal > 0:
        ax.axhline(goal, color="black", linewidth=1, label="goal")
    if any(record.perf.any() for record in several.values()):  # zeros only have no logarithm
        ax.set_yscale("log")
    ax.set_ylabel("performance")
    ax.legend()
    return ax


# Records are compared under this name, in the spelling of the other figures.
plot_performance = plotperform


def _checked(records: object) -> Mapping[str, TrainingRecord]:
    several = {"": records} if isinstance(records, TrainingRecord) else records
    if not (
        isinstance(several, Mapping)
        and several
        and all(isinstance(record, TrainingRecord) for record in several.values())
    ):
        raise ArgumentError(
            "records",
            'be a TrainingRecord, or at least one by name, such as {"BP": record}',
            f"a {type(records).__name__}",
        )
    return several


def _draw(
    ax: Axes, record: TrainingRecord, name: str, colours: Sequence[str], styles: Sequence[str]
) -> None:
    for (word, part), colour, style in zip(_SETS.items(), colours, styles, strict=False):
        values = getattr(record, part)
        if not np.isnan(values).all():
            ax.plot(record.epoch, values, style, color=colour, label=name + word)


def _best(record: TrainingRecord) -> tuple[str, float]:
    """Return which rows decided on the best epoch, and their performance there."""
    if np.isnan(record.vperf).all():
        return "training", record.best_perf
    return "validation", record.best_vperf


def _mark_best(ax: Axes, record: TrainingRecord) -> None:
    word, value = _best(record)
    colour = SET_COLOURS[list(_SETS).index(word)]
    lines: dict[str, Any] = {"color": "0.35", "linestyle": ":", "linewidth": 1.2}
    ax.axvline(record.best_epoch, **lines)
    ax.axhline(value, **lines, label="best")
    circle: dict[str, Any] = {"markersize": 11, "fillstyle": "none", "markeredgewidth": 1.5}
    ax.plot(record.best_epoch, value, "o", color=colour, **circle)
    ax.set_xlabel(f"{record.num_epochs} epochs")
    # trainbr keeps its last weights, though earlier ones fitted the training rows more closely.
    curve = record.perf if word == "training" else record.vperf
    kind = "Last" if value > np.min(curve, initial=np.inf, where=~np.isnan(curve)) else "Best"
    ax.set_title(f"{kind} {word} performance is {value:.5g} at epoch {record.best_epoch}")
