"""What a network costs, layer by layer, and what it is worth: three figures of a profile.

Idea: the figures take the table of `workbench.complexity.profile`, a row a layer, or plain arrays
of the same, so that costs from elsewhere are drawn likewise. The front in accuracy against cost is
Pareto's: the networks that no other one beats in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.checks import FloatArray
from workbench.errors import ArgumentError
from workbench.plot.labels import decades, label_dots
from workbench.plot.palette import COLOURS, FAINT, axes_or_new
from workbench.plot.values import flat, same_size

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What the columns of a profile are called on an axis, and their unit.
_AXES = {
    "parameters": ("trainable parameters", ""),
    "non_trainable": ("non-trainable parameters", ""),
    "macs": ("multiply-accumulates (MACs)", ""),
    "flops": ("floating-point operations", ""),
    "read": ("memory read", "B"),
    "written": ("memory written", "B"),
    "access": ("memory access cost (elements)", ""),
}
_LONG_LIST = 30  # layers; more names would overlap
_RECTANGLES = 8
_USUAL = ("Conv2D", "DepthwiseConv2D", "Dense", "SqueezeExcite")  # kinds of layers that cost most


def plot_cost(
    layers: Any,
    values: str | ArrayLike,
    ax: Axes | None = None,
    *,
    kinds: Sequence[str] | None = None,
    label: str = "",
    unit: str = "",
) -> Axes:
    """Draw what each layer costs, in the order in which layers run, coloured by their kind.

    Layers that cost nothing are left out, unless none costs anything. Up to 30 layers are bars from
    top to bottom, each with its name; more are bars from left to right, and some have their names.

    Args:
        layers: The table of a profile, a row a layer; or the names of layers.
        values: A column of that table, such as ``"macs"``, ``"parameters"`` or ``"read"``; or a
            number a layer.
        ax: Where to draw; None makes a figure.
        kinds: A kind a layer; None takes those of the table, if there is one. The six that cost
            most have colours of their own.
        label: What the numbers are; None takes what the column is called.
        unit: Their unit, such as ``"B"``, to which k, M and G are put.

    Raises:
        ArgumentError: There is no such column, no layer, not a number a layer, or one is negative.
    """
    names, kinds = _names(layers, kinds)
    if isinstance(values, str):
        label, unit = (label, unit) if label else _AXES.get(values, (values, unit))
        values = _column(layers, values)
    costs = flat("values", values)
    _as_many("values", costs.size, len(names))
    if (costs < 0).any():
        raise ArgumentError("values", "be costs, which are not negative", f"{costs.min():g}")
    shown = np.flatnonzero(costs) if costs.any() else np.arange(costs.size)
    kinds = [kinds[i] for i in shown] if kinds is not None else [""] * shown.size
    return _bars(ax, [names[i] for i in shown], costs[shown], kinds, (label, unit))


def plot_receptive_field(
    sizes: Any,
    ax: Axes | None = None,
    *,
    image: Any = None,
    names: Sequence[str] | None = None,
) -> Axes:
    """Draw how the receptive field grows: size by layer, or as rectangles over an image.

    Over an image up to 8 of the layers are drawn, evenly by size, each with the field of a position
    in the middle of the image. A field may well be larger than the image.

    Args:
        sizes: The table of a profile; or pixels of each layer's field, shape (layers,), or
            (layers, 2) for rows and columns. Layers without a field are NaN and left out.
        ax: Where to draw; None makes a figure.
        image: An image (rows, columns[, channels]), or only the (rows, columns) of one; None draws
            size by layer.
        names: Names of the layers; None takes those of the table, or their numbers from 1.

    Raises:
        ArgumentError: No layer has a field, a field is not positive, or ``names`` are not as many.
    """
    if hasattr(sizes, "columns"):
        names, sizes = (_names(sizes, None)[0] if names is None else names), _column(sizes, "field")
    fields = checks.matrix("sizes", np.asarray(sizes, dtype=float), allow_nan=True)
    names = [str(i) for i in range(1, len(fields) + 1)] if names is None else list(names)
    _as_many("sizes", len(fields), len(names))
    known = np.asarray(~np.isnan(fields).any(axis=1))
    if fields.shape[1] > 2 or not known.any() or (fields[known] <= 0).any():
        raise ArgumentError(
            "sizes",
            "have a positive number of pixels a layer, or two, for one layer or more",
            f"shape {fields.shape}, {int(known.sum())} layers without NaN",
        )
    fields = fields[known]
    names = [name for name, there in zip(names, known, strict=True) if there]
    if image is None:
        return _growth(ax, fields, names)
    return _rectangles(ax, np.broadcast_to(fields, (len(fields), 2)), names, image)


def plot_accuracy_cost(
    cost: ArrayLike,
    accuracy: ArrayLike,
    labels: Sequence[str],
    ax: Axes | None = None,
    *,
    spread: ArrayLike | None = None,
    xlabel: str = "multiply-accumulates (MACs)",
    ylabel: str = "accuracy",
) -> Axes:
    """Draw accuracy against cost, and the front of those that no other network beats in both.

    Args:
        cost: MACs, parameters or times of the networks, shape (networks,), positive: the axis is
            logarithmic.
        accuracy: Their accuracies, shape (networks,); more is better.
        labels: Their names.
        ax: Where to draw; None makes a figure.
        spread: Half the length of an error bar each, such as a standard deviation over seeds.
        xlabel: What the cost is, with its unit.
        ylabel: What the accuracy is.

    Raises:
        ArgumentError: The numbers of values differ, a cost is not positive, or a spread is
            negative.
    """
    x, y = flat("cost", cost), flat("accuracy", accuracy)
    same_size(x, y, ("cost", "accuracy"))
    _as_many("cost", x.size, len(labels))
    if (x <= 0).any():
        raise ArgumentError("cost", "be positive, for a logarithmic axis", f"{x.min():g}")
    bars = None if spread is None else flat("spread", spread)
    if bars is not None:
        same_size(x, bars, ("cost", "spread"))
        if (bars < 0).any():
            raise ArgumentError("spread", "not be negative", f"{bars.min():g}")
    ax = axes_or_new(ax, 7, 4.8)
    ax.set_xscale("log")
    front = pareto_front(x, y)
    ax.step(x[front], y[front], where="post", color=COLOURS[1], label="Pareto front")
    ax.errorbar(x, y, bars, fmt="o", color=COLOURS[0], ecolor=FAINT, capsize=2, label="_networks")
    ax.margins(0.12)
    ax.autoscale_view()
    decades(ax.xaxis, x)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend(loc="lower right")
    label_dots(ax, x, y, [str(name) for name in labels])
    return ax


def pareto_front(cost: FloatArray, accuracy: FloatArray) -> NDArray[np.intp]:
    """Return the numbers of those that no other beats, from the cheapest; of equals the first."""
    order = np.lexsort((-accuracy, cost))
    best = np.maximum.accumulate(accuracy[order])
    return order[np.concatenate([[True], best[1:] > best[:-1]])]


def _bars(
    ax: Axes | None,
    names: list[str],
    costs: FloatArray,
    kinds: list[str],
    words: tuple[str, str],
) -> Axes:
    from matplotlib.ticker import EngFormatter

    long = len(names) > _LONG_LIST
    ax = axes_or_new(ax, *((9, 4.2) if long else (7, 1.2 + 0.22 * len(names))))
    ax.grid(visible=False, axis="x" if long else "y")
    ax.set_axisbelow(True)
    colours = _colours(kinds, costs)
    of_kind = np.array([kind if kind in colours else "others" for kind in kinds])
    for kind, colour in {**colours, "others": FAINT}.items():
        here = np.flatnonzero(of_kind == kind)
        if here.size:
            (ax.bar if long else ax.barh)(here, costs[here], 0.85, color=colour, label=kind or "_")
    places, numbers = (ax.xaxis, ax.yaxis) if long else (ax.yaxis, ax.xaxis)
    _name_places(places, names)
    numbers.set_major_formatter(EngFormatter(words[1]))
    numbers.set_label_text(words[0])
    if long:
        ax.set_xlim(-0.6, len(names) - 0.4)
    else:
        ax.set_ylim(len(names) - 0.4, -0.6)  # reading order
    if any(kinds):  # and room for the legend
        ax.margins(y=0.35) if long else ax.margins(x=0.35)
        ax.legend(fontsize="small", ncols=4 if long else 1)
    return ax


def _colours(kinds: list[str], costs: FloatArray) -> dict[str, str]:
    """Return the colours of the costliest kinds, the same in every figure for the usual ones."""
    totals: dict[str, float] = {}
    for kind, cost in zip(kinds, costs, strict=True):
        totals[kind] = totals.get(kind, 0) + cost
    costliest = sorted(totals, key=lambda kind: -totals[kind])[: len(COLOURS)]
    colours = {kind: COLOURS[_USUAL.index(kind)] for kind in costliest if kind in _USUAL}
    free = (colour for colour in COLOURS if colour not in colours.values())
    return {kind: colours.get(kind) or next(free) for kind in costliest}


def _name_places(axis: Any, names: list[str]) -> None:
    """Write names along an axis, evenly left out where they are too many."""
    shown = np.arange(0, len(names), -(-len(names) // _LONG_LIST))
    axis.set_ticks(shown, [names[i] for i in shown], fontsize="small")
    if axis.axis_name == "x":
        axis.set_tick_params(rotation=90)


def _growth(ax: Axes | None, fields: FloatArray, names: list[str]) -> Axes:
    ax = axes_or_new(ax, 8, 4.2)
    places = np.arange(len(names))
    sides = ("rows", "columns") if fields.shape[1] == 2 else ("_field",)
    for side, sizes, colour in zip(sides, fields.T, COLOURS, strict=False):
        ax.step(places, sizes, ".-", where="post", color=colour, label=side)
    _name_places(ax.xaxis, names)
    ax.set_ylabel("receptive field (pixels)")
    ax.set_ylim(bottom=0)
    if len(sides) > 1:
        ax.legend()
    return ax


def _rectangles(ax: Axes | None, fields: FloatArray, names: list[str], image: Any) -> Axes:
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    picture = np.asarray(image)
    rows, columns = (picture if picture.ndim == 1 else picture.shape)[:2]
    ax = axes_or_new(ax, 6.5, 4.5)
    ax.grid(visible=False)
    # Pixel centres lie on whole numbers, as imshow has it.
    edges = (-0.5, columns - 0.5, rows - 0.5, -0.5)
    if picture.ndim == 1:
        ax.add_patch(Rectangle((-0.5, -0.5), columns, rows, color=FAINT, alpha=0.4, lw=0))
    else:
        ax.imshow(picture, cmap="gray", extent=edges)
    shown = _evenly(fields.max(axis=1))
    for i, place in zip(shown, np.linspace(0.7, 0.05, len(shown)), strict=True):
        height, width = fields[i]
        corner = ((columns - 1 - width) / 2, (rows - 1 - height) / 2)
        size = f"{height:g}" if height == width else f"{height:g} x {width:g}"
        colour, name = colormaps["plasma"](place), f"{names[i]}: {size}"
        frame = Rectangle(corner, width, height, fill=False, lw=2, edgecolor=colour, label=name)
        ax.add_patch(frame)
        paper = {"color": "white", "pad": 0.8, "lw": 0}
        title = ax.text((columns - 1) / 2, corner[1], name, color=colour, bbox=paper)
        title.set(ha="center", va="center", fontsize="small")
    high, wide = np.maximum(fields.max(axis=0), (rows, columns)) * 1.03 / 2
    x, y = (columns - 1) / 2, (rows - 1) / 2
    ax.set(xlim=(x - wide, x + wide), ylim=(y + high, y - high), aspect="equal")
    ax.set(xlabel="columns (pixels)", ylabel="rows (pixels)")
    ax.set_title("receptive field (pixels)")
    return ax


def _evenly(sizes: FloatArray) -> list[int]:
    """Return the layers that a few steps of equal size reach first, the largest included."""
    _, first = np.unique(sizes, return_index=True)
    steps = sizes.max() * np.arange(1, _RECTANGLES + 1) / _RECTANGLES
    nearest = {int(first[np.abs(sizes[first] - step).argmin()]) for step in steps}
    return sorted(nearest, key=lambda i: sizes[i])


def _names(layers: Any, kinds: Sequence[str] | None) -> tuple[list[str], list[str] | None]:
    """Return the names of the layers, and their kinds if there are any."""
    if hasattr(layers, "columns"):
        names = [str(name) for name in _column(layers, "name")]
        kinds = layers["kind"] if kinds is None and "kind" in layers.columns else kinds
    else:
        names = [str(name) for name in layers]
    if kinds is not None:
        kinds = [str(kind) for kind in kinds]
        _as_many("kinds", len(kinds), len(names))
    return names, kinds


def _column(table: Any, name: str) -> Any:
    columns = list(getattr(table, "columns", ()))
    if name not in columns:
        raise ArgumentError(
            "values",
            f"be numbers, or one of the columns {columns}" if columns else "be a number a layer",
            name,
            "A profile's table is profile(model).frame.",
        )
    return table[name]


def _as_many(argument: str, came: int, wanted: int) -> None:
    if came != wanted:
        raise ArgumentError(argument, f"be as many as there are names ({wanted})", f"{came}")
