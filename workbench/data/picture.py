"""One image of bytes: what counts as one, and how it is brought to the size that is wanted.

This is the one way by which images change their size here: for a network's input (`Preprocessing`)
and for sets of images (`load_images`).

Source: the evaluation transform of torchvision: the shorter side is resized (bilinear or bicubic,
antialiased, as Pillow does), and the centre is cut out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.errors import ArgumentError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Photo: TypeAlias = "ArrayLike | Picture"
Interpolation: TypeAlias = Literal["bilinear", "bicubic"]
INTERPOLATIONS = ("bilinear", "bicubic")
BYTES = "Multiply values from 0 to 1 by 255, round them, and take .astype('uint8')."


@dataclass(frozen=True)
class Form:
    """What the images of a set are brought to.

    Attributes:
        size: Rows and columns, in pixels: the shorter side is resized to it and the centre cut
            out. None leaves the size as it is.
        channels: 1 makes grey of colours (luminance, ITU-R 601-2), 3 three equal channels of
            grey; None leaves grey grey and colours coloured.
        interpolation: Pillow's filter.
    """

    size: int | None = None
    channels: int | None = None
    interpolation: Interpolation = "bilinear"

    def __post_init__(self) -> None:
        if self.size is not None:
            object.__setattr__(self, "size", checks.integer("size", self.size))
        if self.channels not in (None, 1, 3) or isinstance(self.channels, bool):
            raise ArgumentError("channels", "be 1 (grey), 3 (colour) or None", self.channels)
        check_interpolation(self.interpolation)

    def fit(self, image: Photo) -> NDArray[np.uint8]:
        """Return one image in this form, still bytes: (rows, columns, channels)."""
        picture = picture_of(image)
        channels = self.channels or (1 if picture.mode in ("1", "L") else 3)
        return fitted(picture, self.size, self.size, channels, self.interpolation)

    def changes(self, shape: tuple[int, ...]) -> bool:
        """Return whether an image of this shape would become another one."""
        rows, columns, channels = shape
        resized = self.size is not None and (rows, columns) != (self.size, self.size)
        return resized or self.channels not in (None, channels)


def check_interpolation(interpolation: object) -> None:
    """Raise unless Pillow's filter of that name is one of those used here."""
    if interpolation not in INTERPOLATIONS:
        raise ArgumentError(
            "interpolation", f"be one of {', '.join(map(repr, INTERPOLATIONS))}", interpolation
        )


def fitted(
    picture: Picture,
    size: int | None,
    resize: int | None,
    channels: int,
    interpolation: Interpolation,
) -> NDArray[np.uint8]:
    """Return an image resized and cropped, still bytes: (rows, columns, channels).

    Args:
        picture: The image, without transparency.
        size: Rows and columns of the result; None leaves them as they are.
        resize: Length of the shorter side before the centre is cut out, at least ``size``; None
            squeezes the whole image into ``size`` without regard to its proportions.
        channels: 1 or 3.
        interpolation: Pillow's filter.
    """
    from PIL import Image

    picture = picture.convert("RGB" if channels == 3 else "L")
    if size is None:
        return _with_channels(picture)
    kind = Image.Resampling[interpolation.upper()]
    if resize is None:
        return _with_channels(picture.resize((size, size), kind))
    # torchvision cuts the longer side off to a whole number and does not round it.
    shorter = min(picture.size)
    width, height = (side * resize // shorter for side in picture.size)
    picture = picture.resize((width, height), kind)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return _with_channels(picture.crop((left, top, left + size, top + size)))


def picture_of(image: Photo) -> Picture:
    """Return an image as one of Pillow's, if it has bytes and nothing is transparent.

    Raises:
        ArgumentError: It is no image, of other numbers than bytes, or transparent.
    """
    from PIL import Image

    if isinstance(image, Image.Image):
        if image.mode.startswith(("I", "F")):
            raise ArgumentError(
                "images", "be bytes", f"an image of Pillow's mode {image.mode}", BYTES
            )
    else:
        image = Image.fromarray(_bytes(image))
    if image.has_transparency_data:
        raise ArgumentError(
            "images",
            "have no alpha channel",
            f"an image of Pillow's mode {image.mode}",
            "What stands below transparent pixels is for you to say: image[..., :3] of an array, "
            'or image.convert("RGB") of an image of Pillow, takes what is stored there.',
        )
    return image


def _bytes(image: Any) -> NDArray[np.uint8]:
    """Return an array of an image, without an axis for its only channel."""
    try:
        array = np.asarray(image)
    except ValueError:
        raise ArgumentError("images", "be images", "rows of different lengths") from None
    colours = array.shape[-1] if array.ndim == 3 else 1
    # Two and four channels are grey and colour with alpha, of which the caller tells.
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or colours > 4 or 0 in array.shape:
        raise ArgumentError(
            "images",
            "be bytes (uint8) of shape (rows, columns) or (rows, columns, 1 or 3)",
            f"{array.dtype} of shape {array.shape}",
            BYTES,
        )
    return array[..., 0] if array.ndim == 3 and colours == 1 else array


def _with_channels(picture: Picture) -> NDArray[np.uint8]:
    array = np.asarray(picture)
    return array if array.ndim == 3 else array[..., None]
