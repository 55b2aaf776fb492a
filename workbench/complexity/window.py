"""The window of a convolution or a pooling, read off the layer.

Subclasses of Keras's layers and layers of other libraries have the same attributes (kernel_size or
pool_size, strides, padding, dilation_rate, data_format), and so do the operations of `keras.ops`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from workbench.complexity.step import Step


@dataclass(frozen=True)
class Window:
    """Window of a convolution or a pooling.

    Attributes:
        size: Taps along each spatial axis.
        strides: Steps along each.
        dilations: Distances of its taps.
        padding: ``"valid"``, ``"same"``, ``"causal"``, or pixels before and after each axis.
        axes: The spatial axes of the input.
    """

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    padding: Any
    axes: tuple[int, ...]

    @classmethod
    def of(cls, step: Step) -> Window:
        """Read the window off a layer or an operation.

        Raises:
            AttributeError: It has none.
        """
        operation: Any = step.operation
        rank = len(step.inputs[0].shape) - 2
        size = getattr(operation, "kernel_size", None) or getattr(operation, "pool_size", None)
        if size is None:
            size = kernel_of(step).shape[:rank]
        size = _each(size, rank)
        form = getattr(operation, "data_format", None) or keras.config.image_data_format()
        first = 2 if form == "channels_first" else 1
        strides = operation.strides
        return cls(
            size,
            size if strides is None else _each(strides, rank),  # a pooling's default
            _each(getattr(operation, "dilation_rate", 1), rank),
            operation.padding,
            tuple(range(first, first + rank)),
        )

    def taps(self, place: int) -> range:
        """Return the distances of the taps from the first, along one axis."""
        spread = self.dilations[place]
        return range(0, self.size[place] * spread, spread)

    def before(self, place: int, size: int, outputs: int) -> int:
        """Return the pixels that are padded before an axis of ``size`` positions."""
        extent = self.taps(place)[-1] + 1
        if self.padding == "same":
            return max((outputs - 1) * self.strides[place] + extent - size, 0) // 2
        if self.padding == "causal":
            return extent - 1
        if self.padding == "valid":
            return 0
        pair = self.padding if isinstance(self.padding, int) else self.padding[place]
        return pair if isinstance(pair, int) else pair[0]

    def before_transposed(self, place: int, size: int, outputs: int) -> int:
        """Return the positions that are cut off before the ``outputs`` of a transposition.

        TensorFlow's is the gradient of the convolution from ``outputs`` to ``size`` positions.
        """
        return self.before(place, outputs, size)


def kernel_of(step: Step) -> Any:
    """Return the kernel of a convolution: the layer's, or the one passed in.

    Raises:
        AttributeError: There is none.
    """
    if isinstance(step.operation, keras.Layer):
        return step.operation.kernel
    operands = [*step.args[1:2], *(step.kwargs[k] for k in ("kernel",) if k in step.kwargs)]
    if not operands:
        raise AttributeError(f"{step.operation.name!r} has no kernel.")
    return operands[0]


def _each(value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)
