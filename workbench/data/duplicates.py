"""Images that are there twice, and whether two sets share any.

A test image that was trained on tests nothing, and collections of images are full of repetitions:
B. Barz and J. Denzler (Do we train on test data?, Journal of Imaging 6 (2020) 41) find 3 % and 10 %
of the test images of CIFAR-10 and CIFAR-100 among their training images, most of them not to the
byte. Images that are equal to the byte are found here, by their SHA-256; `difference_hash` has
those that look alike.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import ArgumentError

if TYPE_CHECKING:
    from workbench.data.image_set import ImageSet

Images: TypeAlias = "ImageSet | ArrayLike"
Rows: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Which images of a set are the same.

    Attributes:
        groups: For each image the number of its group, counted from 0 by first images.
        rows: Row numbers of each group of two or more images.
        conflicts: Those of ``rows`` whose images have different labels: one of them is wrong, or
            the image does not tell.
    """

    groups: Rows
    rows: tuple[Rows, ...]
    conflicts: tuple[Rows, ...]

    @property
    def copies(self) -> int:
        """How many images are the same as one before them."""
        return sum(len(rows) - 1 for rows in self.rows)

    def __repr__(self) -> str:
        return (
            f"<Duplicates: {self.copies} of {len(self.groups)} images repeat an earlier one, "
            f"{len(self.conflicts)} group(s) with different labels>"
        )


def identical_images(images: Images, labels: ArrayLike | None = None) -> Duplicates:
    """Find the images that are the same to the last byte.

    Args:
        images: A set of images, or an array (images, rows, columns, channels) of any numbers.
        labels: Class numbers, to find conflicts; a set brings its own.
    """
    array, known = images_and_labels(images, labels)
    first: dict[bytes, int] = {}
    groups = np.array([first.setdefault(d, len(first)) for d in _digests(array)], dtype=np.intp)
    return Duplicates(groups, *members_of(groups, known))


def shared_images(ours: Images, theirs: Images) -> Rows:
    """Return the pairs of equal images of two sets: row numbers, shape (pairs, 2).

    Of images that are several times in ``ours`` the first is named.
    """
    first, second = images_and_labels(ours)[0], images_and_labels(theirs)[0]
    if first.shape[1:] != second.shape[1:] or first.dtype != second.dtype:
        return np.empty((0, 2), dtype=np.intp)
    known: dict[bytes, int] = {}
    for row, digest in enumerate(_digests(first)):
        known.setdefault(digest, row)
    pairs = [(known[d], row) for row, d in enumerate(_digests(second)) if d in known]
    return np.array(pairs, dtype=np.intp).reshape(-1, 2)


def check_leakage(**sets: Images | None) -> None:
    """Raise if an image is in two of the sets.

    Args:
        **sets: Sets of images or arrays, by the names that the error is to call them; None is
            passed over.

    Raises:
        ArgumentError: Two sets share images; how many, and the first.

    Example:
        >>> ramp = np.arange(12, dtype=np.uint8).reshape(3, 2, 2, 1)
        >>> check_leakage(train=ramp[:2], test=ramp[2:])
    """
    named = [(name, images) for name, images in sets.items() if images is not None]
    for place, (theirs, others) in enumerate(named):
        for ours, images in named[:place]:
            pairs = shared_images(images, others)
            if len(pairs):
                mine, other = pairs[0]
                raise ArgumentError(
                    theirs,
                    f"have no image in common with {ours}",
                    f"{len(pairs)} image(s) of {theirs} are in {ours} too, the first in row "
                    f"{other} ({ours}'s row {mine})",
                    "ImageSet.split keeps equal images on one side; or drop the rows that "
                    f"workbench.data.shared_images({ours}, {theirs})[:, 1] names.",
                )


def images_and_labels(images: Any, labels: ArrayLike | None = None) -> tuple[NDArray[Any], Any]:
    """Return the images as an array, and their labels if there are any."""
    if hasattr(images, "images"):
        images, labels = images.images, images.labels if labels is None else labels
    array = np.asarray(images)
    if array.ndim < 3 or array.dtype.hasobject:
        raise ArgumentError(
            "images",
            "be a set of images, or an array of shape (images, rows, columns, channels)",
            f"{array.dtype} of shape {array.shape}",
        )
    if labels is None:
        return array, None
    known = np.asarray(labels)
    if len(known) != len(array):
        raise ArgumentError(
            "labels", f"be {len(array)}, one for each image", f"{len(known)} of them"
        )
    return array, known


def _digests(array: NDArray[Any]) -> list[bytes]:
    return [hashlib.sha256(image.tobytes()).digest() for image in array]


def members_of(
    groups: Rows, labels: NDArray[Any] | None
) -> tuple[tuple[Rows, ...], tuple[Rows, ...]]:
    """Return the rows of each group of several, and those with several labels."""
    order = np.argsort(groups, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    several = tuple(rows for rows in parts if len(rows) > 1)
    if labels is None:
        return several, ()
    return several, tuple(rows for rows in several if len(np.unique(labels[rows])) > 1)


def joined_groups(first: Rows, second: ArrayLike) -> Rows:
    """Return groups in which rows are together that are so in either way, or by way of others.

    Raises:
        ArgumentError: ``second`` has not one entry a row.
    """
    names = np.asarray(second)
    if names.shape != first.shape:
        raise ArgumentError(
            "groups", f"have one entry for each of the {len(first)} images", f"shape {names.shape}"
        )
    # Groups of both ways are nodes, those of the second behind those of the first.
    other = np.unique(names, return_inverse=True)[1] + first.max() + 1
    links = np.stack([first, other], axis=1)
    return chained(int(other.max()) + 1, links)[first]


def chained(count: int, pairs: Rows) -> Rows:
    """Return the number of each row's group, rows of a pair being in one group."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (count, count))
    return connected_components(edges, directed=False)[1].astype(np.intp)
