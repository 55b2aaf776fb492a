"""How photographs become what a network was trained on: resized, cropped, scaled, normalised.

Published weights are worth as much as the preprocessing that they were trained with; so it is kept
in a network's table and travels with a model, into its ``.keras`` file too.

Source: the evaluation transforms of torchvision and timm: the shorter side is resized (bilinear or
bicubic, antialiased, as Pillow does), the centre is cut out, values are brought to [0, 1], and each
channel has its mean taken off and is divided by its standard deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.data.picture import Interpolation, Photo, check_interpolation, fitted, picture_of
from workbench.errors import ArgumentError

CHANNELS = ("rgb", "bgr")
FINITE = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Preprocessing:
    """From photographs to the input of a network.

    Attributes:
        size: Rows and columns of the result, in pixels.
        resize: Length of the shorter side before the crop, in pixels; None squeezes the whole
            image into ``size`` without regard to its proportions.
        interpolation: Pillow's filter.
        mean: Of each channel, in the order of ``channels`` and in units of the scaled image; one
            for a network of grey images, otherwise three.
        std: Likewise, the standard deviation.
        scale: The image's values are multiplied by it first; 1/255 brings bytes to [0, 1].
        channels: Order of the colours that the network expects.
    """

    size: int = 224
    resize: int | None = 256
    interpolation: Interpolation = "bilinear"
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    scale: float = 1 / 255
    channels: Literal["rgb", "bgr"] = "rgb"

    def __post_init__(self) -> None:
        """Check the settings, and turn lists (from a configuration) into tuples."""
        object.__setattr__(self, "size", checks.integer("size", self.size))
        if self.resize is not None:
            object.__setattr__(self, "resize", checks.integer("resize", self.resize))
            if self.resize < self.size:
                raise ArgumentError("resize", f"be at least size ({self.size})", self.resize)
        check_interpolation(self.interpolation)
        if self.channels not in CHANNELS:
            raise ArgumentError(
                "channels", f"be one of {', '.join(map(repr, CHANNELS))}", self.channels
            )
        for name in ("mean", "std"):
            object.__setattr__(self, name, _channelwise(name, getattr(self, name)))
        if len(self.mean) != len(self.std):
            raise ArgumentError(
                "std", f"have as many entries as mean ({len(self.mean)})", f"{len(self.std)}"
            )
        if min(self.std) <= 0:
            raise ArgumentError("std", "be positive", self.std)
        scale = checks.real("scale", self.scale, 0, FINITE, open_low=True)
        object.__setattr__(self, "scale", scale)

    def __call__(self, images: Photo | Sequence[Photo]) -> NDArray[np.float32]:
        """Return the input of the network, shape (images, size, size, channels), float32.

        Args:
            images: One image (rows, columns, channels) or (rows, columns), bytes from 0 to 255 in
                the order red, green, blue, or as Pillow has opened it; an array of several,
                (images, rows, columns, channels) or (images, rows, columns); or a sequence of
                images, which may differ in size.

        Raises:
            ArgumentError: Not images of bytes, of another number of channels, or none at all.
        """
        separate = _separate(images)
        if not separate:
            raise ArgumentError("images", "be at least one image", "none")
        return np.stack([self.normalise(self.fit(image)) for image in separate])

    def fit(self, image: Photo) -> NDArray[np.uint8]:
        """Return one image resized and cropped to ``size``, still bytes: (size, size, channels)."""
        picture, channels = picture_of(image), len(self.mean)
        return fitted(picture, self.size, self.resize, channels, self.interpolation)

    def normalise(self, image: ArrayLike) -> NDArray[np.float32]:
        """Return an image (or a batch), channels last, as the network wants its values.

        Raises:
            ArgumentError: It has another number of channels than ``mean``.
        """
        scaled = np.asarray(image, dtype=np.float32) * np.float32(self.scale)
        if scaled.ndim < 3 or scaled.shape[-1] != len(self.mean):
            raise ArgumentError(
                "image",
                f"have shape (..., rows, columns, {len(self.mean)})",
                f"shape {scaled.shape}",
            )
        if self.channels == "bgr":
            scaled = scaled[..., ::-1]
        mean, std = (np.asarray(each, dtype=np.float32) for each in (self.mean, self.std))
        return (scaled - mean) / std

    def resized(self, size: int) -> Preprocessing:
        """Return the same for images of another size, the crop's share unchanged."""
        size = checks.integer("size", size)
        share = None if self.resize is None else round(self.resize * size / self.size)
        return replace(self, size=size, resize=share)

    def settings(self) -> dict[str, Any]:
        """Return what makes an equal one: ``Preprocessing(**settings)``."""
        return asdict(self)


def _channelwise(name: str, value: Any) -> tuple[float, ...]:
    if not isinstance(value, Sequence | np.ndarray) or isinstance(value, str):
        raise ArgumentError(name, "be a number for each channel", value)
    if len(value) not in (1, 3):
        raise ArgumentError(name, "have one entry (grey images) or three", f"{len(value)} of them")
    return tuple(checks.real(f"{name}[{i}]", x, -FINITE, FINITE) for i, x in enumerate(value))


def _separate(images: Any) -> list[Any]:
    """Return the single images of what may be one, an array of several, or a sequence."""
    if isinstance(images, Sequence):
        return list(images)
    array = np.asarray(images)
    # The last axis of an image has 1 to 4 channels; images so narrow are not to be expected.
    single = array.ndim < 3 or (array.ndim == 3 and array.shape[-1] <= 4)
    return [images] if single else list(array)


IMAGENET = Preprocessing()
# Inception's: from -1 to 1.
SYMMETRIC = Preprocessing(299, 333, "bicubic", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
