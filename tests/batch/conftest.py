"""Small notebooks that stand in for lessons."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import workbench.batch.lesson as lesson_module
from workbench.batch.lesson import Lesson
from workbench.registry import Registry

PARAMETERS = """\
epochs = 10  # training epochs
rate = 0.5  # learning rate
method = "trainlm"  # training function
sizes = [2, 5, 1]  # neurons in each layer
goal = None  # stop here
seed = 0
"""

SETTLE = """\
from workbench.batch import record
import time
start = time.perf_counter()
total = float(np.random.default_rng(seed).normal(size=epochs).sum())
record(total=total, data={"name": "noise", "sha256": "0" * 64}, limit=float("nan"))
"""

DRAW = """\
plt.plot([1, 2])
plt.show()
plt.plot([2, 1])
plt.show()
"""

FINISH = """\
record(summary=[["method", "error"], [method, total]], times={"cells": time.perf_counter() - start})
"""

MakeLesson = Callable[..., Path]


def code_cell(source: str, **metadata: object) -> nbformat.NotebookNode:
    return new_code_cell(source, metadata=metadata)


@pytest.fixture
def make_lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeLesson:
    """Return a function that enters a lesson `sample` made of the cells it is given."""
    folder = tmp_path / "lessons {of} mine"
    folder.mkdir()
    monkeypatch.setattr(lesson_module, "notebooks_folder", lambda: folder)

    def make(*cells: nbformat.NotebookNode) -> Path:
        lessons: Registry[Lesson] = Registry("lesson")
        lessons.register("sample")(Lesson("sample.ipynb", "A sample"))
        monkeypatch.setattr(lesson_module, "LESSONS", lessons)
        notebook = new_notebook(
            cells=[code_cell(PARAMETERS, tags=["parameters"]), *cells],
            metadata={
                "kernelspec": {"name": "workbench", "display_name": "", "language": "python"}
            },
        )
        path = folder / "sample.ipynb"
        nbformat.write(notebook, path)
        return path

    return make


@pytest.fixture
def sample(make_lesson: MakeLesson) -> Path:
    """A lesson that records, draws and prints a table."""
    return make_lesson(
        new_markdown_cell("# The start\n\nWords."),
        code_cell(SETTLE),
        new_markdown_cell("Words.\n\n## Curves & such"),
        code_cell(DRAW),
        code_cell("plt.plot([1]); plt.show()", figure="Named here"),
        code_cell(FINISH),
    )
