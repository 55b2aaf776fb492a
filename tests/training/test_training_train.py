"""train: every reason to stop, the record, Ctrl-C, and a model that is whole after all of it."""

from typing import Any

import keras
import numpy as np
import pytest

from workbench import feedforward, train
from workbench.errors import ArgumentError, ModelError, UnknownNameError
from workbench.network import backend, weights_to_vector
from workbench.training import STOP_MESSAGES, TrainingRecord
from workbench.training.loop import TRAINING_FUNCTIONS

RNG = np.random.default_rng(7)
X = RNG.uniform(-1, 1, (120, 2))
Y = (X**2).sum(axis=1, keepdims=True) - 1
NOISY = Y + RNG.normal(scale=0.3, size=Y.shape)
# Noise that other noise validates: overfitting shows after a few epochs.
HELD = (RNG.uniform(-1, 1, (40, 2)), RNG.normal(scale=0.5, size=40))


def fresh(seed: int = 0) -> keras.Model:
    return feedforward([2, 5, 1], seed=seed)


def mse(model: keras.Model, inputs: np.ndarray = X, targets: np.ndarray = Y) -> float:
    return float(((model(inputs).numpy() - targets.reshape(-1, 1)) ** 2).mean())


STOPS: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "goal": (Y, {"goal": 1e-3}),
    "epochs": (Y, {"epochs": 4}),
    "min_grad": (Y, {"min_grad": 1e-2}),
    "mu_max": (NOISY, {"mu": 1e-12, "mu_max": 1e-11, "min_grad": 0}),
    "max_fail": (NOISY, {"validation": HELD}),
    "time": (Y, {"time": 1e-9}),
}


@pytest.mark.parametrize("stop", list(STOPS))
def test_every_reason_to_stop_is_given_and_holds(stop: str) -> None:
    targets, options = STOPS[stop]
    model = fresh()
    record = train(model, X, targets, progress=False, **options)
    assert record.stop == stop
    assert record.message == STOP_MESSAGES[stop]
    last, previous = record.frame.iloc[-1], record.frame.iloc[:-1]
    if stop == "goal":
        assert last.perf <= 1e-3 < previous.perf.min()
    elif stop == "epochs":
        assert record.num_epochs == 4
    elif stop == "min_grad":
        assert last.gradient <= 1e-2 < previous.gradient.min()
    elif stop == "mu_max":
        assert last.mu > 1e-11 >= previous.mu.max()
    elif stop == "max_fail":
        assert last.val_fail == 6
        assert record.best_epoch == record.num_epochs - 6
    else:
        assert 0 < record.num_epochs < 1000
    assert mse(model, X, targets) == pytest.approx(record.best_perf, rel=1e-9)


@pytest.mark.parametrize("method", list(TRAINING_FUNCTIONS))
def test_every_training_function_trains_and_records(method: str) -> None:
    model = fresh()
    record = train(model, X, Y, method, epochs=20, progress=False)
    assert record.method == method
    assert record.best_perf < record.perf[0]
    assert len(record.perf) == len(record.epoch) == 21
    assert list(record.frame.columns[:4]) == ["perf", "vperf", "tperf", "gradient"]
    assert record.frame.index.name == "epoch"
    assert mse(model) == pytest.approx(record.best_perf, rel=1e-9)


def test_the_record_agrees_with_keras_before_and_after() -> None:
    model = fresh()
    held, test = (X[:30], Y[:30]), (X[30:60], Y[30:60])
    before = [mse(model, *pair) for pair in ((X[60:], Y[60:]), held, test)]
    record = train(model, X[60:], Y[60:], epochs=8, validation=held, test=test, progress=False)
    assert [record.perf[0], record.vperf[0], record.tperf[0]] == pytest.approx(before, rel=1e-10)
    after = [mse(model, *pair) for pair in ((X[60:], Y[60:]), held, test)]
    best = [record.best_perf, record.best_vperf, record.best_tperf]
    assert best == pytest.approx(after, rel=1e-8)
    assert record.best_epoch == record.vperf.argmin()


