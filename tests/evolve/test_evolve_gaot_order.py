"""Operators for permutations against their definitions: every outcome, and how often it comes."""

import itertools
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from workbench.evolve import CROSSOVERS, MUTATIONS
from workbench.evolve.gaot import fitting

# A true hypothesis is refused once in a thousand seeds; these seeds are fixed.
LEVEL = 0.001
ORDER_CROSSOVERS = fitting(CROSSOVERS, {"permutation"})
ORDER_MUTATIONS = fitting(MUTATIONS, {"permutation"})
Member = tuple[int, ...]
FIRST: Member = (3, 1, 4, 0, 5, 2)
SECOND: Member = (0, 2, 1, 5, 4, 3)


def children_of(
    name: str, first: Member, second: Member, rng: np.random.Generator
) -> tuple[Member, Member] | None:
    """Return the children in the places of their parents, or None where a member met itself."""
    state = rng.bit_generator.state
    pair = np.rint(rng.random(2))
    rng.bit_generator.state = state
    children = CROSSOVERS[name](np.array([first, second], dtype=float), rng, crossovers=1)
    if pair[0] == pair[1]:
        assert (children == [first, second]).all()
        return None
    one, other = (tuple(child.astype(int).tolist()) for child in children)
    return one, other


def test_all_of_gaots_operators_for_permutations_are_there() -> None:
    assert set(ORDER_CROSSOVERS) == {
        "cyclicXover",
        "erXover",
        "enhancederXover",
        "linerorderXover",
        "orderbasedXover",
        "partmapXover",
        "singleptXover",
        "uniformXover",
    }
    assert set(ORDER_MUTATIONS) == {
        "adjswapMutation",
        "inversionMutation",
        "shiftMutation",
        "swapMutation",
        "threeswapMutation",
    }


# Crossovers, written as slowly as their papers define them


def in_order_of(other: Member, genes: set[int]) -> list[int]:
    return [gene for gene in other if gene in genes]


def reordered(mine: Member, other: Member, places: set[int]) -> Member:
    new = iter(in_order_of(other, {mine[place] for place in places}))
    return tuple(next(new) if place in places else gene for place, gene in enumerate(mine))


def linear_order(mine: Member, other: Member, places: set[int]) -> Member:
    rest = iter(gene for gene in mine if gene not in {other[place] for place in places})
    return tuple(other[place] if place in places else next(rest) for place in range(len(mine)))


def part_mapped(mine: Member, other: Member, places: set[int]) -> Member:
    """Goldberg's own way: bring each gene of the other in by an exchange within the child."""
    child = list(mine)
    for place in sorted(places):
        there = child.index(other[place])
        child[place], child[there] = child[there], child[place]
    return tuple(child)


def between_cuts(n: int) -> list[set[int]]:
    return [set(range(a, b)) for a, b in itertools.combinations(range(n + 1), 2)]


def tails(n: int) -> list[set[int]]:
    return [set(range(cut, n)) for cut in range(1, n)]


def subsets(n: int) -> list[set[int]]:
    return [{i for i in range(n) if mask >> i & 1} for mask in range(2**n)]


@pytest.mark.parametrize(
    ("name", "child", "choices"),
    [
        ("partmapXover", part_mapped, between_cuts),
        ("orderbasedXover", reordered, between_cuts),
        ("linerorderXover", linear_order, between_cuts),
        ("singleptXover", reordered, tails),
    ],
)
def test_children_are_those_of_evenly_drawn_cuts(
    name: str, child: Callable[..., Member], choices: Callable[[int], list[set[int]]]
) -> None:
    rng, places = np.random.default_rng(1), choices(len(FIRST))
    expected = Counter((child(FIRST, SECOND, p), child(SECOND, FIRST, p)) for p in places)
    came = Counter(children_of(name, FIRST, SECOND, rng) for _ in range(6000))
    del came[None]
    assert came.keys() == expected.keys()
    law = np.array([expected[pair] for pair in expected]) / len(places)
    counts = np.array([came[pair] for pair in expected])
    assert stats.chisquare(counts, law * counts.sum()).pvalue > LEVEL


def test_uniform_children_reorder_complementary_places() -> None:
    rng, everything = np.random.default_rng(2), set(range(len(FIRST)))
    expected = Counter(
        (reordered(FIRST, SECOND, p), reordered(SECOND, FIRST, everything - p))
        for p in subsets(len(FIRST))
    )
    came = Counter(children_of("uniformXover", FIRST, SECOND, rng) for _ in range(8000))
    del came[None]
    assert came.keys() == expected.keys()
    counts = np.array([came[pair] for pair in expected])
    law = np.array([expected[pair] for pair in expected]) / 2 ** len(FIRST)
    assert stats.chisquare(counts, law * counts.sum()).pvalue > LEVEL


