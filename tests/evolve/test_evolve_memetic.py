"""The memetic search: members keep what they learn, and exchange whole units."""

from typing import Any

import keras
import numpy as np
import pytest

from workbench import evolve_weights, feedforward, minimize, train
from workbench.errors import ArgumentError
from workbench.evolve import Memetic, Space
from workbench.evolve.memetic import Elite
from workbench.network import vector_to_weights, weights_to_vector
from workbench.network.redraw import redrawn_weights
from workbench.network.units import hidden_units

RNG = np.random.default_rng(7)
X = RNG.uniform(-1, 1, (80, 2))
Y = (X**2).sum(axis=1, keepdims=True) - 1
SETTING: dict[str, Any] = {
    "draw": "restart",
    "train_epochs": 5,
    "population": 8,
    "generations": 3,
    "seed": 3,
    "progress": False,
}


def outputs(model: keras.Model, vector: np.ndarray) -> np.ndarray:
    vector_to_weights(model, vector)
    return model(X).numpy()


def test_units_that_change_places_leave_the_network_as_it_was() -> None:
    model = feedforward([2, 5, 4, 1], seed=0)
    vector = weights_to_vector(model)
    before = outputs(model, vector)
    layers = hidden_units(model)
    assert [units.incoming.shape for units in layers] == [(5, 3), (4, 6)]
    assert [units.outgoing.shape for units in layers] == [(5, 4), (4, 1)]
    for units in layers:
        moved = vector.copy()
        for places in (units.incoming, units.outgoing):
            moved[places[[0, 2]]] = vector[places[[2, 0]]]
        assert (moved != vector).any()
        np.testing.assert_allclose(outputs(model, moved), before, rtol=1e-12)


def test_a_unit_with_silent_listeners_has_no_effect() -> None:
    model = feedforward([2, 5, 1], seed=0)
    (units,) = hidden_units(model)
    vector = weights_to_vector(model)
    vector[units.outgoing[3]] = 0
    before = outputs(model, vector)
    vector[units.incoming[3]] = 9.0
    np.testing.assert_array_equal(outputs(model, vector), before)


def test_a_convolution_has_a_unit_for_each_channel_and_no_known_listeners() -> None:
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            keras.layers.Conv2D(3, 3),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    (units,) = hidden_units(model)
    assert units.incoming.shape == (3, 3 * 3 * 2 + 1)
    assert units.outgoing.shape == (3, 0)
    assert sorted(units.incoming.ravel()) == list(range(3 * 19))


def test_a_child_is_its_parent_with_one_unit_of_another() -> None:
    model = feedforward([2, 5, 1], seed=0)
    units = hidden_units(model)
    rng = np.random.default_rng(1)
    drawn = np.array([redrawn_weights(model, rng) for _ in range(4)])
    state = Elite(drawn, np.arange(4.0))
    space = Space(np.tile([-1.0, 1.0], (21, 1)))
    candidates, _ = Memetic(keep=0.25, fresh=0, units=units).ask(state, space, rng)
    np.testing.assert_array_equal(candidates[0], drawn[0])
    for child in candidates[1:]:  # the only parent is the best, and the only other too
        changed = [k for k in range(5) if (child[units[0].outgoing[k]] == 0).all()]
        assert len(changed) == 1
        incoming = child[units[0].incoming[changed[0]]]
        assert (drawn[0][units[0].incoming] == incoming).all(axis=1).any()
        rest = np.setdiff1d(
            np.arange(21), np.r_[units[0].incoming[changed[0]], units[0].outgoing[changed[0]]]
        )
        np.testing.assert_array_equal(child[rest], drawn[0][rest])


def test_what_members_learn_is_written_into_them_and_into_the_model() -> None:
    model = feedforward([2, 5, 1], seed=0)
    result = evolve_weights(model, X, Y, "memetic", **SETTING)
    error = float(((model(X).numpy() - Y) ** 2).mean())
    assert error == pytest.approx(result.fun, rel=1e-9)
    np.testing.assert_array_equal(weights_to_vector(model), result.x)
    assert (np.diff(result.history.best) <= 0).all()
    # Elites go on learning: 15 epochs leave less than the best of as many starts after 5.
    single = feedforward([2, 5, 1], seed=0)
    alone = evolve_weights(single, X, Y, "multistart", lamarckian=True, **SETTING)
    assert alone.nfev == result.nfev == 24
    assert result.fun < alone.fun


def test_one_member_of_a_lamarckian_multistart_is_a_plain_training() -> None:
    model = feedforward([2, 5, 1], seed=0)
    start = weights_to_vector(feedforward([2, 5, 1], seed=8))
    result = evolve_weights(
        model,
        X,
        Y,
        "multistart",
        lamarckian=True,
        train_epochs=5,
        population=2,
        generations=1,
        initial=start[None] / 10,
        seed=0,
        progress=False,
    )
    alone = feedforward([2, 5, 1], seed=8)
    vector_to_weights(alone, start / 10)
    train(alone, X, Y, epochs=5, progress=False)
    np.testing.assert_allclose(result.population[0], weights_to_vector(alone), rtol=1e-7)


def test_the_genetic_algorithm_can_be_lamarckian_as_well() -> None:
    model = feedforward([2, 5, 1], seed=0)
    result = evolve_weights(model, X, Y, "ga", lamarckian=True, **SETTING)
    assert float(((model(X).numpy() - Y) ** 2).mean()) == pytest.approx(result.fun, rel=1e-9)


def test_without_units_it_minimises_any_function() -> None:
    result = minimize(
        lambda members: (members**2).sum(axis=1), [(-1, 1)] * 4, "memetic", seed=1, progress=False
    )
    assert result.fun < 0.05


def test_the_same_seed_gives_the_same_bits() -> None:
    found = [
        evolve_weights(feedforward([2, 5, 1], seed=0), X, Y, "memetic", **SETTING).x
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draw": "normal"}, 'draw must be "uniform" or "restart"'),
        ({"train_epochs": 0}, "train_epochs must be positive where members learn"),
        ({"keep": 0}, "keep must be"),
        ({"fresh": 2}, "fresh must be"),
    ],
)
def test_wrong_arguments_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        evolve_weights(feedforward([2, 5, 1], seed=0), X, Y, "memetic", **(SETTING | options))


def test_an_objective_that_improves_members_must_return_as_many() -> None:
    with pytest.raises(ArgumentError, match="return finite members of shape"):
        minimize(lambda m: (m[:1], m.sum(axis=1)), [(-1, 1)] * 2, seed=1, progress=False)
