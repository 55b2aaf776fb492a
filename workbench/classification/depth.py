"""Layers by their depth: which of them learn, and how fast.

Source of rates that fall with the distance from the output: J. Howard and S. Ruder, 2018,
arXiv:1801.06146, "discriminative fine-tuning".
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from workbench import checks
from workbench.errors import ArgumentError


def freeze(model: keras.Model, until: str | None = None) -> list[str]:
    """Make layers untrainable: all but the last with weights, or all up to a named one.

    Batch norms that are frozen keep their statistics, in training too (Keras's rule). To undo it,
    set ``layer.trainable = True`` for the layers named in the result.

    Args:
        model: Any Keras model.
        until: Name of the last layer to freeze; None freezes all but the head, which is the last
            layer that has weights.

    Returns:
        The names of the layers that were trainable and are frozen now.

    Raises:
        ArgumentError: The model has no such layer.
    """
    names = [layer.name for layer in model.layers]
    if until is None:
        weighty = [layer.name for layer in model.layers if layer.weights]
        last = names.index(weighty[-1]) - 1 if weighty else -1
    elif until in names:
        last = names.index(until)
    else:
        raise ArgumentError("until", f"be a layer of {model.name}", until)
    frozen = [layer for layer in model.layers[: last + 1] if layer.weights and layer.trainable]
    for layer in frozen:
        layer.trainable = False
    return [layer.name for layer in frozen]


def rates_by_depth(model: keras.Model, decay: float) -> Sequence[float]:
    """Return what each trainable weight multiplies the learning rate with.

    The last layer with weights has 1, the one before it ``decay``, the one before that its
    square. Batch norms count with the layer that they normalise: only layers with a kernel take
    a step down.

    Args:
        model: Any Keras model.
        decay: In (0, 1].
    """
    decay = checks.real("layer_decay", decay, 0, 1, open_low=True)
    depth, depths = 0, {}
    for layer in model.layers:
        # A batch norm or a bias of its own has no matrix.
        depth += any(len(weight.shape) > 1 for weight in layer.weights)
        for weight in layer.trainable_weights:
            depths[id(weight)] = depth
    return [decay ** (depth - depths[id(weight)]) for weight in model.trainable_weights]
