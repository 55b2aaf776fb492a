"""How the layers of a network feed each other, read off a Keras model for `view`.

Nothing of Keras is imported: a model is there already when it is to be drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from workbench.errors import ArgumentError, ModelError
from workbench.network.transfer import transfer_name


@dataclass(frozen=True)
class Layer:
    """A layer of neurons.

    Attributes:
        sources: What feeds it, in the order of its weights: 0 for the inputs, k for layer k.
        widths: Number of values from each source.
        neurons: Number of neurons.
        bias: Whether it has biases.
        activation: Its transfer function, from arrays ``(samples, neurons)`` to the same.
        transfer: The name of that.
    """

    sources: tuple[int, ...]
    widths: tuple[int, ...]
    neurons: int
    bias: bool
    activation: Callable[..., Any]
    transfer: str


@dataclass(frozen=True)
class Wiring:
    """The inputs of a network and its layers, from the first to the outputs."""

    inputs: int
    layers: tuple[Layer, ...]


def wiring_of(model: Any) -> Wiring:
    """Return the wiring of a network of Dense layers.

    Args:
        model: A built Keras model of Dense layers, each fed by the inputs, by an earlier layer
            or by a Concatenate of those.

    Raises:
        ArgumentError: It is no Keras model.
        ModelError: It has another structure; the message says which.
    """
    inputs, output = _ends(model)
    # What a tensor is made of: sources and their widths.
    parts: dict[int, list[tuple[int, int]]] = {id(inputs): [(0, int(inputs.shape[1]))]}
    layers: list[Layer] = []
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "InputLayer":
            continue
        if kind not in ("Dense", "Concatenate"):
            _refuse(model, f"its layer {layer.name!r} is a {kind}")
        fed = layer.input if isinstance(layer.input, list | tuple) else [layer.input]
        if not all(id(tensor) in parts for tensor in fed):
            _refuse(model, f"its layer {layer.name!r} is used twice or fed by more than layers")
        joined = [part for tensor in fed for part in parts[id(tensor)]]
        if kind == "Dense":
            layers.append(_layer(layer, joined))
            joined = [(len(layers), layer.units)]
        parts[id(layer.output)] = joined
    if parts.get(id(output)) != [(len(layers), layers[-1].neurons if layers else 0)]:
        _refuse(model, "its outputs are not those of its last Dense layer")
    return Wiring(int(inputs.shape[1]), tuple(layers))


def activation_name(activation: Any) -> str:
    """Return MATLAB's name of an activation, or without one that of the activation itself."""
    own = getattr(activation, "__name__", type(activation).__name__)
    return transfer_name(activation) or own


def _ends(model: Any) -> tuple[Any, Any]:
    """Return the tensors of inputs and outputs."""
    if not hasattr(model, "layers") or not hasattr(model, "count_params"):
        raise ArgumentError(
            "model", "be a Keras model", f"a {type(model).__name__}", "For example feedforward()."
        )
    ends = [getattr(model, name, None) or [] for name in ("inputs", "outputs")]
    if not all(ends):
        _refuse(
            model,
            "it does not tell how its layers are connected",
            "Give a Sequential model a keras.Input first, or build the model from one.",
        )
    for word, tensors in zip(("inputs", "outputs"), ends, strict=True):
        if len(tensors) > 1:
            _refuse(model, f"it has {len(tensors)} {word}")
        if len(tensors[0].shape) != 2 or tensors[0].shape[1] is None:
            _refuse(model, f"its {word} have the shape {tuple(tensors[0].shape)}")
    return ends[0][0], ends[1][0]


def _layer(layer: Any, parts: list[tuple[int, int]]) -> Layer:
    sources, widths = zip(*parts, strict=True)
    name = activation_name(layer.activation)
    return Layer(sources, widths, layer.units, layer.use_bias, layer.activation, name)


def _refuse(model: Any, why: str, remedy: str = "") -> NoReturn:
    name = getattr(model, "name", type(model).__name__)
    remedy = remedy or (
        "view draws Dense layers from (samples, inputs) to (samples, outputs), one after the "
        "other or joined by Concatenate."
    )
    raise ModelError(f"The model {name!r} cannot be drawn: {why}. {remedy}")
