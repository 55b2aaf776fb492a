"""Names beside dots, placed so that they keep clear of each other, and numbers on log axes.

Idea: greedy placement. Every name tries places around its dot, near ones first, and takes the one
that covers least of the names before it, of the dots and of the margin. A force-directed placement
does better in a crowd, and moves every name when one dot is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi, sin
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.checks import FloatArray
from workbench.plot.palette import FAINT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

_NEAR, _FAR = 6, (18, 32)  # points; from farther off, a line leads back to the dot
_EIGHTHS = (1, 7, 3, 5, 0, 4, 2, 6)  # of a turn: the corners first, right before left
_DIRECTIONS = [tuple(round(f(i * pi / 4), 6) for f in (cos, sin)) for i in _EIGHTHS]
_PLACES = [(x * far, y * far) for far in (_NEAR, *_FAR) for x, y in _DIRECTIONS]
_DOT = 4  # points that a dot reaches from its middle


def label_dots(
    ax: Axes, x: FloatArray, y: FloatArray, labels: Sequence[str]
) -> tuple[Annotation, ...]:
    """Write a name beside each dot of an Axes whose limits and scales are final.

    Args:
        ax: Where to write; its figure is laid out once, to know how large it will be.
        x: Places of the dots, shape (dots,).
        y: Likewise.
        labels: Their names.

    Returns:
        The names as they are written, in the order of the dots.
    """
    figure: Any = ax.get_figure(root=True)
    figure.draw_without_rendering()
    pixels = figure.dpi / 72  # a point
    dots = ax.transData.transform(np.column_stack([x, y]))
    around = np.concatenate([dots - _DOT * pixels, dots + _DOT * pixels], axis=1)
    frame = np.array(ax.bbox.extents)
    legend = ax.get_legend()
    taken = [] if legend is None else [np.array(legend.get_window_extent().extents)]
    written = []
    for i, name in enumerate(labels):
        boxes = _boxes(ax, name, pixels) + np.tile(dots[i], 2)
        covered = _covered(boxes, np.array([*taken, *np.delete(around, i, axis=0)]))
        best = int(np.argmin(covered + _outside(boxes, frame)))  # the nearest of equals
        taken.append(boxes[best])
        written.append(_write(ax, name, (float(x[i]), float(y[i])), _PLACES[best]))
    return tuple(written)


def _boxes(ax: Axes, name: str, pixels: float) -> FloatArray:
    """Return left, bottom, right and top of a name at each place about (0, 0), in pixels."""
    text = ax.text(0, 0, name, fontsize="small")
    size = np.array(text.get_window_extent().size)
    text.remove()
    places = np.array(_PLACES)
    low = places * pixels + (np.sign(places) - 1) / 2 * size
    return np.concatenate([low, low + size], axis=1)


def _write(ax: Axes, name: str, dot: tuple[float, float], place: tuple[float, float]) -> Annotation:
    line = {"arrowstyle": "-", "color": FAINT, "shrinkA": 0, "shrinkB": 3}
    return ax.annotate(
        name,
        dot,
        place,
        textcoords="offset points",
        ha=("center", "left", "right")[int(np.sign(place[0]))],
        va=("center", "bottom", "top")[int(np.sign(place[1]))],
        fontsize="small",
        arrowprops=line if np.hypot(*place) > _NEAR + 1 else None,
        zorder=3,
    )


def _covered(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """Return the area that each box covers of any others, in square pixels."""
    others = others.reshape(-1, 4)
    sides = np.minimum(boxes[:, None, 2:], others[:, 2:]) - np.maximum(
        boxes[:, None, :2], others[:, :2]
    )
    return sides.clip(0).prod(axis=2).sum(axis=1)


def _outside(boxes: FloatArray, frame: FloatArray) -> FloatArray:
    """Return the area of each box that lies outside a frame."""
    inside = np.minimum(boxes[:, 2:], frame[2:]) - np.maximum(boxes[:, :2], frame[:2])
    return (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - inside.clip(0).prod(axis=1)


def decades(axis: Any, values: FloatArray) -> None:
    """Put 1, 2 and 5 of every power of ten on a logarithmic axis, or only 1 where that is many.

    Powers of ten alone would leave one tick or none where the values lie close together. Numbers
    are written out, and from 10,000 on with a prefix: 50 k.

    Args:
        axis: Of the Axes, ``ax.xaxis`` or ``ax.yaxis``.
        values: What is drawn along it, positive.
    """
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    short = EngFormatter()
    wide = np.max(values) > 1000 * np.min(values)
    axis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5), numticks=12))
    axis.set_major_formatter(lambda x, _: f"{x:g}" if x < 10_000 else short(x))
    axis.set_minor_formatter(NullFormatter())
