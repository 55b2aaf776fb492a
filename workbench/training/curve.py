"""The curve of a performance by epoch on a logarithmic axis, as a small SVG.

matplotlib was rejected: the curve changes four times a second beside a running training, and a
figure takes longer to draw than all of its epochs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Okabe and Ito's blue, green and red, as in the figures of `workbench.plot`.
_CURVES = {
    "perf": ("training", "#0072B2"),
    "vperf": ("validation", "#009E73"),
    "tperf": ("test", "#D55E00"),
}
_WIDTH, _HEIGHT = 330, 170  # pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 320, 24, 146  # edges of the plot
_POINTS = 240  # drawn of a curve, about one a pixel
_LABELS = 5  # on the axis at most


def curve_svg(curves: Mapping[str, NDArray[Any]], goal: float = 0, unit: str = "epochs") -> str:
    """Return the drawing of one or more curves.

    Args:
        curves: Values from epoch 0 on, by name: ``perf``, ``vperf``, ``tperf``. Values that
            have no place on a logarithmic axis are left out.
        goal: Drawn as a dotted line if it is above zero.
        unit: What is counted.
    """
    low, high = _decades(curves.values(), goal)
    epochs = max((len(values) for values in curves.values()), default=1) - 1
    legend = [(word, colour) for name, (word, colour) in _CURVES.items() if _has(curves, name)]
    legend += [("- - goal", "#222222")] if goal > 0 else []
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Performance by epoch" '
        'font-family="Helvetica, Arial, sans-serif" font-size="11" fill="#222222">',
        "<title>Performance by epoch</title>",
        *_axes(low, high),
        *_words(epochs, unit, legend),
    ]
    if goal > 0:
        y = _height(goal, low, high)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#222222" '
            'stroke-dasharray="4 3"/>'
        )
    for name, (_, colour) in _CURVES.items():
        if _has(curves, name):
            parts.extend(_drawn(curves[name], low, high, colour))
    return "".join([*parts, "</svg>"])


def _has(curves: Mapping[str, NDArray[Any]], name: str) -> bool:
    return name in curves and not np.isnan(curves[name]).all()


def _decades(curves: Iterable[NDArray[Any]], goal: float) -> tuple[int, int]:
    """Return the powers of ten that enclose all that is drawn."""
    values = np.concatenate([*curves, [goal]])
    values = values[np.isfinite(values) & (values > 0)]
    if values.size == 0:
        return -1, 0
    low, high = math.floor(np.log10(values.min())), math.ceil(np.log10(values.max()))
    return low, max(high, low + 1)


def _height(value: Any, low: int, high: int) -> Any:
    return _BOTTOM - (_BOTTOM - _TOP) * (np.log10(value) - low) / (high - low)


def _axes(low: int, high: int) -> Iterable[str]:
    for power in range(low, high + 1, -(-(high - low) // _LABELS)):
        y = _height(10.0**power, low, high)
        yield (
            f'<line x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e2e2e2"/>'
            f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">1e{power}</text>'
        )
    yield (
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_RIGHT - _LEFT}" height="{_BOTTOM - _TOP}" '
        'fill="none" stroke="#999999"/>'
    )


def _words(epochs: int, unit: str, legend: list[tuple[str, str]]) -> Iterable[str]:
    """Yield the labels: both ends of the horizontal axis, and the names of the curves."""
    yield f'<text x="{_LEFT}" y="{_BOTTOM + 16}">0</text>'
    yield f'<text x="{_RIGHT}" y="{_BOTTOM + 16}" text-anchor="end">{epochs} {unit}</text>'
    yield f'<text x="{_LEFT}" y="{_TOP - 9}">performance'
    yield "".join(f'<tspan dx="9" fill="{colour}">{word}</tspan>' for word, colour in legend)
    yield "</text>"


def _drawn(values: NDArray[Any], low: int, high: int, colour: str) -> Iterable[str]:
    """Yield a curve, and a dot where it is now."""
    last = len(values) - 1
    chosen = np.unique(np.linspace(0, last, min(_POINTS, last + 1)).astype(int))
    chosen = chosen[np.isfinite(values[chosen]) & (values[chosen] > 0)]
    x = _LEFT + (_RIGHT - _LEFT) * chosen / max(last, 1)
    y = _height(values[chosen], low, high)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
    if chosen.size:
        yield f'<circle cx="{x[-1]:.1f}" cy="{y[-1]:.1f}" r="2.5" fill="{colour}"/>'
