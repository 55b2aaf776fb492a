"""The methods that search along directions, against plain NumPy versions, SciPy and lstsq."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from scipy import optimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from workbench import feedforward, train
from workbench.errors import ArgumentError, UnknownNameError
from workbench.network import backend, weights_to_vector
from workbench.network.weights import vector_to_weights
from workbench.training.line_search import LINE_SEARCHES, search
from workbench.training.loop import TRAINING_FUNCTIONS

RNG = np.random.default_rng(7)
X = RNG.uniform(-1, 1, (200, 2))
Y = (X**2).sum(axis=1, keepdims=True) - 1
CONJUGATE = ("traincgf", "traincgp", "traincgb")
SEARCHING = (*CONJUGATE, "trainoss", "trainbfg")
ALL = (*SEARCHING, "trainscg")
PARAMETERS = {
    "scale_tol": 20.0,
    "alpha": 1e-3,
    "beta": 0.1,
    "gama": 0.1,
    "low_lim": 0.1,
    "up_lim": 0.5,
    "max_step": 100.0,
    "min_step": 1e-6,
}

Function = Callable[[np.ndarray], tuple[float, np.ndarray]]


def network_error(v: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean squared error of 2-5-1 and its gradient, by hand."""
    W1, b1, W2, b2 = v[:10].reshape(2, 5), v[10:15], v[15:20], v[20]
    hidden = np.tanh(X @ W1 + b1)
    e = hidden @ W2 + b2 - Y[:, 0]
    back = np.outer(e, W2) * (1 - hidden**2)
    parts = [(X.T @ back).ravel(), back.sum(axis=0), hidden.T @ e, [e.sum()]]
    return float(e @ e) / len(X), 2 * np.concatenate(parts) / len(X)


def rosenbrock(v: np.ndarray) -> tuple[float, np.ndarray]:
    return float(optimize.rosen(v)), optimize.rosen_der(v)


# ---------------------------------------------------------------- plain NumPy versions


def numpy_charalambous(best: tuple, end: tuple | None, before: tuple) -> float:
    """Next step by a cubic through two points (step, perf, slope)."""
    other = before if end is None else end
    (a, fa, ga), (b, fb, gb) = best, other
    if not np.isfinite(fb):
        return a + 0.1 * (b - a)
    cubic = np.polynomial.Polynomial(
        np.linalg.solve(
            [[1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1], [0, 1, 2, 3]],
            [fa, ga * (b - a), fb, gb * (b - a)],
        )
    )
    minima = [t.real for t in cubic.deriv().roots() if not t.imag and cubic.deriv(2)(t.real) > 0]
    if end is None:  # seen from the best point, the one before it lies at 1 and the hill at -t
        ahead = -minima[0] if minima else 0
        return a + (a - b) * (np.clip(ahead, 1.1, 4) if ahead > 0 else 4)
    return a + (b - a) * (np.clip(minima[0], 0.1, 0.9) if minima else 0.5)


def numpy_backtracking(best: tuple, end: tuple | None, before: tuple | None) -> float:
    """Next step by doubling, a parabola, or a cubic through a slope and two trials."""
    a, fa, ga = best
    if end is None:
        return 2 * a
    b, fb = end[:2]
    if a == 0 and before is not None:
        lengths = np.array([b, before[0]])
        rises = np.array([fb, before[1]]) - fa - ga * lengths
        two, three = np.linalg.solve(np.c_[lengths**2, lengths**3], rises)
        share = (-two + np.sqrt(two**2 - 3 * three * ga)) / (3 * three) / b
    else:
        share = -ga * (b - a) / (2 * (fb - fa - ga * (b - a)))
    return a + (b - a) * np.clip(share if np.isfinite(share) else 0.1, 0.1, 0.5)


