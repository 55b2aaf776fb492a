"""Every registered data set keeps the contract, and damage is told apart from data."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets as published

import workbench.data.sklearn_tables as tables
from workbench.data import DATASETS, Dataset, datasets_folder, list_datasets, load_dataset
from workbench.data.checksum import sha256_of_values
from workbench.errors import ArgumentError, DataFileError, UnknownNameError

# samples, inputs, classes (0 for regression), as their publishers state them.
FACTS = {
    "quadratic": (2000, 2, 0),
    "diabetes": (442, 10, 0),
    "breast_cancer": (569, 30, 2),
    "wine": (178, 13, 3),
    "iris": (150, 4, 3),
    "digits": (1797, 64, 10),
    "concrete": (1030, 8, 0),
    "auto_mpg": (392, 7, 0),  # 398 at UCI, 6 of them without horsepower
    "spam": (4658, 1000, 2),  # as datasets/README.md states them
}


@pytest.fixture(params=sorted(DATASETS))
def dataset(request: pytest.FixtureRequest) -> Dataset:
    return load_dataset(request.param)


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "own data"
    shutil.copytree(datasets_folder(), folder)
    monkeypatch.setenv("WORKBENCH_DATASETS", str(folder))
    return folder


def test_the_list_names_every_data_set() -> None:
    assert list_datasets() == sorted(FACTS) == sorted(DATASETS)


def test_sizes_are_the_published_ones(dataset: Dataset) -> None:
    samples, inputs, classes = FACTS[dataset.name]
    assert dataset.X.shape == (samples, inputs)
    assert dataset.y.shape == (samples, 1)
    assert len(dataset.classes or ()) == classes


def test_tables_are_finite_float64_and_read_only(dataset: Dataset) -> None:
    for table in (dataset.X, dataset.y):
        assert table.dtype == np.float64
        assert np.isfinite(table).all()
        with pytest.raises(ValueError, match="read-only"):
            table[0, 0] = 1.0


def test_names_match_the_columns_and_are_distinct(dataset: Dataset) -> None:
    names = dataset.feature_names + dataset.target_names
    assert len(dataset.feature_names) == dataset.X.shape[1]
    assert len(dataset.target_names) == dataset.y.shape[1]
    assert len(set(names)) == len(names)
    assert all(isinstance(name, str) and name for name in names)


def test_provenance_is_stated(dataset: Dataset) -> None:
    assert dataset.source
    assert dataset.licence
    assert dataset.description.endswith(".")
    assert len(bytes.fromhex(dataset.sha256)) == 32


def test_class_numbers_count_every_class_from_zero(dataset: Dataset) -> None:
    if dataset.classes is not None:
        assert np.unique(dataset.y).tolist() == list(range(len(dataset.classes)))


def test_each_load_gives_equal_tables_of_its_own(dataset: Dataset) -> None:
    again = load_dataset(dataset.name)
    np.testing.assert_array_equal(again.X, dataset.X)
    assert again.sha256 == dataset.sha256


def test_the_frame_has_samples_names_and_class_names(dataset: Dataset) -> None:
    frame = dataset.frame
    assert tuple(frame.columns) == dataset.feature_names + dataset.target_names
    np.testing.assert_array_equal(frame[list(dataset.feature_names)].to_numpy(), dataset.X)
    target = frame[dataset.target_names[0]]
    if dataset.classes is None:
        np.testing.assert_array_equal(target.to_numpy(), dataset.y[:, 0])
    else:
        assert isinstance(target.dtype, pd.CategoricalDtype)
        assert [dataset.classes[int(number)] for number in dataset.y[:, 0]] == target.tolist()
    frame.iloc[0, 0] = -1.0
    assert dataset.X[0, 0] != -1.0


def test_the_repr_is_one_line() -> None:
    assert repr(load_dataset("iris")) == "<Dataset 'iris': 150 samples, 4 inputs, 3 classes>"
    assert repr(load_dataset("wine")).count("\n") == 0
    assert repr(load_dataset("quadratic")) == (
        "<Dataset 'quadratic': 2000 samples, 2 inputs, 1 output>"
    )


@pytest.mark.parametrize("name", ["breast_cancer", "wine", "iris", "digits"])
def test_classified_tables_are_scikit_learns(name: str) -> None:
    bunch = getattr(published, f"load_{name}")()
    dataset = load_dataset(name)
    np.testing.assert_array_equal(dataset.X, bunch.data)
    np.testing.assert_array_equal(dataset.y[:, 0], bunch.target)
    assert dataset.classes == tuple(str(label) for label in bunch.target_names)


def test_diabetes_is_in_its_own_units() -> None:
    diabetes = load_dataset("diabetes")
    assert diabetes.X[:, 0].min() == 19  # years
    assert diabetes.X[:, 0].max() == 79
    assert (diabetes.y.min(), diabetes.y.max()) == (25, 346)


def test_class_counts_are_the_published_ones() -> None:
    def counts(name: str) -> dict[str, int]:
        dataset = load_dataset(name)
        return {k: int((dataset.y == i).sum()) for i, k in enumerate(dataset.classes or ())}

    assert counts("iris") == {"setosa": 50, "versicolor": 50, "virginica": 50}
    assert counts("breast_cancer") == {"malignant": 212, "benign": 357}
    assert counts("wine") == {"class_0": 59, "class_1": 71, "class_2": 48}


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown data set 'quadratik'.*'quadratic'\?"):
        load_dataset("quadratik")


def test_a_flipped_bit_is_found_wherever_it_is(own_folder: Path) -> None:
    path = own_folder / "quadratic.csv"
    content = bytearray(path.read_bytes())
    for place in (0, len(content) // 2, len(content) - 1):
        content[place] ^= 1
        path.write_bytes(content)
        with pytest.raises(DataFileError) as caught:
            load_dataset("quadratic")
        content[place] ^= 1
        message = str(caught.value)
        assert str(path) in message
        assert "0e5f80843b231e93" in message  # expected
        assert message.count("SHA-256") == 1
        assert "Install the package anew" in message
    path.write_bytes(content)
    assert len(load_dataset("quadratic").X) == 2000


def test_a_shortened_file_is_found(own_folder: Path) -> None:
    path = own_folder / "quadratic.csv"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataFileError, match="damaged"):
        load_dataset("quadratic")


def test_a_missing_file_is_named(own_folder: Path) -> None:
    (own_folder / "quadratic.csv").unlink()
    with pytest.raises(DataFileError, match=r"quadratic\.csv is missing .*WORKBENCH_DATASETS"):
        load_dataset("quadratic")


def test_a_folder_in_place_of_a_file_is_told(own_folder: Path) -> None:
    (own_folder / "quadratic.csv").unlink()
    (own_folder / "quadratic.csv").mkdir()
    with pytest.raises(DataFileError, match="cannot be read"):
        load_dataset("quadratic")


def test_a_changed_table_of_scikit_learn_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = published.load_iris()
    changed.data[37, 2] += 1e-15 * changed.data[37, 2]
    monkeypatch.setattr(published, "load_iris", lambda: changed)
    with pytest.raises(DataFileError, match=r"'iris' is damaged.*Install scikit-learn anew"):
        load_dataset("iris")


@pytest.mark.parametrize("error", [FileNotFoundError("iris.csv"), EOFError(), ValueError("x")])
def test_an_unreadable_table_of_scikit_learn_is_told(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken() -> None:
        raise error

    monkeypatch.setattr(published, "load_iris", broken)
    with pytest.raises(DataFileError, match="cannot read its table 'iris'"):
        load_dataset("iris")


def test_the_checksum_of_values_ignores_layout_and_byte_order() -> None:
    X, y = np.arange(6.0).reshape(2, 3), np.array([[1.0], [2.0]])
    expected = sha256_of_values(X, y)
    assert sha256_of_values(np.asfortranarray(X), y.astype(">f8")) == expected
    assert sha256_of_values(X.T.copy().T[::1], y) == expected
    assert sha256_of_values(X + 1, y) != expected


def test_every_table_of_scikit_learn_is_registered() -> None:
    assert set(tables._TABLES) < set(DATASETS)


def test_a_data_set_refuses_tables_of_different_lengths() -> None:
    rest = (("x",), ("y",), None, "here", "CC0-1.0", "", "Nothing.")
    with pytest.raises(ArgumentError, match="as many rows as X"):
        Dataset("odd", np.ones((3, 1)), np.ones((2, 1)), *rest)


def test_the_installed_files_come_before_those_of_the_source_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WORKBENCH_DATASETS", raising=False)
    (tmp_path / "workbench").mkdir()
    monkeypatch.setattr("workbench.__file__", str(tmp_path / "workbench" / "__init__.py"))
    assert datasets_folder() == tmp_path / "datasets"
    installed = tmp_path / "workbench" / "_share" / "datasets"
    installed.mkdir(parents=True)
    assert datasets_folder() == installed


def test_the_room_loads_nothing_heavy() -> None:
    code = (
        "import sys, workbench.data as data\n"
        "assert len(data.DATASETS) == len(data.list_datasets()) == 9\n"
        "data.split(9), data.load_dataset('quadratic')\n"
        "print(sorted({'sklearn', 'pandas', 'scipy', 'keras'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
