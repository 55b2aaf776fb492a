"""What is installed, what the machine has, and what is wrong with either.

Every finding that is a trouble says what to do about it. TensorFlow is asked in a process of
its own, since a broken installation of it may end the process that imports it.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Literal

from workbench.errors import WorkbenchError

_BACKEND_QUESTION = """
import json, keras, tensorflow
answer = {
    "backend": keras.backend.backend(),
    "cuda": tensorflow.test.is_built_with_cuda(),
    "gpus": [],
}
if answer["backend"] == "tensorflow":
    from workbench.network.device import survey
    answer["gpus"] = survey()
print(json.dumps(answer))
"""


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        section: Heading it belongs under.
        name: What was looked at.
        state: ``"fine"``, ``"note"`` (differs from what was tested) or ``"trouble"``.
        value: What was found.
        remedy: What to do about it.
    """

    section: str
    name: str
    state: Literal["fine", "note", "trouble"]
    value: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at everything; takes some seconds, most of them for importing TensorFlow."""
    return [*_versions(), *_devices(), *_kernels(), *_data(), *_lessons()]


def is_well(findings: list[Finding]) -> bool:
    """Return whether no finding is a trouble."""
    return all(finding.state != "trouble" for finding in findings)


def as_json(findings: list[Finding]) -> str:
    """Return the findings as a JSON object with the keys ``well`` and ``findings``."""
    content = {"well": is_well(findings), "findings": [asdict(finding) for finding in findings]}
    return json.dumps(content, indent=2, ensure_ascii=False)


def as_text(findings: list[Finding]) -> str:
    """Return the findings as lines under headings, with a verdict at the end."""
    marks = {"fine": " ", "note": "~", "trouble": "!"}
    lines, section = [], ""
    for finding in findings:
        if finding.section != section:
            section = finding.section
            lines += ["", section]
        lines.append(f"{marks[finding.state]} {finding.name:<22} {finding.value}".rstrip())
        if finding.remedy:
            lines.append(f"{'':<25}{finding.remedy}")
    troubles = sum(finding.state == "trouble" for finding in findings)
    verdict = "All is well." if not troubles else f"{troubles} trouble(s), marked with !"
    return "\n".join([*lines, "", verdict]).lstrip("\n")


def _versions() -> Iterator[Finding]:
    from packaging.requirements import Requirement

    yield Finding("Versions", "python", "fine", f"{platform.python_version()} {sys.executable}")
    try:
        own, needed = version("workbench"), requires("workbench") or []
    except PackageNotFoundError:
        remedy = "In the project's folder: make run, or python -m pip install -e ."
        yield Finding("Versions", "workbench", "trouble", "not installed", remedy)
        return
    yield Finding("Versions", "workbench", "fine", own)
    tested = locked_versions()
    for text in sorted(needed, key=str.lower):
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield _package(requirement.name, requirement.specifier, tested)


def _package(name: str, bounds: object, tested: dict[str, str]) -> Finding:
    from packaging.specifiers import SpecifierSet

    remedy = f'python -m pip install "{name}=={tested[name]}"' if name in tested else ""
    remedy = remedy or f'python -m pip install "{name}{bounds}"'
    try:
        found = version(name)
    except PackageNotFoundError:
        return Finding("Versions", name, "trouble", "missing", remedy)
    if not SpecifierSet(str(bounds)).contains(found, prereleases=True):
        return Finding("Versions", name, "trouble", f"{found}, but {bounds} is needed", remedy)
    if found != tested.get(name, found):
        return Finding("Versions", name, "note", f"{found} (tested with {tested[name]})")
    return Finding("Versions", name, "fine", found)


def locked_versions() -> dict[str, str]:
    """Return the versions that were tested together, for this Python and platform.

    They are read from the lock file of the source tree; elsewhere the mapping is empty.
    """
    from packaging.requirements import Requirement

    lock = Path(__file__).parent.parent / "requirements.lock"
    if not lock.is_file():
        return {}
    pins = (line for line in lock.read_text(encoding="utf-8").splitlines() if line[:1].isalnum())
    requirements = [Requirement(pin.rstrip("\\ ")) for pin in pins]
    return {
        requirement.name: str(requirement.specifier).removeprefix("==")
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate()
    }


def _devices() -> Iterator[Finding]:
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("Devices", "CPU cores", "fine", f"{cores} ({platform.machine()})")
    memory = psutil.virtual_memory()
    yield Finding(
        "Devices",
        "memory",
        "fine",
        f"{memory.total / 2**30:.1f} GiB, {memory.available / 2**30:.1f} GiB free",
    )
    yield from _backend()


def _backend() -> Iterator[Finding]:
    asked = subprocess.run(
        [sys.executable, "-c", _BACKEND_QUESTION],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_FORCE_GPU_ALLOW_GROWTH": "true"},
        check=False,
    )
    if asked.returncode:
        reason = (asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"])[-1]
        remedy = "Install the tested versions: python -m pip install -r requirements.lock"
        yield Finding("Devices", "TensorFlow", "trouble", reason, remedy)
        return
    answer = json.loads(asked.stdout.strip().splitlines()[-1])
    yield from map(_gpu, range(len(answer["gpus"])), answer["gpus"])
    if not answer["gpus"]:
        yield _no_gpu(answer["cuda"])
    if answer["backend"] == "tensorflow":
        yield Finding("Devices", "Keras backend", "fine", "tensorflow")
    else:
        remedy = "Set the environment variable KERAS_BACKEND=tensorflow."
        yield Finding("Devices", "Keras backend", "trouble", answer["backend"], remedy)


def _gpu(number: int, gpu: dict[str, Any]) -> Finding:
    parts = [gpu["name"]]
    if gpu["memory"]:
        parts.append(f"{gpu['memory'] / 2**30:.1f} GiB for TensorFlow")
    if gpu["compute_capability"]:
        parts.append(f"compute capability {gpu['compute_capability']}")
    parts.append("bfloat16" if gpu["bfloat16"] else "no bfloat16")
    parts.append("no XLA" if gpu["xla"] else "XLA")
    remedy = ""
    if gpu["xla"]:
        remedy = (
            f"XLA says: {gpu['xla']} python -m pip install 'workbench[gpu]' brings all of CUDA."
        )
    state: Literal["fine", "note"] = "note" if gpu["xla"] else "fine"
    return Finding("Devices", f"GPU {number}", state, ", ".join(parts), remedy)


def _no_gpu(cuda: bool) -> Finding:
    """Say why TensorFlow sees no GPU; that is a trouble only to who thought there was one."""
    none, cpu = "none seen by TensorFlow", "everything runs on the CPU"
    install = "On Linux: python -m pip install 'workbench[gpu]'"
    if not _has_driver():
        return Finding("Devices", "GPU", "fine", f"{none} (no driver of NVIDIA's here); {cpu}")
    if not cuda:
        why = f"{none}, which is built without CUDA; {cpu}"
        return Finding("Devices", "GPU", "note", why, install)
    why = f"{none}, though NVIDIA's driver sees one: CUDA's libraries are missing or do not fit it"
    return Finding("Devices", "GPU", "note", f"{why}; {cpu}", install)


def _has_driver() -> bool:
    """Return whether NVIDIA's driver is at work, with a card that it sees."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    asked = subprocess.run(
        [program, "-L"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    return asked.returncode == 0 and "GPU" in asked.stdout


def _kernels() -> Iterator[Finding]:
    from workbench.kernel.register import known_kernels, list_kernels

    registered = {kernel.name: kernel for kernel in list_kernels()}
    remedy = "workbench kernel install"
    for name in known_kernels():
        kernel = registered.get(name)
        if kernel is None:
            yield Finding("Kernels", name, "trouble", "not registered with Jupyter", remedy)
        elif shutil.which(kernel.python) is None and kernel.python != "python":
            gone = f"starts {kernel.python}, which is gone ({kernel.folder})"
            yield Finding("Kernels", name, "trouble", gone, remedy)
        elif kernel.python not in ("python", sys.executable):
            other = f"starts another Python, {kernel.python} ({kernel.folder})"
            yield Finding("Kernels", name, "note", other, f"To start this one: {remedy}")
        else:
            yield Finding("Kernels", name, "fine", str(kernel.folder))


def _data() -> Iterator[Finding]:
    from workbench import list_datasets, load_dataset

    for name in list_datasets():
        try:
            rows = len(load_dataset(name).X)
        except WorkbenchError as error:
            remedy = "Install the package anew, or restore the file from version control."
            yield Finding("Data", name, "trouble", str(error), remedy)
        else:
            yield Finding("Data", name, "fine", f"{rows} samples")


def _lessons() -> Iterator[Finding]:
    from workbench.batch.lesson import LESSONS, notebooks_folder

    for name, lesson in LESSONS.items():
        path = notebooks_folder() / lesson.file
        if path.is_file():
            yield Finding("Lessons", name, "fine", str(path))
        else:
            remedy = "Install the package anew, or restore the file from version control."
            yield Finding("Lessons", name, "trouble", f"{path} is missing", remedy)
