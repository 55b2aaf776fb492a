"""Memory traffic: what every layer reads and writes.

Source: N. Ma, X. Zhang, H.-T. Zheng and J. Sun, "ShuffleNet V2: Practical Guidelines for Efficient
CNN Architecture Design", 2018, arXiv:1807.11164, section 2: the memory access cost of a 1 x 1
convolution of c1 to c2 channels on h x w positions is h w (c1 + c2) + c1 c2, and with g groups
h w (c1 + c2) + c1 c2 / g.

Convention. Nothing is fused and nothing stays in a cache: each step reads its inputs and weights
once and writes its outputs once. What only looks at the same numbers in another shape (reshaping,
flattening) or does nothing in inference (dropout) moves none. A slice reads what it returns.
Bytes count all weights, those of a layer that is called twice twice. The memory access cost counts
elements, and of the weights only kernels (of two axes or more), as in the paper's formula; biases
and the four vectors of a batch norm are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.complexity.step import Step, elements, size_in_bytes


@dataclass(frozen=True)
class Traffic:
    """What some steps move.

    Attributes:
        read: Bytes.
        written: Bytes.
        access: ShuffleNet V2's memory access cost, in elements.
    """

    read: int = 0
    written: int = 0
    access: int = 0

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(
            self.read + other.read, self.written + other.written, self.access + other.access
        )


def traffic(step: Step, *, partial: bool = False) -> Traffic:
    """Return what a step moves; with ``partial`` it reads no more of its input than it returns."""
    sources = step.outputs if partial else step.inputs
    kernels = [weight for weight in step.weights if len(weight.shape) > 1]
    return Traffic(
        sum(map(size_in_bytes, (*sources, *step.weights))),
        sum(map(size_in_bytes, step.outputs)),
        sum(map(elements, (*sources, *step.outputs, *kernels))),
    )
