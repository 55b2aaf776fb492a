"""trainbr against a plain NumPy version, scikit-learn's Bayesian ridge, and trainlm on noise."""

import keras
import numpy as np
import pytest
from sklearn.linear_model import BayesianRidge

from workbench import feedforward, train
from workbench.errors import ArgumentError

RNG = np.random.default_rng(3)
X = RNG.uniform(-1, 1, (60, 2))
Y = (X**2).sum(axis=1, keepdims=True) - 1 + RNG.normal(scale=0.1, size=(60, 1))


def numpy_bayesian_regularization(
    weights: list[np.ndarray], X: np.ndarray, y: np.ndarray, epochs: int
) -> dict[str, list[float]]:
    """2-layer tansig-purelin by hand; every step of Foresee and Hagan's algorithm."""
    shapes = [w.shape for w in weights]
    places = np.cumsum([w.size for w in weights])[:-1]
    w = np.concatenate([w.ravel() for w in weights])

    def evaluate(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parts = np.split(w, places)
        W1, b1, W2, b2 = (part.reshape(s) for part, s in zip(parts, shapes, strict=True))
        hidden = np.tanh(X @ W1 + b1)
        back = (1 - hidden**2) * W2[:, 0]
        kernel = np.einsum("ni,nj->nij", X, back).reshape(len(X), -1)
        J = np.hstack([kernel, back, hidden, np.ones((len(X), 1))])
        return (hidden @ W2 + b2 - y)[:, 0], J

    def balance(gamma: float, w: np.ndarray) -> tuple[float, float]:
        e, _ = evaluate(w)
        beta = (len(e) - gamma) / (2 * e @ e)
        return gamma / (2 * w @ w), beta if beta > 0 else 1.0

    mu, gamma = 5e-3, float(w.size)
    alpha, beta = balance(gamma, w)
    record: dict[str, list[float]] = {"perf": [], "mu": [], "gamk": [], "ssX": [], "gradient": []}
    for _ in range(epochs + 1):
        e, J = evaluate(w)
        slope = 2 * np.linalg.norm(J.T @ e + alpha / beta * w) / len(e)
        row = {"perf": e @ e / len(e), "mu": mu, "gamk": gamma, "ssX": w @ w, "gradient": slope}
        for name, value in row.items():
            record[name].append(float(value))
        F = beta * e @ e + alpha * w @ w
        H = beta * J.T @ J + alpha * np.eye(w.size)
        while mu <= 1e10:
            trial = w - np.linalg.solve(H + mu * np.eye(w.size), beta * J.T @ e + alpha * w)
            error, _ = evaluate(trial)
            if beta * error @ error + alpha * trial @ trial < F:
                w, mu = trial, max(mu / 10, 1e-20)
                break
            mu *= 10
        gamma = w.size - alpha * np.trace(np.linalg.inv(H))
        alpha, beta = balance(gamma, w)
    return record


@pytest.mark.parametrize("hidden", [5, 30])
def test_br_takes_the_same_steps_as_a_plain_numpy_version(hidden: int) -> None:
    """21 weights are solved for within XLA, 121 in a graph."""
    model = feedforward([2, hidden, 1], seed=1)
    expected = numpy_bayesian_regularization(model.get_weights(), X, Y, 12)
    record = train(model, X, Y, "trainbr", epochs=12, progress=False)
    np.testing.assert_allclose(record.mu, expected["mu"], rtol=1e-12)
    for name in ("gamk", "ssX"):
        np.testing.assert_allclose(record.traces[name], expected[name], rtol=1e-6)
    np.testing.assert_allclose(record.perf, expected["perf"], rtol=1e-6)
    np.testing.assert_allclose(record.gradient, expected["gradient"], rtol=1e-5, atol=1e-9)


def test_on_a_linear_network_it_finds_the_evidence_maximum_of_bayesian_ridge() -> None:
    inputs = RNG.normal(size=(50, 8))
    target = inputs @ np.r_[3.0, -2.0, 1.0, np.zeros(5)] + RNG.normal(size=50)
    ridge = BayesianRidge(
        fit_intercept=False, alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0, tol=1e-12, max_iter=5000
    ).fit(inputs, target)
    model = keras.Sequential(
        [keras.Input((8,), dtype="float64"), keras.layers.Dense(1, use_bias=False, dtype="float64")]
    )
    model.set_weights([np.full((8, 1), 0.1)])
    record = train(model, inputs, target, "trainbr", min_grad=1e-12, progress=False)
    np.testing.assert_allclose(model.get_weights()[0][:, 0], ridge.coef_, rtol=1e-6)
    residual = target - inputs @ ridge.coef_
    gamma = len(target) - ridge.alpha_ * residual @ residual
    assert record.traces["gamk"][-1] == pytest.approx(gamma, rel=1e-5)


def test_on_a_noisy_sine_few_parameters_count_and_the_error_is_below_that_of_trainlm() -> None:
    """41 samples, 1-20-1 with 61 weights; medians of 5 seeds against the sine without noise."""
    x, fine = np.linspace(-1, 1, 41)[:, None], np.linspace(-1, 1, 401)[:, None]
    errors: dict[str, list[float]] = {"trainlm": [], "trainbr": []}
    effective = []
    for seed in range(5):
        noise = np.random.default_rng(seed).normal(scale=0.1, size=x.shape)
        for method, found in errors.items():
            model = feedforward([1, 20, 1], seed=seed)
            target = np.sin(2 * np.pi * x) + noise
            record = train(model, x, target, method, progress=False)
            found.append(float(((model(fine).numpy() - np.sin(2 * np.pi * fine)) ** 2).mean()))
        effective.append(record.effective_parameters)
    assert max(effective) < 61 / 2
    assert np.median(errors["trainbr"]) < 0.5 * np.median(errors["trainlm"])


def test_its_last_weights_are_its_best_though_earlier_ones_fitted_more_closely() -> None:
    model = feedforward([2, 20, 1], seed=0)
    record = train(model, X, Y, "trainbr", epochs=60, progress=False)
    assert record.best_epoch == record.num_epochs
    assert record.perf.min() < record.perf[-1]
    error = model(X).numpy() - Y
    assert float((error**2).mean()) == pytest.approx(record.perf[-1], rel=1e-9)


def test_validation_rows_are_recorded_and_not_waited_for() -> None:
    model = feedforward([2, 5, 1], seed=0)
    noise = (X, RNG.normal(size=60))
    record = train(model, X, Y, "trainbr", epochs=40, validation=noise, progress=False)
    assert record.num_epochs == 40
    assert np.isfinite(record.vperf).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mu": -1}, "mu must be"),
        ({"regularization": 0.1}, "regularization must be 0 for trainbr"),
        ({"loss": "mae"}, 'loss must be "mse" or "sse"'),
    ],
)
def test_wrong_arguments_are_told(options: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        train(feedforward([2, 5, 1], seed=0), X, Y, "trainbr", progress=False, **options)
