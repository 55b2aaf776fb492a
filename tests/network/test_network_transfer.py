"""MATLAB's transfer functions: values, slopes, ranges, and saved networks that have them."""

import subprocess
import sys
from collections.abc import Callable
from math import inf
from pathlib import Path

import keras
import numpy as np
import pytest

from workbench import feedforward, load_model, train
from workbench.errors import ArgumentError, DataFileError
from workbench.network import (
    TRANSFER_FUNCTIONS,
    jacobian,
    population_loss,
    weights_to_vector,
)
from workbench.network import backend as keras_backend
from workbench.network.dense_chain import dense_chain
from workbench.network.objective import network_of

NAMES = list(TRANSFER_FUNCTIONS)
ACROSS = ("compet", "radbasn", "softmax")


def softmax(n: np.ndarray) -> np.ndarray:
    return np.exp(n) / np.exp(n).sum(axis=1, keepdims=True)


def winner(n: np.ndarray) -> np.ndarray:
    return np.eye(n.shape[1])[n.argmax(axis=1)]


# Rows are samples, columns the neurons of a layer; formulas of MATLAB's reference pages.
VALUES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "compet": winner,
    "elliotsig": lambda n: n / (1 + abs(n)),
    "hardlim": lambda n: np.where(n >= 0, 1.0, 0.0),
    "hardlims": lambda n: np.where(n >= 0, 1.0, -1.0),
    "logsig": lambda n: 1 / (1 + np.exp(-n)),
    "netinv": lambda n: 1 / n,
    "poslin": lambda n: np.maximum(n, 0),
    "purelin": lambda n: n,
    "radbas": lambda n: np.exp(-(n**2)),
    "radbasn": lambda n: np.exp(-(n**2)) / np.exp(-(n**2)).sum(axis=1, keepdims=True),
    "satlin": lambda n: np.minimum(np.maximum(n, 0), 1),
    "satlins": lambda n: np.minimum(np.maximum(n, -1), 1),
    "softmax": softmax,
    "tansig": lambda n: 2 / (1 + np.exp(-2 * n)) - 1,
    "tribas": lambda n: np.where(abs(n) <= 1, 1 - abs(n), 0),
}

SLOPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "elliotsig": lambda n: 1 / (1 + abs(n)) ** 2,
    "hardlim": np.zeros_like,
    "hardlims": np.zeros_like,
    "logsig": lambda n: np.exp(-n) / (1 + np.exp(-n)) ** 2,
    "netinv": lambda n: -1 / n**2,
    "poslin": lambda n: np.where(n > 0, 1.0, 0.0),
    "purelin": np.ones_like,
    "radbas": lambda n: -2 * n * np.exp(-(n**2)),
    "satlin": lambda n: np.where((n > 0) & (n < 1), 1.0, 0.0),
    "satlins": lambda n: np.where(abs(n) < 1, 1.0, 0.0),
    "tansig": lambda n: 1 - np.tanh(n) ** 2,
    "tribas": lambda n: np.where(abs(n) < 1, -np.sign(n), 0),
}

# Away from the kinks at -1, 0 and 1, and from the pole of netinv.
NET = np.random.default_rng(0).uniform(-4, 4, (30, 5))
NET = np.where(abs(abs(NET) - np.round(abs(NET))) < 0.02, NET + 0.05, NET)


def applied(name: str, n: np.ndarray) -> np.ndarray:
    return np.asarray(TRANSFER_FUNCTIONS[name].function(keras.ops.convert_to_tensor(n)))


def test_all_of_matlabs_transfer_functions_are_there() -> None:
    assert list(VALUES) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_the_formula(name: str) -> None:
    np.testing.assert_allclose(applied(name, NET), VALUES[name](NET), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_single_precision_stays_single(name: str) -> None:
    values = applied(name, NET.astype("float32"))
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, VALUES[name](NET), rtol=1e-5, atol=1e-6)


def test_edges_belong_where_matlab_has_them() -> None:
    edges = np.array([[-1.0, 0.0, 1.0]])
    expected = {"hardlim": [0, 1, 1], "hardlims": [-1, 1, 1], "tribas": [0, 1, 0]}
    for name, values in expected.items():
        np.testing.assert_array_equal(applied(name, edges), [values])
    np.testing.assert_array_equal(applied("compet", np.array([[2.0, 2.0, 1.0]])), [[1, 0, 0]])
    assert applied("netinv", np.zeros((1, 1)))[0, 0] == inf


