"""Each operator against its formula: distributions by statistical tests with fixed seeds."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from workbench.errors import ArgumentError, WorkbenchError
from workbench.evolve import (
    CROSSOVERS,
    MUTATIONS,
    SELECTIONS,
    arith_crossover,
    gene_crossover,
    gene_mutation,
    non_uniform_mutation,
    norm_geom_select,
    roulette_select,
)
from workbench.evolve.gaot import (
    binary_mutation,
    boundary_mutation,
    fitting,
    heuristic_crossover,
    multi_non_uniform_mutation,
    rounded_draw,
    simple_crossover,
    tournament_select,
    uniform_mutation,
)

# A true hypothesis is refused once in a hundred seeds; these seeds are fixed.
LEVEL = 0.01
BOUNDS = np.array([(-1.0, 1.0), (0.0, 4.0), (-3.0, -2.0), (2.0, 9.0), (-1.0, 0.0)])
MIDDLE = BOUNDS.mean(axis=1)


def frequencies_agree(counts: NDArray[np.intp], probability: NDArray[np.float64]) -> bool:
    expected = probability / probability.sum() * counts.sum()
    return bool(stats.chisquare(counts, expected).pvalue > LEVEL)


def population(members: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.uniform(BOUNDS[:, 0], BOUNDS[:, 1], size=(members, len(BOUNDS)))


def half_ended(n: int) -> NDArray[np.float64]:
    weight = np.ones(n)
    weight[[0, -1]] = 0.5
    return weight / weight.sum()


# Selection


@pytest.mark.parametrize("q", [0.08, 0.09, 0.5])
def test_normalised_geometric_ranking_selects_each_rank_with_its_probability(q: float) -> None:
    rng, n = np.random.default_rng(1), 12
    values = rng.permutation(n).astype(float)  # the value of a member is its rank less one
    picks = np.concatenate([norm_geom_select(values, rng, q=q) for _ in range(4000)])
    counts = np.bincount(values[picks].astype(int), minlength=n)
    r = q / (1 - (1 - q) ** n)
    law = r * (1 - q) ** np.arange(n)
    assert law.sum() == pytest.approx(1)
    enough = law * counts.sum() >= 5  # the chi-square statistic needs so many of each
    assert frequencies_agree(counts[enough], law[enough])


def test_geometric_ranking_hands_parents_on_in_the_order_of_the_population() -> None:
    rng = np.random.default_rng(2)
    picks = norm_geom_select(rng.random(50), rng)
    assert (np.diff(picks) >= 0).all()


def test_geometric_ranking_with_q_1_selects_the_best_only() -> None:
    values = np.array([3.0, 1.0, 2.0, np.inf])
    assert (norm_geom_select(values, np.random.default_rng(0), q=1.0) == 1).all()


def test_geometric_ranking_is_indifferent_to_the_scale_of_values() -> None:
    values = np.random.default_rng(3).random(20)
    one = norm_geom_select(values, np.random.default_rng(4))
    other = norm_geom_select(np.exp(50 * values), np.random.default_rng(4))
    assert (one == other).all()


def test_roulette_selects_in_proportion_to_the_reciprocal() -> None:
    rng, values = np.random.default_rng(5), np.array([1.0, 2.0, 3.0, 4.0, 10.0])
    picks = np.concatenate([roulette_select(values, rng) for _ in range(6000)])
    assert frequencies_agree(np.bincount(picks, minlength=5), 1 / values)


@pytest.mark.parametrize(
    ("values", "chosen"),
    [
        ([1.0, np.inf, 2.0], {0, 2}),
        ([0.0, 1.0, 0.0], {0, 2}),
        ([np.inf, np.inf], {0, 1}),
        ([1e-310, 1e-310, 1e300], {0, 1}),
    ],
)
def test_roulette_takes_the_limit_where_the_reciprocal_is_not_finite(
    values: list[float], chosen: set[int]
) -> None:
    rng = np.random.default_rng(6)
    picks = {int(i) for _ in range(50) for i in roulette_select(np.array(values), rng)}
    assert picks == chosen


def test_roulette_refuses_negative_values_and_offers_ranking() -> None:
    with pytest.raises(ArgumentError, match="normGeomSelect"):
        roulette_select(np.array([1.0, -2.0]), np.random.default_rng(0))


@pytest.mark.parametrize("tournament", [1, 2, 5])
def test_tournaments_are_won_with_the_probability_of_the_rank(tournament: int) -> None:
    rng, n = np.random.default_rng(26), 8
    values = rng.permutation(n).astype(float)  # the value of a member is its rank less one
    picks = np.concatenate(
        [tournament_select(values, rng, tournament=tournament) for _ in range(4000)]
    )
    counts = np.bincount(values[picks].astype(int), minlength=n)
    # The best of k has at least the rank r where all k have.
    at_least = ((n - np.arange(n + 1)) / n) ** tournament
    law = -np.diff(at_least)
    enough = law * counts.sum() >= 5
    assert frequencies_agree(counts[enough], law[enough])


# Drawing


@pytest.mark.parametrize("n", [2, 3, 50])
def test_gaots_draw_gives_both_ends_half_the_weight(n: int) -> None:
    drawn = rounded_draw(np.random.default_rng(7).random(100_000), n)
    assert frequencies_agree(np.bincount(drawn, minlength=n), half_ended(n))


# Crossover


def crossed_once(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return parents and children of one arithmetic crossover of two different members."""
    while True:
        members = population(8, rng)
        children = arith_crossover(members, rng, crossovers=1)
        changed = (children != members).any(axis=1)
        if changed.any():
            return members[changed], children[changed]


