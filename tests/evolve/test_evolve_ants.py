"""ACO_R against the equations of Socha and Dorigo, written as slow loops, and on functions."""

import math
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from workbench.errors import ArgumentError
from workbench.evolve import Space, minimize
from workbench.evolve.ants import AntColony, Archive, cumulative_weights, mean_distances

Floats = NDArray[np.float64]
LEVEL = 0.01  # a true hypothesis is refused once in a hundred seeds; these seeds are fixed


def sphere(x: Floats) -> Floats:
    return (x**2).sum(axis=1)


def rosenbrock(x: Floats) -> Floats:
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(axis=1)


def ackley(x: Floats) -> Floats:
    waves = np.exp(np.cos(2 * np.pi * x).mean(axis=1))
    return 20 + np.e - 20 * np.exp(-0.2 * np.sqrt((x**2).mean(axis=1))) - waves


def archive(members: Floats, ants: int) -> Archive:
    values = np.arange(float(len(members)))
    return Archive(members, values, size=len(members), ants=ants, told=True)


def box(genes: int, width: float = 1e6) -> Space:
    return Space(np.tile([-width, width], (genes, 1)))


def weight(rank: int, size: int, q: float) -> float:
    """Equation 9, rank from 1."""
    deviation = q * size
    factor = 1 / (deviation * math.sqrt(2 * math.pi))
    return factor * math.exp(-((rank - 1) ** 2) / (2 * deviation**2))


def deviation(members: Floats, guide: int, gene: int, xi: float) -> float:
    """Equation 11."""
    total = 0.0
    for other in range(len(members)):
        total += abs(members[other, gene] - members[guide, gene]) / (len(members) - 1)
    return xi * total


@pytest.mark.parametrize("q", [1e-4, 0.02, 0.1, 0.5, 3.0])
@pytest.mark.parametrize("size", [2, 50])
def test_guides_have_the_chances_of_the_papers_weights(size: int, q: float) -> None:
    weights = np.array([weight(rank, size, q) for rank in range(1, size + 1)])
    chances = np.diff(cumulative_weights(size, q), prepend=0)
    np.testing.assert_allclose(chances, weights / weights.sum(), rtol=1e-9, atol=1e-15)
    assert cumulative_weights(size, q)[-1] == 1


def test_the_least_q_chooses_the_best_only() -> None:
    assert (cumulative_weights(10, 5e-324) == 1).all()


@pytest.mark.parametrize("size", [2, 3, 40])
def test_steps_are_as_wide_as_the_papers_equation_says(size: int) -> None:
    members = np.random.default_rng(1).normal(size=(size, 3))
    members[:, 2] = members[:, 2].round()  # equal genes
    slow = [[deviation(members, e, i, 1.0) for i in range(3)] for e in range(size)]
    np.testing.assert_allclose(mean_distances(members), slow, rtol=1e-13)


def test_steps_keep_their_precision_in_a_tiny_archive() -> None:
    offsets = np.random.default_rng(2).permutation(np.arange(20.0))[:, None]
    step = 2.0**-48
    expected = np.abs(offsets - offsets.T).sum(axis=1) / 19 * step
    np.testing.assert_allclose(mean_distances(1 + offsets * step)[:, 0], expected, rtol=1e-14)


def test_ants_are_distributed_by_the_mixture_of_the_paper() -> None:
    rng = np.random.default_rng(3)
    members, q, xi = rng.normal(size=(6, 2)), 0.3, 0.8
    method = AntColony(q=q, xi=xi)
    drawn, _ = method.ask(archive(members, 40_000), box(2), rng)
    weights = np.array([weight(rank, 6, q) for rank in range(1, 7)])
    weights /= weights.sum()
    for gene in range(2):

        def law(x: Any, gene: int = gene) -> Any:
            parts = [
                share * stats.norm.cdf(x, members[e, gene], deviation(members, e, gene, xi))
                for e, share in enumerate(weights)
            ]
            return np.sum(parts, axis=0)

        assert stats.kstest(drawn[:, gene], law).pvalue > LEVEL


def test_an_ant_has_one_guide_for_all_its_genes() -> None:
    far = np.array([[0.0, 0.0], [100.0, 100.0]])
    method = AntColony(q=5, xi=0.01)  # steps of deviation 1
    drawn, _ = method.ask(archive(far, 1000), box(2), np.random.default_rng(4))
    near_first, near_second = (np.abs(drawn - guide).max(axis=1) < 10 for guide in far)
    assert (near_first ^ near_second).all()
    assert 400 < near_first.sum() < 600


