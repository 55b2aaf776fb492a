"""A pruned model computes what the large one does with zeros in place of the removed channels."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops
from zeroed import difference, leaves, randomise

from workbench import build_cnn, list_cnns, profile
from workbench.cnn.ops import (
    AdaptiveAveragePool2D,
    ChannelShuffle,
    ChannelSplit,
    DeformableConv2D,
    GroupedConv2D,
    IntegerLeakyReLU,
    MaxPoolingWithIndices2D,
    MaxUnpooling2D,
    SqueezeExcite,
)
from workbench.compress import channel_graph, prune_channels

TINY = [name for name in list_cnns() if name.startswith("tiny_")]
EXACT = 1e-5


def image(size: int = 8, channels: int = 3) -> Any:
    return keras.Input((size, size, channels))


def head(x: Any) -> Any:
    return layers.Dense(5)(layers.GlobalAveragePooling2D()(x))


def convolved(x: Any, filters: int = 8, **options: Any) -> Any:
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False, **options)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


@pytest.mark.parametrize("name", TINY)
def test_each_family_computes_what_zeroed_channels_leave(name: str) -> None:
    model = build_cnn(name, (8, 8, 3), 7, classifier_activation=None, seed=1)
    randomise(model, 2)
    pruned = prune_channels(model, 0.5, criterion="random", seed=3)
    assert profile(pruned).macs < 0.45 * profile(model).macs
    assert difference(model, pruned) < EXACT


def residual() -> Any:
    x = convolved(inputs := image())
    for _ in range(2):
        x = layers.Add()([x, convolved(convolved(x, 12))])
    return keras.Model(inputs, head(x))


def densely_connected() -> Any:
    x = convolved(inputs := image())
    for _ in range(3):
        x = layers.Concatenate()([x, convolved(layers.BatchNormalization()(x), 4)])
    return keras.Model(inputs, head(x))


def gated_by_hand() -> Any:
    x = convolved(inputs := image())
    gate = ops.mean(x, axis=(1, 2), keepdims=True)
    gate = layers.Conv2D(8, 1, activation="sigmoid")(layers.Conv2D(4, 1, activation="relu")(gate))
    return keras.Model(inputs, head(layers.Multiply()([x, gate]) * 0.5 + x))


def gated_by_pixel() -> Any:
    x = convolved(inputs := image())
    mask = layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x)
    return keras.Model(inputs, head(layers.Multiply()([x, mask])))


def grouped() -> Any:
    x = convolved(inputs := image(), 12)
    x = layers.ReLU()(GroupedConv2D(8, 3, groups=4, padding="same")(x))
    x = layers.ReLU()(GroupedConv2D(16, 1, groups=2)(ChannelShuffle(4)(x)))
    x = layers.ReLU()(GroupedConv2D(32, 3, groups=16)(x))  # depthwise, two filters a channel
    return keras.Model(inputs, head(layers.Conv2D(6, 1, groups=2)(x)))


def split_and_shuffled() -> Any:
    x = convolved(inputs := image(), 16)
    for _ in range(3):
        stays, works, third = ChannelSplit((5, 8, 3))(x)
        x = ChannelShuffle(2)(layers.Concatenate()([stays, third, convolved(works, 8)]))
    return keras.Model(inputs, head(x))


def depthwise_and_separable() -> Any:
    x = convolved(inputs := image())
    x = layers.ReLU()(layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(x))
    x = layers.SeparableConv2D(10, 3, depth_multiplier=3, activation="relu")(x)
    return keras.Model(inputs, head(x))


def flattened() -> Any:
    x = layers.MaxPooling2D()(convolved(inputs := image()))
    x = layers.Dense(20, activation="relu")(layers.Flatten()(x))
    x = layers.Reshape((2, 2, 5))(layers.Dense(20)(layers.Dropout(0.5, seed=1)(x)))
    return keras.Model(inputs, head(layers.ZeroPadding2D()(convolved(x))))


def decoder() -> Any:
    x, indices = MaxPoolingWithIndices2D()(convolved(inputs := image()))
    x = MaxUnpooling2D()([convolved(x), indices])
    x = layers.UpSampling2D(interpolation="bilinear")(layers.AveragePooling2D(2)(x))
    x = layers.Conv2DTranspose(6, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(inputs, layers.Conv2D(2, 1)(layers.Cropping2D()(x)))


def deformable() -> Any:
    x = DeformableConv2D(8, 3, padding="same", deformable_groups=2, groups=2)(
        convolved(inputs := image())
    )
    return keras.Model(inputs, head(IntegerLeakyReLU()(AdaptiveAveragePool2D(3)(x))))


def leaky() -> Any:
    x = layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(8, 3)(inputs := image()))
    x = layers.LeakyReLU()(layers.Conv2D(8, 1)(layers.PReLU()(x)))
    return keras.Model(inputs, head(layers.Rescaling(2.0)(x)))


def weighed_in_the_middle() -> Any:
    x = SqueezeExcite(6)(convolved(inputs := image()))
    return keras.Model(inputs, head(layers.Add()([x, SqueezeExcite(4)(convolved(x))])))


def nested() -> Any:
    inner = image(8, 8)
    block = keras.Model(inner, layers.Add()([inner, convolved(convolved(inner, 12))]), name="block")
    outer = keras.Sequential([keras.Input((8, 8, 8)), layers.Conv2D(8, 3)], name="tail")
    x = convolved(inputs := image())
    return keras.Model(inputs, head(outer(block(block(x)))))


def two_inputs_one_layer() -> Any:
    left, right = image(), image()
    shared = layers.Conv2D(8, 3, activation="relu")
    x = layers.Subtract()([shared(left), shared(right)])
    return keras.Model(
        [left, right], {"classes": head(x), "sum": layers.Dense(3)(layers.Flatten()(x))}
    )


def one_axis() -> Any:
    inputs = keras.Input((12, 3))
    x = layers.Conv1D(8, 3, activation="relu")(inputs)
    x = layers.MaxPooling1D()(layers.SeparableConv1D(6, 3, activation="relu")(x))
    return keras.Model(
        inputs, layers.Dense(4)(layers.Dense(6, activation="relu")(layers.Flatten()(x)))
    )


MODELS = [
    *(residual, densely_connected, gated_by_hand, gated_by_pixel, grouped, split_and_shuffled),
    *(depthwise_and_separable, flattened, decoder, deformable, leaky, weighed_in_the_middle),
    *(nested, two_inputs_one_layer, one_axis),
]


@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_every_kind_of_layer_computes_what_zeroed_channels_leave(build: Any) -> None:
    model = build()
    randomise(model, 4)
    pruned = prune_channels(model, 0.5, criterion="random", seed=5)
    assert pruned.count_params() < 0.6 * model.count_params()
    assert difference(model, pruned) < EXACT


@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_macs_of_the_channel_graph_are_those_of_profile(build: Any) -> None:
    model = build()
    graph = channel_graph(model)
    everything = graph.kept(np.ones(len(graph.stuck), dtype=bool))
    assert graph.macs(everything) == profile(model).macs


@pytest.mark.parametrize("build", [split_and_shuffled, grouped, nested])
def test_a_pruned_model_can_be_pruned_again(build: Any) -> None:
    model = build()
    randomise(model, 6)
    once = prune_channels(model, 0.3, criterion="random", seed=1)
    twice = prune_channels(once, 0.3, criterion="random", seed=2)
    assert twice.count_params() < once.count_params() < model.count_params()
    assert difference(once, twice) < EXACT
    assert difference(model, twice) < EXACT


@pytest.mark.parametrize("name", ["tiny_shufflenet_v2", "tiny_se_resnext", "tiny_densenet"])
def test_without_an_amount_the_outputs_are_the_same_to_the_bit(name: str) -> None:
    model = build_cnn(name, (16, 16, 3), 7, seed=1)
    same = prune_channels(model, 0)
    images = np.random.default_rng(1).standard_normal((2, 16, 16, 3), dtype=np.float32)
    np.testing.assert_array_equal(same(images), model(images))
    assert same is not model
    assert [type(layer) for layer in same.layers] == [type(layer) for layer in model.layers]


def test_models_of_keras_itself_are_pruned_too() -> None:
    model = keras.applications.MobileNetV3Small(
        weights=None, input_shape=(32, 32, 3), classes=5, classifier_activation=None
    )
    randomise(model, 7)
    pruned = prune_channels(model, 0.5, criterion="random", seed=8)
    assert profile(pruned).macs < 0.35 * profile(model).macs
    assert difference(model, pruned) < EXACT


def test_a_channel_that_concatenation_repeats_is_one_channel() -> None:
    x = layers.Conv2D(4, 1, name="made")(inputs := image())
    repeated = layers.Concatenate()([x, x])
    other = layers.Conv2D(8, 1, name="other")(inputs)
    model = keras.Model(inputs, head(layers.Add()([repeated, other])))
    randomise(model, 9)
    pruned = prune_channels(model, 0.5, criterion="random", seed=1)
    kernels = {name: layer.kernel.numpy() for name, layer in leaves(model).items() if layer.weights}
    left = leaves(pruned)["made"].kernel.numpy()
    stays = np.flatnonzero(np.isin(kernels["made"], left)[0, 0, 0])
    both = np.concatenate([stays, stays + 4])
    np.testing.assert_array_equal(leaves(pruned)["other"].kernel, kernels["other"][..., both])
    assert difference(model, pruned) < EXACT
