"""Transfer functions under MATLAB's names, each a Keras activation with its active range.

The active range is the interval of net input over which a neuron responds noticeably;
Nguyen-Widrow initialisation spreads the neurons over it. The ranges are those of MATLAB's
``tansig('active')`` and its siblings; an infinite one means that no part is special. For
elliotsig the range is ours: there its slope falls to a sixteenth, as that of tansig and logsig
does at the ends of theirs.

This table loads no Keras. The functions themselves are Keras's own, or those of
`workbench.network.activations`, which is imported when a network is built with one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from workbench.errors import ArgumentError
from workbench.registry import Registry


@dataclass(frozen=True)
class TransferFunction:
    """What a layer does to its net input.

    Attributes:
        activation: Name of the function that computes it.
        active: Net inputs (low, high) between which it responds.
        output: Interval (low, high) of its values.
        ours: The function is in `workbench.network.activations`, and not in Keras.
        across: Each value depends on the net inputs of the whole layer.
    """

    activation: str
    active: tuple[float, float]
    output: tuple[float, float]
    ours: bool = False
    across: bool = False

    @property
    def function(self) -> Callable[[Any], Any]:
        """The activation, for a Keras layer; loads Keras."""
        if self.ours:
            from workbench.network import activations

            return getattr(activations, self.activation)
        import keras

        return keras.activations.get(self.activation)


_ALL, _POSITIVE = (-inf, inf), (0.0, inf)
_UNIT, _SYMMETRIC = (0.0, 1.0), (-1.0, 1.0)

TRANSFER_FUNCTIONS: Registry[TransferFunction] = Registry("transfer function")
for _name, _function in {
    "compet": TransferFunction("compet", _ALL, _UNIT, ours=True, across=True),
    "elliotsig": TransferFunction("softsign", (-3.0, 3.0), _SYMMETRIC),
    "hardlim": TransferFunction("hardlim", (0.0, 0.0), _UNIT, ours=True),
    "hardlims": TransferFunction("hardlims", (0.0, 0.0), _SYMMETRIC, ours=True),
    "logsig": TransferFunction("sigmoid", (-4.0, 4.0), _UNIT),
    "netinv": TransferFunction("netinv", _ALL, _ALL, ours=True),
    "poslin": TransferFunction("relu", _POSITIVE, _POSITIVE),
    "purelin": TransferFunction("linear", _ALL, _ALL),
    "radbas": TransferFunction("radbas", (-2.0, 2.0), _UNIT, ours=True),
    "radbasn": TransferFunction("radbasn", (-2.0, 2.0), _UNIT, ours=True, across=True),
    "satlin": TransferFunction("satlin", _UNIT, _UNIT, ours=True),
    "satlins": TransferFunction("hard_tanh", _SYMMETRIC, _SYMMETRIC),
    "softmax": TransferFunction("softmax", _ALL, _UNIT, across=True),
    "tansig": TransferFunction("tanh", (-2.0, 2.0), _SYMMETRIC),
    "tribas": TransferFunction("tribas", _SYMMETRIC, _UNIT, ours=True),
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


def transfer_name(activation: Any) -> str | None:
    """Return the registered name of a layer's activation, None if it has none."""
    for name, function in TRANSFER_FUNCTIONS.items():
        if function.function is activation:
            return name
    return None
