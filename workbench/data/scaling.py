"""Scaling of columns with inverses that give back what went in.

MATLAB's ``mapminmax`` and ``mapstd`` as scikit-learn transformers. The statistics are
scikit-learn's; the maps are not its ``X * scale + min``, which misses the ends of the range by
rounding and loses digits where a column is far from zero for its width.

Fit on the training rows only, and transform every row with what they gave: a range that has
seen the test rows tells the network about them. New rows may then leave the range.

Constant columns pass unchanged, as MATLAB's documentation has it ("if xmax = xmin ... then
y = x and no change occurs"). Its functions count a column as constant, too, where the gain
would be above 1e14: such a column varies by rounding only. Both are done here.

Source: MathWorks, Deep Learning Toolbox, reference pages of mapminmax and mapstd.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from workbench import checks
from workbench.checks import FloatArray
from workbench.data.columns import fitted_rows, fitting_rows, scaled_rows
from workbench.errors import ArgumentError
from workbench.registry import Registry

LARGEST_GAIN = 1e14

SCALERS: Registry[type[ColumnScaler]] = Registry("scaler")


class ColumnScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator, ABC):
    """What the scalers share: each column is mapped by itself, constant ones not at all.

    A subclass learns its statistics and states the map and its inverse.

    Attributes:
        constant_: Which columns pass unchanged, shape (columns,).
    """

    constant_: NDArray[np.bool_]

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Learn from the training rows.

        Args:
            X: Shape (samples, columns); DataFrames are welcome.
            y: Ignored; scikit-learn's pipelines pass it.

        Raises:
            ArgumentError: X is not such an array, has NaN or infinite entries, or spans more
                than a float can hold; or a parameter of the scaler is wrong.
        """
        rows = fitting_rows(self, X)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            spans = np.ptp(rows, axis=0)
            gains = self._learn(rows, spans)
        lost = np.flatnonzero(~(np.isfinite(spans) & (gains > 0)))
        if lost.size:
            column = rows[:, lost[0]]
            raise ArgumentError(
                "X",
                f"have columns whose range and variance a {rows.dtype} can hold",
                f"values from {column.min():g} to {column.max():g} in column {lost[0]}",
                "Divide that column by a power of ten first.",
            )
        self.constant_ = ~(gains <= LARGEST_GAIN)
        return self

    def transform(self, X: ArrayLike) -> FloatArray:
        """Return X scaled, shape (samples, columns).

        Raises:
            ArgumentError: X has other columns than the fit, or NaN or infinite entries.
        """
        rows = fitted_rows(self, X)
        return np.where(self.constant_, rows, self._forward(rows))

    def inverse_transform(self, X: ArrayLike) -> FloatArray:
        """Return scaled rows, for example the outputs of a network, in their old units.

        Raises:
            ArgumentError: X has another number of columns, or NaN or infinite entries.
        """
        rows = scaled_rows(self, X, self.n_features_in_)
        return np.where(self.constant_, rows, self._backward(rows))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @abstractmethod
    def _learn(self, rows: FloatArray, spans: FloatArray) -> FloatArray:
        """Learn the statistics; return the gain of each column, infinite if it is constant."""

    @abstractmethod
    def _forward(self, rows: FloatArray) -> FloatArray:
        """Map rows, constant columns to anything finite."""

    @abstractmethod
    def _backward(self, rows: FloatArray) -> FloatArray:
        """Map scaled rows back, constant columns to anything finite."""


