"""What cannot be trained says why; augmentations, rates and layers are what they are called."""

from typing import Any

import keras
import numpy as np
import pytest
from pupils import images, network, vector

from workbench.classification import AUGMENTATIONS, freeze, train_classifier
from workbench.classification.augmentation import apply, augmentation_layers
from workbench.classification.depth import rates_by_depth
from workbench.classification.recipe import OPTIMIZERS, Recipe, WarmUp
from workbench.errors import ArgumentError, ModelError, UnknownNameError

X, Y = images(24)


def refused(match: str, *data: Any, model: Any = None, **settings: Any) -> None:
    data = data or (X, Y)
    with pytest.raises(ArgumentError, match=match):
        train_classifier(model or network(), *data, progress=False, **settings)


def test_images_of_another_size_are_refused() -> None:
    refused(r"X must have shape \(images, 8, 8, 1\)", X[:, :6], Y)
    refused(r"X must have shape", X[:0], Y[:0])
    refused("validation must have shape", X, Y, validation=(X[:, :6], Y))


def test_class_numbers_that_are_none_are_refused() -> None:
    refused("class numbers from 0 to 2", X, Y + 1)
    refused("class numbers from 0 to 2", X, Y - 1)
    refused("whole numbers from 0", X, Y + 0.5)
    refused("a class number for each of the 24 images", X, Y[:5])
    refused("single 1 in each row", X, np.ones((24, 3)))
    refused("class numbers of the images", X, None)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"epochs": -1}, "epochs must be"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"accumulate": 0}, "accumulate must be"),
        ({"optimizer": "newton"}, "optimizer must be one of"),
        ({"optimizer": keras.optimizers.SGD(0.1), "learning_rate": 0.1}, "learning_rate must be"),
        ({"learning_rate": 0.0}, "learning_rate must be"),
        ({"schedule": "steps"}, "schedule must be one of"),
        ({"warmup": 2}, "warmup must be"),
        ({"layer_decay": 0.0}, "layer_decay must be"),
        ({"loss": "hinge", "label_smoothing": 0.1}, "label_smoothing must be 0"),
        ({"class_weight": "even"}, "class_weight must be 'balanced'"),
        ({"class_weight": {5: 1.0}}, "class_weight must have keys from 0 to 2"),
        ({"class_weight": [1.0, 2.0]}, "class_weight must be 3 numbers"),
        ({"augment": "color"}, "augment must suit the images"),
        ({"augment": [3]}, "augment must be names or Keras layers"),
        ({"average": 1.5}, "average must be"),
        ({"monitor": "val_loss"}, "monitor must be one of 'accuracy', 'loss'"),
        ({"validation": 0.0}, "validation must be"),
        ({"patience": 0}, "patience must be"),
        ({"strategy": "tower"}, "strategy must be None or one of"),
        ({"strategy": "mirrored", "device": "cpu"}, "device must be"),
        ({"precision": "float8"}, "precision must be one of"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], match: str) -> None:
    refused(match, **settings)


def test_unknown_names_are_told_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="'flip'"):
        train_classifier(network(), X, Y, augment="flp", progress=False)
    with pytest.raises(UnknownNameError, match="crossentropy"):
        train_classifier(network(), X, Y, loss="cross_entropy", progress=False)


def test_models_that_are_no_classifiers_of_images_are_refused() -> None:
    inputs = keras.Input((4,))
    rows = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    with pytest.raises(ModelError, match="must take images"):
        train_classifier(rows, X, Y)
    frozen = network()
    frozen.trainable = False
    with pytest.raises(ModelError, match="must have trainable weights"):
        train_classifier(frozen, X, Y)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_change_images_and_keep_shape_and_shares(name: str) -> None:
    rng = np.random.default_rng(0)
    batch = rng.integers(0, 256, (16, 12, 12, 3)).astype(np.float32)
    shares = np.eye(4, dtype=np.float32)[np.arange(16) % 4]
    layers = augmentation_layers(name, 3, (0.0, 255.0), rng)
    found, labels = (np.asarray(a) for a in apply(layers, batch, shares))
    assert found.shape == batch.shape
    assert not np.array_equal(found, batch)
    assert found.min() >= -1e-3
    assert found.max() <= 255 + 1e-3
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)
    mixes = name in ("mix_up", "cut_mix")
    assert np.array_equal(labels, shares) is not mixes


def test_flips_are_mirror_images() -> None:
    rng = np.random.default_rng(0)
    batch = rng.random((32, 5, 5, 1)).astype(np.float32)
    layers = augmentation_layers("flip", 1, (0.0, 1.0), rng)
    found = np.asarray(apply(layers, batch, np.zeros((32, 2), np.float32))[0])
    turned = [np.array_equal(a, b[:, ::-1]) for a, b in zip(found, batch, strict=True)]
    same = [np.array_equal(a, b) for a, b in zip(found, batch, strict=True)]
    assert all(t != s for t, s in zip(turned, same, strict=True))
    assert 0 < sum(turned) < 32