def test_arithmetic_crossover_draws_one_uniform_scalar_a_pair() -> None:
    rng, drawn = np.random.default_rng(8), []
    for _ in range(2000):
        parents, children = crossed_once(rng)
        weights = (children[0] - parents[1]) / (parents[0] - parents[1])
        np.testing.assert_allclose(weights, weights[0], rtol=1e-6)
        drawn.append(weights[0])
    assert stats.kstest(drawn, "uniform").pvalue > LEVEL


def test_arithmetic_crossover_makes_the_two_mirrored_means() -> None:
    rng = np.random.default_rng(9)
    for _ in range(100):
        parents, children = crossed_once(rng)
        a = (children[0, 0] - parents[1, 0]) / (parents[0, 0] - parents[1, 0])
        expected = np.array([[a, 1 - a], [1 - a, a]]) @ parents
        np.testing.assert_allclose(children, expected, atol=1e-12)


def test_arithmetic_crossover_draws_parents_with_half_weight_at_the_ends() -> None:
    rng, n = np.random.default_rng(10), 6
    counts = np.zeros(n, dtype=int)
    for _ in range(20_000):
        members = population(n, rng)
        counts += (arith_crossover(members, rng, crossovers=1) != members).any(axis=1)
    weight = half_ended(n)
    assert frequencies_agree(counts, weight * (1 - weight))  # drawn with another than itself


def test_a_second_crossover_starts_from_what_the_first_has_left() -> None:
    # Of two members, every crossing is of the same pair: scalars a and b make one mean with
    # the weight ab + (1-a)(1-b), and the sum of the pair never changes.
    members = np.array([[0.0, 0.0], [1.0, 1.0]])
    for seed in range(20):
        uniform = np.random.default_rng(seed).random((2, 3))
        pairs, weights = rounded_draw(uniform[:, :2], 2), uniform[:, 2]
        expected = members.copy()
        for (i, j), a in zip(pairs, weights, strict=True):
            if i != j:
                expected[[i, j]] = np.array([[a, 1 - a], [1 - a, a]]) @ expected[[i, j]]
        children = arith_crossover(members, np.random.default_rng(seed), crossovers=2)
        np.testing.assert_allclose(children, expected, atol=1e-15)
        np.testing.assert_allclose(children.sum(axis=0), 1)


def test_equal_parents_have_children_equal_to_the_last_bit() -> None:
    members = np.tile(np.random.default_rng(11).random(21), (10, 1))
    assert (arith_crossover(members, np.random.default_rng(12), crossovers=50) == members).all()


