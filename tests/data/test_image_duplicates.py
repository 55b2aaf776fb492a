"""Equal images are found and kept on one side; those that look alike are reported."""

import numpy as np
import pytest
from PIL import Image

from workbench.data import (
    ImageSet,
    check_leakage,
    identical_images,
    load_images,
    near_duplicates,
    shared_images,
)
from workbench.data.difference_hash import difference_hashes
from workbench.errors import ArgumentError


def noise(count: int, size: int = 12, channels: int = 1, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, size, size, channels), dtype=np.uint8)


@pytest.fixture
def repeated() -> ImageSet:
    """60 different images, of which 0 to 4 come again, and 0 a third time, twice mislabelled."""
    images = np.concatenate([noise(60), noise(60)[:5], noise(60)[:1]])
    labels = np.r_[np.arange(60) % 2, np.arange(5) % 2, 0]
    labels[62] = 1  # that of 2
    return ImageSet.from_arrays(images, labels)


def test_groups_are_those_that_were_made(repeated: ImageSet) -> None:
    found = repeated.duplicates
    assert [rows.tolist() for rows in found.rows] == [
        [0, 60, 65],
        [1, 61],
        [2, 62],
        [3, 63],
        [4, 64],
    ]
    assert found.groups.tolist() == [*range(60), 0, 1, 2, 3, 4, 0]
    assert found.copies == 6
    assert [rows.tolist() for rows in found.conflicts] == [[2, 62]]
    assert repr(found) == (
        "<Duplicates: 6 of 66 images repeat an earlier one, 1 group(s) with different labels>"
    )


def test_one_changed_bit_makes_another_image() -> None:
    images = np.repeat(noise(1), 3, axis=0)
    images[1, -1, -1, -1] ^= 1
    assert identical_images(images).groups.tolist() == [0, 1, 0]
    assert identical_images(images).conflicts == ()


def test_counts_agree_with_numpys_unique(repeated: ImageSet) -> None:
    flat = repeated.images.reshape(len(repeated), -1)
    assert repeated.duplicates.copies == len(flat) - len(np.unique(flat, axis=0))


def test_no_split_has_an_image_on_two_sides(repeated: ImageSet) -> None:
    for seed in range(10):
        parts = repeated.split(train=0.5, validation=0.25, test=0.25, seed=seed)
        check_leakage(train=parts.train, validation=parts.validation, test=parts.test)
        assert parts.duplicates.copies == 6
        assert "6 copies beside their originals" in repr(parts)


def test_a_split_by_chance_leaks_and_is_told(repeated: ImageSet) -> None:
    train, test = repeated.subset(np.arange(60)), repeated.subset(np.arange(58, 66))
    with pytest.raises(ArgumentError) as caught:
        check_leakage(train=train, validation=None, test=test)
    message = str(caught.value)
    assert "test must have no image in common with train" in message
    assert "8 image(s) of test are in train too, the first in row 0 (train's row 58)" in message
    assert "ImageSet.split keeps equal images on one side" in message
    assert shared_images(train, test)[:4].tolist() == [[58, 0], [59, 1], [0, 2], [1, 3]]


def test_every_pair_of_sets_is_checked() -> None:
    a, b = noise(4), noise(4, seed=1)
    with pytest.raises(ArgumentError, match="test must have no image in common with validation"):
        check_leakage(train=a, validation=b[:2], test=b[1:])
    check_leakage(train=a, validation=b)


def test_floats_are_compared_and_other_shapes_have_nothing_in_common() -> None:
    images = noise(3) / 255
    assert shared_images(images, images[1:]).tolist() == [[1, 0], [2, 1]]
    assert shared_images(images, noise(3, size=5)).shape == (0, 2)
    assert shared_images(noise(3), images).shape == (0, 2)


def test_images_of_the_callers_groups_stay_together_with_their_copies() -> None:
    images = np.concatenate([noise(40), noise(40)[:1]])
    whole = ImageSet.from_arrays(images, np.zeros(41, int))
    groups = np.arange(41)
    groups[[1, 2, 40]] = 100  # 40 is the copy of 0: so 0, 1, 2 and 40 belong together
    for seed in range(8):
        rows = whole.split(train=0.5, validation=0.25, test=0.25, groups=groups, seed=seed).rows
        assert sum(bool({0, 1, 2, 40} & set(part.tolist())) for part in rows) == 1
    with pytest.raises(ArgumentError, match="groups must have one entry for each of the 41"):
        whole.split(groups=[1, 2])


