"""What a set of labelled images is, and its parts for training, validation and test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.checks import Seed
from workbench.data.checksum import sha256_of_images
from workbench.data.duplicates import Duplicates, identical_images, joined_groups
from workbench.data.image_arrays import (
    checked_classes,
    checked_images,
    checked_labels,
    numbered,
)
from workbench.data.picture import Form, Interpolation
from workbench.data.splitting import NAMES, Split
from workbench.data.stratified import stratified_split
from workbench.data.streaming_statistics import ChannelStatistics, channel_statistics
from workbench.errors import ArgumentError
from workbench.registry import Registry

if TYPE_CHECKING:
    import pandas as pd

_BATCH = 1 << 22  # bytes of images whose statistics are taken at a time


@dataclass(frozen=True, eq=False, repr=False)
class ImageSet:
    """Labelled images of one size, with their provenance.

    Attributes:
        name: Name it is registered under, or that of its file or folder.
        images: Bytes, shape (images, rows, columns, channels), read-only; one channel or three.
        labels: Class number of each image, int64, read-only: indices into ``classes``.
        classes: Names of the classes.
        source: Where the images come from.
        licence: What may be done with them.
        sha256: Checksum, in hexadecimal digits: of the file that the images were read from; of a
            folder, of arrays, and of whatever is made of a set, of the values (see
            `workbench.data.checksum.sha256_of_images`).
        description: What the images show.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    source: str
    licence: str
    sha256: str
    description: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", _read_only(checked_images(self.images)))
        object.__setattr__(self, "classes", checked_classes(self.classes))
        labels = checked_labels(self.labels, len(self.images), self.classes)
        object.__setattr__(self, "labels", _read_only(labels.astype(np.int64)))

    @classmethod
    def from_arrays(
        cls,
        images: ArrayLike,
        labels: ArrayLike,
        classes: Sequence[str] | None = None,
        *,
        name: str = "arrays",
        source: str = "",
        licence: str = "",
        description: str = "",
    ) -> ImageSet:
        """Return a set of the caller's own images.

        Args:
            images: Bytes from 0 to 255, shape (images, rows, columns, channels), or (images,
                rows, columns) for grey ones.
            labels: For each image its class: a number from 0, or a name.
            classes: Names of the classes in the order of their numbers. By default the numbers
                from 0 to the largest that occurs, or of names those that occur, in alphabetical
                order.
            name: What the set is to be called.
            source: Where the images come from.
            licence: What may be done with them.
            description: What the images show.

        Raises:
            ArgumentError: The images are no bytes or of another shape; there are as many labels
                as images; a label is no class, or a class without a name has no image.
        """
        array = checked_images(images)
        numbers, names = numbered(labels, classes)
        checked_labels(numbers, len(array), names)
        if not len(array):
            raise ArgumentError("images", "be at least one image", "none")
        checksum = sha256_of_images(array, numbers)
        return cls(name, array, numbers, names, source, licence, checksum, description)

    @cached_property
    def statistics(self) -> ChannelStatistics:
        """Mean and standard deviation of each channel of these images, in units from 0 to 1.

        Take those of the training part for all three: ``split.train.statistics``.
        """
        step = max(1, _BATCH // max(1, self.images[:1].size))
        starts = range(0, len(self), step)
        return channel_statistics(self.images[start : start + step] for start in starts)

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of each channel, in units from 0 to 1."""
        return self.statistics.mean

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation of each channel, in units from 0 to 1."""
        return self.statistics.std

    @property
    def counts(self) -> NDArray[np.intp]:
        """How many images each class has."""
        return np.bincount(self.labels, minlength=len(self.classes))

    @cached_property
    def duplicates(self) -> Duplicates:
        """Which images are the same to the last byte."""
        return identical_images(self.images, self.labels)

    def subset(self, rows: ArrayLike) -> ImageSet:
        """Return the set of some of the images: by row numbers, or by a mask.

        Raises:
            ArgumentError: A row number is out of range, or the mask of another length.
        """
        chosen = np.asarray(rows)
        if not chosen.size and chosen.dtype != bool:
            chosen = chosen.astype(np.intp)
        if chosen.dtype == bool and chosen.shape == (len(self),):
            chosen = np.flatnonzero(chosen)
        received = f"{chosen.dtype} of shape {chosen.shape}"
        numbers = chosen.ndim == 1 and chosen.dtype.kind in "iu"
        if numbers:
            outside = chosen[(chosen < 0) | (chosen >= len(self))]
            received = f"{outside.size} other(s), the first {outside[0]}" if outside.size else ""
        if received:
            raise ArgumentError(
                "rows",
                f"be row numbers from 0 to {len(self) - 1}, or a mask of {len(self)} truth values",
                received,
            )
        return self._with(self.images[chosen], self.labels[chosen])

    def fitted(
        self,
        size: int | None = None,
        *,
        channels: int | None = None,
        interpolation: Interpolation = "bilinear",
    ) -> ImageSet:
        """Return the same images of another size, or in grey or colour.

        Args:
            size: Rows and columns: the shorter side is resized, the centre cut out.
            channels: 1 for grey, 3 for colour.
            interpolation: ``"bilinear"`` or ``"bicubic"``, both antialiased.
        """
        form = Form(size, channels, interpolation)
        if not len(self) or not form.changes(self.images.shape[1:]):
            return self
        return self._with(np.stack([form.fit(image) for image in self.images]), self.labels)

    def split(
        self,
        *,
        train: float = 0.7,
        validation: float = 0.15,
        test: float = 0.15,
        groups: ArrayLike | None = None,
        seed: Seed = None,
    ) -> ImageSplit:
        """Divide the images into training, validation and test images.

        Each class has its share in each set, to within one image. Equal images go to the same
        set, so that none is tested on that was trained on; only where so many images of a class
        are equal that no set has room for them are shares missed by more.

        Args:
            train: Fraction of the images, or number of images; the three are fractions that sum
                to 1, or numbers that sum to the number of images.
            validation: Likewise; 0 for an empty set.
            test: Likewise.
            groups: Group number of each image, for images that belong together for another
                reason: of one object, one patient, or nearly equal (`near_duplicates`).
            seed: Seed or generator; None draws from entropy.

        Raises:
            ArgumentError: The shares do not sum up; a class has too few different images for
                each set with a share to get one.
        """
        together = self.duplicates.groups
        if groups is not None:
            together = joined_groups(together, groups)
        rows = stratified_split(
            self.labels,
            train=train,
            validation=validation,
            test=test,
            groups=together,
            classes=self.classes,
            seed=seed,
        )
        parts = map(self.subset, rows)
        return ImageSplit(next(parts), next(parts), next(parts), rows, self.duplicates)

    def _with(self, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> ImageSet:
        images.flags.writeable = False
        checksum = sha256_of_images(images, labels)
        return replace(self, images=images, labels=labels, sha256=checksum)

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        count, rows, columns, channels = self.images.shape
        colour = "grey" if channels == 1 else "colour"
        return (
            f"<ImageSet {self.name!r}: {count} images, {rows} x {columns} pixels, {colour}, "
            f"{len(self.classes)} classes>"
        )


@dataclass(frozen=True, eq=False, repr=False)
class ImageSplit:
    """The three parts of a set of images; it unpacks as ``train, validation, test = split``.

    Attributes:
        train: Images to fit on, mean and standard deviation included.
        validation: Images that decide when training stops; may be none.
        test: Images that nothing is decided by; may be none.
        rows: The row numbers that they have in the set.
        duplicates: Which images of the set are equal; none is in two parts.
    """

    train: ImageSet
    validation: ImageSet
    test: ImageSet
    rows: Split
    duplicates: Duplicates

    def __iter__(self) -> Iterator[ImageSet]:
        return iter((self.train, self.validation, self.test))

    @property
    def frame(self) -> pd.DataFrame:
        """How many images of each class, one row a class, each part has."""
        import pandas as pd

        counts = [part.counts for part in self]
        classes = pd.Index(self.train.classes, name="class")
        return pd.DataFrame(dict(zip(NAMES, counts, strict=True)), index=classes)

    def __repr__(self) -> str:
        sizes = "{} training, {} validation and {} test images".format(*map(len, self))
        return (
            f"<ImageSplit of {self.train.name!r}: {sizes}; {self.duplicates.copies} "
            "copies beside their originals>"
        )


IMAGE_SETS: Registry[Callable[[], ImageSet]] = Registry("set of images")


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array itself if nobody can write to it, otherwise a copy."""
    if array.flags.writeable or array.base is not None:
        array = array.copy()
        array.flags.writeable = False
    return array
