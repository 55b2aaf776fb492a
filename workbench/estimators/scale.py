"""The scale between a table and a network: MATLAB's mapminmax, constant columns left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from workbench.checks import FloatArray
from workbench.data.columns import fitted_rows, scaled_rows
from workbench.data.scaling import MapMinMax


class NetworkScale(MapMinMax):
    """`MapMinMax` whose constant columns become 0, and what they were on the way back.

    They say nothing about the samples. As they are, which is how mapminmax leaves them, they
    might saturate every neuron; MATLAB's networks remove them before.
    """

    def transform(self, X: ArrayLike) -> FloatArray:
        """Return X scaled, shape (samples, columns).

        Raises:
            ArgumentError: X has other columns than the fit, or NaN or infinite entries.
        """
        return self.scaled(fitted_rows(self, X))

    def inverse_transform(self, X: ArrayLike) -> FloatArray:
        """Return scaled rows in their old units, shape (samples, columns).

        Raises:
            ArgumentError: X has another number of columns, or NaN or infinite entries.
        """
        return self.unscaled(scaled_rows(self, X, self.n_features_in_))

    def scaled(self, rows: FloatArray) -> FloatArray:
        """Return rows that have been checked already scaled: half the time of a prediction."""
        return np.where(self.constant_, 0.0, self._forward(rows))

    def unscaled(self, rows: FloatArray) -> FloatArray:
        """Return rows that need no check in their old units."""
        return np.where(self.constant_, self.data_min_, self._backward(rows))
