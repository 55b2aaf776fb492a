"""A network as MATLAB's ``view(net)`` draws it: a block for each layer, its sizes beneath.

The drawing is an SVG written out by hand, on a white panel that is legible on any page. The
direct way from layer to layer lies on one line; connections that skip layers run in lanes
above the blocks, one for each layer (or the inputs) that they come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from workbench.plot.palette import COLOURS
from workbench.plot.wiring import Layer, Wiring, wiring_of

# All lengths are in pixels.
_ENDS = 40  # width of the boxes for inputs and outputs
_BLOCK = 180  # width of a layer
_GAP = 40  # between two of them
_STEP = 12  # between wires side by side, and between lanes
_ROW = 34  # from one weight matrix to the next
_SUM, _CURVE = 92, 141  # centres of sum and transfer function within a block
_INK, _WIRE = "#222222", "#555555"


def view(model: Any) -> NetworkView:
    """Draw a network of Dense layers, with or without connections that skip layers.

    Args:
        model: A built Keras model of Dense layers, each fed by the inputs, by an earlier layer
            or by a Concatenate of those.

    Returns:
        The drawing, which a notebook shows.

    Raises:
        ArgumentError: It is no Keras model.
        ModelError: It has another structure; the message says which.

    Example:
        >>> view(feedforward([2, 5, 1]))
        NetworkView(2-5-1)
    """
    wiring = wiring_of(model)
    sizes = (wiring.inputs, *(layer.neurons for layer in wiring.layers))
    return NetworkView("-".join(map(str, sizes)), _svg(wiring))


@dataclass(frozen=True, repr=False)
class NetworkView:
    """The drawing of a network.

    Attributes:
        sizes: Inputs and neurons, such as ``"2-5-1"``.
        svg: The drawing, the text of an SVG file.
    """

    sizes: str
    svg: str

    def _repr_svg_(self) -> str:
        return self.svg

    def __str__(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"NetworkView({self.sizes})"


@dataclass
class _Plan:
    """Where everything lies: left edges of the nodes, lanes, and the line they stand on."""

    wiring: Wiring
    skipping: list[int] = field(init=False)  # sources of connections that skip a layer
    left: list[int] = field(init=False)  # of inputs, layers and outputs
    base: int = field(init=False)

    def __post_init__(self) -> None:
        layers = self.wiring.layers
        self.skipping = sorted({s for n in range(1, len(layers) + 1) for s in self.skips(n)})
        self.left = [20]
        for node in range(1, len(layers) + 2):
            width = _ENDS if node == 1 else _BLOCK
            # A riser and a descent each for what skips, beside the arrow of the direct way.
            wires = (node - 1 in self.skipping) + len(self.skips(node))
            self.left.append(self.left[-1] + width + _GAP + _STEP * wires)
        tallest = max((len(layer.sources) for layer in layers), default=1)
        self.base = 14 + _STEP * len(self.skipping) + 60 + _ROW * (tallest - 1)

    def skips(self, node: int) -> list[int]:
        """Return the sources of a node that are not its neighbour, the farthest one first."""
        if node > len(self.wiring.layers):
            return []
        return sorted(set(self.wiring.layers[node - 1].sources) - {node - 1})

    def right(self, node: int) -> int:
        """Return the right edge of a node."""
        return self.left[node] + (_BLOCK if 0 < node <= len(self.wiring.layers) else _ENDS)

    def row(self, node: int, source: int) -> int:
        """Return the height of the weights that a source has in a layer."""
        sources = sorted(set(self.wiring.layers[node - 1].sources))
        return self.base - _ROW * (len(sources) - 1 - sources.index(source))

    def lane(self, source: int) -> int:
        """Return the height of the lane of a source."""
        return 14 + _STEP * self.skipping.index(source)


def _svg(wiring: Wiring) -> str:
    plan = _Plan(wiring)
    count = len(wiring.layers)
    width, height = plan.right(count + 1) + 20, plan.base + 98
    body = [
        *_end(plan, 0, "Input", "x", wiring.inputs),
        *(part for n in range(1, count + 1) for part in _block(plan, n)),
        *_end(plan, count + 1, "Output", "y", wiring.layers[-1].neurons),
        *_wires(plan),  # last, since they end within the blocks
    ]
    told = escape(_description(wiring))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" style="max-width:100%;height:auto" role="img" '
            f'aria-label="{told}" font-family="Helvetica, Arial, sans-serif" font-size="13" '
            f'text-anchor="middle" fill="{_INK}">',
            f"<title>{told}</title>",
            f'<rect width="{width}" height="{height}" rx="6" fill="#ffffff"/>',
            *body,
            "</svg>",
        ]
    )


def _description(wiring: Wiring) -> str:
    def amount(number: int, word: str) -> str:
        return f"{number} {word}{'' if number == 1 else 's'}"

    layers = (
        f"{_title(n, len(wiring.layers)).lower()} of {amount(layer.neurons, 'neuron')} "
        f"({layer.transfer})"
        for n, layer in enumerate(wiring.layers, start=1)
    )
    return "; ".join([f"Network of {amount(wiring.inputs, 'input')}", *layers])


def _title(node: int, count: int) -> str:
    if node == count:
        return "Output layer"
    return "Hidden layer" if count == 2 else f"Hidden layer {node}"


def _end(plan: _Plan, node: int, title: str, symbol: str, size: int) -> Iterable[str]:
    x, y = plan.left[node], plan.base
    middle = x + _ENDS // 2
    yield _text(middle, y - 34, title, weight="bold")
    yield _rect(x, y - 24, _ENDS, 48, "#e5f4ee", COLOURS[2])
    yield _text(middle, y + 5, symbol, size=16, style="italic")
    yield _text(middle, y + 84, size)


def _block(plan: _Plan, node: int) -> Iterable[str]:
    """Yield the parts of a layer: frame, weights, bias, sum and transfer function."""
    layer = plan.wiring.layers[node - 1]
    x, y = plan.left[node], plan.base
    rows = [(plan.row(node, source), source) for source in sorted(set(layer.sources))]
    top = rows[0][0] - 52
    yield _rect(x, top, _BLOCK, y + 64 - top, "#eaf3fa", COLOURS[0], 6)
    yield _text(x + _BLOCK // 2, top + 19, _title(node, len(plan.wiring.layers)), weight="bold")
    for height, source in rows:
        width = sum(w for s, w in zip(layer.sources, layer.widths, strict=True) if s == source)
        yield from _weights(x, y, height, "W", f"{layer.neurons} × {width} weights")
    if layer.bias:
        yield from _weights(x, y, y + 40, "b", f"{layer.neurons} × 1 biases")
    yield _line([(x + _SUM + 12, y), (x + _CURVE - 23, y)])
    yield f'<circle cx="{x + _SUM}" cy="{y}" r="12" fill="#ffffff" stroke="{COLOURS[0]}"/>'
    yield _line([(x + _SUM - 6, y), (x + _SUM + 6, y)], _INK)
    yield _line([(x + _SUM, y - 6), (x + _SUM, y + 6)], _INK)
    yield from _transfer(x + _CURVE, y, layer)
    yield _text(x + _BLOCK // 2, y + 84, layer.neurons)


def _weights(x: int, y: int, height: int, letter: str, tip: str) -> Iterable[str]:
    """Yield a matrix at some height, and its line to the sum."""
    start, end = np.array([x + 48.0, height]), np.array([x + _SUM, y])
    edge = end - 12 * (end - start) / np.hypot(*(end - start))
    yield _line([tuple(start), tuple(edge)])
    yield f"<g><title>{tip}</title>"
    yield _rect(x + 18, height - 13, 30, 26, "#ffffff", COLOURS[0])
    yield _text(x + 33, height + 5, letter, weight="bold") + "</g>"


def _transfer(x: int, y: int, layer: Layer) -> Iterable[str]:
    """Yield the transfer function: its little curve on axes, and its name."""
    yield f"<g><title>{escape(layer.transfer)}</title>"
    yield _rect(x - 23, y - 23, 46, 46, "#ffffff", COLOURS[0])
    yield _line([(x - 19, y), (x + 19, y)], "#bbbbbb")
    yield _line([(x, y - 19), (x, y + 19)], "#bbbbbb")
    curve = [(x + 18 * u, y - 17 * v) for u, v in _curve(layer.activation)]
    yield _line(curve, COLOURS[1], 2)
    yield _text(x, y + 45, layer.transfer, size=12) + "</g>"


def _curve(activation: Callable[..., Any]) -> list[tuple[float, float]]:
    """Return points of a transfer function, both coordinates within [-1, 1]."""
    net = np.linspace(-3, 3, 73)
    # Beside a second neuron at rest, for functions that look at the whole layer (softmax).
    rows = np.stack([net, np.zeros_like(net)], axis=1)
    values = np.nan_to_num(np.asarray(activation(rows), dtype=float)[:, 0])
    values = np.clip(values, -10, 10)
    return list(zip(net / 3, values / max(np.abs(values).max(), 1e-9), strict=True))


def _wires(plan: _Plan) -> Iterable[str]:
    """Yield all wires between nodes."""
    y = plan.base
    targets: dict[int, list[tuple[int, int]]] = {source: [] for source in plan.skipping}
    for node in range(1, len(plan.wiring.layers) + 2):
        inside = 18 if node <= len(plan.wiring.layers) else 0  # up to the weights
        if inside == 0 or node - 1 in plan.wiring.layers[node - 1].sources:
            yield from _arrow([(plan.right(node - 1), y), (plan.left[node] + inside, y)])
        for place, source in enumerate(plan.skips(node)):
            # The highest row is entered from nearest by, so that no two descents cross.
            x = plan.left[node] - 14 - _STEP * place
            targets[source].append((x, plan.lane(source)))
            row = plan.row(node, source)
            yield from _arrow([(x, plan.lane(source)), (x, row), (plan.left[node] + inside, row)])
    for source, ends in targets.items():
        riser = plan.right(source) + 14
        yield _line([(riser, y), (riser, plan.lane(source)), ends[-1]])
        for x, height in [(riser, y), *ends[:-1]]:
            yield f'<circle cx="{x}" cy="{height}" r="3" fill="{_WIRE}"/>'


def _rect(x: int, y: int, w: int, h: int, fill: str, stroke: str, radius: int = 3) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="{radius}" fill="{fill}" '
        f'stroke="{stroke}"/>'
    )


def _text(x: int, y: int, words: object, **font: object) -> str:
    settings = "".join(f' font-{name}="{value}"' for name, value in font.items())
    return f'<text x="{x}" y="{y}"{settings}>{escape(str(words))}</text>'


def _line(points: Iterable[tuple[float, ...]], colour: str = _WIRE, width: float = 1.4) -> str:
    places = " ".join(f"{x:.5g},{y:.5g}" for x, y in points)
    return (
        f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="{width}" '
        'stroke-linejoin="round"/>'
    )


def _arrow(points: list[tuple[int, int]]) -> Iterable[str]:
    """Yield a line with a head, which points to the right."""
    x, y = points[-1]
    yield _line([*points[:-1], (x - 6, y)])
    yield f'<polygon points="{x},{y} {x - 8},{y - 4} {x - 8},{y + 4}" fill="{_WIRE}"/>'
