"""Augmentations by name: Keras's own layers, with settings that suit small images.

Sources: flips and shifts as in A. Krizhevsky et al., 2012; RandAugment, E. D. Cubuk et al., 2019,
arXiv:1909.13719; MixUp, H. Zhang et al., 2017, arXiv:1710.09412; CutMix, S. Yun et al., 2019,
arXiv:1905.04899; random erasing, Z. Zhong et al., 2017, arXiv:1708.04896.

A layer of the user's own takes part as it is. All run inside the compiled training step, on images
that are still in their own range of values, one draw an image. ``"crop"`` is the usual shift by up
to an eighth of a side, the border mirrored; Keras's RandomCrop was rejected, for it cuts all images
of a batch at one place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np

from workbench.errors import ArgumentError
from workbench.registry import Registry

Range: TypeAlias = tuple[float, float]

# Each makes a layer of the range of the images' values and a seed.
AUGMENTATIONS: Registry[Callable[[Range, int], keras.layers.Layer]] = Registry("augmentation")


@AUGMENTATIONS.register("flip")
def flip(values: Range, seed: int) -> keras.layers.Layer:
    """Turn left to right, every second image."""
    return keras.layers.RandomFlip("horizontal", seed=seed)


@AUGMENTATIONS.register("crop")
def crop(values: Range, seed: int) -> keras.layers.Layer:
    """Shift by up to an eighth of a side; what comes in is the image mirrored."""
    return keras.layers.RandomTranslation(1 / 8, 1 / 8, fill_mode="reflect", seed=seed)


@AUGMENTATIONS.register("rotation")
def rotation(values: Range, seed: int) -> keras.layers.Layer:
    """Turn by up to 15 degrees."""
    return keras.layers.RandomRotation(15 / 360, fill_mode="reflect", seed=seed)


@AUGMENTATIONS.register("zoom")
def zoom(values: Range, seed: int) -> keras.layers.Layer:
    """Make up to a tenth larger or smaller."""
    return keras.layers.RandomZoom((-0.1, 0.1), fill_mode="reflect", seed=seed)


@AUGMENTATIONS.register("color")
def color(values: Range, seed: int) -> keras.layers.Layer:
    """Change brightness, contrast, saturation and hue; for images of three channels."""
    return keras.layers.RandomColorJitter(
        value_range=values,
        brightness_factor=0.2,
        contrast_factor=0.2,
        saturation_factor=(0.4, 0.6),
        hue_factor=0.05,
        seed=seed,
    )


@AUGMENTATIONS.register("brightness")
def brightness(values: Range, seed: int) -> keras.layers.Layer:
    """Make up to a fifth of the range brighter or darker; grey images too."""
    return keras.layers.RandomBrightness(0.2, value_range=values, seed=seed)


@AUGMENTATIONS.register("rand_augment")
def rand_augment(values: Range, seed: int) -> keras.layers.Layer:
    """Two operations drawn anew for each batch; for images of three channels."""
    return keras.layers.RandAugment(value_range=values, num_ops=2, factor=0.3, seed=seed)


@AUGMENTATIONS.register("mix_up")
def mix_up(values: Range, seed: int) -> keras.layers.Layer:
    """Blend each image and its label with another's, alpha 0.2."""
    return keras.layers.MixUp(alpha=0.2, seed=seed)


@AUGMENTATIONS.register("cut_mix")
def cut_mix(values: Range, seed: int) -> keras.layers.Layer:
    """Paste a part of another image, labels in proportion."""
    return keras.layers.CutMix(factor=1.0, seed=seed)


@AUGMENTATIONS.register("erasing")
def erasing(values: Range, seed: int) -> keras.layers.Layer:
    """Cover a part of every fourth image with noise, on average."""
    return keras.layers.RandomErasing((0.0, 0.5), value_range=values, seed=seed)


COLOURED = ("color", "rand_augment")


def augmentation_layers(
    wanted: str | keras.layers.Layer | Sequence[str | keras.layers.Layer] | None,
    channels: int,
    values: Range,
    rng: np.random.Generator,
) -> list[keras.layers.Layer]:
    """Return the layers in the order they were named.

    Args:
        wanted: Names, layers, or one of them; None for none.
        channels: Of the images.
        values: Smallest and largest value that an image may have.
        rng: Draws a seed for each.

    Raises:
        UnknownNameError: There is no such augmentation.
        ArgumentError: One wants colour, and the images have none; or neither name nor layer.
    """
    if wanted is None:
        return []
    single = isinstance(wanted, str | keras.layers.Layer)
    layers: list[keras.layers.Layer] = []
    for each in [wanted] if single else list(wanted):
        seed = int(rng.integers(2**31))
        if isinstance(each, keras.layers.Layer):
            layers.append(each)
        elif isinstance(each, str):
            if each in COLOURED and channels != 3:
                raise ArgumentError(
                    "augment",
                    "suit the images",
                    f"{each!r} for images of {channels} channel(s)",
                    "It works on three; take 'brightness', 'flip' or 'crop'.",
                )
            layers.append(AUGMENTATIONS[each](values, seed))
        else:
            raise ArgumentError("augment", "be names or Keras layers", each)
    return layers


def apply(layers: Sequence[Any], images: Any, labels: Any) -> tuple[Any, Any]:
    """Return a batch and its labels augmented.

    Args:
        layers: From `augmentation_layers`.
        images: (batch, rows, columns, channels), float.
        labels: (batch, classes), a share for each class.
    """
    for layer in layers:
        if isinstance(layer, keras.layers.MixUp | keras.layers.CutMix):
            both = layer({"images": images, "labels": labels}, training=True)
            images, labels = both["images"], both["labels"]
        else:
            images = layer(images, training=True)
    return images, labels
