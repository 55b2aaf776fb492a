"""Which class was taken for which, the figure of MATLAB's ``plotconfusion``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.errors import ArgumentError
from workbench.plot.palette import COLOURS, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Places = NDArray[np.intp]

_RIGHT, _WRONG = COLOURS[2], COLOURS[1]
# The two colours again, dark enough for small letters.
_RIGHT_TEXT, _WRONG_TEXT = "#005c45", "#9c4100"
_SUMMARY = (0.93, 0.93, 0.93)


def plotconfusion(
    targets: ArrayLike,
    outputs: ArrayLike,
    classes: Sequence[Any] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how many samples of each class were taken for which.

    As in MATLAB, a column is a target class and a row an output class, so that right answers
    lie on the diagonal. A cell has the number of samples and their share of all; an empty one
    has a faint 0. The last column says how many answers of each class were right (its
    precision) and how many wrong, the last row how many samples of each class were found (its
    recall) and how many missed, and the corner the same of all. Colours get stronger with the
    share of the target class.

    Args:
        targets: Class of each sample ``(samples,)``, or columns of 0 and 1 ``(samples,
            classes)``.
        outputs: Class given to each sample ``(samples,)``; or a score for each class
            ``(samples, classes)``, of which the highest counts; or for targets 0 and 1 the
            probability of 1 ``(samples,)``, which counts as 1 from 0.5 on.
        classes: Names of the classes in the order to draw, which is that of columns. Labels
            are these names, or numbers from 0. None takes the sorted labels.
        ax: Where to draw; None makes a figure.

    Raises:
        ArgumentError: Not as many outputs as targets, not as many columns as classes, a label
            that is no class, or entries that are not finite.
    """
    truth, said = target_classes(targets), labels_or_columns("outputs", outputs)
    checks.same_rows(truth, said, ("targets", "outputs"))
    if _are_probabilities(truth, said):
        said = (said >= 0.5).astype(truth.dtype)
    index, names = known_classes({"targets": truth, "outputs": said}, classes)
    counts = np.zeros((len(names), len(names)), dtype=np.intp)
    np.add.at(counts, (class_places(said, index), class_places(truth, index)), 1)
    size = min(3 + 0.6 * len(names), 9)
    ax = axes_or_new(ax, size, size)
    _draw_cells(ax, counts)
    _write_cells(ax, counts)
    _name_axes(ax, names)
    return ax


def labels_or_columns(argument: str, values: ArrayLike) -> NDArray[Any]:
    """Return labels ``(samples,)``, or numbers in two or more columns ``(samples, columns)``.

    Raises:
        ArgumentError: Another shape, no samples, or entries that are not finite.
    """
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 1 and array.size and array.dtype.kind != "f":
        return array
    numbers = checks.matrix(argument, array)
    return numbers[:, 0] if array.ndim == 1 else numbers


def target_classes(targets: ArrayLike) -> NDArray[Any]:
    """Return the same of targets, whose columns must have a single 1 in each row."""
    array = labels_or_columns("targets", targets)
    if array.ndim == 2:
        wrong = ((array != 0).sum(axis=1) != 1) | (array.max(axis=1) != 1)
        if wrong.any():
            row = int(wrong.argmax())
            requirement = "be labels (samples,), or have a single 1 and else 0 in each row"
            raise ArgumentError("targets", requirement, f"{array[row].tolist()} in row {row}")
    return array


def known_classes(
    sets: Mapping[str, NDArray[Any]], classes: Sequence[Any] | None
) -> tuple[dict[Any, int], tuple[str, ...]]:
    """Return the number of each label, and the names of the classes in this order.

    Args:
        sets: Labels or columns, by the argument they came as.
        classes: Names of the classes, or None for the labels themselves.

    Raises:
        ArgumentError: Labels, columns and names of classes do not fit together.
    """
    found = [label for part in sets.values() if part.ndim == 1 for label in np.unique(part)]
    labels = dict.fromkeys(label.item() if hasattr(label, "item") else label for label in found)
    widths = {name: part.shape[1] for name, part in sets.items() if part.ndim == 2}
    count = next(iter(widths.values()), len(labels)) if classes is None else len(classes)
    for name, width in widths.items():
        if width != count:
            raise ArgumentError(name, f"have a column for each of {count} classes", f"{width}")
    known = _sorted(labels) if classes is None else list(classes)
    if len(known) != count:
        known = list(range(count))
    index = {label: place for place, label in enumerate(known)}
    if not labels.keys() <= index.keys() and (classes is not None or widths):
        by_name = {label: place for label, place in index.items() if isinstance(label, str)}
        index = {number: number for number in range(count)} | by_name
    if not labels.keys() <= index.keys():
        wanted = "class numbers from 0" if classes is None else f"out of {list(classes)}"
        requirement = f"be labels {wanted}, for {count} classes"
        raise ArgumentError(" and ".join(sets), requirement, f"{list(labels)}")
    return index, tuple(map(_name, known if classes is None else classes))


