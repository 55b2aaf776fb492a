"""CMA-ES, held to the package cmaes: the same members and values, the same distribution."""

from dataclasses import fields, replace

import cmaes
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2, ks_2samp, kstest

from workbench.errors import ArgumentError, UnknownNameError
from workbench.evolve import minimize
from workbench.evolve.covariance import (
    REPAIRS,
    CovarianceAdaptation,
    Distribution,
    draw,
    mirrored,
    parameters,
    restored,
    update,
)
from workbench.evolve.space import Space

Floats = NDArray[np.float64]
# Their ranges are powers of two: counting in them rounds nothing.
BOUNDS = np.array([(-4.0, 4.0), (-1.0, 15.0), (-0.25, 0.25), (-64.0, 64.0)])
CENTRE = np.array([1.0, 3.0, 0.05, -20.0])


def ellipsoid(x: Floats) -> Floats:
    """Four genes of ranges 0.5 to 128, one of them a hundred times as steep as another."""
    return (((x - CENTRE) / np.diff(BOUNDS).T) ** 2) @ np.array([1.0, 100.0, 3.0, 30.0])


def rosenbrock(x: Floats) -> Floats:
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(axis=1)


def rastrigin(x: Floats) -> Floats:
    return (x**2 - 10 * np.cos(2 * np.pi * x) + 10).sum(axis=1)


def steps(method: CovarianceAdaptation, count: int, seed: int = 1, size: int = 12, f=ellipsoid):
    """Yield the state, the candidates and their values of each generation."""
    rng, space = np.random.default_rng(seed), Space(BOUNDS)
    members = space.draw(size, rng)
    state = method.tell(method.init(space, members, rng), members, f(members))
    for _ in range(count):
        candidates, state = method.ask(state, space, rng)
        values = f(candidates)
        yield state, candidates, values
        state = method.tell(state, candidates, values)


def the_package(state: Distribution, sigma: float = 0.3) -> cmaes.CMA:
    """Return a package's object that stands where the state stands, and may be changed."""
    bounds = BOUNDS / np.diff(BOUNDS)
    theirs = restored(state, sigma)
    for name in ("_mean", "_C", "_B", "_D", "_pc", "_p_sigma", "_funhist_values"):
        setattr(theirs, name, getattr(theirs, name).copy())
    theirs.set_bounds(bounds)
    return theirs


