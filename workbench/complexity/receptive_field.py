"""Receptive fields: the pixels that a position of a feature map can depend on.

Source: A. Araujo, W. Norris and J. Sim, "Computing Receptive Fields of Convolutional Neural
Networks", Distill, 2019, and their tool for TensorFlow, whose figures come out here: the field of a
sum or a concatenation reaches from the first to the last pixel of any branch. Other than there,
every axis has its own field, and upsampling and transposed convolution are exact; see
`workbench.complexity.span`.

Rules.
- The field is not cut off at the border of the image: MobileNet's 315 pixels are more than the 224
  that it is given.
- What comes through a global pooling has seen the whole image. Where it meets a local branch again
  (a squeeze-and-excitation gate), the field is the local branch's, as in Google's tool, and
  ``whole`` says that the image as a whole counts too. Flattening and attention likewise.
- "same" padding is TensorFlow's: it depends on the size that comes in, the odd pixel is behind.
- A deformable convolution counts with its window undisplaced.
- Where branches move at different strides there is no field: ``lost`` says so, and so it does
  behind a layer that is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import keras
import numpy as np

from workbench.complexity.span import Span, union
from workbench.complexity.step import Graph, Step, Symbol
from workbench.complexity.window import Window

Axes = tuple[Span | None, ...]
FieldRule = Callable[[Step, list["Field"]], "list[Field]"]


@dataclass(frozen=True)
class Field:
    """What the positions of one tensor see.

    Attributes:
        axes: For each axis of the tensor what its positions see; None for an axis that is no place
            in the image, such as the batch and the channels.
        whole: Whether the image as a whole counts as well.
        lost: Whether the field is unknown, for a layer before it is, or for its branches disagree.
    """

    axes: Axes
    whole: bool = False
    lost: bool = False

    @property
    def spans(self) -> tuple[Span, ...]:
        """The axes that are places in the image, in their order."""
        return tuple(span for span in self.axes if span is not None)

    def extent(self, position: Sequence[int]) -> tuple[tuple[int, int] | None, ...]:
        """Return first and last pixel that a position (row, column) sees, an axis each."""
        return tuple(span.at(place) for span, place in zip(self.spans, position, strict=True))


class ReceptiveField(int):
    """The receptive field of a feature map: as a number, its longer side in pixels.

    Attributes:
        size: Pixels along each axis, (rows, columns); the most, where positions differ.
        stride: Pixels from one position to the next along each axis, as fractions.
        centre: Middle of the field of the first position, in pixels from the first pixel's middle.
        layer: Name of the layer whose output it is.
        whole: Whether the image as a whole counts too, through a global pooling.
    """

    size: tuple[int, ...]
    stride: tuple[Fraction, ...]
    centre: tuple[Fraction | None, ...]
    layer: str
    whole: bool

    def __new__(cls, field: Field, layer: str) -> ReceptiveField:
        """Take the figures of the field of a layer."""
        size = tuple(span.size for span in field.spans)
        number = super().__new__(cls, max(size))
        number.size, number.layer, number.whole = size, layer, field.whole
        number.stride = tuple(span.stride for span in field.spans)
        number.centre = tuple(span.centre for span in field.spans)
        return number


def receptive_fields(graph: Graph, rule_of: Callable[[Step], FieldRule]) -> dict[int, Field]:
    """Return the field of every tensor of a graph, by the tensor's ``id``."""
    fields = {id(x): _pixels(x) for x in graph.inputs}
    for step in graph.steps:
        before = [fields[id(x)] for x in step.inputs]
        after = rule_of(step)(step, before)
        whole = any(field.whole for field in before)
        lost = any(field.lost for field in before)
        for tensor, field in zip(step.outputs, after, strict=True):
            marked = replace(field, whole=field.whole or whole, lost=field.lost or lost)
            fields[id(tensor)] = (
                replace(marked, axes=(None,) * len(tensor.shape)) if (marked.lost) else marked
            )
    return fields


def _pixels(image: Symbol) -> Field:
    """Return the field of an input: every position sees itself."""
    rank = len(image.shape)
    first = 2 if keras.config.image_data_format() == "channels_first" else 1
    places = range(first, first + rank - 2)
    return Field(tuple(_pixel(axis - first) if axis in places else None for axis in range(rank)))


def _pixel(axis: int) -> Span:
    return Span(((0, 0),), 1, axis)


# Rules. Each is given the step and the fields of its inputs, and returns those of its outputs.


