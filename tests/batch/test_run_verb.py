"""`workbench run` as it is typed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell

from workbench.cli import main

Captured = pytest.CaptureFixture[str]


def test_it_ends_with_the_table_and_where_the_files_are(
    sample: Path, tmp_path: Path, capsys: Captured
) -> None:
    out = tmp_path / "out"
    assert main(["run", "sample", "-p", "epochs", "3", "-o", str(out), "--no-progress"]) == 0
    said = capsys.readouterr()
    table, files = said.out.strip().split("\n\n")
    assert table.splitlines()[0].split() == ["method", "error"]
    assert table.splitlines()[2].split()[0] == "trainlm"
    assert f"Notebook  {out / 'sample.ipynb'}" in files
    assert f"Figures   3 in {out / 'figures'}" in files
    assert f"Results   {out / 'results.json'}" in files
    assert said.err == ""


def test_the_bar_counts_cells(
    make_lesson: Callable[..., Path], tmp_path: Path, capsys: Captured
) -> None:
    make_lesson(new_code_cell("x = 1"))
    assert main(["run", "sample", "-o", str(tmp_path / "out")]) == 0
    assert "sample: 100%" in capsys.readouterr().err


def test_the_list_has_every_parameter_with_its_default(sample: Path, capsys: Captured) -> None:
    assert main(["run", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "sample: A sample"
    assert lines[1].split("    ")[1] == "epochs = 10"
    assert lines[1].endswith("training epochs")
    assert len(lines) == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["smaple"], "Unknown lesson 'smaple'. Did you mean 'sample'?"),
        (["sample", "-p", "epoch", "3"], "Unknown parameter 'epoch'. Did you mean 'epochs'?"),
        (["sample", "-p", "epochs", "few"], "epochs must be an integer"),
    ],
)
def test_a_wrong_argument_is_told_in_a_line(
    sample: Path, capsys: Captured, arguments: list[str], message: str
) -> None:
    assert main(["run", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"workbench: {message}")
    assert len(said.splitlines()) == 1


def test_without_a_name_the_usage_is_shown(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as told:
        main(["run"])
    assert told.value.code == 2
    assert "workbench run --list" in capsys.readouterr().err


def test_a_failing_lesson_is_a_failure(
    make_lesson: Callable[..., Path], tmp_path: Path, capsys: Captured
) -> None:
    make_lesson(new_code_cell("raise ValueError('no such luck')"))
    assert main(["run", "sample", "-o", str(tmp_path / "out"), "--no-progress"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert "failed: ValueError: no such luck" in first
    assert second.endswith("sample.partial.ipynb")


def test_a_missing_notebook_is_a_failure(sample: Path, capsys: Captured) -> None:
    sample.unlink()
    assert main(["run", "sample"]) == 1
    assert "sample.ipynb is missing" in capsys.readouterr().err
