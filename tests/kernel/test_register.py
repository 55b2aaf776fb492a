import json
import sys
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from workbench.errors import ArgumentError, UnknownNameError
from workbench.kernel import SPECS, install_kernel, list_kernels, remove_kernel


@pytest.fixture
def empty_jupyter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Jupyter that knows no kernels; the folder is the user's data folder."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "elsewhere" / "share" / "jupyter"))
    monkeypatch.setattr("jupyter_core.paths.ENV_JUPYTER_PATH", [])
    monkeypatch.setattr("jupyter_core.paths.SYSTEM_JUPYTER_PATH", [])
    return tmp_path / "user"


def test_the_shipped_spec_is_one_jupyter_reads() -> None:
    spec = KernelSpecManager(kernel_dirs=[str(SPECS)]).get_kernel_spec("workbench")
    assert spec.display_name == "Workbench (Python)"
    assert spec.language == "python"


def test_a_kernel_registered_for_the_user_is_found_and_starts_this_python(
    empty_jupyter: Path,
) -> None:
    folder = install_kernel(user=True)
    assert folder == empty_jupyter / "kernels" / "workbench"
    (kernel,) = list_kernels()
    assert (kernel.name, kernel.folder, kernel.python) == ("workbench", folder, sys.executable)


def test_a_kernel_registered_at_a_prefix_is_found(empty_jupyter: Path) -> None:
    folder = install_kernel(prefix=str(empty_jupyter.parent / "elsewhere"))
    assert [kernel.folder for kernel in list_kernels()] == [folder]


def test_registering_twice_replaces_and_leaves_nothing_else(empty_jupyter: Path) -> None:
    (install_kernel(user=True) / "stale").touch()
    folder = install_kernel(user=True)
    assert {path.name for path in folder.iterdir()} == {"kernel.json", "logo-svg.svg"}
    assert [path.name for path in folder.parent.iterdir()] == ["workbench"]


def test_a_removed_kernel_is_gone(empty_jupyter: Path) -> None:
    folder = install_kernel(user=True)
    assert remove_kernel() == folder
    assert not folder.exists()
    assert list_kernels() == []


def test_removing_what_is_not_registered_says_so(empty_jupyter: Path) -> None:
    with pytest.raises(UnknownNameError, match="Unknown registered kernel 'workbench'"):
        remove_kernel()


def test_an_unknown_kernel_is_told_with_the_nearest(empty_jupyter: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'workbench'"):
        install_kernel("workbensh")


def test_user_and_prefix_exclude_each_other(empty_jupyter: Path) -> None:
    with pytest.raises(ArgumentError, match="prefix must be left out"):
        install_kernel(user=True, prefix="here")


def test_a_place_that_cannot_be_written_is_named(empty_jupyter: Path) -> None:
    empty_jupyter.write_text("a file")
    with pytest.raises(ArgumentError, match="be a folder that can be written"):
        install_kernel(user=True)


def test_other_peoples_kernels_are_not_ours(empty_jupyter: Path) -> None:
    folder = empty_jupyter / "kernels" / "other"
    folder.mkdir(parents=True)
    spec = {"argv": ["r"], "display_name": "R", "language": "R"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    assert list_kernels() == []
