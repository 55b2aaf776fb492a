"""The particle swarm against the published equations, written out member by member."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from workbench.errors import ArgumentError, UnknownNameError
from workbench.evolve.search import minimize
from workbench.evolve.space import Space
from workbench.evolve.swarm import VARIANTS, ParticleSwarm, Swarm, constriction, leaders

Floats = NDArray[np.float64]

BOX = np.array([(-1.0, 2.0), (-3.0, 1.0), (0.5, 4.0)])
LOW, HIGH = BOX.T
SPACE = Space(BOX)
EVERY = [
    {"variant": variant, "neighbourhood": neighbourhood}
    for variant in VARIANTS
    for neighbourhood in ("global", "ring")
]


def sphere(members: Floats) -> Floats:
    return ((members - 0.7) ** 2).sum(axis=1)


def rosenbrock(x: Floats) -> Floats:
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(axis=1)


def started(method: ParticleSwarm, n: int, seed: int) -> tuple[Swarm, np.random.Generator]:
    """Return a swarm that has flown a few generations over the sphere."""
    rng = np.random.default_rng(seed)
    members = SPACE.draw(n, rng)
    state = method.tell(method.init(SPACE, members, rng), members, sphere(members))
    for _ in range(3):
        candidates, state = method.ask(state, SPACE, rng)
        state = method.tell(state, candidates, sphere(candidates))
    return state, rng


# The equations


def test_the_usual_constriction_is_the_published_number() -> None:
    # Clerc and Kennedy 2002; Eberhart and Shi 2000 print 0.729 and 1.49445 for the products.
    assert constriction(2.05, 2.05) == pytest.approx(0.72984, abs=1e-5)
    flight = ParticleSwarm().flight()
    assert flight.cognitive == flight.social == pytest.approx(1.49618, abs=1e-5)


@pytest.mark.parametrize(
    ("variant", "numbers"),
    [
        ("constriction", (0.7298437881283576, 1.4961797656631330, 1.0, 0.5, 0.5)),
        ("inertia", (0.9 - 0.5 * 3 / 10, 2.0, 1.0, 0.2, 0.5)),
        ("textbook", (1.0, 1.49445, 0.2, 0.1, -1.0)),
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_a_step_is_the_published_one_gene_by_gene(
    variant: str, numbers: tuple[float, ...], seed: int
) -> None:
    weight, pull, part, limit, rebound = numbers
    method = ParticleSwarm(variant=variant, horizon=10, mutation=0.0)
    state, rng = started(method, 12, seed)
    ahead = np.random.default_rng()
    ahead.bit_generator.state = rng.bit_generator.state
    shared = variant == "textbook"
    one, two = ahead.random((2, 12, 1 if shared else 3))
    candidates, after = method.ask(state, SPACE, rng)
    leader = state.best[np.argmin(state.best_values)]
    for i in range(12):
        for j in range(3):
            k, x = 0 if shared else j, state.members[i, j]
            v = weight * state.velocities[i, j]
            v += pull * one[i, k] * (state.best[i, j] - x) + pull * two[i, k] * (leader[j] - x)
            most = limit * (HIGH[j] - LOW[j])
            v = min(max(v, -most), most)
            y = x + part * v
            if not LOW[j] <= y <= HIGH[j]:
                y, v = min(max(y, LOW[j]), HIGH[j]), -rebound * v
            assert candidates[i, j] == pytest.approx(y, rel=1e-12, abs=1e-12)
            assert after.velocities[i, j] == pytest.approx(v, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("rebound", "velocity"), [(0.5, -0.25), (0.0, 0.0), (-1.0, 0.5)])
def test_a_bound_stops_a_member_and_turns_its_velocity(rebound: float, velocity: float) -> None:
    # At its own best and its neighbours', a member is drawn by nothing but its velocity.
    method = ParticleSwarm(variant="inertia", inertia=1.0, rebound=rebound, velocity_limit=1.0)
    here, value = np.array([[1.9, 0.0, 1.0]] * 2), np.zeros(2)
    state = Swarm(here, value, np.array([[0.5, 0.5, 0.0]] * 2), here, value)
    candidates, after = method.ask(state, SPACE, np.random.default_rng(0))
    np.testing.assert_array_equal(candidates, [[2.0, 0.5, 1.0]] * 2)
    np.testing.assert_allclose(after.velocities, [[velocity, 0.5, 0.0]] * 2)


def test_the_inertia_falls_in_a_straight_line_and_stays_at_its_end() -> None:
    method = ParticleSwarm(variant="inertia", inertia=(0.9, 0.5), horizon=4, velocity_limit=1.0)
    here, value = BOX.mean(axis=1) + np.zeros((2, 3)), np.zeros(2)
    state = Swarm(here, value, np.full((2, 3), 0.1), here, value)
    weights = []
    for generation in range(7):
        now = dataclasses.replace(state, generation=generation)
        _, after = method.ask(now, SPACE, np.random.default_rng(0))
        weights.append(float(after.velocities[0, 0] / 0.1))
    np.testing.assert_allclose(weights, [0.9, 0.8, 0.7, 0.6, 0.5, 0.5, 0.5])


def test_members_remember_the_best_place_they_have_been_at() -> None:
    state, _ = started(ParticleSwarm(), 6, 1)
    seen = np.random.default_rng(5).uniform(LOW, HIGH, (9, 6, 3))
    every = [state.best, *seen]
    for members in seen:
        state = ParticleSwarm().tell(state, members, sphere(members))
    first = np.argmin([sphere(members) for members in every], axis=0)
    np.testing.assert_array_equal(state.best, np.array(every)[first, np.arange(6)])
    np.testing.assert_array_equal(state.best_values, sphere(state.best))
    np.testing.assert_array_equal(state.members, seen[-1])


# Neighbours


@pytest.mark.parametrize("neighbours", [1, 2, 3, 50])
@pytest.mark.parametrize("n", [2, 3, 6, 11])
def test_each_follows_the_best_of_its_neighbours_on_the_ring(n: int, neighbours: int) -> None:
    values = np.random.default_rng(n).random(n)
    values[0] = np.inf
    for i, leader in enumerate(leaders(values, neighbours)):
        near = [(i + away) % n for away in range(-neighbours, neighbours + 1)]
        assert values[leader] == min(values[k] for k in near)
        assert leader in near


def test_news_travels_one_neighbour_a_generation_around_the_ring() -> None:
    # A member that is drawn by nothing does not move; the best is at member 0.
    method = ParticleSwarm(neighbourhood="ring", velocity_limit=1.0)
    here = np.tile(BOX.mean(axis=1), (9, 1))
    best = here.copy()
    best[0] += 0.1
    values = np.ones(9)
    values[0] = 0.0
    state = Swarm(here, values, np.zeros((9, 3)), best, values)
    candidates, _ = method.ask(state, SPACE, np.random.default_rng(0))
    assert list(np.flatnonzero((candidates != here).any(axis=1))) == [0, 1, 8]


# The textbook's own


def test_the_textbook_draws_one_gene_anew_in_one_of_twenty_members() -> None:
    method, n = ParticleSwarm(variant="textbook"), 20_000
    here = np.tile(BOX.mean(axis=1), (n, 1))
    state = Swarm(here, np.zeros(n), np.zeros((n, 3)), here, np.zeros(n))
    changed = method.ask(state, SPACE, np.random.default_rng(3))[0] != here
    assert changed.sum(axis=1).max() == 1
    assert 0.045 < changed.any(axis=1).mean() < 0.055  # three standard deviations
    assert (np.abs(changed.sum(axis=0) / changed.sum() - 1 / 3) < 0.05).all()


# Searching


@pytest.mark.parametrize("options", EVERY)
def test_candidates_keep_the_bounds_to_the_last_bit(options: dict[str, Any]) -> None:
    seen: list[Floats] = []

    def corner(members: Floats) -> Floats:
        seen.append(members.copy())
        return members.sum(axis=1)

    bounds = np.array([(-0.1, 0.3), (1 / 3, 0.7), (-1e9, 1e-9)])
    result = minimize(
        corner, bounds, "pso", population=10, generations=80, seed=1, progress=False, **options
    )
    every = np.concatenate(seen)
    assert (every >= bounds[:, 0]).all()
    assert (every <= bounds[:, 1]).all()
    if options["variant"] != "textbook":
        assert result.x == pytest.approx(bounds[:, 0])


@pytest.mark.parametrize("n", [2, 7])
@pytest.mark.parametrize("options", EVERY)
def test_flat_and_hopeless_objectives_harm_nobody(options: dict[str, Any], n: int) -> None:
    for value in (0.0, np.inf):
        result = minimize(
            lambda members, value=value: np.full(len(members), value),
            BOX,
            "pso",
            population=n,
            generations=30,
            seed=1,
            progress=False,
            **options,
        )
        assert result.fun == value
        assert np.isfinite(result.population).all()


@pytest.mark.parametrize("options", EVERY)
def test_a_rebuilt_state_flies_on_with_the_same_bits(options: dict[str, Any]) -> None:
    method = ParticleSwarm(**options)
    state, rng = started(method, 9, 4)
    other = np.random.default_rng()
    other.bit_generator.state = rng.bit_generator.state
    fields = {f.name: getattr(state, f.name) for f in dataclasses.fields(state)}
    assert all(isinstance(value, np.ndarray | int) for value in fields.values())
    again = ParticleSwarm.State(**{name: np.copy(v) for name, v in fields.items()})
    fresh = ParticleSwarm(**options)
    for _ in range(5):
        candidates, state = method.ask(state, SPACE, rng)
        repeated, again = fresh.ask(again, SPACE, other)
        np.testing.assert_array_equal(candidates, repeated)
        state = method.tell(state, candidates, sphere(candidates))
        again = fresh.tell(again, repeated, sphere(repeated))


def test_a_hundred_members_end_in_the_valley_of_rosenbrock() -> None:
    found = [
        minimize(
            rosenbrock,
            [(-5, 5)] * 2,
            "pso",
            population=100,
            generations=400,
            seed=seed,
            progress=False,
        )
        for seed in range(3)
    ]
    assert all(result.x == pytest.approx([1, 1], abs=1e-6) for result in found)


def test_the_defaults_are_better_than_the_textbooks_recipe_on_the_sphere() -> None:
    def best(**options: Any) -> float:
        found = [
            minimize(sphere, [(-5, 5)] * 10, "pso", seed=seed, progress=False, **options).fun
            for seed in range(5)
        ]
        return float(np.median(found))

    assert best() < 1e-2 * best(variant="textbook")


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"neighbours": 0}, "neighbours must be a positive integer"),
        ({"horizon": 0}, "horizon must be a positive integer"),
        ({"cognitive": -1}, "cognitive must be a real number"),
        ({"velocity_limit": 0}, "velocity_limit must be a real number"),
        ({"rebound": 2}, "rebound must be a real number"),
        ({"mutation": 1.5}, "mutation must be a real number"),
        ({"variant": "inertia", "inertia": (1, 2, 3)}, "inertia must be one number, or a pair"),
        ({"variant": "inertia", "inertia": 1.5}, "inertia must be a real number"),
        ({"inertia": 0.7}, "inertia must be left out"),
        ({"cognitive": 2, "social": 2}, "add up with social to more than 4"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        ParticleSwarm(**options)


def test_unknown_variants_and_neighbourhoods_are_told_with_the_nearest_known() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'textbook'"):
        ParticleSwarm(variant="textbok")
    with pytest.raises(UnknownNameError, match="Did you mean 'ring'"):
        ParticleSwarm(neighbourhood="rings")