def class_places(values: NDArray[Any], index: Mapping[Any, int]) -> Places:
    """Return the number of each sample's class: its label's, or that of the largest column."""
    if values.ndim == 2:
        return values.argmax(axis=1)
    return np.array([index[label] for label in values.tolist()], dtype=np.intp)


def _are_probabilities(truth: NDArray[Any], said: NDArray[Any]) -> bool:
    """Tell whether targets are 0 and 1, and outputs numbers in between."""
    if truth.ndim == 2 or said.ndim == 2 or truth.dtype.kind not in "fiub":
        return False
    between = said.dtype.kind == "f" and said.min() >= 0 and said.max() <= 1
    return bool(between and np.isin(truth, (0, 1)).all())


def _sorted(labels: Mapping[Any, Any]) -> list[Any]:
    try:
        return sorted(labels)
    except TypeError:  # numbers and names at once
        raise ArgumentError(
            "targets and outputs", "have labels of one kind, numbers or names", f"{list(labels)}"
        ) from None


def _name(label: Any) -> str:
    return f"{label:g}" if isinstance(label, float) else str(label)


def _draw_cells(ax: Axes, counts: NDArray[np.intp]) -> None:
    from matplotlib.colors import to_rgb

    size = len(counts)
    share = counts / np.maximum(counts.sum(axis=0), 1)
    colours = np.where(np.eye(size, dtype=bool)[..., None], to_rgb(_RIGHT), to_rgb(_WRONG))
    # A single mistake among hundreds of samples is to be seen as well.
    strength = np.where(counts > 0, 0.15 + 0.45 * share, 0)[..., None]
    picture = np.full((size + 1, size + 1, 3), _SUMMARY)
    picture[:size, :size] = 1 + strength * (colours - 1)
    ax.grid(visible=False)
    ax.imshow(picture, interpolation="nearest")
    edges = np.arange(size) + 0.5
    ax.hlines(edges, -0.5, size + 0.5, color="white", linewidth=1)
    ax.vlines(edges, -0.5, size + 0.5, color="white", linewidth=1)


def _write_cells(ax: Axes, counts: NDArray[np.intp]) -> None:
    size = len(counts)
    cell = ax.get_window_extent().width / ax.figure.dpi * 72 / (size + 1)  # in points
    large, small = min(12, 0.3 * cell), min(9, 0.23 * cell)
    style: dict[str, Any] = {"ha": "center", "linespacing": 1.3}
    for (row, column), count in np.ndenumerate(counts):
        if count == 0:
            ax.text(column, row, "0", color="0.7", fontsize=small, va="center", **style)
            continue
        bold = "bold" if row == column else "normal"
        ax.text(column, row, f"{count}", va="bottom", fontsize=large, fontweight=bold, **style)
        part = f"{100 * count / counts.sum():.1f}%"
        ax.text(column, row + 0.06, part, va="top", fontsize=small, color="0.25", **style)
    right = counts.diagonal()
    summaries = [
        *((size, row, right[row], counts[row].sum()) for row in range(size)),
        *((column, size, right[column], counts[:, column].sum()) for column in range(size)),
        (size, size, right.sum(), counts.sum()),
    ]
    for column, row, part, whole in summaries:
        for place, colour, number in (
            ("bottom", _RIGHT_TEXT, part),
            ("top", _WRONG_TEXT, whole - part),
        ):
            text = f"{100 * number / whole:.1f}%" if whole else "-"
            ax.text(column, row, text, va=place, color=colour, fontsize=small, **style)


def _name_axes(ax: Axes, names: Sequence[str]) -> None:
    ax.set_xticks(range(len(names) + 1), [*names, "precision"])
    if len(names) > 3 and max(map(len, names)) > 4:
        ax.tick_params(axis="x", rotation=90)
    ax.set_yticks(range(len(names) + 1), [*names, "recall"])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="Target class", ylabel="Output class", title="Confusion matrix")
