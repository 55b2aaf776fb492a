"""What holds for every lesson as it is committed."""

import nbformat
import pytest

from workbench.batch.lesson import LESSONS
from workbench.batch.recording import recorded

LARGEST = 300_000  # bytes of an image


@pytest.mark.parametrize("name", LESSONS)
def test_the_notebook_is_committed_whole_and_executed(name: str) -> None:
    notebook = nbformat.read(LESSONS[name].path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    images = [o.data["image/png"] for o in outputs if "image/png" in o.get("data", {})]
    assert len(images) >= 4
    assert max(map(len, images)) * 3 / 4 < LARGEST
    assert "times" not in recorded(notebook), "what a clock measured differs from run to run"
