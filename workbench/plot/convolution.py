"""What one output of a convolution sees: which pixels, and which channels.

Idea: a layer without an activation is linear, so what it connects need not be known but can be
asked. An image that is zero but for a single one goes through, for every place of the one, and what
comes out are the weights of that place (the layer's impulse response). Thus what is drawn is what
the layer does, whatever its kind: strided, dilated, grouped, transposed, deformable at fixed
offsets, or several layers one after the other.

Nothing of Keras is imported: a layer is there already when it is to be drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from workbench import checks
from workbench.checks import FloatArray
from workbench.errors import ArgumentError
from workbench.plot.palette import COLOURS, FAINT, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Layer: TypeAlias = Callable[[Any], Any]
BoolArray: TypeAlias = NDArray[np.bool_]
Shape: TypeAlias = tuple[int, int, int]

_LARGEST = 2048  # values of an image; so many images go through
_ROUNDING = 1e-5  # of the largest weight; less is no connection
_GAP, _COLUMN = 0.3, 0.55  # widths between the grids, and from channels to channels
_WIDTH = 3.8  # of two layers; one takes as much, so that figures side by side have one scale


@dataclass(frozen=True)
class Connections:
    """What one output of some layers sees.

    Attributes:
        pixels: How much each pixel of the input counts, (rows, columns): absolute weights, summed
            over the channels, the largest being 1.
        outputs: Rows and columns of the output.
        position: Row and column of the output that is asked about.
        links: For each layer which of its input channels reach which of its output channels,
            (inputs, outputs), anywhere in the image.
        seen: The channels that count for the output that is asked about: before the first layer,
            between the layers, and itself behind the last.
    """

    pixels: FloatArray
    outputs: tuple[int, int]
    position: tuple[int, int]
    links: tuple[BoolArray, ...]
    seen: tuple[BoolArray, ...]


def connections(
    layers: Layer | Sequence[Layer],
    shape: Shape,
    *,
    position: tuple[int, int] | None = None,
    channel: int = 0,
) -> Connections:
    """Find what one output of some layers sees.

    Args:
        layers: A layer, or some that are called one after the other: from arrays (batch, rows,
            columns, channels) to the same, linear but for a bias.
        shape: Rows, columns and channels of the input, up to 2048 values in all.
        position: Row and column of the output; None is the middle.
        channel: Its channel.

    Raises:
        ArgumentError: A layer is not linear or does not return images, the input is too large, or
            there is no such output.
    """
    steps = list(layers) if isinstance(layers, Sequence) else [layers]
    if not steps or not all(map(callable, steps)):
        raise ArgumentError("layers", "be a layer or a sequence of some", layers)
    sizes = [_checked(shape)]
    whole: Any = 1.0
    links = []
    for layer in steps:
        response = _response(layer, sizes[-1])
        sizes.append((response.shape[1], response.shape[2], response.shape[3]))
        links.append(_links(response, sizes[-2]))
        flat = response.reshape(len(response), -1)
        whole = flat if np.isscalar(whole) else whole @ flat
    rows, columns, channels = sizes[-1]
    row, column = (rows // 2, columns // 2) if position is None else position
    _check_place((row, column, channel), sizes[-1])
    weights = whole.reshape(*sizes[0], *sizes[-1])[..., row, column, channel]
    pixels = np.abs(weights).sum(axis=-1)
    seen = [np.arange(channels) == channel]
    for link in reversed(links):
        seen.insert(0, (link & seen[0]).any(axis=1))
    largest = pixels.max() or 1.0
    place = (row, column)
    return Connections(pixels / largest, (rows, columns), place, tuple(links), tuple(seen))


def plot_convolution(
    layers: Layer | Sequence[Layer],
    shape: Shape,
    ax: Axes | None = None,
    *,
    position: tuple[int, int] | None = None,
    channel: int = 0,
) -> Axes:
    """Draw which pixels and which channels one output of some layers sees.

    On the left is the input, the darker a pixel the more it counts; beside it the output, with the
    position that is asked about; on the right a dot a channel and a line for each link between two,
    those in colour that lead to the output's channel. Kernels of ones show how often pixels count.

    Args:
        layers: A layer, or some that are called one after the other; see `connections`.
        shape: Rows, columns and channels of the input, up to 2048 values in all.
        ax: Where to draw; None makes a figure.
        position: Row and column of the output; None is the middle.
        channel: Its channel.

    Raises:
        ArgumentError: As for `connections`.
    """
    found = connections(layers, shape, position=position, channel=channel)
    ax = axes_or_new(ax, 5.5, 2)
    ax.set_axis_off()
    rows, columns = found.pixels.shape
    cell = 1 / max(rows, columns, *found.outputs)
    _grid(ax, found.pixels, 0, cell, COLOURS[0])
    start = columns * cell + _GAP
    ax.annotate(
        "", (start - 0.06, 0.5), (start - _GAP + 0.06, 0.5), arrowprops={"arrowstyle": "->"}
    )
    mark = np.zeros(found.outputs)
    mark[found.position] = 1
    _grid(ax, mark, start, cell, COLOURS[1])
    _channels(ax, found, start + found.outputs[1] * cell + _GAP)
    ax.set(aspect="equal", ylim=(1.18, -0.04))
    return ax


def _checked(shape: Shape) -> Shape:
    sizes = tuple(shape)
    if len(sizes) != 3:
        raise ArgumentError("shape", "be (rows, columns, channels)", shape)
    rows, columns, channels = (checks.integer("shape", size) for size in sizes)
    if rows * columns * channels > _LARGEST:
        raise ArgumentError(
            "shape",
            f"have up to {_LARGEST} values",
            f"{rows * columns * channels} values",
            "A few rows, columns and channels show the same.",
        )
    return rows, columns, channels


def _response(layer: Layer, shape: Shape) -> FloatArray:
    """Return what comes out for a one at each place: (places, rows, columns, channels)."""
    ones = np.eye(prod(shape), dtype=np.float32).reshape(-1, *shape)
    offset = np.asarray(layer(np.zeros_like(ones[:1])), dtype=np.float64)
    if offset.ndim != 4:
        raise ArgumentError(
            "layers", "return (batch, rows, columns, channels)", f"shape {offset.shape}"
        )
    up = np.asarray(layer(ones), dtype=np.float64) - offset
    down = np.asarray(layer(-ones), dtype=np.float64) - offset
    if np.abs(up + down).max() > _ROUNDING * max(np.abs(up).max(), np.abs(down).max()):
        raise ArgumentError(
            "layers",
            "be linear",
            f"{getattr(layer, 'name', layer)!s}, which is not",
            "Leave activations out; what a layer connects does not depend on them.",
        )
    return np.where(np.abs(up) > _ROUNDING * np.abs(up).max(), up, 0.0)


def _links(response: FloatArray, shape: Shape) -> BoolArray:
    by_channel = (response != 0).any(axis=(1, 2)).reshape(-1, shape[2], response.shape[3])
    linked: BoolArray = by_channel.any(axis=0)
    return linked


def _check_place(place: tuple[int, int, int], shape: Shape) -> None:
    names = ("position", "position", "channel")
    for name, at, size in zip(names, place, shape, strict=True):
        if not 0 <= at < size:
            raise ArgumentError(name, f"be in an output of shape {shape}", at)


def _grid(ax: Axes, values: FloatArray, left: float, cell: float, colour: str) -> None:
    """Draw an image of squares, its middle at half the height, with its size below."""
    from matplotlib.colors import LinearSegmentedColormap

    rows, columns = values.shape
    top = (1 - rows * cell) / 2
    x, y = left + cell * np.arange(columns + 1), top + cell * np.arange(rows + 1)
    shades = LinearSegmentedColormap.from_list("counts", ["white", colour])
    ax.pcolormesh(x, y, values, cmap=shades, vmin=0, vmax=1, edgecolors=FAINT, linewidth=0.4)
    _below(ax, left + columns * cell / 2, y[-1], f"{rows} x {columns}")


def _channels(ax: Axes, found: Connections, left: float) -> None:
    """Draw a column of dots before, between and behind the layers, and the links."""
    from matplotlib.collections import LineCollection

    x = left + _COLUMN * np.arange(len(found.seen))
    heights = [(np.arange(len(seen)) + 0.5) / len(seen) for seen in found.seen]
    for i, link in enumerate(found.links):
        counts = link & found.seen[i + 1]
        for chosen, colour, above in ((link & ~counts, FAINT, 1), (counts, COLOURS[0], 2)):
            ends = [
                [(x[i], heights[i][a]), (x[i + 1], heights[i + 1][b])]
                for a, b in np.argwhere(chosen)
            ]
            ax.add_collection(LineCollection(ends, color=colour, lw=0.6 * above, zorder=above))
    for i, (seen, height) in enumerate(zip(found.seen, heights, strict=True)):
        colour = COLOURS[1] if i == len(x) - 1 else COLOURS[0]
        faces = [colour if sees else "white" for sees in seen]
        ax.scatter([x[i]] * len(seen), height, 18, c=faces, edgecolors="0.4", lw=0.6, zorder=3)
        _below(ax, x[i], 1, str(len(seen)))
    ax.set_xlim(-0.04, max(x[-1] + 0.1, _WIDTH))


def _below(ax: Axes, x: float, y: float, words: str) -> None:
    ax.text(x, y + 0.04, words, ha="center", va="top", fontsize="small")
