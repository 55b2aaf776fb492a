"""Dense chains written out compute what Keras computes, and everything else is left to Keras."""

from collections.abc import Callable

import keras
import numpy as np
import pytest

from workbench import feedforward
from workbench.network.dense_chain import dense_chain

WIDE = {"dtype": "float64"}


def sequential() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((3,), dtype="float64"),
            keras.layers.Dense(4, activation="softmax", **WIDE),
            keras.layers.Dense(2, use_bias=False, activation="elu", **WIDE),
        ]
    )


def partly_frozen() -> keras.Model:
    model = feedforward([3, 4, 3, 2], seed=0)
    model.layers[2].trainable = False
    return model


def wide() -> keras.Model:
    return feedforward([40, 3, 1], transfer=("logsig", "purelin"), seed=0)


@pytest.mark.parametrize("build", [sequential, partly_frozen, wide])
def test_it_computes_what_keras_computes(build: Callable[[], keras.Model]) -> None:
    model = build()
    X = np.random.default_rng(0).normal(size=(9, model.input_shape[1]))
    outputs = dense_chain(model)
    assert outputs is not None
    trainable, frozen = (
        [v.value for v in variables]
        for variables in (model.trainable_variables, model.non_trainable_variables)
    )
    np.testing.assert_allclose(outputs(trainable, frozen, X), model(X), rtol=1e-12)


def branching() -> keras.Model:
    inputs = keras.Input((2,))
    first = keras.layers.Dense(2)(inputs)
    return keras.Model(inputs, keras.layers.Add()([first, keras.layers.Dense(2)(first)]))


def sharing() -> keras.Model:
    """One Dense layer, fed by the inputs and then by itself."""
    inputs = keras.Input((2,))
    shared = keras.layers.Dense(2)
    return keras.Model(inputs, shared(shared(inputs)))


def of_its_own() -> keras.Model:
    class Own(keras.layers.Dense):  # type: ignore[misc]
        pass

    return keras.Sequential([keras.Input((2,)), Own(1)])


def mixed() -> keras.Model:
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, dtype="mixed_float16")])


def adapted() -> keras.Model:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.layers[0].enable_lora(1)
    return model


@pytest.mark.parametrize("build", [branching, sharing, of_its_own, mixed, adapted])
def test_all_else_is_left_to_keras(build: Callable[[], keras.Model]) -> None:
    assert dense_chain(build()) is None
