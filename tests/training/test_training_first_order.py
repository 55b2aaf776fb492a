"""Gradient descent in its four forms and trainrp: by hand, against NumPy, and what they reach."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from workbench import feedforward, load_dataset, train
from workbench.data import MapMinMax, split
from workbench.errors import ArgumentError
from workbench.network import objective, weights_to_vector

RNG = np.random.default_rng(11)
X = RNG.uniform(-1, 1, (90, 2))
Y = (X**2).sum(axis=1, keepdims=True) - 1

METHODS = ("traingd", "traingdm", "traingda", "traingdx", "trainrp")

Evaluate = Callable[[np.ndarray], tuple[float, np.ndarray]]
Row = tuple[float, float, float]  # performance, norm of the gradient, learning rate


def weights_without_bias(*start: float) -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((len(start),), dtype="float64"),
            keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", dtype="float64"),
        ]
    )
    model.set_weights([np.array(start)[:, None]])
    return model


# One weight w = 1 and one sample, x = 1 and y = 0: the performance is w^2, its gradient 2 w.
BY_HAND: dict[str, tuple[dict[str, float], list[float], list[float]]] = {
    # w: 1, then 0.8 of it each time.
    "traingd": ({"lr": 0.1}, [1, 0.8, 0.64, 0.512], []),
    # Changes: -0.2 without a momentum; 0.5(-0.2) - 0.5(0.16) = -0.18; 0.5(-0.18) - 0.5(0.124).
    "traingdm": ({"lr": 0.1, "mc": 0.5}, [1, 0.8, 0.62, 0.468], []),
    # To -1.4: 1.96 > 1.04, not made, rate 0.6. To 1 - 1.2 = -0.2: rate 0.9. To -0.2 + 0.36.
    "traingda": (
        {"lr": 1.2, "lr_inc": 1.5, "lr_dec": 0.5},
        [1, 1, -0.2, 0.16],
        [1.2, 0.6, 0.9, 1.35],
    ),
    # Likewise to -0.2; then 0.5(-1.2) - 0.5(0.9)(-0.4) = -0.42 leads to -0.62, is not made, and
    # sets the momentum to zero: -0.2 + 0.45(0.4) = -0.02.
    "traingdx": (
        {"lr": 1.2, "lr_inc": 1.5, "lr_dec": 0.5, "mc": 0.5},
        [1, 1, -0.2, -0.2, -0.02],
        [1.2, 0.6, 0.9, 0.45, 0.675],
    ),
}


@pytest.mark.parametrize("method", list(BY_HAND))
def test_the_first_epochs_are_those_of_a_hand_calculation(method: str) -> None:
    options, weights, rates = BY_HAND[method]
    model = weights_without_bias(1.0)
    epochs = len(weights) - 1
    record = train(model, [[1.0]], [[0.0]], method, epochs=epochs, progress=False, **options)
    w = np.array(weights)
    np.testing.assert_allclose(record.perf, w**2, rtol=1e-12)
    np.testing.assert_allclose(record.gradient, abs(2 * w), rtol=1e-12)
    np.testing.assert_allclose(weights_to_vector(model), w[-1:], rtol=1e-12)
    if rates:
        np.testing.assert_allclose(record.traces["lr"], rates, rtol=1e-12)


def test_resilient_steps_are_those_of_a_hand_calculation() -> None:
    """Rows (1, 0) and (0, 2) with targets 0: (w1^2 + 4 w2^2) / 2, with the gradient (w1, 4 w2)."""
    model = weights_without_bias(1.0, 0.1)
    record = train(
        model, [[1.0, 0.0], [0.0, 2.0]], [0.0, 0.0], "trainrp", epochs=3, delta0=0.3, progress=False
    )
    # Lengths (0.3, 0.3), then (0.36, 0.15) for w2 changed its sign, then (0.432, 0.18).
    w = np.array([[1, 0.1], [0.7, -0.2], [0.34, -0.05], [-0.092, 0.13]])
    np.testing.assert_allclose(record.perf, (w**2 @ [1, 4]) / 2, rtol=1e-12)
    np.testing.assert_allclose(record.gradient, np.hypot(w[:, 0], 4 * w[:, 1]), rtol=1e-12)
    np.testing.assert_allclose(weights_to_vector(model), w[-1], rtol=1e-12)


def test_a_small_increase_is_allowed_and_leaves_the_rate() -> None:
    """From 1 to -1.01 raises the performance to 1.0201, by less than 4 %."""
    record = train(
        weights_without_bias(1.0), [[1.0]], [[0.0]], "traingda", epochs=1, lr=1.005, progress=False
    )
    np.testing.assert_allclose(record.perf, [1, 1.0201], rtol=1e-12)
    np.testing.assert_allclose(record.traces["lr"], [1.005, 1.005], rtol=1e-12)


def numpy_network(shapes: list[tuple[int, ...]], X: np.ndarray, y: np.ndarray) -> Evaluate:
    """Return mean squared error and gradient of a 2-layer tansig-purelin network, by hand."""
    places = np.cumsum([np.prod(shape) for shape in shapes])[:-1]

    def evaluate(vector: np.ndarray) -> tuple[float, np.ndarray]:
        parts = np.split(vector, places)
        W1, b1, W2, b2 = (part.reshape(s) for part, s in zip(parts, shapes, strict=True))
        hidden = np.tanh(X @ W1 + b1)
        error = hidden @ W2 + b2 - y
        d2 = 2 * error / error.size
        d1 = (d2 @ W2.T) * (1 - hidden**2)
        slopes = (X.T @ d1, d1.sum(axis=0), hidden.T @ d2, d2.sum(axis=0))
        return (error**2).mean(), np.concatenate([slope.ravel() for slope in slopes])

    return evaluate


def numpy_traingd(f: Evaluate, w: np.ndarray, epochs: int, lr: float) -> list[Row]:
    rows = []
    for _ in range(epochs + 1):
        perf, g = f(w)
        rows.append((perf, float(np.linalg.norm(g)), lr))
        w = w - lr * g
    return rows


def numpy_traingdm(f: Evaluate, w: np.ndarray, epochs: int, lr: float) -> list[Row]:
    rows = []
    change = -lr * f(w)[1]  # as if it had gone down here before
    for _ in range(epochs + 1):
        perf, g = f(w)
        rows.append((perf, float(np.linalg.norm(g)), lr))
        change = 0.9 * change - 0.1 * lr * g
        w = w + change
    return rows


def numpy_traingda(f: Evaluate, w: np.ndarray, epochs: int, lr: float) -> list[Row]:
    rows = []
    for _ in range(epochs + 1):
        perf, g = f(w)
        rows.append((perf, float(np.linalg.norm(g)), lr))
        trial, _ = f(w - lr * g)
        if trial > 1.04 * perf:
            lr *= 0.7
        else:
            w = w - lr * g
            lr *= 1.05 if trial < perf else 1
    return rows


def numpy_traingdx(f: Evaluate, w: np.ndarray, epochs: int, lr: float) -> list[Row]:
    rows = []
    change = -lr * f(w)[1]
    for _ in range(epochs + 1):
        perf, g = f(w)
        rows.append((perf, float(np.linalg.norm(g)), lr))
        change = 0.9 * change - 0.1 * lr * g
        trial, _ = f(w + change)
        if trial > 1.04 * perf:
            lr *= 0.7
            change = -lr * g
        else:
            w = w + change
            lr *= 1.05 if trial < perf else 1
    return rows


def numpy_trainrp(f: Evaluate, w: np.ndarray, epochs: int, lr: float) -> list[Row]:
    rows = []
    lengths, before = np.full(w.size, 0.07), np.zeros(w.size)
    for _ in range(epochs + 1):
        perf, g = f(w)
        rows.append((perf, float(np.linalg.norm(g)), lr))
        for i, product in enumerate(g * before):
            if product > 0:
                lengths[i] = min(1.2 * lengths[i], 50)
            elif product < 0:
                lengths[i] *= 0.5
            w = w - np.eye(w.size)[i] * lengths[i] * np.sign(g[i])
        before = g
    return rows


PLAIN = {name: globals()[f"numpy_{name}"] for name in METHODS}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("method", METHODS)
def test_it_takes_the_same_steps_as_a_plain_numpy_version(method: str, seed: int) -> None:
    model = feedforward([2, 5, 1], seed=seed)
    start, shapes = weights_to_vector(model), [w.shape for w in model.get_weights()]
    # High enough that the adaptive methods have to lower it.
    options = {} if method == "trainrp" else {"lr": 0.6 if method[-1] in "ax" else 0.1}
    record = train(model, X, Y, method, epochs=40, progress=False, **options)
    rows = PLAIN[method](numpy_network(shapes, X, Y), start, 40, options.get("lr", 0.0))
    perf, gradient, lr = np.array(rows).T
    np.testing.assert_allclose(record.perf, perf, rtol=1e-9)
    np.testing.assert_allclose(record.gradient, gradient, rtol=1e-8)
    if "lr" in record.traces:
        np.testing.assert_allclose(record.traces["lr"], lr, rtol=1e-12)
        ratios = np.round(lr[1:] / lr[:-1], 9)
        assert {0.7, 1.05} <= set(ratios), "the rate was not both lowered and raised"


@pytest.mark.parametrize("method", METHODS)
def test_it_comes_to_the_minimum_of_a_linear_problem(method: str) -> None:
    target = np.c_[X, Y] + RNG.normal(size=(90, 3))
    expected, *_ = np.linalg.lstsq(np.c_[X, np.ones(90)], target, rcond=None)
    model = feedforward([2, 3], seed=0)
    rate = {} if method == "trainrp" else {"lr": 0.2}
    record = train(model, X, target, method, epochs=20000, min_grad=1e-8, progress=False, **rate)
    kernel, bias = model.get_weights()
    assert record.stop == "min_grad"
    np.testing.assert_allclose(np.r_[kernel, bias[None]], expected, atol=1e-6)


@pytest.mark.parametrize("method", ["traingdx", "trainrp"])
def test_it_does_not_depend_on_the_blocks(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(feedforward([2, 5, 1], seed=0), X, Y, method, epochs=10, progress=False)
    monkeypatch.setattr(objective, "_BLOCK_ENTRIES", 21 * 17)  # 6 blocks, the last one padded
    blocks = train(feedforward([2, 5, 1], seed=0), X, Y, method, epochs=10, progress=False)
    np.testing.assert_allclose(blocks.perf, whole.perf, rtol=1e-10)


@pytest.mark.parametrize(("method", "loss"), [("traingd", "mae"), ("traingdx", "sse")])
def test_it_minimises_other_performances_too(method: str, loss: str) -> None:
    model = feedforward([2, 5, 1], seed=0)
    rate = 1e-3  # sums have 90 times the slope of means
    record = train(model, X, Y, method, epochs=50, loss=loss, lr=rate, progress=False)
    error = abs(model(X).numpy() - Y)
    expected = error.mean() if loss == "mae" else (error**2).sum()
    assert record.best_perf == pytest.approx(expected, rel=1e-9)
    assert record.best_perf < record.perf[0]


def quadratic_rows(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The training rows of the paraboloid in [-1, 1] units."""
    data = load_dataset("quadratic")
    rows = split(2000, train=1500, validation=0, test=500, seed=seed).train
    return MapMinMax().fit_transform(data.X[rows]), MapMinMax().fit_transform(data.y[rows])


