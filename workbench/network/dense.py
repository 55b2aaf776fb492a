"""Feedforward networks of dense layers, the BP networks of MATLAB's ``newff``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench import checks
from workbench.checks import Seed
from workbench.errors import ArgumentError
from workbench.network.initialise import INITIALISERS, initial_weights
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
    sizes = checks.layer_sizes("sizes", sizes)
    transfer = transfer_functions(transfer, len(sizes) - 1)
    INITIALISERS[initial]
    if dtype not in ("float64", "float32"):
        raise ArgumentError("dtype", 'be "float64" or "float32"', dtype)
    (low, high), *_ = checks.bounds("input_range", [input_range])
    rng = checks.generator(seed)
    return _keras_model(
        sizes, transfer, initial_weights(sizes, transfer, initial, rng, (low, high)), dtype
    )


def _keras_model(sizes, transfer, weights, dtype) -> keras.Model:
    import keras

    # Zeros, since Keras's random initialisers take their seed from Python's global generator.
    settings = {"dtype": dtype, "kernel_initializer": "zeros"}
    inputs = outputs = keras.Input((sizes[0],), dtype=dtype, name="inputs")
    for number, (neurons, name) in enumerate(zip(sizes[1:], transfer, strict=True), start=1):
        outputs = keras.layers.Dense(
            neurons,
            activation=TRANSFER_FUNCTIONS[name].activation,
            name="output" if number == len(transfer) else f"hidden_{number}",
            **settings,
        )(outputs)
    model = keras.Model(inputs, outputs, name="feedforward")
    model.set_weights([array for layer in weights for array in layer])
    return model