def same(step: Step, fields: list[Field]) -> list[Field]:
    """Every output position sees what the input position does: normalisation, activation."""
    return [_broadcast(step, fields, x) for x in step.outputs]


def lost(step: Step, fields: list[Field]) -> list[Field]:
    """Nothing is known."""
    return [Field((None,) * len(x.shape), lost=True) for x in step.outputs]


def whole(step: Step, fields: list[Field]) -> list[Field]:
    """The image as a whole counts, and positions are positions no more: flattening, attention."""
    return [Field((None,) * len(x.shape), whole=True) for x in step.outputs]


def same_and_whole(step: Step, fields: list[Field]) -> list[Field]:
    """Positions stay, and each sees a little of all others: group normalisation."""
    return [replace(field, whole=True) for field in same(step, fields)]


def windows(step: Step, fields: list[Field]) -> list[Field]:
    """A window slides over the places: convolution, pooling."""
    return _by_window(step, fields, Window.before, Span.window)


def transposed(step: Step, fields: list[Field]) -> list[Field]:
    """Windows are spread out: transposed convolution."""
    return _by_window(step, fields, Window.before_transposed, Span.transposed)


def _by_window(step: Step, fields: list[Field], padding: Any, move: Any) -> list[Field]:
    window = Window.of(step)
    before, after = step.inputs[0].shape, step.outputs[0].shape
    axes = list(fields[0].axes)
    for place, axis in enumerate(window.axes):
        span = axes[axis]
        if span is not None:
            pad = padding(window, place, before[axis], after[axis])
            axes[axis] = move(span, window.strides[place], pad, window.taps(place))
    return [Field(tuple(axes)) for _ in step.outputs]


def shifted(step: Step, fields: list[Field]) -> list[Field]:
    """Positions are put before the first, or cut off: zero padding, cropping."""
    rows = getattr(step.operation, "padding", None)
    sign = 1 if rows is not None else -1
    rows = step.operation.cropping if rows is None else rows
    pairs = [pair if isinstance(pair, tuple | list) else rows for pair in rows]
    pairs = pairs[:1] if len(step.inputs[0].shape) == 3 else pairs
    axes = list(fields[0].axes)
    first = 2 if getattr(step.operation, "data_format", None) == "channels_first" else 1
    for axis, (before, _) in enumerate(pairs, first):
        span = axes[axis]
        axes[axis] = span and span.window(1, sign * before, (0,))
    return [Field(tuple(axes))]


def padded(step: Step, fields: list[Field]) -> list[Field]:
    """`keras.ops.pad`: as zero padding, each axis by its own."""
    width = list(step.operation.pad_width)
    width = width * len(step.inputs[0].shape) if len(width) == 1 else width
    pairs = zip(fields[0].axes, width, strict=True)
    return [Field(tuple(span and span.window(1, pair[0], (0,)) for span, pair in pairs))]


def resized(step: Step, fields: list[Field]) -> list[Field]:
    """Positions are interpolated: upsampling, resizing."""
    kind = getattr(step.operation, "interpolation", "nearest")
    neighbours = {"nearest": (0, 0), "bilinear": (0, 1), "bicubic": (-1, 2)}.get(kind)
    flags = ("antialias", "crop_to_aspect_ratio", "pad_to_aspect_ratio")
    if neighbours is None or any(getattr(step.operation, flag, False) for flag in flags):
        return lost(step, fields)
    sizes = zip(step.inputs[0].shape, step.outputs[0].shape, strict=True)
    axes = zip(fields[0].axes, sizes, strict=True)
    return [Field(tuple(span and span.resized(*size, neighbours) for span, size in axes))]


def adaptive(step: Step, fields: list[Field]) -> list[Field]:
    """Windows are fitted to the image; one window is a global pooling."""
    sizes = zip(step.inputs[0].shape, step.outputs[0].shape, strict=True)
    axes: list[Span | None] = []
    over = False
    for span, (before, after) in zip(fields[0].axes, sizes, strict=True):
        over = over or (span is not None and after == 1)
        axes.append(None if span is None or after == 1 else span.adaptive(before, after))
    return [Field(tuple(axes), whole=over)]


def linear(step: Step, fields: list[Field]) -> list[Field]:
    """A product over the last axis with weights: places before it stay. Else all see all."""
    rank = len(step.inputs[0].shape)
    kept = step.inputs[0].shape[:-1] == step.outputs[0].shape[: rank - 1]
    if len(step.inputs) > 1 or not kept or fields[0].axes[-1] is not None:
        return whole(step, fields)
    return [Field((*fields[0].axes[:-1], *(None,) * (len(step.outputs[0].shape) - rank + 1)))]