def on_the_quadratic(seed: int, method: str, **options: Any) -> tuple[Any, keras.Model]:
    model = feedforward([2, 5, 1], initial="uniform", seed=np.random.default_rng([seed, 1]))
    return train(model, *quadratic_rows(seed), method, progress=False, **options), model


@pytest.mark.parametrize(("lr", "published"), [(0.01, 0.12), (0.1, 0.0077), (0.2, 0.0054)])
def test_gradient_descent_on_the_quadratic_comes_as_far_as_independent_ports(
    lr: float, published: float
) -> None:
    """Median of 5 seeds after 1000 epochs; single seeds differ by a factor of 2 either way."""
    found = np.median([on_the_quadratic(s, "traingd", lr=lr)[0].best_perf for s in range(5)])
    assert published / 2 < found < published * 2


@pytest.mark.parametrize("lr", [1.0, 3.0])
def test_too_high_a_rate_diverges_and_the_model_keeps_the_best_weights(lr: float) -> None:
    for seed in range(5):
        record, model = on_the_quadratic(seed, "traingd", lr=lr)
        assert np.isnan(record.perf[-1])
        assert np.isfinite(weights_to_vector(model)).all()
        inputs, targets = quadratic_rows(seed)
        error = model(inputs).numpy() - targets
        assert record.best_perf == pytest.approx((error**2).mean(), rel=1e-9)
        assert record.best_perf == np.nanmin(record.perf)


