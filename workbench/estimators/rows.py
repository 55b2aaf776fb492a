"""What comes into an estimator, checked once: rows, and what they count."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import validate_data

from workbench import checks
from workbench.checks import FloatArray
from workbench.errors import ArgumentError


def fitting_rows(
    estimator: Any, X: ArrayLike, y: ArrayLike, **settings: Any
) -> tuple[FloatArray, NDArray[Any]]:
    """Return X as float64 and y, as many of each; the estimator notes X's columns and names.

    Args:
        estimator: Whose ``fit`` it is.
        X: Inputs ``(samples, inputs)``; DataFrames are welcome.
        y: Targets.
        **settings: What else scikit-learn's ``validate_data`` is to see to.

    Raises:
        ArgumentError: X or y is of a wrong form or number type, or has NaN or infinite entries.
    """
    try:
        rows, targets = validate_data(
            estimator, X, y, dtype=np.float64, ensure_all_finite=False, **settings
        )
    except ValueError as error:
        # scikit-learn's sentence is kept: it names array and shape, and tells what to do.
        requirement = "be numbers (samples, inputs) and a finite target for each sample"
        raise ArgumentError("X and y", requirement, str(error)) from error
    checks.finite("X", rows)
    return rows, targets


def fitted_rows(estimator: Any, X: ArrayLike) -> FloatArray:
    """Return X as float64, for an estimator that knows what columns it was fitted on.

    Raises:
        ArgumentError: As for `fitting_rows`, or the columns are not those of the fit.
    """
    try:
        rows = validate_data(estimator, X, reset=False, dtype=np.float64, ensure_all_finite=False)
    except ValueError as error:
        requirement = "be numbers (samples, inputs) with the columns of the fit"
        raise ArgumentError("X", requirement, str(error)) from error
    checks.finite("X", rows)
    return rows


def sample_weights(sample_weight: ArrayLike | None, samples: int) -> FloatArray:
    """Return what each sample counts, ``(samples,)``.

    Raises:
        ArgumentError: It is no such array, or one of them is negative, or all are zero.
    """
    if sample_weight is None:
        return np.ones(samples)
    weight = checks.matrix("sample_weight", sample_weight).astype(np.float64)
    if weight.shape != (samples, 1) or weight.min() < 0 or not weight.any():
        raise ArgumentError(
            "sample_weight",
            f"have shape ({samples},), and be non-negative and not all zero",
            f"shape {np.shape(sample_weight)} and minimum {weight.min():g}",
        )
    return weight[:, 0]


def merged(
    X: FloatArray, y: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return equal samples as one that counts as much as all of them.

    A sample of weight 2 is then the same as two such samples to the last bit, since they are
    sorted besides; a training makes much out of a difference in rounding. Samples that count the
    same and are all different stay as they are, in their order.

    Args:
        X: Inputs ``(samples, inputs)``.
        y: Targets ``(samples, outputs)``.
        weight: What each sample counts ``(samples,)``.
    """
    rows = np.hstack([X, y])
    if (weight == weight[0]).all() and len(np.unique(_hashes(rows))) == len(rows):
        return X, y, weight
    rows, place = np.unique(rows, axis=0, return_inverse=True)
    counts = np.bincount(place.ravel(), weight).astype(np.float64)
    return rows[:, : X.shape[1]], rows[:, X.shape[1] :], counts


def _hashes(rows: FloatArray) -> NDArray[np.uint64]:
    """Return a number for each row, the same for equal ones: a sorting of rows takes longer."""
    bits = (rows + 0.0).view(np.uint64)  # -0 becomes 0
    factors = np.random.default_rng(0).integers(2**64, size=rows.shape[1], dtype=np.uint64) | 1
    return ((bits ^ (bits >> 29)) * factors).sum(axis=1)


def divided(
    samples: int, fraction: float, classes: NDArray[np.intp] | None, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Draw the rows that end the training early, and return the others and them.

    Args:
        samples: Number of rows.
        fraction: Share of them to draw.
        classes: Class of each row, to draw the same share of each; None for any rows.
        rng: Source of the random numbers.

    Raises:
        ArgumentError: There are too few rows, or too few of a class.
    """
    share = checks.real("validation_fraction", fraction, 0, 1, open_low=True)
    seed = int(rng.integers(2**32))
    try:
        kept, held = train_test_split(
            np.arange(samples), test_size=share, random_state=seed, stratify=classes
        )
    except ValueError as error:
        requirement = f"leave some of the {samples} samples, and of each class, on either side"
        raise ArgumentError("validation_fraction", requirement, str(error)) from error
    return np.sort(kept), np.sort(held)
