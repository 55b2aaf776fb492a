"""Multiply-accumulates (MACs) of convolutions and linear layers.

Source of the convention: the papers of the light networks (MobileNet's "mult-adds"), fvcore's
flop counter and torchvision's documentation count so. ResNet-50 has 4089.2 million at 224 x 224.

Convention. One MAC is one multiplication with its addition. Convolutions, linear layers and matrix
products count; biases, normalisation, activations, poolings and sums are 0. A tap that lies on
padding counts like any other. A transposed convolution counts at its input positions, a deformable
one with the convolution that finds its offsets and without the interpolation.

Every function takes a step and returns the MACs of one call, for the whole batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from workbench.complexity.step import Step, elements
from workbench.complexity.window import kernel_of


def none(step: Step) -> int:
    """No multiply-accumulates in the sense of the convention."""
    return 0


def by_kernel(step: Step) -> int:
    """Every output position takes the whole kernel (..., inputs / groups, outputs), once."""
    return _times(step.outputs[0], kernel_of(step), kernel_of(step).shape[-1])


def depthwise(step: Step) -> int:
    """Likewise, for a kernel (..., channels, multiplier)."""
    kernel = kernel_of(step)
    return _times(step.outputs[0], kernel, prod(kernel.shape[-2:]))


def separable(step: Step) -> int:
    """A depthwise convolution with the stride, and a 1 x 1 convolution behind it."""
    if hasattr(step.operation, "depthwise_kernel"):
        kernels = [step.operation.depthwise_kernel, step.operation.pointwise_kernel]
    else:
        kernels = list(step.args[1:3])
    channels = kernels[1].shape[-1]
    return sum(_times(step.outputs[0], kernel, channels) for kernel in kernels)


def transposed(step: Step) -> int:
    """Every input position gives to the whole kernel (..., outputs, inputs), once."""
    kernel = kernel_of(step)
    return _times(step.inputs[0], kernel, kernel.shape[-1])


def deformable(step: Step) -> int:
    """The convolution itself, and the one that finds the offsets (and the mask)."""
    operation: Any = step.operation
    kernels = operation.kernel, operation.offset_kernel
    channels = operation.kernel.shape[-1]
    return sum(_times(step.outputs[0], kernel, channels) for kernel in kernels)


def einsum_dense(step: Step) -> int:
    """One MAC for each combination of the letters of the equation."""
    operation: Any = step.operation
    return _einsum(operation.equation, [step.inputs[0].shape, operation.kernel.shape])


def einsum(step: Step) -> int:
    """Likewise, for `keras.ops.einsum`; more than two operands count as one product."""
    operation: Any = step.operation
    return _einsum(operation.subscripts, [operand.shape for operand in step.args])


def matmul(step: Step) -> int:
    """Every output element is a sum over the last axis of the first operand."""
    return elements(step.outputs[0]) * step.args[0].shape[-1]


def attention(step: Step) -> int:
    """Scores and their weighted sum, for (batch, places, heads, size) each."""
    query, key, value = step.args[:3]
    batch, places, heads, size = query.shape
    return batch * places * heads * key.shape[1] * (size + value.shape[-1])


def _times(tensor: Any, kernel: Any, channels: int) -> int:
    """Return positions times weights. By elements, for channels may come first or last."""
    return elements(tensor) // channels * prod(kernel.shape)


def _einsum(equation: str, shapes: Sequence[Sequence[int]]) -> int:
    """Return the product of the sizes of all letters; an ellipsis stands for leading axes."""
    sizes: dict[str, int] = {}
    for letters, shape in zip(equation.split("->")[0].split(","), shapes, strict=True):
        letters = letters.replace(" ", "").replace("...", ".")
        named = len(letters.replace(".", ""))
        hidden = "".join(chr(0x100 + len(shape) - i) for i in range(named, len(shape)))
        sizes.update(zip(letters.replace(".", hidden), shape, strict=True))
    return prod(sizes.values())
