"""Missing values and constant columns, taken out before a network sees them.

MATLAB's ``fixunknowns`` and ``removeconstantrows`` (rows there are columns here) as
scikit-learn transformers with inverses. Fit them on the training rows only.

Source: MathWorks, Deep Learning Toolbox, reference pages of the two functions.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import SimpleImputer
from sklearn.utils.validation import check_is_fitted

from workbench import checks
from workbench.checks import FloatArray
from workbench.data.columns import fitted_rows, fitting_rows, scaled_rows
from workbench.errors import ArgumentError


class FixUnknowns(TransformerMixin, BaseEstimator):
    """Replace each column that has unknown values (NaN) by two columns.

    The first has the unknown values replaced by the mean of the known ones; the second, right
    behind it, is 1 where the value was known and 0 where it was not, so that a network can use
    that as well. Columns without unknown values stay single.

    Attributes:
        unknown_: Which columns had unknown values in the fit, shape (columns,).
        means_: Mean of the known values of each column, shape (columns,).

    Example:
        >>> FixUnknowns().fit_transform([[1.0, 4.0], [2.0, np.nan], [3.0, 6.0]]).tolist()
        [[1.0, 4.0, 1.0], [2.0, 5.0, 0.0], [3.0, 6.0, 1.0]]
    """

    unknown_: NDArray[np.bool_]
    means_: FloatArray

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Learn which columns have unknown values, and the means of the known ones.

        Args:
            X: Shape (samples, columns), NaN where a value is unknown.
            y: Ignored; scikit-learn's pipelines pass it.

        Raises:
            ArgumentError: X is not such an array, has infinite entries, or a column without a
                single known value.
        """
        rows = fitting_rows(self, X, allow_nan=True)
        empty = np.flatnonzero(np.isnan(rows).all(axis=0))
        if empty.size:
            raise ArgumentError(
                "X",
                "have a known value in every column",
                f"nothing but NaN in column(s) {', '.join(map(str, empty))}",
                "Remove such a column.",
            )
        self.unknown_ = np.asarray(np.isnan(rows).any(axis=0))
        self.means_ = SimpleImputer(strategy="mean").fit(rows).statistics_.astype(rows.dtype)
        return self

    def transform(self, X: ArrayLike) -> FloatArray:
        """Return rows without NaN, shape (samples, columns + columns with unknown values).

        Raises:
            ArgumentError: X has other columns than the fit, infinite entries, or NaN in a column
                that had none in the fit and so has no column to tell of it.
        """
        rows = fitted_rows(self, X, allow_nan=True)
        known = ~np.isnan(rows)
        surprised = np.flatnonzero(~known.all(axis=0) & ~self.unknown_)
        if surprised.size:
            raise ArgumentError(
                "X",
                "have NaN only in columns that had NaN when FixUnknowns was fitted",
                f"NaN in column(s) {', '.join(map(str, surprised))}",
                "Fit on rows that show every kind of gap, or leave these rows out.",
            )
        values, flags = self._places()
        fixed = np.empty((len(rows), len(values) + len(flags)), rows.dtype)
        fixed[:, values] = np.where(known, rows, self.means_)
        fixed[:, flags] = known[:, self.unknown_]
        return fixed

    def inverse_transform(self, X: ArrayLike) -> FloatArray:
        """Return the old columns, NaN where a value was unknown.

        A flag counts as 0 below one half; outputs of a network are not whole numbers.
        """
        check_is_fitted(self)
        values, flags = self._places()
        rows = scaled_rows(self, X, len(values) + len(flags))
        old = rows[:, values]
        old[:, self.unknown_] = np.where(rows[:, flags] < 0.5, np.nan, old[:, self.unknown_])
        return old

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the names of the new columns; a flag is called ``<name>_known``."""
        check_is_fitted(self)
        names = OneToOneFeatureMixin.get_feature_names_out(self, input_features)
        values, flags = self._places()
        new = np.empty(len(values) + len(flags), dtype=object)
        new[values] = names
        new[flags] = [f"{name}_known" for name in names[self.unknown_]]
        return new

    def _places(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the new positions of the old columns, and those of the flags."""
        values = np.arange(len(self.unknown_)) + np.cumsum(self.unknown_) - self.unknown_
        return values, values[self.unknown_] + 1

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class RemoveConstantColumns(SelectorMixin, BaseEstimator):
    """Remove the columns that say nothing, and put them back in the inverse.

    Args:
        max_range: Columns whose greatest and least value differ by at most this are removed.

    Attributes:
        removed_: Which columns are removed, shape (columns,).
        constants_: What the inverse puts into the removed columns: the middle of their values,
            which is the constant itself where ``max_range`` is 0, as in MATLAB.

    Example:
        >>> RemoveConstantColumns().fit_transform([[1.0, 7.0], [2.0, 7.0]]).tolist()
        [[1.0], [2.0]]
    """

    removed_: NDArray[np.bool_]
    constants_: FloatArray

    def __init__(self, max_range: float = 0.0):
        self.max_range = max_range

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Learn which columns are constant.

        Args:
            X: Shape (samples, columns).
            y: Ignored; scikit-learn's pipelines pass it.

        Raises:
            ArgumentError: X is not such an array, has NaN or infinite entries, or no column
                would be left; or ``max_range`` is negative.
        """
        max_range = checks.real("max_range", self.max_range, 0)
        rows = fitting_rows(self, X)
        low, high = rows.min(axis=0), rows.max(axis=0)
        with np.errstate(over="ignore"):
            self.removed_ = high - low <= max_range
        if self.removed_.all():
            samples = f"{len(rows)} sample{'s' * (len(rows) > 1)}"
            raise ArgumentError(
                "X",
                f"have a column that varies by more than max_range={max_range:g}",
                f"{samples} with {rows.shape[1]} constant column(s)",
                "Pass more rows, or lower max_range.",
            )
        # Halves first, so that the sum of two large values stays finite.
        middle = np.where(low == high, low, low / 2 + high / 2)
        self.constants_ = middle[self.removed_]
        return self

    def transform(self, X: ArrayLike) -> FloatArray:
        """Return the columns that are kept, whatever the new rows have in the others.

        Raises:
            ArgumentError: X has other columns than the fit, or NaN or infinite entries.
        """
        return fitted_rows(self, X)[:, ~self.removed_]

    def inverse_transform(self, X: ArrayLike) -> FloatArray:
        """Return all columns, the removed ones filled with their constants."""
        check_is_fitted(self)
        rows = scaled_rows(self, X, int((~self.removed_).sum()))
        whole = np.empty((len(rows), len(self.removed_)), rows.dtype)
        whole[:, ~self.removed_], whole[:, self.removed_] = rows, self.constants_
        return whole

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        return ~self.removed_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
