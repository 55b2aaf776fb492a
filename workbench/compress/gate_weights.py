"""Channels by what gates make of them: squeeze-and-excitation as a judge.

Source: J. Hu, L. Shen, S. Albanie, G. Sun and E. Wu, "Squeeze-and-Excitation Networks", 2018,
arXiv:1709.01507, section 3: each channel is multiplied by a number between 0 and 1 that the whole
image decides. Averaged over data, a channel that is mostly turned down is worth little. A product
with a tensor of a single pixel counts as such a gate too: that is how others write theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from workbench.cnn.ops import SqueezeExcite
from workbench.compress.criteria import CRITERIA, Criterion, Evidence, Floats, Subject
from workbench.compress.graph_run import arguments, is_nested, run


def evidence(subject: Subject) -> list[Evidence]:
    """Return the mean weight that each gate gives to each channel."""
    tensors, sums = subject.graph.tensors, dict[int, Floats]()

    def apply(node: Any, inputs: Sequence[Any]) -> Sequence[Any]:
        operation = node.operation
        if is_nested(operation):
            return run(operation, inputs, apply)
        for tensor, weights in _gates(node, inputs):
            flat = np.asarray(weights, np.float64)
            added = flat.reshape(-1, flat.shape[-1]).sum(axis=0)
            sums[id(tensor)] = sums.get(id(tensor), 0) + added
        args, kwargs = arguments(node, inputs)
        return keras.tree.flatten(operation(*args, **kwargs))

    for images, _ in subject.batches():
        run(
            subject.graph.model,
            [ops.convert_to_tensor(x) for x in keras.tree.flatten(images)],
            apply,
        )
    return [(tensors[place], total / subject.samples) for place, total in sums.items()]


def _gates(node: Any, inputs: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Return the tensor whose channels a node weighs, and their weights, if it does so."""
    if isinstance(node.operation, SqueezeExcite):
        return [(node.input_tensors[0], node.operation.excitation(inputs[0]))]
    if type(node.operation).__name__ != "Multiply" or len(inputs) != 2:
        return []
    pixels = [x.shape[1:-1] for x in node.input_tensors]
    return [
        (tensor, values)
        for tensor, values, own, other in zip(
            node.input_tensors, inputs, pixels, reversed(pixels), strict=True
        )
        if own == (1, 1) != other
    ]


CRITERIA.register("se")(Criterion(evidence, needs=("data",)))
