"""ShuffleNet V1 and V2: units against NumPy written out, networks against published figures."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from one_block import convolved, has_layer, normalised, one_block, relu, trainable

from workbench.cnn import build_cnn
from workbench.cnn.blocks.shuffle_unit_v1 import ShuffleUnitV1
from workbench.cnn.blocks.shuffle_unit_v2 import ShuffleUnitV2
from workbench.cnn.state_dict import load_state_dict
from workbench.errors import ArgumentError

FIGURES = json.loads((Path(__file__).parent / "fixtures" / "reference_figures.json").read_text())
REPEATS = (4, 8, 4)


def images(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def v1_unit_parameters(inputs: int, channels: int, groups: int, first_groups: int) -> int:
    """Kernels, and a scale and an offset for each normalised channel."""
    middle = channels // 4
    branch = channels if inputs == channels else channels - inputs
    compress = inputs // first_groups * middle + 2 * middle
    return compress + (9 + 2) * middle + middle // groups * branch + 2 * branch


def v1_parameters(groups: int, stem: int, stages: tuple[int, ...], classes: int = 1000) -> int:
    total = 27 * stem + 2 * stem + (stages[-1] + 1) * classes
    for number, (inputs, channels) in enumerate(pairwise((stem, *stages))):
        total += v1_unit_parameters(inputs, channels, groups, groups if number else 1)
        repeats = REPEATS[number] - 1
        total += repeats * v1_unit_parameters(channels, channels, groups, groups)
    return total


@pytest.mark.parametrize(
    ("groups", "width", "stem", "stages"),
    [
        (1, 1, 24, (144, 288, 576)),
        (2, 1, 24, (200, 400, 800)),
        (3, 1, 24, (240, 480, 960)),
        (4, 1, 24, (272, 544, 1088)),
        (8, 1, 24, (384, 768, 1536)),
        (1, 0.25, 6, (36, 72, 144)),
        (3, 0.5, 12, (120, 240, 480)),
        (3, 1.5, 24, (360, 720, 1440)),
        (8, 0.5, 16, (192, 384, 768)),
    ],
)
def test_v1_has_the_parameters_of_its_authors_and_of_a_hand_count(
    groups: int, width: float, stem: int, stages: tuple[int, ...]
) -> None:
    name = f"shufflenet_v1_g{groups}"
    suffix = "" if width == 1 else f"_x{width:g}".replace(".", "_")
    model = build_cnn(name, (64, 64, 3), width=width, seed=0)
    assert trainable(model) == v1_parameters(groups, stem, stages)
    assert trainable(model) == FIGURES[name + suffix]["parameters"]


def test_v1_with_three_groups_has_1865728_parameters() -> None:
    assert v1_parameters(3, 24, (240, 480, 960)) == 1_865_728


def test_a_v1_unit_by_hand() -> None:
    # 240 channels in 3 groups: 240/3*60 + 120, 9*60 + 120, 60/3*240 + 480.
    model = one_block(ShuffleUnitV1(240, 3), (4, 4, 240))
    assert trainable(model) == 4800 + 120 + 540 + 120 + 4800 + 480 == 10_860
    # With the stride, the branch makes what 24 channels lack of 240, and the first sees all 24.
    model = one_block(ShuffleUnitV1(240, 3, stride=2, first_groups=1), (4, 4, 24))
    assert trainable(model) == 24 * 60 + 120 + 540 + 120 + 20 * 216 + 432


def written_out_v1(
    x: np.ndarray, model: keras.Model, groups: int, first_groups: int, stride: int
) -> np.ndarray:
    y = convolved(x, model, "unit.compress", groups=first_groups)
    y = relu(normalised(y, model, "unit.compress.norm"))
    y = convolved(y, model, "unit.depthwise", stride=stride)
    y = normalised(y, model, "unit.depthwise.norm")
    run = y.shape[-1] // groups
    order = [i * groups + j for j in range(groups) for i in range(run)]
    y = convolved(y[..., order], model, "unit.expand", groups=groups)
    y = normalised(y, model, "unit.expand.norm")
    if stride == 1:
        return relu(x + y)
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    pooled = [
        [padded[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].sum((1, 2)) / 9 for j in range(y.shape[2])]
        for i in range(y.shape[1])
    ]
    return np.concatenate([np.array(pooled).transpose(2, 0, 1, 3), relu(y)], axis=-1)


@pytest.mark.parametrize(
    ("inputs", "groups", "first_groups", "stride"),
    [(48, 3, 3, 1), (48, 2, 2, 1), (48, 1, 1, 1), (12, 3, 3, 2), (9, 3, 1, 2), (16, 4, 4, 2)],
)
@pytest.mark.parametrize("size", [(6, 6), (5, 7)])
def test_a_v1_unit_is_what_is_written_out(
    inputs: int, groups: int, first_groups: int, stride: int, size: tuple[int, int]
) -> None:
    unit = ShuffleUnitV1(48, groups, stride, first_groups)
    model = one_block(unit, (*size, inputs))
    x = images((2, *size, inputs))
    expected = written_out_v1(x.astype(float), model, groups, first_groups, stride)
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-4)


def written_out_v2(x: np.ndarray, model: keras.Model, stride: int) -> np.ndarray:
    def layer(y: np.ndarray, name: str, step: int = 1) -> np.ndarray:
        return normalised(convolved(y, model, name, stride=step), model, f"{name}.norm")

    if stride == 1:
        first, second = np.split(x, 2, axis=-1)
    else:
        first = layer(x, "unit.branch1.depthwise", stride)
        first, second = relu(layer(first, "unit.branch1.pointwise")), x
    second = relu(layer(second, "unit.branch2.compress"))
    second = layer(second, "unit.branch2.depthwise", stride)
    second = relu(layer(second, "unit.branch2.expand"))
    shuffled = np.empty((*second.shape[:-1], 2 * second.shape[-1]))
    shuffled[..., ::2], shuffled[..., 1::2] = first, second
    return shuffled


@pytest.mark.parametrize(("inputs", "stride"), [(12, 1), (5, 2), (12, 2)])
@pytest.mark.parametrize("size", [(6, 6), (5, 7)])
def test_a_v2_unit_is_what_is_written_out(inputs: int, stride: int, size: tuple[int, int]) -> None:
    model = one_block(ShuffleUnitV2(12, stride), (*size, inputs))
    x = images((2, *size, inputs))
    expected = written_out_v2(x.astype(float), model, stride)
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-4)


def test_half_of_the_channels_passes_a_v2_unit_untouched() -> None:
    model = one_block(ShuffleUnitV2(8), (3, 3, 8))
    x = images((1, 3, 3, 8))
    np.testing.assert_array_equal(np.asarray(model(x))[..., ::2], x[..., :4])


def test_a_v2_unit_by_hand() -> None:
    # 58 of 116 channels: two 1x1 convolutions among 58, one depthwise, three batch norms.
    model = one_block(ShuffleUnitV2(116), (4, 4, 116))
    assert trainable(model) == 2 * 58 * 58 + 9 * 58 + 3 * 2 * 58 == 7_598


def test_without_its_stride_a_unit_still_widens_and_pools_nothing() -> None:
    v1 = one_block(ShuffleUnitV1(48, 3).with_stride(1), (5, 7, 12))
    v2 = one_block(ShuffleUnitV2(48, 2).with_stride(1), (5, 7, 12))
    assert v1.output_shape == v2.output_shape == (None, 5, 7, 48)
    assert not has_layer(v1, "unit.pool")
    x = images((1, 5, 7, 12))
    np.testing.assert_array_equal(np.asarray(v1(x))[..., :12], x)
    assert has_layer(v2, "unit.branch1.depthwise")


@pytest.mark.parametrize("name", ["shufflenet_v1_g4", "shufflenet_v2_x0_5"])
@pytest.mark.parametrize(
    ("shape", "map_"),
    [((8, 8, 1), (4, 4)), ((33, 47, 4), (5, 6)), ((64, 96, 3), (2, 3)), ((None, None, 1), None)],
)
def test_small_and_odd_images_of_one_to_four_channels_work(
    name: str, shape: tuple[Any, ...], map_: tuple[int, int] | None
) -> None:
    model = build_cnn(name, shape, None, seed=0)
    assert model.output_shape[1:3] == (map_ or (None, None))


@pytest.mark.parametrize(
    ("groups", "width", "widths"),
    [(2, 0.5, "1, 2"), (4, 0.25, "1, 2"), (8, 0.25, "0.5, 1, 1.5, 2"), (3, 0.01, "0.25, 0.5")],
)
def test_a_width_that_the_groups_do_not_divide_is_refused_with_those_that_they_do(
    groups: int, width: float, widths: str
) -> None:
    with pytest.raises(ArgumentError, match=rf"width must leave.* {groups} groups.*{widths}"):
        build_cnn(f"shufflenet_v1_g{groups}", width=width)


@pytest.mark.parametrize("width", [0, -1, "wide", float("nan")])
def test_a_width_that_is_no_positive_number_is_refused(width: Any) -> None:
    with pytest.raises(ArgumentError, match="width must be a real number"):
        build_cnn("shufflenet_v1_g1", width=width)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    ("name", "options"), [("shufflenet_v1_g3", {"width": 0.25}), ("shufflenet_v2_x0_5", {})]
)
def test_a_saved_network_predicts_the_same_bits(
    name: str, options: dict[str, float], tmp_path: Path
) -> None:
    model = build_cnn(name, (9, 16, 1), 5, seed=1, **options)
    model.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    x = images((3, 9, 16, 1))
    np.testing.assert_array_equal(again(x), model(x))
    assert again.options == options


def megvii_shapes(stem: int, stages: tuple[int, ...], groups: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the authors' files, written out; the prefix is a parallel model's."""
    shapes: dict[str, tuple[int, ...]] = {"first_conv.0.weight": (stem, 3, 3, 3)}
    normalised = {"first_conv.1": stem}
    number, inputs = 0, stem
    for channels, repeats in zip(stages, REPEATS, strict=True):
        for _ in range(repeats):
            unit, middle = f"features.{number}.branch_main_", channels // 4
            run = inputs // (groups if number else 1)
            branch = channels if inputs == channels else channels - inputs
            shapes[f"{unit}1.0.weight"] = (middle, run, 1, 1)
            shapes[f"{unit}1.3.weight"] = (middle, 1, 3, 3)
            shapes[f"{unit}2.0.weight"] = (branch, middle // groups, 1, 1)
            normalised |= {f"{unit}1.1": middle, f"{unit}1.4": middle, f"{unit}2.1": branch}
            number, inputs = number + 1, channels
    for name, channels in normalised.items():
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{part}"] = (channels,)
    shapes |= {"classifier.0.weight": (1000, stages[-1]), "classifier.0.bias": (1000,)}
    return {f"module.{name}": shape for name, shape in shapes.items()}


def test_the_authors_names_find_their_layers() -> None:
    rng = np.random.default_rng(0)
    shapes = megvii_shapes(6, (60, 120, 240), 3)
    weights = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    model = build_cnn("shufflenet_v1_g3", (32, 32, 3), width=0.25, seed=0)
    load_state_dict(model, weights)
    kernel = weights["module.features.5.branch_main_2.0.weight"]
    expand = model.get_layer("features.5.expand").kernel
    np.testing.assert_array_equal(expand, kernel.transpose(2, 3, 1, 0).astype("float32"))
    assert model.preprocessing is not None
    assert model.preprocessing.channels == "bgr"