def numpy_search(
    name: str,
    function: Function,
    x: np.ndarray,
    d: np.ndarray,
    first: float,
    scale_tol: float = 20,
) -> tuple[float, int]:
    """Return a step and the number of trials; the searches as scalar code with branches."""
    f0, g0 = function(x)
    slope0 = g0 @ d
    best: tuple = (0.0, f0, slope0)
    end: tuple | None = None
    before: tuple | None = None
    most = 100 / np.linalg.norm(d)
    trial = first = min(first, most)
    count = 0
    while count < 30:
        count += 1
        f, g = function(x + trial * d)
        slope = g @ d
        if f <= f0 + 1e-3 * trial * slope0 and f < best[1]:
            before = best
            if (slope > 0) if end is None else (slope * (end[0] - trial) >= 0):
                end = best
            best = (trial, f, slope)
            if name == "srchcha" and abs(slope) <= 0.1 * abs(slope0):
                break
            if name == "srchbac" and slope >= 0.1 * slope0:
                break
        else:
            before, end = end, (trial, f, slope)
        rule = numpy_charalambous if name == "srchcha" else numpy_backtracking
        trial = min(rule(best, end, before), most)  # type: ignore[arg-type]
        narrow = end is not None and abs(end[0] - best[0]) <= first / scale_tol
        hopeless = best[0] == 0 and trial <= 1e-6 * first
        if (best[0] > 0 and narrow) or hopeless or best[0] >= most:
            break
    return best[0], count


def numpy_direction(method: str, path: list[dict], state: dict) -> np.ndarray:
    """Return a direction from the gradients and steps up to now."""
    g, last = path[-1]["g"], path[-2]
    s, y, n = path[-1]["x"] - last["x"], path[-1]["g"] - path[-2]["g"], len(path[-1]["g"])
    if method == "traincgf":
        return -g + (g @ g) / (last["g"] @ last["g"]) * last["d"]
    if method == "traincgp":
        return -g + (y @ g) / (last["g"] @ last["g"]) * last["d"]
    if method == "traincgb":
        two = -g + (g @ y) / (last["d"] @ y) * last["d"]
        if "d" in state and abs(last["g"] @ g) < 0.2 * (g @ g):
            three = two + (g @ state["y"]) / (state["d"] @ state["y"]) * state["d"]
            if -1.2 * (g @ g) <= three @ g <= -0.8 * (g @ g):
                return three
        state.update(d=last["d"], y=y)
        return two
    if method == "trainoss":  # BFGS from the identity
        state["H"] = np.eye(n)
    V = np.eye(n) - np.outer(y, s) / (y @ s)
    state["H"] = V.T @ state.get("H", np.eye(n)) @ V + np.outer(s, s) / (y @ s)
    return -state["H"] @ g


def numpy_training(
    method: str, name: str, function: Function, x: np.ndarray, epochs: int
) -> list[dict]:
    """Return weights, performance and gradient of each epoch, and the evaluations up to it."""
    f, g = function(x)
    path, state = [{"x": x, "f": f, "g": g, "evaluations": 0}], {}
    for _ in range(epochs):
        here = path[-1]
        d, first = here["g"], 1.0
        if len(path) > 1:
            d = numpy_direction(method, path, state)
            if method in CONJUGATE:
                last = path[-2]
                first = last["step"] * (last["g"] @ last["d"]) / (here["g"] @ d)
        if here["g"] @ d >= 0:  # uphill
            d = -here["g"]
            first = 0.01 if method != "trainbfg" else 1 / max(1, np.linalg.norm(d))
            state.clear()
        here["d"] = d
        here["step"], count = numpy_search(name, function, here["x"], d, first)
        x = here["x"] + here["step"] * d
        f, g = function(x)
        path.append({"x": x, "f": f, "g": g, "evaluations": here["evaluations"] + count})
    return path


