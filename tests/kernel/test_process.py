"""The kernel as Jupyter sees it: a process that is sent cells."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from workbench.kernel import SPECS

TIMEOUT = 60


class Session:
    """A running kernel."""

    def __init__(self, client: BlockingKernelClient, home: Path):
        self.client, self.home = client, home

    def run(self, code: str) -> list[dict[str, Any]]:
        """Run a cell; return its outputs."""
        outputs: list[dict[str, Any]] = []

        def keep(message: dict[str, Any]) -> None:
            if message["msg_type"] in {"stream", "display_data", "execute_result", "error"}:
                outputs.append(message["content"])

        self.client.execute_interactive(code, output_hook=keep, timeout=TIMEOUT)
        return outputs

    def value(self, expression: str) -> Any:
        """Return the value of an expression that JSON can hold."""
        (output,) = self.run(f"import json as _json; print(_json.dumps({expression}))")
        return json.loads(output["text"])

    def complete(self, code: str) -> list[str]:
        reply = self.client.complete(code, len(code), reply=True, timeout=TIMEOUT)
        return list(reply["content"]["matches"])


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    home = tmp_path_factory.mktemp("home")
    # The kernel has to care for its own backend, whatever it inherits.
    environment = os.environ | {"HOME": str(home), "MPLBACKEND": "Agg"}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    manager = KernelManager(
        kernel_name="workbench", kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(SPECS)])
    )
    manager.start_kernel(env=environment)
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(TIMEOUT)
    yield Session(client, home)
    client.stop_channels()
    manager.shutdown_kernel()
    manager.context.destroy()
    assert not (home / ".ipython").exists(), "the kernel left history or settings at home"


def test_nothing_heavy_is_loaded_at_the_start(session: Session) -> None:
    heavy = ["tensorflow", "keras", "numpy", "matplotlib", "pandas", "sklearn", "scipy"]
    loaded = session.value(f"[m for m in {heavy} if m in __import__('sys').modules]")
    assert loaded == []


def test_a_public_name_works_without_an_import(session: Session) -> None:
    (output,) = session.run("load_dataset.__name__")
    assert output["data"]["text/plain"] == "'load_dataset'"


def test_a_users_variable_of_the_same_name_stays(session: Session) -> None:
    session.run("list_datasets = 3")
    assert session.value("list_datasets") == 3
    session.run("del list_datasets")
    assert session.value("callable(list_datasets)") is True


def test_names_used_by_timing_magics_are_there(session: Session) -> None:
    session.run("%reset -f")
    outputs = session.run("%timeit -n1 -r1 np.arange(3)")
    assert [output.get("ename") for output in outputs] == [None]


def test_the_users_own_names_are_the_only_ones_listed(session: Session) -> None:
    session.run("%reset -f")
    session.run("mine = np.pi")
    (output,) = session.run("%who")
    assert output["text"].split() == ["mine"]


@pytest.mark.parametrize(("typed", "name"), [("load_da", "load_dataset"), ("np.ara", "arange")])
def test_completion_offers_names_before_they_are_bound(
    session: Session, typed: str, name: str
) -> None:
    session.run("%reset -f")
    assert any(match.endswith(name) for match in session.complete(typed))


def test_tooltips_work_before_a_name_is_bound(session: Session) -> None:
    session.run("%reset -f")
    reply = session.client.inspect("load_dataset(", 5, reply=True, timeout=TIMEOUT)
    assert reply["content"]["found"]


def test_figures_show_as_sharp_png(session: Session) -> None:
    (output,) = session.run("plt.figure(figsize=(4, 3)); plt.plot([1, 2]); plt.show()")
    assert output["data"]["image/png"]
    shown = output["metadata"]["image/png"]["width"]
    code = "import base64, io, PIL.Image as _I; _I.open(io.BytesIO(base64.b64decode({!r}))).width"
    (pixels,) = session.run(code.format(output["data"]["image/png"]))
    assert int(pixels["data"]["text/plain"]) == 2 * shown


def test_tensorflow_is_silent_when_it_starts(session: Session) -> None:
    assert session.run("import tensorflow as tf; tf.constant(1); None") == []


def test_programs_started_from_cells_keep_the_users_settings(session: Session) -> None:
    assert session.value("__import__('os').environ.get('IPYTHONDIR')") is None
