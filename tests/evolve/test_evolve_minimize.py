"""The contract of `minimize`, for every registered method and every preset of the GA."""

import itertools
import subprocess
import sys
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import Bounds, OptimizeResult

from workbench.errors import ArgumentError, UnknownNameError
from workbench.evolve import (
    METHODS,
    PRESETS,
    STOP_MESSAGES,
    arith_crossover,
    minimize,
    non_uniform_mutation,
    norm_geom_select,
)
from workbench.evolve.loop import kinds_of

BOX = [(-1.0, 2.0), (-3.0, 1.0), (0.5, 4.0)]
LOW, HIGH = np.array(BOX).T
CENTRE = np.array([0.3, -1.0, 2.0])

EVERY = [
    *(
        pytest.param({"method": name}, id=name)
        for name in METHODS
        if name != "ga" and "real" in kinds_of(METHODS[name])
    ),
    *(pytest.param({"method": "ga", "preset": name}, id=f"ga-{name}") for name in PRESETS),
]


def sphere(members: NDArray[np.float64]) -> NDArray[np.float64]:
    return ((members - CENTRE) ** 2).sum(axis=1)


class Counting:
    """The sphere, remembering every row it was given."""

    def __init__(self) -> None:
        self.calls: list[NDArray[np.float64]] = []

    def __call__(self, members: NDArray[np.float64]) -> NDArray[np.float64]:
        self.calls.append(members.copy())
        return sphere(members)

    @property
    def rows(self) -> NDArray[np.float64]:
        return np.concatenate(self.calls)


def same(one: OptimizeResult, other: OptimizeResult) -> bool:
    pairs = [(one[k], other[k]) for k in ("x", "fun", "nfev", "nit", "population")]
    pairs += [(vars(one.history)[k], vars(other.history)[k]) for k in vars(one.history)]
    return all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)


# Every method


@pytest.mark.parametrize("how", EVERY)
def test_the_same_seed_gives_the_same_bits(how, untouched_generators: None) -> None:
    one, again = (minimize(sphere, BOX, **how, seed=5) for _ in range(2))
    assert same(one, again)
    # Not x: some methods come to the last bit of the minimum from every seed.
    assert not same(one, minimize(sphere, BOX, **how, seed=6))


@pytest.mark.parametrize("how", EVERY)
def test_a_generator_goes_on_and_its_seed_gives_the_same_bits(how) -> None:
    rng = np.random.default_rng(5)
    assert same(minimize(sphere, BOX, **how, seed=rng), minimize(sphere, BOX, **how, seed=5))
    assert not same(minimize(sphere, BOX, **how, seed=rng), minimize(sphere, BOX, **how, seed=5))


@pytest.mark.parametrize("how", EVERY)
def test_a_search_without_a_seed_tells_the_one_that_repeats_it(how) -> None:
    first = minimize(sphere, BOX, **how, generations=5)
    assert same(first, minimize(sphere, BOX, **how, generations=5, seed=first.seed))
    assert minimize(sphere, BOX, **how, generations=2, seed=np.random.default_rng(0)).seed is None


@pytest.mark.parametrize("how", EVERY)
def test_nfev_counts_the_rows_the_objective_was_given(how) -> None:
    objective = Counting()
    result = minimize(objective, BOX, **how, seed=1)
    assert result.nfev == len(objective.rows) == result.history.evaluations[-1]
    assert result.fun == sphere(objective.rows).min() == sphere(result.x[None])[0]
    assert result.nit == len(result.history) == 100
    assert result.stop == "generations"
    assert result.success


@pytest.mark.parametrize("how", EVERY)
@pytest.mark.parametrize("evaluations", [1, 49, 50, 51, 237])
def test_a_budget_of_evaluations_is_spent_exactly(how, evaluations: int) -> None:
    objective = Counting()
    result = minimize(objective, BOX, **how, evaluations=evaluations, generations=10_000, seed=1)
    assert len(objective.rows) == result.nfev == evaluations
    assert result.stop == "evaluations"
    assert result.fun == sphere(objective.rows).min()


