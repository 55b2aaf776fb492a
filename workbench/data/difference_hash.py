"""Images that look alike, by their difference hash.

The image is shrunk to 8 rows of 9 grey pixels, and each of 64 bits says whether a pixel is brighter
than the one on its left. Brightness, size and compression leave most bits as they were; how many
differ between two images is their distance.

Source: N. Krawetz: Kind of Like That, The Hacker Factor Blog (2013), in the form that the PyPI
package ImageHash gave it (shrunk with Lanczos' filter).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.data.duplicates import (
    Duplicates,
    Images,
    Rows,
    chained,
    images_and_labels,
    members_of,
)
from workbench.errors import ArgumentError

_MOST_PAIRS = 5_000_000  # 120 MB of row numbers and distances
_BLOCK = 512  # rows that are compared with all others at a time


@dataclass(frozen=True, eq=False)
class NearDuplicates(Duplicates):
    """Which images of a set are nearly the same.

    ``groups`` are chains: two images of a group need not be near, if others lie between them.

    Attributes:
        pairs: Row numbers, shape (pairs, 2), the nearest pairs first; equal images are among them.
        distances: How many of 64 bits differ in each pair.
    """

    pairs: Rows
    distances: Rows


def near_duplicates(
    images: Images, distance: int = 2, labels: ArrayLike | None = None
) -> NearDuplicates:
    """Find images that look alike: resized, compressed anew, brightened.

    A report to look at, and no proof: of small images with much empty ground, such as written
    digits, different ones have equal hashes. ``images.split(groups=near.groups)`` keeps what was
    found on one side.

    Args:
        images: A set of images, or bytes of shape (images, rows, columns, channels).
        distance: How many of the 64 bits may differ, 0 to 64.
        labels: Class numbers, to find conflicts; a set brings its own.

    Raises:
        ArgumentError: ``distance`` is out of range, or so large that millions of pairs are near.
    """
    array, known = images_and_labels(images, labels)
    checks.real("distance", distance, 0, 64)
    pairs, distances = _near_pairs(
        difference_hashes(array), checks.integer("distance", distance, 0)
    )
    order = np.argsort(distances, kind="stable")
    groups = chained(len(array), pairs)
    return NearDuplicates(groups, *members_of(groups, known), pairs[order], distances[order])


def difference_hashes(images: ArrayLike) -> NDArray[np.uint64]:
    """Return the difference hash of each image, bytes of shape (images, rows, columns, channels).

    The first bit is that of the upper left corner, and the highest.
    """
    from PIL import Image

    from workbench.data.picture import picture_of

    bits = []
    for image in np.asarray(images):
        small = picture_of(image).convert("L").resize((9, 8), Image.Resampling.LANCZOS)
        pixels = np.asarray(small)
        bits.append((pixels[:, 1:] > pixels[:, :-1]).ravel())
    packed = np.packbits(np.reshape(bits, (-1, 64)), axis=1)
    return packed.view(">u8")[:, 0].astype(np.uint64)


def _near_pairs(hashes: NDArray[np.uint64], distance: int) -> tuple[Rows, Rows]:
    """Return all pairs of rows whose hashes differ in no more bits, and in how many they do."""
    found, bits, count = [np.empty((0, 2), np.intp)], [np.empty(0, np.intp)], 0
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK]
        apart = np.bitwise_count(block[:, None] ^ hashes[start:])
        ours, theirs = np.nonzero(apart <= distance)
        later = theirs > ours  # each pair once, and none with itself
        ours, theirs = ours[later], theirs[later]
        found.append(np.stack([ours, theirs], axis=1) + start)
        bits.append(apart[ours, theirs].astype(np.intp))
        count += len(ours)
        if count > _MOST_PAIRS:
            raise ArgumentError(
                "distance",
                f"be so small that no more than {_MOST_PAIRS:,} pairs are near",
                distance,
                "Most of these images are alike in rough outline; the hash cannot tell them apart.",
            )
    return np.concatenate(found), np.concatenate(bits)