def test_gene_crossover_crosses_the_stated_share_of_pairs_in_one_uniform_gene() -> None:
    # Two members make two draws of a pair, every other of one member with itself.
    rng, trials, probability = np.random.default_rng(13), 20_000, 0.1
    members = np.stack([BOUNDS[:, 0], BOUNDS[:, 1]])
    untouched, places = 0, np.zeros(len(BOUNDS), dtype=int)
    for _ in range(trials):
        changed = gene_crossover(members, rng, crossover_probability=probability) != members
        assert (changed[0] == changed[1]).all()
        untouched += not changed.any()
        places += changed[0]
    expected = (1 - probability / 2) ** 2
    assert stats.binomtest(untouched, trials, expected).pvalue > LEVEL
    assert frequencies_agree(places, np.ones(len(BOUNDS)))


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_gene_crossover_keeps_the_sum_of_every_gene(probability: float) -> None:
    members = population(30, np.random.default_rng(14))
    children = gene_crossover(members, np.random.default_rng(15), crossover_probability=probability)
    np.testing.assert_allclose(children.sum(axis=0), members.sum(axis=0))
    assert (children == members).all() == (probability == 0)


def test_simple_crossover_exchanges_the_genes_from_one_place_on() -> None:
    rng, trials = np.random.default_rng(27), 8000
    members = np.stack([BOUNDS[:, 0], BOUNDS[:, 1]])
    cuts = np.zeros(len(BOUNDS), dtype=int)
    for _ in range(trials):
        children = simple_crossover(members, rng, crossovers=1)
        swapped = children[0] != members[0]
        assert (swapped == (children[1] != members[1])).all()
        assert (np.sort(children, axis=0) == np.sort(members, axis=0)).all()
        assert (np.diff(swapped.astype(int)) >= 0).all()  # once exchanged, to the end
        cuts[len(BOUNDS) - swapped.sum() if swapped.any() else 0] += 1
    # Of two members, each is drawn half the time: every other pair is of one with itself.
    assert stats.binomtest(int(cuts[0]), trials, 0.5).pvalue > LEVEL
    assert frequencies_agree(cuts[1:], half_ended(len(BOUNDS) - 1))


def test_members_of_one_gene_have_nothing_to_exchange() -> None:
    members = np.random.default_rng(28).random((6, 1))
    assert (simple_crossover(members, np.random.default_rng(29), crossovers=9) == members).all()


def test_heuristic_crossover_steps_beyond_the_better_parent() -> None:
    rng, wide, drawn = np.random.default_rng(30), np.tile([-99.0, 99.0], (5, 1)), []
    while len(drawn) < 2000:
        members = population(2, rng)
        values = rng.random(2)
        better, worse = members[values.argsort()]
        children = heuristic_crossover(
            members, rng, values=values, bounds=wide, crossovers=1, retries=1
        )
        assert (children[values.argmin()] == better).all()
        if (children == members).all():
            continue  # a pair of one member with itself
        steps = (children[values.argmax()] - better) / (better - worse)
        np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
        drawn.append(steps[0])
    assert stats.kstest(drawn, "uniform").pvalue > LEVEL


@pytest.mark.parametrize("retries", [1, 3, 6])
def test_heuristic_crossover_gives_up_after_its_retries(retries: int) -> None:
    # From 0 beyond 0.75 there is room for a third of the step: a <= 1/3 fits.
    rng, trials = np.random.default_rng(31), 6000
    members, bounds = np.array([[0.0], [0.75]]), np.array([(0.0, 1.0)])
    crossed = 0
    for _ in range(trials):
        children = heuristic_crossover(
            members, rng, values=np.array([1.0, 0.0]), bounds=bounds, crossovers=1, retries=retries
        )
        assert children[1, 0] == 0.75
        assert children[0, 0] == 0 or 0.75 <= children[0, 0] <= 1
        crossed += children[0, 0] != 0
    expected = 0.5 * (1 - (2 / 3) ** retries)  # every other pair is of one with itself
    assert stats.binomtest(crossed, trials, expected).pvalue > LEVEL


# Mutation


@pytest.mark.parametrize(("elapsed", "shape"), [(0.0, 1.0), (0.3, 3.0), (0.9, 2.0)])
def test_non_uniform_steps_follow_their_law(elapsed: float, shape: float) -> None:
    # From the middle, |step| / distance = (U (1-g/G))^b, so that its b-th root is uniform.
    rng, relative = np.random.default_rng(16), []
    members = np.tile(MIDDLE, (9, 1))
    half = (BOUNDS[:, 1] - BOUNDS[:, 0]) / 2
    for _ in range(2000):
        moved = non_uniform_mutation(members, BOUNDS, elapsed, rng, mutations=1, shape=shape)
        step = np.abs((moved - members) / half)
        assert np.count_nonzero(step) <= 1
        relative.append(step.max())
    roots = np.array(relative) ** (1 / shape) / (1 - elapsed)
    assert stats.kstest(roots, "uniform").pvalue > LEVEL


