"""The panel: who is shown one, when, and that it says what happened."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from nbformat.v4 import new_code_cell, new_notebook

from workbench import progress
from workbench.batch.execute import execute
from workbench.kernel import SPECS
from workbench.training import panel
from workbench.training.curve import curve_svg
from workbench.training.panel import Panel, panel_html, panel_or_bar

SVG = "{http://www.w3.org/2000/svg}"
TIMEOUT = 60
PERF = np.array([1.0, 0.1, 0.003, 0.002])
HISTORY = {
    "perf": PERF,
    "vperf": np.array([2.0, 0.3, 0.02, 0.04]),
    "tperf": np.full(4, np.nan),
    "gradient": np.array([0.5, 0.05, 0.005, 0.0005]),
    "val_fail": np.array([0.0, 0.0, 0.0, 1.0]),
    "mu": np.array([1e-3, 1e-4, 1e-5, 1e-6]),
}
LIMITS = {"epochs": 1000, "seconds": np.inf, "perf": 1e-6, "mu": 1e10, "val_fail": 6}


def cells(html: str) -> list[list[str]]:
    """Return the rows of the table in a panel."""
    rows = ElementTree.fromstring(html).iter("tr")
    return [["".join(cell.itertext()) for cell in row] for row in rows]


def test_the_table_has_start_current_and_stop_value_of_everything() -> None:
    assert cells(panel_html("trainlm", HISTORY, LIMITS, 3, 75.3)) == [
        ["", "Start", "Now", "Stop"],
        ["Epoch", "0", "3", "1000"],
        ["Elapsed time", "0:00:00", "0:01:15", "–"],
        ["Performance", "1", "0.002", "1e-06"],
        ["Gradient", "0.5", "0.0005", "–"],
        ["mu", "0.001", "1e-06", "1e+10"],
        ["Validation checks", "0", "1", "6"],
    ]


def test_meters_show_how_much_of_the_way_is_done() -> None:
    html = panel_html("trainlm", HISTORY | {"perf": np.array([1.0, 1e-3])}, LIMITS, 250, 1.0)
    assert "#cfe6f5 25.0%" in html  # epochs
    assert "#cfe6f5 50.0%" in html  # three of six decades
    assert "#cfe6f5 16.7%" in html  # one of six validation checks


def test_names_are_escaped() -> None:
    assert "Training: <b> & co" in "".join(
        ElementTree.fromstring(panel_html("<b> & co", HISTORY, LIMITS, 3, 1.0)).itertext()
    )


def polylines(svg: str) -> list[np.ndarray]:
    lines = ElementTree.fromstring(svg).iter(f"{SVG}polyline")
    return [
        np.array([pair.split(",") for pair in line.get("points", "").split()], float)
        for line in lines
    ]


def test_the_curves_are_logarithms_of_what_was_measured() -> None:
    curves = polylines(curve_svg({name: HISTORY[name] for name in ("perf", "vperf", "tperf")}))
    assert len(curves) == 2, "the test rows, which are missing, are drawn"
    # One straight line maps the logarithms of both curves to heights.
    logs = np.log10([PERF, HISTORY["vperf"]]).ravel()
    heights = np.concatenate([curve[:, 1] for curve in curves])
    slope, offset = np.polyfit(logs, heights, 1)
    assert slope < 0
    np.testing.assert_allclose(slope * logs + offset, heights, atol=0.1)
    np.testing.assert_allclose(np.diff(curves[0][:, 0]), np.diff(curves[0][:, 0])[0], atol=0.11)


@pytest.mark.parametrize("values", [[np.nan], [0.0], [1.0], [1e-300, 1e300], [np.inf, 1.0]])
def test_any_values_make_a_curve(values: list[float]) -> None:
    svg = ElementTree.fromstring(curve_svg({"perf": np.array(values)}, goal=1e-3))
    labels = [text.text for text in svg.iter(f"{SVG}text") if str(text.text).startswith("1e")]
    assert 1 < len(labels) <= 6


def test_a_long_training_makes_no_long_curve() -> None:
    (curve,) = polylines(curve_svg({"perf": np.geomspace(1, 1e-6, 100_000)}))
    assert len(curve) <= 240
    assert curve[0, 0] < curve[-1, 0]


Shown = list[tuple[str, str, str]]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Stand in for the clock; its only entry is the time."""
    now = [100.0]
    for module in (panel, progress):
        monkeypatch.setattr(module, "perf_counter", lambda: now[0])
    return now


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """Stand in for a front end that shows whatever it is sent: verb, identity and HTML."""
    import IPython.display

    sent: Shown = []
    for verb in ("display", "update_display"):

        def keep(bundle: Any, *, display_id: str, raw: bool, verb: str = verb) -> None:
            assert raw
            sent.append((verb, display_id, bundle["text/html"]))

        monkeypatch.setattr(IPython.display, verb, keep)
    monkeypatch.setattr(Panel, "_displayed", "")
    return sent


def made(cell: str = "a") -> Panel:
    return Panel(LIMITS, 1000, "trainlm", "epoch", cell)


def test_what_ends_within_a_second_leaves_no_trace(clock: list[float], shown: Shown) -> None:
    with made() as it:
        for _ in range(9):
            clock[0] += 0.11
            it.show(HISTORY)
            it.update(4)
    assert shown == []


def test_it_changes_in_place_at_most_four_times_a_second(clock: list[float], shown: Shown) -> None:
    with made() as it:
        for _ in range(384):
            clock[0] += 1 / 128
            it.show({"perf": clock[0]})
            it.update()
    assert [verb for verb, _, _ in shown] == ["display"] + ["update_display"] * 9
    assert len({identity for _, identity, _ in shown}) == 1
    # The last one shows the end, due or not.
    assert cells(shown[-1][2])[1:4] == [
        ["Epoch", "0", "383", "1000"],
        ["Elapsed time", "0:00:00", "0:00:03", "–"],
        ["Performance", "100", "103", "1e-06"],
    ]


