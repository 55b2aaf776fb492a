"""New initial weights for a model that exists, for restarts.

A chain of Dense layers, as `feedforward` builds it, gets the weights of Nguyen and Widrow. In any
other model each layer draws by its own Keras initialiser, with a seed of ours: Keras's own seeds
come from Python's global generator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.network.dense_chain import chained_dense
from workbench.network.initialise import initial_weights
from workbench.network.transfer import transfer_name
from workbench.network.weights import layout_of

if TYPE_CHECKING:
    import keras


def redrawn_weights(model: keras.Model, rng: np.random.Generator) -> NDArray[np.floating]:
    """Draw new initial trainable weights ``(weights,)``; the model is not changed.

    Args:
        model: A built Keras model.
        rng: Source of the random numbers.

    Raises:
        ModelError: The model has no trainable weights.
    """
    layout = layout_of(model)
    arrays = [np.asarray(variable.numpy()) for variable in model.trainable_variables]
    drawn = _of_chain(model, rng)
    if drawn is None:
        fresh = model.__class__.from_config(_seeded(model.get_config(), rng))
        if not fresh.built:
            fresh.build(model.input_shape)
        drawn = {
            id(old): new.numpy()
            for old, new in zip(model.trainable_variables, fresh.trainable_variables, strict=True)
        }
    places = [id(variable) for variable in model.trainable_variables]
    return layout.pack([drawn.get(p, a) for p, a in zip(places, arrays, strict=True)])


def _of_chain(model: keras.Model, rng: np.random.Generator) -> dict[int, Any] | None:
    """Return arrays by variable for a chain of Dense layers with known transfer functions."""
    layers = chained_dense(model)
    if layers is None:
        return None
    names = [transfer_name(layer.activation) for layer in layers]
    if any(name is None or not layer.use_bias for name, layer in zip(names, layers, strict=True)):
        return None
    sizes = [int(layers[0].kernel.shape[0]), *(int(layer.units) for layer in layers)]
    weights = initial_weights(sizes, [str(name) for name in names], "nguyen-widrow", rng)
    return {
        id(variable): array
        for layer, arrays in zip(layers, weights, strict=True)
        for variable, array in zip((layer.kernel, layer.bias), arrays, strict=True)
    }


def _seeded(config: Any, rng: np.random.Generator) -> Any:
    """Return a configuration whose initialisers have seeds from ``rng``."""
    if isinstance(config, dict):
        module = str(config.get("module") or "")
        made = {key: _seeded(value, rng) for key, value in config.items()}
        if module.startswith("keras.initializers") and "seed" in (config.get("config") or {}):
            made["config"] = {**made["config"], "seed": int(rng.integers(2**31))}
        return made
    if isinstance(config, list | tuple):
        return type(config)(_seeded(value, rng) for value in config)
    return config
