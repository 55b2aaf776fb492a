"""Small networks and images for the tests of classifiers."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


def images(
    count: int = 96, size: int = 8, channels: int = 1, classes: int = 3, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return noise with a bright bar whose place tells the class, and the class numbers."""
    rng = np.random.default_rng(seed)
    found = rng.integers(0, 60, (count, size, size, channels))
    labels = np.arange(count) % classes
    for image, label in zip(found, labels, strict=True):
        start = label * (size // classes)
        image[:, start : start + size // classes] += 120
    return found.astype(np.uint8), labels


def network(
    size: int = 8,
    channels: int = 1,
    outputs: int = 3,
    activation: str | None = "softmax",
    *,
    norm: bool = False,
    dropout: float = 0.0,
) -> keras.Model:
    """Return a network of two layers with weights, which compiles in a moment."""

    def start(seed: int) -> Any:
        return keras.initializers.GlorotUniform(seed=seed)

    inputs = keras.Input((size, size, channels))
    x = keras.layers.Conv2D(4, 3, activation="relu", kernel_initializer=start(1))(inputs)
    if norm:
        x = keras.layers.BatchNormalization()(x)
    if dropout:
        x = keras.layers.Dropout(dropout, seed=3)(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(outputs, activation=activation, kernel_initializer=start(2))(x)
    return keras.Model(inputs, x)


def vector(model: keras.Model) -> NDArray[np.float32]:
    """Return all weights of a model in a row."""
    return np.concatenate([np.ravel(weight) for weight in model.get_weights()])
