"""The quadratic samples are what they say, and their files can be made again byte for byte."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.io import loadmat, whosmat

from workbench.data import datasets_folder, load_dataset, sample_quadratic
from workbench.data.quadratic import CSV_SHA256, write_quadratic
from workbench.errors import ArgumentError

NAMES = ("quadratic.csv", "quadratic.mat")


def test_fresh_files_are_the_committed_bytes(tmp_path: Path) -> None:
    for path in write_quadratic(tmp_path):
        assert path.read_bytes() == (datasets_folder() / path.name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)


def test_the_command_writes_both_files(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "workbench.data.quadratic"]
    subprocess.run([*command, tmp_path], check=True, capture_output=True)
    digest = hashlib.sha256((tmp_path / NAMES[0]).read_bytes()).hexdigest()
    assert digest == CSV_SHA256
    wrong = subprocess.run(command, capture_output=True, text=True, check=False)
    assert wrong.returncode == 1
    assert "FOLDER" in wrong.stderr


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "quadratic.csv"
    old.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        write_quadratic(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [old.name]
    assert old.read_text() == "old"


def test_the_mat_file_holds_the_same_samples() -> None:
    path = datasets_folder() / "quadratic.mat"
    content = loadmat(path)
    header, *lines = (datasets_folder() / "quadratic.csv").read_text("ascii").splitlines()
    table = [[float(number) for number in line.split(",")] for line in lines]
    assert header == "x1,x2,y"
    assert np.hstack([content["input"], content["output"]]).tolist() == table
    assert whosmat(path) == [("input", (2000, 2), "double"), ("output", (2000, 1), "double")]


def test_the_mat_file_is_version_5_by_its_header() -> None:
    header = (datasets_folder() / "quadratic.mat").read_bytes()[:128]
    assert header.startswith(b"MATLAB 5.0 MAT-file")
    assert header[124:126] == b"\x00\x01"
    assert header[126:128] == b"IM"  # little-endian


def test_the_readme_has_the_checksums_of_the_files() -> None:
    text = (datasets_folder() / "README.md").read_text(encoding="utf-8")
    stated = dict(re.findall(r"\| `(\S+)` \| `([0-9a-f]{64})` \|", text))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in datasets_folder().iterdir()
        if path.suffix in (".csv", ".mat", ".gz", ".npz")
    }
    assert stated == found
    assert stated["quadratic.csv"] == CSV_SHA256 == load_dataset("quadratic").sha256


def test_the_data_set_is_the_default_sample() -> None:
    X, y = sample_quadratic()
    dataset = load_dataset("quadratic")
    np.testing.assert_array_equal(dataset.X, X)
    np.testing.assert_array_equal(dataset.y, y)


def test_y_is_exact() -> None:
    X, y = sample_quadratic(500, seed=3)
    assert [a * a + b * b for a, b in X.tolist()] == y[:, 0].tolist()


def test_the_points_are_uniform_and_independent() -> None:
    X = load_dataset("quadratic").X
    assert ((X >= -5) & (X < 5)).all()
    for column in X.T:
        assert stats.kstest(column, "uniform", args=(-5, 10)).pvalue > 0.01
    assert stats.pearsonr(*X.T).pvalue > 0.01


def test_bounds_and_seed_are_followed() -> None:
    X, _ = sample_quadratic(300, low=2, high=3, seed=1)
    assert X.min() >= 2
    assert X.max() < 3
    again, _ = sample_quadratic(300, low=2, high=3, seed=np.random.default_rng(1))
    np.testing.assert_array_equal(X, again)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"samples": 0}, "samples must be a positive integer"),
        ({"samples": 2.5}, "samples must be a positive integer"),
        ({"low": 5, "high": -5}, "low must be less than high"),
        ({"low": 1, "high": 1}, "low must be less than high"),
        ({"high": np.inf}, "both finite"),
        ({"low": -1.7e308, "high": 1.7e308}, "both finite"),
        ({"low": np.nan}, "low must be a real number"),
        ({"seed": -1}, "seed must be a non-negative integer"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        sample_quadratic(**arguments)
