"""What arrays must be to make a set of images, and what to do about those that are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.data.picture import BYTES
from workbench.errors import ArgumentError


def checked_images(images: ArrayLike) -> NDArray[np.uint8]:
    """Return bytes of shape (images, rows, columns, channels), with one channel or three.

    Raises:
        ArgumentError: They are anything else; grey images may come without an axis for channels.
    """
    try:
        array = np.asarray(images)
    except ValueError:
        remedy = "workbench.load_images(folder, size=64) brings images to one size."
        raise ArgumentError("images", "have one size", "images of several", remedy) from None
    came = f"{array.dtype} of shape {array.shape}"
    if array.dtype != np.uint8:
        unit = array.dtype.kind == "f" and array.size and 0 <= array.min() <= array.max() <= 1
        remedy = BYTES if unit else "Bring values to 0 ... 255, round them, .astype('uint8')."
        raise ArgumentError("images", "be bytes (uint8) from 0 to 255", came, remedy)
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or 0 in array.shape[1:] or array.shape[3] not in (1, 3):
        raise ArgumentError(
            "images",
            "have shape (images, rows, columns, channels), with one channel (grey) or three",
            came,
            "Channels first become last with np.moveaxis(images, 1, -1); images[..., :3] leaves "
            "an alpha channel out.",
        )
    return array


def checked_classes(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the names of classes as a tuple, if they are different."""
    names = tuple(map(str, classes))
    if isinstance(classes, str) or not names or len(set(names)) < len(names):
        raise ArgumentError("classes", "be different names, one for each class", classes)
    return names


def checked_labels(labels: ArrayLike, count: int, classes: tuple[str, ...]) -> NDArray[Any]:
    """Return one class number for each image, if they are.

    Raises:
        ArgumentError: There are more or fewer, they are no whole numbers, or no classes.
    """
    array = np.asarray(labels)
    if array.shape != (count,) or (count and array.dtype.kind not in "iu"):
        raise ArgumentError(
            "labels",
            f"be {count} class numbers, one for each image",
            f"{array.dtype} of shape {array.shape}",
            "labels.ravel() makes a row of a column, labels.argmax(axis=1) numbers of one-hot "
            "rows, and labels.astype(int) whole numbers of floats and truth values.",
        )
    outside = array[(array < 0) | (array >= len(classes))]
    if outside.size:
        raise ArgumentError(
            "labels",
            f"be class numbers from 0 to {len(classes) - 1}",
            f"{outside.size} other(s), the first {outside[0]}",
            "Classes are counted from 0, in the order of their names.",
        )
    return array


def numbered(
    labels: ArrayLike, classes: Sequence[str] | None
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return labels, numbers or names, as class numbers, and the names of the classes.

    Raises:
        ArgumentError: A name is none of the classes; of numbers without names one has no image.
    """
    array = np.asarray(labels)
    if array.size and all(isinstance(label, str) for label in array.ravel().tolist()):
        return _numbers_of_names(array, classes)
    if classes is not None:
        return array, checked_classes(classes)
    if array.dtype.kind not in "iu" or not array.size or array.min() < 0:
        return array, ("0",)  # what is wrong with them is told by `checked_labels`
    absent = np.setdiff1d(np.arange(array.max() + 1), array)
    if absent.size:
        raise ArgumentError(
            "labels",
            "be class numbers from 0, each with at least one image",
            f"numbers up to {array.max()}, and no {absent[0]}",
            "Name the classes with classes=..., or pass names as labels: labels.astype(str).",
        )
    return array, tuple(map(str, range(int(array.max()) + 1)))


def _numbers_of_names(
    labels: NDArray[Any], classes: Sequence[str] | None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    occurring = sorted(set(labels.ravel().tolist()))
    names = tuple(occurring) if classes is None else checked_classes(classes)
    number_of = {name: number for number, name in enumerate(names)}
    unknown = [label for label in occurring if label not in number_of]
    if unknown:
        known = ", ".join(map(repr, names))
        raise ArgumentError("labels", f"be names of classes ({known})", f"a label {unknown[0]!r}")
    numbers = [number_of[label] for label in labels.ravel().tolist()]
    return np.array(numbers, dtype=np.int64).reshape(labels.shape), names
