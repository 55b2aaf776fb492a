"""When two Keras models are the same function of their weights.

Compiled functions are shared between such models: the second network of one shape compiles
nothing. The configuration of a model decides, without the names of its layers, which count up
from model to model.
"""

from __future__ import annotations

import json
import operator
import warnings
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

# Where a configuration holds names of layers.
_NAMED = {"name", "keras_history", "input_layers", "output_layers"}
# Where a model keeps its glance.
_PLACE = "_workbench_glance"


@dataclass(frozen=True)
class _Glance:
    """A model at a glance, kept with it: what every layer had for attributes, and the key then.

    No tuple by itself, since Keras looks for layers in whatever container a model has.
    """

    attributes: list[Any]
    key: Hashable


def architecture_key(model: keras.Model) -> Hashable:
    """Return what is equal for models that compute the same function of their weights.

    To read a configuration takes 0.4 ms, a good part of a short training. A model whose layers
    still have the very same attributes (15 µs) therefore gets the key it had. (A dictionary of
    weak references to models was rejected: attributes may lead back to the model, and then it
    would never be freed.)
    """
    known = vars(model).get(_PLACE)
    attributes = _attributes(model)
    if known is None or not _identical(known.attributes, attributes):
        key = _key_of(model)
        # Anew, for to read the configuration may set some; and not by setattr, which Keras tracks.
        known = vars(model)[_PLACE] = _Glance(_attributes(model), key)
    return known.key


def _attributes(model: keras.Model) -> list[Any]:
    """Return every layer of a model, each followed by the values of its attributes."""
    return [
        part
        for layer in model._flatten_layers()
        for part in (layer, *(v for name, v in vars(layer).items() if name != _PLACE))
    ]


def _identical(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(map(operator.is_, one, other))


def _key_of(model: keras.Model) -> Hashable:
    """Return the key, read from the configuration.

    Keras's own layers, and those of this package, say everything in their configuration; so do
    the activations that this package has registered with Keras. Code from elsewhere (a lambda, a
    layer defined in a notebook) may differ under one name: a model with such a part stands for
    itself, so its key is its identity, and which of its weights are trained.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras warns of every lambda it serialises
            config = model.get_config()
    except NotImplementedError:
        return _identity(model)
    if not all(map(_says_all, _parts(config))):
        return _identity(model)
    nameless = _without_names(config, {}, named=False)
    return type(model).__name__, json.dumps(nameless, sort_keys=True, default=repr)


def _identity(model: keras.Model) -> Hashable:
    trained = {id(variable) for variable in model.trainable_variables}
    return id(model), tuple(id(variable) in trained for variable in model.variables)


def _parts(config: object) -> Iterator[dict[str, Any]]:
    """Yield every serialised object in a configuration: layers, initialisers, functions."""
    if isinstance(config, dict):
        if "class_name" in config or "value" in config:
            yield config
        for value in config.values():
            yield from _parts(value)
    elif isinstance(config, list | tuple):
        for value in config:
            yield from _parts(value)


def _says_all(part: dict[str, Any]) -> bool:
    kind = part.get("class_name", "function")  # a lambda comes as {"value": code}
    if kind == "function":  # by its registered name; Keras's own come as plain names
        return str(part.get("config")).startswith("workbench>")
    module = str(part.get("module") or "").partition(".")[0]
    return kind == "__keras_tensor__" or (kind != "__lambda__" and module in ("keras", "workbench"))


def _without_names(config: Any, numbers: dict[str, int], *, named: bool) -> Any:
    """Return a configuration with each layer's name replaced by its order of appearance."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":  # its name is its meaning
            return config
        return {
            key: _without_names(value, numbers, named=key in _NAMED)
            for key, value in config.items()
        }
    if isinstance(config, list | tuple):
        return [_without_names(value, numbers, named=named) for value in config]
    if named and isinstance(config, str):
        return numbers.setdefault(config, len(numbers))
    return config
