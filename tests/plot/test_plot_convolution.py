"""What an output sees is what its kernel, stride and groups say, counted by hand or by profile."""

import keras
import numpy as np
import pytest
from keras import layers
from matplotlib.collections import LineCollection, PathCollection, QuadMesh
from matplotlib.colors import to_rgba

from workbench.cnn.ops import ChannelShuffle, DeformableConv2D, GroupedConv2D
from workbench.complexity import profile
from workbench.errors import ArgumentError
from workbench.plot import plot_convolution
from workbench.plot.convolution import connections
from workbench.plot.palette import COLOURS

SHAPE = (7, 9, 4)


def conv(filters: int = 4, size: int = 3, **options) -> keras.Layer:
    kind = options.pop("kind", layers.Conv2D)
    return kind(filters, size, padding="same", kernel_initializer="ones", **options)


def depthwise(size: int = 3) -> keras.Layer:
    return layers.DepthwiseConv2D(size, padding="same", depthwise_initializer="ones")


def test_a_convolution_sees_its_window_and_all_channels() -> None:
    found = connections(conv(6), SHAPE)
    window = np.zeros((7, 9))
    window[2:5, 3:6] = 1  # about the middle, (3, 4)
    np.testing.assert_array_equal(found.pixels, window)
    assert (found.outputs, found.position) == ((7, 9), (3, 4))
    np.testing.assert_array_equal(found.links[0], np.ones((4, 6)))
    np.testing.assert_array_equal(found.seen[0], np.ones(4))


def test_a_depthwise_one_sees_its_own_channel_and_a_grouped_one_those_of_its_group() -> None:
    np.testing.assert_array_equal(connections(depthwise(), SHAPE).links[0], np.eye(4))
    grouped = connections(conv(kind=GroupedConv2D, groups=2), SHAPE, channel=3)
    np.testing.assert_array_equal(grouped.links[0], np.kron(np.eye(2), np.ones((2, 2))))
    np.testing.assert_array_equal(grouped.seen[0], [0, 0, 1, 1])


def test_of_several_layers_channels_are_followed_from_each_to_the_next() -> None:
    found = connections([depthwise(), conv(3, 1)], SHAPE, channel=1)
    np.testing.assert_array_equal(found.links[0], np.eye(4))
    np.testing.assert_array_equal(found.links[1], np.ones((4, 3)))
    assert [list(seen) for seen in found.seen] == [[1] * 4, [1] * 4, [0, 1, 0]]

    group = conv(kind=GroupedConv2D, size=1, groups=2)
    again = conv(kind=GroupedConv2D, size=1, groups=2)
    assert connections([group, again], SHAPE).seen[0].sum() == 2
    assert connections([group, ChannelShuffle(2), again], SHAPE).seen[0].sum() == 4


def test_the_middle_of_a_stack_of_ones_counts_as_often_as_there_are_ways_to_it() -> None:
    found = connections([conv(), conv()], SHAPE)
    ways = np.convolve([1, 1, 1], [1, 1, 1])
    np.testing.assert_allclose(found.pixels[1:6, 2:7], np.outer(ways, ways) / 9, rtol=1e-6)
    assert found.pixels.sum() == pytest.approx(81 / 9)


def test_dilation_twice_by_the_same_rate_leaves_holes() -> None:
    twice = connections([conv(dilation_rate=2), conv(dilation_rate=2)], (9, 9, 1)).pixels
    assert (twice[::2, ::2] > 0).all()
    assert (twice > 0).sum() == 25
    mixed = connections([conv(), conv(dilation_rate=2)], (9, 9, 1)).pixels
    assert (mixed[1:8, 1:8] > 0).all()


def test_a_transposed_one_sees_one_two_or_four_pixels() -> None:
    up = conv(kind=layers.Conv2DTranspose, strides=2)
    counts = {
        (row, column): (connections(up, (5, 5, 2), position=(row, column)).pixels > 0).sum()
        for row in (4, 5)
        for column in (4, 5)
    }
    assert sorted(counts.values()) == [1, 2, 2, 4]
    assert connections(up, (5, 5, 2)).outputs == (10, 10)