@pytest.mark.parametrize("method", ["traingda", "traingdx"])
def test_an_adaptive_rate_recovers_from_one_that_overflows(method: str) -> None:
    record, _ = on_the_quadratic(0, method, lr=1e300, epochs=3000)
    assert np.isfinite(record.perf).all()
    assert record.best_perf < 0.05


def test_each_rule_helps_on_the_quadratic() -> None:
    """Median of 5 seeds after 1000 epochs from MATLAB's defaults."""
    reached = {
        method: np.median([on_the_quadratic(s, method)[0].best_perf for s in range(5)])
        for method in METHODS
    }
    assert reached["traingdx"] < reached["traingda"] < 0.1 * reached["traingd"]
    assert reached["trainrp"] < 0.1 * reached["traingd"]


WRONG: list[tuple[str, dict[str, float], str]] = [
    *((m, {"lr": 0}, r"lr must be a real number in \(0") for m in METHODS[:4]),
    ("traingd", {"lr": float("nan")}, "lr must be a real number"),
    ("traingdm", {"mc": 1.5}, r"mc must be a real number in \[0, 1\]. Received: mc=1.5"),
    ("traingdx", {"mc": -0.1}, r"mc must be a real number in \[0, 1\]"),
    ("traingda", {"lr_inc": 0.9}, r"lr_inc must be a real number in \[1"),
    ("traingda", {"lr_dec": 1}, "lr_dec must lie between 0 and 1"),
    ("traingdx", {"lr_dec": 0}, "lr_dec must lie between 0 and 1"),
    ("traingda", {"max_perf_inc": 0}, r"max_perf_inc must be a real number in \(0"),
    ("trainrp", {"delt_inc": 0.5}, r"delt_inc must be a real number in \[1"),
    ("trainrp", {"delt_dec": 1.2}, "delt_dec must lie between 0 and 1"),
    ("trainrp", {"delta0": 0}, r"delta0 must be a real number in \(0"),
    ("trainrp", {"deltamax": 0.01}, r"deltamax must be a real number in \[0.07"),
]


@pytest.mark.parametrize(("method", "options", "message"), WRONG)
def test_parameters_out_of_their_range_are_named(
    method: str, options: dict[str, float], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        train(feedforward([2, 5, 1], seed=0), X, Y, method, progress=False, **options)
