"""Performance functions under MATLAB's names: how an error becomes a number to minimise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workbench.registry import Registry


@dataclass(frozen=True)
class Performance:
    """A function of all errors that is a sum over them, or their mean.

    Attributes:
        of_error: Maps outputs minus targets to what is summed, element by element.
        mean: Divide the sum by the number of errors (samples x outputs).
    """

    of_error: Callable[[Any], Any]
    mean: bool


def _square(error: Any) -> Any:
    return error * error


PERFORMANCE_FUNCTIONS: Registry[Performance] = Registry("loss")
for _name, _function in {
    "mse": Performance(_square, mean=True),
    "sse": Performance(_square, mean=False),
    "mae": Performance(abs, mean=True),
    "sae": Performance(abs, mean=False),
}.items():
    PERFORMANCE_FUNCTIONS.register(_name)(_function)
