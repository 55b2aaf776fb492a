"""Means and standard deviations of channels, a batch at a time, are those of NumPy over all."""

from collections.abc import Iterator

import numpy as np
import pytest

from workbench.data import ImageSet, channel_statistics
from workbench.errors import ArgumentError


def images(count: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 5, 7, channels), dtype=np.uint8)


@pytest.mark.parametrize("sizes", [[20], [1] * 20, [3, 9, 1, 7], [19, 1]])
@pytest.mark.parametrize("channels", [1, 3])
def test_batches_of_any_size_give_numpys_figures_of_the_whole(
    sizes: list[int], channels: int
) -> None:
    whole = images(20, channels)
    batches = np.split(whole, np.cumsum(sizes)[:-1])
    found = channel_statistics(batches)
    scaled = whole.astype(np.float64) / 255
    np.testing.assert_allclose(found.mean, scaled.mean(axis=(0, 1, 2)), rtol=1e-14)
    np.testing.assert_allclose(found.std, scaled.std(axis=(0, 1, 2)), rtol=1e-13)
    assert found.pixels == 20 * 5 * 7
    assert {type(number) for number in found.mean + found.std} == {float}


def test_the_stream_is_gone_through_once() -> None:
    asked = []

    def stream() -> Iterator[np.ndarray]:
        for number in range(4):
            asked.append(number)
            yield images(2, seed=number)

    found = channel_statistics(stream())
    assert asked == [0, 1, 2, 3]
    whole = np.concatenate([images(2, seed=number) for number in range(4)]) / 255
    np.testing.assert_allclose(found.mean, whole.mean(axis=(0, 1, 2)), rtol=1e-14)


def test_small_spreads_far_from_zero_are_not_cancelled() -> None:
    """The difference of sums of squares gives 0 or worse here: 1e8 squared has 17 digits."""
    values = 1e8 + np.random.default_rng(3).random((40, 2, 2, 1))
    found = channel_statistics(np.split(values, 8))
    np.testing.assert_allclose(found.std, np.std(values - 1e8), rtol=1e-6)
    naive = (values**2).mean() - values.mean() ** 2
    assert abs(naive - np.var(values - 1e8)) > 0.05


def test_floats_are_taken_as_they_are_and_bytes_divided() -> None:
    whole = images(6)
    np.testing.assert_allclose(
        channel_statistics([whole]).mean, channel_statistics([whole / 255]).mean, rtol=1e-14
    )


def test_of_pairs_of_images_and_labels_the_images_count() -> None:
    pairs = [(images(3, seed=number), np.arange(3)) for number in range(2)]
    assert channel_statistics(pairs) == channel_statistics([pair[0] for pair in pairs])


def test_a_channel_of_one_value_has_no_spread() -> None:
    whole = images(4)
    whole[..., 1] = 51
    found = channel_statistics(np.split(whole, 2))
    assert found.mean[1] == 0.2
    assert found.std[1] == 0
    assert found.std[0] > 0


def test_a_set_has_the_statistics_of_its_own_images_only() -> None:
    rng = np.random.default_rng(0)
    dark = rng.integers(0, 50, (30, 6, 6, 1), dtype=np.uint8)
    bright = rng.integers(200, 256, (10, 6, 6, 1), dtype=np.uint8)
    whole = ImageSet.from_arrays(np.concatenate([dark, bright]), [0] * 30 + [1] * 10)
    for part in whole.split(train=0.5, validation=0.25, test=0.25, seed=2):
        scaled = part.images / 255
        np.testing.assert_allclose(part.mean, [scaled.mean()], rtol=1e-13)
        np.testing.assert_allclose(part.std, [scaled.std()], rtol=1e-13)
    assert whole.subset(np.arange(30)).mean[0] < 0.2 < whole.mean[0]


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([], "batches must have at least one image"),
        ([np.zeros((0, 2, 2, 1), np.uint8)], "batches must have at least one image"),
        ([np.zeros((3, 2, 2), np.uint8)], r"batches\[0\] must be bytes or floats of shape"),
        ([np.zeros((3, 2, 2, 1), int)], r"batches\[0\] must be bytes or floats.*int64"),
        ([images(1), images(1, 1)], r"batches\[1\] must have the channels"),
        ([images(1), images(1) / 255], r"batches\[1\] must have .* type of numbers"),
        ([np.full((1, 2, 2, 1), np.nan)], r"batches\[0\] must be finite"),
    ],
)
def test_what_are_no_batches_of_images_is_refused(batches: list[np.ndarray], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        channel_statistics(batches)
