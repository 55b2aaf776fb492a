"""MobileNet V1, V2, V3 and Lite R-ASPP: blocks by hand, networks against published figures."""

import json
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from kernel_macs import kernel_macs
from one_block import convolved, has_layer, normalised, one_block, trainable

from workbench.cnn import build_cnn
from workbench.cnn.blocks.depthwise_separable import DepthwiseSeparable
from workbench.cnn.blocks.inverted_residual import InvertedResidual
from workbench.cnn.ops import SqueezeExcite
from workbench.cnn.spec import ZOO, make_divisible
from workbench.cnn.state_dict import load_state_dict
from workbench.errors import ArgumentError

FIGURES = json.loads((Path(__file__).parent / "fixtures" / "reference_figures.json").read_text())
CLASSIFIERS = ("mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small")
LRASPP = "lraspp_mobilenet_v3_large"


def images(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def ours(module: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        module = re.sub(pattern, replacement, module)
    return module


def test_v1_costs_what_table_1_of_its_paper_adds_up_to() -> None:
    steps = [(112, 32, 64), (56, 64, 128), (56, 128, 128), (28, 128, 256), (28, 256, 256)]
    steps += [(14, 256, 512), *[(14, 512, 512)] * 5, (7, 512, 1024), (7, 1024, 1024)]
    blocks = sum(side**2 * inputs * (9 + outputs) for side, inputs, outputs in steps)
    model = build_cnn("mobilenet_v1", seed=0)
    assert kernel_macs(model) == 112**2 * 27 * 32 + blocks + 1024 * 1000
    assert round(kernel_macs(model) / 1e6) == 569


# A scale and an offset for each normalised channel, no other bias.
@pytest.mark.parametrize(
    ("block", "inputs", "parameters"),
    [
        (DepthwiseSeparable(64), 32, (9 + 2) * 32 + (32 + 2) * 64),
        (InvertedResidual(24, 96, stride=2), 16, (16 + 2 + 9 + 2) * 96 + (96 + 2) * 24),
        (InvertedResidual(16, 32), 32, (9 + 2) * 32 + (32 + 2) * 16),
        (
            InvertedResidual(40, 72, 5, squeeze=24),
            24,
            (24 + 2 + 25 + 2) * 72 + (72 + 1) * 24 + (24 + 1) * 72 + (72 + 2) * 40,
        ),
    ],
)
def test_a_blocks_parameters_are_those_counted_by_hand(
    block: Any, inputs: int, parameters: int
) -> None:
    assert trainable(one_block(block, (8, 8, inputs))) == parameters


def relu6(x: np.ndarray) -> np.ndarray:
    return np.clip(x, 0, 6)


def hard_swish(x: np.ndarray) -> np.ndarray:
    return x * relu6(x + 3) / 6


def squeezed(x: np.ndarray, layer: SqueezeExcite) -> np.ndarray:
    first, first_bias, second, second_bias = (np.asarray(w, float) for w in layer.get_weights())
    hidden = np.maximum(x.mean((1, 2)) @ first + first_bias, 0)
    return x * (relu6(hidden @ second + second_bias + 3) / 6)[:, None, None]


def written_out(x: np.ndarray, model: keras.Model, block: InvertedResidual) -> np.ndarray:
    """The block in float64, from the figures of the papers."""
    act = relu6 if block.activation == "relu6" else hard_swish

    def layer(y: np.ndarray, name: str, step: int = 1) -> np.ndarray:
        y = convolved(y, model, f"unit.{name}", stride=step)
        return normalised(y, model, f"unit.{name}.norm")

    y = x if x.shape[-1] == block.expanded else act(layer(x, "expand"))
    y = act(layer(y, "depthwise", block.stride))
    if block.squeeze:
        y = squeezed(y, model.get_layer("unit.se"))
    y = layer(y, "project")
    return x + y if y.shape == x.shape else y


@pytest.mark.parametrize(
    ("block", "inputs"),
    [
        (InvertedResidual(6, 12, activation="relu6"), 6),
        (InvertedResidual(6, 12, stride=2, activation="relu6"), 6),
        (InvertedResidual(4, 6, activation="relu6"), 6),
        (InvertedResidual(6, 12, 5, squeeze=3, activation="hard_silu"), 6),
        (InvertedResidual(5, 12, 5, stride=2, squeeze=3, activation="hard_silu"), 4),
    ],
)
@pytest.mark.parametrize("size", [(6, 6), (5, 7)])
def test_an_inverted_residual_is_what_is_written_out(
    block: InvertedResidual, inputs: int, size: tuple[int, int]
) -> None:
    model = one_block(block, (*size, inputs))
    x = images((2, *size, inputs))
    expected = written_out(x.astype(float), model, block)
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-4)


def test_the_shortcut_is_there_where_the_shapes_agree_only() -> None:
    for block, inputs, shortcut in (
        (InvertedResidual(8, 16), 8, True),
        (InvertedResidual(8, 16, stride=2), 8, False),
        (InvertedResidual(8, 16), 4, False),
    ):
        assert has_layer(one_block(block, (8, 8, inputs)), "unit.add") == shortcut


def test_a_depthwise_convolution_may_be_dilated() -> None:
    model = one_block(InvertedResidual(4, 8, 3, dilation=2), (7, 7, 4))
    x = images((1, 7, 7, 4))
    near, far = x.copy(), x.copy()
    near[0, 3, 4] += 1  # one pixel from the middle, between the points of the kernel
    far[0, 3, 5] += 1
    middle, one, two = (np.asarray(model(each))[0, 3, 3] for each in (x, near, far))
    np.testing.assert_allclose(middle, one, rtol=1e-6)
    assert not np.allclose(middle, two)


def from_keras(make: Any, size: int, alpha: float) -> keras.Model:
    """The reference with weights that let a signal through, none of them neutral."""
    model = make((size, size, 3), alpha=alpha, weights=None, classes=7, classifier_activation=None)
    rng = np.random.default_rng(3)
    for variable in model.variables:
        if variable.path.endswith(("gamma", "moving_variance")):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif variable.path.endswith("kernel"):
            depthwise = re.search("_dw_|_depthwise", variable.path)
            inputs = np.prod(variable.shape[: 2 if depthwise else 3])
            variable.assign(rng.normal(0, np.sqrt(2 / inputs), variable.shape))
        elif variable.path.endswith(("bias", "beta", "moving_mean")):
            variable.assign(rng.normal(0, 0.1, variable.shape))
    return model


@pytest.mark.parametrize(("size", "width"), [(64, 0.25), (96, 0.5)])
def test_v1_with_the_weights_of_keras_applications_gives_its_outputs(
    size: int, width: float
) -> None:
    reference = from_keras(keras.applications.MobileNet, size, width)
    weights = {v.path: np.asarray(v) for v in reference.variables if "seed" not in v.path}
    model = build_cnn(
        "mobilenet_v1", (size, size, 3), 7, classifier_activation=None, width=width, seed=0
    )
    load_state_dict(model, weights)
    x = images((2, size, size, 3))
    expected = np.asarray(reference(x))
    assert np.ptp(expected, axis=0).max() > 0.05 * abs(expected).max()  # images make a difference
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("size", "width"), [(64, 0.35), (66, 0.5)])
def test_v2_with_the_weights_of_keras_applications_gives_its_outputs(
    size: int, width: float
) -> None:
    reference = from_keras(keras.applications.MobileNetV2, size, width)
    weights = {v.path: np.asarray(v) for v in reference.variables if "seed" not in v.path}
    options: dict[str, Any] = {"width": width, "follow": "keras", "classifier_activation": None}
    model = build_cnn("mobilenet_v2", (size, size, 3), 7, seed=0, **options)
    load_state_dict(model, weights)
    x = images((2, size, size, 3))
    expected = np.asarray(reference(x))
    assert np.ptp(expected, axis=0).max() > 0.05 * abs(expected).max()  # images make a difference
    assert abs(np.asarray(model(x)) - expected).max() < 1e-4 * abs(expected).max()
    assert model.preprocessing is not None
    assert model.preprocessing.mean == (0.5, 0.5, 0.5)
    norm = reference.get_layer("bn_Conv1")
    assert (norm.epsilon, norm.momentum) == (1e-3, 0.999)
    ours = model.get_layer("features.0.norm")
    assert (ours.epsilon, ours.momentum) == (1e-3, 0.999)


