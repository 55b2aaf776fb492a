"""Running a lesson: what it leaves behind, when it ends well, badly or by Ctrl-C."""

import base64
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from workbench.batch import LESSONS, run_lesson
from workbench.batch.execute import CellError
from workbench.batch.harvest import figures
from workbench.errors import ArgumentError, DataFileError, UnknownNameError


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def run(sample: Path, tmp_path: Path):
    folder = tmp_path / "out put"
    return run_lesson("sample", {"epochs": 3, "seed": 7}, folder, progress=False)


FILES = {
    "sample.ipynb",
    "results.json",
    "figures/01-curves-such.png",
    "figures/02-curves-such.png",
    "figures/03-named-here.png",
}


def test_it_leaves_the_notebook_the_figures_and_the_results(run, sample: Path) -> None:
    assert names(run.folder) == FILES
    assert {path.relative_to(run.folder).as_posix() for path in run.figures} < FILES
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in run.figures)
    executed = nbformat.read(run.notebook, as_version=4)
    nbformat.validate(executed)
    assert executed.metadata.papermill.output_path == str(run.notebook)
    assert not sample.read_text().count('"image/png"'), "the lesson itself was changed"


def test_the_results_say_everything_that_is_needed_to_repeat_them(run) -> None:
    found = json.loads((run.folder / "results.json").read_text(encoding="utf-8"))
    assert found == run.results
    expected = float(np.random.default_rng(7).normal(size=3).sum())
    assert found["results"] == {"total": expected, "limit": "NaN"}
    assert found["parameters"] == {
        "epochs": 3, "rate": 0.5, "method": "trainlm", "sizes": [2, 5, 1], "goal": None, "seed": 7,
    }  # fmt: skip
    assert found["seeds"] == {"seed": 7}
    assert found["data"] == {"name": "noise", "sha256": "0" * 64}
    assert found["summary"] == [["method", "error"], ["trainlm", expected]]
    assert found["versions"]["numpy"] == np.__version__
    assert found["times"].keys() == {"started", "seconds", "cells"}


def test_two_runs_differ_in_their_times_only(run, tmp_path: Path) -> None:
    again = run_lesson("sample", {"epochs": 3, "seed": 7}, tmp_path / "again", progress=False)
    first, second = ({**r.results, "times": None} for r in (run, again))
    assert first == second
    assert str(tmp_path) not in json.dumps(first)


def test_ctrl_c_interrupts_again_after_a_run(run) -> None:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_into_the_same_folder_replaces_its_own_files_only(
    run, make_lesson: Callable[..., Path]
) -> None:
    (run.folder / "figures" / "mine.png").touch()
    make_lesson(new_markdown_cell("# Other"), new_code_cell("plt.plot([1]); plt.show()"))
    run_lesson("sample", folder=run.folder, progress=False)
    assert names(run.folder) == {
        "sample.ipynb", "results.json", "figures/01-other.png", "figures/mine.png",
    }  # fmt: skip


def test_a_failing_cell_is_named_and_the_rest_is_kept(
    run, make_lesson: Callable[..., Path]
) -> None:
    make_lesson(new_code_cell("x = 1"), new_code_cell("# why\nx / 0"), new_code_cell("x = 2"))
    before = (run.folder / "results.json").read_bytes()
    with pytest.raises(CellError, match=r"Cell 3 \('x / 0'\) failed: ZeroDivisionError: ") as told:
        run_lesson("sample", folder=run.folder, progress=False)
    assert told.value.cell == 3
    partial = nbformat.read(told.value.notebook, as_version=4)
    assert told.value.notebook == run.folder / "sample.partial.ipynb"
    assert "ZeroDivisionError" in str(partial)
    assert (run.folder / "results.json").read_bytes() == before
    assert names(run.folder) == FILES | {"sample.partial.ipynb"}


def test_a_dead_kernel_is_told(make_lesson: Callable[..., Path], tmp_path: Path) -> None:
    make_lesson(new_code_cell("import os; os._exit(1)"))
    with pytest.raises(CellError, match="The kernel failed: it died"):
        run_lesson("sample", folder=tmp_path / "out", progress=False)


INTERRUPTED = """
import json, os, signal, sys
import workbench.batch.lesson as lessons
from pathlib import Path
from workbench.batch.lesson import Lesson
lessons.notebooks_folder = lambda: Path(sys.argv[1])
lessons.LESSONS._members = {"sample": Lesson("sample.ipynb", "")}
from workbench.cli import main
sys.exit(main(["run", "sample", "-o", sys.argv[2], "--no-progress"]))
"""


@pytest.mark.parametrize(
    "cell",
    [
        "{signal}\nwhile True: pass",
        "try:\n    {signal}\n    while True: pass\nexcept KeyboardInterrupt:\n    print('kept')",
    ],
    ids=["raised", "caught by a training"],
)
def test_ctrl_c_keeps_what_was_done_and_stops(
    make_lesson: Callable[..., Path], tmp_path: Path, cell: str
) -> None:
    # The cell presses Ctrl-C itself, at its parent: so nothing has to be waited for.
    send = "import os, signal; os.kill(os.getppid(), signal.SIGINT)"
    path = make_lesson(
        new_code_cell(cell.format(signal=send)), new_code_cell("print('never' + ' reached')")
    )
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, path.parent, out],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130, done.stderr
    assert "Interrupted." in done.stderr
    assert str(out / "sample.partial.ipynb") in done.stderr
    assert "Traceback" not in done.stderr
    assert names(out) == {"sample.partial.ipynb"}
    text = (out / "sample.partial.ipynb").read_text(encoding="utf-8")
    assert "never reached" not in text
    assert ("kept" in text) or ("KeyboardInterrupt" in text)


def test_the_default_folder_is_named_after_lesson_and_time(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = run_lesson("sample", progress=False)
    assert found.folder.parent == tmp_path / "runs"
    assert found.folder.name.startswith("sample-2")


def test_unknown_lessons_and_parameters_are_told_with_the_nearest(sample: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"lesson 'smaple'\. Did you mean 'sample'"):
        run_lesson("smaple")
    with pytest.raises(UnknownNameError, match=r"parameter 'epoch'\. Did you mean 'epochs'"):
        run_lesson("sample", {"epoch": 3})


def test_a_folder_that_cannot_be_made_is_named(sample: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArgumentError, match="folder must be a folder that can be written"):
        run_lesson("sample", folder=tmp_path / "file")


def test_a_missing_notebook_is_told(sample: Path) -> None:
    sample.unlink()
    with pytest.raises(DataFileError, match=r"sample\.ipynb is missing"):
        run_lesson("sample")


def test_images_are_numbered_and_named_after_heading_or_cell() -> None:
    image = {"data": {"image/png": base64.b64encode(b"png").decode()}}

    def code(*outputs: object, **metadata: object) -> dict[str, object]:
        return {"cell_type": "code", "metadata": metadata, "outputs": list(outputs)}

    words = {"cell_type": "markdown", "metadata": {}, "source": "# A\ntext\n## Größe: x² #\ntext"}
    notebook = {"cells": [code(image), words, code(image, image), code(image, figure="Trace")]}
    found = [name for name, _ in figures(notebook)]
    assert found == ["01.png", "02-größe-x².png", "03-größe-x².png", "04-trace.png"]


def test_the_first_lesson_is_entered() -> None:
    assert LESSONS["ga-bp"].file == "01_ga_bp_regression.ipynb"
