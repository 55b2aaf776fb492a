"""Execute the lessons with their full parameters and keep them, outputs included, in notebooks/.

    python tools/lessons.py [NAME ...]

What differs from run to run (times, progress bars, papermill's notes) is left out, so that an
unchanged lesson leaves an unchanged file.
"""

from __future__ import annotations

import argparse
import base64
import io
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from workbench.batch.execute import execute
from workbench.batch.harvest import write_notebook
from workbench.batch.lesson import LESSONS
from workbench.batch.recording import MIME, record_bundle

_LARGEST = 300_000  # bytes of one image


def main() -> None:
    """Refresh the lessons named on the command line, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", default=list(LESSONS), metavar="NAME")
    for name in parser.parse_args().names:
        lesson = LESSONS[name]
        with tempfile.TemporaryDirectory() as scratch:
            target = Path(scratch) / lesson.file
            notebook = execute(lesson.path, target, {}, Path(scratch), progress=True)
        clean(notebook)
        write_notebook(lesson.path, notebook)
        print(f"{lesson.path}: {lesson.path.stat().st_size / 1e3:.0f} kB")


def clean(notebook: dict[str, Any]) -> None:
    """Take everything out of an executed notebook that the next run would have differently."""
    kernel = {"display_name": "Workbench (Python)", "language": "python", "name": "workbench"}
    notebook["metadata"] = {"kernelspec": kernel, "language_info": {"name": "python"}}
    for cell in notebook["cells"]:
        kept = {
            key: cell["metadata"][key] for key in ("tags", "figure") if cell["metadata"].get(key)
        }
        cell["metadata"] = kept
        if cell["cell_type"] == "code":
            cell["outputs"] = [_lasting(output) for output in cell["outputs"] if _is_result(output)]


def _is_result(output: dict[str, Any]) -> bool:
    return not (output["output_type"] == "stream" and output["name"] == "stderr")


def _lasting(output: dict[str, Any]) -> dict[str, Any]:
    data = output.get("data", {})
    output.get("metadata", {}).pop("papermill", None)
    if MIME in data:
        output["data"] = record_bundle({k: v for k, v in data[MIME].items() if k != "times"})
    if "image/png" in data:
        data["image/png"] = _smaller(data["image/png"])
    return output


def _smaller(image: str) -> str:
    """Return a PNG with 256 colours, a third of the size and the same to the eye."""
    buffer = io.BytesIO()
    picture = Image.open(io.BytesIO(base64.b64decode(image))).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    if buffer.tell() > _LARGEST:
        raise SystemExit(
            f"A figure has {buffer.tell()} bytes, more than {_LARGEST}. Make it smaller."
        )
    return base64.b64encode(buffer.getvalue()).decode()


if __name__ == "__main__":
    main()