@pytest.mark.parametrize("how", EVERY)
def test_all_members_stay_within_the_bounds(how) -> None:
    objective = Counting()
    minimize(objective, BOX, **how, seed=2, generations=300)
    assert (objective.rows >= LOW).all()
    assert (objective.rows <= HIGH).all()


@pytest.mark.parametrize("how", EVERY)
def test_values_of_the_result_belong_to_its_members(how) -> None:
    result = minimize(sphere, BOX, **how, seed=3)
    np.testing.assert_array_equal(sphere(result.population), result.population_values)
    assert result.population.shape == (50, 3)


@pytest.mark.parametrize("how", EVERY)
def test_the_history_is_that_of_the_populations(how) -> None:
    seen: list[OptimizeResult] = []
    history = minimize(sphere, BOX, **how, seed=3, callback=seen.append).history
    values = np.array([each.population_values for each in seen])
    np.testing.assert_allclose(history.mean, values.mean(axis=1))
    np.testing.assert_allclose(history.std, values.std(axis=1, ddof=1))
    np.testing.assert_array_equal(history.best, [each.fun for each in seen])
    np.testing.assert_array_equal(history.evaluations, [each.nfev for each in seen])
    np.testing.assert_array_equal(history.generation, np.arange(1, 101))
    assert (np.diff(history.best) <= 0).all()
    assert history.frame.index.name == "generation"
    assert list(history.frame) == ["evaluations", "best", "mean", "std"]


@pytest.mark.parametrize("how", EVERY)
def test_a_target_stops_the_search_at_the_first_generation_that_reaches_it(how) -> None:
    result = minimize(sphere, BOX, **how, target=0.05, generations=2000, seed=4)
    assert (result.stop, result.success) == ("target", True)
    assert result.history.best[-1] <= 0.05
    assert (result.history.best[:-1] > 0.05).all()


@pytest.mark.parametrize("how", EVERY)
def test_a_missed_target_is_no_success(how) -> None:
    result = minimize(sphere, BOX, **how, target=-1.0, generations=3, seed=4)
    assert (result.stop, result.success) == ("generations", False)


@pytest.mark.parametrize("how", EVERY)
def test_stall_counts_generations_without_a_better_member(how) -> None:
    flat = minimize(lambda members: np.ones(len(members)), BOX, **how, stall=7, seed=4)
    assert (flat.stop, flat.nit) == ("stall", 8)
    best = minimize(sphere, BOX, **how, stall=7, generations=5000, seed=4).history.best
    assert (best[-8:] == best[-1]).all()
    assert all(best[k + 7] < best[k] for k in range(len(best) - 8))


@pytest.mark.parametrize("how", EVERY)
def test_time_ends_the_search_after_a_whole_generation(how) -> None:
    result = minimize(sphere, BOX, **how, time=1e-9, seed=4)
    assert (result.stop, result.nit, result.nfev) == ("time", 1, 50)
    assert minimize(sphere, BOX, **how, time=np.inf, seed=4).stop == "generations"


@pytest.mark.parametrize("how", EVERY)
def test_a_callback_may_stop_the_search_but_not_change_it(how) -> None:
    def meddling(intermediate_result: OptimizeResult) -> None:
        intermediate_result.x[:] = 0
        intermediate_result.population[:] = 0
        intermediate_result.population_values[:] = 0
        if intermediate_result.nit == 9:
            raise StopIteration

    result = minimize(sphere, BOX, **how, callback=meddling, seed=4)
    assert (result.stop, result.nit) == ("callback", 9)
    whole = minimize(sphere, BOX, **how, seed=4)
    np.testing.assert_array_equal(result.history.best, whole.history.best[:9])
    np.testing.assert_array_equal(result.history.std, whole.history.std[:9])


@pytest.mark.parametrize("how", EVERY)
@pytest.mark.parametrize("call", [2, 5])
def test_ctrl_c_keeps_the_best_so_far(how, call: int) -> None:
    objective = Counting()

    def interrupted(members: NDArray[np.float64]) -> NDArray[np.float64]:
        if len(objective.calls) == call:
            raise KeyboardInterrupt
        return objective(members)

    result = minimize(interrupted, BOX, **how, seed=4)
    assert (result.stop, result.success) == ("interrupted", False)
    assert result.message == STOP_MESSAGES["interrupted"]
    assert result.nfev == len(objective.rows)
    assert result.fun == sphere(objective.rows).min()
    np.testing.assert_array_equal(sphere(result.population), result.population_values)


