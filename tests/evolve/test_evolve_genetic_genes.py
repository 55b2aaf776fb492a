"""Integer, binary, mixed and permutation genes: drawn, crossed, mutated and searched."""

import copy
import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from workbench.errors import ArgumentError, UnknownNameError
from workbench.evolve import CROSSOVERS, MUTATIONS, PRESETS, Genetic, Ledger, Limits, Space
from workbench.evolve.gaot import arith_crossover, fitting, uniform_mutation
from workbench.evolve.gaot_whole import crossed_whole, inner, mutated_whole, widened
from workbench.evolve.space import gene_kinds

# A true hypothesis is refused once in a thousand seeds; these seeds are fixed.
LEVEL = 0.001
Members = NDArray[np.float64]

MIXED = Space(
    np.array([(-2.0, 2.0), (-2.5, 3.5), (0.0, 1.0), (4.0, 9.0), (0.0, 1.0)]),
    kinds=("real", "integer", "binary", "integer", "binary"),
)
BITS = Space(np.tile([0.0, 1.0], (12, 1)), kinds=("binary",) * 12)
ORDER = Space(np.tile([0.0, 8.0], (9, 1)), kinds=("permutation",) * 9)
SPACES = {"mixed": MIXED, "binary": BITS, "permutation": ORDER}


class Watched:
    """An objective that remembers all members, in a search of its own."""

    def __init__(self, objective, space: Space, method: Genetic, seed: int = 1, **limits):
        self.rows: list[Members] = []
        self.populations: list[Members] = []
        self.objective = objective
        limits = {"generations": 30, **limits}
        self.ledger = Ledger(self, space, Limits(**limits), heard=self.heard)
        rng = np.random.default_rng(seed)
        method.search(self.ledger, space.draw(20, rng), rng)

    def __call__(self, members: Members) -> Members:
        self.rows.append(members.copy())
        return self.objective(members)

    def heard(self, ledger: Ledger) -> None:
        self.populations.append(ledger.population[0].copy())


def weighted(members: Members) -> Members:
    return np.abs(members * np.arange(1, members.shape[1] + 1)).sum(axis=1)


# Kinds of genes


@pytest.mark.parametrize(
    ("genes", "bounds", "kinds"),
    [
        ("real", [(0, 1)] * 2, None),
        (["real", "real"], [(0, 1)] * 2, None),
        ("integer", [(0.5, 1.5)] * 2, ("integer", "integer")),
        ("binary", [(0, 1)] * 2, ("binary", "binary")),
        (("real", "binary"), [(0, 3), (0, 1)], ("real", "binary")),
        (np.array(["integer", "real"]), [(0, 3), (0, 1)], ("integer", "real")),
        ("permutation", [(0, 2)] * 3, ("permutation",) * 3),
    ],
)
def test_kinds_are_named_once_or_gene_by_gene(genes, bounds, kinds) -> None:
    assert gene_kinds(genes, np.array(bounds)) == kinds


@pytest.mark.parametrize(
    ("genes", "bounds", "argument", "requirement"),
    [
        (["real"], [(0, 1)] * 2, "genes", "each of the 2 genes"),
        (3, [(0, 1)] * 2, "genes", "name a kind"),
        (["permutation", "real"], [(0, 1)] * 2, "genes", "for all genes or for none"),
        ("permutation", [(0, 2)] * 2, "bounds", r"be \(0, 1\) for each gene"),
        ("integer", [(0, 1), (0.2, 0.9)], "bounds", "hold a whole number"),
        ("binary", [(0, 1), (0, 2)], "bounds", r"be \(0, 1\) for a binary gene"),
    ],
)
def test_genes_that_do_not_fit_their_bounds_are_told_so(
    genes, bounds, argument: str, requirement: str
) -> None:
    with pytest.raises(ArgumentError, match=requirement) as caught:
        gene_kinds(genes, np.array(bounds))
    assert caught.value.argument == argument


def test_unknown_kinds_are_told_with_the_nearest_known() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'integer'"):
        gene_kinds("integers", np.array([(0, 1)]))


# Space


def test_whole_numbers_within_the_bounds_are_drawn_equally_often() -> None:
    members = MIXED.draw(6000, np.random.default_rng(1))
    for gene, numbers in {1: range(-2, 4), 2: (0, 1), 3: range(4, 10), 4: (0, 1)}.items():
        counts = [(members[:, gene] == number).sum() for number in numbers]
        assert sum(counts) == 6000
        assert stats.chisquare(counts).pvalue > LEVEL
    assert stats.kstest(members[:, 0], "uniform", args=(-2, 4)).pvalue > LEVEL


