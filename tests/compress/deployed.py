"""A small network with all that exporters stumble over, and images for it."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from workbench.cnn.ops import BatchNorm, ChannelShuffle, GroupedConv2D, SqueezeExcite

SHAPE = (8, 8, 3)


def drawn(model: keras.Model, seed: int = 0) -> keras.Model:
    """Give a model random weights, batch norms included, and return it."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if variable.path.endswith("moving_variance"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif "kernel" in variable.path:
            inputs = np.prod(variable.shape[:-1])
            variable.assign(rng.normal(0, np.sqrt(2 / inputs), variable.shape))
        elif "seed" not in variable.path:
            variable.assign(rng.normal(0.5, 0.3, variable.shape))
    return model


def network() -> keras.Model:
    """Build convolutions of all kinds, a shortcut, a shuffle, a gate and ten classes."""
    image = keras.Input(SHAPE, name="image")
    x = layers.Conv2D(16, 3, padding="same", use_bias=False, name="stem")(image)
    x = layers.ReLU(name="stem.relu")(BatchNorm(name="stem.norm")(x))
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depth")(x)
    y = layers.Activation("relu6", name="depth.relu6")(BatchNorm(name="depth.norm")(y))
    y = GroupedConv2D(16, 1, groups=4, name="mix")(y)
    y = BatchNorm(name="mix.norm")(y)
    y = SqueezeExcite(4, gate="hard_sigmoid", name="se")(ChannelShuffle(4, name="shuffle")(y))
    x = layers.Add(name="add")([x, y])
    x = layers.Activation("hard_silu", name="silu")(x)
    x = layers.Dropout(0.2, name="drop", seed=0)(layers.GlobalAveragePooling2D(name="pool")(x))
    x = layers.Dense(10, name="classes")(x)
    return drawn(keras.Model(image, layers.Softmax(name="softmax")(x), name="net"))


def images(count: int = 40, shape: tuple[int, ...] = SHAPE, seed: int = 1) -> np.ndarray:
    """Draw images."""
    return np.random.default_rng(seed).normal(size=(count, *shape)).astype("float32")


def said(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """Return a model's outputs."""
    return np.asarray(model(x, training=False))
