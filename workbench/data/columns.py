"""The door of every transformer here: samples checked once, by scikit-learn's rules and ours."""

from __future__ import annotations

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import FLOAT_DTYPES, check_is_fitted, validate_data

from workbench import checks
from workbench.checks import FloatArray
from workbench.errors import ArgumentError


def fitting_rows(estimator: BaseEstimator, X: ArrayLike, *, allow_nan: bool = False) -> FloatArray:
    """Return X as a 2-D float array; the estimator notes number and names of its columns.

    Raises:
        ArgumentError: Not (samples, columns) of real numbers, empty, or with infinite entries;
            NaN is refused as well unless ``allow_nan``.
    """
    return _rows(estimator, X, reset=True, allow_nan=allow_nan)


def fitted_rows(estimator: BaseEstimator, X: ArrayLike, *, allow_nan: bool = False) -> FloatArray:
    """Return X likewise, for an estimator that knows what columns it was fitted on.

    Raises:
        NotFittedError: The estimator has not been fitted.
        ArgumentError: As for `fitting_rows`, or the columns are not those of the fit.
    """
    check_is_fitted(estimator)
    return _rows(estimator, X, reset=False, allow_nan=allow_nan)


def scaled_rows(estimator: BaseEstimator, X: ArrayLike, columns: int) -> FloatArray:
    """Return X likewise, as the ``columns`` columns that an inverse starts from."""
    check_is_fitted(estimator)
    array = checks.matrix("X", X)
    if array.shape[1] != columns:
        raise ArgumentError(
            "X",
            f"have the {columns} column(s) that transform returns",
            f"shape {array.shape}",
            "Rows are samples; transpose an array that has samples in its columns."
            if array.shape[0] == columns
            else "",
        )
    return array


def _rows(estimator: BaseEstimator, X: ArrayLike, *, reset: bool, allow_nan: bool) -> FloatArray:
    try:
        array = validate_data(
            estimator, X, reset=reset, dtype=FLOAT_DTYPES, ensure_all_finite=False
        )
    except ValueError as error:
        # scikit-learn's sentence is kept: it names the columns and how to reshape.
        requirement = "be an array of shape (samples, columns) that suits this transformer"
        raise ArgumentError("X", requirement, str(error)) from error
    checks.finite("X", array, allow_nan=allow_nan)
    return array