def test_the_gradient_in_the_record_is_kerass_own() -> None:
    model = fresh()
    record = train(model, X, Y, epochs=0, progress=False)
    assert record.num_epochs == 0
    assert record.stop == "epochs"
    weights = [w.value for w in model.trainable_weights]
    loss, gradients = backend.gradient(
        lambda values: backend.total(
            (model.stateless_call(values, [], X)[0] - Y) ** 2 / len(X)  # type: ignore[operator]
        ),
        weights,
    )
    norm = np.sqrt(sum((g.numpy() ** 2).sum() for g in gradients))
    assert record.gradient[0] == pytest.approx(norm, rel=1e-10)
    assert record.perf[0] == pytest.approx(float(loss), rel=1e-10)


def test_the_weights_of_the_best_epoch_are_kept_when_validation_gets_worse() -> None:
    model = fresh()
    record = train(model, X, NOISY, validation=HELD, progress=False)
    assert record.best_epoch < record.num_epochs
    assert mse(model, *HELD) == pytest.approx(record.best_vperf, rel=1e-9)
    assert record.best_vperf == record.vperf.min()


def test_a_fraction_of_the_rows_validates_and_the_record_says_which() -> None:
    record = train(fresh(), X, Y, epochs=3, validation=0.25, seed=3, progress=False)
    again = train(fresh(), X, Y, epochs=3, validation=0.25, seed=3, progress=False)
    assert record.train_rows is not None
    assert record.val_rows is not None
    assert len(record.val_rows) == 30
    joined = np.sort(np.r_[record.train_rows, record.val_rows])
    np.testing.assert_array_equal(joined, np.arange(120))
    np.testing.assert_array_equal(record.vperf, again.vperf)
    by_hand = train(
        fresh(),
        X[record.train_rows],
        Y[record.train_rows],
        epochs=3,
        validation=(X[record.val_rows], Y[record.val_rows]),
        progress=False,
    )
    np.testing.assert_array_equal(by_hand.vperf, record.vperf)


def test_the_same_call_gives_the_same_bits() -> None:
    one, two = fresh(), fresh()
    first, second = (train(m, X, Y, epochs=40, progress=False) for m in (one, two))
    np.testing.assert_array_equal(first.perf, second.perf)
    np.testing.assert_array_equal(weights_to_vector(one), weights_to_vector(two))


def test_training_in_two_halves_goes_on_where_it_stopped() -> None:
    whole, halves = fresh(), fresh()
    record = train(whole, X, Y, epochs=8, progress=False)
    train(halves, X, Y, epochs=4, progress=False)
    second = train(halves, X, Y, epochs=4, mu=float(record.mu[4]), progress=False)
    np.testing.assert_allclose(second.perf, record.perf[4:], rtol=1e-9)


def test_a_second_network_of_the_same_shape_compiles_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train(fresh(0), X, Y, epochs=2, progress=False)

    def compiles(_: object) -> object:
        raise AssertionError("something was compiled anew")

    monkeypatch.setattr(backend, "xla", compiles)
    monkeypatch.setattr(backend, "graph", compiles)
    # Other weights, data, limits and damping: all of them are arguments of what is compiled.
    train(fresh(1), X[::-1], Y + 1, epochs=5, goal=1e-5, mu=0.1, max_fail=2, progress=False)


def test_ctrl_c_keeps_the_best_weights_and_a_record_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from workbench.training import run

    spells = []
    keep = run.Run._keep

    def interrupting(one: Any, state: Any, history: list[Any]) -> None:
        keep(one, state, history)
        spells.append(len(history))
        if len(spells) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(run.Run, "_keep", interrupting)
    model = fresh()
    record = train(model, X, Y, epochs=10**6, min_grad=0, progress=False)
    assert record.stop == "interrupted"
    assert 0 < record.num_epochs < 1000
    assert mse(model) == pytest.approx(record.best_perf, rel=1e-9)
    assert record.best_perf < record.perf[0]