def test_the_hash_is_a_bit_for_each_rise_to_the_right() -> None:
    """8 rows of 9 pixels need no shrinking: the bits can be written down."""
    image = np.zeros((8, 9), np.uint8)
    image[0] = [0, 10, 5, 5, 6, 0, 0, 0, 255]
    image[7] = np.arange(9)
    expected = int("10010001", 2) << 56 | int("11111111", 2)
    assert difference_hashes(image[None, ..., None]).tolist() == [expected]


def test_the_hash_of_colours_is_that_of_their_luminance() -> None:
    colours = noise(3, size=20, channels=3)
    grey = [np.asarray(Image.fromarray(image).convert("L"))[..., None] for image in colours]
    np.testing.assert_array_equal(difference_hashes(colours), difference_hashes(np.stack(grey)))


def smooth(count: int) -> np.ndarray:
    rng = np.random.default_rng(4)
    small = rng.integers(0, 200, (count, 6, 6), dtype=np.uint8)
    large = [np.asarray(Image.fromarray(image).resize((40, 40), 3)) for image in small]
    return np.stack(large)[..., None]


def test_a_brighter_copy_is_near_and_others_are_not() -> None:
    images = smooth(30)
    near = near_duplicates(np.concatenate([images, images[3:5] + np.uint8(30)]))
    assert {tuple(pair) for pair in near.pairs.tolist()} == {(3, 30), (4, 31)}
    assert [rows.tolist() for rows in near.rows] == [[3, 30], [4, 31]]
    assert near.distances.max() <= 2


@pytest.mark.parametrize("distance", [0, 3, 20])
def test_pairs_are_those_of_every_comparison_of_bits(distance: int) -> None:
    images = load_images("digits").images[:700]  # more rows than are compared at a time
    bits = [f"{number:064b}" for number in difference_hashes(images).tolist()]
    table = np.array([[bit == "1" for bit in row] for row in bits]).astype(float)
    apart = table @ (1 - table).T + (1 - table) @ table.T
    expected = {tuple(pair) for pair in np.argwhere(np.triu(apart <= distance, 1)).tolist()}
    near = near_duplicates(images, distance)
    assert {tuple(pair) for pair in near.pairs.tolist()} == expected
    assert len(near.pairs) == len(expected) > 0
    np.testing.assert_array_equal(near.distances, apart[near.pairs[:, 0], near.pairs[:, 1]])
    assert (np.diff(near.distances) >= 0).all()


def test_near_images_can_be_kept_on_one_side() -> None:
    digits = load_images("digits")
    near = near_duplicates(digits, 0)
    assert near.copies >= len(near.rows) > 0
    parts = digits.split(groups=near.groups, seed=0)
    for rows in near.rows:
        assert sum(np.isin(rows, part).any() for part in parts.rows) == 1


@pytest.mark.parametrize("distance", [-1, 65, 1.5])
def test_a_distance_is_a_number_of_bits(distance: float) -> None:
    with pytest.raises(ArgumentError, match="distance must"):
        near_duplicates(noise(3), distance)  # type: ignore[arg-type]


def test_images_that_are_all_alike_are_told_before_memory_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workbench.data.difference_hash._MOST_PAIRS", 1000)
    alike = np.zeros((46, 2, 2, 1), np.uint8)  # 1035 pairs
    with pytest.raises(ArgumentError, match="distance must be so small that no more than 1,000"):
        near_duplicates(alike)
    assert len(near_duplicates(alike[:45]).pairs) == 990


@pytest.mark.parametrize("images", [np.zeros(5, np.uint8), np.array([None])])
def test_what_are_no_images_is_refused(images: np.ndarray) -> None:
    with pytest.raises(ArgumentError, match="images must be a set of images"):
        identical_images(images)


def test_labels_must_be_as_many_as_images() -> None:
    with pytest.raises(ArgumentError, match="labels must be 3"):
        identical_images(noise(3), [1])
