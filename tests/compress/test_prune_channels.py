"""The door to pruning: arguments, targets, steps, and what comes out."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from zeroed import leaves, randomise

from workbench import Preprocessing, build_cnn, profile
from workbench.cnn.model import CNN
from workbench.compress import (
    channel_graph,
    passed,
    prune_channels,
    register_channel_rule,
    whole,
)
from workbench.errors import ArgumentError, ModelError, UnknownNameError


def small() -> Any:
    """Two convolutions, batch norm between, and a dense layer; its costs can be counted by hand."""
    x = layers.Conv2D(8, 3, padding="same", name="one")(inputs := keras.Input((8, 8, 3)))
    x = layers.ReLU()(layers.BatchNormalization(name="norm")(x))
    x = layers.Conv2D(16, 3, padding="same", activation="relu", name="two")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, name="classes")(x))


def test_parameters_and_macs_are_those_counted_by_hand() -> None:
    pruned = prune_channels(small(), 0.5)
    one, norm = 3 * 3 * 3 * 4 + 4, 4 * 4
    two, classes = 3 * 3 * 4 * 8 + 8, 8 * 10 + 10
    assert pruned.count_params() == one + norm + two + classes
    assert profile(pruned).macs == 64 * 27 * 4 + 64 * 36 * 8 + 8 * 10


def test_l1_keeps_the_filters_of_the_largest_absolute_sums_with_all_that_is_theirs() -> None:
    model = small()
    randomise(model, 1)
    old, new = leaves(model), leaves(prune_channels(model, 0.5))
    first, second = old["one"].kernel.numpy(), old["two"].kernel.numpy()
    # Whole channels are compared, those of the batch norm left out: it has no say in "l1".
    a = np.sort(np.argsort(np.abs(first).sum((0, 1, 2)))[4:])
    b = np.sort(np.argsort(np.abs(second).sum((0, 1, 2)))[8:])
    np.testing.assert_array_equal(new["one"].kernel, first[..., a])
    np.testing.assert_array_equal(new["one"].bias, old["one"].bias.numpy()[a])
    for mine, theirs in zip(new["norm"].weights, old["norm"].weights, strict=True):
        np.testing.assert_array_equal(mine, theirs.numpy()[a])
    np.testing.assert_array_equal(new["two"].kernel, second[:, :, a][..., b])
    np.testing.assert_array_equal(new["classes"].kernel, old["classes"].kernel.numpy()[b])
    np.testing.assert_array_equal(new["classes"].bias, old["classes"].bias)


def test_the_model_itself_stays_as_it_was() -> None:
    model = build_cnn("tiny_shufflenet_v1", (8, 8, 3), 4, seed=1)
    weights, config = model.get_weights(), model.get_config()
    prune_channels(model, 0.5)
    assert model.get_config() == config
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert all(len(layer._inbound_nodes) == 1 for layer in model.layers)


@pytest.mark.parametrize(
    ("name", "target"),
    [("tiny_resnet", 1 / 3), ("tiny_mobilenet_v2", 0.6), ("tiny_shufflenet_v1", 0.5)],
)
def test_a_share_of_the_macs_is_met_from_below_and_closely(name: str, target: float) -> None:
    model = build_cnn(name, (16, 16, 3), 10, seed=1)
    share = profile(prune_channels(model, target_macs=target)).macs / profile(model).macs
    assert target - 0.05 < share <= target


def test_macs_as_a_number_and_in_steps_end_at_the_goal() -> None:
    model = build_cnn("tiny_resnet", (16, 16, 3), 10, seed=1)
    seen: list[int] = []
    goal = profile(model).macs // 3
    pruned = prune_channels(
        model, target_macs=goal, steps=3, fine_tune=lambda m, step: seen.append(profile(m).macs)
    )
    assert len(seen) == 3
    assert seen[0] > seen[1] > seen[2] == profile(pruned).macs
    assert 0.9 * goal < seen[2] <= goal


def test_steps_take_channels_away_little_by_little_and_train_in_between() -> None:
    steps: list[tuple[int, int]] = []

    def fine_tune(model: Any, step: int) -> None:
        steps.append((step, leaves(model)["two"].filters))
        model.layers[-1].bias.assign(np.full(10, step, "float32"))

    pruned = prune_channels(small(), 0.5, steps=2, fine_tune=fine_tune)
    assert steps == [(0, 11), (1, 8)]
    np.testing.assert_array_equal(pruned.layers[-1].bias, np.ones(10))


def test_what_stays_is_a_multiple_of_round_to_and_no_less_than_min_channels() -> None:
    model = build_cnn("tiny_mobilenet_v2", (8, 8, 3), 10, seed=1)
    pruned = prune_channels(model, 0.6, round_to=8)
    widths = [layer.filters for layer in pruned.layers if type(layer) is layers.Conv2D]
    assert {width % 8 for width in widths} == {0}
    assert leaves(prune_channels(small(), 0.99, min_channels=3))["one"].filters == 3


def test_layers_to_keep_put_out_what_they_did() -> None:
    pruned = prune_channels(small(), 0.5, keep=["one"])
    assert (leaves(pruned)["one"].filters, leaves(pruned)["two"].filters) == (8, 8)


def test_the_worst_of_the_whole_model_go_wherever_they_are() -> None:
    model = small()
    values = {"one": np.full(8, 5.0), "two": np.arange(16.0)}
    pruned = prune_channels(
        model, 0.5, scope="global", criterion=lambda layer: values.get(layer.name, np.zeros(10))
    )
    # By their means: 8 times 1 and 16 from 0 to 2, of which 12 go: 7 below 1 and the tie.
    assert leaves(pruned)["one"].filters + leaves(pruned)["two"].filters == 12
    assert leaves(pruned)["two"].filters in (8, 9)


def test_a_network_of_the_zoo_stays_one_but_no_longer_knows_its_table() -> None:
    model = build_cnn("tiny_vgg", (8, 8, 3), 10, seed=1)
    model.preprocessing = Preprocessing(8, None, mean=(0.1,) * 3, std=(0.2,) * 3)
    pruned = prune_channels(model)
    assert isinstance(pruned, CNN)
    assert pruned.preprocessing == model.preprocessing
    assert (pruned.architecture, pruned.options) == (None, {})


# NumPy's, of how Keras reads its variables.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_pruned_network_is_loaded_in_a_new_process_and_computes_the_same(tmp_path: Path) -> None:
    pruned = prune_channels(build_cnn("tiny_shufflenet_v1", (8, 8, 3), 4, seed=1))
    images = np.random.default_rng(1).standard_normal((3, 8, 8, 3), dtype=np.float32)
    pruned.save(tmp_path / "net.keras")
    np.savez(tmp_path / "case.npz", images=images, outputs=np.asarray(pruned(images)))
    program = (
        "import sys, numpy as np; from pathlib import Path; from workbench import load_model; "
        "at = Path(sys.argv[1]); case = np.load(at / 'case.npz'); "
        "found = np.asarray(load_model(at / 'net.keras')(case['images'])); "
        "np.testing.assert_allclose(found, case['outputs'], rtol=1e-6, atol=1e-7)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)


def test_a_pruned_network_learns() -> None:
    pruned = prune_channels(small(), 0.5)
    rng = np.random.default_rng(1)
    y = rng.integers(2, size=64)
    X = rng.standard_normal((64, 8, 8, 3)).astype("float32") + y[:, None, None, None]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    pruned.compile(keras.optimizers.Adam(0.02), loss)
    losses = pruned.fit(X, y, epochs=5, shuffle=False, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_mixed_precision_and_frozen_layers_stay_so() -> None:
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, dtype="mixed_bfloat16", trainable=False, name="frozen")(inputs)
    pruned = prune_channels(keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x))))
    frozen = leaves(pruned)["frozen"]
    assert (frozen.compute_dtype, frozen.trainable, frozen.filters) == ("bfloat16", False, 4)


@keras.saving.register_keras_serializable("tests_of_pruning")
class Doubled(layers.Layer):
    """A layer that no rule knows."""

    def call(self, x: Any) -> Any:
        return 2 * x


@keras.saving.register_keras_serializable("tests_of_pruning")
class Mixed(layers.Layer):
    """Another one, which needs all its channels."""

    def call(self, x: Any) -> Any:
        return keras.ops.flip(x, axis=-1)


def with_layer(layer: Any) -> Any:
    x = layer(layers.Conv2D(8, 3, name="one")(inputs := keras.Input((8, 8, 3))))
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalMaxPooling2D()(x)))


def test_an_unknown_layer_is_named_with_the_remedy_and_can_be_registered() -> None:
    with pytest.raises(ModelError, match=r"'strange' \(Doubled\).*register_channel_rule"):
        prune_channels(with_layer(Doubled(name="strange")))
    register_channel_rule(Doubled, passed)
    register_channel_rule(Mixed, whole)
    assert leaves(prune_channels(with_layer(Doubled())))["one"].filters == 4
    assert leaves(prune_channels(with_layer(Mixed())))["one"].filters == 8
    with pytest.raises(ValueError, match="registered twice"):
        register_channel_rule(Mixed, whole)


def test_groups_name_the_layers_that_go_together() -> None:
    model = build_cnn("tiny_resnet", (8, 8, 3), 10, seed=1)
    groups = {group.layers: len(group.units) for group in channel_graph(model).groups}
    assert groups["stem", "stage1.0.conv2", "stage1.1.conv2"] == 16
    assert groups["stage3.0.conv1",] == 64


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"amount": 1}, ArgumentError, "amount must be below 1"),
        ({"amount": -0.1}, ArgumentError, "amount"),
        ({"target_macs": 0}, ArgumentError, "target_macs"),
        ({"target_macs": 10}, ArgumentError, "target_macs must be at least"),
        ({"criterion": "l2"}, UnknownNameError, "pruning criterion"),
        ({"criterion": "se", "data": np.zeros((1, 8, 8, 3))}, ArgumentError, "has none"),
        ({"criterion": "taylor"}, ArgumentError, "data must be given"),
        ({"keep": ["oen"]}, UnknownNameError, "Did you mean 'one'"),
        ({"scope": "model"}, ArgumentError, "scope"),
        ({"steps": 0}, ArgumentError, "steps"),
        ({"round_to": 0}, ArgumentError, "round_to"),
        ({"min_channels": 0}, ArgumentError, "min_channels"),
        ({"data": np.zeros((2, 8, 8, 3)), "labels": [1]}, ArgumentError, "labels"),
        ({"criterion": lambda layer: [1.0]}, ArgumentError, "return 8 finite numbers"),
    ],
)
def test_wrong_arguments_are_told(options: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        prune_channels(small(), **options)


def test_models_without_a_graph_or_with_channels_first_are_refused() -> None:
    class Own(keras.Model):
        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(ModelError, match="no graph of layers"):
        prune_channels(Own())
    inputs = keras.Input((3, 8, 8))
    x = layers.Conv2D(8, 3, data_format="channels_first", name="first")(inputs)
    with pytest.raises(ModelError, match="'first' has its channels first"):
        prune_channels(keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x))))


def test_images_of_any_size_are_pruned_by_amount_and_have_no_macs_to_aim_at() -> None:
    model = build_cnn("tiny_resnet", (None, None, 3), 10, seed=1)
    assert prune_channels(model).count_params() < 0.3 * model.count_params()
    with pytest.raises(ArgumentError, match="target_macs must be None"):
        prune_channels(model, target_macs=0.5)
