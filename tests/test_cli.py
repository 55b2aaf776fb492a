"""The command `workbench`: its verbs and exit codes. `run` is tested with the lessons."""

import sys
from pathlib import Path

import pytest

import workbench.cli
from workbench import __version__, list_cnns
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


def test_profile_lists_the_networks(capsys: Captured) -> None:
    assert main(["profile", "--list"]) == 0
    assert capsys.readouterr().out.split() == list_cnns()


def test_profile_prints_what_a_network_costs_and_writes_the_table(
    tmp_path: Path, capsys: Captured
) -> None:
    table = tmp_path / "table.csv"
    given = ["tiny_resnet", "--size", "8", "8", "1", "--classes", "10", "--csv", str(table)]
    assert main(["profile", *given]) == 0
    said = capsys.readouterr().out
    assert "174,970 trainable" in said
    assert all(len(line) <= 100 for line in said.splitlines() if str(tmp_path) not in line)
    assert table.read_text(encoding="utf-8").startswith("name,kind,output_shape")


def test_profile_of_an_unknown_network_offers_the_nearest(capsys: Captured) -> None:
    assert main(["profile", "resnet5"]) == 2
    assert "Did you mean 'resnet50'?" in capsys.readouterr().err
