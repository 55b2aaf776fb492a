"""Take figures and results out of an executed notebook and write them as files."""

from __future__ import annotations

import base64
import json
import platform
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from workbench.batch.recording import encode, outputs, recorded
from workbench.files import replace_file

# What can change a figure in the last digit; the lock file names the rest.
_PACKAGES = (
    "workbench",
    "tensorflow",
    "keras",
    "pygad",
    "numpy",
    "scipy",
    "scikit-learn",
)


def figures(notebook: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yield file name and content of every PNG image among a notebook's outputs.

    The name is the image's number with the ``figure`` entry of its cell's metadata or, without
    one, the nearest Markdown heading above it.
    """
    headings = _headings(notebook)
    number = 0
    for index, output in outputs(notebook):
        image = output.get("data", {}).get("image/png")
        if image is None:
            continue
        number += 1
        title = notebook["cells"][index]["metadata"].get("figure") or headings[index]
        name = f"{number:02d}-{_slug(title)}".rstrip("-")
        yield f"{name}.png", base64.b64decode("".join(image))


def results(
    lesson: str, notebook: Mapping[str, Any], parameters: Mapping[str, object]
) -> dict[str, Any]:
    """Return what is worth keeping of a run, ready for JSON.

    Args:
        lesson: Name of the lesson.
        notebook: Executed notebook, with papermill's metadata.
        parameters: All parameters with their values.

    Returns:
        A mapping with the keys ``lesson``, ``parameters``, ``seeds`` (the parameters called
        seed, seeds or ending so), ``data``, ``results``, ``summary``, ``versions`` and
        ``times``. All but ``times`` is the same in every run with the same parameters and
        versions.
    """
    values = recorded(notebook)
    times = {
        "started": notebook["metadata"]["papermill"]["start_time"],
        "seconds": notebook["metadata"]["papermill"]["duration"],
        **values.pop("times", {}),
    }
    return {
        "lesson": lesson,
        "parameters": {name: encode(name, value) for name, value in parameters.items()},
        "seeds": {
            name: encode(name, value)
            for name, value in parameters.items()
            if re.search(r"(^|_)seeds?$", name)
        },
        "data": values.pop("data", None),
        "summary": values.pop("summary", []),
        "results": values,
        "versions": versions(),
        "times": times,
    }


def versions() -> dict[str, str | None]:
    """Return the versions of Python, the platform and the packages that compute."""
    found: dict[str, str | None] = {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
    }
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def write_figures(folder: Path, images: Mapping[str, bytes], stale: list[str]) -> list[Path]:
    """Write images into ``folder``; remove those of an earlier run that have no successor.

    Args:
        folder: Where to; made if need be.
        images: Content by file name.
        stale: File names the earlier run left there. Other files are nobody's business.
    """
    if images:
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in images.items():
        replace_file(folder / name, content)
    for name in set(stale) - set(images):
        (folder / name).unlink(missing_ok=True)
    return [folder / name for name in images]


def write_notebook(path: Path, notebook: Any) -> None:
    """Write a notebook with its text in lines, as Jupyter saves it."""
    import nbformat

    replace_file(path, (nbformat.writes(notebook) + "\n").encode("utf-8"))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write ``content`` as indented JSON."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    replace_file(path, text.encode("utf-8"))


def _headings(notebook: Mapping[str, Any]) -> list[str]:
    nearest, found = "", []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            above = re.findall(r"^#+\s+(.+?)\s*#*$", "".join(cell["source"]), flags=re.MULTILINE)
            nearest = above[-1] if above else nearest
        found.append(nearest)
    return found


def _slug(title: str) -> str:
    return re.sub(r"[\W_]+", "-", title.lower()).strip("-")[:60].rstrip("-")