def less_one(genes: str) -> Member:
    return tuple(int(gene) - 1 for gene in genes.split())


def test_cycle_crossover_gives_goldbergs_example() -> None:
    # D. E. Goldberg, "Genetic Algorithms in Search, Optimization, and Machine Learning", p. 175.
    first, second = less_one("9 8 2 1 7 4 5 10 6 3"), less_one("1 2 3 4 5 6 7 8 9 10")
    came = {children_of("cyclicXover", first, second, np.random.default_rng(s)) for s in range(20)}
    children = less_one("9 2 3 1 5 4 7 8 6 10"), less_one("1 8 2 4 7 6 5 10 9 3")
    assert came == {None, children}


def test_partially_mapped_crossover_gives_goldbergs_example_among_others() -> None:
    # The same book, p. 171, with the cuts after 3 and 6 genes.
    first, second = less_one("9 8 4 5 6 7 1 3 2 10"), less_one("8 7 1 2 3 10 9 5 4 6")
    rng = np.random.default_rng(3)
    came = {children_of("partmapXover", first, second, rng) for _ in range(2000)}
    children = less_one("9 8 4 2 3 10 1 6 5 7"), less_one("8 10 1 5 6 7 9 2 4 3")
    assert children in came
    assert len(came - {None}) <= 55  # pairs of cuts


# Recombination of edges


def edges(trip: Member) -> set[frozenset[int]]:
    return {frozenset((trip[i - 1], trip[i])) for i in range(len(trip))}


def kept_edges(name: str, trials: int) -> tuple[float, float]:
    """Return which share of the edges comes from a parent, and which of the common ones is kept."""
    rng, inherited, common = np.random.default_rng(4), [], []
    for _ in range(trials):
        first = tuple(rng.permutation(20).tolist())
        places = np.sort(rng.choice(20, size=2, replace=False))
        middle = first[places[0] : places[1]][::-1]
        second = first[: places[0]] + middle + first[places[1] :]
        other = tuple(np.roll(second, rng.integers(20)).tolist())
        pair = children_of(name, first, other, rng)
        for child in pair or ():
            inherited.append(len(edges(child) & (edges(first) | edges(other))) / 20)
            shared = edges(first) & edges(other)
            common.append(len(edges(child) & shared) / len(shared))
    return float(np.mean(inherited)), float(np.mean(common))


@pytest.mark.parametrize("name", ["erXover", "enhancederXover"])
def test_equal_trips_have_children_that_are_the_same_trip(name: str) -> None:
    # One parent goes the other way round and begins elsewhere.
    rng = np.random.default_rng(5)
    for _ in range(50):
        first = tuple(rng.permutation(9).tolist())
        second = tuple(np.roll(first[::-1], rng.integers(9)).tolist())
        for child in children_of(name, first, second, rng) or ():
            assert edges(child) == edges(first)


@pytest.mark.parametrize("name", ["erXover", "enhancederXover"])
def test_children_of_edges_begin_where_their_parents_do(name: str) -> None:
    rng = np.random.default_rng(6)
    for _ in range(50):
        if (pair := children_of(name, FIRST, SECOND, rng)) is not None:
            assert [child[0] for child in pair] == [FIRST[0], SECOND[0]]


def test_edges_are_inherited_and_the_enhanced_form_keeps_more_of_the_common_ones() -> None:
    # Whitley and others report that 95 to 99 % of the edges come from a parent.
    plain, plain_common = kept_edges("erXover", 300)
    enhanced, enhanced_common = kept_edges("enhancederXover", 300)
    assert plain > 0.95
    assert enhanced > 0.95
    assert enhanced_common > plain_common


def test_edge_recombination_breaks_ties_evenly() -> None:
    # From 0 all four neighbours of a ring with chords have as many left: each comes as often.
    first, second = (0, 1, 2, 3, 4), (0, 2, 4, 1, 3)
    rng, next_ones = np.random.default_rng(7), Counter()
    for _ in range(4000):
        for child in children_of("erXover", first, second, rng) or ():
            next_ones[child[1]] += 1
    assert sorted(next_ones) == [1, 2, 3, 4]
    assert stats.chisquare(list(next_ones.values())).pvalue > LEVEL


# Mutations


def exchanged(member: Member, *places: int) -> Member:
    child = list(member)
    for to, of in zip(places, (*places[1:], places[0]), strict=True):
        child[to] = member[of]
    return tuple(child)