class Numbers:
    """What the package draws with, from our generator."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng

    def randn(self, count: int) -> Floats:
        return self.rng.standard_normal(count)


# The package


def test_the_package_has_all_the_private_attributes_that_are_used() -> None:
    fresh = vars(cmaes.CMA(mean=np.zeros(4), sigma=0.3, population_size=12, seed=1))
    ((state, *_),) = steps(CovarianceAdaptation(), 1)
    used = vars(restored(state, 0.3)).keys() | {"_rng"}
    assert used == fresh.keys(), "cmaes has renamed attributes: adapt workbench/evolve/covariance"
    expected = {f"_{name}" for name in parameters(4, 12)._fields}
    assert expected <= fresh.keys()


def test_no_second_generator_is_left() -> None:
    ((state, *_),) = steps(CovarianceAdaptation(), 1)
    assert not hasattr(restored(state, 0.3), "_rng")


def test_a_package_of_ones_own_and_a_restored_one_are_equal_before_the_first_update() -> None:
    ((state, *_),) = steps(CovarianceAdaptation(sigma=0.2), 1)
    fresh = vars(cmaes.CMA(mean=state.mean, sigma=0.2, population_size=12, seed=1))
    back = vars(restored(state, 0.2))
    # Its history is uninitialised memory, and its eigenvectors come with the first draw.
    for name in fresh.keys() - {"_rng", "_funhist_values", "_B", "_D"}:
        np.testing.assert_array_equal(back[name], fresh[name], err_msg=name)
    assert back["_funhist_values"].shape == fresh["_funhist_values"].shape


@pytest.mark.parametrize("size", [2, 3, 6, 12, 51])
def test_every_update_is_the_packages(size: int) -> None:
    checked = 0
    for state, candidates, values in steps(CovarianceAdaptation(), 60, size=size):
        theirs = the_package(state)
        x = candidates / state.ranges
        theirs.tell(list(zip(x, values, strict=True)))
        theirs._eigen_decomposition()
        ours = update(state, x, values)
        tolerance = {"rtol": 1e-9, "atol": 1e-12}
        np.testing.assert_allclose(ours.mean, theirs._mean, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(ours.sigma, theirs._sigma, rtol=1e-9)
        np.testing.assert_allclose(ours.covariance, theirs._C, **tolerance)
        np.testing.assert_allclose(ours.lengths, theirs._D, **tolerance)
        np.testing.assert_allclose(ours.path, theirs._pc, **tolerance)
        np.testing.assert_allclose(ours.sigma_path, theirs._p_sigma, **tolerance)
        assert ours.generation == theirs.generation
        if ours.generation >= len(ours.extremes) // 2:  # theirs begin as uninitialised memory
            np.testing.assert_array_equal(ours.extremes, theirs._funhist_values)
            checked += 1
        assert restored(ours, 0.3).should_stop() == theirs.should_stop()
    # Of few members and 4 genes the history is longer than the test.
    assert checked > 0 or size < 6


def test_the_same_numbers_draw_the_packages_members() -> None:
    wide = np.tile([-1e6, 1e6], (4, 1))
    for state, *_ in steps(CovarianceAdaptation(), 30):
        theirs = the_package(state)
        theirs.set_bounds(None)
        theirs._rng = Numbers(np.random.default_rng(7))
        expected = np.array([theirs.ask() for _ in range(12)])
        ours = draw(state, wide, 10, np.random.default_rng(7))
        np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-14)


def test_a_run_of_ten_generations_is_the_packages_own() -> None:
    method, space, rng = CovarianceAdaptation(sigma=1e-3), Space(BOUNDS), np.random.default_rng(2)
    members = space.draw(12, rng) / 2 + 1e-3  # away from the bounds, which small steps never meet
    state = method.tell(method.init(space, members, rng), members, ellipsoid(members))
    theirs = cmaes.CMA(mean=state.mean, sigma=1e-3, population_size=12)
    theirs._rng = Numbers(np.random.default_rng(3))
    rng = np.random.default_rng(3)
    for _ in range(10):
        x = np.array([theirs.ask() for _ in range(12)])
        theirs.tell(list(zip(x, ellipsoid(x * state.ranges), strict=True)))
        candidates, state = method.ask(state, space, rng)
        state = method.tell(state, candidates, ellipsoid(candidates))
        np.testing.assert_allclose(candidates, x * state.ranges, rtol=1e-6)
    np.testing.assert_allclose(state.mean, theirs.mean, rtol=1e-6)
    np.testing.assert_allclose(state.sigma, theirs._sigma, rtol=1e-6)


def test_members_at_a_bound_have_the_packages_distribution() -> None:
    method = CovarianceAdaptation(attempts=3)
    *_, (state, _, _) = steps(method, 6)
    corner = replace(state, mean=(BOUNDS[:, 1] - [0.1, 0.2, 0.01, 1]) / state.ranges, sigma=0.3)
    theirs = the_package(corner)
    theirs._n_max_resampling = 3
    theirs._rng = Numbers(np.random.default_rng(4))
    expected = np.array([theirs.ask() for _ in range(2400)])
    rng, space = np.random.default_rng(5), Space(BOUNDS)
    ours = np.concatenate([method.ask(corner, space, rng)[0] for _ in range(200)]) / corner.ranges
    for gene in range(4):
        assert ks_2samp(ours[:, gene], expected[:, gene]).pvalue > 1e-3
        clipped = [(x[:, gene] == x[:, gene].max()).mean() for x in (ours, expected)]
        assert abs(clipped[0] - clipped[1]) < 0.05
        assert min(clipped) > 0.1


def test_members_drawn_have_the_covariance_of_the_state() -> None:
    *_, (state, _, _) = steps(CovarianceAdaptation(), 15)
    rng, wide = np.random.default_rng(6), np.tile([-1e6, 1e6], (4, 1))
    x = np.concatenate([draw(state, wide, 0, rng) for _ in range(300)]) - state.mean
    squares = (x @ np.linalg.inv(state.sigma**2 * state.covariance) * x).sum(axis=1)
    assert kstest(squares, chi2(4).cdf).pvalue > 1e-3


# Bounds


@pytest.mark.parametrize("repair", REPAIRS)
def test_candidates_lie_within_bounds_that_rounding_would_pass(repair: str) -> None:
    bounds = np.array([(-0.1, 0.2), (1e-9, 3e-9), (7.0, 7.0000001), (-1e9, 1.0)])
    method, space = CovarianceAdaptation(repair=repair, sigma=1.0), Space(bounds)
    rng = np.random.default_rng(8)
    members = space.draw(50, rng)
    state = method.init(space, members, rng)
    state = method.tell(state, members, -members[:, 0])
    for _ in range(60):
        candidates, state = method.ask(state, space, rng)
        assert (candidates >= bounds[:, 0]).all()
        assert (candidates <= bounds[:, 1]).all()
        state = method.tell(state, candidates, -candidates[:, 0])


def test_mirroring_folds_the_line_into_the_box() -> None:
    bounds = np.array([(-1.0, 1.0)])
    x = np.array([-5.5, -3.0, -1.2, -1.0, 0.3, 1.0, 1.25, 3.0, 4.5])[:, None]
    folded = [-0.5, 1.0, -0.8, -1.0, 0.3, 1.0, 0.75, -1.0, 0.5]
    np.testing.assert_allclose(mirrored(x, bounds)[:, 0], folded, atol=1e-12)


def test_mirroring_finds_a_minimum_in_a_corner_where_clipping_does_not() -> None:
    beyond = np.linspace(5.5, 7.0, 10)  # the best within the bounds is the corner at 5
    weights = np.logspace(0, 3, 10)

    def quadratic(x: Floats) -> Floats:
        return ((x - beyond) ** 2 - (5 - beyond) ** 2) @ weights

    found = {}
    for repair in REPAIRS:
        options = {"population": 20, "generations": 400, "seed": 1, "progress": False}
        found[repair] = minimize(quadratic, [(-5, 5)] * 10, "cmaes", repair=repair, **options).fun
    assert found["mirror"] < 1e-6
    assert found["clip"] > 1


# The search


def test_genes_of_unequal_ranges_are_searched_like_genes_of_equal_ranges() -> None:
    scale, box = 2.0 ** np.array([-30, 0, 3, 20]), np.tile([-2.0, 2.0], (4, 1))
    options = {"population": 12, "generations": 200, "seed": 1, "progress": False}
    equal = minimize(rosenbrock, box, "cmaes", **options)
    unequal = minimize(lambda x: rosenbrock(x / scale), box * scale[:, None], "cmaes", **options)
    np.testing.assert_array_equal(unequal.x, equal.x * scale)
    assert unequal.fun == equal.fun < 1e-8


def test_an_ellipsoid_is_searched_down_to_the_packages_tolerance_of_values() -> None:
    tolerance = restored(next(steps(CovarianceAdaptation(), 1))[0], 0.3)._tolfun
    for seed in range(5):
        options = {"population": 12, "generations": 200, "seed": seed, "progress": False}
        result = minimize(ellipsoid, BOUNDS, "cmaes", **options)
        assert result.fun < tolerance
        np.testing.assert_allclose(result.x, CENTRE, rtol=1e-6)


def test_rosenbrock_of_ten_genes_is_solved() -> None:
    options = {"population": 20, "generations": 600, "progress": False, "target": 1e-10}
    solved = [
        minimize(rosenbrock, [(-2.0, 2.0)] * 10, "cmaes", seed=seed, **options).success
        for seed in range(4)
    ]
    assert sum(solved) >= 3


def test_the_mean_begins_at_the_best_of_the_first_population() -> None:
    ((state, *_),) = steps(CovarianceAdaptation(), 1, seed=11)
    first = Space(BOUNDS).draw(12, np.random.default_rng(11))
    np.testing.assert_array_equal(state.mean * state.ranges, first[ellipsoid(first).argmin()])


def test_a_search_that_has_converged_starts_again_elsewhere() -> None:
    states = [state for state, *_ in steps(CovarianceAdaptation(), 400)]
    restarts = [state.restarts for state in states]
    assert restarts[0] == 0
    assert restarts[-1] >= 1
    begun = restarts.index(1)
    assert states[begun].sigma == 0.3
    assert states[begun].generation == 0
    np.testing.assert_array_equal(states[begun].covariance, np.eye(4))
    assert ellipsoid(states[begun - 1].members).min() < 1e-15
    away = states[begun].mean - states[begun - 1].mean
    assert np.abs(away).max() > 0.01


def test_restarts_let_it_leave_a_local_minimum() -> None:
    options = {"population": 12, "generations": 2000, "target": 1e-8, "progress": False}
    once = {**options, "generations": 70}
    bounds = [(-5.12, 5.12)] * 2
    short = [minimize(rastrigin, bounds, "cmaes", seed=s, **once).success for s in range(10)]
    long = [minimize(rastrigin, bounds, "cmaes", seed=s, **options).success for s in range(10)]
    assert sum(short) < 10
    assert sum(long) == 10


@pytest.mark.parametrize("repair", REPAIRS)
@pytest.mark.parametrize("size", [2, 3, 4, 9])
@pytest.mark.parametrize("genes", [1, 2, 7])
@pytest.mark.parametrize("value", [0.0, np.inf])
def test_few_members_and_constant_or_infinite_values_are_no_trouble(
    repair: str, size: int, genes: int, value: float
) -> None:
    options = {"population": size, "generations": 100, "seed": 1, "progress": False}
    result = minimize(
        lambda x: np.full(len(x), value), [(-1, 1)] * genes, "cmaes", repair=repair, **options
    )
    assert result.fun == value
    assert result.nfev == 100 * size


def halfway(x: Floats) -> tuple[Floats, Floats]:
    """Improve members by half of their way to a place far out of the bounds."""
    better = x - 0.5 * (x - 40.0)
    return better, ((better - 40.0) ** 2).sum(axis=1)


def test_what_the_objective_made_of_the_members_is_learned() -> None:
    options = {"population": 10, "generations": 60, "seed": 1, "progress": False}
    result = minimize(halfway, [(-1, 1)] * 3, "cmaes", **options)
    # The best candidate within the bounds is 1, and half of its way ends at 20.5.
    np.testing.assert_allclose(result.x, 20.5, atol=0.01)


def test_members_moved_far_out_of_the_bounds_stop_no_search_that_mirrors() -> None:
    options = {"population": 10, "generations": 300, "seed": 1, "progress": False}
    result = minimize(halfway, [(-1, 1)] * 3, "cmaes", repair="mirror", **options)
    assert ((result.population >= 19.5) & (result.population <= 20.5)).all()


@pytest.mark.parametrize("repair", REPAIRS)
def test_a_search_goes_on_from_its_state_with_the_same_bits(repair: str) -> None:
    method, space = CovarianceAdaptation(repair=repair), Space(BOUNDS)
    *_, (unbroken, candidates, _) = steps(method, 250, seed=12)
    assert unbroken.restarts >= 1

    rng = np.random.default_rng(12)
    members = space.draw(12, rng)
    state = method.tell(method.init(space, members, rng), members, ellipsoid(members))
    for _ in range(250):
        values = {f.name: getattr(state, f.name) for f in fields(state)}
        assert {type(v) for v in values.values()} == {np.ndarray, float, int, bool}
        kept = {k: np.array(v, order="C") for k, v in values.items() if isinstance(v, np.ndarray)}
        state, bits = CovarianceAdaptation.State(**(values | kept)), rng.bit_generator.state
        rng = np.random.default_rng()
        rng.bit_generator.state = bits
        parameters.cache_clear()
        trials, state = CovarianceAdaptation(repair=repair).ask(state, space, rng)
        asked = state
        state = CovarianceAdaptation(repair=repair).tell(state, trials, ellipsoid(trials))
    np.testing.assert_array_equal(trials, candidates)
    for field in fields(asked):
        np.testing.assert_array_equal(getattr(asked, field.name), getattr(unbroken, field.name))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"sigma": 0}, ArgumentError, "sigma must be a real number in"),
        ({"attempts": -1}, ArgumentError, "attempts must be a non-negative integer"),
        ({"repair": "miror"}, UnknownNameError, "Did you mean 'mirror'"),
    ],
)
def test_wrong_options_are_told(options, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        CovarianceAdaptation(**options)
