"""The wheel has what an installation needs: package, lessons, data and the kernelspec."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def shared(folder: str) -> set[str]:
    files = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    return {
        f"workbench/_share/{path.relative_to(ROOT).as_posix()}"
        for path in files
        if not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)
    }


def test_it_has_every_lesson_and_data_file(wheel: zipfile.ZipFile) -> None:
    assert shared("notebooks") | shared("datasets") <= set(wheel.namelist())


def test_it_has_the_lazy_names_and_the_type_marker(wheel: zipfile.ZipFile) -> None:
    assert {"workbench/__init__.pyi", "workbench/py.typed"} <= set(wheel.namelist())


def test_it_registers_the_kernel_where_it_is_installed(wheel: zipfile.ZipFile) -> None:
    (spec,) = [
        name
        for name in wheel.namelist()
        if name.endswith(".data/data/share/jupyter/kernels/workbench/kernel.json")
    ]
    content = json.loads(wheel.read(spec))
    # jupyter_client puts its own interpreter in place of a bare "python".
    assert content["argv"][0] == "python"
    assert content["display_name"] == "Workbench (Python)"


def test_it_has_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0].partition("-")[0] for name in wheel.namelist()}
    assert tops == {"workbench"}
    assert not [name for name in wheel.namelist() if "__pycache__" in name]