def test_v2_follows_one_of_two() -> None:
    with pytest.raises(ArgumentError, match="follow must be one of torchvision, keras"):
        build_cnn("mobilenet_v2", follow="timm")


def test_v1_counts_the_last_pixel_of_an_odd_image() -> None:
    shapes = [build_cnn("mobilenet_v1", (n, n, 3), None).output_shape[1] for n in (64, 65, 96, 97)]
    assert shapes == [2, 3, 3, 4]


@pytest.mark.parametrize("name", [*CLASSIFIERS, LRASPP])
@pytest.mark.parametrize(
    ("shape", "map_"),
    [((8, 8, 1), (4, 4)), ((32, 32, 4), (4, 4)), ((33, 47, 3), (5, 6)), ((None, None, 1), None)],
)
def test_small_and_odd_images_of_one_to_four_channels_work(
    name: str, shape: tuple[Any, ...], map_: tuple[int, int] | None
) -> None:
    model = build_cnn(name, shape, None, seed=0)
    assert model.output_shape[1:3] == (map_ or (None, None))


@pytest.mark.parametrize("name", [*CLASSIFIERS, LRASPP])
def test_weights_do_not_depend_on_the_size_of_the_images(name: str) -> None:
    small, large = (build_cnn(name, (n, n, 3), 5, width=0.25, seed=0) for n in (12, 128))
    assert [w.path for w in small.weights] == [w.path for w in large.weights]
    large.set_weights(small.get_weights())


