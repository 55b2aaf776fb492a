"""Channels by how the loss would change without them, to first order.

Source: P. Molchanov, A. Mallya, S. Tyree, I. Frosio and J. Kautz, "Importance Estimation for Neural
Network Pruning", 2019, arXiv:1906.10771, equations 8 and 9: (sum g w)^2 over the weights w of a
channel, with the gradient g of a batch's mean loss; here averaged over batches.

Where there is a batch norm, w are its scale and offset: with them the channel as a whole is
switched off, and there the paper puts its gates (section 4.2). Elsewhere w are the filter and its
bias. Batch norms use their moving statistics; on those of the batch, the sum over a filter in front
of one is zero, for its size does not matter then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from workbench.compress.channel_call import Use
from workbench.compress.criteria import (
    CRITERIA,
    Criterion,
    Evidence,
    Floats,
    Subject,
    weights_of,
)
from workbench.compress.graph_run import functional, is_nested
from workbench.errors import ArgumentError
from workbench.network.backend import gradient


def evidence(subject: Subject) -> list[Evidence]:
    """Return the squared change for each channel of batch norms, and of filters without one."""
    weights = weights_of(subject, "kernel", "bias", "scale", "offset")
    uses = [use for use, _ in weights]
    # Kernel and bias, and scale and offset, have the same vector of channels.
    places = [(id(use.layer), id(use.made)) for use in uses]
    squares: dict[tuple[int, int], Floats] = {}
    batches = list(subject.batches())
    for images, labels in batches:
        slopes = _slopes(subject.graph.model, weights, images, labels)
        changes: dict[tuple[int, int], Floats] = {}
        for place, (use, values), slope in zip(places, weights, slopes, strict=True):
            changes[place] = changes.get(place, 0) + use.by_channel(values * slope)
        for place, change in changes.items():
            squares[place] = squares.get(place, 0) + change**2 / len(batches)
    first = dict(zip(reversed(places), reversed(uses), strict=True))
    return _switches(subject, [(first[place], values) for place, values in squares.items()])


def _switches(subject: Subject, found: Sequence[tuple[Use, Floats]]) -> list[Evidence]:
    """Return what batch norms say, and what filters say of channels without one."""
    units = subject.graph.units
    normed = np.zeros(len(subject.graph.stuck), dtype=bool)
    for use, _ in found:
        if use.role in ("scale", "offset"):
            normed[units[use.made]] = True
    chosen = []
    for use, values in found:
        heard = normed[units[use.made]] == (use.role in ("scale", "offset"))
        chosen.append((use.made[heard], values[heard]))
    return chosen


def _slopes(
    model: Any, weights: Sequence[tuple[Use, NDArray[Any]]], images: Any, labels: Any
) -> list[NDArray[Any]]:
    """Return the gradient of a batch's mean loss by some weights, given with their values."""
    variables = [use.layer.weights[use.place] for use, _ in weights]
    at = [
        ops.convert_to_tensor(values, dtype=variable.dtype)
        for variable, (_, values) in zip(variables, weights, strict=True)
    ]
    place = {id(variable): i for i, variable in enumerate(variables)}
    inputs = keras.tree.map_structure(ops.convert_to_tensor, images)

    def loss(values: Sequence[Any]) -> Any:
        lists = [
            [values[place[id(v)]] if id(v) in place else ops.convert_to_tensor(v) for v in some]
            for some in (model.trainable_variables, model.non_trainable_variables)
        ]
        outputs, _ = model.stateless_call(*lists, inputs, training=False)
        return _loss(model, inputs, labels, outputs)

    return [np.asarray(slope) for slope in gradient(loss, at)[1]]


def _loss(model: Any, inputs: Any, labels: Any, outputs: Any) -> Any:
    """Return the mean loss: that which the model is compiled with, or the cross-entropy."""
    if getattr(model, "compiled", False):
        return model.compute_loss(inputs, ops.convert_to_tensor(labels), outputs, training=False)
    if isinstance(outputs, list | tuple | dict):
        raise ArgumentError(
            "model", "have one output", f"{len(outputs)} of them", "Compile it with its losses."
        )
    kind = "categorical" if np.ndim(labels) == len(outputs.shape) else "sparse_categorical"
    function = getattr(keras.losses, f"{kind}_crossentropy")
    logits = not _ends_in_softmax(model)
    return ops.mean(function(ops.convert_to_tensor(labels), outputs, from_logits=logits))


def _ends_in_softmax(model: Any) -> bool:
    operation = functional(model).outputs[0]._keras_history.operation
    if is_nested(operation):
        return _ends_in_softmax(operation)
    activation = getattr(getattr(operation, "activation", None), "__name__", "")
    return "softmax" in (activation, type(operation).__name__.lower())


CRITERIA.register("taylor")(Criterion(evidence, needs=("data", "labels"), additive=True))
