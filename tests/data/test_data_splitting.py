"""Splits partition the rows, in the sizes that MATLAB's functions give."""

import numpy as np
import pytest
from scipy import stats

from workbench.data import DIVISIONS, load_dataset, split
from workbench.errors import ArgumentError, UnknownNameError

BY_SIZE = ("dividerand", "divideblock", "divideint")
SHARES = [(0.7, 0.15, 0.15), (0.6, 0.2, 0.2), (0.75, 0.0, 0.25), (1 / 3, 1 / 3, 1 / 3), (1.0, 0, 0)]


def sizes(parts: tuple[np.ndarray, ...]) -> tuple[int, ...]:
    return tuple(len(rows) for rows in parts)


@pytest.mark.parametrize("method", BY_SIZE)
@pytest.mark.parametrize("shares", SHARES)
def test_every_row_is_in_exactly_one_set(method: str, shares: tuple[float, ...]) -> None:
    train, validation, test = shares
    for samples in [*range(8, 60), 150, 569, 1797, 2000]:
        parts = split(samples, method, train=train, validation=validation, test=test, seed=samples)
        assert sorted(np.concatenate(parts).tolist()) == list(range(samples))
        for rows, share in zip(parts, shares, strict=True):
            assert abs(len(rows) - share * samples) < 2
            assert (len(rows) > 0) == (share > 0)
            assert (np.diff(rows) > 0).all()
            assert rows.dtype == np.intp
            assert not rows.flags.writeable


@pytest.mark.parametrize("method", BY_SIZE)
def test_whole_numbers_are_kept_to_the_row(method: str) -> None:
    rng = np.random.default_rng(7)
    for _ in range(40):
        wanted = tuple(int(size) for size in rng.integers(1, 40, 3))
        train, validation, test = wanted
        parts = split(sum(wanted), method, train=train, validation=validation, test=test, seed=rng)
        assert sizes(parts) == wanted
        assert sorted(np.concatenate(parts).tolist()) == list(range(sum(wanted)))


# (samples, train, validation, test): dividerand rounds to nearest, halves up. Sizes that
# MATLAB's own examples show: 252 body-fat samples as 176/38/38, 150 irises as 104/23/23.
@pytest.mark.parametrize("expected", [(252, 176, 38, 38), (150, 104, 23, 23), (94, 66, 14, 14)])
def test_dividerand_rounds_as_matlab(expected: tuple[int, ...]) -> None:
    assert sizes(split(expected[0], "dividerand", seed=0)) == expected[1:]


def test_divideblock_rounds_down_and_keeps_the_order() -> None:
    train, validation, test = split(250, "divideblock")
    assert (train[0], train[-1]) == (0, 175)
    assert (validation[0], validation[-1]) == (176, 212)  # floor(37.5) = 37 rows
    assert (test[0], test[-1]) == (213, 249)


def test_divideint_deals_rows_to_the_set_furthest_behind() -> None:
    # By hand for 0.5, 0.25, 0.25: behind = share - rows so far / rows dealt.
    parts = split(8, "divideint", train=0.5, validation=0.25, test=0.25)
    assert [rows.tolist() for rows in parts] == [[0, 3, 4, 7], [1, 5], [2, 6]]
    train, validation, test = split(12, "divideint", train=1 / 3, validation=1 / 3, test=1 / 3)
    assert train.tolist() == [0, 3, 6, 9]
    assert validation.tolist() == [1, 4, 7, 10]
    assert test.tolist() == [2, 5, 8, 11]


def test_divideint_spreads_every_set_over_all_rows() -> None:
    for rows in split(1000, "divideint"):
        assert np.diff(rows).max() <= np.ceil(1000 / len(rows)) + 1


def test_dividerand_gives_each_row_the_same_chance() -> None:
    rng = np.random.default_rng(11)
    times = np.zeros(20)
    for _ in range(3000):
        times[split(20, "dividerand", seed=rng).test] += 1
    # Rows of one draw exclude each other, which makes the statistic smaller, not larger.
    assert stats.chisquare(times).pvalue > 0.01


def test_the_same_seed_gives_the_same_rows() -> None:
    first, second, other = (split(100, seed=seed).train.tolist() for seed in (1, 1, 2))
    assert first == second != other
    assert split(100, seed=np.random.default_rng(1)).train.tolist() == first


