"""A set of images: what may be one, and that its parts are what they are called."""

from typing import Any

import numpy as np
import pytest

from workbench.cnn import Preprocessing
from workbench.data import ImageSet, load_images
from workbench.data.checksum import sha256_of_images
from workbench.errors import ArgumentError


def images(count: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 6, 8, channels), dtype=np.uint8)


@pytest.fixture
def animals() -> ImageSet:
    labels = np.arange(60) % 3
    return ImageSet.from_arrays(images(60), labels, ("cat", "dog", "owl"), name="animals")


def test_a_set_has_what_it_was_made_of(animals: ImageSet) -> None:
    np.testing.assert_array_equal(animals.images, images(60))
    assert animals.labels.dtype == np.int64
    assert animals.labels.tolist() == [0, 1, 2] * 20
    assert animals.counts.tolist() == [20, 20, 20]
    assert len(animals) == 60
    assert repr(animals) == "<ImageSet 'animals': 60 images, 6 x 8 pixels, colour, 3 classes>"


def test_nobody_changes_a_set_afterwards(animals: ImageSet) -> None:
    for array in (animals.images, animals.labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    own = images(3)
    made = ImageSet.from_arrays(own, [0, 1, 2])
    own[:] = 0
    assert made.images.any()
    view = images(3)
    watched = view[:]
    watched.flags.writeable = False
    made = ImageSet.from_arrays(watched, [0, 1, 2])
    view[:] = 0
    assert made.images.any()


def test_grey_images_may_come_without_channels() -> None:
    grey = ImageSet.from_arrays(images(4, 1)[..., 0], [0, 1, 0, 1])
    np.testing.assert_array_equal(grey.images, images(4, 1))
    assert grey.classes == ("0", "1")
    assert "grey, 2 classes" in repr(grey)


@pytest.mark.parametrize("kind", [list, np.array, lambda names: np.array(names, dtype=object)])
def test_labels_may_be_names(kind: Any) -> None:
    named = ImageSet.from_arrays(images(4), kind(["owl", "cat", "owl", "dog"]))
    assert named.classes == ("cat", "dog", "owl")
    assert named.labels.tolist() == [2, 0, 2, 1]
    ordered = ImageSet.from_arrays(images(2), kind(["owl", "cat"]), ["owl", "cat", "dog"])
    assert ordered.labels.tolist() == [0, 1]
    assert ordered.counts.tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    ("given", "labels", "message"),
    [
        (images(2) / 255, [0, 1], r"images must be bytes.*float64.*Multiply values from 0 to 1"),
        (images(2).astype(float), [0, 1], r"images must be bytes.*Bring values to 0"),
        (images(2).astype(int), [0, 1], "images must be bytes.*int64"),
        (images(2, 4), [0, 1], r"images must have shape.*alpha channel out"),
        (images(2, 3).transpose(0, 3, 1, 2), [0, 1], "Channels first become last with np.moveaxis"),
        (images(2)[0, 0], [0, 1], r"images must have shape.*\(8, 3\)"),
        ([images(1)[0], images(1)[0][:4]], [0, 1], "images must have one size.*load_images"),
        (images(0), np.zeros(0, int), "images must be at least one"),
        (images(2), [0], r"labels must be 2 class numbers.*\(1,\)"),
        (images(2), [[0], [1]], r"labels must be 2 class numbers.*labels.ravel\(\)"),
        (images(2), np.eye(2), r"labels must be 2 class numbers.*argmax"),
        (images(2), [0.0, 1.0], r"labels must be 2 class numbers.*float64"),
        (images(2), [-1, 0], r"labels must be class numbers from 0 to 0.*the first -1"),
        (images(2), [1, 2], "labels must be class numbers from 0, each with .* and no 0"),
    ],
)
def test_what_is_no_set_of_images_is_refused(given: Any, labels: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        ImageSet.from_arrays(given, labels)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0, 2], ("cat", "dog"), "labels must be class numbers from 0 to 1.*the first 2"),
        (["cat", "cow"], ("cat", "dog"), "labels must be names of classes.*'cow'"),
        ([0, 1], ("cat", "cat"), "classes must be different names"),
        ([0, 1], "cat", "classes must be different names"),
        ([0, 1], (), "classes must be different names"),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels: Any, classes: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        ImageSet.from_arrays(images(2), labels, classes)