@pytest.mark.parametrize("how", EVERY)
def test_ctrl_c_before_anything_is_known_is_passed_on(how) -> None:
    def interrupted(members: NDArray[np.float64]) -> NDArray[np.float64]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        minimize(interrupted, BOX, **how)


@pytest.mark.parametrize("how", EVERY)
def test_an_error_of_the_objective_comes_through_quietly(how, capfd) -> None:
    objective = Counting()

    def failing(members: NDArray[np.float64]) -> NDArray[np.float64]:
        if len(objective.calls) == 3:
            raise ZeroDivisionError("mine")
        return objective(members)

    with pytest.raises(ZeroDivisionError, match="mine"):
        minimize(failing, BOX, **how, seed=4)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("how", EVERY)
def test_initial_members_come_first(how) -> None:
    objective = Counting()
    result = minimize(objective, BOX, **how, initial=CENTRE, seed=1, generations=4)
    np.testing.assert_array_equal(objective.rows[0], CENTRE)
    assert (result.fun, *result.x) == (0.0, *CENTRE)
    given = np.random.default_rng(0).uniform(LOW, HIGH, size=(50, 3))
    minimize(objective := Counting(), BOX, **how, initial=given, generations=1)
    np.testing.assert_array_equal(objective.rows, given)


@pytest.mark.parametrize("how", EVERY)
def test_one_generation_is_the_first_population(how) -> None:
    result = minimize(sphere, BOX, **how, generations=1, population=2, seed=1)
    assert (result.nit, result.nfev) == (1, 2)


@pytest.mark.parametrize("how", EVERY)
def test_an_objective_that_writes_to_its_argument_harms_nobody(how) -> None:
    def vandal(members: NDArray[np.float64]) -> NDArray[np.float64]:
        values = sphere(members)
        members[:] = np.nan
        return values

    assert same(minimize(vandal, BOX, **how, seed=1), minimize(sphere, BOX, **how, seed=1))


@pytest.mark.parametrize("how", EVERY)
def test_an_objective_may_return_one_buffer_again_and_again(how) -> None:
    buffer = np.empty(50)

    def thrifty(members: NDArray[np.float64]) -> NDArray[np.float64]:
        buffer[: len(members)] = sphere(members)
        return buffer[: len(members)]

    assert same(minimize(thrifty, BOX, **how, seed=1), minimize(sphere, BOX, **how, seed=1))


@pytest.mark.parametrize("how", EVERY)
def test_padding_changes_the_shapes_and_nothing_else(how) -> None:
    plain, padded = Counting(), Counting()
    one = minimize(plain, BOX, **how, seed=1)
    other = minimize(padded, BOX, **how, seed=1, pad=True)
    assert same(one, other)
    assert {len(call) for call in padded.calls} <= {1, 2, 4, 8, 16, 24, 32, 40, 48, 50}
    assert len(plain.calls) == len(padded.calls)
    for call, wider in zip(plain.calls, padded.calls, strict=True):
        assert len(wider) < 2 * len(call) or len(wider) == 1
        np.testing.assert_array_equal(wider[: len(call)], call)
        np.testing.assert_array_equal(
            wider[len(call) :], call[-1:].repeat(len(wider) - len(call), 0)
        )


