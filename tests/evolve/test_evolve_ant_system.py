"""The ant system against its equations, written as slow loops, and against optimal tours."""

import itertools
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from workbench.errors import ArgumentError
from workbench.evolve import Space, minimize
from workbench.evolve.ant_system import AntSystem, Trails, walk

Floats = NDArray[np.float64]
LEVEL = 0.01  # a true hypothesis is refused once in a hundred seeds; these seeds are fixed


def lengths(points: Floats) -> Floats:
    return np.hypot(*(points[:, None] - points).transpose(2, 0, 1))


def tours(distances: Floats, closed: bool = True) -> Any:
    """Return the objective: the length of each walk."""

    def objective(members: Floats) -> Floats:
        order = members.astype(int)
        ways = distances[order, np.roll(order, -1, axis=1)]
        return ways.sum(axis=1) if closed else ways[:, :-1].sum(axis=1)

    return objective


def shortest(distances: Floats, closed: bool = True) -> float:
    """Return the least length by trying all walks."""
    every = np.array(list(itertools.permutations(range(len(distances)))), dtype=float)
    return float(tours(distances, closed)(every).min())


def search(objective: Any, genes: int, **settings: Any) -> Any:
    call = {"population": 20, "generations": 60, "seed": 1, "progress": False}
    bounds = [(0, genes - 1)] * genes
    return minimize(objective, bounds, "ant-system", genes="permutation", **(call | settings))


def permutations(count: int, genes: int, rng: np.random.Generator) -> Floats:
    return rng.permuted(np.tile(np.arange(float(genes)), (count, 1)), axis=1)


def space(genes: int) -> Space:
    return Space(np.tile([0.0, genes - 1.0], (genes, 1)), kinds=("permutation",) * genes)


def slowly_laid(walks: Floats, amounts: Floats, places: int, closed: bool, both: bool) -> Floats:
    laid = np.zeros((places, places))
    for member, amount in zip(walks, amounts, strict=True):
        steps = [int(place) for place in member]
        if not closed:
            steps.insert(0, places - 1)
        for i, place in enumerate(steps):
            following = steps[(i + 1) % len(steps)]
            laid[place, following] += amount
            if both:
                laid[following, place] += amount
    return laid


# The walk


def test_the_chance_of_a_walk_is_the_product_of_its_steps() -> None:
    rng, places, ants = np.random.default_rng(1), 4, 60_000
    trails, distances = rng.uniform(0.5, 2, (4, 4)), rng.uniform(1, 2, (4, 4))
    method = AntSystem(distances=distances, alpha=1.3, beta=2.0)
    walks = walk(method.attraction(trails), np.zeros(ants, dtype=np.intp), rng)
    every, chances = list(itertools.permutations(range(1, places))), []
    for order in every:
        chance, here = 1.0, 0
        for step, place in enumerate(order):
            weights = {j: trails[here, j] ** 1.3 / distances[here, j] ** 2 for j in order[step:]}
            chance *= weights[place] / sum(weights.values())
            here = place
        chances.append(chance)
    counts = [(walks[:, 1:] == order).all(axis=1).sum() for order in every]
    assert sum(counts) == ants
    assert sum(chances) == pytest.approx(1)
    assert stats.chisquare(counts, np.array(chances) * ants).pvalue > LEVEL


def test_every_walk_goes_to_each_place_once_even_where_no_trail_is_left() -> None:
    trails = np.full((12, 12), 5e-324)
    trails[0, 1] = 1e300
    method, rng = AntSystem(alpha=3.0), np.random.default_rng(2)
    walks = walk(method.attraction(trails), rng.integers(12, size=500), rng)
    np.testing.assert_array_equal(np.sort(walks, axis=1), np.tile(np.arange(12), (500, 1)))


def test_tours_begin_anywhere() -> None:
    method, rng = AntSystem(), np.random.default_rng(3)
    state = method.init(space(5), permutations(20_000, 5, rng), rng)
    drawn, _ = method.ask(state, space(5), rng)
    assert stats.chisquare(np.bincount(drawn[:, 0].astype(int), minlength=5)).pvalue > LEVEL