def test_numbers_and_arrays_are_put_together(clock: list[float], shown: Shown) -> None:
    with made() as it:
        it.show({"perf": PERF[:2], "gradient": np.ones(2)})
        clock[0] += 2
        it.update(2)
        it.show({"perf": 0.25, "gradient": 3})
        it.set_postfix(restart="3/20")
    assert cells(shown[-1][2])[3:5] == [
        ["Performance", "1", "0.25", "1e-06"],
        ["Gradient", "1", "3", "–"],
    ]
    assert "Training: trainlm (restart=3/20)" in shown[-1][2]


def test_it_shows_before_it_has_values(clock: list[float], shown: Shown) -> None:
    with made() as it:
        clock[0] += 2
        it.update(7)
        it.show({"perf": PERF})
    assert cells(shown[0][2])[1:] == [
        ["Epoch", "0", "7", "1000"],
        ["Elapsed time", "0:00:00", "0:00:02", "–"],
    ]
    assert cells(shown[1][2])[3][:3] == ["Performance", "1", "0.002"]


def test_a_cell_has_one_panel_and_the_next_cell_another(clock: list[float], shown: Shown) -> None:
    for cell in ("a", "a", "b"):
        with made(cell) as it:
            clock[0] += 2
            it.update()
    first = [shown[number][:2] for number in (0, 2, 4)]
    assert [verb for verb, _ in first] == ["display", "update_display", "display"]
    assert first[0][1] == first[1][1] != first[2][1]


def test_outside_of_notebooks_there_is_a_bar(clock: list[float], capsys) -> None:
    with panel_or_bar(LIMITS, 10, "trainlm", "epoch", enabled=True) as it:
        clock[0] += 1.5
        it.show(HISTORY)
        it.update(3)
    out, err = capsys.readouterr()
    assert out == ""
    assert all(word in err for word in ("trainlm", "3/10", "perf=0.002", "epochs"))


def test_what_is_switched_off_shows_nothing(clock: list[float], capsys) -> None:
    with panel_or_bar(LIMITS, 10, "trainlm", "epoch", enabled=False) as it:
        clock[0] += 1000
        it.show(HISTORY)
        it.update(3)
    assert capsys.readouterr() == ("", "")


# A training of three seconds, without the three seconds.
TRAINING = """\
from workbench.training import panel
from workbench import progress
now = [0.0]
panel.perf_counter = progress.perf_counter = lambda: now[0]
with panel.panel_or_bar({"perf": 1e-6}, 9, "trainlm", "epoch", enabled=ENABLED) as it:
    for epoch in range(4):
        it.show({"perf": 10.0**-epoch})
        it.update(epoch > 0)
        now[0] += 1
"""


def test_nothing_heavy_is_loaded_by_a_panel_that_does_not_show() -> None:
    code = (
        "import sys\n" + TRAINING.replace("ENABLED", "False") + "sys.exit(any(name in sys.modules"
        " for name in ('IPython', 'matplotlib', 'tqdm', 'keras', 'tensorflow')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture(scope="module")
def client() -> Iterator[BlockingKernelClient]:
    specs = KernelSpecManager(kernel_dirs=[str(SPECS)])
    started = KernelManager(kernel_name="workbench", kernel_spec_manager=specs)
    started.start_kernel()
    client = started.client()
    client.start_channels()
    client.wait_for_ready(TIMEOUT)
    yield client
    client.stop_channels()
    started.shutdown_kernel()
    started.context.destroy()


def run(client: BlockingKernelClient, *, allow_stdin: bool, enabled: bool = True) -> list[Any]:
    """Run the training as a front end does; return type and content of what it is sent."""
    sent: list[Any] = []

    def keep(message: dict[str, Any]) -> None:
        if message["msg_type"] not in ("status", "execute_input"):
            sent.append((message["msg_type"], message["content"]))

    code = TRAINING.replace("ENABLED", str(enabled))
    client.execute_interactive(code, allow_stdin=allow_stdin, output_hook=keep, timeout=TIMEOUT)
    return sent


def test_a_front_end_with_a_user_is_shown_a_panel(client: BlockingKernelClient) -> None:
    sent = run(client, allow_stdin=True)
    assert [kind for kind, _ in sent] == ["display_data"] + ["update_display_data"] * 3
    assert len({content["transient"]["display_id"] for _, content in sent}) == 1
    last = sent[-1][1]["data"]
    assert cells(last["text/html"])[1] == ["Epoch", "0", "3", "9"]
    assert last["text/plain"] == "trainlm: 3 epochs"


def test_a_front_end_without_one_is_shown_a_bar(client: BlockingKernelClient) -> None:
    sent = run(client, allow_stdin=False)
    assert "trainlm" in str(sent)
    assert not any("text/html" in content.get("data", {}) for _, content in sent)


def test_a_front_end_is_shown_nothing_when_switched_off(client: BlockingKernelClient) -> None:
    assert run(client, allow_stdin=True, enabled=False) == []


def test_a_notebook_that_is_executed_in_a_batch_is_left_without_panel(tmp_path: Path) -> None:
    notebook = new_notebook(cells=[new_code_cell(TRAINING.replace("ENABLED", "True"))])
    nbformat.write(notebook, tmp_path / "a.ipynb")
    execute(tmp_path / "a.ipynb", tmp_path / "b.ipynb", {}, tmp_path, progress=False)
    assert "text/html" not in (tmp_path / "b.ipynb").read_text(encoding="utf-8")
