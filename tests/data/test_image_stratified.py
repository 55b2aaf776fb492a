"""Every class keeps its share, and what belongs together stays together."""

import numpy as np
import pytest
from sklearn.model_selection import StratifiedShuffleSplit

from workbench.data import load_dataset, stratified_split
from workbench.errors import ArgumentError

SHARES = [(0.7, 0.15, 0.15), (0.6, 0.2, 0.2), (0.75, 0.0, 0.25), (0.5, 0.5, 0.0), (1.0, 0.0, 0.0)]


def counts(labels: np.ndarray, parts: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return how many rows of each class each set has: (classes, 3)."""
    return np.stack([np.bincount(labels[rows], minlength=labels.max() + 1) for rows in parts], 1)


@pytest.mark.parametrize("shares", SHARES)
def test_classes_and_sets_are_within_one_row_of_their_shares(shares: tuple[float, ...]) -> None:
    rng = np.random.default_rng(5)
    train, validation, test = shares
    for seed in range(15):
        sizes = rng.integers(7, 80, rng.integers(1, 12))
        labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
        parts = stratified_split(labels, train=train, validation=validation, test=test, seed=seed)
        assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
        found = counts(labels, parts)
        assert (np.abs(found - sizes[:, None] * np.array(shares)) < 1).all()
        assert (np.abs(found.sum(0) - len(labels) * np.array(shares)) < 1).all()
        assert ((found > 0) == (np.array(shares) > 0)).all()
        assert all((np.diff(rows) > 0).all() and not rows.flags.writeable for rows in parts)


def test_class_shares_are_scikit_learns() -> None:
    """Two sets of a fixed size: the largest remainders decide in both, and none is tied."""
    rng = np.random.default_rng(0)
    compared = 0
    for seed in range(30):
        sizes = rng.integers(10, 90, 6)
        total = int(sizes.sum())
        testing = round(total * 0.23)
        remainders = np.sort(sizes * testing / total % 1)
        if np.diff(remainders).min() < 0.01 or remainders[0] < 0.01:
            continue  # ties are drawn, there and here
        labels = rng.permutation(np.repeat(np.arange(6), sizes))
        theirs = StratifiedShuffleSplit(1, test_size=testing, random_state=0)
        train, test = next(theirs.split(labels, labels))
        ours = stratified_split(
            labels, train=total - testing, validation=0, test=testing, seed=seed
        )
        np.testing.assert_array_equal(
            counts(labels, ours)[:, [0, 2]], counts(labels, (train, test))
        )
        compared += 1
    assert compared > 10


def test_digits_are_divided_as_by_scikit_learn_to_within_a_row() -> None:
    labels = load_dataset("digits").y[:, 0].astype(int)
    ours = counts(labels, stratified_split(labels, train=0.8, validation=0, test=0.2, seed=0))
    theirs = next(StratifiedShuffleSplit(1, test_size=0.2, random_state=0).split(labels, labels))
    assert np.abs(ours[:, [0, 2]] - counts(labels, theirs)).max() <= 1


def test_halves_do_not_all_go_to_one_side() -> None:
    labels = np.repeat(np.arange(10), 10)
    found = counts(labels, stratified_split(labels, train=0.75, validation=0, test=0.25, seed=0))
    assert found.sum(axis=0).tolist() == [75, 0, 25]
    assert set(found[:, 2]) == {2, 3}


def test_whole_numbers_are_kept_to_the_row() -> None:
    rng = np.random.default_rng(7)
    for _ in range(10):
        sizes = rng.integers(20, 50, 5)
        labels = np.repeat(np.arange(5), sizes)
        validation, test = (int(size) for size in rng.integers(8, 30, 2))
        train = len(labels) - validation - test
        parts = stratified_split(labels, train=train, validation=validation, test=test, seed=rng)
        assert [len(rows) for rows in parts] == [train, validation, test]


def test_a_seed_gives_one_split_and_another_seed_another() -> None:
    labels = np.repeat([0, 1], 50)
    first, again, other = (stratified_split(labels, seed=seed) for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert not (first.test == other.test).all()


def test_groups_stay_together_and_classes_keep_their_shares() -> None:
    rng = np.random.default_rng(1)
    for seed in range(15):
        labels = rng.integers(0, 4, 200)
        # Pairs and triples among many single rows, some of two classes.
        groups = np.arange(200)
        for start in range(0, 60, 3):
            groups[start : start + rng.integers(2, 4)] = start
        parts = stratified_split(labels, groups=rng.permutation(200)[groups], seed=seed)
        kinds = [set(groups[rows]) for rows in parts]
        assert not kinds[0] & kinds[1] | kinds[0] & kinds[2] | kinds[1] & kinds[2]
        exact = np.bincount(labels)[:, None] * np.array([0.7, 0.15, 0.15])
        assert (np.abs(counts(labels, parts) - exact) < 1).all()


def test_groups_are_not_all_in_the_training_set() -> None:
    groups = np.arange(1000) // 2
    parts = stratified_split(np.zeros(1000, int), groups=groups, seed=0)
    assert [len(rows) for rows in parts] == [700, 150, 150]


def test_a_group_larger_than_any_share_goes_where_most_room_is() -> None:
    labels, groups = np.zeros(20, int), np.r_[np.zeros(17, int), 1, 2, 3]
    parts = stratified_split(labels, groups=groups, seed=0)
    assert len(parts.train) >= 17
    assert sorted(np.concatenate(parts).tolist()) == list(range(20))


def test_a_class_that_no_row_has_is_passed_over() -> None:
    parts = stratified_split(np.repeat([0, 3], 20), seed=0)
    assert [len(rows) for rows in parts] == [28, 6, 6]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": [0] * 20 + [1, 1]}, r"2 row\(s\) of class '1'.*With 7 rows or more"),
        ({"labels": [0] * 20 + [1], "classes": ["cat", "dog"]}, "class 'dog'"),
        ({"labels": [0.0, 1.0]}, "labels must be class numbers.*float64"),
        ({"labels": [-1, 1]}, "labels must be class numbers"),
        ({"labels": []}, "labels must be class numbers"),
        ({"labels": [[0, 1]]}, "labels must be class numbers"),
        ({"labels": [0] * 20, "train": 0.9}, "sum to 1"),
        ({"labels": [0] * 20, "groups": [1, 2]}, "groups must have one entry for each of the 20"),
        ({"labels": [0] * 20, "groups": [3] * 20}, "nothing of class '0' for validation"),
        ({"labels": [0] * 20, "seed": -1}, "seed must be"),
    ],
)
def test_what_cannot_be_divided_is_told(arguments: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        stratified_split(**arguments)


def test_as_many_rows_as_the_error_asks_for_are_enough() -> None:
    for shares in SHARES[:4]:
        train, validation, test = shares
        enough = int(np.ceil(round(1 / min(share for share in shares if share), 9)))
        labels = np.repeat(np.arange(3), enough)
        parts = stratified_split(labels, train=train, validation=validation, test=test, seed=0)
        assert ((counts(labels, parts) > 0) == (np.array(shares) > 0)).all()
