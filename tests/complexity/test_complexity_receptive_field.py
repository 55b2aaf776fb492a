"""Receptive fields against brute force, and against gradients, layer by layer and of every network.

The figures of Google's tool are in test_complexity_reference.py.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import keras
import numpy as np
import pytest
from gradient_extent import gradient_extent
from keras import layers, ops

from workbench.cnn.build import build_cnn
from workbench.cnn.catalogue import ZOO, list_cnns
from workbench.cnn.ops import (
    AdaptiveAveragePool2D,
    ChannelShuffle,
    ChannelSplit,
    DeformableConv2D,
    GroupedConv2D,
    MaxPoolingWithIndices2D,
    MaxUnpooling2D,
    ResizeLike,
    SqueezeExcite,
)
from workbench.complexity import profile
from workbench.complexity.graph import trace
from workbench.complexity.receptive_field import Field, receptive_fields
from workbench.complexity.rules import rule_for, rule_of
from workbench.complexity.span import Interval, Span, union

Seen = Callable[[int], set[int]]  # the pixels that a position sees, one by one


def field_of(model: keras.Model, input_shape: Any = None) -> Field:
    """Return the field of the output of a model whose layers all have rules."""
    graph = trace(model, input_shape, known=lambda operation: rule_for(operation) is not None)
    fields = receptive_fields(graph, lambda step: rule_of(step).field)  # type: ignore[union-attr]
    return fields[id(graph.outputs[0])]


def model_of(function: Callable[[Any], Any], *shape: int) -> keras.Model:
    image = keras.Input(shape or (24, 25, 4))
    return keras.Model(image, function(image))


# Spans against sets of pixels.


def windowed(seen: Seen, stride: int, before: int, taps: range) -> Seen:
    return lambda i: set().union(*(seen(i * stride - before + tap) for tap in taps))


def transposed(seen: Seen, stride: int, before: int, taps: range) -> Seen:
    def see(j: int) -> set[int]:
        givers = [i for i in range(-99, 99) for tap in taps if i * stride - before + tap == j]
        return set().union(*(seen(i) for i in givers))

    return see


def hull(pixels: set[int]) -> Interval:
    return (min(pixels), max(pixels)) if pixels else None


@pytest.mark.parametrize("seed", range(30))
def test_spans_are_the_hulls_of_the_pixels_seen_one_by_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seen: Seen = lambda i: {i}  # noqa: E731
    span = Span(((0, 0),), 1, 0)
    for _ in range(rng.integers(1, 5)):
        stride, before = (int(n) for n in (rng.integers(1, 4), rng.integers(-2, 3)))
        dilation = int(rng.integers(1, 3))
        taps = range(0, int(rng.integers(1, 4)) * dilation, dilation)
        if rng.random() < 0.6:
            span, seen = span.window(stride, before, taps), windowed(seen, stride, before, taps)
        elif len(taps) >= stride and dilation == 1:  # without gaps: a gap has no hull to go on with
            span = span.transposed(stride, before, taps)
            seen = transposed(seen, stride, before, taps)
    assert [span.at(i) for i in range(-9, 14)] == [hull(seen(i)) for i in range(-9, 14)]


def test_between_the_windows_of_a_transposition_nothing_is_seen() -> None:
    span = Span(((0, 0),), 1, 0).transposed(3, 0, range(2))
    assert [span.at(j) for j in range(6)] == [(0, 0), (0, 0), None, (1, 1), (1, 1), None]
    assert span.stride == Fraction(1, 3)
    assert span.size == 1


def test_a_union_reaches_from_the_first_pixel_to_the_last_and_needs_one_stride() -> None:
    pixel = Span(((0, 0),), 1, 0)
    near, far = pixel.window(2, 1, range(3)), pixel.window(2, 5, range(2))
    both = union([near, far])
    assert both is not None
    assert [both.at(i) for i in (0, 3)] == [(-5, 1), (1, 7)]
    assert union([near, pixel]) is None


# Layers and branches against measured gradients.

SLIDING: dict[str, Callable[[Any], Any]] = {
    "convolution": lambda x: layers.Conv2D(3, (3, 2))(x),
    "strides, same": lambda x: layers.Conv2D(3, 3, 2, "same")(x),
    "strides of 3, same, even kernel": lambda x: layers.Conv2D(3, 4, 3, "same")(x),
    "dilated": lambda x: layers.Conv2D(3, 3, dilation_rate=(2, 3), padding="same")(x),
    "strided and dilated": lambda x: GroupedConv2D(4, 3, 2, "same", dilation_rate=2)(x),
    "grouped": lambda x: GroupedConv2D(4, 5, groups=2, activation="relu")(x),
    "depthwise": lambda x: layers.DepthwiseConv2D(5, 2, "same")(x),
    "separable": lambda x: layers.SeparableConv2D(5, (3, 5), 2, "same")(x),
    "deformable": lambda x: DeformableConv2D(3, 3, padding="same")(x),
    "pooling": lambda x: layers.MaxPooling2D(3, 2)(x),
    "average pooling, same": lambda x: layers.AveragePooling2D(3, 2, "same")(x),
    "pooling by default strides": lambda x: layers.MaxPooling2D((2, 3))(x),
    "adaptive pooling": lambda x: AdaptiveAveragePool2D((5, 7))(x),
    "transposed": lambda x: layers.Conv2DTranspose(3, 3, 2, "same")(x),
    "transposed, valid, even": lambda x: layers.Conv2DTranspose(3, 4, 2, "valid")(x),
    "transposed, stride 3": lambda x: layers.Conv2DTranspose(3, 5, 3, "same")(x),
    "nearest upsampling": lambda x: layers.UpSampling2D((2, 3))(x),
    "bilinear upsampling": lambda x: layers.UpSampling2D(2, interpolation="bilinear")(x),
    "padding": lambda x: layers.ZeroPadding2D(((1, 2), (3, 0)))(x),
    "cropping": lambda x: layers.Cropping2D(((1, 2), (3, 0)))(x),
    "slice with steps": lambda x: x[:, 1::2, 3:],
    "padding by an operation": lambda x: ops.pad(x, ((0, 0), (2, 1), (0, 3), (0, 0))),
    "shuffle and split": lambda x: ChannelShuffle(2)(ChannelSplit(2)(x)[1]),
    "dense by position": lambda x: layers.Dense(5)(x),
}


@pytest.mark.parametrize("side", [24, 25])
@pytest.mark.parametrize("kind", SLIDING)
def test_every_position_of_a_layer_sees_what_its_gradient_reaches(kind: str, side: int) -> None:
    model = model_of(SLIDING[kind], side, 49 - side, 4)
    field = field_of(model)
    last = np.array(model.output.shape[1:3]) - 1
    # At the border, the first pixel of a dilated window that is inside is not the first one there.
    for share in (0.4, 0.5, 0.6) if "dilated" in kind else (0, 0.17, 0.5, 0.71, 1):
        position = tuple(int(x) for x in last * share)
        try:
            seen = gradient_extent(model, position=position)
        except IndexError:  # nothing but padding
            seen = None
        wanted = []
        for interval, size in zip(field.extent(position), (side, 49 - side), strict=True):
            low, high = (-1, -1) if interval is None else interval
            wanted.append((max(low, 0), min(high, size - 1)))
        assert seen == (None if any(low > high for low, high in wanted) else tuple(wanted))


def inverted_residual(x: Any) -> Any:
    y = layers.Conv2D(8, 1, activation="relu")(x)
    y = layers.DepthwiseConv2D(3, padding="same")(layers.BatchNormalization()(y))
    return layers.Add()([x, layers.Conv2D(x.shape[-1], 1)(SqueezeExcite(2)(y))])


def downsampled(x: Any) -> Any:
    return layers.Conv2D(4, 3, 2, "same")(layers.MaxPooling2D(3, 2)(x))


def encoder_decoder(x: Any) -> Any:
    small = layers.Conv2D(4, 3, padding="same")(layers.MaxPooling2D(2)(x))
    back = layers.Conv2DTranspose(4, 3, 2, "same")(small)
    return layers.Conv2D(2, 3, padding="same")(layers.Concatenate()([x, back]))


def nested(x: Any) -> Any:
    inner = keras.Sequential([layers.Conv2D(4, 3), layers.ReLU(), layers.Conv2D(4, 3, 2)])
    return layers.Conv2D(4, 3)(inner(x))


BRANCHED: dict[str, Callable[[Any], Any]] = {
    "residual": lambda x: inverted_residual(inverted_residual(x)),
    "inception": lambda x: layers.Concatenate()(
        [
            layers.Conv2D(2, 1)(x),
            layers.Conv2D(2, (1, 7), padding="same")(x),
            layers.Conv2D(2, (5, 1), padding="same")(layers.Conv2D(2, 3, padding="same")(x)),
            layers.AveragePooling2D(3, 1, "same")(x),
        ]
    ),
    "two strides": downsampled,
    "encoder and decoder": encoder_decoder,
    "resized like another": lambda x: layers.Add()(
        [x, ResizeLike()([layers.Conv2D(4, 3, 2, "same")(x), x])]
    ),
    "upsampled twice": lambda x: layers.UpSampling2D(interpolation="bilinear")(
        layers.Conv2D(4, 3, padding="same")(layers.UpSampling2D(3)(downsampled(x)))
    ),
    "nested": nested,
    "operators": lambda x: layers.Conv2D(4, 3, padding="same")(x) + x * 0.5,
    "split and joined": lambda x: ops.concatenate(
        [layers.DepthwiseConv2D(5, padding="same")(part) for part in ops.split(x, 2, axis=-1)], -1
    ),
    "picked channels": lambda x: layers.Conv2D(4, 3, padding="same")(
        ops.take(layers.Conv2D(6, 3, padding="same")(x), [4, 0, 2], axis=-1)
    ),
}


@pytest.mark.parametrize("kind", BRANCHED)
def test_the_middle_of_a_composition_sees_what_its_gradient_reaches(kind: str) -> None:
    model = model_of(BRANCHED[kind], 48, 52, 4)
    field = field_of(model)
    middle = [side // 2 for side in model.output.shape[1:3]]
    for position in (tuple(middle), (middle[0] + 1, middle[1] - 1)):
        assert field.extent(position) == gradient_extent(model, position=position)
    assert not field.lost


def test_unpooling_sees_what_was_pooled() -> None:
    image = keras.Input((24, 24, 2))
    maxima, indices = MaxPoolingWithIndices2D(2)(image)
    wide = layers.Conv2D(2, 3, padding="same")(maxima)
    model = keras.Model(image, MaxUnpooling2D(2)([wide, indices]))
    # Position 10 is one of the window of pixels 10 and 11; its neighbours are 8 and 9, 12 and 13.
    assert field_of(model).extent((10, 11)) == ((8, 13), (8, 13))


# Sizes, strides and centres, by hand.


@pytest.mark.parametrize(("side", "centre"), [(8, 1), (9, 0)])
def test_the_centre_under_same_padding_depends_on_the_size_that_comes_in(
    side: int, centre: int
) -> None:
    # 8 pixels in steps of 2 need one pixel of padding, which goes behind; 9 need one on each side.
    field = profile(model_of(layers.Conv2D(1, 3, 2, "same"), side, side, 1)).receptive_field
    assert field is not None
    assert (field, field.stride[0], field.centre[0]) == (3, 2, centre)


def test_rows_and_columns_have_fields_of_their_own() -> None:
    field = profile(model_of(layers.Conv2D(1, (1, 7), (1, 2)))).receptive_field
    assert field is not None
    assert field == 7
    assert (field.size, field.stride, field.centre) == ((1, 7), (1, 2), (0, 3))


def test_five_by_five_is_two_three_by_three_and_seven_three() -> None:
    def stack(depth: int) -> keras.Model:
        return keras.Sequential(
            [keras.Input((32, 32, 1)), *(layers.Conv2D(1, 3) for _ in range(depth))]
        )

    assert profile(stack(2)).receptive_field == 5
    assert profile(stack(3)).receptive_field == 7


def test_a_gate_leaves_the_field_and_says_that_the_whole_image_counts() -> None:
    model = model_of(inverted_residual)
    gated = field_of(model)
    depthwise = next(x for x in model.layers if isinstance(x, layers.DepthwiseConv2D))
    local = field_of(keras.Model(model.inputs, depthwise.output))
    assert gated.spans == local.spans
    assert [span.size for span in local.spans] == [3, 3]
    assert (local.whole, gated.whole) == (False, True)


def test_behind_a_global_pooling_there_are_no_places_and_the_last_map_is_reported() -> None:
    def head(x: Any) -> Any:
        x = layers.Conv2D(3, 3, name="last")(x)
        return layers.Dense(2)(layers.GlobalAveragePooling2D()(x))

    model = model_of(head)
    last = profile(model).receptive_field
    assert last is not None
    assert (last, last.layer, last.whole) == (3, "last", False)
    assert (field_of(model).spans, field_of(model).whole) == ((), True)


def test_what_is_flattened_or_averaged_away_has_no_field_but_is_not_lost() -> None:
    for away in (layers.Flatten(), lambda x: ops.mean(x, axis=(1, 2))):
        field = field_of(model_of(away))
        assert (field.spans, field.whole, field.lost) == ((), True, False)


def test_branches_of_different_strides_have_no_field() -> None:
    def meet(x: Any) -> Any:
        return layers.Add()([layers.MaxPooling2D(2)(x), x[:, :12, :12]])

    model = model_of(meet, 24, 24, 4)
    assert field_of(model).lost
    assert profile(model).receptive_field is None


# Every network of the zoo against its gradient.

_LARGE = ("resnet101", "resnet152", "se_resnet101", "se_resnet152", "densenet121")


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n in _LARGE else n for n in list_cnns()],
)
def test_the_field_of_every_network_is_the_extent_of_its_gradient(name: str) -> None:
    narrow = "width" in inspect.signature(ZOO[name]).parameters and "shufflenet" not in name
    options = {"width": 0.25} if narrow else {}
    model = build_cnn(name, (None, None, 3), classes=None, seed=0, **options)
    reach = max(span.size for span in field_of(model, (512, 512, 3)).spans)
    # An image that is long along one axis and narrow along the other is enough for the one axis. Of
    # the other it would say nothing that is new, unless a kernel is not square.
    windows = [getattr(layer, "kernel_size", (1, 1)) for layer in model.layers]
    for axis in (0, 1) if any(rows != columns for rows, columns in windows) else (0,):
        shape = [97, 97, 3]
        shape[axis] = reach + 97
        middle = [side // 2 for side in model.compute_output_shape((1, *shape))[1:3]]
        seen = field_of(model, tuple(shape)).extent(middle)[axis]
        assert seen is not None
        assert 0 < seen[0] < seen[1] < shape[axis] - 1  # a border would hide what lies beyond
        assert gradient_extent(model, input_shape=tuple(shape))[axis] == seen


def test_every_pixel_of_a_segmentation_sees_what_its_gradient_reaches() -> None:
    # Behind the bilinear upsampling by 16 of Lite R-ASPP, neighbours see differently much.
    model = build_cnn("lraspp_mobilenet_v3_large", (896, 96, 3), 21, seed=0, width=0.25)
    field = field_of(model)
    assert len(field.spans[0].seen) == 16
    seen = [field.extent((row, 48))[0] for row in (441, 448, 455)]
    assert seen == [gradient_extent(model, position=(row, 48))[0] for row in (441, 448, 455)]
    assert len({high - low for low, high in filter(None, seen)}) == 2
