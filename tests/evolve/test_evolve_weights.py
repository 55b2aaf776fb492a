"""evolve_weights: the losses are right, and the search leaves what it promises."""

from typing import Any

import keras
import numpy as np
import pytest

from workbench import evolve_weights, feedforward
from workbench.errors import ArgumentError, ModelError, UnknownNameError
from workbench.network import (
    objective,
    population_loss,
    vector_to_weights,
    weights_to_vector,
)
from workbench.training import population_trainer, train, trained_loss

RNG = np.random.default_rng(7)
X = RNG.uniform(-1, 1, (60, 2))
Y = (X**2).sum(axis=1, keepdims=True) - 1
QUIET: dict[str, Any] = {"seed": 3, "progress": False}


def members(count: int, weights: int = 21) -> np.ndarray:
    return np.random.default_rng(count).uniform(-1, 1, (count, weights))


@pytest.mark.parametrize("loss", ["mse", "sse", "mae", "sae"])
def test_population_losses_are_those_of_each_network(loss: str) -> None:
    model = feedforward([2, 5, 1], seed=0)
    expected = []
    for member in members(7):
        vector_to_weights(model, member)
        error = model(X).numpy() - Y
        expected.append(
            {
                "mse": (error**2).mean(),
                "sse": (error**2).sum(),
                "mae": abs(error).mean(),
                "sae": abs(error).sum(),
            }[loss]
        )
    np.testing.assert_allclose(population_loss(model, X, Y, loss)(members(7)), expected, rtol=1e-12)


def test_population_losses_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    model = feedforward([2, 5, 1], seed=0)
    whole = population_loss(model, X, Y)(members(5))
    monkeypatch.setattr(objective, "_BLOCK_ENTRIES", 21 * 17)  # 4 blocks, the last one padded
    np.testing.assert_allclose(population_loss(model, X, Y)(members(5)), whole, rtol=1e-13)


def test_convolutional_networks_have_population_losses_too() -> None:
    images = np.random.default_rng(0).normal(size=(9, 6, 6, 1))
    target = images.mean(axis=(1, 2, 3))
    settings = {"dtype": "float64", "kernel_initializer": "zeros"}
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1), dtype="float64"),
            keras.layers.Conv2D(2, 3, activation="tanh", **settings),
            keras.layers.Flatten(dtype="float64"),
            keras.layers.Dense(1, **settings),
        ]
    )
    population = members(4, model.count_params())
    losses = population_loss(model, images, target)(population)
    for member, loss in zip(population, losses, strict=True):
        vector_to_weights(model, member)
        error = model(images).numpy()[:, 0] - target
        assert loss == pytest.approx((error**2).mean(), rel=1e-12)


def test_a_network_that_overflows_has_an_infinite_loss() -> None:
    model = feedforward([1, 1], seed=0)
    losses = population_loss(model, [[1.0], [1.0]], [0.0, 0.0])(np.full((2, 2), 1e200))
    assert np.isposinf(losses).all()


def test_training_a_population_gives_the_bits_of_training_each() -> None:
    model = feedforward([2, 5, 1], seed=0)
    population = members(21)  # more than one call has slots for
    ended = population_trainer(model, X, Y, epochs=5)(population)
    for number in (0, 15, 16, 20):
        vector_to_weights(model, population[number])
        record = train(model, X, Y, epochs=5, progress=False)
        assert record.best_perf == ended.perf[number]
        np.testing.assert_array_equal(weights_to_vector(model), ended.members[number])


def test_the_loss_after_training_is_that_of_the_trained_network() -> None:
    model = feedforward([2, 5, 1], seed=0)
    ended = population_trainer(model, X, Y, epochs=3)(members(4))
    losses = trained_loss(model, X, Y, "sae", epochs=3)(members(4))
    for vector, loss in zip(ended.members, losses, strict=True):
        vector_to_weights(model, vector)
        assert loss == pytest.approx(abs(model(X).numpy() - Y).sum(), rel=1e-12)


@pytest.mark.parametrize("method", ["ga", "multistart"])
def test_the_model_ends_with_the_best_member(method: str) -> None:
    model = feedforward([2, 5, 1], seed=0)
    result = evolve_weights(model, X, Y, method, population=10, generations=5, **QUIET)
    np.testing.assert_array_equal(weights_to_vector(model), result.x)
    assert result.fun == pytest.approx(((model(X).numpy() - Y) ** 2).mean(), rel=1e-12)


def test_the_copied_genetic_algorithm_stays_within_its_644_evaluations() -> None:
    model = feedforward([2, 5, 1], seed=0)
    result = evolve_weights(model, X, Y, loss="sse", preset="gaot", **QUIET)
    assert result.nit == 100
    assert 50 < result.nfev <= 50 + 99 * 6
    assert result.history.best[-1] < result.history.best[0]


