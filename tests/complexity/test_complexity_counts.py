"""Counts of single layers and small graphs, against sums written out by hand."""

from math import prod

import keras
import pytest
from keras import layers, ops

from workbench.cnn.ops import (
    DeformableConv2D,
    GroupedConv2D,
    MaxPoolingWithIndices2D,
    SqueezeExcite,
)
from workbench.complexity import Profile, profile

H, W, C1, C2 = 9, 7, 6, 8


def profile_of(
    *stack: layers.Layer, shape: tuple[int, ...] = (H, W, C1), batch: int = 1
) -> Profile:
    return profile(keras.Sequential([keras.Input(shape), *stack]), batch=batch)


def one(*stack: layers.Layer, shape: tuple[int, ...] = (H, W, C1)) -> dict[str, int]:
    return profile_of(*stack, shape=shape).frame.iloc[-1].to_dict()


@pytest.mark.parametrize(
    ("layer", "macs", "others"),
    [
        (layers.Conv2D(C2, 3), 7 * 5 * 9 * C1 * C2, 7 * 5 * C2),
        (layers.Conv2D(C2, 3, use_bias=False), 7 * 5 * 9 * C1 * C2, 0),
        (layers.Conv2D(C2, 3, activation="relu"), 7 * 5 * 9 * C1 * C2, 2 * 7 * 5 * C2),
        (layers.Conv2D(C2, 3, strides=2, padding="same"), 5 * 4 * 9 * C1 * C2, 5 * 4 * C2),
        (layers.Conv2D(C2, 3, dilation_rate=2), 5 * 3 * 9 * C1 * C2, 5 * 3 * C2),
        (GroupedConv2D(C2, 3, groups=2), 7 * 5 * 9 * C1 * C2 // 2, 7 * 5 * C2),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), 7 * 5 * 9 * C1 * 2, 7 * 5 * C1 * 2),
        (layers.SeparableConv2D(C2, 3), 7 * 5 * (9 * C1 + C1 * C2), 7 * 5 * C2),
        (layers.Conv2DTranspose(C2, 3, strides=2), H * W * 9 * C1 * C2, 19 * 15 * C2),
        (DeformableConv2D(C2, 3), 7 * 5 * 9 * C1 * (C2 + 27), 7 * 5 * C2),
        (layers.Dense(C2), H * W * C1 * C2, H * W * C2),
        (layers.EinsumDense("bhwc,cd->bhwd", (H, W, C2)), H * W * C1 * C2, 0),
        (layers.BatchNormalization(), 0, 2 * H * W * C1),
        (layers.ReLU(), 0, H * W * C1),
        (layers.MaxPooling2D(3, 2), 0, 4 * 3 * C1 * 9),
        (MaxPoolingWithIndices2D(2), 0, 4 * 3 * C1 * 4),
        (layers.AveragePooling2D(2), 0, 4 * 3 * C1 * 4),
        (layers.GlobalAveragePooling2D(), 0, H * W * C1),
        (layers.UpSampling2D(2), 0, 0),
        (layers.UpSampling2D(2, interpolation="bilinear"), 0, 4 * H * W * C1),
        (layers.ZeroPadding2D(1), 0, 0),
        (layers.Flatten(), 0, 0),
        (layers.Dropout(0.5, seed=0), 0, 0),
    ],
    ids=lambda value: value.name if isinstance(value, layers.Layer) else "",
)
def test_a_layer_costs_what_a_hand_counts(layer: layers.Layer, macs: int, others: int) -> None:
    row = one(layer)
    assert (row["macs"], row["flops"]) == (macs, 2 * macs + others)


@pytest.mark.parametrize(
    ("layer", "shape", "macs"),
    [
        (layers.Conv1D(4, 3, padding="causal"), (9, 5), 9 * 3 * 5 * 4),
        (layers.Conv3D(4, 3), (5, 6, 7, 2), 3 * 4 * 5 * 27 * 2 * 4),
        (layers.Dense(4), (5,), 20),
        (layers.Conv2D(4, 3, data_format="channels_first"), (2, 5, 6), 3 * 4 * 9 * 2 * 4),
    ],
    ids=["conv1d", "conv3d", "dense", "channels first"],
)
def test_other_ranks_and_orders_count_likewise(
    layer: layers.Layer, shape: tuple[int, ...], macs: int
) -> None:
    assert profile_of(layer, shape=shape).macs == macs


def test_attention_is_four_projections_and_two_products() -> None:
    x = keras.Input((5, 16))
    model = keras.Model(x, layers.MultiHeadAttention(2, 8)(x, x))
    assert profile(model).macs == 4 * 5 * 16 * 16 + 2 * 5 * 5 * 16


def test_squeeze_and_excitation_is_counted_by_its_parts() -> None:
    row = one(SqueezeExcite(2))
    dense = 2 * 2 * C1
    #        mean         reduce: bias, relu; expand: bias, sigmoid; the product
    others = H * W * C1 + 2 * 2 + 2 * C1 + H * W * C1
    assert (row["macs"], row["flops"]) == (dense, 2 * dense + others)
    assert row["parameters"] == dense + 2 + C1


@pytest.mark.parametrize("groups", [1, 2])
def test_memory_access_is_the_formula_of_shufflenet_v2(groups: int) -> None:
    # Equations 1 and 2 of the paper, for a 1 x 1 convolution.
    row = one(GroupedConv2D(C2, 1, groups=groups))
    assert row["access"] == H * W * (C1 + C2) + C1 * C2 // groups


def test_bytes_are_inputs_weights_and_outputs_of_their_types() -> None:
    cost = profile_of(layers.Conv2D(C2, 1), layers.BatchNormalization(), layers.Flatten())
    conv, norm, flat = cost.frame.to_dict("records")
    assert conv["read"] == 4 * (H * W * C1 + C1 * C2 + C2)
    assert conv["written"] == 4 * H * W * C2
    assert norm["read"] == 4 * (H * W * C2 + 4 * C2)
    assert (flat["read"], flat["written"], flat["access"]) == (0, 0, 0)
    half = one(layers.Conv2D(C2, 1, dtype="float16"))
    assert half["written"] == 2 * H * W * C2


def test_a_slice_reads_what_it_returns() -> None:
    x = keras.Input((H, W, C1))
    row = profile(keras.Model(x, x[..., :2])).frame.iloc[0]
    assert (row["read"], row["written"]) == (4 * H * W * 2, 4 * H * W * 2)


def test_trainable_and_other_weights_are_told_apart() -> None:
    frozen = layers.Conv2D(C2, 1)
    frozen.trainable = False
    cost = profile_of(layers.Conv2D(C2, 3), layers.BatchNormalization(), frozen)
    assert cost.parameters == 9 * C1 * C2 + C2 + 2 * C2
    assert cost.non_trainable == 2 * C2 + C2 * C2 + C2


def test_a_batch_multiplies_all_but_the_weights() -> None:
    stack = [layers.Conv2D(C2, 3, name="c"), layers.ReLU(name="r")]
    single, four = profile_of(*stack), profile_of(*stack, batch=4)
    assert (four.macs, four.flops) == (4 * single.macs, 4 * single.flops)
    assert four.parameters == single.parameters
    assert four.activation_peak == 4 * single.activation_peak
    weights = 4 * (9 * C1 * C2 + C2)
    assert four.memory_read - weights == 4 * (single.memory_read - weights)
    assert "4 samples" in str(four)


def test_the_peak_holds_a_shortcut_until_it_is_added() -> None:
    x = keras.Input((4, 4, 2))
    y = layers.Conv2D(6, 1)(x)  # 96 numbers beside the 32 of the input
    z = layers.Conv2D(2, 1)(y)
    model = keras.Model(x, layers.Add()([x, z]))
    # While z is computed, x (for the sum), y and z are there; for the sum y is not.
    assert profile(model).activation_peak == 4 * (32 + 96 + 32)


def test_the_peak_of_a_chain_is_its_widest_pair_and_views_take_none() -> None:
    stack = [layers.Conv2D(c, 1) for c in (3, 10, 7)]
    cost = profile_of(*stack, layers.Reshape((16 * 7,)), shape=(4, 4, 2))
    assert cost.activation_peak == 4 * 16 * (10 + 7)


def test_the_peak_counts_an_output_that_is_returned_early() -> None:
    x = keras.Input((4, 4, 2))
    early = layers.Conv2D(5, 1)(x)
    late = layers.Conv2D(3, 1)(layers.Conv2D(8, 1)(early))
    assert profile(keras.Model(x, [early, late])).activation_peak == 4 * 16 * (5 + 8 + 3)


def test_the_peak_is_that_of_a_simulation_that_frees_by_reference() -> None:
    model = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None)
    # Another way to it: for each layer, everything written before or by it that it, or one that
    # runs later, still reads. All layers of this model are called once.
    order = list(profile(model).frame["name"])
    writes = {name: model.get_layer(name).output for name in order}
    reads = {
        name: [x.name for x in keras.tree.flatten(model.get_layer(name).input)] for name in order
    }
    size = {tensor.name: 4 * prod(tensor.shape[1:]) for tensor in writes.values()}
    size[model.input.name] = 4 * prod(model.input.shape[1:])
    born = {model.input.name: -1} | {writes[name].name: i for i, name in enumerate(order)}
    needed = dict(born)
    for i, name in enumerate(order):
        needed.update(dict.fromkeys(reads[name], i))
    needed[model.output.name] = len(order)
    live = [sum(size[t] for t in born if born[t] <= i <= needed[t]) for i in range(len(order))]
    assert not any(isinstance(layer, layers.Dropout | layers.Flatten) for layer in model.layers)
    assert profile(model).activation_peak == max(live)


def test_depth_is_the_longest_path_and_width_the_most_channels() -> None:
    x = keras.Input((8, 8, 3))
    long = layers.Conv2D(4, 1)(layers.BatchNormalization()(layers.Conv2D(12, 1)(x)))
    y = layers.Dense(5)(ops.mean(layers.Add()([long, layers.Conv2D(4, 1)(x)]), axis=(1, 2)))
    cost = profile(keras.Model(x, y))
    assert (cost.depth, cost.width) == (3, 12)
