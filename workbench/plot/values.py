"""The numbers a figure is drawn from, whatever shape they come in."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from workbench import checks
from workbench.checks import FloatArray
from workbench.errors import ArgumentError


def flat(argument: str, values: ArrayLike) -> FloatArray:
    """Return finite values of any shape as ``(values,)``; `ArgumentError` for others."""
    return checks.matrix(argument, np.ravel(np.asarray(values)))[:, 0]


def same_size(values: FloatArray, others: FloatArray, names: tuple[str, str]) -> None:
    """Raise unless ``others`` are as many as ``values``; ``names`` are those of the two."""
    if values.size != others.size:
        raise ArgumentError(
            names[1], f"have the {values.size} values of {names[0]}", f"{others.size} values"
        )