def test_the_same_seed_gives_the_same_bits() -> None:
    runs = [
        evolve_weights(
            feedforward([2, 3, 1], seed=0),
            X,
            Y,
            population=8,
            generations=4,
            train_epochs=2,
            **QUIET,
        )
        for _ in range(2)
    ]
    np.testing.assert_array_equal(runs[0].x, runs[1].x)
    np.testing.assert_array_equal(runs[0].history.mean, runs[1].history.mean)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"loss": "mze"}, UnknownNameError, "mse"),
        ({"bounds": (1, -1)}, ArgumentError, "low < high"),
        ({"train_epochs": -1}, ArgumentError, "train_epochs"),
        ({"train_fn": "trainln", "train_epochs": 1}, UnknownNameError, "trainlm"),
        ({"X": np.full((60, 2), np.nan)}, ArgumentError, "finite"),
        ({"X": X.T}, ArgumentError, "transpose"),
        ({"y": Y[:-1]}, ArgumentError, "rows"),
    ],
)
def test_bad_input_is_told_and_leaves_the_model_alone(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    model = feedforward([2, 5, 1], seed=0)
    before = weights_to_vector(model)
    with pytest.raises(error, match=message):
        evolve_weights(**({"model": model, "X": X, "y": Y} | arguments), **QUIET)
    np.testing.assert_array_equal(weights_to_vector(model), before)


def test_a_model_without_trainable_weights_is_refused() -> None:
    model = feedforward([2, 5, 1], seed=0)
    model.trainable = False
    with pytest.raises(ModelError, match="no trainable weights"):
        evolve_weights(model, X, Y, **QUIET)


def digits() -> tuple[Any, np.ndarray, np.ndarray]:
    """Return a small convolutional classifier, images, and classes as rows of 0 and 1."""
    images = np.random.default_rng(0).normal(size=(80, 6, 6, 1)).astype("float32")
    classes = np.eye(3, dtype="float32")[
        (images.mean(axis=(1, 2, 3)) * 6).round().clip(-1, 1).astype(int) + 1
    ]
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(2, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    return model, images, classes


def test_the_weights_of_a_convolutional_classifier_evolve() -> None:
    model, images, classes = digits()
    settings: dict[str, Any] = {"loss": "crossentropy", "metrics": ["accuracy", "mse"], **QUIET}
    result = evolve_weights(
        model,
        images[:60],
        classes[:60],
        "pso",
        population=20,
        generations=40,
        validation=(images[60:], classes[60:]),
        **settings,
    )
    outputs = np.asarray(model(images))
    hits = outputs.argmax(axis=1) == classes.argmax(axis=1)
    assert result.metrics["accuracy"] == pytest.approx(hits[:60].mean())
    assert result.metrics["val_accuracy"] == pytest.approx(hits[60:].mean())
    error = ((outputs - classes) ** 2).mean(axis=1)
    assert result.metrics["mse"] == pytest.approx(error[:60].mean(), rel=1e-4)
    assert result.metrics["val_mse"] == pytest.approx(error[60:].mean(), rel=1e-4)
    true = -np.log((outputs * classes).sum(axis=1))[:60].mean() / 3
    assert result.fun == pytest.approx(true, rel=1e-4)
    assert result.fun < result.history.best[0]


def test_minibatches_are_those_of_the_members_and_the_end_is_measured_on_all_rows() -> None:
    model = feedforward([2, 5, 1], seed=0)
    batched = population_loss(model, X, Y, batch_size=16)
    one, other = batched(members(7)), batched(members(8))
    np.testing.assert_array_equal(batched(members(7)), one)
    assert (one != population_loss(model, X, Y)(members(7))).all()
    assert (one != other[:7]).all()
    # The mean over many batches is that of all rows.
    many = [
        population_loss(model, X, Y, batch_size=16)(np.r_[members(1), members(1) + k * 1e-12])[0]
        for k in range(1, 300)
    ]
    assert np.mean(many) == pytest.approx(population_loss(model, X, Y)(members(1))[0], rel=0.05)
    result = evolve_weights(model, X, Y, "pso", batch_size=16, generations=30, **QUIET)
    whole = population_loss(model, X, Y)
    assert result.fun == whole(result.x[None])[0]
    np.testing.assert_array_equal(whole(result.population), result.population_values)
    assert result.fun <= result.population_values.min()


def test_members_are_trained_by_the_loss_that_measures_them() -> None:
    model = feedforward([2, 4, 1], ["tansig", "logsig"], seed=0)
    targets = (Y > -0.4).astype(float)
    settings: dict[str, Any] = {"loss": "crossentropy", "epochs": 15, "method": "trainscg"}
    reached = trained_loss(model, X, targets, **settings)(members(3, 17))
    for member, value in zip(members(3, 17), reached, strict=True):
        vector_to_weights(model, member)
        record = train(
            model, X, targets, "trainscg", loss="crossentropy", epochs=15, progress=False
        )
        assert value == pytest.approx(record.best_perf, rel=1e-9)


def test_batches_and_training_exclude_each_other() -> None:
    with pytest.raises(ArgumentError, match="be None where members are trained"):
        evolve_weights(feedforward([2, 5, 1]), X, Y, train_epochs=3, batch_size=5, **QUIET)