@pytest.mark.parametrize("how", EVERY)
def test_infinite_values_are_the_worst_and_stay_out_of_the_mean(how) -> None:
    def half(members: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(members[:, 0] < 0, np.inf, sphere(members))

    result = minimize(half, BOX, **how, seed=1)
    assert result.x[0] >= 0
    assert np.isfinite(result.history.mean).all()
    hopeless = minimize(lambda members: np.full(len(members), np.inf), BOX, **how, seed=1)
    assert hopeless.fun == np.inf
    assert np.isnan(hopeless.history.mean).all()


@pytest.mark.parametrize("how", EVERY)
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_values_of_any_real_type_will_do(how, dtype: type) -> None:
    result = minimize(lambda m: (sphere(m) * 1000).astype(dtype), BOX, **how, seed=1)
    assert isinstance(result.fun, float)
    assert result.population_values.dtype == np.float64


@pytest.mark.parametrize("how", EVERY)
def test_no_bar_shows_within_a_second(how, capsys) -> None:
    minimize(sphere, BOX, **how, generations=3)
    assert capsys.readouterr() == ("", "")


# Precision and cost


@pytest.mark.parametrize(
    ("how", "precision"),
    [
        ({"preset": "standard"}, 1e-12),
        ({"preset": "gaot"}, 1e-5),
        ({"preset": "textbook"}, 1e-5),
        ({"method": "multistart"}, 0.05),
    ],
)
def test_the_minimum_of_the_sphere_is_found_to_the_stated_precision(how, precision) -> None:
    found = [minimize(sphere, BOX, **how, seed=seed).fun for seed in range(9)]
    assert np.median(found) <= precision


def test_the_genetic_algorithm_beats_a_multistart_of_the_same_budget() -> None:
    def rastrigin(members: NDArray[np.float64]) -> NDArray[np.float64]:
        away = members - 0.3
        return (away**2 - 10 * np.cos(2 * np.pi * away) + 10).sum(axis=1)

    box = [(-5.12, 5.12)] * 5
    for seed in range(9):
        ga = minimize(rastrigin, box, seed=seed)
        luck = minimize(
            rastrigin, box, "multistart", evaluations=ga.nfev, generations=1000, seed=seed
        )
        assert luck.nfev == ga.nfev
        assert ga.fun < luck.fun


@pytest.mark.parametrize("seed", range(5))
def test_the_common_gaot_call_costs_at_most_644_evaluations(seed: int) -> None:
    result = minimize(sphere, BOX, preset="gaot", population=50, generations=100, seed=seed)
    assert (result.nit, len(result.history)) == (100, 100)
    assert np.diff(result.history.evaluations).max() <= 6
    assert 50 < result.nfev <= 50 + 99 * 6 == 644


@pytest.mark.parametrize("preset", PRESETS)
def test_the_best_of_a_generation_overwrites_the_worst_of_the_next(preset: str) -> None:
    seen: list[OptimizeResult] = []
    minimize(sphere, BOX, preset=preset, seed=7, callback=seen.append)
    for before, after in itertools.pairwise(seen):
        kept = before.population[before.population_values.argmin()]
        assert (after.population == kept).all(axis=1).any()
        assert after.population_values.min() <= before.population_values.min()


def plain_gaot(generations: int, rng: np.random.Generator) -> tuple[list[float], int]:
    """Return the best of each generation, and evaluations, of GAOT's loop written out."""
    bounds = np.array(BOX)
    members = rng.uniform(LOW, HIGH, size=(50, 3))
    values, evaluations = sphere(members), 50
    trace = [values.min()]
    for generation in range(1, generations):
        best, best_value = members[values.argmin()].copy(), values.min()
        parents = members[norm_geom_select(values, rng, q=0.09)]
        children = arith_crossover(parents, rng, crossovers=2)
        elapsed = generation / generations
        members = non_uniform_mutation(children, bounds, elapsed, rng, mutations=2, shape=3.0)
        evaluations += int((members != parents).any(axis=1).sum())
        values = sphere(members)
        worst = values.argmax()
        members[worst], values[worst] = best, best_value
        trace.append(values.min())
    return trace, evaluations


@pytest.mark.parametrize("seed", range(5))
def test_the_gaot_preset_is_gaots_loop_to_the_last_bit(seed: int) -> None:
    mine, theirs = np.random.default_rng(seed), np.random.default_rng(seed)
    result = minimize(sphere, BOX, preset="gaot", seed=mine)
    trace, evaluations = plain_gaot(100, theirs)
    np.testing.assert_array_equal(result.history.best, trace)
    assert result.nfev == evaluations
    assert mine.bit_generator.state == theirs.bit_generator.state


def test_members_like_their_parents_are_not_evaluated_again() -> None:
    objective = Counting()
    result = minimize(objective, BOX, crossovers=0, mutations=0, seed=1)
    assert result.nfev == len(objective.rows) == 50


# Bad input


def wrong(argument: str, requirement: str, **arguments) -> None:
    call = {"objective": sphere, "bounds": BOX} | arguments
    with pytest.raises(ArgumentError, match=requirement) as caught:
        minimize(**call)
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("argument", "value", "requirement"),
    [
        ("objective", 3, "be a function"),
        ("callback", 3, "be a function"),
        ("bounds", [(0, 1), (2, 2)], "low < high"),
        ("bounds", [(0, np.nan)], "finite"),
        ("bounds", (0, 1), "shape"),
        ("population", 1, "at least 2"),
        ("population", 2.5, "integer"),
        ("generations", 0, "positive integer"),
        ("evaluations", 0, "positive integer"),
        ("target", "low", "real number"),
        ("target", np.nan, "real number"),
        ("stall", -1, "positive integer"),
        ("time", 0, "real number"),
        ("seed", -1, "non-negative"),
        ("seed", 1.5, "non-negative integer"),
        ("initial", [[0, 0]], "shape"),
        ("initial", [[0, 0, 9]], "within the bounds"),
        ("initial", [[0, 0, np.nan]], "finite"),
        ("initial", np.ones((51, 3)), "at most population=50"),
        ("q", 0, "real number"),
        ("crossovers", -1, "non-negative"),
        ("mutations", 1.5, "integer"),
        ("shape", 0, "real number"),
    ],
)
def test_a_wrong_argument_is_named_with_its_requirement(argument, value, requirement) -> None:
    wrong(argument, requirement, **{argument: value})


