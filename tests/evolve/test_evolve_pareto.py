"""pareto_search: NSGA-II by PyGAD's selection, against known fronts, PyGAD's own sort and pymoo."""

from typing import Any

import numpy as np
import pytest

from workbench.errors import ArgumentError
from workbench.evolve import hypervolume, pareto_search, pareto_set
from workbench.evolve.fronts import crowding_distances, front_ranks
from workbench.evolve.genetic import engine
from workbench.evolve.simulated_binary import crossed, mutated
from workbench.evolve.space import Space

QUIET: dict[str, Any] = {"seed": 3, "progress": False}
BOX = [(0.0, 1.0)] * 8


def zdt1(members: np.ndarray) -> np.ndarray:
    """E. Zitzler, K. Deb, L. Thiele 2000: the front is f2 = 1 - sqrt(f1), all genes but one 0."""
    f = members[:, 0]
    g = 1 + 9 * members[:, 1:].mean(axis=1)
    return np.stack([f, g * (1 - np.sqrt(f / g))], axis=1)


def parabolas(members: np.ndarray) -> np.ndarray:
    return np.stack([(members**2).sum(axis=1), ((members - 2) ** 2).sum(axis=1)], axis=1)


def dominated_by_hand(values: np.ndarray) -> list[bool]:
    return [any((other <= one).all() and (other < one).any() for other in values) for one in values]


def test_the_front_of_zdt1_is_found() -> None:
    found = pareto_search(zdt1, BOX, population=40, generations=120, **QUIET)
    f1, f2 = found.values.T
    above = f2 - (1 - np.sqrt(f1))
    assert np.median(above) < 0.002
    assert above.max() < 0.1  # new offspring in a gap
    # Between the whole front and (1.1, 1.1) lie 1.21 - 1/3: the front's own area is 1/3.
    assert hypervolume(found.values, (1.1, 1.1)) == pytest.approx(1.21 - 1 / 3, abs=0.02)
    assert f1.min() < 0.01
    assert f1.max() > 0.99
    assert (np.diff(f1) > 0).all()


def test_the_front_is_as_good_as_that_of_pymoo() -> None:
    algorithms = pytest.importorskip("pymoo.algorithms.moo.nsga2")
    optimize = pytest.importorskip("pymoo.optimize")
    problem = pytest.importorskip("pymoo.core.problem")

    class Zdt1(problem.Problem):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__(n_var=8, n_obj=2, xl=0.0, xu=1.0)

        def _evaluate(self, x: Any, out: Any, *args: Any, **kwargs: Any) -> None:
            out["F"] = zdt1(x)

    ours = pareto_search(zdt1, BOX, population=40, generations=60, **QUIET)
    theirs = optimize.minimize(
        Zdt1(), algorithms.NSGA2(pop_size=40), ("n_gen", 60), seed=3, verbose=False
    )
    assert ours.nfev == theirs.algorithm.evaluator.n_eval == 2400
    volumes = [hypervolume(values, (1.1, 1.1)) for values in (ours.values, theirs.F)]
    assert volumes[0] > volumes[1] - 0.02


def test_fronts_are_those_that_pygad_finds_by_comparing_one_by_one() -> None:
    pygad = pytest.importorskip("pygad")
    values = np.random.default_rng(0).integers(12, size=(60, 3)).astype(float)  # with equal ones
    theirs, ranks = pygad.GA.non_dominated_sorting(object.__new__(pygad.GA), -values)
    ours, our_ranks = engine().non_dominated_sorting(object.__new__(engine()), -values)
    np.testing.assert_array_equal(our_ranks, ranks)
    for front, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(front[:, 0], other[:, 0])
        np.testing.assert_array_equal(np.stack(front[:, 1]), np.stack(other[:, 1]))


def test_the_first_front_is_what_none_dominates() -> None:
    values = np.random.default_rng(1).random((40, 2))
    np.testing.assert_array_equal(front_ranks(values) > 0, dominated_by_hand(values))