def numpy_scaled_conjugate_gradient(
    function: Function, w: np.ndarray, epochs: int
) -> tuple[list[float], list[float]]:
    """Møller's algorithm as his paper writes it: performances and dampings."""
    lam, lam_bar, success = 5e-7, 0.0, True
    E, gradient = function(w)
    p = r = -gradient
    perfs, dampings = [E], [lam]
    for k in range(1, epochs + 1):
        pp = p @ p
        if success:
            sigma = 5e-5 / np.sqrt(pp)
            delta = p @ (function(w + sigma * p)[1] - function(w)[1]) / sigma
        delta += (lam - lam_bar) * pp
        if delta <= 0:
            lam_bar = 2 * (lam - delta / pp)
            delta = -delta + lam * pp
            lam = lam_bar
        mu = p @ r
        alpha = mu / delta
        E_new, gradient = function(w + alpha * p)
        comparison = 2 * delta * (E - E_new) / mu**2
        if comparison >= 0:
            w, E, r_new, lam_bar, success = w + alpha * p, E_new, -gradient, 0.0, True
            p = r_new if k % len(w) == 0 else r_new + (r_new @ r_new - r_new @ r) / mu * p
            r = r_new
            if comparison >= 0.75:
                lam /= 4
        else:
            lam_bar, success = lam, False
        if comparison < 0.25:
            lam += delta * (1 - comparison) / pp
        perfs.append(E)
        dampings.append(lam)
    return perfs, dampings


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", list(LINE_SEARCHES))
@pytest.mark.parametrize("method", SEARCHING)
def test_the_first_epochs_are_those_of_a_plain_numpy_version(
    method: str, name: str, seed: int
) -> None:
    model = feedforward([2, 5, 1], seed=seed)
    path = numpy_training(method, name, network_error, weights_to_vector(model), 4)
    record = train(model, X, Y, method, epochs=4, search_fcn=name, progress=False)
    np.testing.assert_allclose(record.perf, [at["f"] for at in path], rtol=1e-9)
    norms = [np.linalg.norm(at["g"]) for at in path]
    np.testing.assert_allclose(record.gradient, norms, rtol=1e-8)
    expected = [at["evaluations"] for at in path]
    np.testing.assert_array_equal(record.traces["evaluations"], expected)


@pytest.mark.parametrize("seed", range(5))
def test_scg_takes_moellers_steps(seed: int) -> None:
    model = feedforward([2, 5, 1], seed=seed)
    perf, damping = numpy_scaled_conjugate_gradient(network_error, weights_to_vector(model), 25)
    record = train(model, X, Y, "trainscg", epochs=25, progress=False)
    # The curvature is a difference of gradients 5e-5 apart, which magnifies rounding errors.
    np.testing.assert_allclose(record.perf[:16], perf[:16], rtol=1e-7)
    np.testing.assert_allclose(record.perf, perf, rtol=1e-5)
    np.testing.assert_allclose(record.traces["lambda"], damping, rtol=1e-4)


# ---------------------------------------------------------------- the searches by themselves


class Valley:
    """What a search wants of a problem, of a function written in tensors."""

    def perf_and_gradient(self, vector: Any) -> tuple[Any, Any]:
        def value(arrays: list[Any]) -> Any:
            a, b = arrays[0][0], arrays[0][1]
            return (1 - a) ** 2 + 100 * (b - a * a) ** 2

        perf, (gradient,) = backend.gradient(value, [vector])
        return perf, gradient