def test_ctrl_c_before_the_first_epoch_leaves_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.training import run

    def at_once(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run.Run, "_keep", at_once)
    model = fresh()
    before = weights_to_vector(model)
    record = train(model, X, Y, progress=False)
    assert record.stop == "interrupted"
    np.testing.assert_array_equal(weights_to_vector(model), before)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"X": X[:, :1]}, r"X must have shape \(samples, 2\), as the model's input has"),
    ({"X": X.T}, "transpose an array that has samples in its columns"),
    ({"X": np.where(np.arange(240).reshape(120, 2) == 7, np.nan, X)}, r"nan at index \(3, 1\)"),
    ({"y": np.full(120, np.inf)}, "y must be finite"),
    ({"y": Y[:5]}, r"y must have as many rows as X \(120\)"),
    ({"y": np.hstack([Y, Y])}, r"y must have shape \(samples, 1\)"),
    ({"X": np.array([["a", "b"]])}, "X must be an array of real numbers"),
    ({"epochs": -3}, "epochs must be a non-negative integer. Received: epochs=-3"),
    ({"epochs": 1.5}, "epochs must be a non-negative integer"),
    ({"goal": float("nan")}, "goal must be a real number"),
    ({"max_fail": 0}, "max_fail must be a positive integer"),
    ({"time": 0}, "time must be a real number"),
    ({"validation": 1.5}, "validation must be a real number"),
    ({"validation": 0.001}, "leave at least one of the 120 rows on either side"),
    ({"validation": (X,)}, r"validation must be a pair \(X, y\)"),
    ({"validation": (X[:, :1], Y)}, r"validation\[0\] must have shape"),
    ({"test": (X, Y[:3])}, r"test\[1\] must have as many rows as test\[0\]"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_bad_input_is_named_and_the_weights_stay(arguments: dict[str, Any], message: str) -> None:
    model = fresh()
    before = weights_to_vector(model)
    with pytest.raises(ArgumentError, match=message):
        train(**{"model": model, "X": X, "y": Y, "progress": False, **arguments})
    np.testing.assert_array_equal(weights_to_vector(model), before)


def test_unknown_methods_and_options_come_with_the_nearest_known_name() -> None:
    with pytest.raises(UnknownNameError, match="trainlm"):
        train(fresh(), X, Y, "trainlmm", progress=False)
    with pytest.raises(UnknownNameError, match="mu_dec"):
        train(fresh(), X, Y, progress=False, mu_decc=0.1)


def test_a_model_without_trainable_weights_is_refused() -> None:
    model = fresh()
    model.trainable = False
    with pytest.raises(ModelError, match="no trainable weights"):
        train(model, X, Y, progress=False)


def test_a_network_that_overflows_stops_and_keeps_finite_weights() -> None:
    record = train(model := fresh(), X, 1e200 * Y, epochs=5, progress=False)
    assert np.isfinite(weights_to_vector(model)).all()
    assert isinstance(record, TrainingRecord)


def test_the_record_has_no_damping_for_methods_without_one() -> None:
    nothing = np.zeros(1)
    record = TrainingRecord("traingd", "epochs", *[nothing] * 4, nothing.astype(int), 0, 0.0)
    with pytest.raises(AttributeError, match="traingd has no damping"):
        _ = record.mu


def test_data_come_as_lists_and_frames_too() -> None:
    pandas = pytest.importorskip("pandas")
    expected = train(fresh(), X, Y, epochs=3, progress=False).perf
    frame = pandas.DataFrame(X, columns=["x1", "x2"])
    for inputs, targets in ((frame, frame.assign(y=Y)["y"]), (X.tolist(), Y.ravel().tolist())):
        np.testing.assert_array_equal(
            train(fresh(), inputs, targets, epochs=3, progress=False).perf, expected
        )
