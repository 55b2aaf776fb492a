"""Which weights belong to one unit of a network: a neuron, or a channel of a convolution.

A unit is what its incoming weights make it (a column of the kernel, and the bias). Units of one
layer may change places without changing what the network computes, if their outgoing weights go
with them; so a unit, and not a single weight, is what one network can take from another.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.network.dense_chain import chained_dense
from workbench.network.weights import layout_of

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, eq=False)
class Units:
    """The units of one layer, by the places of their weights in the vector.

    Attributes:
        incoming: Places of the weights that make each unit, ``(units, weights of one)``.
        outgoing: Places of the weights that listen to it, ``(units, listeners)``; no columns
            where the next layer is not known to be Dense.
    """

    incoming: NDArray[np.intp]
    outgoing: NDArray[np.intp]


def hidden_units(model: keras.Model) -> tuple[Units, ...]:
    """Return the units of every layer with trainable weights but the last.

    Args:
        model: A built Keras model.

    Raises:
        ModelError: It has no trainable weights.
    """
    layout = layout_of(model)
    places = layout.unpack(np.arange(layout.size))
    by_variable = {id(v): p for v, p in zip(model.trainable_variables, places, strict=True)}
    layers = [
        [by_variable[id(v)] for v in layer.trainable_variables if id(v) in by_variable]
        for layer in model.layers
    ]
    layers = [arrays for arrays in layers if arrays]
    chained = chained_dense(model) is not None
    found = []
    for arrays, following in itertools.pairwise(layers):
        count = arrays[0].shape[-1]
        if any(array.shape[-1] != count for array in arrays):
            continue  # no units: a recurrent layer, say, whose gates lie side by side
        incoming = np.concatenate([array.reshape(-1, count) for array in arrays]).T
        outgoing = following[0] if chained else np.empty((count, 0), dtype=np.intp)
        found.append(Units(incoming, outgoing.reshape(count, -1)))
    return tuple(found)
