"""Simulated annealing against the laws it rests on: Metropolis, Corana's steps, Boltzmann."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from workbench.errors import ArgumentError
from workbench.evolve.annealing import Annealing, Chains, adapted, resampled
from workbench.evolve.search import minimize
from workbench.evolve.space import Space

Floats = NDArray[np.float64]

BOX = np.array([(-1.0, 2.0), (-3.0, 1.0), (0.5, 4.0)])
LOW, HIGH = BOX.T
SPACE = Space(BOX)
LEVEL = 0.01  # a true hypothesis is refused once in a hundred seeds; these seeds are fixed


def sphere(members: Floats) -> Floats:
    return ((members - 0.7) ** 2).sum(axis=1)


def rastrigin(members: Floats) -> Floats:
    away = members - 0.7
    return (away**2 - 10 * np.cos(2 * np.pi * away) + 10).sum(axis=1)


def told(method: Annealing, members: Floats, values: Floats, seed: int = 0) -> Chains:
    return method.tell(method.init(SPACE, members, np.random.default_rng(seed)), members, values)


def middle(n: int) -> Floats:
    return np.tile(BOX.mean(axis=1), (n, 1))


# The laws


@pytest.mark.parametrize("worse", [0.5, 1.0, 3.0])
def test_a_worse_member_is_accepted_with_metropolis_probability(worse: float) -> None:
    n, temperature = 20_000, 2.0
    method = Annealing(temperature=temperature, resample=False)
    state = told(method, middle(n), np.zeros(n))
    candidates, state = method.ask(state, SPACE, np.random.default_rng(1))
    after = method.tell(state, candidates, np.full(n, worse))
    accepted = int((after.values == worse).sum())
    assert stats.binomtest(accepted, n, np.exp(-worse / temperature)).pvalue > LEVEL
    moved = (after.members != state.members).any(axis=1)
    np.testing.assert_array_equal(moved, after.values == worse)


def test_a_chain_at_one_temperature_visits_states_as_boltzmann_says() -> None:
    # Of exp(-x^2 / T) on [-1, 1] the chains keep the law, whatever lengths their steps have.
    method = Annealing(cooling=1.0, temperature=0.1, resample=False)
    space, rng = Space(np.array([(-1.0, 1.0)])), np.random.default_rng(2)
    members = space.draw(2000, rng)
    state = method.tell(method.init(space, members, rng), members, members[:, 0] ** 2)
    for _ in range(60):
        candidates, state = method.ask(state, space, rng)
        state = method.tell(state, candidates, candidates[:, 0] ** 2)
    normal = stats.truncnorm(-1 / 0.05**0.5, 1 / 0.05**0.5, scale=0.05**0.5)
    assert stats.kstest(state.members[:, 0], normal.cdf).pvalue > LEVEL


def test_the_steps_are_coranas() -> None:
    # Corana et al. 1987, with c = 2, written out for each accepted fraction.
    accepted, tried = np.array([0.0, 20, 40, 50, 60, 80, 100, 0]), np.array([100.0] * 7 + [0])
    by_hand = [1 / 3, 1 / 2, 1, 1, 1, 2, 3, 1]
    np.testing.assert_allclose(adapted(np.full(8, 4.0), accepted, tried), 4 * np.array(by_hand))


def test_steps_settle_where_about_half_are_accepted() -> None:
    method = Annealing(cooling=1.0, temperature=0.01, resample=False)
    rng, members = np.random.default_rng(3), middle(200)
    scale = np.array([1.0, 100.0, 10_000.0])

    def value(members: Floats) -> Floats:
        return (scale * (members - BOX.mean(axis=1)) ** 2).sum(axis=1)

    state = told(method, members, value(members))
    fractions = []
    for generation in range(200):
        candidates, state = method.ask(state, SPACE, rng)
        state = method.tell(state, candidates, value(candidates))
        if generation >= 100 and generation % 5 == 4:
            fractions.append(state.accepted / state.tried)
    assert (np.abs(np.mean(fractions, axis=0) - 0.5) < 0.1).all()
    ratios = state.steps[:-1] / state.steps[1:]  # the width of a parabola at a given height
    assert ratios == pytest.approx([10, 10], rel=0.5)


def test_each_candidate_moves_one_gene_or_more_and_each_gene_equally_often() -> None:
    method, n = Annealing(temperature=1.0), 20_000
    state = told(method, middle(n), np.zeros(n))
    candidates, after = method.ask(state, SPACE, np.random.default_rng(4))
    moved = candidates != state.members
    np.testing.assert_array_equal(moved, after.moved == 1)
    assert moved.any(axis=1).all()
    # One at least, and each other with a probability of 1/3.
    expected = 1 - (2 / 3) * (2 / 3)
    for count in moved.sum(axis=0):
        assert stats.binomtest(int(count), n, expected).pvalue > LEVEL / 3


@pytest.mark.parametrize("spin", [0.0, 0.37, 0.999])
def test_chains_are_drawn_anew_by_the_change_of_boltzmanns_weight(spin: float) -> None:
    values = np.random.default_rng(5).uniform(3, 5, 40)
    chosen = resampled(values, 1.0, 0.8, spin)
    weight = np.exp((1 / 1.0 - 1 / 0.8) * values)
    counts = np.bincount(chosen, minlength=40)
    assert (np.abs(counts - 40 * weight / weight.sum()) < 1).all()


@pytest.mark.parametrize("values", [[np.inf, 0.5, np.inf], [1e300, 0.0, 1e308], [0.0, 1e-320, 1.0]])
def test_resampling_keeps_to_members_that_are_possible(values: list[float]) -> None:
    chosen = resampled(np.array(values), 1e-307, 0.9e-307, 0.5)
    assert np.isfinite(np.array(values)[chosen]).all()
    assert np.array(values)[chosen].max() < 1


def test_the_temperature_begins_as_the_quartiles_and_falls_geometrically() -> None:
    values = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 1e300, np.inf])
    method, rng = Annealing(cooling=0.8), np.random.default_rng(6)
    state = told(method, SPACE.draw(7, rng), values)
    low, high = np.quantile(values[:6], [0.25, 0.75])
    assert state.temperature == pytest.approx(high - low)
    for power in range(1, 6):
        candidates, state = method.ask(state, SPACE, rng)
        state = method.tell(state, candidates, sphere(candidates))
        assert state.temperature == pytest.approx((high - low) * 0.8**power)


# Searching


@pytest.mark.parametrize("resample", [True, False])
def test_candidates_keep_the_bounds_to_the_last_bit(resample: bool) -> None:
    seen: list[Floats] = []

    def corner(members: Floats) -> Floats:
        seen.append(members.copy())
        return members.sum(axis=1)

    bounds = np.array([(-0.1, 0.3), (1 / 3, 0.7), (-1e9, 1e-9)])
    minimize(
        corner,
        bounds,
        "sa",
        population=10,
        generations=300,
        seed=1,
        progress=False,
        resample=resample,
    )
    every = np.concatenate(seen)
    assert (every >= bounds[:, 0]).all()
    assert (every <= bounds[:, 1]).all()


@pytest.mark.parametrize("n", [2, 7])
@pytest.mark.parametrize("value", [0.0, np.inf, 1e308])
def test_flat_and_hopeless_objectives_harm_nobody(value: float, n: int) -> None:
    result = minimize(
        lambda members: np.full(len(members), value),
        BOX,
        "sa",
        population=n,
        generations=30,
        seed=1,
        progress=False,
    )
    assert result.fun == value
    assert np.isfinite(result.population).all()


def test_a_search_that_begins_hopeless_takes_its_temperature_later() -> None:
    method, rng = Annealing(), np.random.default_rng(7)
    state = told(method, SPACE.draw(9, rng), np.full(9, np.inf))
    assert state.temperature == 0
    candidates, state = method.ask(state, SPACE, rng)
    state = method.tell(state, candidates, np.arange(9.0))
    assert state.temperature == pytest.approx(4)


def test_a_search_of_thousands_of_generations_freezes_without_a_warning() -> None:
    result = minimize(
        lambda members: sphere(members) * 1e300,
        BOX,
        "sa",
        population=4,
        generations=3000,
        seed=1,
        progress=False,
        cooling=0.5,
    )
    assert np.isfinite(result.fun)


@pytest.mark.parametrize("resample", [True, False])
def test_a_rebuilt_state_goes_on_with_the_same_bits(resample: bool) -> None:
    method, rng = Annealing(resample=resample), np.random.default_rng(8)
    members = SPACE.draw(9, rng)
    state = told(method, members, sphere(members))
    for _ in range(7):
        candidates, state = method.ask(state, SPACE, rng)
        state = method.tell(state, candidates, sphere(candidates))
    other = np.random.default_rng()
    other.bit_generator.state = rng.bit_generator.state
    fields = {f.name: getattr(state, f.name) for f in dataclasses.fields(state)}
    assert all(isinstance(value, np.ndarray | int | float) for value in fields.values())
    again = Annealing.State(**{k: np.copy(v)[()] for k, v in fields.items()})
    for _ in range(12):
        candidates, state = method.ask(state, SPACE, rng)
        repeated, again = method.ask(again, SPACE, other)
        np.testing.assert_array_equal(candidates, repeated)
        state = method.tell(state, candidates, sphere(candidates))
        again = method.tell(again, repeated, sphere(repeated))
    np.testing.assert_array_equal(state.members, again.members)


def test_a_hundred_chains_find_the_lowest_of_the_hollows_of_rastrigin() -> None:
    for seed in range(5):
        result = minimize(
            rastrigin,
            [(-5.12, 5.12)] * 2,
            "sa",
            population=100,
            generations=200,
            seed=seed,
            progress=False,
        )
        assert result.x == pytest.approx([0.7, 0.7], abs=1e-4)


def test_chains_drawn_anew_end_lower_than_chains_alone() -> None:
    def best(resample: bool) -> float:
        found = [
            minimize(
                rastrigin, [(-5.12, 5.12)] * 10, "sa", seed=seed, progress=False, resample=resample
            ).fun
            for seed in range(7)
        ]
        return float(np.median(found))

    assert best(True) < best(False)


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cooling": 0}, "cooling must be a real number"),
        ({"cooling": 1.1}, "cooling must be a real number"),
        ({"temperature": 0}, "temperature must be a real number"),
        ({"temperature": np.inf}, "temperature must be a real number"),
        ({"resample": "yes"}, "resample must be True or False"),
        ({"window": 0}, "window must be a positive integer"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Annealing(**options)
