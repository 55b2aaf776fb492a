"""The layers of a network that have kernels, each with the batch norm and the activation behind it.

In an order that is theirs alone (`weight_order.py`), for files that know no names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras

from workbench.cnn.layer_calls import layer_calls
from workbench.cnn.weight_order import Call, in_order
from workbench.cnn.window import SAME, same_zeros


@dataclass(frozen=True)
class ModelLayer:
    """A layer with weights in the network; see also `FileLayer`.

    Attributes:
        name: What its weights' paths begin with.
        parts: Its weights by the last word of their paths.
        norm: The batch norm behind it.
        factor: By which what it puts out is multiplied.
    """

    name: str
    parts: Mapping[str, keras.Variable]
    before: tuple[int, int] | None = None
    padding: str = "valid"
    strides: tuple[int, int] = (1, 1)
    activation: str | None = None
    norm: keras.layers.BatchNormalization | None = None
    factor: float = 1.0

    @property
    def kernel(self) -> keras.Variable:
        """The weight that is multiplied with the input."""
        return next(each for part, each in self.parts.items() if part.endswith("kernel"))


def model_layers(model: keras.Model) -> list[ModelLayer]:
    """Return the layers with weights, each with the batch norm and the activation behind it."""
    makers: dict[int, int] = {}  # of a tensor, the place of its call
    calls: list[Call[ModelLayer]] = []
    zeros: dict[int, Any] = {}
    for layer, inputs, outputs in layer_calls(model):
        sites = _sites(layer, inputs, zeros)
        before = makers.get(id(inputs[0]))
        if isinstance(layer, keras.layers.ZeroPadding2D):
            zeros[id(outputs[0])] = layer.padding
        if before is not None and len(calls[before].sites) == 1:
            calls[before] = _followed(calls[before], layer)
            if isinstance(layer, keras.layers.BatchNormalization):
                makers[id(outputs[0])] = before
        commutes = isinstance(layer, keras.layers.Add | keras.layers.Multiply)
        if sites:
            makers[id(outputs[0])] = len(calls)
        calls.append(Call([*map(id, inputs)], [*map(id, outputs)], sites, commutes))
    return in_order(calls, [*map(id, model.outputs)])


def _sites(layer: Any, inputs: Sequence[Any], zeros: Mapping[int, Any]) -> list[ModelLayer]:
    """Return the layers with kernels in a layer: itself, or those that it is made of."""
    sites = []
    for each in layer._flatten_layers() if isinstance(layer, keras.Layer) else ():
        if hasattr(each, "kernel"):
            name = each.kernel.path.rpartition("/")[0]
            parts = {variable.path.rpartition("/")[2]: variable for variable in each.variables}
            sites.append(ModelLayer(name, parts, activation=_word(each)))
    if len(sites) == 1 and hasattr(layer, "strides"):
        sides, strides = inputs[0].shape[1:3], tuple(layer.strides)
        if layer.padding == SAME:
            before = same_zeros(sides, layer.kernel.shape, strides, layer.dilation_rate)
        else:
            before = tuple(side[0] for side in zeros.get(id(inputs[0]), ((0,), (0,))))
        sites[0] = replace(sites[0], before=before, padding=layer.padding, strides=strides)
    return sites


def _word(layer: Any) -> str | None:
    """Return the activation that is part of a layer."""
    word = getattr(getattr(layer, "activation", None), "__name__", None)
    return None if word == "linear" else word


def _followed(call: Call[ModelLayer], layer: Any) -> Call[ModelLayer]:
    """Return the call of a layer with weights with what follows it."""
    (site,) = call.sites
    if isinstance(layer, keras.layers.BatchNormalization) and site.norm is None:
        site = replace(site, norm=layer)
    elif isinstance(layer, keras.layers.Rescaling) and not layer.offset:
        site = replace(site, factor=layer.scale)
    elif isinstance(layer, keras.layers.ReLU):
        site = replace(site, activation="relu")
    elif isinstance(layer, keras.layers.Activation):
        site = replace(site, activation=_word(layer))
    return replace(call, sites=[site])
