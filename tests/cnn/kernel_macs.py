"""Multiply-accumulates counted from the kernels alone, for tests of networks."""

from __future__ import annotations

from math import prod

import keras

from workbench.cnn.ops import SqueezeExcite


def kernel_macs(model: keras.Model) -> int:
    """Kernel elements times the places where each is laid, of convolutions and dense layers."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, SqueezeExcite):
            total += prod(layer.reduce.kernel.shape) + prod(layer.expand.kernel.shape)
        elif hasattr(layer, "kernel"):
            total += prod(layer.kernel.shape) * prod(layer.output.shape[1:-1])
    return total