def mutated_places() -> NDArray[np.int64]:
    """Return rows (member, gene, upwards) of 20000 single mutations of 7 members."""
    rng, members = np.random.default_rng(17), np.tile(MIDDLE, (7, 1))
    found = []
    for _ in range(20_000):
        step = non_uniform_mutation(members, BOUNDS, 0.0, rng, mutations=1) - members
        row, gene = np.argwhere(step)[0]
        found.append((row, gene, step[row, gene] > 0))
    return np.array(found, dtype=np.int64)


def test_non_uniform_mutation_draws_members_and_genes_as_gaot_and_directions_fairly() -> None:
    rows, genes, upwards = mutated_places().T
    assert frequencies_agree(np.bincount(rows, minlength=7), half_ended(7))
    assert frequencies_agree(np.bincount(genes, minlength=5), half_ended(5))
    assert stats.binomtest(int(upwards.sum()), len(upwards), 0.5).pvalue > LEVEL


def test_each_mutation_aims_at_the_distance_to_its_bound() -> None:
    rng, members = np.random.default_rng(18), np.tile(MIDDLE, (9, 1))
    members[:] = BOUNDS[:, 0] + 0.9 * (BOUNDS[:, 1] - BOUNDS[:, 0])
    reach = np.zeros((2, len(BOUNDS)))
    for _ in range(4000):
        step = non_uniform_mutation(members, BOUNDS, 0.0, rng, mutations=1, shape=1.0) - members
        reach = np.maximum(reach, [step.max(axis=0), -step.min(axis=0)])
    width = BOUNDS[:, 1] - BOUNDS[:, 0]
    np.testing.assert_allclose(reach / width, [[0.1] * 5, [0.9] * 5], rtol=0.02)


def test_no_non_uniform_step_is_left_at_the_end_of_the_search() -> None:
    members = population(20, np.random.default_rng(19))
    for operator in (non_uniform_mutation, multi_non_uniform_mutation, gene_mutation):
        assert (operator(members, BOUNDS, 1.0, np.random.default_rng(20)) == members).all()


def test_a_second_mutation_starts_from_what_the_first_has_left() -> None:
    # Of two members with one gene, 40 mutations leave nobody with a single step.
    rng, bounds = np.random.default_rng(21), np.array([(-1.0, 1.0)])
    uniform = np.random.default_rng(21).random((40, 4))
    expected = np.zeros((2, 1))
    for row, _, direction, u in uniform:
        i, goal = round(row), 1.0 if direction >= 0.5 else -1.0
        expected[i] += (goal - expected[i]) * (u * 0.5) ** 3
    moved = non_uniform_mutation(np.zeros((2, 1)), bounds, 0.5, rng, mutations=40)
    np.testing.assert_allclose(moved, expected, atol=1e-15)


def test_gene_mutation_mutates_the_stated_share_of_members_in_one_uniform_gene() -> None:
    rng, members = np.random.default_rng(22), np.tile(MIDDLE, (500, 1))
    counts, places = 0, np.zeros(len(BOUNDS), dtype=int)
    for _ in range(40):
        changed = gene_mutation(members, BOUNDS, 0.2, rng, mutation_probability=0.1) != members
        assert changed.sum(axis=1).max() == 1
        counts += int(changed.sum())
        places += changed.sum(axis=0)
    assert stats.binomtest(counts, 40 * 500, 0.1).pvalue > LEVEL
    assert frequencies_agree(places, np.ones(len(BOUNDS)))


