"""Photographs on their way into a network: torchvision's transform, and what is no photograph."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from workbench.cnn import Preprocessing
from workbench.errors import ArgumentError

# Written by benchmarks/peers/preprocessing_fixture.py, which says how images are drawn.
with np.load(Path(__file__).parent / "fixtures" / "preprocessing.npz") as file:
    TORCHVISION = dict(file)
PLAIN = Preprocessing(4, None, mean=(0, 0, 0), std=(1, 1, 1), scale=1)
GREY = Preprocessing(4, None, mean=(0,), std=(1,), scale=1)


def photo(rows: int, columns: int, channels: int = 3) -> np.ndarray:
    rng = np.random.default_rng((rows, columns))
    return rng.integers(0, 256, (rows, columns, channels), dtype="uint8")


@pytest.mark.parametrize("case", TORCHVISION)
def test_the_result_is_torchvisions(case: str) -> None:
    sizes, interpolation = case.split()
    rows, columns = map(int, sizes.split("x"))
    steps = Preprocessing(32, 40, interpolation)  # type: ignore[arg-type]
    found = steps(photo(rows, columns))
    assert found.shape == (1, 32, 32, 3)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0], TORCHVISION[case], rtol=0, atol=1e-6)


def test_an_image_of_the_right_size_only_changes_its_values() -> None:
    image = photo(4, 4)
    steps = Preprocessing(4, 4, mean=(0.5, 0.25, 0), std=(0.5, 2, 1))
    expected = (image / 255 - (0.5, 0.25, 0)) / (0.5, 2, 1)
    np.testing.assert_allclose(steps(image)[0], expected, rtol=1e-6, atol=1e-6)


def test_without_resize_the_whole_image_is_squeezed() -> None:
    image = np.zeros((8, 16, 3), "uint8")
    image[:, :8] = 200  # the left half stays the left half
    found = PLAIN(image)[0]
    assert found.shape == (4, 4, 3)
    assert (found[:, 0] == 200).all()
    assert (found[:, 3] == 0).all()


def test_blue_comes_first_where_the_network_wants_it_and_its_mean_too() -> None:
    image = np.full((4, 4, 3), (10, 20, 30), "uint8")
    steps = Preprocessing(4, None, mean=(1, 2, 3), std=(1, 1, 1), scale=1, channels="bgr")
    np.testing.assert_array_equal(steps(image)[0, 2, 2], (29, 18, 7))
    np.testing.assert_array_equal(steps.normalise(image), steps(image)[0])


def test_a_grey_image_has_three_equal_channels_where_the_network_wants_three() -> None:
    image = photo(4, 4, 1)
    for grey in (image, image[..., 0], Image.fromarray(image[..., 0])):
        np.testing.assert_array_equal(PLAIN(grey)[0], np.repeat(image, 3, -1))
        np.testing.assert_array_equal(GREY(grey)[0], image)


def test_a_network_of_grey_images_sees_the_luminance_of_a_colour() -> None:
    # ITU-R 601-2, which Pillow documents for its mode L.
    found = GREY(np.full((5, 5, 3), (200, 100, 50), "uint8"))
    assert found.shape == (1, 4, 4, 1)
    np.testing.assert_allclose(found, 200 * 0.299 + 100 * 0.587 + 50 * 0.114, atol=1)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_batch_is_its_images_one_by_one(channels: int) -> None:
    batch = np.stack([photo(6, 9 + i, channels)[:, :9] for i in range(3)])
    expected = np.concatenate([PLAIN(image) for image in batch])
    np.testing.assert_array_equal(PLAIN(batch), expected)
    np.testing.assert_array_equal(PLAIN(list(batch)), expected)
    if channels == 1:
        np.testing.assert_array_equal(PLAIN(batch[..., 0]), expected)


def test_a_list_may_have_images_of_any_size_and_kind() -> None:
    images = [photo(6, 9), photo(31, 4), photo(5, 5, 1), Image.fromarray(photo(7, 8))]
    found = PLAIN(images)
    assert found.shape == (4, 4, 4, 3)
    for image, expected in zip(images, found, strict=True):
        np.testing.assert_array_equal(PLAIN(image)[0], expected)


def test_a_palette_is_looked_up() -> None:
    image = Image.fromarray(np.full((4, 4, 3), (250, 0, 5), "uint8"))
    flat = image.quantize(2)
    assert flat.mode == "P"
    np.testing.assert_array_equal(PLAIN(flat)[0], np.asarray(image))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (photo(6, 9).astype(float) / 255, "be bytes .*float64 of shape.*Multiply values from 0"),
        (photo(6, 9).astype(int), "be bytes .*int64"),
        (photo(6, 9, 4), "no alpha channel.*RGBA"),
        (photo(6, 9, 2), "no alpha channel.*LA"),
        (photo(6, 9, 4)[None], "no alpha channel"),
        ([photo(6, 9), photo(6, 9, 4)], "no alpha channel"),
        (Image.fromarray(photo(6, 9, 4)), "no alpha channel"),
        (Image.fromarray(photo(6, 9, 1)[..., 0].astype("int32")), "Pillow's mode I"),
        (photo(6, 9, 5)[None], r"be bytes \(uint8\) of shape.*shape \(6, 9, 5\)"),
        (np.zeros((0, 9, 3), "uint8"), r"be bytes .*shape \(0, 9, 3\)"),
        (np.zeros((2, 2, 6, 9, 3), "uint8"), r"be bytes .*shape \(2, 6, 9, 3\)"),
        (np.zeros(7, "uint8"), r"be bytes .*shape \(7,\)"),
        ([], "be at least one image"),
        (np.zeros((0, 6, 9, 3), "uint8"), "be at least one image"),
        ("photo.jpg", "be bytes"),
        ([[[1, 2], [3]]], "rows of different lengths"),
        (None, "be bytes .*object"),
    ],
)
def test_what_is_no_photograph_is_refused(images: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=f"images must .*{message}"):
        PLAIN(images)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 1), (2, 4, 4, 4)])
def test_values_of_other_channels_are_not_stretched_to_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError, match=r"image must have shape .* 3\)"):
        PLAIN.normalise(np.zeros(shape))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "size must be a positive integer"),
        ({"size": 224.0}, "size must be a positive integer"),
        ({"resize": 223}, r"resize must be at least size \(224\)"),
        ({"interpolation": "nearest"}, "interpolation must be one of 'bilinear', 'bicubic'"),
        ({"channels": "BGR"}, "channels must be one of 'rgb', 'bgr'"),
        ({"mean": 0.5}, "mean must be a number for each channel"),
        ({"mean": (0, 0)}, r"mean must have one entry \(grey images\) or three"),
        ({"mean": (0, 0, np.nan)}, r"mean\[2\] must be a real number"),
        ({"mean": (0,)}, r"std must have as many entries as mean \(1\)"),
        ({"std": (1, 1, 0)}, "std must be positive"),
        ({"scale": 0}, "scale must be a real number"),
        ({"scale": np.inf}, "scale must be a real number"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Preprocessing(**settings)


def test_settings_make_an_equal_one_and_are_plain_numbers() -> None:
    steps = Preprocessing(np.int64(32), np.int32(36), mean=np.zeros(3), std=[1, 2, 3], scale=1)  # type: ignore[arg-type]
    assert Preprocessing(**steps.settings()) == steps
    assert hash(steps) == hash(Preprocessing(**steps.settings()))
    assert {type(value) for value in steps.settings().values()} == {int, float, str, tuple}


def test_the_crop_keeps_its_share_at_another_size() -> None:
    assert Preprocessing().resized(112) == Preprocessing(112, 128)
    assert PLAIN.resized(7) == Preprocessing(7, None, mean=(0, 0, 0), std=(1, 1, 1), scale=1)
    with pytest.raises(ArgumentError, match="size must be a positive integer"):
        PLAIN.resized(0)