def test_of_equal_members_one_stands_in_the_pareto_set() -> None:
    assert pareto_set([[1, 2], [0, 3], [1, 2], [2, 2]]).tolist() == [1, 0]


def test_crowding_is_the_sum_of_the_gaps_around_a_member() -> None:
    values = np.array([[0.0, 4.0], [1.0, 2.0], [3.0, 1.0], [4.0, 0.0]])
    distances = crowding_distances(values, np.zeros(4, dtype=np.intp))
    np.testing.assert_allclose(distances, [np.inf, 3 / 4 + 3 / 4, 3 / 4 + 2 / 4, np.inf])


def test_hypervolume_of_two_and_of_three_objectives_is_that_counted_by_hand() -> None:
    assert hypervolume([[0, 2], [1, 1], [2, 0], [5, 5]], (3, 3)) == 6.0
    # Two boxes of 8 and 4 from (0, 0, 0) and (1, 0, -1), which share 1 x 2 x 2.
    assert hypervolume([[0, 0, 0], [1, 0, -1]], (2, 2, 2)) == 8 + 6 - 4
    # By throwing points at a random front.
    rng = np.random.default_rng(2)
    front, points = rng.random((6, 3)), rng.random((100_000, 3))
    share = np.any(np.all(points[:, None] >= front[None], axis=2), axis=1).mean()
    assert hypervolume(front, (1, 1, 1)) == pytest.approx(share, abs=0.005)


@pytest.mark.usefixtures("untouched_generators")
def test_the_same_seed_gives_the_same_bits() -> None:
    one, other = (
        pareto_search(parabolas, [(-5, 5)] * 3, population=12, generations=9, **QUIET)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.population, other.population)
    assert one.seed == 3
    again = pareto_search(
        parabolas, [(-5, 5)] * 3, population=12, generations=9, seed=4, progress=False
    )
    assert (again.population != one.population).any()


def test_whole_populations_are_evaluated_in_one_call_and_no_parent_twice() -> None:
    calls: list[np.ndarray] = []

    def objective(members: np.ndarray) -> np.ndarray:
        calls.append(members)
        return parabolas(members)

    found = pareto_search(objective, [(-5, 5)] * 3, population=10, generations=7, **QUIET)
    assert [len(call) for call in calls] == [10] * 7
    everything = np.concatenate(calls)
    assert len(np.unique(everything, axis=0)) == len(everything)
    assert found.nfev == 70
    assert found.nit == len(found.history) == len(found.history.frame) == 7
    # What is present at the end are members that were evaluated, with their own values.
    np.testing.assert_array_equal(found.population_values, parabolas(found.population))
    assert (found.population[:, None] == everything[None]).all(axis=2).any(axis=1).all()


@pytest.mark.parametrize("generations", [1, 2, 3])
def test_few_generations_are_as_many_calls(generations: int) -> None:
    found = pareto_search(parabolas, [(-5, 5)] * 3, population=8, generations=generations, **QUIET)
    assert found.nfev == 8 * generations
    np.testing.assert_array_equal(
        found.front, found.population[pareto_set(found.population_values)]
    )


def test_the_hypervolume_of_the_history_grows_as_nothing_good_is_lost() -> None:
    found = pareto_search(zdt1, BOX, population=20, generations=30, **QUIET)
    volumes = found.history.frame["hypervolume"]
    assert volumes.iloc[-1] > 1.3 * volumes.iloc[0]
    lowest = found.history.frame[["lowest_0", "lowest_1"]].to_numpy()
    assert (np.diff(lowest, axis=0) <= 0).all()  # the ends of a front are never crowded


def test_whole_genes_take_all_their_values_and_no_others() -> None:
    def objective(members: np.ndarray) -> np.ndarray:
        assert (members[:, 1:] == np.rint(members[:, 1:])).all()
        return np.stack([members[:, 1], (3 - members[:, 1]) + members[:, 2] + members[:, 0]], 1)

    found = pareto_search(
        objective,
        [(0, 1), (0, 3), (0, 1)],
        genes=("real", "integer", "binary"),
        population=16,
        generations=25,
        **QUIET,
    )
    assert found.values[:, 0].tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(found.values[:, 1], [3, 2, 1, 0], atol=0.05)


