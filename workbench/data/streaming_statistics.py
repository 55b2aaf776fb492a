"""Mean and standard deviation of each channel, in one pass over batches that come and go.

Of each batch there are a count, a mean and a sum of squared deviations; those of two parts give
those of the whole. The textbook's difference of sums of squares was rejected: on values far from
zero it cancels.

Source: T. F. Chan, G. H. Golub, R. J. LeVeque: Updating formulae and a pairwise algorithm for
computing sample variances, COMPSTAT 1982, equation (2.1); for a single value at a time it is
B. P. Welford, Technometrics 4 (1962) 419-420.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ArgumentError


class ChannelStatistics(NamedTuple):
    """What the values of images are like, channel by channel, in units from 0 to 1.

    `Preprocessing` takes ``mean`` and ``std`` as they are.

    Attributes:
        mean: One number a channel.
        std: Likewise, the standard deviation of all pixels (divided by their number, not by one
            less); 0 where a channel has the same value everywhere.
        pixels: Number of pixels that were seen.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    pixels: int


def channel_statistics(batches: Iterable[Any]) -> ChannelStatistics:
    """Return mean and standard deviation of each channel over a stream of batches.

    The stream is gone through once, and one batch at a time is in memory. Let it be the training
    images and no others: a mean that has seen test images has seen the test.

    Args:
        batches: Anything to iterate over, a `tf.data.Dataset` and a generator too. A batch is
            images of shape (images, rows, columns, channels): bytes, which are divided by 255, or
            floats, which are taken as they are. Batches may differ in size. Of a tuple (images,
            labels) the first is taken.

    Raises:
        ArgumentError: No batch comes; one is not of that shape, not finite, or has another number
            of channels than those before.

    Example:
        >>> black, white = np.zeros((1, 2, 2, 1), np.uint8), np.full((1, 2, 2, 1), 255, np.uint8)
        >>> channel_statistics([black, white])
        ChannelStatistics(mean=(0.5,), std=(0.5,), pixels=8)
    """
    whole: _Moments | None = None
    kind, unit = None, 1
    for number, batch in enumerate(batches):
        images = _images(number, batch)
        if not images.size:
            continue
        here = (images.dtype == np.uint8, images.shape[-1])
        if kind not in (None, here):
            raise ArgumentError(
                f"batches[{number}]",
                "have the channels and the type of numbers of those before",
                f"{images.dtype} of shape {images.shape}",
            )
        kind, unit = here, 255 if here[0] else 1
        moments = _moments(images)
        whole = moments if whole is None else _of_both(whole, moments)
    if whole is None:
        raise ArgumentError("batches", "have at least one image", "none")
    # Divided at the end: whole numbers are added up without rounding.
    mean, std = whole.mean / unit, np.sqrt(whole.squares / whole.pixels) / unit
    return ChannelStatistics(tuple(mean.tolist()), tuple(std.tolist()), whole.pixels)


class _Moments(NamedTuple):
    """Number of pixels, mean, and sum of squared deviations from it, of each channel."""

    pixels: int
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]


def _moments(images: NDArray[Any]) -> _Moments:
    values = images.reshape(-1, images.shape[-1]).astype(np.float64)
    mean = values.mean(axis=0)
    return _Moments(len(values), mean, np.square(values - mean).sum(axis=0))


def _of_both(first: _Moments, second: _Moments) -> _Moments:
    """Return the moments of two parts together, equation (2.1)."""
    pixels, apart = first.pixels + second.pixels, second.mean - first.mean
    mean = first.mean + apart * (second.pixels / pixels)
    between = apart**2 * (first.pixels * second.pixels / pixels)
    return _Moments(pixels, mean, first.squares + second.squares + between)


def _images(number: int, batch: Any) -> NDArray[Any]:
    """Return the images of a batch, if they are."""
    images = np.asarray(batch[0] if isinstance(batch, tuple) else batch)
    if images.ndim != 4 or (images.dtype != np.uint8 and images.dtype.kind != "f"):
        raise ArgumentError(
            f"batches[{number}]",
            "be bytes or floats of shape (images, rows, columns, channels)",
            f"{images.dtype} of shape {images.shape}",
            "Grey images have one channel: images[..., None].",
        )
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise ArgumentError(f"batches[{number}]", "be finite", "NaN or infinite values")
    return images
