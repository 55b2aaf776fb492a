"""Images in an ``.npz`` file: as arrays of bytes, or as the bytes of JPEG pictures.

Two layouts are known. Arrays: ``images`` (images, rows, columns[, channels]) and ``labels``, or
``x`` and ``y``. Pictures: ``jpeg``, the files one after the other, ``offsets``, where each begins
and the last one ends, and ``y``. Both may have ``classes``, the names. A file is data and never a
program: arrays of Python objects, which are pickles, are refused.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.data.image_arrays import checked_images, checked_labels, numbered
from workbench.data.image_files import decode
from workbench.data.image_set import ImageSet
from workbench.data.picture import Form
from workbench.errors import ArgumentError, DataFileError

_ARRAYS = (("images", "labels"), ("x", "y"))
_PICTURES = ("jpeg", "offsets", "y")


def load_image_archive(path: Path, form: Form, *, progress: bool = True) -> ImageSet:
    """Return the images of an ``.npz`` file.

    Args:
        path: The file.
        form: What the images are brought to.
        progress: Show a bar when it takes longer than a second.

    Raises:
        DataFileError: The file cannot be read, is no such archive, or does not fit together.
        ArgumentError: Pictures differ in size, and the form has none.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataFileError(f"The file {path} cannot be read ({error.strerror}).") from None
    arrays = arrays_of(path, content)
    pictures = set(_PICTURES) <= arrays.keys()
    try:
        images, labels, classes = _of_pictures(arrays) if pictures else _of_arrays(path, arrays)
    except ArgumentError as error:
        raise DataFileError(f"The file {path} does not fit together: {error}") from None
    if isinstance(images, list):
        named = ((f"picture {row}", each) for row, each in enumerate(images))
        images = decode(named, len(images), form, str(path), progress)
    found = ImageSet(
        name=path.stem,
        images=images,
        labels=labels,
        classes=classes,
        source=f"the file {path}",
        licence="not stated",
        sha256=hashlib.sha256(content).hexdigest(),
        description=f"{len(labels)} images of {len(classes)} classes.",
    )
    # Pictures are in that form by now.
    return found.fitted(form.size, channels=form.channels, interpolation=form.interpolation)


def arrays_of(path: Path, content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of an ``.npz`` file by name, none of them of Python objects."""
    try:
        file = np.load(io.BytesIO(content), allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise ValueError("it is a single array")
        with file:
            return {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataFileError(
            f"The file {path} is no .npz file of plain arrays: {error}. np.savez_compressed(file, "
            "images=..., labels=..., classes=...) makes one."
        ) from None


def _of_arrays(
    path: Path, arrays: dict[str, NDArray[Any]]
) -> tuple[NDArray[np.uint8], NDArray[Any], tuple[str, ...]]:
    for first, second in _ARRAYS:
        if {first, second} <= arrays.keys():
            images = checked_images(arrays[first])
            labels, classes = numbered(arrays[second], _names(arrays))
            return images, checked_labels(labels, len(images), classes), classes
    raise DataFileError(
        f"The file {path} must have the arrays images and labels, x and y, or jpeg, offsets and y. "
        f"It has {', '.join(sorted(arrays)) or 'none'}. np.savez_compressed(file, images=..., "
        "labels=..., classes=...) makes such a file."
    )


def _of_pictures(
    arrays: dict[str, NDArray[Any]],
) -> tuple[list[bytes], NDArray[Any], tuple[str, ...]]:
    jpeg, offsets = arrays["jpeg"], arrays["offsets"]
    whole = offsets.ndim == jpeg.ndim == 1 and offsets.dtype.kind in "iu" and len(offsets) > 1
    if not whole or jpeg.dtype != np.uint8:
        raise ArgumentError(
            "jpeg and offsets", "be bytes and whole numbers, one row each", "others"
        )
    edges = offsets.astype(np.int64)
    if edges[0] != 0 or edges[-1] != len(jpeg) or (np.diff(edges) <= 0).any():
        raise ArgumentError(
            "offsets", f"rise from 0 to the {len(jpeg)} bytes of jpeg", "numbers that do not"
        )
    labels, classes = numbered(arrays["y"], _names(arrays))
    return list(_parts(jpeg, edges)), checked_labels(labels, len(edges) - 1, classes), classes


def _parts(jpeg: NDArray[np.uint8], edges: NDArray[np.int64]) -> Iterator[bytes]:
    for start, stop in pairwise(edges):
        yield jpeg[start:stop].tobytes()


def _names(arrays: dict[str, NDArray[Any]]) -> tuple[str, ...] | None:
    if "classes" not in arrays:
        return None
    if arrays["classes"].ndim != 1:
        raise ArgumentError("classes", "be names in a row", f"shape {arrays['classes'].shape}")
    return tuple(map(str, arrays["classes"].tolist()))
