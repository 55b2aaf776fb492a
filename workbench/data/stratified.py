"""Splits in which every class keeps its share, and what belongs together stays together.

How many images of each class go to which set is a table of fractions, to be rounded so that every
entry, and the size of every set, goes to the whole number below or above. Rounding class by class
keeps the entries and misses the sizes: of ten classes of ten images at 0.75 to 0.25, all the halves
would go to one side. Among the tables that keep both, which is a transportation problem with whole
numbers at its corners, the one is taken that rounds up the largest remainders. (scikit-learn's
StratifiedShuffleSplit gives largest remainders too, but in two sets only.)

Source: L. H. Cox, L. R. Ernst: Controlled rounding, INFOR 20 (1982) 423-432.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.checks import Seed
from workbench.data.splitting import NAMES, Split, checked_shares
from workbench.errors import ArgumentError

Table = NDArray[np.intp]  # (classes, 3): images of each class in each set


def stratified_split(
    labels: ArrayLike,
    *,
    train: float = 0.7,
    validation: float = 0.15,
    test: float = 0.15,
    groups: ArrayLike | None = None,
    classes: Sequence[str] | None = None,
    seed: Seed = None,
) -> Split:
    """Divide rows so that each class has its share in each set, to within one row.

    Args:
        labels: Class number of each row.
        train: Fraction of the rows, or number of rows; the three are fractions that sum to 1, or
            numbers that sum to the number of rows.
        validation: Likewise; 0 for none.
        test: Likewise.
        groups: Group number of each row; rows of a group go to one set. Where a group is larger
            than what any set is still to have of a class, shares are missed by more than a row.
        classes: Names of the classes, for errors.
        seed: Seed or generator; None draws from entropy.

    Raises:
        ArgumentError: The shares do not sum up; a class has too few rows, or too few groups, for
            each set with a share to get one.

    Example:
        >>> rows = stratified_split([0] * 60 + [1] * 20, train=0.5, validation=0.25, test=0.25)
        >>> [[int(sum(part < 60)), int(sum(part >= 60))] for part in rows]
        [[30, 10], [15, 5], [15, 5]]
    """
    numbers = _class_numbers(labels)
    shares = np.array(checked_shares(len(numbers), (train, validation, test)), dtype=float)
    shares /= shares.sum()
    rng = checks.generator(seed)
    counts = np.bincount(numbers)
    names = list(map(str, range(len(counts)))) if classes is None else list(classes)
    table = _rounded(counts, shares, rng)
    if table is None:
        raise _too_few(counts, shares, names)
    sets = _dealt(numbers, _group_numbers(groups, len(numbers)), table, shares > 0, rng)
    _every_class_everywhere(numbers, sets, shares > 0, names)
    rows = [np.flatnonzero(sets == place) for place in range(3)]
    for part in rows:
        part.flags.writeable = False
    return Split(*rows)


def _rounded(counts: Table, shares: NDArray[np.float64], rng: np.random.Generator) -> Table | None:
    """Return how many rows of each class each set gets, or None if no table gives all a row."""
    from scipy import optimize, sparse

    solve: Any = optimize.linprog  # its type stubs know no sparse matrices

    # Products of decimals such as 20 * 0.15 miss the whole number that they mean.
    exact = np.round(counts[:, None] * shares, 9)
    low = np.where(exact > 0, np.maximum(np.floor(exact), 1), 0)
    high = np.ceil(exact)
    # Noise makes the best table unique: ties are drawn, and no solver decides them.
    gain = exact - np.floor(exact) + 1e-3 * rng.random(exact.shape)
    rows = sparse.kron(sparse.eye_array(len(counts)), np.ones((1, 3)))
    columns = sparse.kron(np.ones((1, len(counts))), sparse.eye_array(3))
    sizes = np.round(exact.sum(axis=0), 6)
    found = solve(
        -gain.ravel(),
        A_eq=rows.tocsr(),
        b_eq=counts,
        A_ub=sparse.vstack([columns, -columns]).tocsr(),
        b_ub=np.concatenate([np.ceil(sizes), -np.floor(sizes)]),
        bounds=np.stack([low.ravel(), high.ravel()], axis=1),
        method="highs-ds",
    )
    return np.rint(found.x).astype(np.intp).reshape(-1, 3) if found.status == 0 else None


def _dealt(
    numbers: NDArray[np.intp],
    groups: NDArray[np.intp],
    table: Table,
    wanted: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    """Return the number of the set that each row goes to."""
    sets, room = np.full(len(numbers), -1), table.copy()
    order = np.argsort(groups, kind="stable")
    members_of = np.split(order, np.cumsum(np.bincount(groups))[:-1])
    drawn = rng.permutation([g for g, rows in enumerate(members_of) if len(rows) > 1]).astype(int)
    # Large groups come first, while there is room: single rows fill whatever is left.
    for group in sorted(drawn, key=lambda group: -len(members_of[group])):
        rows = members_of[group]
        kinds, members = np.unique(numbers[rows], return_counts=True)
        place = _place(room[kinds], members, wanted, rng)
        sets[rows] = place
        room[kinds, place] -= members
    for kind, left in enumerate(room):
        rows = rng.permutation(np.flatnonzero((numbers == kind) & (sets < 0)))
        left = np.maximum(left, 0)
        while left.sum() > len(rows):  # a group took more than its set's share
            left[left.argmax()] -= 1
        sets[rows] = np.repeat(np.arange(3), left)
    return sets


def _place(room: Table, members: Table, wanted: NDArray[np.bool_], rng: np.random.Generator) -> int:
    """Return the set for a group: one with room, drawn by how much it has, or the roomiest."""
    spare = np.where(wanted, (room - members[:, None]).min(axis=0), np.iinfo(np.intp).min)
    if spare.max() < 0:
        return int(spare.argmax())
    fits = spare >= 0
    weights = np.where(fits, room.sum(axis=0), 0)
    return int(rng.choice(3, p=weights / weights.sum()))


def _class_numbers(labels: ArrayLike) -> NDArray[np.intp]:
    numbers = np.asarray(labels)
    if numbers.ndim != 1 or not numbers.size or numbers.dtype.kind not in "iu" or numbers.min() < 0:
        raise ArgumentError(
            "labels",
            "be class numbers from 0, one for each row",
            f"{numbers.dtype} of shape {numbers.shape}",
        )
    return numbers.astype(np.intp)


def _group_numbers(groups: ArrayLike | None, rows: int) -> NDArray[np.intp]:
    if groups is None:
        return np.arange(rows)
    names = np.asarray(groups)
    if names.shape != (rows,):
        raise ArgumentError(
            "groups", f"have one entry for each of the {rows} rows", f"shape {names.shape}"
        )
    return np.unique(names, return_inverse=True)[1].astype(np.intp)


def _too_few(counts: Table, shares: NDArray[np.float64], names: list[str]) -> ArgumentError:
    smallest = int(np.where(counts > 0, counts, counts.max()).argmin())
    enough = int(np.ceil(round(1 / shares[shares > 0].min(), 9)))
    given = ", ".join(f"{name}={share:.3g}" for name, share in zip(NAMES, shares, strict=True))
    return ArgumentError(
        "labels",
        "have enough rows of every class for each set with a share to get one",
        f"{counts[smallest]} row(s) of class {names[smallest]!r} for {given}",
        f"With {enough} rows or more of a class each set gets one. Give the small sets larger "
        "shares, pass 0 for a set, or leave the class out.",
    )


def _every_class_everywhere(
    numbers: NDArray[np.intp], sets: Table, wanted: NDArray[np.bool_], names: list[str]
) -> None:
    for place in np.flatnonzero(wanted):
        missing = np.setdiff1d(numbers, numbers[sets == place])
        if missing.size:
            raise ArgumentError(
                "groups",
                "be so many and so small that every class gets into each set with a share",
                f"nothing of class {names[missing[0]]!r} for {NAMES[place]}",
                "Rows of a group stay together, as equal images do: the class has too few others.",
            )