def test_the_archive_keeps_the_best_in_order_and_the_older_of_equals() -> None:
    method, rng = AntColony(archive=3), np.random.default_rng(5)
    first = np.arange(4.0)[:, None]
    state = method.tell(method.init(box(1), first, rng), first, np.array([3.0, 1, np.inf, 2]))
    np.testing.assert_array_equal(state.members[:, 0], [1, 3, 0])
    state = method.tell(state, first + 10, np.array([2.0, 0, 9, np.inf]))
    np.testing.assert_array_equal(state.members[:, 0], [11, 1, 3])
    np.testing.assert_array_equal(state.values, [0, 1, 2])


def test_an_archive_larger_than_the_population_fills_up() -> None:
    sizes: list[int] = []
    minimize(
        sphere,
        [(-1, 1)] * 2,
        "aco",
        archive=25,
        population=10,
        generations=4,
        seed=1,
        callback=lambda result: sizes.append(len(result.population)),
        progress=False,
    )
    assert sizes == [10, 20, 25, 25]


@pytest.mark.parametrize(
    ("function", "width", "genes", "enough"),
    [
        (sphere, 5.12, 2, 1e-20),
        (sphere, 5.12, 10, 1e-15),
        (ackley, 32.0, 10, 1e-6),
        (rosenbrock, 2.048, 2, 1e-3),
        (rosenbrock, 2.048, 10, 9.0),
    ],
)
def test_it_finds_the_minimum_in_most_of_nine_seeds(
    function: Any, width: float, genes: int, enough: float
) -> None:
    call: dict[str, Any] = {"population": 50, "generations": 200, "progress": False}
    found = [
        minimize(function, [(-width, width)] * genes, "aco", seed=s, **call).fun for s in range(9)
    ]
    assert sum(value < enough for value in found) >= 6


def test_a_minimum_in_a_corner_of_the_bounds_is_found_exactly() -> None:
    seen: list[Floats] = []

    def slope(x: Floats) -> Floats:
        seen.append(x.copy())
        return x.sum(axis=1)

    bounds = np.array([(-1.0, 0.1), (0.3, 0.7), (5.0, 6.0)])
    result = minimize(slope, bounds, "aco", seed=1, progress=False)
    np.testing.assert_array_equal(result.x, bounds[:, 0])
    everything = np.concatenate(seen)
    assert (everything >= bounds[:, 0]).all()
    assert (everything <= bounds[:, 1]).all()


@pytest.mark.parametrize("population", [2, 15])
@pytest.mark.parametrize("value", [0.0, np.inf])
def test_a_flat_function_does_no_harm(value: float, population: int) -> None:
    result = minimize(
        lambda x: np.full(len(x), value),
        [(-1, 1)] * 3,
        "aco",
        population=population,
        generations=20,
        seed=1,
        progress=False,
    )
    assert result.fun == value
    assert result.nfev == 20 * population


def test_whole_genes_reach_their_minimum() -> None:
    result = minimize(
        lambda x: np.abs(x - [3, -2, 1]).sum(axis=1),
        [(-9, 9), (-9, 9), (0, 1)],
        "aco",
        genes=["integer", "integer", "binary"],
        seed=1,
        progress=False,
    )
    assert result.fun == 0


def test_a_search_goes_on_from_its_state_and_generator_with_the_same_bits() -> None:
    method, space = AntColony(), box(4, 5.0)

    def steps(state: Archive, rng: np.random.Generator, count: int) -> Archive:
        for _ in range(count):
            candidates, state = method.ask(state, space, rng)
            state = method.tell(state, candidates, sphere(candidates))
        return state

    def begun(rng: np.random.Generator) -> Archive:
        members = space.draw(12, rng)
        return method.tell(method.init(space, members, rng), members, sphere(members))

    rng = np.random.default_rng(6)
    whole = steps(begun(rng), rng, 20)
    rng = np.random.default_rng(6)
    half = steps(begun(rng), rng, 9)
    other = np.random.default_rng(0)
    other.bit_generator.state = rng.bit_generator.state
    again = AntColony.State(**{f.name: getattr(half, f.name) for f in fields(half)})
    again = steps(again, other, 11)
    np.testing.assert_array_equal(again.members, whole.members)
    np.testing.assert_array_equal(again.values, whole.values)


def test_the_same_seed_gives_the_same_bits() -> None:
    found = [
        minimize(ackley, [(-9, 9)] * 5, "aco", generations=30, seed=3, progress=False)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(found[0].population, found[1].population)


@pytest.mark.parametrize("options", [{"archive": 1}, {"q": 0}, {"xi": 0}, {"xi": "wide"}])
def test_wrong_options_are_told(options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=f"{next(iter(options))} must be"):
        AntColony(**options)