def single_changes(mutate) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return rows (member, gene) of 10000 single mutations, and the new values."""
    rng, members, found, new = np.random.default_rng(32), np.tile(MIDDLE, (7, 1)), [], []
    for _ in range(10_000):
        children = mutate(members, BOUNDS, 0.7, rng, mutations=1)
        ((row, gene),) = np.argwhere(children != members)
        found.append((row, gene))
        low, high = BOUNDS[gene]
        new.append((children[row, gene] - low) / (high - low))
    return np.array(found), np.array(new)


@pytest.mark.parametrize("mutate", [uniform_mutation, boundary_mutation])
def test_one_gene_of_one_member_mutates_drawn_as_gaot_draws(mutate) -> None:
    rows, genes = single_changes(mutate)[0].T
    assert frequencies_agree(np.bincount(rows, minlength=7), half_ended(7))
    assert frequencies_agree(np.bincount(genes, minlength=5), half_ended(5))


def test_uniform_mutation_forgets_the_gene_and_the_time() -> None:
    assert stats.kstest(single_changes(uniform_mutation)[1], "uniform").pvalue > LEVEL


def test_boundary_mutation_chooses_either_bound_fairly() -> None:
    new = single_changes(boundary_mutation)[1]
    assert set(new) == {0.0, 1.0}
    assert stats.binomtest(int(new.sum()), len(new), 0.5).pvalue > LEVEL


def test_multi_non_uniform_mutation_moves_every_gene_by_the_law_of_one() -> None:
    rng, members, elapsed = np.random.default_rng(33), np.tile(MIDDLE, (9, 1)), 0.3
    half, relative, upwards = (BOUNDS[:, 1] - BOUNDS[:, 0]) / 2, [], 0
    for _ in range(1000):
        moved = multi_non_uniform_mutation(members, BOUNDS, elapsed, rng, mutations=1, shape=2.0)
        step = ((moved - members) / half)[(moved != members).any(axis=1)]
        assert step.shape == (1, len(BOUNDS))
        relative.extend(np.abs(step[0]))
        upwards += int((step > 0).sum())
    roots = np.sqrt(relative) / (1 - elapsed)
    assert stats.kstest(roots, "uniform").pvalue > LEVEL
    assert stats.binomtest(upwards, len(relative), 0.5).pvalue > LEVEL


@pytest.mark.parametrize("probability", [None, 0.3])
def test_binary_mutation_flips_each_bit_with_its_probability(probability: float | None) -> None:
    rng, trials, genes = np.random.default_rng(34), 4000, 10
    members = rng.integers(2, size=(5, genes)).astype(float)
    flips, rows = np.zeros(genes, dtype=int), np.zeros(5, dtype=int)
    for _ in range(trials):
        children = binary_mutation(
            members, np.empty((0, 2)), 0.5, rng, mutations=1, bit_probability=probability
        )
        changed = children != members
        assert set(children.ravel()) <= {0.0, 1.0}
        assert changed.any(axis=1).sum() <= 1
        flips += changed.sum(axis=0)
        rows += changed.any(axis=1)
    for count in flips:
        assert stats.binomtest(int(count), trials, probability or 1 / genes).pvalue > LEVEL / genes
    assert frequencies_agree(rows, half_ended(5))


# All of them


def crossing(name: str):
    if name != "heuristicXover":
        return CROSSOVERS[name]
    return lambda m, rng: heuristic_crossover(m, rng, values=m.sum(axis=1), bounds=BOUNDS)


VARIATIONS = [
    *(pytest.param(crossing(name), id=name) for name in fitting(CROSSOVERS, {"real"})),
    *(
        pytest.param(lambda m, rng, f=MUTATIONS[name]: f(m, BOUNDS, 0.1, rng), id=name)
        for name in fitting(MUTATIONS, {"real"})
    ),
]


@pytest.mark.parametrize("vary", VARIATIONS)
def test_variation_stays_within_bounds_and_leaves_its_argument_alone(vary) -> None:
    rng = np.random.default_rng(23)
    members = population(40, rng)
    members[::4] = BOUNDS[:, 0]
    members[1::4] = BOUNDS[:, 1]
    for _ in range(200):
        before = members.copy()
        children = vary(members, rng)
        assert (members == before).all()
        slack = 1e-15 * np.abs(BOUNDS).max()
        assert (children >= BOUNDS[:, 0] - slack).all()
        assert (children <= BOUNDS[:, 1] + slack).all()
        members = children


@pytest.mark.parametrize("vary", VARIATIONS)
def test_variation_is_the_generators_alone(vary, untouched_generators: None) -> None:
    members = population(40, np.random.default_rng(24))
    one, same, other = (vary(members, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


@pytest.mark.parametrize("name", SELECTIONS)
def test_selection_is_the_generators_alone(name: str, untouched_generators: None) -> None:
    values = np.random.default_rng(25).random(40)
    one, same, other = (SELECTIONS[name](values, np.random.default_rng(s)) for s in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


def test_unknown_operators_are_told_with_the_nearest_known() -> None:
    with pytest.raises(WorkbenchError, match="Did you mean 'arithXover'"):
        CROSSOVERS["arithxovr"]