def test_members_given_to_begin_with_are_in_the_first_population() -> None:
    calls: list[np.ndarray] = []

    def objective(members: np.ndarray) -> np.ndarray:
        calls.append(members)
        return parabolas(members)

    given = [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    pareto_search(objective, [(-5, 5)] * 3, population=8, generations=1, initial=given, **QUIET)
    np.testing.assert_array_equal(calls[0][:2], given)


def test_simulated_binary_crossover_keeps_the_middle_and_spreads_as_its_density_says() -> None:
    count, index = 40_000, 2.0
    space = Space(np.array([[-1e6, 1e6]]))  # so far away that they do not matter
    first, second = np.zeros((count, 1)), np.ones((count, 1))
    one, other = crossed(first, second, space, index, np.random.default_rng(0))
    np.testing.assert_allclose(one + other, 1.0, atol=1e-9)
    factor = np.abs(one - other)[:, 0]
    factor = factor[factor != 1.0]  # half of the genes are handed on
    assert len(factor) / count == pytest.approx(0.5, abs=0.01)
    # Deb and Agrawal, equation 5: the distribution function is b^(index + 1) / 2 below 1.
    for b in (0.5, 0.8):
        assert np.mean(factor < b) == pytest.approx(b ** (index + 1) / 2, abs=0.01)
    assert np.mean(factor < 1.0) == pytest.approx(0.5, abs=0.01)


def test_polynomial_mutation_stays_within_the_bounds_and_steps_as_its_density_says() -> None:
    count, index = 40_000, 20.0
    space = Space(np.array([[0.0, 1.0]]))
    moved = mutated(np.full((count, 1), 0.5), space, 1.0, index, np.random.default_rng(0))
    step = moved[:, 0] - 0.5
    assert np.abs(step).max() < 0.5
    # Deb and Goyal: 1 - (1 - d)^(index + 1) of the steps are shorter than d, up to the bounds.
    assert np.mean(np.abs(step) < 0.02) == pytest.approx(1 - 0.98 ** (index + 1), abs=0.01)
    assert np.mean(step > 0) == pytest.approx(0.5, abs=0.01)
    edge = mutated(np.zeros((count, 1)), space, 0.3, index, np.random.default_rng(1))
    assert edge.min() >= 0.0
    assert np.mean(edge > 0) < 0.3  # half of them would lead out


def test_ctrl_c_gives_the_front_so_far() -> None:
    calls = 0

    def objective(members: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt
        return parabolas(members)

    found = pareto_search(objective, [(-5, 5)] * 2, population=8, generations=20, **QUIET)
    assert found.stop == "interrupted"
    assert found.nit == 4
    np.testing.assert_array_equal(found.values, parabolas(found.front))


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (lambda members: members[:, 0], r"two real numbers or more.*minimize"),
        (lambda members: members[:, :1], "two real numbers or more"),
        (lambda members: np.full((len(members), 2), np.inf), "finite"),
        (lambda members: members[:3, :2], "two real numbers or more"),
    ],
)
def test_an_objective_of_another_form_is_told(objective: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        pareto_search(objective, [(-5, 5)] * 2, population=8, generations=3, **QUIET)


@pytest.mark.parametrize(
    ("settings", "argument"),
    [
        ({"population": 7}, "population"),
        ({"population": 2}, "population"),
        ({"generations": 0}, "generations"),
        ({"genes": "permutation"}, "genes"),
        ({"initial": [[9.0, 0.0]]}, "initial"),
        ({"crossover_probability": 2}, "crossover_probability"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], argument: str) -> None:
    bounds = [(0, 1)] * 2
    with pytest.raises(ArgumentError, match=argument):
        pareto_search(parabolas, bounds, **settings, **QUIET)
