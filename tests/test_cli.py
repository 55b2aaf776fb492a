"""The command `workbench`: its verbs and exit codes. `run` is tested with the lessons."""

import sys
from pathlib import Path

import pytest

import workbench.cli
from workbench import __version__
from workbench.cli import main

Captured = pytest.CaptureFixture[str]


def test_help_names_every_verb(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as told:
        main(["--help"])
    assert told.value.code == 0
    said = capsys.readouterr().out
    assert all(f"\n  {verb}" in said.replace("    ", "  ") for verb in ("run", "lab", "kernel"))
    assert "doctor" in said


def test_the_version_is_the_packages(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as told:
        main(["--version"])
    assert told.value.code == 0
    assert capsys.readouterr().out == f"workbench {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["rum"], ["kernel"], ["kernel", "instal"]])
def test_a_wrong_verb_is_a_wrong_argument(arguments: list[str], capsys: Captured) -> None:
    with pytest.raises(SystemExit) as told:
        main(arguments)
    assert told.value.code == 2
    assert "usage: workbench" in capsys.readouterr().err


def test_lab_opens_in_the_folder_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    monkeypatch.chdir(Path.cwd())
    monkeypatch.setattr(
        workbench.cli.os, "execv", lambda *given: started.append((*given, Path.cwd()))
    )
    with pytest.raises(TypeError):  # execv does not come back, so there is no exit code
        main(["lab", str(tmp_path)])
    command = [sys.executable, "-m", "jupyterlab"]
    assert started == [(sys.executable, command, tmp_path.resolve())]


def test_lab_in_a_folder_that_is_not_there_is_a_wrong_argument(capsys: Captured) -> None:
    assert main(["lab", "no such folder"]) == 2
    assert "folder must be a folder. Received: no such folder" in capsys.readouterr().err


def test_the_kernel_is_registered_listed_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("jupyter_core.paths.ENV_JUPYTER_PATH", [])
    monkeypatch.setattr("jupyter_core.paths.SYSTEM_JUPYTER_PATH", [])
    folder = tmp_path / "kernels" / "workbench"
    assert main(["kernel", "list"]) == 0
    assert main(["kernel", "install", "--user"]) == 0
    assert main(["kernel", "list"]) == 0
    assert main(["kernel", "remove"]) == 0
    assert main(["kernel", "remove"]) == 2
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "No kernel is registered. To register it: workbench kernel install",
        f"Registered in {folder}",
        f"workbench  {folder}  (starts {sys.executable})",
        f"Removed {folder}",
    ]
    assert "Unknown registered kernel 'workbench'" in said.err


def test_ctrl_c_has_its_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    def interrupted() -> list[object]:
        raise KeyboardInterrupt

    monkeypatch.setattr("workbench.doctor.examine", interrupted)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "\nworkbench: Interrupted.\n"