@pytest.mark.parametrize("compiler", ["xla", "graph"])
@pytest.mark.parametrize("name", list(LINE_SEARCHES))
def test_steps_satisfy_the_conditions_of_armijo_and_wolfe(name: str, compiler: str) -> None:
    """From many places in the valley of Rosenbrock, along -g, with bad first steps."""
    rng = np.random.default_rng(3)
    tight = PARAMETERS | {"scale_tol": 1e9}
    tensors = {key: backend.tensor(value, "float64") for key, value in tight.items()}
    compiled = getattr(backend, compiler)(
        lambda v, d, f, g, first: search(LINE_SEARCHES[name], Valley(), v, d, f, g, first, tensors)
    )
    for _ in range(100):
        v = rng.uniform(-2, 2, 2)
        perf, gradient = rosenbrock(v)
        d = -gradient * rng.uniform(0.5, 2, 2)
        first = 10 ** rng.uniform(-6, 1)
        found = compiled(*(backend.tensor(a, "float64") for a in (v, d, perf, gradient, first)))
        step, slope = float(found.step), float(gradient @ d)
        new_perf, new_gradient = rosenbrock(v + step * d)
        assert float(found.perf) == pytest.approx(new_perf, rel=1e-9)
        np.testing.assert_allclose(found.gradient.numpy(), new_gradient, rtol=1e-6, atol=1e-9)
        assert new_perf <= perf + 1e-3 * step * slope
        assert new_gradient @ d >= 0.1 * slope
        if name == "srchcha":
            assert abs(new_gradient @ d) <= 0.1 * abs(slope)
        assert int(found.evaluations) <= 30
        by_hand, count = numpy_search(name, rosenbrock, v, d, first, scale_tol=1e9)
        assert step == pytest.approx(by_hand, rel=1e-6)
        assert int(found.evaluations) == count


def test_a_search_takes_no_step_where_the_performance_does_not_fall() -> None:
    tensors = {key: backend.tensor(value, "float64") for key, value in PARAMETERS.items()}
    v, uphill = np.array([1.0, 1.0]), np.array([0.0, 1.0])  # the lowest point there is
    arguments = (v, uphill, *rosenbrock(v), 1.0)
    for rules in LINE_SEARCHES.values():
        found = search(rules, Valley(), *(backend.tensor(a, "float64") for a in arguments), tensors)
        assert float(found.step) == 0
        assert float(found.perf) == 0


# ---------------------------------------------------------------- known minima


class Rosenbrock(keras.layers.Layer):
    """A layer whose squared errors are the function of Rosenbrock."""

    def build(self, shape: Any) -> None:
        self.point = self.add_weight(shape=(2,), name="point", dtype="float64")

    def call(self, inputs: Any) -> Any:
        a, b = self.point[0], self.point[1]
        return inputs + keras.ops.stack([1 - a, 10 * (b - a * a)])


@pytest.mark.parametrize("method", ALL)
def test_the_minimum_at_the_end_of_a_narrow_valley_is_found(method: str) -> None:
    model = keras.Sequential([keras.Input((2,), dtype="float64"), Rosenbrock(dtype="float64")])
    vector_to_weights(model, np.array([-1.2, 1.0]))
    zeros = np.zeros((1, 2))
    record = train(
        model, zeros, zeros, method, loss="sse", epochs=2000, min_grad=1e-9, progress=False
    )
    np.testing.assert_allclose(weights_to_vector(model), [1, 1], atol=1e-6)
    assert record.best_perf < 1e-14


@pytest.mark.parametrize("method", ALL)
def test_a_linear_network_reaches_the_minimum_that_lstsq_finds(method: str) -> None:
    target = np.random.default_rng(0).normal(size=(200, 3))
    expected, *_ = np.linalg.lstsq(np.c_[X, np.ones(200)], target, rcond=None)
    model = feedforward([2, 3], seed=0)
    record = train(model, X, target, method, epochs=300, min_grad=1e-6, progress=False)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(np.r_[kernel, bias[None]], expected, atol=1e-5)
    assert record.stop in ("min_grad", "min_step")


