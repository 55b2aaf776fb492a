"""SqueezeNet, DenseNet, VGG and AlexNet: hand counts, maps, and heads that take any image."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from one_block import convolved, has_layer, normalised, one_block, relu, trainable

from workbench.cnn import build_cnn
from workbench.cnn.blocks.densely_connected import DenselyConnected, Transition
from workbench.cnn.blocks.fire import Fire
from workbench.cnn.ops import AdaptiveAveragePool2D
from workbench.cnn.spec import ZOO
from workbench.cnn.state_dict import load_state_dict
from workbench.errors import ArgumentError
from workbench.network import backend

FIGURES = json.loads((Path(__file__).parent / "fixtures" / "reference_figures.json").read_text())
AVERAGING = ["squeezenet1_0", "squeezenet1_1", "densenet121"]
Shape = tuple[Any, ...]


def images(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def conv(size: int, inputs: int, filters: int) -> int:
    """Parameters of a convolution with biases."""
    return (size * size * inputs + 1) * filters


def fire(inputs: int, squeeze: int, expand: int) -> int:
    return conv(1, inputs, squeeze) + conv(1, squeeze, expand) + conv(3, squeeze, expand)


def squeezenet(stem: int, size: int) -> int:
    total, inputs = conv(size, 3, stem), stem
    for squeeze in (16, 16, 32, 32, 48, 48, 64, 64):
        total += fire(inputs, squeeze, 4 * squeeze)
        inputs = 8 * squeeze
    return total + conv(1, 512, 1000)


def densenet121() -> int:
    total, channels = 3 * 49 * 64 + 2 * 64, 64
    for number, layers in enumerate((6, 12, 24, 16)):
        for _ in range(layers):
            total += 2 * channels + channels * 128 + 2 * 128 + 9 * 128 * 32
            channels += 32
        if number < 3:
            total += 2 * channels + channels * channels // 2
            channels //= 2
    return total + 2 * channels + (channels + 1) * 1000


def alexnet() -> int:
    features = conv(11, 3, 64) + conv(5, 64, 192) + conv(3, 192, 384) + conv(3, 384, 256)
    features += conv(3, 256, 256)
    return features + 9217 * 4096 + 4097 * 4096 + 4097 * 1000


def vgg16() -> int:
    total, inputs = 0, 3
    for channels in (64, 64, 128, 128, *(256,) * 3, *(512,) * 6):
        total += conv(3, inputs, channels)
        inputs = channels
    return total + 25089 * 4096 + 4097 * 4096 + 4097 * 1000


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("squeezenet1_0", lambda: squeezenet(96, 7)),
        ("squeezenet1_1", lambda: squeezenet(64, 3)),
        ("densenet121", densenet121),
        ("alexnet", alexnet),
        ("vgg16", vgg16),
    ],
)
def test_parameters_are_torchvisions_and_a_hand_count(name: str, count: Callable[[], int]) -> None:
    model = build_cnn(name, seed=0)
    assert trainable(model) == count() == FIGURES[name]["parameters"]
    # At the published size nothing has to be pooled to the size that the head wants.
    assert not any(isinstance(layer, AdaptiveAveragePool2D) for layer in model.layers)


def test_a_fire_by_hand() -> None:
    model = one_block(Fire(16, 64), (5, 7, 96))
    assert trainable(model) == 11_920  # the paper's table 1, fire2
    assert model.output_shape == (None, 5, 7, 128)


def test_a_fire_is_what_is_written_out() -> None:
    model = one_block(Fire(3, 4), (5, 7, 6))
    x = images((2, 5, 7, 6))
    squeezed = relu(convolved(x.astype(float), model, "unit.squeeze"))
    expanded = [relu(convolved(squeezed, model, f"unit.expand{k}x{k}")) for k in (1, 3)]
    np.testing.assert_allclose(model(x), np.concatenate(expanded, -1), rtol=1e-4, atol=1e-4)


def test_a_densely_connected_layer_is_what_is_written_out() -> None:
    model = one_block(DenselyConnected(4, bottleneck=3), (5, 7, 6))
    # Scale and offset of 6, 1x1 to 12, theirs, and 3x3 to 4.
    assert trainable(model) == 12 + 72 + 24 + 432
    x = images((2, 5, 7, 6))
    new = relu(normalised(x.astype(float), model, "unit.norm1"))
    new = relu(normalised(convolved(new, model, "unit.conv1"), model, "unit.conv1.norm"))
    new = convolved(new, model, "unit.conv2")
    np.testing.assert_allclose(model(x), np.concatenate([x, new], -1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_transition_halves_channels_and_with_a_stride_the_map(stride: int) -> None:
    model = one_block(Transition().with_stride(stride), (5, 8, 6))
    x = images((2, 5, 8, 6))
    y = convolved(relu(normalised(x.astype(float), model, "unit.norm")), model, "unit.conv")
    if stride == 2:
        y = y[:, :4].reshape(2, 2, 2, 4, 2, 3).mean((2, 4))
    np.testing.assert_allclose(model(x), y, rtol=1e-4, atol=1e-4)
    assert has_layer(model, "unit.pool") == (stride == 2)


@pytest.mark.parametrize(
    ("name", "sides"),
    [
        ("squeezenet1_0", {0: 109, 2: 54, 6: 27, 11: 13}),
        ("squeezenet1_1", {0: 111, 2: 55, 5: 27, 8: 13}),
        ("alexnet", {0: 55, 2: 27, 3: 27, 5: 13, 12: 6}),
        ("vgg16", {2: 224, 4: 112, 9: 56, 16: 28, 23: 14, 30: 7}),
    ],
)
def test_maps_have_the_published_sizes(name: str, sides: dict[int, int]) -> None:
    model = build_cnn(name, classes=None, seed=0)
    found = {row: model.get_layer(f"features.{row}").output.shape[1] for row in sides}
    assert found == sides


def test_squeezenets_last_windows_hang_over_the_end() -> None:
    # The stem leaves (113 - 7) // 2 + 1 = 54 rows; windows from 0, 2, ... 50 are inside, and the
    # 27th, from 52, has two rows only.
    model = build_cnn("squeezenet1_0", (113, 114, 3), None, seed=0)
    assert model.get_layer("features.2").output.shape[1:3] == (27, 27)
    x = images((1, 113, 114, 3))
    stem = np.asarray(keras.Model(model.input, model.get_layer("features.0.relu").output)(x))
    pooled = np.asarray(keras.Model(model.input, model.get_layer("features.2").output)(x))
    np.testing.assert_array_equal(pooled[:, -1, -1], stem[:, 52:, 52:].max((1, 2)))


@pytest.mark.parametrize("name", AVERAGING)
@pytest.mark.parametrize("shape", [(8, 8, 1), (33, 47, 4), (64, 70, 3), (None, None, 2)])
def test_small_odd_and_unknown_sizes_of_one_to_four_channels_work(name: str, shape: Shape) -> None:
    assert build_cnn(name, shape, 7, seed=0).output_shape == (None, 7)


@pytest.mark.parametrize(
    ("name", "shape", "map_"),
    [
        ("vgg16", (8, 8, 1), (4, 4)),
        ("vgg16", (33, 47, 4), (4, 5)),
        ("vgg16", (64, 64, 3), (2, 2)),
        ("alexnet", (16, 16, 1), (1, 1)),
        ("alexnet", (33, 47, 4), (2, 4)),
        ("alexnet", (63, 96, 3), (1, 2)),
    ],
)
def test_maps_of_small_images_are_spread_for_the_flat_heads(
    name: str, shape: Shape, map_: tuple[int, int]
) -> None:
    stride = 32 if shape[0] == 63 else "auto"
    model = build_cnn(name, shape, None, total_stride=stride, seed=0)
    assert model.output_shape[1:3] == map_


def test_the_weights_of_a_flat_head_fit_images_of_any_size() -> None:
    small, large = (build_cnn("alexnet", (side, side, 3), 10, seed=0) for side in (64, 288))
    assert has_layer(small, "avgpool")
    assert has_layer(large, "avgpool")
    shapes = [[weight.shape for weight in model.weights] for model in (small, large)]
    assert shapes[0] == shapes[1]


def test_what_cannot_work_says_why() -> None:
    with pytest.raises(ArgumentError, match=r"leave 3 pixels or more for 'features\.12'"):
        build_cnn("alexnet", (8, 8, 1))
    with pytest.raises(ArgumentError, match="known height and width, for 'avgpool'"):
        build_cnn("alexnet", (None, None, 3), 10)
    assert build_cnn("alexnet", (8, 8, 1), None, total_stride=1).output_shape[1:3] == (2, 2)


def windows(pixels: int, count: int) -> list[slice]:
    """Torch's rule, in whole numbers."""
    return [slice(i * pixels // count, -(-(i + 1) * pixels // count)) for i in range(count)]


@pytest.mark.parametrize("size", [1, 6, 7])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 3), (5, 6), (7, 8), (13, 6), (20, 10)])
def test_adaptive_pooling_is_torchs_and_differentiable(size: int, rows: int, columns: int) -> None:
    layer = AdaptiveAveragePool2D((size, 6))
    x, upstream = images((2, rows, columns, 3)), images((2, size, 6, 3), 1)
    expected, slope = np.zeros(upstream.shape), np.zeros(x.shape)
    for i, down in enumerate(windows(rows, size)):
        for j, right in enumerate(windows(columns, 6)):
            window = x[:, down, right].astype(float)
            expected[:, i, j] = window.mean((1, 2))
            area = window.shape[1] * window.shape[2]
            slope[:, down, right] += upstream[:, None, None, i, j] / area
    assert layer.compute_output_shape(x.shape) == expected.shape
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-6)
    _, (found,) = backend.gradient(
        lambda at: keras.ops.sum(layer(at[0]) * upstream), [keras.ops.convert_to_tensor(x)]
    )
    np.testing.assert_allclose(found, slope, rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_adaptive_pooling_of_one_pixel_predicts_compiled_and_saved(tmp_path: Path) -> None:
    image = keras.Input((1, 1, 3))
    model = keras.Model(image, AdaptiveAveragePool2D(7)(image))
    x = images((4, 1, 1, 3))
    expected = np.broadcast_to(x, (4, 7, 7, 3))
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    model.save(tmp_path / "pool.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "pool.keras")(x), expected)


@pytest.mark.parametrize("size", [0, (6, -1), (1, 2, 3), 2.5])
def test_adaptive_pooling_refuses_sizes_that_are_none(size: Any) -> None:
    with pytest.raises(ArgumentError, match="size"):
        AdaptiveAveragePool2D(size)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("name", AVERAGING)
def test_a_saved_network_predicts_the_same_bits(name: str, tmp_path: Path) -> None:
    model = build_cnn(name, (9, 16, 1), 5, seed=1)
    model.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    x = images((3, 9, 16, 1))
    np.testing.assert_array_equal(again(x), model(x))


def test_squeezenets_published_caffe_names_find_their_layers() -> None:
    rng = np.random.default_rng(0)
    weights: dict[str, np.ndarray] = {}

    def enter(name: str, size: int, inputs: int, filters: int) -> None:
        weights[f"{name}/kernel"] = rng.normal(size=(size, size, inputs, filters))
        weights[f"{name}/bias"] = rng.normal(size=filters)

    enter("conv1", 3, 3, 64)
    inputs = 64
    for number, squeeze in enumerate((16, 16, 32, 32, 48, 48, 64, 64), start=2):
        enter(f"fire{number}/squeeze1x1", 1, inputs, squeeze)
        enter(f"fire{number}/expand1x1", 1, squeeze, 4 * squeeze)
        enter(f"fire{number}/expand3x3", 3, squeeze, 4 * squeeze)
        inputs = 8 * squeeze
    enter("conv10", 1, 512, 1000)
    model = build_cnn("squeezenet1_1", (64, 64, 3), seed=0)
    load_state_dict(model, weights)
    # The seventh fire stands behind three poolings: rows 3 4, 6 7, 9 10 11 12.
    kernel = model.get_layer("features.10.expand3x3").kernel
    np.testing.assert_array_equal(kernel, weights["fire7/expand3x3/kernel"].astype("float32"))
    assert model.preprocessing is not None
    assert (model.preprocessing.size, model.preprocessing.channels) == (64, "bgr")


@pytest.mark.parametrize("old", ["norm.2", "norm2"])
def test_densenets_old_and_new_names_mean_the_same(old: str) -> None:
    name = f"features.denseblock1.denselayer1.{old}"
    for pattern, replacement in ZOO["densenet121"]().names:
        name = re.sub(pattern, replacement, name)
    assert name == "features.denseblock1.denselayer1.conv1.norm"
