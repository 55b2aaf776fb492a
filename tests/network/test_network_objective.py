"""The Jacobian, the normal equations and their blocks, against independent answers."""

from collections.abc import Callable

import keras
import numpy as np
import pytest

from workbench import feedforward
from workbench.errors import ArgumentError, ModelError
from workbench.network import backend, jacobian, objective, vector_to_weights, weights_to_vector
from workbench.network.objective import Problem, blocks_of, frozen_values, network_of
from workbench.network.performance import PERFORMANCE_FUNCTIONS


def paraboloid_network() -> keras.Model:
    return feedforward([2, 5, 1], seed=0)


def deep_network() -> keras.Model:
    return feedforward([3, 4, 4, 2], transfer=("logsig", "tansig", "purelin"), seed=1)


def convolutional_network() -> keras.Model:
    """Convolution, batch normalisation (moving averages away from 0 and 1) and two outputs."""
    wide = {"dtype": "float64"}
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2), dtype="float64"),
            keras.layers.Conv2D(3, 3, strides=2, padding="same", activation="tanh", **wide),
            keras.layers.BatchNormalization(**wide),
            keras.layers.GlobalAveragePooling2D(**wide),
            keras.layers.Dense(2, **wide),
        ]
    )
    rng = np.random.default_rng(2)
    for variable in model.variables:
        positive = variable.path.endswith("variance")
        variable.assign(rng.uniform(0.5 if positive else -1, 1, variable.shape))
    return model


NETWORKS = [paraboloid_network, deep_network, convolutional_network]


def inputs_for(model: keras.Model, samples: int) -> np.ndarray:
    return np.random.default_rng(3).uniform(-1, 1, (samples, *model.input_shape[1:]))


def central_differences(model: keras.Model, X: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Richardson's extrapolation of central differences: error of order step^4."""
    start = weights_to_vector(model)

    def outputs(vector: np.ndarray) -> np.ndarray:
        vector_to_weights(model, vector)
        return model(X, training=False).numpy()

    def slope(direction: np.ndarray, h: float) -> np.ndarray:
        return (outputs(start + h * direction) - outputs(start - h * direction)) / (2 * h)

    columns = []
    for direction in np.eye(start.size):
        columns.append((4 * slope(direction, 100 * step) - slope(direction, 200 * step)) / 3)
    vector_to_weights(model, start)
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("build", NETWORKS)
def test_the_jacobian_agrees_with_central_differences(build: Callable[[], keras.Model]) -> None:
    model = build()
    X = inputs_for(model, 11)
    expected = central_differences(model, X)
    found = jacobian(model, X)
    assert found.shape == (11, model.output_shape[1], model.count_params() - frozen_size(model))
    scale = abs(expected).max()
    assert scale > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9 * scale)


def frozen_size(model: keras.Model) -> int:
    return sum(int(np.prod(v.shape)) for v in model.non_trainable_variables)


@pytest.mark.parametrize("build", NETWORKS)
@pytest.mark.parametrize("block_rows", [1000, 7, 1])
def test_normal_equations_are_those_of_the_whole_jacobian_whatever_the_blocks(
    build: Callable[[], keras.Model], block_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build()
    network = network_of(model)
    size, outputs = network.layout.size, network.outputs
    monkeypatch.setattr(objective, "_BLOCK_ENTRIES", block_rows * size * outputs)
    X = inputs_for(model, 25)
    y = np.random.default_rng(4).normal(size=(25, outputs))
    J = jacobian(model, X).reshape(-1, size)
    e = (model(X, training=False).numpy() - y).ravel()
    data = blocks_of(network, X, y)
    assert data.X.shape[:2] == {1000: (1, 32), 7: (4, 7), 1: (25, 1)}[block_rows]
    none = backend.tensor(0.0, "float64")
    solve = backend.graph(
        lambda vector, frozen, data: Problem(
            network, PERFORMANCE_FUNCTIONS["mse"], frozen, data, none
        ).squares(vector)
    )
    vector = backend.tensor(weights_to_vector(model), "float64")
    JJ, Je, ee = (part.numpy() for part in solve(vector, frozen_values(model), data))
    np.testing.assert_allclose(JJ, J.T @ J, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(Je, J.T @ e, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ee, e @ e, rtol=1e-12)


@pytest.mark.parametrize("compiler", [backend.graph, backend.xla])
@pytest.mark.parametrize("size", [1, 4, backend.SMALL, backend.SMALL + 1])
def test_the_damped_solution_solves_and_is_nan_where_there_is_none(compiler, size: int) -> None:
    """Graphs factorise, and XLA eliminates in small systems."""
    rng = np.random.default_rng(5)
    J, b = rng.normal(size=(2 * size + 1, size)), rng.normal(size=size)
    solve = compiler(backend.solve_damped)
    damping, rhs = (backend.tensor(value, "float64") for value in (0.3, b))
    found = solve(backend.tensor(J.T @ J, "float64"), rhs, damping).numpy()
    expected = np.linalg.solve(J.T @ J + 0.3 * np.eye(size), b)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-14)
    negative = np.diag(np.r_[np.ones(size - 1), -1.0])
    assert np.isnan(solve(backend.tensor(negative, "float64"), rhs, damping)).all()


def test_a_model_with_two_inputs_is_refused() -> None:
    one, two = keras.Input((2,)), keras.Input((3,))
    joined = keras.layers.Concatenate()([one, two])
    model = keras.Model([one, two], keras.layers.Dense(1)(joined))
    with pytest.raises(ArgumentError, match="one input and one output"):
        network_of(model)


def test_a_model_of_images_out_is_refused() -> None:
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(1, 3)])
    with pytest.raises(ArgumentError, match=r"shape \(samples, outputs\)"):
        network_of(model)


def test_a_model_without_trainable_weights_is_refused_by_name() -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Rescaling(2.0)], name="frozen")
    with pytest.raises(ModelError, match="'frozen' has no trainable weights"):
        network_of(model)


def test_a_model_that_is_not_built_is_refused() -> None:
    with pytest.raises(ModelError, match="has no weights yet"):
        network_of(keras.Sequential([keras.layers.Dense(1)]))


def test_a_model_of_mixed_types_is_refused() -> None:
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(2, dtype="float64"),
            keras.layers.Dense(1, dtype="float32"),
        ]
    )
    with pytest.raises(ModelError, match="float32, float64"):
        network_of(model)


def test_the_jacobian_wants_inputs_of_the_models_shape() -> None:
    with pytest.raises(ArgumentError, match=r"X must have shape \(samples, 2\)"):
        jacobian(paraboloid_network(), np.zeros((4, 3)))