@pytest.mark.parametrize("method", SEARCHING)
def test_exact_searches_end_at_the_minimum_of_a_parabola_in_as_many_steps_as_weights(
    method: str,
) -> None:
    """5 weights; and every step on the way is that of linear conjugate gradients."""
    inputs = np.random.default_rng(1).normal(size=(50, 4)) * [1, 2, 3, 4]
    target = np.random.default_rng(2).normal(size=50)
    A = np.c_[inputs, np.ones(50)]
    model = feedforward([4, 1], seed=0)
    x, H, b = weights_to_vector(model), 2 * A.T @ A / 50, 2 * A.T @ target / 50
    expected, r = [((A @ x - target) ** 2).mean()], b - H @ x
    d = r
    for _ in range(5):
        step = r @ r / (d @ H @ d)
        x, r_new = x + step * d, r - step * H @ d
        d, r = r_new + r_new @ r_new / (r @ r) * d, r_new
        expected.append(((A @ x - target) ** 2).mean())
    exact = {"alpha": 1e-12, "beta": 1e-8, "scale_tol": 1e12, "search_fcn": "srchcha"}
    record = train(model, inputs, target, method, epochs=5, progress=False, **exact)
    residual = np.linalg.lstsq(A, target, rcond=None)[1][0] / 50
    np.testing.assert_allclose(record.perf, expected, rtol=1e-6)
    assert record.perf[-1] == pytest.approx(residual, rel=1e-9)


@pytest.mark.parametrize(("method", "peer"), [("trainbfg", "BFGS"), ("traincgp", "CG")])
@pytest.mark.parametrize("seed", range(3))
def test_the_minimum_of_a_network_is_the_one_scipy_reaches(
    method: str, peer: str, seed: int
) -> None:
    share = 0.02  # of the squared weights, without which the minimum lies thousands of steps away

    def regularized(v: np.ndarray) -> tuple[float, np.ndarray]:
        perf, gradient = network_error(v)
        return (1 - share) * perf + share * v @ v / 21, (1 - share) * gradient + share * v / 10.5

    model = feedforward([2, 5, 1], seed=seed)
    options = {"gtol": 1e-8, "maxiter": 10000}
    start = weights_to_vector(model)
    peers = optimize.minimize(regularized, start, jac=True, method=peer, options=options)
    limits = {"epochs": 3000, "min_grad": 1e-8, "regularization": share}
    record = train(model, X, Y, method, progress=False, **limits)
    assert record.best_perf == pytest.approx(peers.fun, rel=1e-6)


def test_quasi_newton_matches_scipy_evaluation_by_evaluation() -> None:
    """With SciPy's share of the slope, 0.9; medians of 9 starts after 300 evaluations."""
    ours, peers = [], []
    for seed in range(9):
        model = feedforward([2, 5, 1], seed=seed)
        values: list[float] = []

        def counted(v: np.ndarray, values: list[float] = values) -> tuple[float, np.ndarray]:
            perf, gradient = network_error(v)
            values.append(perf)
            return perf, gradient

        options = {"maxiter": 400, "gtol": 0}
        start = weights_to_vector(model)
        optimize.minimize(counted, start, jac=True, method="BFGS", options=options)
        record = train(model, X, Y, "trainbfg", epochs=400, beta=0.9, min_grad=0, progress=False)
        ours.append(record.perf[record.traces["evaluations"] <= 300].min())
        peers.append(min(values[:300]))
    assert np.median(ours) < 2 * np.median(peers)


@pytest.mark.parametrize("method", ALL)
def test_a_softmax_classifier_reaches_the_loss_of_logistic_regression(method: str) -> None:
    rng = np.random.default_rng(5)
    label = rng.integers(0, 3, 150)
    inputs = rng.normal(size=(150, 2)) + np.array([[0, 0], [1, 1], [0, 2]])[label]
    peer = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(inputs, label)
    least = log_loss(label, peer.predict_proba(inputs))
    model = feedforward([2, 3], ["softmax"], seed=0)
    record = train(
        model, inputs, np.eye(3)[label], method, loss="crossentropy", epochs=500, progress=False
    )
    # Ours is a mean over the 3 outputs as well.
    assert 3 * record.best_perf == pytest.approx(least, rel=1e-6)
    assert (np.diff(record.perf) <= 0).all()


# ---------------------------------------------------------------- stops and arguments