def test_v3_has_the_middle_layers_of_squeeze_and_excitation_of_torchvision() -> None:
    def middles(name: str) -> list[int]:
        layers = build_cnn(name, (32, 32, 3), None).layers
        return [layer.squeeze for layer in layers if isinstance(layer, SqueezeExcite)]

    large, small = middles("mobilenet_v3_large"), middles("mobilenet_v3_small")
    assert large == [24, 32, 32, 120, 168, 168, 240, 240]
    assert small == [8, 24, 64, 64, 32, 40, 72, 144, 144]


@pytest.mark.parametrize(
    ("name", "epsilon", "momentum", "dropout"),
    [
        ("mobilenet_v1", 1e-3, 0.99, 0.001),
        ("mobilenet_v2", 1e-5, 0.9, 0.2),
        ("mobilenet_v3_large", 1e-3, 0.99, 0.2),
        ("mobilenet_v3_small", 1e-3, 0.99, 0.2),
    ],
)
def test_batch_norm_and_dropout_are_the_references(
    name: str, epsilon: float, momentum: float, dropout: float
) -> None:
    model = build_cnn(name, (32, 32, 3), seed=0)
    kind = keras.layers.BatchNormalization
    norms = [layer for layer in model.layers if isinstance(layer, kind)]
    assert {(norm.epsilon, norm.momentum) for norm in norms} == {(epsilon, momentum)}
    drops = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert drops == [dropout]


@pytest.mark.parametrize("name", [*CLASSIFIERS, LRASPP])
@pytest.mark.parametrize("width", [0, -1, "wide", float("nan"), float("inf")])
def test_a_width_that_is_no_positive_number_is_refused(name: str, width: Any) -> None:
    with pytest.raises(ArgumentError, match="width must be a real number"):
        build_cnn(name, width=width)


@pytest.mark.parametrize("name", [*CLASSIFIERS, LRASPP])
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_saved_network_predicts_the_same_bits(name: str, tmp_path: Path) -> None:
    model = build_cnn(name, (9, 16, 1), 5, width=0.25, seed=1)
    model.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    x = images((3, 9, 16, 1))
    np.testing.assert_array_equal(again(x), model(x))
    assert again.options == {"width": 0.25}


