"""Initial weights of feedforward networks: Nguyen-Widrow's and uniform ones.

Source of Nguyen-Widrow: D. Nguyen and B. Widrow, "Improving the learning speed of 2-layer
neural networks by choosing initial values of the adaptive weights", IJCNN 1990, vol. 3,
pp. 21-26; in the form of MATLAB's ``initnw``, which also scales to the ranges of the inputs
and of the transfer function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from workbench.network.transfer import TRANSFER_FUNCTIONS
from workbench.registry import Registry

Layer: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]
Range: TypeAlias = tuple[float, float]
Initialiser: TypeAlias = Callable[[int, int, Range, Range, np.random.Generator], Layer]

INITIALISERS: Registry[Initialiser] = Registry("initialiser")

_UNIT = (-1.0, 1.0)


@INITIALISERS.register("uniform")
def uniform(
    inputs: int, neurons: int, input_range: Range, active: Range, rng: np.random.Generator
) -> Layer:
    """Return weights and biases uniform on [-1, 1], as MATLAB's ``rands`` draws them."""
    return rng.uniform(-1, 1, (inputs, neurons)), rng.uniform(-1, 1, neurons)


@INITIALISERS.register("nguyen-widrow")
def nguyen_widrow(
    inputs: int, neurons: int, input_range: Range, active: Range, rng: np.random.Generator
) -> Layer:
    """Return weights that spread the neurons' active regions evenly over the input space.

    A layer whose transfer function has no finite active range, purelin for one, has nothing
    to spread and gets `uniform` weights, as in MATLAB.

    Args:
        inputs: Number of inputs.
        neurons: Number of neurons.
        input_range: Interval of every input; an infinite one is taken for [-1, 1].
        active: Active range of the transfer function.
        rng: Source of the random numbers.

    Returns:
        Kernel ``(inputs, neurons)`` and bias ``(neurons,)``.
    """
    if not np.all(np.isfinite(active)):
        return uniform(inputs, neurons, input_range, active, rng)
    directions = rng.uniform(-1, 1, (inputs, neurons))
    directions /= np.linalg.norm(directions, axis=0)
    magnitude = 0.7 * neurons ** (1 / inputs)  # eq. 8 of the paper
    kernel = magnitude * directions
    # Evenly spaced thresholds; the paper draws them at random, MATLAB has them even.
    spread = np.linspace(-1, 1, neurons) if neurons > 1 else np.zeros(1)
    bias = magnitude * spread * np.sign(kernel[0])

    # A step responds at a single point, and to any scale of its weights alike.
    half, middle = (active[1] - active[0]) / 2 or 1.0, (active[1] + active[0]) / 2
    kernel, bias = half * kernel, half * bias + middle
    low, high = input_range if np.all(np.isfinite(input_range)) else _UNIT
    scale, shift = 2 / (high - low), -(high + low) / (high - low)
    return scale * kernel, bias + shift * kernel.sum(axis=0)


def initial_weights(
    sizes: Sequence[int],
    transfer: Sequence[str],
    initial: str,
    rng: np.random.Generator,
    input_range: Range = _UNIT,
) -> list[Layer]:
    """Draw kernel and bias of every layer of a feedforward network.

    Args:
        sizes: Neurons in each layer, the inputs first.
        transfer: Transfer function of each layer after the inputs.
        initial: Registered name of the initialiser.
        rng: Source of the random numbers.
        input_range: Interval of the network's inputs.

    Raises:
        UnknownNameError: ``initial`` is not registered.
    """
    draw = INITIALISERS[initial]
    layers = []
    for inputs, neurons, name in zip(sizes[:-1], sizes[1:], transfer, strict=True):
        function = TRANSFER_FUNCTIONS[name]
        layers.append(draw(inputs, neurons, input_range, function.active, rng))
        input_range = function.output
    return layers
