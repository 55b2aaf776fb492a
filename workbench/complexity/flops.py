"""Floating-point operations: two for each MAC, and what the other layers do.

Source of the idea: fvcore counts operators one by one and says what one counts; PyTorch's
flop_count counts two for a MAC. Papers that write "FLOPs" often mean MACs.

Convention. FLOPs = 2 MACs + others, where others are
- one an output element for a bias, an activation (whichever), and a function of one tensor;
- one an output element for each tensor beyond the first in a sum, product or maximum;
- two an output element for normalisation (a factor and an offset, in inference), and one more an
  input element for each moment (mean, variance) that is taken of the input itself;
- one an element of a window for pooling, one an input element for a mean over axes, one an output
  element for interpolation;
- none for what only moves numbers: padding, concatenation, shuffling, nearest upsampling.

Every function takes a step and returns the others of one call, for the whole batch.
"""

from __future__ import annotations

from math import prod
from typing import Any

import keras

from workbench.complexity.step import Step, elements
from workbench.complexity.window import Window


def none(step: Step) -> int:
    """Numbers are moved, not computed."""
    return 0


def bias_and_activation(step: Step) -> int:
    """What a layer of weights does behind its MACs."""
    operation: Any = step.operation
    active = getattr(operation, "activation", None) not in (None, keras.activations.linear)
    biased = bool(getattr(operation, "use_bias", getattr(operation, "bias", None) is not None))
    return (active + biased) * _outputs(step)


def an_output(step: Step) -> int:
    """One an output element."""
    return _outputs(step)


def an_input(step: Step) -> int:
    """One an input element."""
    return elements(step.inputs[0])


def merging(step: Step) -> int:
    """One an output element for each operand beyond the first; numbers are operands as well."""
    return max(len(step.inputs) - 1, 1) * _outputs(step)


def normalisation(step: Step) -> int:
    """A factor and an offset."""
    return 2 * _outputs(step)


def normalisation_by_moments(step: Step) -> int:
    """Mean and variance of the input, a factor and an offset."""
    return 4 * _outputs(step)


def pooling(step: Step) -> int:
    """One an element of each window."""
    return elements(step.outputs[0]) * prod(Window.of(step).size)


def interpolation(step: Step) -> int:
    """One an output element, and none where the nearest one is copied."""
    nearest = getattr(step.operation, "interpolation", "nearest") == "nearest"
    return 0 if nearest else _outputs(step)


def _outputs(step: Step) -> int:
    return sum(map(elements, step.outputs))
