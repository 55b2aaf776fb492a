"""The functions that searches are tested on, against other people's formulas."""

import math
import pickle

import numpy as np
import pytest
from scipy.optimize import rosen

from workbench.errors import ArgumentError
from workbench.evolve.functions import TEST_FUNCTIONS, ackley, griewank, rastrigin, rosenbrock

GENES = (1, 2, 10, 30)


def points(name: str, genes: int, count: int = 200) -> np.ndarray:
    low, high = TEST_FUNCTIONS[name].bounds(genes).T
    return np.random.default_rng(genes).uniform(low, high, (count, genes))


@pytest.mark.parametrize("name", TEST_FUNCTIONS)
@pytest.mark.parametrize("genes", GENES)
def test_the_minimum_is_0_and_nothing_is_lower(name: str, genes: int) -> None:
    landscape = TEST_FUNCTIONS[name]
    assert landscape(landscape.minimum(genes)[None])[0] == pytest.approx(0, abs=1e-15)
    assert landscape(points(name, genes, 5000)).min() >= 0
    near = landscape.minimum(genes) + 1e-4 * np.random.default_rng(1).normal(size=(1000, genes))
    assert landscape(near).min() > (0 if (name, genes) != ("rosenbrock", 1) else -1)


@pytest.mark.parametrize("genes", GENES[1:])
def test_rosenbrock_is_scipys(genes: int) -> None:
    x = points("rosenbrock", genes)
    np.testing.assert_allclose(rosenbrock(x), rosen(x.T), rtol=1e-12)


@pytest.mark.parametrize("genes", GENES)
def test_the_others_are_their_formulas_gene_by_gene(genes: int) -> None:
    def bowl(x: list[float]) -> float:
        return sum(g * g - 10 * math.cos(2 * math.pi * g) + 10 for g in x)

    def ripples(x: list[float]) -> float:
        product = math.prod(math.cos(g / math.sqrt(i)) for i, g in enumerate(x, 1))
        return sum(g * g for g in x) / 4000 - product + 1

    def needle(x: list[float]) -> float:
        distance = math.sqrt(sum(g * g for g in x) / len(x))
        waves = sum(math.cos(2 * math.pi * g) for g in x) / len(x)
        return -20 * math.exp(-0.2 * distance) - math.exp(waves) + 20 + math.e

    for name, ours, theirs in (
        ("rastrigin", rastrigin, bowl),
        ("griewank", griewank, ripples),
        ("ackley", ackley, needle),
    ):
        x = points(name, genes)
        np.testing.assert_allclose(ours(x), [theirs(row) for row in x.tolist()], rtol=1e-10)


def test_known_values_by_hand() -> None:
    one = np.ones((1, 4))
    assert TEST_FUNCTIONS["sphere"](2 * one)[0] == 16
    assert rastrigin(one)[0] == pytest.approx(4)  # a hollow: only the squares count
    assert rastrigin(one / 2)[0] == pytest.approx(4 * (0.25 + 20))  # a ridge
    assert rosenbrock(-one)[0] == pytest.approx(3 * (400 + 4))
    assert ackley(one)[0] == pytest.approx(20 * (1 - math.exp(-0.2)))


@pytest.mark.parametrize("name", TEST_FUNCTIONS)
def test_a_moved_function_has_its_minimum_there_and_is_otherwise_the_same(name: str) -> None:
    landscape = TEST_FUNCTIONS[name]
    place = landscape.draw_minimum(10, np.random.default_rng(3))
    moved = landscape.moved(place)
    assert moved(place[None])[0] == pytest.approx(0, abs=1e-12)
    x = points(name, 10)
    shift = place - landscape.minimum(10)
    np.testing.assert_array_equal(moved(x), landscape(x - shift))
    sent = pickle.loads(pickle.dumps(moved))  # noqa: S301
    np.testing.assert_array_equal(sent(x), moved(x))


@pytest.mark.parametrize("name", TEST_FUNCTIONS)
def test_minima_are_drawn_from_the_middle_half(name: str) -> None:
    landscape = TEST_FUNCTIONS[name]
    drawn = landscape.draw_minimum(10_000, np.random.default_rng(0))
    share = (drawn - landscape.low) / (landscape.high - landscape.low)
    assert 0.25 <= share.min() < 0.251
    assert 0.749 < share.max() <= 0.75


@pytest.mark.parametrize("minimum", [[0.0, 5.2], [[0.0, 0.0]], [0.0, np.nan]])
def test_a_minimum_out_of_bounds_is_refused(minimum: list[float]) -> None:
    with pytest.raises(ArgumentError, match=r"minimum must be a vector of genes from -5\.12"):
        TEST_FUNCTIONS["sphere"].moved(minimum)