@pytest.mark.parametrize("how", EVERY)
@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (lambda members: 1.0, "wrap an objective of a single member"),
        (lambda members: sphere(members)[:, None], "shape"),
        (lambda members: sphere(members)[1:], "one real number for each of the 50"),
        (lambda members: sphere(members).astype(complex), "complex"),
        (lambda members: np.where(sphere(members) > 1, np.nan, 1), "NaN"),
        (lambda members: -np.inf / (1 + sphere(members)), "-inf"),
        (lambda members: None, "one real number"),
    ],
)
def test_an_objective_that_returns_nonsense_is_told_so(how, returned, said: str) -> None:
    wrong("objective", said, objective=returned, seed=1, **how)


def test_unknown_names_are_told_with_the_nearest_known() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'multistart'"):
        minimize(sphere, BOX, "multi-start")
    with pytest.raises(UnknownNameError, match="Did you mean 'textbook'"):
        minimize(sphere, BOX, preset="text")
    with pytest.raises(UnknownNameError, match="Did you mean 'roulette'"):
        minimize(sphere, BOX, selection="roullete")
    wrong("mutation_prob", "Did you mean 'mutation_probability'", mutation_prob=0.1)
    wrong("q", "It has none", method="multistart", q=0.1)


def test_a_parameter_that_no_operator_in_use_has_is_refused() -> None:
    wrong("mutation_probability", "operator in use", mutation_probability=0.1)
    wrong("q", "operator in use", preset="textbook", q=0.1)
    assert minimize(sphere, BOX, selection="roulette", generations=3).nit == 3


def test_scipys_bounds_are_bounds() -> None:
    assert same(minimize(sphere, Bounds(LOW, HIGH), seed=1), minimize(sphere, BOX, seed=1))


def test_importing_the_room_loads_nothing_heavy() -> None:
    code = (
        "import sys, workbench.evolve; from workbench.evolve import METHODS, minimize;"
        "heavy = {'pygad', 'scipy', 'keras', 'pandas', 'matplotlib', 'tqdm'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy or not callable(minimize) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_values_near_the_largest_float_warn_nobody() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = minimize(lambda members: sphere(members) * 1e306, BOX, seed=1)
    assert np.isfinite(result.fun)
