"""The lessons by name, and running one: notebook in; notebook, figures and results out."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import workbench
from workbench.batch.execute import execute
from workbench.batch.harvest import figures, results, write_figures, write_json, write_notebook
from workbench.batch.parameters import (
    Parameter,
    checked_values,
    declared_parameters,
    values_from_text,
)
from workbench.errors import ArgumentError, DataFileError
from workbench.registry import Registry


@dataclass(frozen=True)
class Lesson:
    """A notebook with parameters.

    Attributes:
        file: Its file name in the folder of notebooks.
        title: What it shows, in a line.
    """

    file: str
    title: str

    @property
    def path(self) -> Path:
        """Where the notebook is.

        Raises:
            DataFileError: It is missing from this installation.
        """
        path = notebooks_folder() / self.file
        if not path.is_file():
            raise DataFileError(f"The notebook {path} is missing. Install the package anew.")
        return path

    def parameters(self) -> dict[str, Parameter]:
        """Return what may be set, with the defaults."""
        return declared_parameters(self.path)


@dataclass(frozen=True)
class LessonRun:
    """What a run left.

    Attributes:
        lesson: Name of the lesson.
        folder: Where everything is.
        notebook: The executed notebook.
        figures: The figures as PNG files.
        results: Content of the file ``results.json``.
    """

    lesson: str
    folder: Path
    notebook: Path
    figures: tuple[Path, ...]
    results: dict[str, Any]


LESSONS: Registry[Lesson] = Registry("lesson")
LESSONS.register("ga-bp")(
    Lesson("01_ga_bp_regression.ipynb", "BP network for y = x1² + x2², initial weights by GA")
)
LESSONS.register("backprop")(
    Lesson("02_backpropagation_by_hand.ipynb", "Chain rule and gradient descent, derived by hand")
)
LESSONS.register("training-functions")(
    Lesson("03_training_functions.ipynb", "Thirteen training functions on three real tables")
)
LESSONS.register("classifiers")(
    Lesson("04_classifiers.ipynb", "Spam, digits and diagnoses: networks that decide, and how well")
)
LESSONS.register("swarm-extremum")(
    Lesson("05_swarm_bp_and_extremum.ipynb", "Swarm and ants train a network, and its extremum")
)
LESSONS.register("searches")(
    Lesson("06_searches_compared.ipynb", "All searches on test functions and on weights")
)
LESSONS.register("feature-selection")(
    Lesson("07_feature_selection.ipynb", "Which of 30 inputs a diagnosis needs, by binary genes")
)
LESSONS.register("convolutions")(
    Lesson("10_convolutions_and_their_cost.ipynb", "What a convolution sees, and what it costs")
)
LESSONS.register("senet")(
    Lesson("11_senet.ipynb", "Squeeze and excitation: what the block adds, and where it pays")
)
LESSONS.register("light-zoo")(
    Lesson("12_the_light_zoo.ipynb", "All families of light networks: what each costs and trades")
)
LESSONS.register("four-guidelines")(
    Lesson("13_four_guidelines.ipynb", "What makes a network quick beside its MACs, measured here")
)
LESSONS.register("evolve-cnn")(
    Lesson("15_evolve_a_cnn.ipynb", "Weights, head and architecture of a CNN by evolution")
)
LESSONS.register("prune-quantise-deploy")(
    Lesson("16_prune_quantise_deploy.ipynb", "How small a trained network gets, and still sees")
)


def run_lesson(
    name: str,
    parameters: Mapping[str, object] | None = None,
    folder: str | os.PathLike[str] | None = None,
    *,
    progress: bool = True,
) -> LessonRun:
    """Execute a lesson and leave its notebook, figures and results in a folder.

    Args:
        name: Name of the lesson.
        parameters: Values for some of its parameters.
        folder: Where to; by default ``runs/NAME-DATE-TIME`` below the working directory. The
            files of an earlier run there are replaced when this one has succeeded.
        progress: Show a bar that counts the cells.

    Raises:
        UnknownNameError: There is no such lesson or parameter.
        ArgumentError: A parameter is of the wrong kind, or the folder cannot be written.
        CellError: A cell failed. ``NAME.partial.ipynb`` shows where.
        KeyboardInterrupt: Ctrl-C was pressed. ``NAME.partial.ipynb`` has what was done.
    """
    lesson = LESSONS[name]
    declared = lesson.parameters()
    given = checked_values(declared, parameters or {})
    place = _made(Path(folder) if folder is not None else _fresh_folder(name))
    partial = place / f"{name}.partial.ipynb"
    executed = execute(lesson.path, partial, given, place, progress=progress)

    defaults = {parameter.name: parameter.default for parameter in declared.values()}
    found = results(name, executed, {**defaults, **given})
    images = dict(figures(executed))
    written = write_figures(place / "figures", images, _earlier_figures(place))
    found["files"] = {"notebook": f"{name}.ipynb", "figures": list(images)}
    notebook = place / f"{name}.ipynb"
    executed["metadata"]["papermill"]["output_path"] = str(notebook)
    write_notebook(notebook, executed)
    write_json(place / "results.json", found)
    partial.unlink()
    return LessonRun(name, place, notebook, tuple(written), found)


def lesson_values(name: str, pairs: Sequence[tuple[str, str]]) -> dict[str, object]:
    """Return the values of a lesson's parameters that a command line names as text.

    Raises:
        UnknownNameError: There is no such lesson or parameter.
        ArgumentError: A value is of another kind than the parameter's default.
    """
    return values_from_text(LESSONS[name].parameters(), pairs)


def notebooks_folder() -> Path:
    """Return the folder of the lessons: in the installed package, or of the source tree."""
    package = Path(workbench.__file__).parent
    shipped = package / "_share" / "notebooks"
    return shipped if shipped.is_dir() else package.parent / "notebooks"


def _fresh_folder(name: str) -> Path:
    base = Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    candidate, number = base, 1
    while candidate.exists():
        number += 1
        candidate = base.with_name(f"{base.name}-{number}")
    return candidate


def _made(folder: Path) -> Path:
    # Absolute, for the kernel gets this folder as its working directory.
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentError(
            "folder", "be a folder that can be written", str(error), "Choose another one."
        ) from error
    return folder


def _earlier_figures(folder: Path) -> list[str]:
    try:
        earlier = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        return [Path(name).name for name in earlier["files"]["figures"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []  # no earlier run, or a file of somebody else's