@SCALERS.register("mapminmax")
class MapMinMax(ColumnScaler):
    """Map each column linearly so that its least value goes to -1 and its greatest to 1.

    Both ends are met exactly, forwards and backwards.

    Args:
        feature_range: Where the least and the greatest value go.

    Attributes:
        data_min_: Least value of each column, shape (columns,).
        data_max_: Greatest value of each column, shape (columns,).
        range_: ``feature_range`` as it was at the fit.
        constant_: Which columns pass unchanged, shape (columns,).

    Example:
        >>> MapMinMax().fit_transform([[1.0], [2.0], [4.0]]).ravel().round(4).tolist()
        [-1.0, -0.3333, 1.0]
    """

    data_min_: FloatArray
    data_max_: FloatArray
    range_: FloatArray

    def __init__(self, feature_range: tuple[float, float] = (-1, 1)):
        self.feature_range = feature_range

    def _learn(self, rows: FloatArray, spans: FloatArray) -> FloatArray:
        (self.range_,) = checks.bounds("feature_range", self.feature_range, 1).astype(rows.dtype)
        inner = MinMaxScaler(tuple(self.range_)).fit(rows)
        self.data_min_, self.data_max_ = inner.data_min_, inner.data_max_
        return np.ptp(self.range_) / spans

    def _forward(self, rows: FloatArray) -> FloatArray:
        low, high = self.range_
        return _between(rows, *self._ends(), low, high)

    def _backward(self, rows: FloatArray) -> FloatArray:
        low, high = self.range_
        return _between(rows, low, high, *self._ends())

    def _ends(self) -> tuple[FloatArray, FloatArray]:
        # One point for a constant column: the width of a nearly constant one may be subnormal.
        return self.data_min_, np.where(self.constant_, self.data_min_, self.data_max_)


def _between(
    x: FloatArray, low: FloatArray, high: FloatArray, to_low: FloatArray, to_high: FloatArray
) -> FloatArray:
    """Map [low, high] onto [to_low, to_high], both ends exactly: each half from its own end."""
    width, span = np.where(high > low, high - low, 1).astype(x.dtype), to_high - to_low
    part, rest = (x - low) / width, (high - x) / width
    return np.where(part < rest, to_low + part * span, to_high - rest * span)


@SCALERS.register("mapstd")
class MapStd(ColumnScaler):
    """Map each column linearly to mean 0 and standard deviation 1.

    The standard deviation is that of a sample, with N-1 in the denominator, as in MATLAB;
    scikit-learn's StandardScaler has N.

    Args:
        mean: Mean of the mapped columns.
        std: Standard deviation of the mapped columns.

    Attributes:
        data_mean_: Mean of each column, shape (columns,).
        data_std_: Standard deviation of each column, shape (columns,).
        target_: ``mean`` and ``std`` as they were at the fit.
        constant_: Which columns pass unchanged, shape (columns,).
    """

    data_mean_: FloatArray
    data_std_: FloatArray
    target_: FloatArray

    def __init__(self, mean: float = 0.0, std: float = 1.0):
        self.mean = mean
        self.std = std

    def _learn(self, rows: FloatArray, spans: FloatArray) -> FloatArray:
        finite = float(np.finfo(rows.dtype).max)
        mean = checks.real("mean", self.mean, -finite, finite)
        std = checks.real("std", self.std, 0, finite, open_low=True)
        self.target_ = np.array([mean, std], rows.dtype)
        inner, samples = StandardScaler().fit(rows), len(rows)
        deviation = np.sqrt(inner.var_ * (samples / max(samples - 1, 1)))
        # Rounding gives equal values a tiny variance; their range is exactly zero.
        self.data_std_ = np.where(spans > 0, deviation, 0).astype(rows.dtype)
        self.data_mean_ = inner.mean_.astype(rows.dtype)
        return std / self.data_std_

    def _forward(self, rows: FloatArray) -> FloatArray:
        mean, std = self.target_
        return (rows - self.data_mean_) / self._divisor() * std + mean

    def _backward(self, rows: FloatArray) -> FloatArray:
        mean, std = self.target_
        return (rows - mean) / std * self._divisor() + self.data_mean_

    def _divisor(self) -> FloatArray:
        return np.where(self.constant_, 1, self.data_std_).astype(self.data_std_.dtype)


@SCALERS.register("none")
class NoScaling(ColumnScaler):
    """Return checked rows as they are, where a scaler is called for."""

    def _learn(self, rows: FloatArray, spans: FloatArray) -> FloatArray:
        return np.full(rows.shape[1], np.inf)

    def _forward(self, rows: FloatArray) -> FloatArray:
        return rows

    _backward = _forward
