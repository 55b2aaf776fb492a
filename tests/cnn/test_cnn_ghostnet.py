"""GhostNet: the module and both bottlenecks by hand, networks against published figures."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from kernel_macs import kernel_macs
from one_block import convolved, has_layer, normalised, one_block, relu, trainable

from workbench.cnn import build_cnn
from workbench.cnn.blocks.ghost import GhostBottleneck, GhostModule
from workbench.cnn.ops import SqueezeExcite
from workbench.errors import ArgumentError

FIGURES = json.loads((Path(__file__).parent / "fixtures" / "reference_figures.json").read_text())


def images(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def test_half_of_a_ghost_modules_channels_come_from_the_cheap_operation() -> None:
    model = one_block(GhostModule(48), (6, 6, 16))
    # 24 channels by 1x1, 24 by 3x3 depthwise, a scale and an offset each.
    assert trainable(model) == 16 * 24 + 9 * 24 + 2 * 48 == 696
    assert kernel_macs(model) == 36 * (16 * 24 + 9 * 24)


def test_a_ghost_module_is_nearly_ratio_times_cheaper_than_its_convolution() -> None:
    # Equation 4 of the paper, for kernels of one size: s c / (c + s - 1).
    inputs, channels, ratio = 64, 60, 3
    module = GhostModule(channels, kernel=3, cheap_kernel=3, ratio=ratio)
    model = one_block(module, (8, 8, inputs))
    convolution = 64 * 9 * inputs * channels
    assert convolution / kernel_macs(model) == pytest.approx(ratio * inputs / (inputs + ratio - 1))


def ghost_module(x: np.ndarray, model: keras.Model, name: str, act: Any) -> np.ndarray:
    """The module in float64: each channel of the first convolution gives the same number more."""

    def layer(y: np.ndarray, part: str) -> np.ndarray:
        y = convolved(y, model, f"{name}.{part}")
        return act(normalised(y, model, f"{name}.{part}.norm"))

    own = layer(x, "primary")
    # A kernel's channels come as (kernels of the first, kernels of the second, ...).
    layer_ = model.get_layer(f"{name}.cheap")
    multiplier = layer_.depth_multiplier
    repeated = np.repeat(own, multiplier, axis=-1)
    return np.concatenate([own, layer(repeated, "cheap")], axis=-1)


@pytest.mark.parametrize("ratio", [2, 3])
def test_a_ghost_module_is_what_is_written_out(ratio: int) -> None:
    model = one_block(GhostModule(12, ratio=ratio), (5, 7, 6))
    x = images((2, 5, 7, 6))
    expected = ghost_module(x.astype(float), model, "unit", relu)
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-4)


def test_a_ghost_module_of_ratio_1_is_the_convolution_alone() -> None:
    model = one_block(GhostModule(12, ratio=1), (5, 7, 6))
    assert trainable(model) == 6 * 12 + 2 * 12


def test_channels_that_the_ratio_does_not_divide_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"channels must be a multiple of ratio \(2\).*7"):
        GhostModule(7)


def linear(x: np.ndarray) -> np.ndarray:
    return x


def written_out(x: np.ndarray, model: keras.Model, block: GhostBottleneck) -> np.ndarray:
    def layer(y: np.ndarray, name: str, step: int = 1) -> np.ndarray:
        y = convolved(y, model, f"unit.{name}", stride=step)
        return normalised(y, model, f"unit.{name}.norm")

    y = ghost_module(x, model, "unit.ghost1", relu)
    if block.stride > 1:
        y = layer(y, "depthwise", block.stride)
    if block.squeeze:
        weights = model.get_layer("unit.se").get_weights()
        first, first_bias, second, second_bias = (np.asarray(w, dtype=float) for w in weights)
        gate = relu(y.mean((1, 2)) @ first + first_bias) @ second + second_bias
        y = y * (np.clip(gate + 3, 0, 6) / 6)[:, None, None]
    y = ghost_module(y, model, "unit.ghost2", linear)
    if y.shape != x.shape:
        x = layer(layer(x, "shortcut.depthwise", block.stride), "shortcut.pointwise")
    return x + y


@pytest.mark.parametrize(
    ("block", "inputs"),
    [
        (GhostBottleneck(8, 12), 8),
        (GhostBottleneck(6, 12, squeeze=4), 8),
        (GhostBottleneck(8, 12, 5, stride=2, squeeze=4), 8),
        (GhostBottleneck(10, 12, 3, stride=2), 6),
    ],
)
@pytest.mark.parametrize("size", [(6, 6), (5, 7)])
def test_a_ghost_bottleneck_is_what_is_written_out(
    block: GhostBottleneck, inputs: int, size: tuple[int, int]
) -> None:
    model = one_block(block, (*size, inputs))
    x = images((2, *size, inputs))
    expected = written_out(x.astype(float), model, block)
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-4)


# A module from c to n channels: c n / 2 + 9 n / 2 weights, and 2 n of batch norm.
@pytest.mark.parametrize(
    ("block", "parameters"),
    [
        (GhostBottleneck(24, 72), (24 + 9 + 4) * 36 + (72 + 9 + 4) * 12),
        (
            GhostBottleneck(40, 72, 5, stride=2, squeeze=20),
            (24 + 9 + 4) * 36
            + (25 + 2) * 72
            + (72 + 1) * 20
            + (20 + 1) * 72
            + (72 + 9 + 4) * 20
            + (25 + 2) * 24
            + (24 + 2) * 40,
        ),
    ],
)
def test_a_bottlenecks_parameters_are_those_counted_by_hand(
    block: GhostBottleneck, parameters: int
) -> None:
    assert trainable(one_block(block, (8, 8, 24))) == parameters


def test_without_its_stride_a_bottleneck_keeps_its_weights() -> None:
    block = GhostBottleneck(40, 72, 5, stride=2, squeeze=20)
    small, published = (one_block(each, (8, 8, 24)) for each in (block.with_stride(1), block))
    assert has_layer(small, "unit.depthwise")
    assert small.output_shape[1:] == (8, 8, 40)
    small.set_weights(published.get_weights())


def test_the_middles_of_squeeze_and_excitation_are_multiples_of_4() -> None:
    layers = build_cnn("ghostnet", (32, 32, 3), None, seed=0).layers
    middles = [layer.squeeze for layer in layers if isinstance(layer, SqueezeExcite)]
    assert middles == [20, 32, 120, 168, 168, 240, 240]


@pytest.mark.parametrize(
    ("shape", "map_"),
    [((8, 8, 1), (4, 4)), ((32, 32, 4), (4, 4)), ((33, 47, 3), (5, 6)), ((None, None, 1), None)],
)
def test_small_and_odd_images_of_one_to_four_channels_work(
    shape: tuple[Any, ...], map_: tuple[int, int] | None
) -> None:
    model = build_cnn("ghostnet", shape, None, width=0.5, seed=0)
    assert model.output_shape[1:3] == (map_ or (None, None))


def test_weights_do_not_depend_on_the_size_of_the_images() -> None:
    small, large = (build_cnn("ghostnet", (n, n, 3), 5, width=0.25, seed=0) for n in (12, 128))
    assert [w.path for w in small.weights] == [w.path for w in large.weights]
    large.set_weights(small.get_weights())


@pytest.mark.parametrize("width", [0, -1, "wide", float("nan"), float("inf")])
def test_a_width_that_is_no_positive_number_is_refused(width: Any) -> None:
    with pytest.raises(ArgumentError, match="width must be a real number"):
        build_cnn("ghostnet", width=width)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_saved_network_predicts_the_same_bits(tmp_path: Path) -> None:
    model = build_cnn("ghostnet", (9, 16, 1), 5, width=0.25, seed=1)
    model.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    x = images((3, 9, 16, 1))
    np.testing.assert_array_equal(again(x), model(x))
    assert again.options == {"width": 0.25}