# The trails


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("deposit", ["rank", "value"])
def test_trails_evaporate_and_are_laid_as_the_equations_say(
    deposit: str, closed: bool, both: bool
) -> None:
    genes, ants, rho, Q, w = 6, 9, 0.7, 3.0, 4
    rng, places = np.random.default_rng(4), genes + (not closed)
    method = AntSystem(
        closed=closed, symmetric=both, rho=rho, deposit=deposit, ranks=w, Q=Q, trail=0.5
    )
    first, second = permutations(ants, genes, rng), permutations(ants, genes, rng)
    first_values, second_values = rng.uniform(1, 2, ants), rng.uniform(2, 3, ants)
    second_values[3] = np.inf
    state = method.tell(method.init(space(genes), first, rng), first, first_values)
    state = method.tell(state, second, second_values)

    expected, best = np.full((places, places), 0.5), first[first_values.argmin()]
    for walks, values in ((first, first_values), (second, second_values)):
        if deposit == "value":
            amounts = Q / values
        else:
            amounts = np.zeros(ants)
            for rank, ant in enumerate(np.argsort(values)[: w - 1], start=1):
                amounts[ant] = (w - rank) * Q
        expected = rho * expected + slowly_laid(walks, amounts, places, closed, both)
        if deposit == "rank":
            expected += slowly_laid(best[None], np.array([w * Q]), places, closed, both)
    np.testing.assert_allclose(state.trails, expected, rtol=1e-12)
    assert state.best_value == first_values.min()
    np.testing.assert_array_equal(state.best, best)


def test_ways_go_both_directions_where_the_distances_are_symmetric() -> None:
    rng = np.random.default_rng(5)
    one_way = rng.uniform(1, 2, (5, 5))
    members = permutations(4, 5, rng)
    for distances, symmetric in ((one_way + one_way.T, True), (one_way, False), (None, False)):
        method = AntSystem(distances=distances)
        state = method.tell(method.init(space(5), members, rng), members, np.arange(4.0))
        assert (state.trails == state.trails.T).all() == symmetric


@pytest.mark.parametrize("deposit", ["rank", "value"])
def test_the_amount_laid_cancels_without_a_given_trail(deposit: str) -> None:
    distances = lengths(np.random.default_rng(6).random((9, 2)))
    found = [
        search(tours(distances), 9, deposit=deposit, Q=Q, generations=5).population
        for Q in (1.0, 1024.0)
    ]
    np.testing.assert_array_equal(*found)


# Searches


