"""Many trainings in one call: each as it would be alone, and the best of them kept."""

import threading
from typing import Any

import keras
import numpy as np
import pytest

from workbench import feedforward, train
from workbench.errors import ArgumentError
from workbench.network import weights_to_vector
from workbench.network.redraw import redrawn_weights
from workbench.training import run as run_module

RNG = np.random.default_rng(7)
X = RNG.uniform(-1, 1, (120, 2))
Y = (X**2).sum(axis=1, keepdims=True) - 1
HELD = (RNG.uniform(-1, 1, (40, 2)), RNG.normal(scale=0.5, size=40))


def starts(count: int) -> np.ndarray:
    return np.stack([weights_to_vector(feedforward([2, 5, 1], seed=s)) for s in range(count)])


def test_every_member_is_what_a_single_call_gives() -> None:
    model = feedforward([2, 5, 1], seed=9)
    record = train(model, X, Y, epochs=40, weights=starts(12), validation=HELD, progress=False)
    assert len(record.members) == 12
    for seed, member in enumerate(record.members):
        alone = feedforward([2, 5, 1], seed=seed)
        single = train(alone, X, Y, epochs=40, validation=HELD, progress=False)
        np.testing.assert_allclose(member.perf, single.perf, rtol=1e-9)
        np.testing.assert_allclose(member.weights, weights_to_vector(alone), rtol=1e-9)
        assert (member.stop, member.best_epoch) == (single.stop, single.best_epoch)


def test_the_best_member_by_validation_becomes_the_model() -> None:
    model = feedforward([2, 5, 1], seed=9)
    record = train(model, X, Y, epochs=30, weights=starts(6), validation=HELD, progress=False)
    errors = [member.best_vperf for member in record.members]
    assert record.best_vperf == min(errors)
    np.testing.assert_array_equal(
        weights_to_vector(model), record.members[int(np.argmin(errors))].weights
    )


def test_restarts_begin_with_the_models_own_weights_and_never_end_worse() -> None:
    alone = train(feedforward([2, 5, 1], seed=1), X, Y, epochs=20, progress=False)
    model = feedforward([2, 5, 1], seed=1)
    record = train(model, X, Y, epochs=20, restarts=5, seed=3, progress=False)
    np.testing.assert_array_equal(record.members[0].perf, alone.perf)
    assert record.best_perf == min(member.best_perf for member in record.members)
    assert len({member.perf[0] for member in record.members}) == 5
    again = train(
        feedforward([2, 5, 1], seed=1), X, Y, epochs=20, restarts=5, seed=3, progress=False
    )
    np.testing.assert_array_equal(again.weights, record.weights)


def test_a_single_training_has_no_members() -> None:
    record = train(feedforward([2, 5, 1], seed=1), X, Y, epochs=2, progress=False)
    assert record.members == ()


def test_redrawn_weights_of_a_dense_chain_are_those_of_nguyen_and_widrow() -> None:
    model = feedforward([2, 5, 1], transfer=("logsig", "purelin"), seed=0)
    before = weights_to_vector(model)
    expected = weights_to_vector(feedforward([2, 5, 1], transfer=("logsig", "purelin"), seed=8))
    np.testing.assert_array_equal(redrawn_weights(model, np.random.default_rng(8)), expected)
    np.testing.assert_array_equal(weights_to_vector(model), before)


def test_other_layers_draw_by_their_own_initialiser_with_our_seed() -> None:
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(3, 3, kernel_initializer=keras.initializers.HeNormal(seed=1)),
            keras.layers.Flatten(),
            keras.layers.Dense(2, kernel_initializer=keras.initializers.GlorotUniform(seed=2)),
        ]
    )
    one, same, other = (redrawn_weights(model, np.random.default_rng(s)) for s in (4, 4, 5))
    np.testing.assert_array_equal(one, same)
    assert (one != other).sum() == 27 + 96  # the kernels; biases begin at zero
    limit = np.sqrt(6 / (48 + 2))
    assert abs(one[30:126]).max() <= limit
    assert abs(one[30:126]).max() > 0.9 * limit


def test_a_failing_member_is_an_error_and_leaves_the_model(monkeypatch: Any) -> None:
    model = feedforward([2, 5, 1], seed=1)
    before = weights_to_vector(model)

    def fails(self: Any, *arguments: Any) -> None:
        raise RuntimeError("a broken machine")

    monkeypatch.setattr(run_module.Run, "run", fails)
    with pytest.raises(RuntimeError, match="a broken machine"):
        train(model, X, Y, restarts=3, progress=False)
    np.testing.assert_array_equal(weights_to_vector(model), before)


def test_ctrl_c_keeps_what_every_member_has_reached(monkeypatch: Any) -> None:
    model = feedforward([2, 5, 1], seed=1)
    begun, threads = threading.Event(), set()
    original = run_module.Run._keep
    monkeypatch.setattr(run_module, "cores", lambda: 2)

    def keep(self: Any, *arguments: Any) -> None:
        original(self, *arguments)
        threads.add(threading.get_ident())
        if len(threads) == 2:
            begun.set()

    def interrupted(waiting: Any) -> Any:
        begun.wait()
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module.Run, "_keep", keep)
    monkeypatch.setattr(run_module, "as_completed", interrupted)
    record = train(model, X, Y, epochs=10**6, min_grad=0, restarts=4, progress=False)
    assert [member.stop for member in record.members].count("interrupted") >= 3
    assert record.best_perf <= min(member.best_perf for member in record.members[:2])
    np.testing.assert_array_equal(weights_to_vector(model), record.weights)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"restarts": 0}, "restarts must be a positive integer"),
        ({"restarts": 2, "weights": starts(2)}, "restarts must be 1"),
        ({"weights": np.zeros((3, 20))}, r"weights must have shape \(samples, 21\)"),
        ({"weights": np.full((1, 21), np.nan)}, "weights must be finite"),
    ],
)
def test_wrong_arguments_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        train(feedforward([2, 5, 1], seed=0), X, Y, progress=False, **options)
