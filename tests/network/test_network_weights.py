"""Keras weights as a vector, and when two models are one architecture."""

from typing import Any

import keras
import numpy as np
import pytest

from workbench import feedforward
from workbench.errors import ArgumentError
from workbench.network import vector_to_weights, weights_to_vector
from workbench.network.architecture import architecture_key
from workbench.network.objective import network_of


def test_the_vector_is_every_trainable_array_row_by_row() -> None:
    model = feedforward([2, 3, 1], seed=0)
    W1, b1, W2, b2 = model.get_weights()
    vector = weights_to_vector(model)
    np.testing.assert_array_equal(vector, np.r_[W1[0], W1[1], b1, W2[:, 0], b2])
    assert vector.dtype == np.float64


def test_a_vector_comes_back_as_it_was_written() -> None:
    model = feedforward([2, 3, 1], seed=0)
    vector = np.linspace(-1, 1, 13)
    vector_to_weights(model, vector)
    np.testing.assert_array_equal(weights_to_vector(model), vector)
    np.testing.assert_array_equal(model.get_weights()[0], vector[:6].reshape(2, 3))


def test_frozen_weights_and_moving_averages_are_no_part_of_it() -> None:
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(3, trainable=False),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(1),
        ]
    )
    before = [v.numpy().copy() for v in model.non_trainable_variables]
    assert weights_to_vector(model).shape == (3 + 3 + 4,)
    vector_to_weights(model, np.ones(10))
    for old, variable in zip(before, model.non_trainable_variables, strict=True):
        np.testing.assert_array_equal(variable.numpy(), old)


@pytest.mark.parametrize(
    ("vector", "message"),
    [(np.zeros(12), r"shape \(13,\), one entry a weight"), (np.full(13, np.nan), "be finite")],
)
def test_a_vector_that_does_not_fit_changes_nothing(vector: np.ndarray, message: str) -> None:
    model = feedforward([2, 3, 1], seed=0)
    before = weights_to_vector(model)
    with pytest.raises(ArgumentError, match=message):
        vector_to_weights(model, vector)
    np.testing.assert_array_equal(weights_to_vector(model), before)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"be a keras\.Model"):
        weights_to_vector([1, 2])  # type: ignore[arg-type]


def dense(**settings: Any) -> keras.Model:
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, **settings)])


def test_twins_are_one_architecture_whatever_their_names_and_weights() -> None:
    assert architecture_key(dense()) == architecture_key(dense(name="another"))
    one, two = feedforward([2, 5, 1], seed=0), feedforward([2, 5, 1], seed=1)
    assert network_of(one) is network_of(two)


@pytest.mark.parametrize(
    "settings",
    [{"activation": "tanh"}, {"use_bias": False}, {"dtype": "float64"}, {"trainable": False}],
)
def test_models_that_compute_otherwise_are_another_architecture(settings: dict[str, Any]) -> None:
    assert architecture_key(dense()) != architecture_key(dense(**settings))


def test_the_wiring_counts_although_names_do_not() -> None:
    def wired(second: int) -> keras.Model:
        inputs = keras.Input((2,))
        first = keras.layers.Dense(2)(inputs)
        layers = [first, keras.layers.Dense(2)(first)]
        return keras.Model(inputs, keras.layers.Add()([layers[1], layers[second]]))

    assert architecture_key(wired(0)) == architecture_key(wired(0))
    assert architecture_key(wired(0)) != architecture_key(wired(1))


@pytest.mark.filterwarnings("ignore")
def test_code_from_elsewhere_stands_for_itself() -> None:
    def scaled(factor: float) -> keras.Model:
        return keras.Sequential(
            [keras.Input((2,)), keras.layers.Dense(1), keras.layers.Lambda(lambda x: factor * x)]
        )

    class Doubled(keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return 2 * inputs

    own = [keras.Sequential([keras.Input((2,)), keras.layers.Dense(1), Doubled()]) for _ in "ab"]
    assert architecture_key(scaled(2.0)) != architecture_key(scaled(3.0))
    assert architecture_key(own[0]) != architecture_key(own[1])
