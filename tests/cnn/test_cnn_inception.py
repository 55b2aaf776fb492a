"""Inception networks: modules against NumPy written out, networks against published figures."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from one_block import convolved, normalised, one_block, relu, trainable

from workbench.cnn import build_cnn
from workbench.cnn.blocks import AveragePool, Conv, MaxPool, Squeeze
from workbench.cnn.blocks.inception import Inception, branch
from workbench.cnn.blocks.inception_residual import InceptionResidual
from workbench.cnn.spec import Block
from workbench.cnn.state_dict import load_state_dict
from workbench.cnn.zoo.inception_resnet_v2 import BLOCK17, BLOCK35, MIXED_5B
from workbench.errors import ArgumentError

FIGURES = json.loads((Path(__file__).parent / "fixtures" / "reference_figures.json").read_text())
# 1x1 alone, 1x1 then 3x3, 1x1 then two 3x3, pooling then 1x1; channels differ throughout.
CHAINS = (
    branch("a", Conv(3)),
    branch("b", Conv(2), Conv(4, 3)),
    branch("c", Conv(3), Conv(2, 3), Conv(5, 3)),
)
MODULE = Inception((*CHAINS, branch("d", AveragePool(3, 1, padding=1), Conv(2))))
REDUCTION = Inception((CHAINS[1], CHAINS[2], branch("d", MaxPool(3, padding="same"))), stride=2)
RESIDUAL = InceptionResidual(CHAINS, scale=0.17)


def images(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def chained(x: np.ndarray, model: keras.Model, names: list[str], stride: int = 1) -> np.ndarray:
    """Convolve, normalise and rectify by each layer; the last has the stride."""
    for number, name in enumerate(names, start=1):
        step = stride if number == len(names) else 1
        x = convolved(x, model, f"unit.{name}", stride=step)
        x = relu(normalised(x, model, f"unit.{name}.norm"))
    return x


def pooled(x: np.ndarray, border: float, of: Any) -> np.ndarray:
    """Lay windows of 3x3 around each pixel."""
    high, wide = x.shape[1:3]
    x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=border)
    shifted = [x[:, i : i + high, j : j + wide] for i in range(3) for j in range(3)]
    return of(np.stack(shifted), axis=0)


def weighed(x: np.ndarray, model: keras.Model, name: str = "unit.se") -> np.ndarray:
    weights = (np.asarray(each, dtype=float) for each in model.get_layer(name).get_weights())
    reduce, first, expand, second = weights
    hidden = relu(x.mean(axis=(1, 2)) @ reduce + first)
    return x / (1 + np.exp(-(hidden @ expand + second)))[:, None, None]


def mixed(x: np.ndarray, model: keras.Model, stride: int = 1) -> list[np.ndarray]:
    return [
        chained(x, model, ["b.0", "b.1"], stride),
        chained(x, model, ["c.0", "c.1", "c.2"], stride),
    ]


def module(x: np.ndarray, model: keras.Model) -> np.ndarray:
    first, last = chained(x, model, ["a"]), chained(pooled(x, 0, np.mean), model, ["d.1"])
    return np.concatenate([first, *mixed(x, model), last], axis=-1)


@pytest.mark.parametrize("size", [(6, 6), (5, 7)])
def test_a_module_is_what_is_written_out(size: tuple[int, int]) -> None:
    model = one_block(MODULE, (*size, 4), epsilon=1e-3)
    x = images((2, *size, 4))
    expected = module(x.astype(float), model)
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-4)


def test_a_reduction_pools_as_caffe_does_on_even_and_as_it_convolves_on_odd_images() -> None:
    # Even rows: windows from the first pixel on. Odd columns: one pixel earlier.
    model = one_block(REDUCTION, (6, 7, 4))
    x = -np.abs(images((2, 6, 7, 4))) - 1  # so that zeros at the border would win
    around = pooled(x.astype(float), -np.inf, np.max)
    expected = [*mixed(x.astype(float), model, 2), around[:, 1::2, ::2]]
    assert model.output_shape == (None, 3, 4, 4 + 5 + 4)
    np.testing.assert_allclose(model(x), np.concatenate(expected, -1), rtol=1e-4, atol=1e-4)


def test_a_reduction_without_its_stride_still_pools() -> None:
    same = one_block(REDUCTION.with_stride(1), (5, 6, 4))
    x = images((1, 5, 6, 4))
    assert same.output_shape == (None, 5, 6, 13)
    np.testing.assert_array_equal(np.asarray(same(x))[..., 9:], pooled(x, -np.inf, np.max))
    bare = Inception((branch("a", Conv(2, 3, padding="valid")), branch("b", MaxPool(3))), stride=2)
    assert one_block(bare, (7, 7, 3)).output_shape == (None, 3, 3, 5)
    assert one_block(bare.with_stride(1), (7, 7, 3)).output_shape == (None, 5, 5, 5)


@pytest.mark.parametrize("position", ["standard", "pre", "post"])
def test_se_weighs_what_comes_out_of_a_module_or_into_it(position: Any) -> None:
    unit = Inception(MODULE.branches, se=Squeeze(2, position, divisor=1))
    model = one_block(unit, (5, 4, 4))
    x = images((2, 5, 4, 4))
    wide = x.astype(float)
    before = position == "pre"
    expected = (
        module(weighed(wide, model), model) if before else weighed(module(wide, model), model)
    )
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("position", [None, "standard", "pre", "post", "identity"])
@pytest.mark.parametrize("scale", [0.17, 1.0])
def test_a_residual_module_is_what_is_written_out(position: Any, scale: float) -> None:
    se = None if position is None else Squeeze(2, position, divisor=1)
    model = one_block(InceptionResidual(CHAINS, se=se, scale=scale), (5, 4, 4))
    x = images((2, 5, 4, 4))

    def at(place: str, y: np.ndarray) -> np.ndarray:
        return weighed(y, model) if place == position else y

    start = at("pre", x.astype(float))
    y = np.concatenate([chained(start, model, ["a"]), *mixed(start, model)], axis=-1)
    y = scale * at("standard", convolved(y, model, "unit.conv2d"))
    expected = at("post", relu(at("identity", x.astype(float)) + y))
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-4)


def test_the_last_residual_module_of_inception_resnet_has_no_activation() -> None:
    model = build_cnn("inception_resnet_v2", (32, 32, 3), None, width=0.1, repeats=(1, 1, 1))
    behind = [node.operation.name for node in model.get_layer("block8.add")._outbound_nodes]
    assert behind == ["conv2d_7b"]
    behind = [node.operation.name for node in model.get_layer("repeat_2.0.add")._outbound_nodes]
    assert behind == ["repeat_2.0.relu"]
    scales = [layer.scale for layer in model.layers if isinstance(layer, keras.layers.Rescaling)]
    assert scales == [0.17, 0.1, 0.2]


def test_zeros_at_the_border_count_in_bn_inceptions_average_and_not_in_inception_resnets() -> None:
    ones = np.ones((1, 4, 4, 8), "float32")
    for block, name, corner in ((MODULE, "d.0", 4 / 9), (MIXED_5B, "branch3.0", 1.0)):
        model = one_block(block, (4, 4, 8))
        pool = keras.Model(model.input, model.get_layer(f"unit.{name}").output)
        assert np.asarray(pool(ones))[0, 0, 0, 0] == pytest.approx(corner)
        assert np.asarray(pool(ones))[0, 1, 1, 0] == pytest.approx(1.0)


def normed(inputs: int, filters: int, points: int = 1) -> int:
    """Parameters of a convolution without bias and of its batch norm."""
    return points * inputs * filters + 2 * filters


@pytest.mark.parametrize(
    ("block", "inputs", "parameters"),
    [
        (
            BLOCK35,
            320,
            3 * normed(320, 32) + normed(32, 32, 9) + normed(32, 48, 9) + normed(48, 64, 9)
            + 128 * 320 + 320,
        ),
        (
            BLOCK17,
            1088,
            normed(1088, 192) + normed(1088, 128) + normed(128, 160, 7) + normed(160, 192, 7)
            + 384 * 1088 + 1088,
        ),
        (
            MIXED_5B,
            192,
            normed(192, 96) + normed(192, 48) + normed(48, 64, 25) + normed(192, 64)
            + normed(64, 96, 9) + normed(96, 96, 9) + normed(192, 64),
        ),
    ],
    ids=["block35", "block17", "mixed_5b"],
)  # fmt: skip
def test_modules_of_inception_resnet_by_hand(block: Block, inputs: int, parameters: int) -> None:
    assert trainable(one_block(block, (5, 5, inputs))) == parameters


def test_googlenet_by_hand() -> None:
    # Lines of the paper's table 1, "5x5" with 9 points as torchvision has it.
    lines = [
        (192, 64, 96, 128, 16, 32, 32), (256, 128, 128, 192, 32, 96, 64),
        (480, 192, 96, 208, 16, 48, 64), (512, 160, 112, 224, 24, 64, 64),
        (512, 128, 128, 256, 24, 64, 64), (512, 112, 144, 288, 32, 64, 64),
        (528, 256, 160, 320, 32, 128, 128), (832, 256, 160, 320, 32, 128, 128),
        (832, 384, 192, 384, 48, 128, 128),
    ]  # fmt: skip
    total = normed(3, 64, 49) + normed(64, 64) + normed(64, 192, 9) + 1025 * 1000
    for inputs, ones, reduce, threes, reduce_too, fives, pool in lines:
        total += sum(normed(inputs, each) for each in (ones, reduce, reduce_too, pool))
        total += normed(reduce, threes, 9) + normed(reduce_too, fives, 9)
    assert trainable(build_cnn("googlenet", (32, 32, 3), seed=0)) == total == 6_624_904


def test_se_costs_two_squares_over_the_ratio_and_the_biases() -> None:
    modules = [256, 320, 576, 576, 576, 608, 608, 1056, 1024, 1024]  # of BN-Inception
    added = sum(2 * c * (c // 16) + c // 16 + c for c in modules)
    assert added == FIGURES["se_inception"]["parameters"] - FIGURES["bn_inception"]["parameters"]
    sizes = {320: 10 + 1, 1088: 20 + 1, 2080: 10 + 1}  # residual ones, and the one before them
    added = sum(n * (2 * c * (c // 16) + c // 16 + c) for c, n in sizes.items())
    with_se, without = (FIGURES[f"{se}inception_resnet_v2"]["parameters"] for se in ("se_", ""))
    assert added == with_se - without


def squeezes(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers if layer.name.endswith(".se")]


def test_positions_and_ratio_of_se_are_options() -> None:
    small: dict[str, Any] = {"width": 0.1, "repeats": (1, 2, 1)}
    model = build_cnn("se_inception_resnet_v2", (32, 32, 3), None, **small)
    assert len(squeezes(model)) == 3 + 1 + 2 + 1 + 1
    # The modules without a shortcut have nothing to weigh there.
    model = build_cnn("se_inception_resnet_v2", (32, 32, 3), None, position="identity", **small)
    assert len(squeezes(model)) == 1 + 2 + 1 + 1
    model = build_cnn("se_inception", (32, 32, 3), None, position="pre", reduction=8)
    assert model.get_layer("inception_3a.se").squeeze == 192 // 8
    with pytest.raises(ArgumentError, match=r"position must be standard, pre or post.*shortcut"):
        build_cnn("se_inception", (32, 32, 3), position="identity")


@pytest.mark.parametrize("name", ["googlenet", "bn_inception", "se_inception"])
@pytest.mark.parametrize(
    ("shape", "map_"),
    [
        ((8, 8, 2), (4, 4)),
        ((28, 28, 1), (7, 7)),
        ((32, 32, 3), (4, 4)),
        ((33, 47, 4), (4, 6)),
        ((64, 64, 3), (2, 2)),
    ],
)
def test_small_and_odd_images_of_one_to_four_channels_work(
    name: str, shape: tuple[int, int, int], map_: tuple[int, int]
) -> None:
    model = build_cnn(name, shape, None, width=0.25, seed=0)
    assert model.output_shape[1:3] == map_


@pytest.mark.parametrize(
    ("pixels", "options", "map_"),
    [
        (299, {}, 8),
        (224, {}, 5),
        (75, {}, 1),
        (74, {}, 3),
        (64, {}, 2),
        (32, {}, 2),
        (11, {}, 1),
        (74, {"aligned": True}, 3),
        (8, {"aligned": True}, 4),
        (33, {"aligned": True}, 5),
    ],
)
def test_inception_resnet_loses_pixels_at_the_border_unless_aligned(
    pixels: int, options: dict[str, Any], map_: int
) -> None:
    small: dict[str, Any] = {"width": 0.1, "repeats": (1, 1, 1)}
    model = build_cnn("inception_resnet_v2", (pixels, pixels, 1), None, **small, **options)
    assert model.output_shape[1:3] == (map_, map_)


@pytest.mark.parametrize(
    ("pixels", "options"), [(10, {}), (64, {"total_stride": 32}), (74, {"total_stride": 32})]
)
def test_an_image_too_small_for_inception_resnet_is_refused_with_the_reason(
    pixels: int, options: dict[str, Any]
) -> None:
    small: dict[str, Any] = {"width": 0.1, "repeats": (1, 1, 1)}
    with pytest.raises(ArgumentError, match=r"3 pixels or more for 'mixed_7a.*smaller total_str"):
        build_cnn("inception_resnet_v2", (pixels, pixels, 3), **small, **options)


@pytest.mark.parametrize(
    ("name", "size"),
    [("googlenet", (69, 72)), ("bn_inception", (71, 66)), ("se_inception", (66, 71))],
)
def test_an_image_of_unknown_size_gives_the_same_as_one_of_known_size(
    name: str, size: tuple[int, int]
) -> None:
    known, unknown = (
        build_cnn(name, (*sides, 3), 5, width=0.25, seed=0) for sides in (size, (None, None))
    )
    x = images((2, *size, 3))
    np.testing.assert_allclose(unknown(x), known(x), rtol=1e-4)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("repeats", (1, 2), "repeats must be three numbers"),
        ("repeats", (1, 0, 1), r"repeats\[1\] must be"),
        ("width", 0, "width must be a real number"),
    ],
)
def test_options_are_checked(option: str, value: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        build_cnn("inception_resnet_v2", (75, 75, 3), **{option: value})


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("googlenet", {}),
        ("se_inception", {"position": "pre", "reduction": 4}),
        ("bn_inception", {"conv_bias": True}),
        ("se_inception_resnet_v2", {"repeats": (1, 2, 1), "aligned": True, "mixed": False}),
    ],
)
def test_a_saved_network_predicts_the_same_bits(
    name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    model = build_cnn(name, (9, 16, 1), 5, seed=1, width=0.1, **options)
    model.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    x = images((3, 9, 16, 1))
    np.testing.assert_array_equal(again(x), model(x))
    assert again.options == {"width": 0.1, **options}


PARTS = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "bias": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def state(model: keras.Model, names: dict[str, str], conv: str = "") -> dict[str, np.ndarray]:
    """Return weights in torch's order by another implementation's names, made from our layers'.

    ``conv`` is what that implementation appends to the name of a convolution.
    """
    rng, arrays = np.random.default_rng(0), {}
    for variable in model.weights:
        *layer, part = variable.path.split("/")
        if part not in PARTS:
            continue
        name, shape = ".".join(layer), variable.shape
        for ours, theirs in names.items():
            name = name.replace(ours, theirs)
        name += conv if len(shape) == 4 else ""
        torchs = (*shape[:1:-1], *shape[:2]) if len(shape) == 4 else shape[::-1]
        arrays[f"{name}.{PARTS[part]}"] = rng.normal(size=torchs)
    return arrays


def assert_is_loaded(model: keras.Model, name: str, kernel: np.ndarray) -> None:
    expected = kernel.transpose(2, 3, 1, 0).astype("float32")
    np.testing.assert_array_equal(model.get_layer(name).kernel, expected)


def test_the_names_of_the_se_authors_find_their_layers() -> None:
    model = build_cnn("se_inception", (32, 32, 3), width=0.1, seed=0)
    names = {".se.reduce": "_1x1_down", ".se.expand": "_1x1_up", ".norm": "/bn/scale", ".": "/"}
    arrays = state(model, names)
    load_state_dict(model, arrays)
    kernel = arrays["inception_3c/double3x3a.weight"]
    assert_is_loaded(model, "inception_3c.double3x3a", kernel)
    assert model.preprocessing is not None
    assert model.preprocessing.mean == (104, 117, 123)


def test_cadenes_names_find_their_layers() -> None:
    model = build_cnn("bn_inception", (32, 32, 3), width=0.1, conv_bias=True, seed=0)
    names = {"double3x3a": "double_3x3_1", "double3x3b": "double_3x3_2"}
    names |= {"double3x3_": "double_3x3_", "classifier": "last_linear", ".norm": "_bn", ".": "_"}
    arrays = state(model, names)
    load_state_dict(model, arrays)
    assert_is_loaded(model, "inception_4e.double3x3b", arrays["inception_4e_double_3x3_2.weight"])
    variance = arrays["inception_5b_pool_proj_bn.running_var"].astype("float32")
    layer = model.get_layer("inception_5b.pool_proj.norm")
    np.testing.assert_array_equal(layer.moving_variance, variance)
    assert model.preprocessing is not None
    assert model.preprocessing.channels == "bgr"


def test_the_auxiliary_classifiers_of_googlenets_weights_are_passed_over() -> None:
    model = build_cnn("googlenet", (32, 32, 3), width=0.1, seed=0)
    arrays = state(model, {".norm": ".bn"}, ".conv")
    load_state_dict(model, arrays | {"aux1.conv.conv.weight": np.zeros((128, 512, 1, 1))})
    kernel = arrays["inception4a.branch4.1.conv.weight"]
    assert_is_loaded(model, "inception4a.branch4.1", kernel)
