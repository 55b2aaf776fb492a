import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.kernel.quiet import CHATTER as KNOWN
from workbench.kernel.quiet import QuietImport
from workbench.muting import muted

CHATTER = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "I0000 00:00:1795513116.209631    4590 port.cc:153] oneDNN custom operations are on.\n"
    "W0000 00:00:1795513116.209631    4590 cudart_stub.cc:31] Could not find cuda drivers.\n"
)
ERROR = "E0000 00:00:1795513121.557406    4590 cuda_platform.cc:52] failed call to cuInit\n"


def test_chatter_is_dropped_and_the_rest_comes_through(capfd: pytest.CaptureFixture[str]) -> None:
    with muted(KNOWN):
        os.write(2, (CHATTER + ERROR + "a message of the user's\n").encode())
    assert capfd.readouterr().err == ERROR + "a message of the user's\n"


def test_all_of_it_comes_through_on_failure(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with muted(KNOWN):
            os.write(2, CHATTER.encode())
            raise ImportError

    with pytest.raises(ImportError):
        fail()
    assert capfd.readouterr().err == CHATTER


@pytest.fixture
def noisy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "noisy.py").write_text(f"import os\nos.write(2, {CHATTER.encode()!r})\nx = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    finder = QuietImport("noisy")
    finder.install()
    yield "noisy"
    sys.meta_path.remove(finder)
    sys.modules.pop("noisy", None)


def test_a_noisy_module_is_imported_quietly(noisy: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert importlib.import_module(noisy).x == 3
    assert capfd.readouterr().err == ""


def test_other_modules_are_left_alone() -> None:
    assert QuietImport("noisy").find_spec("json", None) is None