@pytest.mark.parametrize(
    ("plain", "matlab"),
    [
        ("random", "dividerand"),
        ("block", "divideblock"),
        ("interleaved", "divideint"),
        ("indices", "divideind"),
    ],
)
def test_plain_words_are_matlabs_names(plain: str, matlab: str) -> None:
    assert DIVISIONS[plain] is DIVISIONS[matlab]


def test_an_array_counts_by_its_rows() -> None:
    dataset = load_dataset("iris")
    assert sizes(split(dataset.X, "block")) == (106, 22, 22)
    assert sizes(split(dataset.frame, "block")) == (106, 22, 22)
    assert sizes(split(dataset.X.tolist(), "block")) == (106, 22, 22)


def test_a_split_unpacks_and_is_short_to_read() -> None:
    parts = split(2000, train=1500, validation=0, test=500, seed=0)
    assert repr(parts) == "<Split of 1500 training, 0 validation and 500 test rows>"
    train, validation, test = parts
    assert train is parts.train
    assert validation is parts.validation
    assert test is parts.test


def test_given_rows_are_taken_in_ascending_order() -> None:
    mask = np.zeros(10, dtype=bool)
    mask[[8, 2]] = True
    parts = split(10, "divideind", train=[5, 1, 3], validation=[], test=mask)
    assert [rows.tolist() for rows in parts] == [[1, 3, 5], [], [2, 8]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"train": [0, 1], "validation": [1], "test": []}, "validation must have no row in common"),
        ({"train": [0, 1], "validation": [], "test": [3, 1]}, "test must have no row in common"),
        ({"train": [0], "validation": [2], "test": [2]}, "in common with validation"),
        ({"train": [0, 10], "validation": 0, "test": 0}, "train must have row numbers from 0 to 9"),
        ({"train": [-1], "validation": [], "test": []}, "the first -1.*counted from 0"),
        ({"train": [4, 4], "validation": [], "test": []}, "train must name each row once"),
        ({"train": [1.5], "validation": [], "test": []}, "train must be a list of row numbers"),
        ({"train": [[1]], "validation": [], "test": []}, "train must be a list of row numbers"),
        ({"train": [True], "validation": [], "test": []}, "mask of 10 truth values"),
        ({"train": [1]}, r"Pass validation=\[\] for none"),
        ({"train": [], "validation": [1], "test": []}, "train must name at least one row"),
    ],
)
def test_wrong_row_numbers_are_told(given: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        split(10, "divideind", **given)


@pytest.mark.parametrize("method", BY_SIZE)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"train": -0.1}, "train must be a real number in"),
        ({"train": 0, "validation": 0.5, "test": 0.5}, "train must be a real number in"),
        ({"validation": -0.15}, "validation must be a real number in"),
        ({"test": np.nan}, "test must be a real number"),
        ({"train": 0.8}, "fractions that sum to 1.*sum 1.1"),
        ({"train": 70, "validation": 15, "test": 10}, "sum to the 100 rows.*sum 95"),
        ({"train": 1, "validation": 0, "test": 0}, "1.0 is all rows"),
        ({"train": 80, "validation": 0.1, "test": 0.1}, "fractions that sum to 1"),
        ({"train": [1, 2, 3]}, "method='divideind'"),
        ({"train": True, "validation": 0, "test": 0}, "be a fraction or a number of rows"),
        ({"train": "most"}, "train must be a real number"),
    ],
)
def test_wrong_shares_are_told(method: str, given: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        split(100, method, **given)


@pytest.mark.parametrize("method", BY_SIZE)
@pytest.mark.parametrize("shares", [(0.7, 0.15, 0.15), (0.01, 0.5, 0.49), (0.98, 0.013, 0.007)])
def test_too_few_rows_are_told_with_the_number_that_is_enough(
    method: str, shares: tuple[float, ...]
) -> None:
    names = ("train", "validation", "test")
    given = dict(zip(names, shares, strict=True))
    with pytest.raises(ArgumentError, match=r"With (\d+) rows or more") as caught:
        split(2, method, seed=0, **given)
    enough = int(str(caught.value).partition("With ")[2].split()[0])
    for samples in range(enough, enough + 200):
        assert min(sizes(split(samples, method, seed=0, **given))) > 0


@pytest.mark.parametrize("samples", [0, -5, 2.5, "iris", None, [], np.float64(3), np.array(7.5)])
def test_samples_that_cannot_be_counted_are_told(samples: object) -> None:
    with pytest.raises(ArgumentError, match="samples must be a positive integer"):
        split(samples)


def test_an_unknown_method_gets_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'dividerand'"):
        split(10, "dividrand")