def shifted(member: Member, start: int, end: int) -> Member:
    child = list(member)
    child.insert(end, child.pop(start))
    return tuple(child)


def reversed_between(member: Member, start: int, end: int) -> Member:
    return member[:start] + member[start:end][::-1] + member[end:]


N = len(FIRST)
OUTCOMES: dict[str, list[Member]] = {
    "swapMutation": [exchanged(FIRST, *p) for p in itertools.permutations(range(N), 2)],
    "adjswapMutation": [exchanged(FIRST, i, i + 1) for i in range(N - 1)],
    "threeswapMutation": [exchanged(FIRST, *p) for p in itertools.permutations(range(N), 3)],
    "shiftMutation": [shifted(FIRST, *p) for p in itertools.permutations(range(N), 2)],
    "inversionMutation": [
        reversed_between(FIRST, *p) for p in itertools.combinations(range(N + 1), 2)
    ],
}


def mutate(name: str, members: NDArray[np.float64], rng: np.random.Generator, mutations: int = 1):
    return MUTATIONS[name](members, np.empty((0, 2)), 0.5, rng, mutations=mutations)


@pytest.mark.parametrize("name", ORDER_MUTATIONS)
def test_every_mutant_comes_as_often_as_its_places_are_drawn(name: str) -> None:
    rng, expected = np.random.default_rng(8), Counter(OUTCOMES[name])
    members, rows, came = np.tile(np.array(FIRST, dtype=float), (4, 1)), [0] * 4, Counter()
    for _ in range(5000):
        children = mutate(name, members, rng)
        changed = np.flatnonzero((children != members).any(axis=1))
        assert len(changed) <= 1
        for row in changed:
            rows[row] += 1
            came[tuple(children[row].astype(int).tolist())] += 1
    del expected[FIRST]  # a reversal of one gene changes nothing
    assert came.keys() == expected.keys()
    law = np.array([expected[mutant] for mutant in expected]) / expected.total()
    counts = np.array([came[mutant] for mutant in expected])
    assert stats.chisquare(counts, law * counts.sum()).pvalue > LEVEL
    halves = np.array([1, 2, 2, 1]) / 6 * sum(rows)
    assert stats.chisquare(rows, halves).pvalue > LEVEL


def test_inversion_reverses_bits_as_well() -> None:
    members = np.array([[1.0, 1.0, 0.0, 0.0]])
    rng = np.random.default_rng(9)
    came = {tuple(mutate("inversionMutation", members, rng)[0]) for _ in range(300)}
    bits = tuple(members[0])
    cuts = itertools.combinations(range(5), 2)
    assert came == {bits[:a] + bits[a:b][::-1] + bits[b:] for a, b in cuts}


# All of them


VARIATIONS = [
    *(pytest.param(CROSSOVERS[name], id=name) for name in ORDER_CROSSOVERS),
    *(
        pytest.param(
            lambda m, rng, name=name, **k: mutate(name, m, rng, *k.values()),
            id=name,
        )
        for name in ORDER_MUTATIONS
    ),
]


@pytest.mark.parametrize("vary", VARIATIONS)
@pytest.mark.parametrize("genes", [2, 3, 12])
def test_permutations_stay_permutations_and_the_argument_as_it_is(vary, genes: int) -> None:
    rng = np.random.default_rng(10)
    members = rng.permuted(np.tile(np.arange(genes, dtype=float), (20, 1)), axis=1)
    for _ in range(30):
        before = members.copy()
        children = vary(members, rng)
        assert (members == before).all()
        assert children.dtype == members.dtype
        assert (np.sort(children, axis=1) == np.arange(genes)).all()
        members = children


@pytest.mark.parametrize("vary", VARIATIONS)
def test_variation_is_the_generators_alone(vary, untouched_generators: None) -> None:
    rng = np.random.default_rng(11)
    members = rng.permuted(np.tile(np.arange(9.0), (20, 1)), axis=1)
    one, same, other = (vary(members, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


@pytest.mark.parametrize("name", ORDER_CROSSOVERS)
def test_equal_parents_have_equal_children_but_for_the_start_of_a_trip(name: str) -> None:
    members = np.tile(np.random.default_rng(12).permutation(9).astype(float), (6, 1))
    children = CROSSOVERS[name](members, np.random.default_rng(13), crossovers=20)
    if name in ("erXover", "enhancederXover"):  # a trip may go the other way round
        around = edges(tuple(members[0]))
        assert all(edges(tuple(child)) == around for child in children)
    else:
        assert (children == members).all()
