"""Feedforward networks of dense layers, the BP networks of MATLAB's ``newff``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from workbench import checks
from workbench.checks import Seed
from workbench.errors import ArgumentError
from workbench.network.initialise import INITIALISERS, Layer, initial_weights
from workbench.network.transfer import TRANSFER_FUNCTIONS, transfer_functions

if TYPE_CHECKING:
    import keras


def feedforward(
    sizes: Sequence[int],
    transfer: Sequence[str] | None = None,
    *,
    initial: str = "nguyen-widrow",
    seed: Seed = None,
    dtype: str = "float64",
    input_range: tuple[float, float] = (-1.0, 1.0),
) -> keras.Model:
    """Build a feedforward network with initial weights.

    Args:
        sizes: Neurons in each layer, the inputs first: ``[2, 5, 1]`` has 2 inputs, one hidden
            layer of 5 and 1 output.
        transfer: Transfer function of each layer after the inputs, by MATLAB's name. Default:
            tansig in hidden layers, purelin in the last.
        initial: ``"nguyen-widrow"`` or ``"uniform"`` on [-1, 1].
        seed: Generator, or seed for one, of the initial weights.
        dtype: Number type of weights and computation: float64 (Levenberg-Marquardt needs its
            digits) or float32.
        input_range: Interval the inputs are scaled to; Nguyen-Widrow spreads over it.

    Returns:
        A ``keras.Model`` of ``Dense`` layers from ``(samples, sizes[0])`` to
        ``(samples, sizes[-1])``.

    Raises:
        ArgumentError: A size is no positive integer, or another argument is out of its range.
        UnknownNameError: A transfer function or initialiser is not registered.

    Example:
        >>> feedforward([2, 5, 1], seed=0).count_params()
        21
    """
    plan = planned(sizes, transfer, initial, seed, dtype, input_range)
    weights = initial_weights(plan.sizes, plan.transfer, initial, plan.rng, plan.input_range)
    return dense_model("feedforward", plan, weights, dtype, lambda reached: reached[-1])


class Plan(NamedTuple):
    """Checked arguments of a network.

    Attributes:
        sizes: Neurons in each layer, the inputs first.
        transfer: Transfer function of each layer after the inputs.
        rng: Source of the initial weights.
        input_range: Interval (low, high) of every input.
    """

    sizes: tuple[int, ...]
    transfer: tuple[str, ...]
    rng: np.random.Generator
    input_range: tuple[float, float]


def planned(
    sizes: Sequence[int],
    transfer: Sequence[str] | None,
    initial: str,
    seed: Seed,
    dtype: str,
    input_range: tuple[float, float],
) -> Plan:
    """Check the arguments that `feedforward` shares with other networks.

    Raises:
        ArgumentError: A size is no positive integer, or another argument is out of its range.
        UnknownNameError: A transfer function or initialiser is not registered.
    """
    sizes = checks.layer_sizes("sizes", sizes)
    names = transfer_functions(transfer, len(sizes) - 1)
    INITIALISERS[initial]
    if dtype not in ("float64", "float32"):
        raise ArgumentError("dtype", 'be "float64" or "float32"', dtype)
    (low, high), *_ = checks.bounds("input_range", [input_range])
    return Plan(sizes, names, checks.generator(seed), (low, high))


def dense_model(
    name: str,
    plan: Plan,
    weights: Sequence[Layer],
    dtype: str,
    source: Callable[[list[Any]], Any],
    initializer: Any = "zeros",
) -> keras.Model:
    """Build a network of Dense layers, each with one bias.

    Args:
        name: Name of the model.
        plan: Sizes and transfer functions.
        weights: Kernel and bias of each layer.
        dtype: Number type of weights and computation.
        source: Maps the tensors so far, the inputs and each layer's outputs, to what the next
            layer is applied to.
        initializer: What the layers say they draw their weights by. Zeros by default, since
            Keras's random ones take their seed from Python's global generator.
    """
    import keras

    # It tells TensorFlow how to take a GPU's memory, which can be told only before the first
    # weight is made.
    from workbench.network import backend as backend

    settings = {"dtype": dtype, "kernel_initializer": initializer, "bias_initializer": initializer}
    reached = [keras.Input((plan.sizes[0],), dtype=dtype, name="inputs")]
    for number, neurons in enumerate(plan.sizes[1:], start=1):
        layer = keras.layers.Dense(
            neurons,
            activation=TRANSFER_FUNCTIONS[plan.transfer[number - 1]].function,
            name="output" if number == len(plan.transfer) else f"hidden_{number}",
            **settings,
        )
        reached.append(layer(source(reached)))
    model = keras.Model(reached[0], reached[-1], name=name)
    model.set_weights([array for layer in weights for array in layer])
    return model
