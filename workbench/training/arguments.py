"""Arguments of `train` that several calls share, checked and brought into their final form."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.checks import Seed
from workbench.errors import ArgumentError, UnknownNameError
from workbench.network.objective import samples_for
from workbench.network.performance import PERFORMANCE_FUNCTIONS, Performance
from workbench.training.loop import TRAINING_FUNCTIONS

Held: TypeAlias = tuple[ArrayLike, ArrayLike] | float | None


def performance_for(method: str, loss: str) -> Performance:
    """Return a performance that a training function can minimise.

    Raises:
        ArgumentError: The method wants squared errors, and they are not.
        UnknownNameError: There is no such method or loss.
    """
    performance = PERFORMANCE_FUNCTIONS[loss]
    if TRAINING_FUNCTIONS[method].squares_only and not performance.squares:
        raise ArgumentError(
            "loss",
            f'be "mse" or "sse" for {method}, whose Jacobian is that of the errors',
            loss,
            'Choose another training function, method="trainscg" for example.',
        )
    return performance


def regularization_for(method: str, value: float) -> float:
    """Return the share of the weights in what a training function minimises, in [0, 1)."""
    if checks.real("regularization", value, 0) >= 1:
        raise ArgumentError("regularization", "be below 1, or nothing is left of the data", value)
    if value and TRAINING_FUNCTIONS[method].regularizes:
        raise ArgumentError("regularization", f"be 0 for {method}, which finds its own", value)
    return float(value)


def checked_weight(
    sample_weight: ArrayLike | None, y: NDArray[np.floating]
) -> NDArray[np.floating] | None:
    """Return weights as (samples, 1) or (samples, outputs)."""
    if sample_weight is None:
        return None
    weight = checks.matrix("sample_weight", sample_weight)
    if weight.shape not in ((len(y), 1), y.shape) or weight.min() < 0 or not weight.any():
        raise ArgumentError(
            "sample_weight",
            f"have shape ({len(y)},) or {y.shape}, and be non-negative and not all zero",
            f"shape {np.shape(sample_weight)} and minimum {weight.min():g}",
        )
    return weight


def configured(method: str, options: dict[str, float | str]) -> Any:
    """Return a training function with its parameters."""
    function = TRAINING_FUNCTIONS[method]
    known = [field.name for field in fields(function)]
    for name in options:
        if name not in known:
            raise UnknownNameError(f"option of train with method {method!r}", name, known)
    return function(**options)


def checked_pair(model: Any, name: str, pair: object) -> Any:
    """Return a pair (X, y) that fits the model."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ArgumentError(name, "be a pair (X, y)", f"a {type(pair).__name__}")
    return samples_for(model, pair[0], pair[1], (f"{name}[0]", f"{name}[1]"))


def held_out(
    samples: int, validation: Held, seed: Seed
) -> tuple[NDArray[np.intp], NDArray[np.intp] | None]:
    """Return the rows to train on, and those to validate on if a fraction of them is wanted."""
    if validation is None or isinstance(validation, tuple | list):
        return np.arange(samples), None
    fraction = checks.real("validation", validation, 0, 1, open_low=True)
    count = round(fraction * samples)
    if not 0 < count < samples:
        raise ArgumentError(
            "validation",
            f"leave at least one of the {samples} rows on either side",
            f"{fraction:g}, which is {count} rows",
        )
    order = checks.generator(seed).permutation(samples)
    return np.sort(order[count:]), np.sort(order[:count])