def test_all_permutations_are_drawn_equally_often() -> None:
    space = Space(np.tile([0.0, 2.0], (3, 1)), kinds=("permutation",) * 3)
    drawn = [tuple(member) for member in space.draw(6000, np.random.default_rng(2))]
    counts = [drawn.count(order) for order in itertools.permutations((0.0, 1.0, 2.0))]
    assert sum(counts) == 6000
    assert stats.chisquare(counts).pvalue > LEVEL


def test_the_objective_sees_the_nearest_whole_numbers_within_the_bounds() -> None:
    members = np.array([[0.3, 3.49, 0.6, 4.4, -0.2], [1.7, -2.5, 0.4, 9.2, 1.0]])
    before = members.copy()
    expected = [[0.3, 3, 1, 4, 0], [1.7, -2, 0, 9, 1]]
    np.testing.assert_array_equal(MIXED.legal(members), expected)
    np.testing.assert_array_equal(members, before)


def test_real_members_and_permutations_are_legal_as_they_are() -> None:
    members = np.random.default_rng(3).random((4, 9))
    assert Space(ORDER.bounds).legal(members) is members
    assert ORDER.legal(members) is members


def test_members_that_are_no_permutations_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"permutations of 0 \.\.\. 8") as caught:
        Watched(
            weighted, Space(ORDER.bounds, lambda rng, n: rng.random((n, 9)), ORDER.kinds), Genetic()
        )
    assert caught.value.argument == "sample"
    members = np.tile(np.arange(9.0), (20, 1))
    members[3, 4] = 5
    ledger = Ledger(weighted, ORDER, Limits(generations=3))
    with pytest.raises(ArgumentError, match="in row 3"):
        Genetic().search(ledger, members, np.random.default_rng(1))
    assert ledger.evaluations == 0


# Operators for numbers on whole genes


def test_crossed_bits_come_from_a_parent_with_its_weight_each_for_itself() -> None:
    rng, weight = np.random.default_rng(4), 0.3
    blended = np.full((4000, 12), weight)
    bits = crossed_whole(blended, BITS, rng)
    assert set(bits.ravel()) == {0.0, 1.0}
    ones = bits.sum(axis=1).astype(int)
    law = stats.binom.pmf(np.arange(13), 12, weight) * 4000
    few = law < 5
    counts = np.bincount(ones, minlength=13)
    counts, law = np.append(counts[~few], counts[few].sum()), np.append(law[~few], law[few].sum())
    assert stats.chisquare(counts, law).pvalue > LEVEL


def test_crossed_integers_keep_their_mean_and_whole_ones_stay() -> None:
    rng = np.random.default_rng(5)
    members = np.tile([0.7, -1.25, 1.0, 6.5, 0.0], (8000, 1))
    rounded = crossed_whole(members.copy(), MIXED, rng)
    assert (rounded[:, [0, 2, 4]] == members[:, [0, 2, 4]]).all()
    assert set(rounded[:, 1]) == {-2.0, -1.0}
    assert set(rounded[:, 3]) == {6.0, 7.0}
    assert stats.binomtest(int((rounded[:, 1] == -1).sum()), 8000, 0.75).pvalue > LEVEL
    assert stats.binomtest(int((rounded[:, 3] == 7).sum()), 8000, 0.5).pvalue > LEVEL


def test_a_gene_that_parents_share_is_inherited_whole() -> None:
    rng = np.random.default_rng(6)
    members = MIXED.draw(2, rng)
    members[:, 1:3] = [3.0, 1.0]
    for _ in range(200):
        children = crossed_whole(arith_crossover(members, rng), MIXED, rng)
        assert (children[:, 1:3] == [3.0, 1.0]).all()
        assert (MIXED.legal(children) == children).all()


def test_every_integer_mutates_to_every_other_equally_often_but_for_its_neighbours() -> None:
    # Six numbers from 4 to 9: a uniform draw that would stay takes a step, to the side drawn.
    space = Space(np.array([(4.0, 9.0)]), kinds=("integer",))
    for start, weights in {
        6: [2, 3, 0, 3, 2, 2],
        4: [1, 3, 2, 2, 2, 2],
        9: [2] * 4 + [3, 1],
    }.items():
        members = np.full((12_000, 1), float(start))
        rng = np.random.default_rng(7)
        rows = np.arange(12_000)
        children = members.copy()
        low, high = widened(space)[0]
        children[rows, 0] = low + (high - low) * rng.random(12_000)
        found = mutated_whole(members, children, space)[:, 0]
        counts = np.array([(found == number).sum() for number in range(4, 10)])
        law = np.array(weights) / 12
        assert counts.sum() == 12_000
        assert (counts[law == 0] == 0).all()
        assert stats.chisquare(counts[law > 0], law[law > 0] * 12_000).pvalue > LEVEL


