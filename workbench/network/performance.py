"""Performance functions under MATLAB's names: how outputs and targets become a number to minimise.

Each is a sum over all samples and outputs, or the mean: the sum divided by their number. Weights
of samples multiply what is summed and do not change the number, as error weights do in MATLAB
(``train(net, x, t, xi, ai, ew)``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras import ops

from workbench.registry import Registry


@dataclass(frozen=True)
class Performance:
    """A function of all outputs and targets.

    Attributes:
        name: Its registered name.
        of: Maps outputs and targets ``(rows, outputs)`` to what is summed, element by element.
        mean: Divide the sum by the number of elements.
        squares: It sums squared errors, which is what methods with a Jacobian minimise.
    """

    name: str
    of: Callable[[Any, Any], Any]
    mean: bool
    squares: bool = False


def _square(outputs: Any, targets: Any) -> Any:
    error = outputs - targets
    return error * error


def _absolute(outputs: Any, targets: Any) -> Any:
    return abs(outputs - targets)


def _crossentropy(outputs: Any, targets: Any) -> Any:
    """Return ``-t log(y)``; of a single output both classes, ``-t log(y) - (1-t) log(1-y)``.

    Outputs are kept inside [ε, 1 - ε], so that a sure mistake costs much and not infinity.
    """
    least = 1e-7 if "32" in str(outputs.dtype) else 1e-15
    outputs = ops.clip(outputs, least, 1 - least)
    if outputs.shape[-1] > 1:
        return -targets * ops.log(outputs)
    return -targets * ops.log(outputs) - (1 - targets) * ops.log(1 - outputs)


PERFORMANCE_FUNCTIONS: Registry[Performance] = Registry("loss")
for _performance in (
    Performance("mse", _square, mean=True, squares=True),
    Performance("sse", _square, mean=False, squares=True),
    Performance("mae", _absolute, mean=True),
    Performance("sae", _absolute, mean=False),
    Performance("crossentropy", _crossentropy, mean=True),
):
    PERFORMANCE_FUNCTIONS.register(_performance.name)(_performance)