@pytest.mark.parametrize(
    ("value", "channels"), [(16 * 0.35, 8), (18, 24), (30, 32), (36, 40), (1280 * 1.4, 1792)]
)
def test_make_divisible_rounds_as_the_papers_do(value: float, channels: int) -> None:
    assert make_divisible(value) == channels


@pytest.mark.parametrize(
    ("name", "origin", "module", "layer"),
    [
        ("mobilenet_v1", 0, "conv1_bn", "conv_stem.norm"),
        ("mobilenet_v1", 0, "conv_pw_11_bn", "blocks.3.5.pointwise.norm"),
        ("mobilenet_v2", 0, "features.1.conv.1", "features.1.project"),
        ("mobilenet_v2", 0, "features.17.conv.3", "features.17.project.norm"),
        ("mobilenet_v2", 1, "blocks.0.0.bn1", "features.1.depthwise.norm"),
        ("mobilenet_v2", 1, "blocks.0.0.conv_pw", "features.1.project"),
        ("mobilenet_v2", 1, "blocks.1.1.conv_pw", "features.3.expand"),
        ("mobilenet_v2", 1, "blocks.6.0.bn3", "features.17.project.norm"),
        ("mobilenet_v2", 1, "bn2", "features.18.norm"),
        ("mobilenet_v3_large", 0, "features.1.block.1.1", "features.1.project.norm"),
        ("mobilenet_v3_small", 0, "features.1.block.1.fc1", "features.1.se.reduce"),
        ("mobilenet_v3_small", 0, "features.2.block.1.0", "features.2.depthwise"),
        ("mobilenet_v3_small", 0, "features.4.block.3.1", "features.4.project.norm"),
        ("mobilenet_v3_small", 0, "features.12.1", "features.12.norm"),
        (LRASPP, 0, "backbone.16.1", "backbone.16.norm"),
        (LRASPP, 0, "classifier.scale.1", "classifier.scale"),
    ],
)
def test_names_elsewhere_lead_to_our_layers(
    name: str, origin: int, module: str, layer: str
) -> None:
    found = ours(module, ZOO[name]().origins[origin].names)
    assert found == layer
    model = build_cnn(name, (32, 32, 3), 2, seed=0)
    paths = {variable.path.rpartition("/")[0].replace("/", ".") for variable in model.weights}
    assert found in paths


@pytest.mark.parametrize("size", [(40, 40), (33, 47), (65, 97)])
def test_lite_raspp_gives_every_pixel_its_classes(size: tuple[int, int]) -> None:
    model = build_cnn(LRASPP, (*size, 3), 4, width=0.25, seed=0)
    x = images((2, *size, 3))
    y = np.asarray(model(x))
    assert y.shape == (2, *size, 4)
    np.testing.assert_allclose(y.sum(-1), 1, rtol=1e-5)
    if min(size) >= 64:  # else the strides differ
        free = build_cnn(LRASPP, (None, None, 3), 4, width=0.25, seed=0)
        free.set_weights(model.get_weights())
        np.testing.assert_allclose(free(x), y, rtol=1e-4, atol=1e-6)


def test_lite_raspp_looks_at_maps_16_and_8_times_smaller_than_the_image() -> None:
    model = build_cnn(LRASPP, (96, 128, 3), 21, seed=0)
    shapes = {name: model.get_layer(name).output.shape[1:] for name in ("backbone.16.norm",)}
    assert shapes == {"backbone.16.norm": (6, 8, 960)}
    assert model.get_layer("classifier.low_classifier").input.shape[1:] == (12, 16, 40)
    dilated = [
        layer.name
        for layer in model.layers
        if isinstance(layer, keras.layers.DepthwiseConv2D) and layer.dilation_rate == (2, 2)
    ]
    assert dilated == [f"backbone.{number}.depthwise" for number in (13, 14, 15)]


def test_the_head_of_lite_raspp_has_torchs_batch_norm() -> None:
    model = build_cnn(LRASPP, (32, 32, 3), 21, seed=0)
    head, body = (model.get_layer(name) for name in ("classifier.cbr.norm", "backbone.0.norm"))
    assert (head.epsilon, head.momentum) == (1e-5, 0.9)
    assert (body.epsilon, body.momentum) == (1e-3, 0.99)
