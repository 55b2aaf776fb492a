"""evolve_weights on convolutional networks: images, classes by number, batch norm, heads."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from workbench import build_cnn, evolve_weights, load_dataset
from workbench.errors import ArgumentError
from workbench.network import population_loss, vector_to_weights, weights_to_vector

DIGITS = load_dataset("digits")
X = (DIGITS.X.reshape(-1, 8, 8, 1) / 8 - 1).astype("float32")
NUMBERS = DIGITS.y[:, 0].astype(int)
ONE_HOT = np.eye(10)[NUMBERS]
QUIET: dict[str, Any] = {"seed": 3, "progress": False}


def small(filters: int = 4) -> keras.Model:
    """A CNN of a few hundred weights, without batch norm."""
    start = {"kernel_initializer": keras.initializers.GlorotUniform(1)}
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(filters, 3, activation="relu", **start),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, activation="softmax", **start),
        ]
    )


def crossentropy(model: keras.Model, images: Any, numbers: Any) -> float:
    """The mean over samples and outputs of -t log(y), from Keras's own forward pass."""
    probabilities = model(images, training=False).numpy()[np.arange(len(numbers)), numbers]
    return float(-np.log(np.clip(probabilities, 1e-7, 1)).sum() / (10 * len(numbers)))


@pytest.mark.parametrize("name", ["tiny_vgg", "tiny_mobilenet_v2", "tiny_shufflenet_v2"])
def test_losses_of_tiny_networks_are_those_of_each_member(name: str) -> None:
    model = build_cnn(name, (8, 8, 1), 10, seed=0)
    start = weights_to_vector(model)
    members = start + np.random.default_rng(0).normal(0, 0.02, (3, start.size))
    found = population_loss(model, X[:40], ONE_HOT[:40], "crossentropy")(members)
    for member, loss in zip(members, found, strict=True):
        vector_to_weights(model, member)
        assert loss == pytest.approx(crossentropy(model, X[:40], NUMBERS[:40]), rel=1e-4)


def test_numbers_of_classes_are_the_same_as_one_hot_targets() -> None:
    settings: dict[str, Any] = {"loss": "crossentropy", "population": 8, "generations": 4, **QUIET}
    models = [small(), small()]
    results = [
        evolve_weights(
            model,
            X[:60],
            y[:60],
            metrics=("accuracy",),
            validation=(X[60:90], y[60:90]),
            **settings,
        )
        for model, y in zip(models, (NUMBERS, ONE_HOT), strict=True)
    ]
    np.testing.assert_array_equal(results[0].x, results[1].x)
    assert results[0].metrics == results[1].metrics
    predicted = models[0](X[60:90]).numpy().argmax(axis=1)
    assert results[0].metrics["val_accuracy"] == np.mean(predicted == NUMBERS[60:90])


def test_a_class_that_the_model_has_no_output_for_is_told() -> None:
    with pytest.raises(ArgumentError, match=r"from 0 to 9.*integers from 0 to 10"):
        evolve_weights(small(), X[:11], np.arange(11), loss="crossentropy", **QUIET)


def test_real_targets_of_one_column_are_no_classes() -> None:
    with pytest.raises(ArgumentError, match="output"):
        evolve_weights(small(), X[:5], np.linspace(0, 1, 5), **QUIET)


def test_batch_norm_evolves_by_its_scale_and_offset_and_keeps_its_statistics() -> None:
    model = build_cnn("tiny_mobilenet_v1", (8, 8, 1), 10, seed=0)
    before = [weight.numpy() for weight in model.non_trainable_weights]
    assert before
    result = evolve_weights(
        model, X[:30], NUMBERS[:30], loss="crossentropy", population=4, generations=2, **QUIET
    )
    for was, weight in zip(before, model.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(was, weight.numpy())
    names = {weight.path.rpartition("/")[2] for weight in model.trainable_weights}
    assert {"gamma", "beta"} <= names
    # As in prediction: by the moving statistics, whatever rows are beside a row.
    assert result.fun == pytest.approx(crossentropy(model, X[:30], NUMBERS[:30]), rel=1e-4)


def test_a_head_evolves_as_it_does_on_the_features_alone() -> None:
    model = build_cnn("tiny_resnet", (8, 8, 1), 10, seed=0)
    for layer in model.layers:
        layer.trainable = layer.name == "classes"
    features = keras.Model(model.inputs[0], model.get_layer("pool").output)(X[:80]).numpy()
    alone = keras.Sequential(
        [keras.Input((64,)), layers.Dense(10, activation="softmax", kernel_initializer="zeros")]
    )
    settings: dict[str, Any] = {"loss": "crossentropy", "population": 10, "generations": 6, **QUIET}
    frozen = [weight.numpy() for weight in model.non_trainable_weights]
    whole = evolve_weights(model, X[:80], NUMBERS[:80], "de", **settings)
    head = evolve_weights(alone, features, NUMBERS[:80], "de", **settings)
    assert whole.nfev == head.nfev == 60
    assert whole.fun == pytest.approx(head.fun, rel=1e-5)
    np.testing.assert_allclose(weights_to_vector(model), weights_to_vector(alone), rtol=1e-5)
    for was, weight in zip(frozen, model.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(was, weight.numpy())


def test_four_thousand_networks_from_nothing_read_most_digits_of_others() -> None:
    model = small()
    result = evolve_weights(
        model,
        X[:300],
        NUMBERS[:300],
        "sa",
        loss="crossentropy",
        bounds=(-2, 2),
        draw="restart",
        population=20,
        generations=200,
        metrics=("accuracy",),
        validation=(X[300:], NUMBERS[300:]),
        **QUIET,
    )
    assert result.nfev == 4000
    assert result.metrics["val_accuracy"] > 0.5  # 0.1 is guessing
