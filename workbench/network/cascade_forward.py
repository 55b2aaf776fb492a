"""Cascade networks, MATLAB's ``newcf`` and ``cascadeforwardnet``.

Every layer is applied to the inputs and the outputs of all layers before it, side by side, and
has one bias. Direct paths lead from the inputs to the outputs: what is linear in a relation needs
no hidden neurons.

(The file is not called cascade.py, since importing a module of that name would put it into the
place of the function in `workbench.network`.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.checks import Seed
from workbench.network.dense import Plan, dense_model, planned
from workbench.network.initialise import INITIALISERS, Layer
from workbench.network.transfer import TRANSFER_FUNCTIONS

if TYPE_CHECKING:
    import keras

_UNIT = (-1.0, 1.0)


def cascade(
    sizes: Sequence[int],
    transfer: Sequence[str] | None = None,
    *,
    initial: str = "nguyen-widrow",
    seed: Seed = None,
    dtype: str = "float64",
    input_range: tuple[float, float] = (-1.0, 1.0),
) -> keras.Model:
    """Build a cascade network with initial weights.

    Args:
        sizes: Neurons in each layer, the inputs first: ``[2, 5, 1]`` has 2 inputs, a hidden
            layer of 5 on these, and 1 output on the inputs and the hidden layer.
        transfer: Transfer function of each layer after the inputs, by MATLAB's name. Default:
            tansig in hidden layers, purelin in the last.
        initial: ``"nguyen-widrow"``, over the ranges of all that a layer is applied to, or
            ``"uniform"`` on [-1, 1].
        seed: Generator, or seed for one, of the initial weights.
        dtype: Number type of weights and computation, float64 or float32.
        input_range: Interval the inputs are scaled to; Nguyen-Widrow spreads over it.

    Returns:
        A ``keras.Model`` of ``Dense`` layers on ``Concatenate``, from ``(samples, sizes[0])`` to
        ``(samples, sizes[-1])``. A kernel has the rows of the inputs first, then those of each
        earlier layer.

    Raises:
        ArgumentError: A size is no positive integer, or another argument is out of its range.
        UnknownNameError: A transfer function or initialiser is not registered.

    Example:
        >>> cascade([2, 5, 1], seed=0).count_params()
        23
    """
    plan = planned(sizes, transfer, initial, seed, dtype, input_range)
    weights = _initial_weights(plan, initial)
    import keras

    def joined(reached: list[Any]) -> Any:
        if len(reached) == 1:
            return reached[0]
        return keras.layers.Concatenate(dtype=dtype, name=f"sources_{len(reached)}")(reached)

    # Restarts draw anew by these, and zeros would make all neurons of a layer one. The fixed
    # seed makes all cascades of the same sizes one architecture.
    drawn_by = keras.initializers.RandomUniform(-1, 1, seed=0)
    return dense_model("cascade", plan, weights, dtype, joined, drawn_by)


def _initial_weights(plan: Plan, initial: str) -> list[Layer]:
    """Draw kernel and bias of every layer."""
    ranges = np.tile(plan.input_range, (plan.sizes[0], 1))
    layers = []
    for neurons, name in zip(plan.sizes[1:], plan.transfer, strict=True):
        function = TRANSFER_FUNCTIONS[name]
        kernel, bias = INITIALISERS[initial](len(ranges), neurons, _UNIT, function.active, plan.rng)
        # Weights that are uniform on [-1, 1] have no regard for ranges.
        if initial == "nguyen-widrow" and np.isfinite(function.active).all():
            kernel, bias = _for_ranges(kernel, bias, ranges)
        layers.append((kernel, bias))
        ranges = np.r_[ranges, np.tile(function.output, (neurons, 1))]
    return layers


def _for_ranges(
    kernel: NDArray[np.float64], bias: NDArray[np.float64], ranges: NDArray[np.float64]
) -> Layer:
    """Turn a layer for sources on [-1, 1] into one for other ranges ``(sources, 2)``.

    Sources without a finite range are taken to be on [-1, 1], as `feedforward` takes them.
    """
    finite = np.isfinite(ranges).all(axis=1, keepdims=True)
    low, high = np.where(finite, ranges, _UNIT).T
    scale, shift = 2 / (high - low), -(high + low) / (high - low)
    return scale[:, None] * kernel, bias + shift @ kernel
