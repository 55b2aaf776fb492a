"""Transfer functions under MATLAB's names, each a Keras activation with its active range.

The active range is the interval of net input over which a neuron responds noticeably;
Nguyen-Widrow initialisation spreads the neurons over it. The ranges are those of MATLAB's
``tansig('active')`` and its siblings; an infinite one means that no part is special.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from workbench.errors import ArgumentError
from workbench.registry import Registry


@dataclass(frozen=True)
class TransferFunction:
    """What a layer does to its net input.

    Attributes:
        activation: Name of the Keras activation that computes it.
        active: Net inputs (low, high) between which it responds.
        output: Interval (low, high) of its values.
    """

    activation: str
    active: tuple[float, float]
    output: tuple[float, float]


TRANSFER_FUNCTIONS: Registry[TransferFunction] = Registry("transfer function")
for _name, _function in {
    "tansig": TransferFunction("tanh", (-2.0, 2.0), (-1.0, 1.0)),
    "logsig": TransferFunction("sigmoid", (-4.0, 4.0), (0.0, 1.0)),
    "poslin": TransferFunction("relu", (0.0, inf), (0.0, inf)),
    "purelin": TransferFunction("linear", (-inf, inf), (-inf, inf)),
}.items():
    TRANSFER_FUNCTIONS.register(_name)(_function)


def transfer_functions(names: Sequence[str] | None, layers: int) -> tuple[str, ...]:
    """Return one known transfer function name a layer, inputs not counted.

    Args:
        names: One name a layer; None for tansig in hidden layers and purelin in the last, as
            ``newff`` has it.
        layers: Number of layers with weights.

    Raises:
        ArgumentError: The number of names is not the number of layers.
        UnknownNameError: A name is not registered.
    """
    if names is None:
        return ("tansig",) * (layers - 1) + ("purelin",)
    if isinstance(names, str) or len(names) != layers:
        raise ArgumentError(
            "transfer",
            f"name one transfer function for each of the {layers} layers after the inputs",
            names if not isinstance(names, str) else f"the single name {names!r}",
            f"For example transfer={('tansig',) * (layers - 1) + ('purelin',)!r}.",
        )
    for name in names:
        TRANSFER_FUNCTIONS[name]
    return tuple(names)
