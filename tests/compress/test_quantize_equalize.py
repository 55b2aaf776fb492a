"""Equalisation and quantisation-aware training: the same network, and more of it left in int8."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from deployed import drawn, images, network, said
from keras import layers, ops

from workbench.cnn.ops import GroupedConv2D
from workbench.compress.aware_training import (
    RoundedActivations,
    RoundedWeights,
    quantization_aware,
    rounded_weights,
)
from workbench.compress.equalization import equalize, pairs_of
from workbench.compress.fold import fold_batch_norm
from workbench.compress.litert_model import LiteRTModel
from workbench.compress.noise import layer_outputs, signal_to_noise
from workbench.compress.quantization import quantize
from workbench.errors import ModelError

SHAPE = (8, 8, 4)


def chain(*between: Any, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> keras.Model:
    """Build layers one behind the other."""
    x = image = keras.Input(shape, name="image")
    for layer in between:
        x = layer(x)
    return drawn(keras.Model(image, x), seed)


def set_weights(model: keras.Model, *weights: Any) -> None:
    model.set_weights([np.array(each, dtype="float32") for each in weights])


def uneven(model: keras.Model, first: str, second: str) -> keras.Model:
    """Multiply the channels between two layers by 0.001 to 1, and divide again behind ReLU."""
    layer, reader = model.get_layer(first), model.get_layer(second)
    kernel, bias = layer.get_weights()
    size = np.logspace(-3, 0, len(bias))
    layer.set_weights([kernel * size, bias * size])
    kernel, bias = reader.get_weights()
    reader.set_weights([kernel / size[:, None], bias])
    return model


def pairs(model: keras.Model) -> list[tuple[str, str]]:
    return [(pair.first.name, pair.second.name) for pair in pairs_of(fold_batch_norm(model))]


def assert_same(model: keras.Model, equal: keras.Model, x: np.ndarray) -> None:
    expected = said(model, x)
    assert np.abs(said(equal, x) - expected).max() <= 1e-5 * np.abs(expected).max()


def test_ranges_of_weights_meet_at_their_geometric_mean() -> None:
    model = chain(layers.Dense(2, name="first"), layers.ReLU(), layers.Dense(1), shape=(1,))
    set_weights(model, [[8, 1]], [4, 1], [[2], [25]], [0])
    first, bias, second, _ = equalize(model).get_weights()
    # Equation 11: s = sqrt(8 / 2) = 2 and sqrt(1 / 25) = 1 / 5.
    assert first == pytest.approx(np.array([[4, 5]]))
    assert bias == pytest.approx(np.array([2, 5]))
    assert second == pytest.approx(np.array([[4], [5]]))


def test_ranges_of_activations_meet_the_weights_that_read_them() -> None:
    model = chain(layers.Dense(2), layers.ReLU(), layers.Dense(1), shape=(1,))
    set_weights(model, [[8, 1]], [0, 0], [[2], [25]], [0])
    x = np.array([[4.0], [-3.0]])  # so that activations reach 32 and 4
    first, _, second, _ = equalize(model, x).get_weights()
    assert first * 4 == pytest.approx(np.array([[8, 10]]))  # sqrt(32 2), sqrt(4 25)
    assert second == pytest.approx(np.array([[8], [10]]))


@pytest.mark.parametrize("measured", [False, True])
@pytest.mark.parametrize(
    "between",
    [
        lambda: [layers.Conv2D(8, 3, name="a"), layers.ReLU(), layers.Conv2D(4, 3, name="b")],
        lambda: [
            *(layers.Conv2D(8, 3, use_bias=False, name="a"), layers.BatchNormalization()),
            *(layers.LeakyReLU(), layers.MaxPooling2D(2), layers.ZeroPadding2D(1)),
            layers.DepthwiseConv2D(3, depth_multiplier=2, name="b"),
        ],
        lambda: [
            *(layers.DepthwiseConv2D(3, depth_multiplier=2, name="a"), layers.Activation("relu")),
            GroupedConv2D(6, 3, groups=2, name="b"),
        ],
        lambda: [
            GroupedConv2D(6, 1, groups=2, activation="relu", name="a"),
            *(layers.GlobalAveragePooling2D(), layers.Dropout(0.5, seed=0)),
            layers.Dense(5, name="b"),
        ],
    ],
)
def test_layers_of_all_kinds_say_the_same_afterwards(between: Any, measured: bool) -> None:
    model, x = chain(*between()), images(20, SHAPE)
    assert pairs(model) == [("a", "b")]
    equal = equalize(model, x if measured else None)
    assert_same(model, equal, x)
    same = [
        np.array_equal(*both)
        for both in zip(fold_batch_norm(model).get_weights(), equal.get_weights(), strict=True)
    ]
    assert not all(same)


def test_a_network_of_uneven_channels_gets_its_signal_back(tmp_path: Path) -> None:
    model = chain(
        layers.Conv2D(16, 3, name="a"),
        layers.ReLU(),
        layers.Conv2D(16, 3, name="b"),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dense(10, name="classes"),
    )
    x = images(100, SHAPE)
    even = quantize(model, tmp_path / "net.tflite", x).snr
    model = uneven(model, "a", "b")
    with pytest.warns(UserWarning, match=r"workbench\.compress\.equalize"):
        spoilt = quantize(model, tmp_path / "net.tflite", x).snr
    assert spoilt < 10
    for equal in (equalize(model), equalize(model, x)):
        assert_same(model, equal, x)
        assert quantize(equal, tmp_path / "net.tflite", x).snr > even - 3


@pytest.mark.parametrize("kind", ["activation", "layer", "within"])
def test_relu6_is_lifted_only_where_nothing_reaches_six(kind: str) -> None:
    caps: dict[str, list[Any]] = {
        "activation": [layers.Conv2D(8, 1, name="a"), layers.Activation("relu6")],
        "layer": [layers.Conv2D(8, 1, name="a"), layers.ReLU(6.0)],
        "within": [layers.Conv2D(8, 1, activation="relu6", name="a")],
    }
    model = chain(*caps[kind], layers.Conv2D(4, 1, name="b"))
    low, high = 0.1 * images(20, SHAPE), 10 * images(20, SHAPE)
    assert pairs(model) == []
    for unlifted in (equalize(model), equalize(model, high)):
        assert_same(model, unlifted, high)
    lifted = equalize(model, low)
    assert_same(model, lifted, low)
    assert not np.array_equal(lifted.get_weights()[0], model.get_weights()[0])
    assert np.abs(said(lifted, high) - said(model, high)).max() > 1  # nothing holds it at 6
    assert "relu6" not in str(lifted.get_config())


def test_what_does_not_hand_factors_on_is_no_pair() -> None:
    for activation in ("hard_silu", "sigmoid", "elu"):
        between = layers.Activation(activation)
        assert pairs(chain(layers.Conv2D(4, 1), between, layers.Conv2D(4, 1))) == []
    image = keras.Input(SHAPE)
    first = layers.Conv2D(4, 1, name="first")(image)
    sum_ = layers.Add()([first, image])
    shared = layers.Conv2D(4, 1, name="shared")
    assert pairs(keras.Model(image, layers.Conv2D(4, 1)(sum_))) == []
    assert pairs(keras.Model(image, shared(shared(image)))) == []
    assert pairs(keras.Model(image, [layers.Conv2D(4, 1)(first), first])) == []


def test_models_that_cannot_be_quantised_are_not_equalised() -> None:
    image = keras.Input(SHAPE)
    with pytest.raises(ModelError, match="2 outputs"):
        equalize(keras.Model(image, [image, layers.ReLU()(image)]))


def test_kernels_are_rounded_by_a_scale_for_each_filter() -> None:
    kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 2)).astype("float32")
    for first, axes in ((-1, (0, 1, 2)), (-2, (0, 1))):
        scale = np.abs(kernel).max(axis=axes, keepdims=True) / 127
        rounded = np.asarray(rounded_weights(kernel, first))
        assert rounded == pytest.approx(np.rint(kernel / scale) * scale, abs=1e-6)
    assert not np.asarray(rounded_weights(np.zeros((2, 2), "float32"), -1)).any()


def test_activations_are_rounded_between_their_extremes() -> None:
    layer = RoundedActivations(momentum=0.75)
    x = np.array([[-1.0, 0.0, 0.013, 1.55]], "float32")
    assert np.array_equal(np.asarray(layer(x)), x)  # nothing has been seen
    step = 2.55 / 255
    once = np.asarray(layer(x, training=True))
    assert once == pytest.approx(np.rint(x / step) * step, abs=1e-6)
    layer(3 * x, training=True)
    assert float(layer.low.numpy()) == pytest.approx(-0.75 - 0.25 * 3)
    assert float(layer.high.numpy()) == pytest.approx(1.55 * (0.75 + 0.25 * 3))
    copy = RoundedActivations.from_config(layer.get_config())
    assert copy.momentum == 0.75


def test_gradients_go_straight_through_rounding_and_stop_at_the_ends() -> None:
    import tensorflow as tf

    layer = RoundedActivations()
    layer(np.array([[-1.0, 1.0]], "float32"), training=True)
    x = tf.constant([[-2.0, -0.3, 0.7, 2.0]])
    kernel = tf.constant([[0.5, -0.2], [0.1, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        total = ops.sum(layer(x)) + 3 * ops.sum(rounded_weights(kernel, -1))
    of_x, of_kernel = tape.gradient(total, [x, kernel])
    assert of_x.numpy().tolist() == [[0, 1, 1, 0]]
    assert of_kernel.numpy() == pytest.approx(3)


def test_the_aware_network_computes_what_the_int8_file_does(tmp_path: Path) -> None:
    model = chain(
        *(layers.Conv2D(8, 3, use_bias=False), layers.BatchNormalization(), layers.ReLU()),
        *(layers.DepthwiseConv2D(3), layers.Activation("hard_silu"), layers.MaxPooling2D(2)),
        *(layers.Conv2D(8, 1), layers.GlobalAveragePooling2D(), layers.Dense(5)),
    )
    aware, plain = quantization_aware(model)
    x = images(60, SHAPE)
    assert_same(model, plain, x)
    made = quantize(plain, tmp_path / "net.tflite", x, inputs="int8")
    file = LiteRTModel(made.path, keep=True)
    rounding = [layer for layer in aware.layers if isinstance(layer, RoundedActivations)]
    # The ranges of the file: of its input and of all tensors but the pooling's, which has the
    # scale of its input, and the last one, which training leaves as it is.
    tensors = [
        each
        for each in made.layers["tensor"]
        if "MaxPool" not in each and each != made.layers["tensor"].iloc[-1]
    ]
    details = {each["name"]: each for each in file._interpreter.get_tensor_details()}
    scales = [each["quantization"] for each in (file._input, *(details[name] for name in tensors))]
    for layer, (scale, zero) in zip(rounding, scales, strict=True):
        layer.low.assign((-128 - zero) * scale)
        layer.high.assign((127 - zero) * scale)
    kept = file.tensors(x)
    ours = {id(layer): output for layer, output in layer_outputs(aware, x)}
    for layer, name, (scale, _) in zip(rounding[1:], tensors, scales[1:], strict=True):
        apart = np.abs(np.rint((kept[name] - ours[id(layer)]) / scale))
        # Five layers down, those are numbers half-way between two steps, which LiteRT's fixed
        # point rounds the other way.
        assert apart.max() <= 2
        assert apart.mean() < 0.3
        if layer is rounding[1]:
            assert apart.mean() < 0.01


def test_the_two_networks_share_their_weights() -> None:
    aware, plain = quantization_aware(network())
    rounded = [layer.layer for layer in aware.layers if isinstance(layer, RoundedWeights)]
    assert rounded == [layer for layer in plain.layers if layer.weights]
    assert {id(v) for v in aware.trainable_variables} == {id(v) for v in plain.trainable_variables}


def test_training_with_rounded_numbers_helps_where_equalisation_cannot(tmp_path: Path) -> None:
    model = chain(
        *(layers.Conv2D(16, 3, name="a"), layers.Activation("hard_silu")),
        *(layers.Conv2D(16, 3, name="b"), layers.Activation("hard_silu")),
        *(layers.GlobalAveragePooling2D(), layers.Dense(5)),
    )
    assert pairs(model) == []
    kernel, bias = model.get_layer("a").get_weights()
    large = np.where(np.arange(16) == 0, 30, 1)  # one channel takes the steps of all others
    model.get_layer("a").set_weights([kernel * large, bias * large])
    kernel, bias = model.get_layer("b").get_weights()
    model.get_layer("b").set_weights([kernel / large[:, None], bias])
    x = images(256, SHAPE)
    target = said(model, x)
    before = quantize(model, tmp_path / "net.tflite", x)
    aware, plain = quantization_aware(model)
    aware.compile(keras.optimizers.Adam(1e-3), "mse", jit_compile=False)
    aware.fit(x, target, batch_size=32, epochs=20, shuffle=False, verbose=0)
    after = quantize(plain, tmp_path / "net.tflite", x)
    assert signal_to_noise(target, after.predict(x)) > before.snr + 1.5