def test_the_best_tour_of_points_on_a_circle_goes_round() -> None:
    angles = np.random.default_rng(7).permutation(20) * (2 * np.pi / 20)
    distances = lengths(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    result = search(tours(distances), 20, distances=distances)
    assert result.fun == pytest.approx(20 * 2 * np.sin(np.pi / 20), rel=1e-12)


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize(("deposit", "known"), [("rank", True), ("rank", False), ("value", True)])
def test_the_optimum_of_eight_random_places_is_found(
    closed: bool, deposit: str, known: bool
) -> None:
    distances = lengths(np.random.default_rng(8).random((8, 2)))
    options: dict[str, Any] = {"closed": closed, "deposit": deposit}
    if known:
        options["distances"] = distances
    result = search(tours(distances, closed), 8, **options)
    assert result.fun == pytest.approx(shortest(distances, closed), rel=1e-12)


def test_values_of_any_sign_give_the_same_search_with_ranks() -> None:
    distances = lengths(np.random.default_rng(9).random((8, 2)))
    plain = tours(distances)
    one = search(plain, 8, generations=30)
    other = search(lambda members: 4 * plain(members) - 256, 8, generations=30)
    np.testing.assert_array_equal(one.population, other.population)
    with pytest.raises(ArgumentError, match='positive for deposit="value"'):
        search(lambda members: plain(members) - 99, 8, deposit="value")


def test_without_a_way_back_the_first_place_is_learned() -> None:
    due = np.random.default_rng(10).permutation(10)
    follows = dict(itertools.pairwise(due.tolist()))

    def wrong(member: list[float]) -> int:
        """Count the wrong followers, and 3 for a wrong first place."""
        ways = itertools.pairwise(member)
        return 3 * (member[0] != due[0]) + sum(follows.get(a) != b for a, b in ways)

    result = search(lambda members: [wrong(m) for m in members.tolist()], 10, closed=False)
    assert result.fun == 0
    np.testing.assert_array_equal(result.x, due)
    # The last colony is agreed on where to begin.
    assert (result.population[:, 0] == due[0]).mean() > 0.8


@pytest.mark.parametrize("genes", [1, 2, 3])
@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("deposit", ["rank", "value"])
@pytest.mark.parametrize("value", [1.0, np.inf])
def test_small_and_flat_problems_do_no_harm(
    genes: int, closed: bool, deposit: str, value: float
) -> None:
    method, rng = AntSystem(closed=closed, deposit=deposit), np.random.default_rng(11)
    members = permutations(2, genes, rng)
    state = method.tell(method.init(space(genes), members, rng), members, np.full(2, value))
    for _ in range(1500):  # a trail of one half would be zero by then
        members, state = method.ask(state, space(genes), rng)
        assert (np.sort(members, axis=1) == np.arange(genes)).all()
        state = method.tell(state, members, np.full(2, value))
    assert np.isfinite(state.trails).all()


def test_a_search_goes_on_from_its_state_and_generator_with_the_same_bits() -> None:
    distances = lengths(np.random.default_rng(12).random((10, 2)))
    method, objective = AntSystem(distances=distances), tours(distances)

    def steps(state: Trails, rng: np.random.Generator, count: int) -> Trails:
        for _ in range(count):
            candidates, state = method.ask(state, space(10), rng)
            state = method.tell(state, candidates, objective(candidates))
        return state

    def begun(rng: np.random.Generator) -> Trails:
        members = permutations(6, 10, rng)
        return method.tell(method.init(space(10), members, rng), members, objective(members))

    rng = np.random.default_rng(13)
    whole = steps(begun(rng), rng, 20)
    rng = np.random.default_rng(13)
    half = steps(begun(rng), rng, 9)
    other = np.random.default_rng(0)
    other.bit_generator.state = rng.bit_generator.state
    again = AntSystem.State(**{f.name: getattr(half, f.name) for f in fields(half)})
    again = steps(again, other, 11)
    for name in ("trails", "members", "values", "best", "best_value"):
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))


def test_the_same_seed_gives_the_same_bits() -> None:
    distances = lengths(np.random.default_rng(14).random((9, 2)))
    found = [search(tours(distances), 9, distances=distances).population for _ in range(2)]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -1}, "alpha must be"),
        ({"beta": -1}, "beta must be"),
        ({"rho": 1.5}, "rho must be"),
        ({"ranks": 0}, "ranks must be"),
        ({"Q": 0}, "Q must be"),
        ({"trail": 0}, "trail must be"),
        ({"deposit": "shift"}, 'deposit must be "rank" or "value"'),
        ({"distances": np.ones((2, 3))}, "distances must be square"),
        ({"distances": np.eye(3)}, "positive between different places"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        AntSystem(**options)


def test_distances_for_another_number_of_genes_are_told() -> None:
    with pytest.raises(ArgumentError, match=r"distances must have shape \(4, 4\)"):
        search(lambda members: members[:, 0], 4, distances=np.ones((5, 5)))


def test_it_is_for_permutations_only() -> None:
    with pytest.raises(ArgumentError, match="genes must be permutation"):
        minimize(lambda x: x.sum(axis=1), [(0, 1)] * 3, "ant-system", progress=False)
