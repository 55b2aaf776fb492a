"""The state of a training by epoch, the figure of MATLAB's ``plottrainstate``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ArgumentError
from workbench.plot.palette import COLOURS, axes_or_new
from workbench.training.record import TrainingRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEW = 100  # epochs whose marks do not run into each other


def plottrainstate(record: TrainingRecord, axes: Sequence[Axes] | None = None) -> NDArray[Any]:
    """Draw gradient, the method's own traces and validation checks, one above the other.

    Each title has the value at the last epoch. The gradient has a logarithmic axis, and so
    has a trace of positive values over more than a decade.

    Args:
        record: The record of a training.
        axes: Where to draw: two Axes and one for each of ``record.traces``; None makes a figure.

    Returns:
        The Axes from top to bottom, an array of ``2 + len(record.traces)``.

    Raises:
        ArgumentError: No record, or not as many Axes.
    """
    if not isinstance(record, TrainingRecord):
        raise ArgumentError("record", "be a TrainingRecord", f"a {type(record).__name__}")
    curves = {"gradient": record.gradient, **record.traces, "validation checks": record.val_fail}
    stacked = _stack(len(curves), axes)
    for ax, (name, values) in zip(stacked, curves.items(), strict=True):
        checks = name == "validation checks"
        marker = "D" if checks and record.num_epochs <= _FEW else ""
        axes_or_new(ax).plot(record.epoch, values, color=COLOURS[0], marker=marker, markersize=3)
        if _is_wide(values) or (name == "gradient" and values.any()):
            ax.set_yscale("log")
        if checks:
            ax.set_ylim(-0.3, max(1, values.max()) * 1.1)
            ax.yaxis.get_major_locator().set_params(integer=True)
        ax.set_title(f"{name} = {values[-1]:.5g}, at epoch {record.num_epochs}", fontsize="medium")
        ax.set_ylabel(name.removeprefix("validation "))
    stacked[0].figure.align_ylabels(stacked)
    stacked[-1].set_xlabel(f"{record.num_epochs} epochs")
    return stacked


def _stack(count: int, axes: Sequence[Axes] | None) -> NDArray[Any]:
    if axes is None:
        from matplotlib import pyplot

        size = (6, 0.6 + 1.5 * count)
        return pyplot.subplots(count, 1, sharex=True, figsize=size, layout="constrained")[1]
    given = np.atleast_1d(np.asarray(axes, dtype=object)).ravel()
    if len(given) != count:
        raise ArgumentError("axes", f"be {count} Axes, one for each curve", f"{len(given)}")
    return given


def _is_wide(values: NDArray[Any]) -> bool:
    return bool((values > 0).all() and values.max() > 10 * values.min())
