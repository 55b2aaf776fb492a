"""What a threshold can reach, the figure of MATLAB's ``plotroc``.

Source: T. Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27 (2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.checks import FloatArray
from workbench.errors import ArgumentError
from workbench.plot.confusion import class_places, known_classes, target_classes
from workbench.plot.palette import COLOURS, FAINT, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLES = ("-", "--", "-.", ":")  # a new one when the colours begin again


def plotroc(
    targets: ArrayLike,
    scores: ArrayLike,
    ax: Axes | None = None,
    *,
    classes: Sequence[Any] | None = None,
) -> Axes:
    """Draw the share of a class that is found against the false alarms, for every threshold.

    Each class has a curve of its own, against all others. The legend has the area below it:
    the probability that a sample of the class has a higher score than one of the others, equal
    scores counting half.

    Args:
        targets: Class of each sample ``(samples,)``, or columns of 0 and 1 ``(samples,
            classes)``.
        scores: A score for each class ``(samples, classes)``; or for two classes that of the
            second ``(samples,)``, which then has the only curve. Probabilities, or any numbers
            that are the higher the more likely the class is.
        ax: Where to draw; None makes a figure.
        classes: Names of the classes in the order of columns. Labels are these names, or
            numbers from 0. None takes the sorted labels.

    Raises:
        ArgumentError: Not as many scores as targets, not as many columns as classes, a label
            that is no class, a class that all samples are of or none, or entries that are not
            finite.
    """
    truth, columns = target_classes(targets), checks.matrix("scores", scores)
    checks.same_rows(truth, columns, ("targets", "scores"))
    single = columns.shape[1] == 1
    sets = {"targets": truth} if single else {"targets": truth, "scores": columns}
    index, names = known_classes(sets, classes)
    if single and len(names) != 2:
        requirement = f"have a column for each of {len(names)} classes"
        raise ArgumentError("scores", requirement, "one column, which is for two classes")
    places = class_places(truth, index)
    members = [_members(places == number, name) for number, name in enumerate(names)]
    ax = axes_or_new(ax, 5, 5)
    ax.plot([0, 1], [0, 1], color=FAINT, linewidth=1)
    drawn = list(zip(names, members, strict=True))[-columns.shape[1] :]
    for number, ((name, member), column) in enumerate(zip(drawn, columns.T, strict=True)):
        colour, style = COLOURS[number % len(COLOURS)], _STYLES[number // len(COLOURS) % 4]
        alarms, found = roc_curve(member, column)
        label = f"{name}, area {np.trapezoid(found, alarms):.4f}"
        # Above the frame, on which the best curves lie.
        ax.plot(alarms, found, style, color=colour, label=label, clip_on=False, zorder=3)
    ax.set(xlim=(0, 1), ylim=(0, 1), box_aspect=1)
    ax.set(xlabel="False positive rate", ylabel="True positive rate", title="ROC")
    ax.legend(loc="lower right")
    return ax


def roc_curve(member: NDArray[np.bool_], score: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return false and true positive rates from the highest threshold to the lowest.

    Args:
        member: Which samples are of the class ``(samples,)``; some and not all.
        score: Score of each sample ``(samples,)``.

    Returns:
        Two arrays ``(different scores + 1,)`` that begin with 0 and end with 1.
    """
    order = np.argsort(-score, kind="stable")
    # Equal scores pass a threshold together, and so are one step.
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    found = np.append(0, np.cumsum(member[order])[last])
    passed = np.append(0, last + 1)
    alarms = passed - found
    return alarms / alarms[-1], found / found[-1]


def _members(member: NDArray[np.bool_], name: str) -> NDArray[np.bool_]:
    if member.all() or not member.any():
        count = "all" if member.any() else "none"
        raise ArgumentError(
            "targets", f"have samples of class {name} and of others", f"{count} of this class"
        )
    return member