def test_the_rate_grows_in_a_line_and_falls_in_half_a_cosine() -> None:
    schedule = WarmUp(0.5, 4, 20, "cosine")
    n = np.arange(20)
    wanted = np.where(
        n < 4, 0.5 * (n + 1) / 5, 0.25 * (1 + np.cos(np.pi * np.clip((n - 4) / 16, 0, 1)))
    )
    np.testing.assert_allclose([float(schedule(i)) for i in n], wanted, rtol=1e-5)
    constant = WarmUp(0.5, 4, 20, "constant")
    np.testing.assert_allclose(
        [float(constant(i)) for i in n], np.where(n < 4, wanted, 0.5), rtol=1e-6
    )


def test_rates_grow_with_the_batch_in_a_line_or_by_its_root() -> None:
    assert Recipe("sgd").rate(512) == pytest.approx(4 * Recipe("sgd").rate(128))
    assert Recipe("adamw").rate(512) == pytest.approx(2 * Recipe("adamw").rate(128))
    assert Recipe("sgd", accumulate=4).rate(64) == pytest.approx(Recipe("sgd").rate(256))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_learns_the_bars(name: str) -> None:
    bars = images()
    rate = 3e-3 if name == "lion" else None  # its steps are all of one size
    record = train_classifier(
        network(),
        *bars,
        epochs=15,
        batch_size=16,
        optimizer=name,
        learning_rate=rate,
        seed=0,
        progress=False,
    )
    assert record.frame["loss"].iloc[-1] < 0.5 * record.frame["loss"].iloc[0]


def test_an_optimizer_of_keras_is_taken_as_it_is() -> None:
    one, other = network(), network()
    plain: dict[str, Any] = {"epochs": 2, "batch_size": 24, "seed": 0, "progress": False}
    train_classifier(one, X, Y, optimizer=keras.optimizers.SGD(0.1), **plain)
    images_of = (X / 255 - (X / 255).mean()) / (X / 255).std()
    other.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    other.fit(images_of.astype(np.float32), Y, batch_size=24, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(vector(one), vector(other), rtol=1e-3, atol=1e-5)


def test_earlier_layers_learn_as_much_slower_as_they_lie_deeper() -> None:
    model, whole = network(), network()
    assert list(rates_by_depth(model, 0.5)) == [0.5, 0.5, 1.0, 1.0]
    before = [w.numpy() for w in model.trainable_weights]
    plain: dict[str, Any] = {
        "epochs": 1,
        "batch_size": 24,
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "warmup": 0.0,
        "progress": False,
    }
    train_classifier(model, X, Y, layer_decay=0.5, **plain)
    train_classifier(whole, X, Y, **plain)
    for i, rate in enumerate((0.5, 0.5, 1.0, 1.0)):
        ours = model.trainable_weights[i].numpy() - before[i]
        full = whole.trainable_weights[i].numpy() - before[i]
        np.testing.assert_allclose(ours, rate * full, rtol=1e-3, atol=1e-7)


def test_decay_takes_off_matrices_and_spares_biases() -> None:
    model = network(norm=True)
    recipe = Recipe("adamw", learning_rate=0.1, weight_decay=0.5, warmup=0.0)
    optimizer = recipe.built(model.trainable_weights, [1.0] * 6, 8, 10)
    for weight in model.trainable_weights:
        weight.assign(np.ones(weight.shape))
    optimizer.apply([np.zeros(w.shape, np.float32) for w in model.trainable_weights])
    found = {w.path: float(np.mean(w.numpy())) for w in model.trainable_weights}
    for path, value in found.items():
        assert value == pytest.approx(0.95 if path.endswith("kernel") else 1.0, rel=1e-6)


def test_freezing_leaves_the_head_and_the_frozen_weights_stay() -> None:
    model = network(norm=True)
    frozen = freeze(model)
    assert [layer.name for layer in model.layers if layer.trainable_weights] == [
        model.layers[-1].name
    ]
    assert len(frozen) == 2
    body = [w.numpy() for layer in model.layers[:-1] for w in layer.weights]
    train_classifier(model, X, Y, epochs=2, seed=0, progress=False)
    after = [w.numpy() for layer in model.layers[:-1] for w in layer.weights]
    assert all(np.array_equal(a, b) for a, b in zip(body, after, strict=True))
    with pytest.raises(ArgumentError, match="until must be a layer"):
        freeze(model, until="nowhere")
    model = network()
    assert freeze(model, until=model.layers[1].name) == [model.layers[1].name]