def test_a_radial_layer_whose_neurons_are_all_far_away_still_sums_to_one() -> None:
    values = applied("radbasn", np.array([[50.0, 60.0, 70.0]]))
    np.testing.assert_allclose(values, [[1, 0, 0]], atol=1e-300)


def gradient_of(name: str, n: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """Return the slope of the weighted sum of all values by each net input."""
    function = TRANSFER_FUNCTIONS[name].function
    _, (gradient,) = keras_backend.gradient(
        lambda at: keras_backend.total(function(at[0]) * seed), [keras.ops.convert_to_tensor(n)]
    )
    return gradient.numpy()


@pytest.mark.parametrize("name", list(SLOPES))
def test_slopes_are_those_of_the_formula(name: str) -> None:
    found = gradient_of(name, NET, np.ones_like(NET))
    np.testing.assert_allclose(found, SLOPES[name](NET), rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_slopes_are_those_of_central_differences(name: str) -> None:
    seed = np.random.default_rng(1).normal(size=NET.shape)
    found, h = gradient_of(name, NET, seed), 1e-5
    for column, direction in enumerate(np.eye(NET.shape[1])):
        up, down = (VALUES[name](NET + sign * h * direction) for sign in (1, -1))
        slope = ((up - down) * seed).sum(axis=1) / (2 * h)
        np.testing.assert_allclose(found[:, column], slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_values_lie_in_the_output_range_and_fill_it_if_it_is_finite(name: str) -> None:
    n = np.random.default_rng(2).uniform(-30, 30, (4000, 3))
    low, high = TRANSFER_FUNCTIONS[name].output
    values = applied(name, n)
    assert low <= values.min() <= values.max() <= high
    if np.isfinite([low, high]).all():
        assert values.min() < low + 0.05
        assert values.max() > high - 0.05


def test_active_ranges_are_matlabs() -> None:
    active = {name: function.active for name, function in TRANSFER_FUNCTIONS.items()}
    assert active == {
        **dict.fromkeys(("compet", "netinv", "purelin", "softmax"), (-inf, inf)),
        **dict.fromkeys(("radbas", "radbasn", "tansig"), (-2, 2)),
        **dict.fromkeys(("hardlim", "hardlims"), (0, 0)),
        **dict.fromkeys(("satlins", "tribas"), (-1, 1)),
        "elliotsig": (-3, 3),
        "logsig": (-4, 4),
        "poslin": (0, inf),
        "satlin": (0, 1),
    }


@pytest.mark.parametrize("name", ["elliotsig", "logsig", "tansig"])
def test_the_slope_of_a_sigmoid_has_fallen_to_a_fifteenth_at_the_ends_of_its_range(
    name: str,
) -> None:
    ends = np.array(TRANSFER_FUNCTIONS[name].active)
    ratio = SLOPES[name](ends) / SLOPES[name](np.zeros(1))
    np.testing.assert_allclose(ratio, 1 / 15, rtol=0.1)


def network(name: str, seed: int = 0) -> keras.Model:
    return feedforward([2, 6, 3, 2], transfer=(name, name, "purelin"), seed=seed)


X = np.random.default_rng(3).uniform(-1, 1, (20, 2))
Y = np.c_[(X**2).sum(axis=1), X.prod(axis=1)]


@pytest.mark.parametrize("name", NAMES)
def test_networks_with_it_compute_the_formulas_written_out_or_not(name: str) -> None:
    model = network(name)
    W1, b1, W2, b2, W3, b3 = model.get_weights()
    f = VALUES[name]
    with np.errstate(all="ignore"):
        expected = f(f(X @ W1 + b1) @ W2 + b2) @ W3 + b3
    np.testing.assert_allclose(model(X).numpy(), expected, rtol=1e-9, atol=1e-12)
    chain = dense_chain(model)
    assert chain is not None
    arrays = [v.value for v in model.trainable_variables]
    np.testing.assert_allclose(chain(arrays, [], X), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_nguyen_widrow_weights_are_finite_and_lead_through_the_active_range(name: str) -> None:
    model = feedforward([2, 7, 1], transfer=(name, "purelin"), seed=0)
    kernel, bias = model.get_weights()[:2]
    low, high = TRANSFER_FUNCTIONS[name].active
    corners = np.array([[a, b] for a in (-1, 1) for b in (-1, 1)])
    net = corners @ kernel + bias
    assert np.isfinite(net).all()
    if np.isfinite([low, high]).all():
        assert (net.min(axis=0) <= (low + high) / 2).all()
        assert (net.max(axis=0) >= (low + high) / 2).all()


@pytest.mark.parametrize("name", NAMES)
def test_networks_with_it_share_what_is_compiled(name: str) -> None:
    assert network_of(network(name, 0)) is network_of(network(name, 1))
    other = "tansig" if name != "tansig" else "logsig"
    assert network_of(network(name, 0)) is not network_of(network(other, 0))


@pytest.mark.parametrize("name", ["compet", "hardlim", "radbas", "radbasn", "tribas"])
def test_a_population_is_measured_as_each_network_by_itself(name: str) -> None:
    models = [network(name, seed) for seed in range(3)]
    losses = population_loss(models[0], X, Y)(np.stack([weights_to_vector(m) for m in models]))
    expected = [((m(X).numpy() - Y) ** 2).mean() for m in models]
    np.testing.assert_allclose(losses, expected, rtol=1e-10)


@pytest.mark.parametrize("name", ["radbas", "radbasn"])
def test_radial_networks_train(name: str) -> None:
    model = network(name)
    record = train(model, X, Y, epochs=20, progress=False)
    assert record.best_perf < 0.1 * record.perf[0]


def test_what_lies_before_a_step_is_not_trained_and_what_follows_is() -> None:
    model = feedforward([2, 6, 1], transfer=("hardlim", "purelin"), initial="uniform", seed=0)
    assert not jacobian(model, X)[:, :, :18].any()
    before = model.get_weights()
    record = train(model, X, Y[:, 0], "traingd", epochs=20, lr=0.1, progress=False)
    after = model.get_weights()
    np.testing.assert_array_equal(after[0], before[0])
    assert (after[2] != before[2]).any()
    assert record.best_perf < record.perf[0]


def test_a_function_from_elsewhere_may_look_at_the_whole_layer() -> None:
    def shares(n):  # type: ignore[no-untyped-def]
        return n / keras.ops.sum(n, axis=-1, keepdims=True)

    model = keras.Sequential(
        [
            keras.Input((2,), dtype="float64"),
            keras.layers.Dense(3, activation=shares, kernel_initializer="zeros", dtype="float64"),
        ]
    )
    model.set_weights([np.arange(6.0).reshape(2, 3), np.ones(3)])
    chain = dense_chain(model)
    assert chain is not None
    arrays = [v.value for v in model.trainable_variables]
    np.testing.assert_allclose(chain(arrays, [], X), model(X), rtol=1e-12)


def in_a_new_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


# NumPy's, of how Keras reads its variables.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_saved_networks_load_in_a_new_process(tmp_path: Path) -> None:
    expected = []
    for name in NAMES:
        model = network(name)
        model.save(tmp_path / f"{name}.keras")
        expected.append(model(X[:2]).numpy().ravel())
    code = (
        "import sys, numpy, workbench\n"
        "from workbench import load_model\n"
        "assert 'keras' not in sys.modules\n"
        f"folder, names, X = {str(tmp_path)!r}, {NAMES!r}, {X[:2].tolist()!r}\n"
        "found = [load_model(f'{folder}/{name}.keras')(numpy.array(X)).numpy() for name in names]\n"
        "print([float(v).hex() for values in found for v in values.ravel()])"
    )
    found = [float.fromhex(word.strip("' ")) for word in in_a_new_process(code)[1:-1].split(",")]
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-12)


def test_the_table_loads_no_keras() -> None:
    code = (
        "import sys\n"
        "from workbench.network.transfer import TRANSFER_FUNCTIONS, transfer_functions\n"
        "transfer_functions(('radbas', 'compet'), 2)\n"
        "print('keras' in sys.modules, 'tensorflow' in sys.modules)"
    )
    assert in_a_new_process(code) == "False False"


def test_files_that_cannot_be_loaded_are_named(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"path must end in \.keras"):
        load_model(tmp_path / "net.h5")
    with pytest.raises(DataFileError, match="There is no file"):
        load_model(tmp_path / "net.keras")
    (tmp_path / "damaged.keras").write_bytes(b"no zip")
    with pytest.raises(DataFileError, match="cannot be loaded as a Keras model"):
        load_model(tmp_path / "damaged.keras")
