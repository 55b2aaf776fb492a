"""`workbench doctor` finds what is wrong, and says what to do."""

import json
import os
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

import workbench.doctor as doctor
from workbench.cli import main
from workbench.doctor import Finding
from workbench.errors import DataFileError
from workbench.kernel.register import RegisteredKernel

FINE = Finding("Versions", "numpy", "fine", "2.4.6")
NOTE = Finding("Versions", "scipy", "note", "1.0 (tested with 1.17.1)")
TROUBLE = Finding("Kernels", "workbench", "trouble", "not registered", "workbench kernel install")


@pytest.mark.parametrize(
    ("findings", "code", "verdict"),
    [([FINE, NOTE], 0, "All is well."), ([FINE, TROUBLE], 1, "1 trouble(s), marked with !")],
)
def test_the_exit_code_and_the_verdict_tell_of_troubles(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    findings: list[Finding],
    code: int,
    verdict: str,
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: findings)
    assert main(["doctor"]) == code
    assert capsys.readouterr().out.splitlines()[-1] == verdict
    assert main(["doctor", "--json"]) == code
    said = json.loads(capsys.readouterr().out)
    assert said["well"] is (code == 0)
    assert [finding["name"] for finding in said["findings"]] == [f.name for f in findings]


def test_troubles_are_marked_and_followed_by_their_remedy() -> None:
    lines = doctor.as_text([FINE, TROUBLE]).splitlines()
    assert lines[0] == "Versions"
    assert lines[1].split() == ["numpy", "2.4.6"]
    assert lines[4].startswith("! workbench")
    assert lines[5].strip() == "workbench kernel install"


def test_the_tested_versions_are_the_locks() -> None:
    tested = doctor.locked_versions()
    assert tested["numpy"][0].isdigit()
    assert "appnope" in tested or sys.platform != "darwin"
    assert "pywinpty" not in tested or os.name == "nt"


def test_a_package_is_judged_by_its_bounds_and_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "version", lambda name: "2.0")

    def state(bounds: str, tested: dict[str, str]) -> tuple[str, str]:
        found = doctor._package("numpy", bounds, tested)
        return found.state, found.remedy

    assert state(">=1", {"numpy": "2.0"}) == ("fine", "")
    assert state(">=1", {}) == ("fine", "")
    assert state(">=1", {"numpy": "2.1"}) == ("note", "")
    assert state(">=3", {"numpy": "3.1"}) == ("trouble", 'python -m pip install "numpy==3.1"')
    assert state(">=3", {}) == ("trouble", 'python -m pip install "numpy>=3"')


def test_a_missing_package_is_a_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "version", gone)
    assert doctor._package("numpy", ">=2", {}).value == "missing"
    (python, own) = doctor._versions()
    assert python.state == "fine"
    assert (own.name, own.state) == ("workbench", "trouble")


def test_a_broken_tensorflow_is_a_trouble_with_its_own_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "_BACKEND_QUESTION", "raise ImportError('libfoo.so is missing')")
    (finding,) = doctor._backend()
    assert finding.state == "trouble"
    assert finding.value == "ImportError: libfoo.so is missing"


CARD = {
    "name": "A card",
    "compute_capability": "8.6",
    "bfloat16": True,
    "memory": 10 * 2**30,
    "xla": "",
}
OLD_CARD = CARD | {"compute_capability": "7.5", "bfloat16": False, "xla": "no libdevice."}


@pytest.mark.parametrize(
    ("backend", "gpus", "states", "words"),
    [
        ("tensorflow", [], ["fine", "fine"], "none seen"),
        (
            "tensorflow",
            [CARD],
            ["fine", "fine"],
            "A card, 10.0 GiB for TensorFlow, compute capability 8.6, bfloat16, XLA",
        ),
        ("tensorflow", [CARD, OLD_CARD], ["fine", "note", "fine"], "7.5, no bfloat16, no XLA"),
        ("tensorflow", [OLD_CARD], ["note", "fine"], "XLA says: no libdevice."),
        ("jax", [], ["fine", "trouble"], "KERAS_BACKEND=tensorflow"),
    ],
)
def test_devices_and_backend_are_told(
    monkeypatch: pytest.MonkeyPatch,
    backend: str,
    gpus: list[dict[str, Any]],
    states: list[str],
    words: str,
) -> None:
    answer = f"chatter\n{json.dumps({'backend': backend, 'cuda': True, 'gpus': gpus})}\n"
    monkeypatch.setattr(doctor, "_has_driver", lambda: False)
    monkeypatch.setattr(
        doctor.subprocess, "run", lambda *_, **__: CompletedProcess([], 0, answer, "")
    )
    findings = list(doctor._backend())
    assert [finding.state for finding in findings] == states
    assert any(words in finding.value + finding.remedy for finding in findings)


@pytest.mark.parametrize(
    ("driver", "cuda", "state", "words"),
    [
        (False, True, "fine", "no driver of NVIDIA's here"),
        (False, False, "fine", "no driver of NVIDIA's here"),
        (True, False, "note", "built without CUDA"),
        (True, True, "note", "CUDA's libraries are missing"),
    ],
)
def test_why_there_is_no_gpu_is_told_plainly(
    monkeypatch: pytest.MonkeyPatch, driver: bool, cuda: bool, state: str, words: str
) -> None:
    monkeypatch.setattr(doctor, "_has_driver", lambda: driver)
    finding = doctor._no_gpu(cuda)
    assert (finding.state, words in finding.value) == (state, True)
    assert ("workbench[gpu]" in finding.remedy) is driver


@pytest.mark.parametrize(
    ("program", "code", "says", "there"),
    [
        (None, 0, "", False),
        ("nvidia-smi", 0, "GPU 0: A card (UUID: GPU-1)", True),
        ("nvidia-smi", 0, "No devices were found", False),
        ("nvidia-smi", 9, "couldn't communicate with the NVIDIA driver", False),
    ],
)
def test_a_driver_counts_if_it_sees_a_card(
    monkeypatch: pytest.MonkeyPatch, program: str | None, code: int, says: str, there: bool
) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda name: program)
    monkeypatch.setattr(
        doctor.subprocess, "run", lambda *_, **__: CompletedProcess([], code, says, "")
    )
    assert doctor._has_driver() is there


@pytest.mark.parametrize(
    ("python", "state"),
    [
        (None, "trouble"),
        ("/gone/python", "trouble"),
        ("python", "fine"),
        (sys.executable, "fine"),
        ("/bin/sh", "note"),
    ],
)
def test_a_kernel_is_judged_by_what_it_starts(
    monkeypatch: pytest.MonkeyPatch, python: str | None, state: str
) -> None:
    kernels = [RegisteredKernel("workbench", Path("here"), python)] if python else []
    monkeypatch.setattr("workbench.kernel.register.list_kernels", lambda: kernels)
    (finding,) = doctor._kernels()
    assert finding.state == state


def test_a_damaged_data_set_is_a_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(name: str) -> None:
        raise DataFileError("quadratic.csv is damaged.")

    monkeypatch.setattr("workbench.load_dataset", damaged, raising=False)
    monkeypatch.setattr("workbench.list_datasets", lambda: ["quadratic"], raising=False)
    (finding,) = doctor._data()
    assert (finding.state, finding.value) == ("trouble", "quadratic.csv is damaged.")