def test_steps_of_whole_genes_are_of_one_at_least_and_bits_flip() -> None:
    parents = np.array([[0.5, 0.0, 1.0, 9.0, 0.0]] * 3)
    children = parents + np.array(
        [[0.1, 0.01, -0.02, 0.0, 0.0], [0.0, -1.6, 0.0, 0.3, 1.4], [0.0, 2.4, 0.3, -0.2, 0.0]]
    )
    expected = [[0.6, 1, 0, 9, 0], [0.5, -2, 1, 9, 1], [0.5, 2, 0, 8, 0]]
    np.testing.assert_allclose(mutated_whole(parents, children, MIXED), expected)


def test_bounds_of_whole_genes_are_whole_for_crossing_and_half_a_step_wider_for_mutating() -> None:
    np.testing.assert_array_equal(inner(MIXED)[1], (-2, 3))
    np.testing.assert_array_equal(widened(MIXED)[1:4], [(-2.5, 3.5), (-0.5, 1.5), (3.5, 9.5)])
    np.testing.assert_array_equal(inner(MIXED)[0], widened(MIXED)[0])


# The search


def fit(space: Space, registry) -> list[str]:
    return fitting(registry, set(space.kinds))


COMBINATIONS = [
    pytest.param(space, cross, mutation, id=f"{name}-{cross}-{mutation}")
    for name, space in SPACES.items()
    for cross in fit(space, CROSSOVERS)
    for mutation in fit(space, MUTATIONS)
]


@pytest.mark.parametrize(("space", "crossover", "mutation"), COMBINATIONS)
def test_every_fitting_pair_of_operators_keeps_members_legal_and_moves_them(
    space: Space, crossover: str, mutation: str
) -> None:
    search = Watched(weighted, space, Genetic(crossover=crossover, mutation=mutation))
    members = np.concatenate([*search.rows, *search.populations])
    np.testing.assert_array_equal(space.legal(members), members)
    assert (members >= space.bounds[:, 0]).all()
    assert (members <= space.bounds[:, 1]).all()
    space.check("members", members)
    assert len(search.populations) == 30
    assert len(np.unique(members, axis=0)) > 20  # more than were drawn at first
    assert all((np.ptp(members, axis=0) > 0).tolist())


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_every_preset_has_operators_for_every_kind(space: Space, preset: str) -> None:
    search = Watched(weighted, space, Genetic(preset))
    assert search.ledger.stop == "generations"
    assert search.ledger.best[1] < weighted(search.rows[0]).min()


@pytest.mark.parametrize("seed", range(5))
def test_mixed_genes_find_what_trying_everything_finds(seed: int) -> None:
    def objective(members: Members) -> Members:
        x, i, a, j, b = members.T
        return (x - 0.1 * i) ** 2 + (i - 2) ** 2 + 3 * (a != b) + (j - 5 - a) ** 2 + 0.5 * (1 - a)

    whole = itertools.product(range(-2, 4), (0, 1), range(4, 10), (0, 1))
    every = np.array([(0.1 * i, i, a, j, b) for i, a, j, b in whole])
    best = every[objective(every).argmin()]
    found = Watched(objective, MIXED, Genetic(), seed, generations=100).ledger.best
    np.testing.assert_array_equal(found[0][1:], best[1:])
    assert found[1] < 1e-4


@pytest.mark.parametrize("seed", range(5))
def test_binary_genes_find_the_best_of_all_subsets(seed: int) -> None:
    rng = np.random.default_rng(8)
    worth, weight = rng.integers(5, 30, size=(2, 12))

    def loss(members: Members) -> Members:
        return np.where(members @ weight <= 100, worth.sum() - members @ worth, 1000.0)

    every = np.array(list(itertools.product((0.0, 1.0), repeat=12)))
    found = Watched(loss, BITS, Genetic(), seed, generations=150).ledger.best
    assert found[1] == loss(every).min()


@pytest.mark.parametrize("seed", range(5))
def test_the_shortest_trip_around_a_circle_is_the_polygon(seed: int) -> None:
    angle = 2 * np.pi * np.random.default_rng(9).permutation(9) / 9
    town = np.stack([np.cos(angle), np.sin(angle)], axis=1)

    def length(members: Members) -> Members:
        trip = town[members.astype(int)]
        return np.linalg.norm(trip - np.roll(trip, 1, axis=1), axis=2).sum(axis=1)

    found = Watched(length, ORDER, Genetic(), seed, generations=100).ledger.best
    assert found[1] == pytest.approx(2 * 9 * np.sin(np.pi / 9))


