"""Batch norm with the statistics of a user's images: the same answers, and a start for training."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from workbench.cnn import build_cnn, recalibrate
from workbench.errors import ArgumentError, ModelError, WorkbenchError


def network(seed: int = 0) -> keras.Model:
    """A network as a file with folded batch norm leaves it: no statistics, odd offsets."""
    model = build_cnn("tiny_mobilenet_v2", (8, 8, 3), 4, seed=seed, classifier_activation=None)
    rng = np.random.default_rng(seed)
    for norm in norms(model):
        norm.beta.assign(rng.normal(0, 0.5, norm.beta.shape))
        norm.gamma.assign(rng.uniform(0.5, 1.5, norm.gamma.shape))
    return model


def norms(model: keras.Model) -> list[Any]:
    return [each for each in model.layers if isinstance(each, layers.BatchNormalization)]


def images(count: int = 24, seed: int = 1) -> np.ndarray:
    """Draw images of a mean and a deviation that are far from 0 and 1."""
    return np.random.default_rng(seed).normal(2, 3, (count, 8, 8, 3)).astype("float32")


def relative(found: Any, expected: Any) -> float:
    """Return the largest difference, to the largest number."""
    found, expected = np.asarray(found), np.asarray(expected)
    return float(abs(found - expected).max() / abs(expected).max())


def test_inference_stays_the_same_on_images_never_measured() -> None:
    model, unseen = network(), images(16, seed=2)
    before = np.asarray(model(unseen))
    gammas = [np.asarray(norm.gamma) for norm in norms(model)]
    recalibrate(model, images())
    assert relative(model(unseen), before) < 1e-4
    assert all(
        abs(np.asarray(n.gamma) - g).max() > 0.1 for n, g in zip(norms(model), gammas, strict=True)
    )


def test_statistics_are_the_mean_and_variance_of_what_comes_in() -> None:
    model, x = network(), images()
    inside = keras.Model(model.input, [norm.input for norm in norms(model)])
    expected = [np.asarray(each, np.float64) for each in inside(x)]
    recalibrate(model, x, batch_size=7)
    for norm, values in zip(norms(model), expected, strict=True):
        mean, variance = values.mean(axis=(0, 1, 2)), values.var(axis=(0, 1, 2))
        np.testing.assert_allclose(norm.moving_mean, mean, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(norm.moving_variance, variance, rtol=1e-4)


def test_training_sees_the_network_that_inference_sees_and_did_not_before() -> None:
    model, x, other = network(), images(256), images(256, seed=2)
    kept = np.asarray(model(x))
    assert relative(network()(x, training=True), kept) > 0.5
    recalibrate(model, x)
    weights = model.get_weights()
    assert relative(model(x, training=True), kept) < 1e-3  # a batch of all that was measured
    model.set_weights(weights)
    assert relative(model(other, training=True), model(other)) < 0.2  # and of other images


def test_twice_is_as_good_as_once() -> None:
    model, x = network(), images()
    recalibrate(model, x)
    once = model.get_weights()
    recalibrate(model, x, batch_size=5)
    for first, second in zip(once, model.get_weights(), strict=True):
        np.testing.assert_allclose(second, first, rtol=1e-3, atol=1e-4)


def test_a_channel_that_is_always_the_same_keeps_its_value() -> None:
    model = network()
    stem = model.get_layer("stem")
    kernel = np.asarray(stem.kernel)
    kernel[..., :4] = 0
    stem.kernel.assign(kernel)
    before = np.asarray(model(images()))
    recalibrate(model, images())
    assert np.isfinite(np.concatenate([w.ravel() for w in model.get_weights()])).all()
    assert relative(model(images()), before) < 1e-4


def test_keras_own_layers_in_a_row_and_rows_of_numbers_are_served() -> None:
    shared = layers.BatchNormalization(epsilon=1e-3)
    dense = layers.Dense(3, "relu", kernel_initializer="ones")
    model = keras.Sequential([keras.Input((5,)), shared, dense, layers.BatchNormalization()])
    x = np.random.default_rng(0).normal(3, 2, (40, 5)).astype("float32")
    before = np.asarray(model(x))
    recalibrate(model, x, batch_size=16)
    np.testing.assert_allclose(shared.moving_mean, x.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(shared.moving_variance, x.var(axis=0), rtol=1e-4)
    np.testing.assert_allclose(model(x), before, rtol=1e-4, atol=1e-5)


def test_a_layer_that_is_called_twice_has_the_statistics_of_both() -> None:
    norm, image = layers.BatchNormalization(), keras.Input((4, 4, 2))
    model = keras.Model(image, norm(norm(image) * 3.0))
    x = np.random.default_rng(0).normal(1, 2, (9, 4, 4, 2)).astype("float32")
    before = np.asarray(model(x))
    both = np.concatenate([x, 3 * x / np.sqrt(1.001)]).astype("float64")
    recalibrate(model, x)
    np.testing.assert_allclose(norm.moving_mean, both.mean(axis=(0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(norm.moving_variance, both.var(axis=(0, 1, 2)), rtol=1e-4)
    assert relative(model(x), before) < 1e-4


def nested() -> keras.Model:
    image = keras.Input((8, 8, 3))
    return keras.Model(image, layers.Dense(2)(layers.Flatten()(network()(image))))


def without(**missing: bool) -> keras.Model:
    image = keras.Input((8, 8, 3))
    return keras.Model(image, layers.BatchNormalization(name="plain", **missing)(image))


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (nested, ModelError, "is in a model or layer nested in it: call recalibrate with the nest"),
        (lambda: without(scale=False), ModelError, "'plain' has scale=False and center=True"),
        (lambda: without(center=False), ModelError, "'plain' has scale=True and center=False"),
        (
            lambda: build_cnn("tiny_vgg", (8, 8, 3), 4, seed=0).layers[1],
            ArgumentError,
            "model must be a functional or sequential Keras model",
        ),
    ],
)
def test_models_that_cannot_be_moved_are_told(
    make: Any, kind: type[WorkbenchError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        recalibrate(make(), images())


def test_a_model_without_batch_norm_is_told() -> None:
    image = keras.Input((8, 8, 3))
    with pytest.raises(ModelError, match="must have batch norm to be recalibrated"):
        recalibrate(keras.Model(image, layers.Conv2D(2, 3)(image)), images())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (images()[:, :4], r"images must have shape \(samples, 8, 8, 3\)"),
        (images()[:0], r"images must have shape \(samples, 8, 8, 3\)"),
        (images() * np.nan, "images must be finite"),
    ],
)
def test_images_that_do_not_fit_are_refused_and_nothing_changes(
    wrong: np.ndarray, message: str
) -> None:
    model = network()
    before = model.get_weights()
    with pytest.raises(ArgumentError, match=message):
        recalibrate(model, wrong)
    for kept, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(now, kept)