def taken(step: Step, fields: list[Field]) -> list[Field]:
    """`keras.ops.take`: of channels all stay where they are; of places nothing is known."""
    axis = step.operation.axis
    channels = axis is not None and fields[0].axes[axis] is None
    return same(step, fields) if channels else lost(step, fields)


def joined(step: Step, fields: list[Field]) -> list[Field]:
    """Tensors are put behind each other; along a place in the image there is no field any more."""
    axis = step.operation.axis
    if any(field.axes[axis] is not None for field in fields):
        return lost(step, fields)
    return same(step, fields)


def split(step: Step, fields: list[Field]) -> list[Field]:
    """A tensor is cut along an axis; along a place in the image there is no field any more."""
    if fields[0].axes[step.operation.axis] is not None:
        return lost(step, fields)
    return same(step, fields)


def reduced(step: Step, fields: list[Field]) -> list[Field]:
    """Axes are summed up: global pooling, means. Over places, the image as a whole counts."""
    operation, rank = step.operation, len(step.inputs[0].shape)
    if isinstance(operation, keras.Layer):  # global pooling
        first = 2 if operation.data_format == "channels_first" else 1
        axis: Any = range(first, first + rank - 2)
    else:
        axis = range(rank) if operation.axis is None else np.atleast_1d(operation.axis)
    gone = {int(i) % rank for i in axis}
    over = any(fields[0].axes[i] is not None for i in gone)
    kept = (None if i in gone else span for i, span in enumerate(fields[0].axes))
    if not operation.keepdims:
        kept = (span for i, span in enumerate(fields[0].axes) if i not in gone)
    return [Field(tuple(kept), whole=over)]


def permuted(step: Step, fields: list[Field]) -> list[Field]:
    """Axes change places."""
    rank = len(step.inputs[0].shape)
    order = getattr(step.operation, "axes", None) or tuple(reversed(range(rank)))
    if hasattr(step.operation, "dims"):  # the layer, which leaves the batch where it is
        order = (0, *step.operation.dims)
    return [Field(tuple(fields[0].axes[axis] for axis in order))]


def reshaped(step: Step, fields: list[Field]) -> list[Field]:
    """Places in the image stay where they are, or they are places no more."""
    after = step.outputs[0].shape
    axes: list[Span | None] = [None] * len(after)
    for axis, span in enumerate(fields[0].axes):
        if span is None:
            continue
        if step.inputs[0].shape[: axis + 1] != after[: axis + 1]:
            return whole(step, fields)
        axes[axis] = span
    return [Field(tuple(axes))]


def picked(step: Step, fields: list[Field]) -> list[Field]:
    """``x[...]`` with slices, new axes and whole numbers."""
    key = step.args[1] if len(step.args) > 1 else step.kwargs["key"]
    key = list(key) if isinstance(key, tuple | list) else [key]
    used = sum(part is not None and part is not Ellipsis for part in key)
    missing = [slice(None)] * (len(step.inputs[0].shape) - used)
    at = key.index(Ellipsis) if Ellipsis in key else len(key)
    key[at : at + 1] = missing
    return [Field(tuple(_picked(key, fields[0].axes, step.inputs[0].shape)))]


def _picked(key: list[Any], axes: Axes, shape: tuple[int, ...]) -> Iterator[Span | None]:
    places = iter(zip(axes, shape, strict=True))
    for part in key:
        if part is None:
            yield None
            continue
        span, size = next(places)
        if isinstance(part, slice):
            start, _, stride = part.indices(size)
            yield span and span.window(stride, -start, (0,))


def _broadcast(step: Step, fields: list[Field], output: Symbol) -> Field:
    """Return the union of several fields, each axis by itself, aligned at the last.

    An axis of length 1 is the same for all positions of a longer one, so what it has seen (a field
    that was reduced to one position) is no place any more: the image as a whole.
    """
    rank = len(output.shape)
    axes: list[Span | None] = []
    far = False
    for axis in range(rank):
        spans = []
        for x, field in zip(step.inputs, fields, strict=True):
            place = axis - rank + len(x.shape)
            span = field.axes[place] if place >= 0 else None
            if span is None:
                continue
            if x.shape[place] == 1 and output.shape[axis] > 1:
                far = True
            else:
                spans.append(span)
        joint = union(spans) if spans else None
        if spans and joint is None:
            return Field((None,) * rank, lost=True)
        axes.append(joint)
    return Field(tuple(axes), whole=far)