@pytest.mark.parametrize("method", SEARCHING)
def test_training_ends_where_no_direction_goes_down(method: str) -> None:
    target = np.random.default_rng(0).normal(size=200)
    model = feedforward([2, 1], seed=0)
    solution = np.linalg.lstsq(np.c_[X, np.ones(200)], target, rcond=None)[0]
    vector_to_weights(model, solution)
    record = train(model, X, target, method, min_grad=0, progress=False)
    assert record.stop == "min_step"
    assert record.message == "Minimum step size reached."
    assert record.num_epochs < 50
    np.testing.assert_allclose(weights_to_vector(model), solution, atol=1e-6)


def test_scg_stays_at_a_minimum() -> None:
    target = np.random.default_rng(0).normal(size=200)
    model = feedforward([2, 1], seed=0)
    solution = np.linalg.lstsq(np.c_[X, np.ones(200)], target, rcond=None)[0]
    vector_to_weights(model, solution)
    record = train(model, X, target, "trainscg", epochs=100, min_grad=0, progress=False)
    assert np.isfinite(record.perf).all()
    np.testing.assert_allclose(weights_to_vector(model), solution, atol=1e-6)


@pytest.mark.parametrize("method", ALL)
def test_an_overflow_is_a_step_too_far(method: str) -> None:
    """Performances beyond 1e308 on the way do not end a training, nor leave NaN in it."""
    model = feedforward([2, 5, 1], seed=0)
    record = train(model, X, 1e153 * Y, method, epochs=30, progress=False)
    assert np.isfinite(weights_to_vector(model)).all()
    assert np.isfinite(record.perf).all()


@pytest.mark.parametrize("method", ALL)
def test_the_mean_absolute_error_is_lowered_for_all_its_kinks(method: str) -> None:
    model = feedforward([2, 5, 1], seed=0)
    record = train(model, X, Y, method, loss="mae", epochs=50, progress=False)
    assert record.best_perf < 0.5 * record.perf[0]


@pytest.mark.parametrize("method", ALL)
def test_float32_goes_as_far_as_its_digits_do(method: str) -> None:
    model = feedforward([2, 5, 1], seed=0, dtype="float32")
    record = train(model, X, Y, method, epochs=200, progress=False)
    assert record.best_perf < 0.05 * record.perf[0]
    assert weights_to_vector(model).dtype == np.float32


def test_another_search_is_another_program_and_another_number_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def perf(**options: Any) -> np.ndarray:
        model = feedforward([2, 5, 1], seed=0)
        return train(model, X, Y, "traincgp", epochs=5, progress=False, **options).perf

    one, other = perf(search_fcn="srchcha"), perf(search_fcn="srchbac")
    assert abs(one - other).max() > 1e-6

    def compiles(_: object) -> object:
        raise AssertionError("something was compiled anew")

    monkeypatch.setattr(backend, "xla", compiles)
    np.testing.assert_array_equal(perf(), one)
    assert abs(perf(beta=0.5, scale_tol=5) - one).max() > 1e-6


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("traincgf", {"alpha": 0}, "alpha must lie between 0 and 1"),
        ("traincgp", {"beta": 1e-4}, "beta must lie between 0.001 and 1"),
        ("traincgb", {"gama": 0.6}, r"gama must be a real number in \(0, 0.5\]"),
        ("trainoss", {"low_lim": 0.7}, r"low_lim must be a real number in \(0, 0.5\]"),
        ("trainoss", {"up_lim": 1}, "up_lim must lie between 0 and 1"),
        ("trainbfg", {"max_step": -1}, "max_step must be a real number"),
        ("trainbfg", {"batch_frag": 1}, "batch_frag must be a real number"),
        ("trainscg", {"sigma": 0}, "sigma must be a real number"),
        ("trainscg", {"lambda_": -1}, "lambda_ must be a real number"),
    ],
)
def test_parameters_out_of_their_range_are_named(
    method: str, options: dict[str, float], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        train(feedforward([2, 5, 1], seed=0), X, Y, method, progress=False, **options)


def test_unknown_searches_come_with_the_nearest_known_name() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown line search 'srchcha2'\. Did you mean"):
        TRAINING_FUNCTIONS["traincgf"](search_fcn="srchcha2")
