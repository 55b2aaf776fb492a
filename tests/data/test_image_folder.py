"""Folders of one's own pictures: classes, sizes, and files that are none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from workbench.cnn import Preprocessing
from workbench.data import load_images
from workbench.data.checksum import sha256_of_images
from workbench.errors import ArgumentError, DataFileError, UnknownNameError


def photo(rows: int, columns: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng((rows, columns, seed))
    image = rng.integers(0, 256, (rows, columns, channels), dtype=np.uint8)
    return image[..., 0] if channels == 1 else image


def save(folder: Path, name: str, image: np.ndarray, **options: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **options)
    return path


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    folder = tmp_path / "animals"
    save(folder, "owl/b.png", photo(8, 8, seed=3))
    save(folder, "cat/2.png", photo(8, 8, seed=1))
    save(folder, "cat/10.bmp", photo(8, 8, seed=0))
    save(folder, "dog/x.TIFF", photo(8, 8, seed=2))
    return folder


def test_classes_and_pictures_come_in_alphabetical_order(animals: Path) -> None:
    found = load_images(animals)
    assert found.classes == ("cat", "dog", "owl")
    assert found.labels.tolist() == [0, 0, 1, 2]
    np.testing.assert_array_equal(
        found.images, np.stack([photo(8, 8, seed=seed) for seed in range(4)])
    )
    assert found.name == "animals"
    assert found.sha256 == sha256_of_images(found.images, found.labels)
    assert found.description == "4 pictures in 3 folders."
    assert load_images(str(animals)).sha256 == found.sha256


def test_pictures_of_any_size_become_what_preprocessing_makes_of_them(tmp_path: Path) -> None:
    sizes = [(20, 31), (50, 12), (9, 9), (5, 40)]
    for number, (rows, columns) in enumerate(sizes):
        save(tmp_path, f"all/{number}.png", photo(rows, columns))
    for interpolation in ("bilinear", "bicubic"):
        steps = Preprocessing(12, 12, interpolation)
        found = load_images(tmp_path, 12, interpolation=interpolation)
        expected = np.stack([steps.fit(photo(*size)) for size in sizes])
        np.testing.assert_array_equal(found.images, expected)


def test_sizes_that_differ_ask_for_one(tmp_path: Path) -> None:
    save(tmp_path, "all/a.png", photo(8, 8))
    save(tmp_path, "all/b.png", photo(8, 9))
    message = r"size must be given .*all/a.png of 8 x 8 .* all/b.png of 8 x 9. With size=64"
    with pytest.raises(ArgumentError, match=message):
        load_images(tmp_path)


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (1, lambda image: image),
        (2, lambda image: image[:, ::-1]),
        (3, lambda image: np.rot90(image, 2)),
        (4, lambda image: image[::-1]),
        (5, lambda image: image.swapaxes(0, 1)),
        (6, lambda image: np.rot90(image, -1)),
        (7, lambda image: np.rot90(image, 2).swapaxes(0, 1)),
        (8, lambda image: np.rot90(image)),
    ],
)
def test_pictures_are_turned_as_their_exif_entry_says(
    tmp_path: Path, orientation: int, turned: Any
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(tmp_path, "all/a.png", photo(6, 9), exif=exif)
    np.testing.assert_array_equal(load_images(tmp_path).images[0], turned(photo(6, 9)))


def test_grey_stays_grey_and_colour_on_request(tmp_path: Path) -> None:
    save(tmp_path, "all/a.png", photo(6, 6, 1))
    grey = photo(6, 6, 1)[..., None]
    np.testing.assert_array_equal(load_images(tmp_path).images, grey[None])
    np.testing.assert_array_equal(
        load_images(tmp_path, channels=3).images[0], np.repeat(grey, 3, 2)
    )
    save(tmp_path, "all/b.png", photo(6, 6))
    save(tmp_path, "all/c.png", photo(6, 6, 1))
    mixed = load_images(tmp_path).images
    np.testing.assert_array_equal(mixed[0], np.repeat(grey, 3, 2))
    np.testing.assert_array_equal(mixed[1], photo(6, 6))
    np.testing.assert_array_equal(mixed[2], mixed[0])
    assert load_images(tmp_path, channels=1).images.shape == (3, 6, 6, 1)


def test_palettes_and_cmyk_are_colours(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    flat = Image.fromarray(photo(6, 6)).quantize(200)
    flat.save(tmp_path / "all" / "a.png")
    Image.new("CMYK", (6, 6), (0, 255, 255, 0)).save(tmp_path / "all" / "b.tif")
    found = load_images(tmp_path).images
    np.testing.assert_array_equal(found[0], np.asarray(flat.convert("RGB")))
    assert found[1, 0, 0].tolist() == [255, 0, 0]  # all but cyan's ink is red


def test_every_unusable_file_is_named(animals: Path) -> None:
    content = (animals / "cat" / "2.png").read_bytes()
    (animals / "cat" / "2.png").write_bytes(content[: len(content) // 2])
    (animals / "dog" / "empty.jpg").write_bytes(b"")
    (animals / "dog" / "text.jpg").write_text("no picture")
    save(animals, "owl/clear.png", photo(8, 8, 4))
    save(animals, "owl/deep.png", photo(8, 8, 1).astype("uint16"))
    with pytest.raises(DataFileError) as caught:
        load_images(animals)
    message = str(caught.value)
    assert (
        f"5 of 8 images of {animals} cannot be used: cat/2.png (image file is truncated" in message
    )
    assert "dog/empty.jpg (no picture of a known format); dog/text.jpg (no picture" in message
    assert (
        "owl/clear.png (must have no alpha channel, is an image of Pillow's mode RGBA)" in message
    )
    assert "owl/deep.png (must be bytes, is an image of Pillow's mode I;16)" in message
    assert message.endswith("or take them out.")


def test_of_many_unusable_files_the_first_are_named(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    for number in range(9):
        (tmp_path / "all" / f"{number}.png").write_bytes(b"")
    with pytest.raises(DataFileError, match=r"9 of 9 images .*all/4.png.*; and 4 more\."):
        load_images(tmp_path)


def test_programs_are_not_run_as_pictures(tmp_path: Path) -> None:
    """Pillow hands PostScript to an interpreter; by its suffix it may look like a picture."""
    (tmp_path / "all").mkdir()
    program = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    (tmp_path / "all" / "a.png").write_text(program)
    with pytest.raises(DataFileError, match=r"all/a.png \(no picture of a known format\)"):
        load_images(tmp_path)


def test_what_is_no_picture_is_passed_over_and_counted(animals: Path) -> None:
    (animals / "cat" / "notes.txt").write_text("two cats")
    (animals / "cat" / ".hidden.png").write_bytes(b"")
    (animals / ".cache").mkdir()
    save(animals, "cover.png", photo(3, 3))
    found = load_images(animals)
    assert len(found) == 4
    assert found.description == (
        "4 pictures in 3 folders. 2 other file(s) or folder(s) were passed over."
    )


def test_a_folder_without_classes_says_how_they_lie(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"folder must have a folder of pictures for each"):
        load_images(tmp_path)
    save(tmp_path, "a.png", photo(3, 3))
    with pytest.raises(ArgumentError, match=r"no folders in .*folder/cat/1.jpg"):
        load_images(tmp_path)


def test_a_class_without_pictures_is_named(animals: Path) -> None:
    (animals / "cow").mkdir()
    (animals / "cow" / "cow.heic").write_bytes(b"?")
    with pytest.raises(ArgumentError, match=r"no picture in .*cow\. .*end in one of \.png, \.jpg"):
        load_images(animals)


def test_a_folder_one_too_high_is_told(animals: Path) -> None:
    with pytest.raises(ArgumentError, match=r"no picture in .*animals\. .* pass .*animals\."):
        load_images(animals.parent)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "size must be a positive integer"),
        ({"size": 64.0}, "size must be a positive integer"),
        ({"channels": 2}, r"channels must be 1 \(grey\), 3 \(colour\) or None"),
        ({"channels": True}, "channels must be 1"),
        ({"interpolation": "nearest"}, "interpolation must be one of 'bilinear', 'bicubic'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        load_images("digits", **settings)


def test_a_name_that_is_none_gets_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"'fashion-mnist'.*'fashion_mnist'\?"):
        load_images("fashion-mnist")


@pytest.mark.parametrize("source", ["no/such/folder", "photos.npz", Path("digits")])
def test_a_place_that_is_none_is_told(source: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError, match=r"source must be one of digits, .* that is there"):
        load_images(source)


def test_arrays_are_sent_to_their_own_door() -> None:
    with pytest.raises(ArgumentError, match=r"source must be.*ImageSet.from_arrays"):
        load_images(np.zeros((3, 2, 2, 1), np.uint8))  # type: ignore[arg-type]
