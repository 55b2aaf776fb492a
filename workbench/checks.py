"""Checks of arguments that many rooms share, each written once.

Every function returns the argument in the form the caller computes with, or raises
`ArgumentError`. NumPy is the only import, so that a wrong argument is told before anything
heavy is loaded.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import ArgumentError

FloatArray: TypeAlias = NDArray[np.floating]
Seed: TypeAlias = int | np.random.Generator | None


def integer(argument: str, value: object, minimum: int = 1) -> int:
    """Return ``value`` as an int of at least ``minimum`` (booleans are refused)."""
    requirement = {0: "be a non-negative integer", 1: "be a positive integer"}.get(
        minimum, f"be an integer of at least {minimum}"
    )
    if isinstance(value, bool | np.bool_):
        raise ArgumentError(argument, requirement, value)
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise ArgumentError(argument, requirement, value) from None
    if number < minimum:
        raise ArgumentError(argument, requirement, value)
    return number


def real(
    argument: str,
    value: object,
    low: float = -np.inf,
    high: float = np.inf,
    *,
    open_low: bool = False,
) -> float:
    """Return ``value`` as a float in [low, high], or (low, high] with ``open_low``.

    Infinity is a legal value where the interval is unbounded (``time=inf``); NaN never is.
    """
    opening, closing = "(" if open_low or low == -np.inf else "[", ")" if high == np.inf else "]"
    requirement = "be a real number"
    if (low, high) != (-np.inf, np.inf):
        requirement += f" in {opening}{low:g}, {high:g}{closing}"
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ArgumentError(argument, requirement, value) from None
    if np.isnan(number) or number < low or number > high or (open_low and number == low):
        raise ArgumentError(argument, requirement, value)
    return number


def matrix(argument: str, value: ArrayLike, *, allow_nan: bool = False) -> FloatArray:
    """Return ``value`` as a finite 2-D float array ``(samples, columns)``.

    A 1-D array becomes one column. float32 stays float32; every other kind becomes float64.

    Args:
        argument: Name used in the error.
        value: Array-like of real numbers; DataFrames and Series are welcome.
        allow_nan: Accept NaN (a missing value), but still no infinity.

    Raises:
        ArgumentError: Not numeric, not 1-D or 2-D, empty, or with NaN or infinite entries.
    """
    array = _numeric(argument, value)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or 0 in array.shape:
        raise ArgumentError(
            argument,
            "be a non-empty array of shape (samples, columns)",
            f"shape {array.shape}",
            "Rows are samples; transpose an array that has samples in its columns.",
        )
    finite(argument, array, allow_nan=allow_nan)
    return array


def finite(argument: str, array: FloatArray, *, allow_nan: bool = False) -> None:
    """Raise if ``array`` has NaN (unless allowed) or infinite entries, naming the first."""
    bad = np.isinf(array) if allow_nan else ~np.isfinite(array)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        word = "be free of infinite values" if allow_nan else "be finite"
        raise ArgumentError(
            argument,
            word,
            f"{int(bad.sum())} such value(s), the first {float(array[first])} at index {first}",
            f"Remove or replace them, for example with {argument}[np.isfinite({argument})"
            ".all(axis=1)]; workbench.data.FixUnknowns replaces NaN and keeps track of it."
            if not allow_nan
            else "Remove or replace them.",
        )


def samples(argument: str, value: ArrayLike, shape: tuple[int | None, ...], of: str) -> FloatArray:
    """Return ``value`` as a finite float array ``(samples, *shape)``.

    Args:
        argument: Name used in the error.
        value: Array-like of real numbers; one column may come as a 1-D array.
        shape: Shape of one sample; None where any size will do.
        of: Where the shape comes from, for the error.

    Raises:
        ArgumentError: Not numeric, empty, of another shape, or with NaN or infinite entries.
    """
    array = _numeric(argument, value)
    if array.ndim == 1 and len(shape) == 1:
        array = array[:, None]
    fits = array.ndim == 1 + len(shape) and all(
        wanted in (None, came) for wanted, came in zip(shape, array.shape[1:], strict=True)
    )
    if not fits or array.size == 0:
        turned = array.ndim == 2 and len(shape) == 1 and array.shape[0] == shape[0]
        raise ArgumentError(
            argument,
            f"have shape (samples, {', '.join(map(str, shape))}), as {of} has",
            f"shape {array.shape}",
            "Rows are samples; transpose an array that has samples in its columns."
            if turned
            else "",
        )
    finite(argument, array)
    return array


def same_rows(X: FloatArray, y: FloatArray, names: tuple[str, str] = ("X", "y")) -> None:
    """Raise unless ``X`` and ``y`` have one row per sample each."""
    if len(X) != len(y):
        raise ArgumentError(
            names[1],
            f"have as many rows as {names[0]} ({len(X)})",
            f"{names[0]} of shape {X.shape} and {names[1]} of shape {y.shape}",
            "Rows are samples; transpose an array that has samples in its columns.",
        )


def bounds(argument: str, value: object, genes: int | None = None) -> FloatArray:
    """Return ``value`` as an array ``(genes, 2)`` of finite rows ``low < high``.

    Args:
        argument: Name used in the error.
        value: One pair for all genes (then ``genes`` is needed), or one pair a gene;
            `scipy.optimize.Bounds` is welcome.
        genes: Number of genes expected, if known.
    """
    if hasattr(value, "lb") and hasattr(value, "ub"):
        value = np.stack(np.broadcast_arrays(value.lb, value.ub), axis=-1)
    array = _numeric(argument, value)  # type: ignore[arg-type]
    if array.shape == (2,) and genes is not None:
        array = np.tile(array, (genes, 1))
    if array.ndim != 2 or array.shape[1] != 2 or genes not in (None, len(array)):
        wanted = "(genes, 2)" if genes is None else f"({genes}, 2), or one pair (low, high)"
        raise ArgumentError(argument, f"have shape {wanted}", f"shape {array.shape}")
    finite(argument, array)
    crossed = np.flatnonzero(array[:, 0] >= array[:, 1])
    if crossed.size:
        low, high = array[crossed[0]]
        raise ArgumentError(
            argument,
            "have low < high for every gene",
            f"({low:g}, {high:g}) for gene {crossed[0]}",
            "Swap the two, or drop a gene that may not vary.",
        )
    return array.astype(float)


def layer_sizes(argument: str, value: object, minimum: int = 2) -> tuple[int, ...]:
    """Return ``value`` as a tuple of at least ``minimum`` positive integers."""
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray):
        raise ArgumentError(argument, "be a sequence of positive integers such as (2, 5, 1)", value)
    if len(value) < minimum:
        raise ArgumentError(argument, f"name at least {minimum} layers", value)
    return tuple(integer(f"{argument}[{i}]", size) for i, size in enumerate(value))


def generator(seed: Seed, argument: str = "seed") -> np.random.Generator:
    """Return a generator: the one passed, or a new one from an integer or from entropy."""
    if isinstance(seed, np.random.Generator):
        return seed
    if seed is None:
        return np.random.default_rng()
    return np.random.default_rng(integer(argument, seed, minimum=0))


def _numeric(argument: str, value: ArrayLike) -> FloatArray:
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        try:
            array = array.astype(float)
        except (TypeError, ValueError):
            raise ArgumentError(
                argument, "be an array of real numbers", f"dtype {array.dtype}"
            ) from None
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)
