"""Pictures in files, decoded and brought to one form; what cannot be read is named.

Only formats of pixels are opened. Pillow would open PostScript as well, which is a program.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench import progress as progress_bar
from workbench.data.picture import Form, picture_of
from workbench.errors import ArgumentError, DataFileError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
_SHOWN = 5  # files that an error names
# What Pillow's decoders raise on damaged files.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)


def decode(
    files: Iterable[tuple[str, Path | bytes]], count: int, form: Form, where: str, progress: bool
) -> NDArray[np.uint8]:
    """Return the images of many files in one form: (images, rows, columns, channels).

    Args:
        files: Of each file what to call it, and its path or its content.
        count: How many there are.
        form: What they are brought to. Grey images get three channels if any image has colours.
        where: Where they are from, for errors.
        progress: Show a bar when it takes longer than a second.

    Raises:
        DataFileError: Files are damaged, no images, or transparent; the first of them are named.
        ArgumentError: The images differ in size and the form has none.
    """
    images: NDArray[np.uint8] | None = None
    refused, first = [], ""
    with progress_bar.bar(count, "read images", "image", enabled=progress) as bar:
        for row, (name, content) in enumerate(files):
            bar.update()
            try:
                picture = opened(content)
            except ArgumentError as error:
                refused.append(f"{name} (must {error.requirement}, is {error.received})")
                continue
            except DataFileError as error:
                refused.append(f"{name} ({error})")
                continue
            image = form.fit(picture)
            if images is None:
                images, first = np.zeros((count, *image.shape), np.uint8), name
            if image.shape[:2] != images.shape[1:3]:
                raise _of_several_sizes(first, images.shape[1:3], name, image.shape[:2])
            if image.shape[2] > images.shape[3]:
                images = np.repeat(images, 3, axis=3)
            images[row] = image  # grey is repeated for three channels
    if refused or images is None:
        raise _unusable(refused, count, where)
    return images


def opened(content: Path | bytes) -> Picture:
    """Return the picture of a file as it is to be looked at, turned as its EXIF entry says.

    Of a file with several pictures the first is taken.

    Raises:
        ArgumentError: It is transparent, or of other numbers than bytes.
        DataFileError: It is no picture, or a damaged one.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    file = io.BytesIO(content) if isinstance(content, bytes) else content
    try:
        with Image.open(file, formats=FORMATS) as picture:
            picture_of(picture)  # before its pixels are read
            return ImageOps.exif_transpose(picture)
    except ArgumentError:
        raise
    except UnidentifiedImageError:
        raise DataFileError("no picture of a known format") from None
    except (*_BROKEN, Image.DecompressionBombError) as error:
        raise DataFileError(str(error) or type(error).__name__) from error


def _of_several_sizes(
    first: str, its: tuple[int, ...], other: str, others: tuple[int, ...]
) -> ArgumentError:
    return ArgumentError(
        "size",
        "be given for images that differ in size",
        f"size=None for {first} of {its[0]} x {its[1]} pixels (rows x columns) and {other} of "
        f"{others[0]} x {others[1]}",
        "With size=64, for example, shorter sides are resized to 64 pixels and centres cut out.",
    )


def _unusable(refused: list[str], count: int, where: str) -> DataFileError:
    named = "; ".join(refused[:_SHOWN])
    more = f"; and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
    return DataFileError(
        f"{len(refused)} of {count} images of {where} cannot be used: {named}{more}. Restore them, "
        "save them anew without transparency, or take them out."
    )