# Going on


def resumed(space: Space, method: Genetic, at: int, generations: int) -> tuple[Ledger, Ledger]:
    """Return the account of a whole search, and of one that goes on from generation ``at``."""
    saved = {}

    def keep(ledger: Ledger, memory) -> None:
        if ledger.generation == at:
            account = (ledger.population, ledger.best, ledger.evaluations, ledger.rows)
            kept = (*account, ledger.stalled, memory, rng.bit_generator.state)
            saved["all"] = copy.deepcopy(kept)

    limits = Limits(generations=generations)
    whole = Ledger(weighted, space, limits, kept=keep)
    rng = np.random.default_rng(1)
    method.search(whole, space.draw(16, rng), rng)
    other = Ledger(weighted, space, limits)
    other.population, other.best, other.evaluations, other.rows, other.stalled, memory, state = (
        saved["all"]
    )
    again = np.random.default_rng(99)
    again.bit_generator.state = state
    method.search(other, other.population[0], again, memory)
    assert again.bit_generator.state == rng.bit_generator.state
    return whole, other


@pytest.mark.parametrize("at", [1, 2, 17, 29])
@pytest.mark.parametrize(
    ("space", "method"),
    [
        (Space(np.array([(-1.0, 1.0)] * 4)), Genetic()),
        (Space(np.array([(-1.0, 1.0)] * 4)), Genetic(selection="tournSelect")),
        (Space(np.array([(-1.0, 1.0)] * 4)), Genetic("textbook")),
        (Space(np.array([(-1.0, 1.0)] * 4)), Genetic(crossover="heuristicXover", crossovers=20)),
        (MIXED, Genetic()),
        (BITS, Genetic()),
        (ORDER, Genetic(crossover="erXover")),
    ],
)
def test_a_search_goes_on_with_the_bits_of_one_that_never_stopped(
    space: Space, method: Genetic, at: int
) -> None:
    whole, other = resumed(space, method, at, 30)
    assert other.rows == whole.rows
    assert other.evaluations == whole.evaluations
    assert (other.stop, other.generation) == ("generations", 30)
    np.testing.assert_array_equal(other.population[0], whole.population[0])
    np.testing.assert_array_equal(other.population[1], whole.population[1])
    np.testing.assert_array_equal(other.best[0], whole.best[0])


# Bad input


@pytest.mark.parametrize(
    ("options", "space", "argument", "said"),
    [
        ({"crossover": "cyclicXover"}, MIXED, "crossover", "arithXover, simpleXover, geneXover"),
        ({"crossover": "arithXover"}, ORDER, "crossover", "cyclicXover"),
        ({"crossover": "heuristicXover"}, BITS, "crossover", "does not serve binary genes"),
        ({"mutation": "multiNonUnifMutation"}, MIXED, "mutation", "nonUnifMutation, unifMutation"),
        ({"mutation": "swapMutation"}, BITS, "mutation", "inversionMutation"),
        ({"mutation": "inversionMutation"}, Space(BITS.bounds), "mutation", "serve real genes"),
        ({"bit_probability": 0.1}, MIXED, "bit_probability", "In use: .*nonUnifMutation"),
    ],
)
def test_operators_of_another_kind_are_refused_with_those_that_fit(
    options, space: Space, argument: str, said: str
) -> None:
    method = Genetic(**options)  # there are genes that this suits
    with pytest.raises(ArgumentError, match=said) as caught:
        Watched(weighted, space, method)
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"crossover": "cyclicXover", "mutation": "unifMutation"}, "real genes"),
        ({"retries": 3}, "In use"),
        ({"tournament": 3}, "In use"),
        ({"crossover": "heuristicXover", "retries": 0}, "positive integer"),
        ({"selection": "tournSelect", "tournament": 0}, "positive integer"),
        ({"mutation": "binaryMutation", "bit_probability": 2}, "real number"),
    ],
)
def test_options_that_suit_no_genes_are_refused_at_once(options, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        Genetic(**options)


def test_uniform_mutation_of_mixed_members_reaches_every_value() -> None:
    rng, members = np.random.default_rng(10), MIXED.draw(30, np.random.default_rng(11))
    seen: list[set[float]] = [set() for _ in MIXED.bounds]
    for _ in range(60):
        moved = uniform_mutation(members, widened(MIXED), 0.5, rng, mutations=30)
        for gene, column in enumerate(mutated_whole(members, moved, MIXED).T):
            seen[gene] |= set(column)
    assert seen[1:] == [set(range(-2, 4)), {0, 1}, set(range(4, 10)), {0, 1}]
