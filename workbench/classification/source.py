"""Where the images of a training come from: arrays on the device, or a stream of batches.

A stream (``tf.data.Dataset`` of pairs of images and class numbers, in batches) is gone through
once beforehand: for the number of its batches, the class numbers, and the mean and standard
deviation of its images. Its order is its own affair; it is the same after a training was resumed
if its ``shuffle`` has a seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.classification import native
from workbench.classification.arguments import Outputs, checked_images
from workbench.classification.learner import Images
from workbench.data.streaming_statistics import ChannelStatistics, channel_statistics
from workbench.errors import ArgumentError

CHUNK = 512  # images whose statistics are taken at a time


@dataclass(frozen=True, eq=False)
class Source:
    """Images to train on, or to validate on.

    Attributes:
        labels: Class numbers of all, int32.
        shape: Of an image.
        bytes: Whether they are bytes and no numbers.
        range: Smallest and largest value that an image may have.
        images: All of them; None for a stream.
        stream: The stream; None for arrays.
        steps: Batches of a stream; 0 for arrays.
        seen: Mean and standard deviation of a stream's images; None for arrays.
    """

    labels: NDArray[np.int32]
    shape: tuple[int, ...]
    bytes: bool
    range: tuple[float, float]
    images: Images | None = None
    stream: Any = None
    steps: int = 0
    seen: ChannelStatistics | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, wanted: int) -> int:
        """Return the number of images in a step; a stream has made its batches already."""
        return min(wanted, len(self)) if self.stream is None else -(-len(self) // self.steps)

    def steps_an_epoch(self, batch: int) -> int:
        """Return the number of steps; rows that fill no batch wait for another epoch."""
        return len(self) // batch if self.stream is None else self.steps

    def training(self, batch: int, first: int, last: int, seed: int) -> Any:
        """Return the batches of the epochs from ``first`` to before ``last``."""
        if self.stream is None:
            return native.shuffled_rows(len(self), batch, first, last, seed)
        return self.stream.repeat().skip(first * self.steps)

    def validating(self, batch: int) -> Any:
        """Return all batches once, in order."""
        return native.rows_in_order(len(self), batch) if self.stream is None else self.stream

    def rows(self, rows: NDArray[np.intp]) -> Source:
        """Return the source of some of the images."""
        assert self.images is not None
        return _of_arrays(Images(self.images.images[rows], self.labels[rows]))

    def statistics(self) -> ChannelStatistics:
        """Return mean and standard deviation of each channel, of bytes in units from 0 to 1."""
        if self.seen is not None:
            return self.seen
        assert self.images is not None
        images = self.images.images
        return channel_statistics(images[i : i + CHUNK] for i in range(0, len(images), CHUNK))


def source_of(
    model: keras.Model, outputs: Outputs, X: Any, y: ArrayLike | None, name: str
) -> Source:
    """Return the source of arrays, an image set, or a stream, checked.

    Args:
        model: That is to take them.
        outputs: What it gives.
        X: Images, see `checked_images`; or a stream, y being None.
        y: Class numbers.
        name: Of X in messages.

    Raises:
        ArgumentError: They do not fit the model.
    """
    if not native.is_stream(X):
        return _of_arrays(checked_images(model, outputs, X, y, name))
    if y is not None:
        raise ArgumentError("y", "be None beside a stream, which has the class numbers", "some")
    labels: list[NDArray[np.int32]] = []
    ends = [np.inf, -np.inf]
    kinds: set[bool] = set()
    shape: tuple[int, ...] = ()

    def noting() -> Iterator[NDArray[Any]]:
        nonlocal shape
        for images, numbers in native.batches(X):
            batch = checked_images(model, outputs, images, numbers, name)
            labels.append(batch.labels)
            shape = batch.images.shape[1:]
            kinds.add(batch.images.dtype == np.uint8)
            ends[:] = min(ends[0], batch.images.min()), max(ends[1], batch.images.max())
            yield batch.images

    try:
        seen = channel_statistics(noting())
    except ArgumentError:
        if labels:
            raise
        raise ArgumentError(name, "have at least one batch", "an empty stream") from None
    numbers = np.concatenate(labels)
    are_bytes = kinds == {True}
    span = _span(ends[0], ends[1], are_bytes)
    return Source(numbers, shape, are_bytes, span, stream=X, steps=len(labels), seen=seen)


def _of_arrays(data: Images) -> Source:
    are_bytes = data.images.dtype == np.uint8
    span = _span(data.images.min(), data.images.max(), are_bytes)
    return Source(data.labels, data.images.shape[1:], are_bytes, span, images=data)


def _span(low: float, high: float, are_bytes: bool) -> tuple[float, float]:
    """Return the range that augmentations of colour may fill."""
    if are_bytes:
        return 0.0, 255.0
    # Numbers from 0 to 1 are the usual case, and a set without black is no other range.
    return (0.0, 1.0) if low >= 0 and high <= 1 else (float(low), float(high))
