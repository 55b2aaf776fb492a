"""Leaky ReLU as integer hardware computes it: multiply by 13, shift right by 7.

Source: A. L. Maas, A. Y. Hannun and A. Y. Ng, "Rectifier Nonlinearities Improve Neural Network
Acoustic Models", 2013, for the function; 13 / 128 = 0.1015625 is the nearest fraction with a
denominator of 128 to the slope 0.1 that YOLO's networks are trained with.

The shift is an arithmetic one: it rounds down, so that -1 stays -1 and the negative side of an
integer tensor is at most 1 below the slope's exact value.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from workbench.errors import ArgumentError
from workbench.network.backend import Tensor

MULTIPLIER, SHIFT = 13, 7
SLOPE = MULTIPLIER / 2**SHIFT


@keras.saving.register_keras_serializable("workbench")
def integer_leaky_relu(x: Tensor) -> Tensor:
    """Return x where it is not negative, and 13 x / 128 elsewhere.

    Floats have the slope exactly, and its gradient. Signed integers of 8, 16 and 32 bits are
    rounded down, and keep their type; integers have no gradient.

    Raises:
        ArgumentError: ``x`` is of another type.
    """
    x = ops.convert_to_tensor(x)
    kind = keras.backend.standardize_dtype(x.dtype)
    if kind in ("int8", "int16", "int32"):
        # 32 bits have no room for 13 times their smallest number, 8 bits not for that of 10.
        wide = ops.cast(x, "int64" if kind == "int32" else "int32")
        return ops.cast(ops.where(wide < 0, ops.right_shift(wide * MULTIPLIER, SHIFT), wide), kind)
    if kind.startswith(("float", "bfloat")):
        return ops.leaky_relu(x, SLOPE)
    raise ArgumentError(
        "x", "be of floats or of signed integers of 8, 16 or 32 bits", f"dtype {kind}", "Cast it."
    )


@keras.saving.register_keras_serializable("workbench")
class IntegerLeakyReLU(keras.layers.Layer):
    """Leaky ReLU with the slope 13 / 128, for floats and, rounded down, for signed integers.

    A network is trained with it in floats, and then computes the same in integers up to the
    rounding.

    Args:
        **options: Those of `keras.layers.Layer`.

    Raises:
        RuntimeError: The input is of another type: Keras's wrapping of the error that
            `integer_leaky_relu` raises.
    """

    def call(self, inputs: Tensor) -> Tensor:
        """Return the activation of each entry."""
        return integer_leaky_relu(inputs)

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """Return shape and type of the input: integers stay integers."""
        return keras.KerasTensor(inputs.shape, inputs.dtype)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the shape of the input."""
        return input_shape