def test_a_displaced_point_counts_its_four_neighbours_by_their_distance() -> None:
    layer = DeformableConv2D(1, 1, kernel_initializer="ones", modulated=False)
    layer.build((None, 5, 5, 1))
    layer.offset_bias.assign([0.25, 1.5])  # down, right
    pixels = connections(layer, (5, 5, 1)).pixels
    corners = np.outer([0.75, 0.25], [0.5, 0.5])
    np.testing.assert_allclose(pixels[2:4, 3:5], corners / corners.max(), rtol=1e-5)
    assert (pixels > 0).sum() == 4


@pytest.mark.parametrize("place", [(2, 2), (1, 3)])
def test_the_pixels_reach_as_far_as_the_receptive_field(place: tuple[int, int]) -> None:
    inputs = keras.Input((21, 21, 1))
    stack = [conv(2, 5, strides=2), conv(1, 3, strides=2, use_bias=True)]
    fields = profile(keras.Model(inputs, stack[1](stack[0](inputs)))).fields
    seen = np.argwhere(connections(stack, (21, 21, 1), position=place).pixels)
    extent = tuple(zip(seen.min(axis=0), seen.max(axis=0), strict=True))
    assert extent == fields[stack[1].name].extent(place)


def test_a_bias_is_not_taken_for_a_connection() -> None:
    layer = layers.Conv2D(2, 3, bias_initializer="ones", kernel_initializer="zeros")
    found = connections(layer, SHAPE)
    assert not found.pixels.any()
    assert not found.links[0].any()


def test_what_is_found_is_drawn() -> None:
    stack = [conv(kind=GroupedConv2D, groups=2, strides=2), conv(2, 1)]
    found = connections(stack, SHAPE, channel=1)
    ax = plot_convolution(stack, SHAPE, channel=1)
    image, mark = (part for part in ax.collections if isinstance(part, QuadMesh))
    np.testing.assert_array_equal(image.get_array(), found.pixels)
    assert np.argwhere(mark.get_array()).tolist() == [[2, 2]]
    assert mark.get_array().shape == (4, 5)
    lines = [part for part in ax.collections if isinstance(part, LineCollection)]
    assert sum(len(part.get_segments()) for part in lines) == 8 + 8
    used = [part for part in lines if to_rgba(COLOURS[0]) in map(tuple, part.get_color())]
    assert [len(part.get_segments()) for part in used] == [8, 4]
    dots = [part for part in ax.collections if isinstance(part, PathCollection)]
    assert [len(part.get_offsets()) for part in dots] == [4, 4, 2]
    assert [text.get_text() for text in ax.texts if text.get_text()] == [
        *("7 x 9", "4 x 5"),
        *("4", "4", "2"),
    ]


def test_given_axes_are_used() -> None:
    from matplotlib import pyplot

    ax = pyplot.subplots()[1]
    assert plot_convolution(conv(), SHAPE, ax) is ax


def test_what_cannot_be_drawn_says_why() -> None:
    with pytest.raises(ArgumentError, match=r"layers must be linear.*activations"):
        plot_convolution(conv(activation="relu"), SHAPE)
    with pytest.raises(ArgumentError, match=r"return \(batch, rows"):
        plot_convolution(layers.Flatten(), SHAPE)
    with pytest.raises(ArgumentError, match="layers must be a layer"):
        plot_convolution(["conv"], SHAPE)
    with pytest.raises(ArgumentError, match="layers must be a layer"):
        plot_convolution([], SHAPE)
    with pytest.raises(ArgumentError, match=r"up to 2048 values.*6272 values"):
        plot_convolution(conv(), (28, 56, 4))
    with pytest.raises(ArgumentError, match=r"shape must be \(rows"):
        plot_convolution(conv(), (28, 28))
    with pytest.raises(ArgumentError, match=r"position must be in an output of shape \(7, 9, 4\)"):
        plot_convolution(conv(), SHAPE, position=(7, 0))
    with pytest.raises(ArgumentError, match="channel must be in"):
        plot_convolution(conv(), SHAPE, channel=4)