def test_a_subset_has_the_chosen_images_and_its_own_checksum(animals: ImageSet) -> None:
    rows = [5, 2, 2]
    part = animals.subset(rows)
    np.testing.assert_array_equal(part.images, animals.images[rows])
    assert part.labels.tolist() == [2, 2, 2]
    assert part.classes == animals.classes
    assert part.sha256 == sha256_of_images(part.images, part.labels) != animals.sha256
    mask = animals.labels == 1
    np.testing.assert_array_equal(animals.subset(mask).images, animals.images[mask])
    assert len(animals.subset([])) == 0
    assert animals.subset(np.arange(60)).sha256 == animals.sha256


@pytest.mark.parametrize("rows", [[60], [-1], [0.5], [[0]], [True, False], "0"])
def test_rows_that_are_not_there_are_refused(animals: ImageSet, rows: Any) -> None:
    with pytest.raises(ArgumentError, match="rows must be row numbers from 0 to 59, or a mask"):
        animals.subset(rows)


def test_a_split_divides_the_set_by_classes(animals: ImageSet) -> None:
    split = animals.split(train=0.6, validation=0.1, test=0.3, seed=4)
    train, validation, test = split
    assert [part.counts.tolist() for part in split] == [[12] * 3, [2] * 3, [6] * 3]
    for part, rows in zip((train, validation, test), split.rows, strict=True):
        np.testing.assert_array_equal(part.images, animals.images[rows])
        np.testing.assert_array_equal(part.labels, animals.labels[rows])
    assert sorted(np.concatenate(split.rows).tolist()) == list(range(60))
    assert split.frame.to_dict("list") == {
        "train": [12] * 3,
        "validation": [2] * 3,
        "test": [6] * 3,
    }
    assert split.frame.index.tolist() == ["cat", "dog", "owl"]
    assert repr(split).startswith(
        "<ImageSplit of 'animals': 36 training, 6 validation and 18 test images; 0 copies"
    )


def test_one_seed_makes_one_split(animals: ImageSet) -> None:
    first, again, other = (animals.split(seed=seed) for seed in (3, 3, 4))
    assert first.test.sha256 == again.test.sha256 != other.test.sha256


def test_a_set_may_be_left_empty(animals: ImageSet) -> None:
    train, validation, test = animals.split(train=48, validation=0, test=12, seed=0)
    assert (len(train), len(validation), len(test)) == (48, 0, 12)
    assert validation.images.shape == (0, 6, 8, 3)
    with pytest.raises(ArgumentError, match="at least one image"):
        validation.statistics  # noqa: B018


def test_a_class_of_too_few_images_is_named() -> None:
    few = ImageSet.from_arrays(images(30), [0] * 28 + [1] * 2, ("cat", "axolotl"))
    with pytest.raises(ArgumentError, match=r"2 row\(s\) of class 'axolotl'"):
        few.split()


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_another_size_is_that_of_preprocessing(animals: ImageSet, interpolation: Any) -> None:
    steps = Preprocessing(4, 4, interpolation)
    expected = np.stack([steps.fit(image) for image in animals.images])
    found = animals.fitted(4, interpolation=interpolation)
    np.testing.assert_array_equal(found.images, expected)
    np.testing.assert_array_equal(found.labels, animals.labels)
    assert found.sha256 == sha256_of_images(expected, animals.labels)


def test_grey_and_colour_become_each_other(animals: ImageSet) -> None:
    grey = animals.fitted(channels=1)
    assert grey.images.shape == (60, 6, 8, 1)
    luminance = animals.images @ np.array([0.299, 0.587, 0.114])  # ITU-R 601-2
    np.testing.assert_allclose(grey.images[..., 0], luminance, atol=1)
    again = grey.fitted(channels=3)
    np.testing.assert_array_equal(again.images, np.repeat(grey.images, 3, axis=3))


def test_a_form_that_changes_nothing_gives_the_set_itself() -> None:
    digits = load_images("digits")
    assert digits.fitted() is digits
    assert digits.fitted(8, channels=1) is digits
    assert load_images("digits", 8).sha256 == digits.sha256


def test_the_checksum_tells_shape_values_and_labels() -> None:
    array, labels = images(4), np.arange(4)
    sums = {
        sha256_of_images(array, labels),
        sha256_of_images(array.reshape(4, 8, 6, 3), labels),
        sha256_of_images(array, labels[::-1]),
        sha256_of_images(array ^ np.uint8(1), labels),
    }
    assert len(sums) == 4
    assert sha256_of_images(np.asfortranarray(array), labels.astype("uint8")) in sums
