"""Images in .npz files: arrays or JPEG bytes, always data and never a program."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from workbench.cnn import Preprocessing
from workbench.data import load_images
from workbench.errors import ArgumentError, DataFileError


def photo(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng((rows, columns, seed))
    return rng.integers(0, 256, (rows, columns, 3), dtype=np.uint8)


def jpegs(sizes: list[tuple[int, int]]) -> list[bytes]:
    files = []
    for size in sizes:
        buffer = io.BytesIO()
        Image.fromarray(photo(*size)).save(buffer, "JPEG")
        files.append(buffer.getvalue())
    return files


def pictures(files: list[bytes]) -> dict[str, np.ndarray]:
    return {
        "jpeg": np.frombuffer(b"".join(files), np.uint8),
        "offsets": np.cumsum([0, *map(len, files)]),
        "y": np.arange(len(files), dtype=np.uint8) % 2,
        "classes": np.array(["cat", "dog"]),
    }


def saved(folder: Path, **arrays: Any) -> Path:
    path = folder / "photos.npz"
    np.savez(path, **arrays)
    return path


SIZES = [(20, 31), (40, 12), (16, 16)]


def test_jpeg_bytes_become_pictures_of_one_size(tmp_path: Path) -> None:
    files = jpegs(SIZES)
    path = saved(tmp_path, **pictures(files))
    found = load_images(path, 10)
    steps = Preprocessing(10, 10)
    expected = np.stack([steps.fit(Image.open(io.BytesIO(file))) for file in files])
    np.testing.assert_array_equal(found.images, expected)
    assert found.labels.tolist() == [0, 1, 0]
    assert found.classes == ("cat", "dog")
    assert found.name == "photos"
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert load_images(path, 10, channels=1).images.shape == (3, 10, 10, 1)


def test_pictures_that_differ_in_size_ask_for_one(tmp_path: Path) -> None:
    path = saved(tmp_path, **pictures(jpegs(SIZES)))
    with pytest.raises(ArgumentError, match=r"size must be given .*picture 0 of 20 x 31"):
        load_images(path)


@pytest.mark.parametrize("names", [("images", "labels"), ("x", "y")])
def test_arrays_of_bytes_are_images(tmp_path: Path, names: tuple[str, str]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 7), dtype=np.uint8)
    arrays = {names[0]: images, names[1]: np.array([0, 1, 2, 1, 0], np.uint8)}
    found = load_images(saved(tmp_path, **arrays))
    np.testing.assert_array_equal(found.images, images[..., None])
    assert found.classes == ("0", "1", "2")
    resized = load_images(saved(tmp_path, **arrays, classes=["a", "b", "c"]), 4, channels=3)
    np.testing.assert_array_equal(resized.images[0], Preprocessing(4, 4).fit(images[0]))
    assert resized.classes == ("a", "b", "c")


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("sprung"),)


def test_python_objects_are_refused_unread(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    trap = np.empty(1, dtype=object)
    trap[0] = Trap()
    path = saved(tmp_path, images=trap, labels=[0])
    (tmp_path / "sprung").unlink(missing_ok=True)
    with pytest.raises(DataFileError, match=r"no \.npz file of plain arrays: Object arrays"):
        load_images(path)
    assert not (tmp_path / "sprung").exists()


def changed(**changes: Any) -> dict[str, np.ndarray]:
    return pictures(jpegs(SIZES)) | changes


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (changed(offsets=np.array([0, 5, 5, 9])), "offsets must rise from 0 to the"),
        (changed(offsets=np.array([1, 50, 60, 90])), "offsets must rise from 0 to the"),
        (changed(offsets=np.array([0.0, 1.0])), "jpeg and offsets must be bytes and whole"),
        (changed(y=np.array([0, 1])), "labels must be 3 class numbers"),
        (changed(y=np.array([0, 1, 2])), "labels must be class numbers from 0 to 1"),
        (changed(classes=np.array([["cat", "dog"]])), "classes must be names in a row"),
        ({"images": np.zeros((2, 3, 3)), "labels": np.arange(2)}, "images must be bytes"),
        ({"pixels": np.zeros(3)}, "must have the arrays images and labels.*It has pixels"),
        ({}, "It has none"),
    ],
)
def test_arrays_that_do_not_fit_together_are_told(
    tmp_path: Path, arrays: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataFileError, match=rf"photos.npz .*{message}"):
        load_images(saved(tmp_path, **arrays), 8)


def test_a_damaged_picture_is_named_by_its_number(tmp_path: Path) -> None:
    files = jpegs(SIZES)
    files[1] = files[1][:-40]
    files[2] = b"no picture"
    with pytest.raises(DataFileError) as caught:
        load_images(saved(tmp_path, **pictures(files)), 8)
    assert "2 of 3 images of" in str(caught.value)
    assert "picture 1 (image file is truncated" in str(caught.value)
    assert "picture 2 (no picture of a known format)" in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_a_shortened_file_is_told(tmp_path: Path, share: float) -> None:
    path = saved(tmp_path, **pictures(jpegs(SIZES)))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataFileError, match=r"photos\.npz is no \.npz file"):
        load_images(path, 8)


def test_a_single_array_is_no_archive(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 3, 3), np.uint8))
    with pytest.raises(
        DataFileError, match=r"x.npy is no .npz file of plain arrays: it is a single"
    ):
        load_images(tmp_path / "x.npy")
