"""Which rows train, which decide when to stop, and which test: MATLAB's data division.

``dividerand`` draws the rows, ``divideblock`` takes blocks in order, ``divideint`` deals them
out in turn, ``divideind`` takes given ones; each has a plain name as well. Sizes are rounded as
MATLAB's functions of those names round them.

Source: MathWorks, Deep Learning Toolbox, reference pages of the four functions.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence, Sized
from numbers import Integral
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.checks import Seed
from workbench.errors import ArgumentError
from workbench.registry import Registry

Indices: TypeAlias = NDArray[np.intp]
Sets: TypeAlias = tuple[Indices, Indices, Indices]
Given: TypeAlias = tuple[float | ArrayLike, float | ArrayLike, float | ArrayLike]

NAMES = ("train", "validation", "test")

# Each takes the number of rows, what the caller gave for the three sets, and the seed.
DIVISIONS: Registry[Callable[[int, Given, Seed], Sets]] = Registry("division")


class Split(NamedTuple):
    """Row numbers of the three sets, counted from 0, ascending, no row in two sets.

    It unpacks as ``train, validation, test = split(...)``. The arrays are read-only.

    Attributes:
        train: Rows to fit on, scalers included.
        validation: Rows that decide when training stops; may be empty.
        test: Rows that nothing is decided by; may be empty.
    """

    train: Indices
    validation: Indices
    test: Indices

    def __repr__(self) -> str:
        return "<Split of {} training, {} validation and {} test rows>".format(*map(len, self))


def split(
    samples: int | Sized,
    method: str = "dividerand",
    *,
    train: float | ArrayLike = 0.7,
    validation: float | ArrayLike = 0.15,
    test: float | ArrayLike = 0.15,
    seed: Seed = None,
) -> Split:
    """Divide rows into training, validation and test rows.

    Args:
        samples: Number of rows, or the array whose rows are to be divided.
        method: ``"dividerand"`` or ``"random"``, ``"divideblock"`` or ``"block"``,
            ``"divideint"`` or ``"interleaved"``, ``"divideind"`` or ``"indices"``.
        train: Fraction of the rows, or number of rows, or for ``"divideind"`` the row numbers
            themselves (counted from 0; a mask will do).
        validation: Likewise; 0 or an empty list for none.
        test: Likewise. All three are fractions that sum to 1, or numbers that sum to the
            number of rows. MATLAB would scale any other sum; here it is taken for a slip. Row
            numbers need not cover all rows.
        seed: Seed or generator for ``"dividerand"``; None draws from entropy.

    Raises:
        UnknownNameError: There is no such method.
        ArgumentError: A share is negative or of the wrong kind; they do not sum up; there are
            too few rows for each set to get one; row numbers are out of range or come twice.

    Example:
        >>> split(8, "block", train=0.5, validation=0.25, test=0.25).test.tolist()
        [6, 7]
        >>> [len(rows) for rows in split(2000, train=1500, validation=0, test=500, seed=1)]
        [1500, 0, 500]
    """
    sets = DIVISIONS[method](_row_count(samples), (train, validation, test), seed)
    for rows in sets:
        rows.flags.writeable = False
    return Split(*sets)


@DIVISIONS.register("dividerand")
@DIVISIONS.register("random")
def divide_at_random(samples: int, given: Given, seed: Seed) -> Sets:
    """Draw the rows; validation and test sizes are rounded to nearest, halves up."""
    sizes = _sizes(samples, given, lambda size: math.floor(size) + (size % 1 >= 0.5))
    return _cut(checks.generator(seed).permutation(samples), sizes)


@DIVISIONS.register("divideblock")
@DIVISIONS.register("block")
def divide_in_blocks(samples: int, given: Given, seed: Seed) -> Sets:
    """Take the first rows, the next, the last; validation and test sizes are rounded down."""
    return _cut(np.arange(samples), _sizes(samples, given, math.floor))


@DIVISIONS.register("divideint")
@DIVISIONS.register("interleaved")
def divide_in_turn(samples: int, given: Given, seed: Seed) -> Sets:
    """Deal the rows out: each goes to the set that is furthest behind its share so far.

    Of sets equally far behind, the first in the order train, validation, test gets the row.
    The sizes come out within one row of the shares, and exactly where numbers were given.
    """
    shares = checked_shares(samples, given)
    fractions = [share / _total(shares) for share in shares]
    # A set without a share takes no part: rounding might make it seem furthest behind.
    players = [player for player in range(3) if shares[player] > 0]
    rows: list[list[int]] = [[], [], []]
    for row in range(samples):
        behind = [fractions[player] - len(rows[player]) / max(row, 1) for player in players]
        rows[players[behind.index(max(behind))]].append(row)
    _every_set_has_rows(samples, shares, [len(numbers) for numbers in rows])
    train, validation, test = (np.array(numbers, dtype=np.intp) for numbers in rows)
    return train, validation, test


@DIVISIONS.register("divideind")
@DIVISIONS.register("indices")
def divide_by_index(samples: int, given: Given, seed: Seed) -> Sets:
    """Take the rows whose numbers are given."""
    train, validation, test = (
        _row_numbers(name, value, samples) for name, value in zip(NAMES, given, strict=True)
    )
    if not train.size:
        raise ArgumentError("train", "name at least one row", "none")
    pairs = (("train", train, "validation", validation), ("train", train, "test", test))
    for first, ours, second, theirs in (*pairs, ("validation", validation, "test", test)):
        shared = np.intersect1d(ours, theirs)
        if shared.size:
            raise ArgumentError(
                second,
                f"have no row in common with {first}",
                f"{shared.size} common row(s), the first {shared[0]}",
                f"Leave them in one of the two, as with np.setdiff1d({second}, {first}).",
            )
    return train, validation, test


def _row_count(samples: int | Sized) -> int:
    # A string and an array of no dimensions have no rows; both end as "not an integer".
    rowless = isinstance(samples, str) or getattr(samples, "ndim", 1) == 0
    if isinstance(samples, Sized) and not rowless:
        return checks.integer("samples", len(samples))
    return checks.integer("samples", samples)


def checked_shares(samples: int, given: Given) -> tuple[float, float, float]:
    """Return three fractions that sum to 1, or three ints that sum to ``samples``."""
    for name, value in zip(NAMES, given, strict=True):
        if np.ndim(value) or isinstance(value, bool | np.bool_):
            remedy = "Row numbers and masks go with method='divideind'."
            raise ArgumentError(name, "be a fraction or a number of rows", value, remedy)
        checks.real(name, value, 0, open_low=name == "train")
    counts = all(isinstance(value, Integral) for value in given)
    train, validation, test = (
        operator.index(value) if counts else float(value)  # type: ignore[arg-type]
        for value in given
    )
    shares, wanted = (train, validation, test), samples if counts else 1.0
    if not math.isclose(_total(shares), wanted, rel_tol=1e-9):
        raise ArgumentError(
            "train, validation and test",
            f"be fractions that sum to 1, or whole numbers that sum to the {samples} rows",
            f"train={train}, validation={validation}, test={test}, of sum {_total(shares):g}",
            "Pass all three; 0 leaves a set empty, and 1.0 is all rows where 1 is one row.",
        )
    return shares


def _total(shares: tuple[float, float, float]) -> float:
    train, validation, test = shares
    # MATLAB's order: another may round otherwise, and then cut at another row.
    return train + test + validation


def _sizes(samples: int, given: Given, rounded: Callable[[float], int]) -> tuple[int, int, int]:
    """Return the sizes of the sets; what validation and test leave by rounding is for training."""
    train, validation, test = shares = checked_shares(samples, given)
    if isinstance(train, int):
        return train, int(validation), int(test)
    validating = rounded(validation / _total(shares) * samples)
    testing = rounded(test / _total(shares) * samples)
    sizes = samples - validating - testing, validating, testing
    _every_set_has_rows(samples, shares, sizes)
    return sizes


def _every_set_has_rows(samples: int, shares: Sequence[float], sizes: Sequence[int]) -> None:
    if all(size > 0 or share == 0 for share, size in zip(shares, sizes, strict=True)):
        return
    # With one row more than this, no way of rounding or dealing leaves a share without a row.
    least = math.ceil(sum(shares) / min(share for share in shares if share > 0)) + 1
    came = ", ".join(f"{name}={share:g}" for name, share in zip(NAMES, shares, strict=True))
    raise ArgumentError(
        "samples",
        "be enough for every set with a share to get a row",
        f"{samples} row(s) for {came}",
        f"With {least} rows or more each set gets one; or pass 0 for a set.",
    )


def _cut(order: NDArray[np.integer], sizes: tuple[int, int, int]) -> Sets:
    first, second = sizes[0], sizes[0] + sizes[1]
    train, validation, test = (
        np.sort(rows).astype(np.intp)
        for rows in (order[:first], order[first:second], order[second:])
    )
    return train, validation, test


def _row_numbers(name: str, value: float | ArrayLike, samples: int) -> Indices:
    rows = np.asarray(value)
    if rows.size == 0 or (rows.ndim == 0 and rows == 0):
        return np.empty(0, dtype=np.intp)
    if rows.dtype == bool and rows.shape == (samples,):
        return np.flatnonzero(rows)
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise ArgumentError(
            name,
            f"be a list of row numbers or a mask of {samples} truth values",
            value,
            f"Pass {name}=[] for none; fractions go with the other methods.",
        )
    outside = rows[(rows < 0) | (rows >= samples)]
    if outside.size:
        raise ArgumentError(
            name,
            f"have row numbers from 0 to {samples - 1}",
            f"{outside.size} other(s), the first {outside[0]}",
            "Rows are counted from 0.",
        )
    numbers, times = np.unique(rows, return_counts=True)
    if (times > 1).any():
        repeated = numbers[times > 1]
        raise ArgumentError(
            name,
            "name each row once",
            f"{repeated.size} row(s) more than once, the first {repeated[0]}",
            f"Pass np.unique({name}).",
        )
    return numbers.astype(np.intp)
