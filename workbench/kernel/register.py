"""Tell Jupyter about the kernels, list them and take them away again.

Installing the package registers them in its own environment already (they are data files of
the wheel); this is for a Jupyter that lives elsewhere.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ArgumentError, UnknownNameError

SPECS = Path(__file__).parent / "specs"


@dataclass(frozen=True)
class RegisteredKernel:
    """A kernel of ours as Jupyter finds it.

    Attributes:
        name: Name to select it by.
        folder: Where its kernelspec lies.
        python: The interpreter it starts, or ``"python"`` for that of the Jupyter at hand.
    """

    name: str
    folder: Path
    python: str


def known_kernels() -> list[str]:
    """Return the names of the kernels this package has."""
    return sorted(spec.parent.name for spec in SPECS.glob("*/kernel.json"))


def list_kernels() -> list[RegisteredKernel]:
    """Return our kernels that the Jupyter of this environment finds."""
    from jupyter_client.kernelspec import KernelSpecManager

    found = []
    for name, known in KernelSpecManager().get_all_specs().items():
        argv = known["spec"]["argv"]
        if "workbench.kernel" in argv:
            found.append(RegisteredKernel(name, Path(known["resource_dir"]), argv[0]))
    return sorted(found, key=lambda kernel: kernel.name)


def install_kernel(
    name: str = "workbench", *, user: bool = False, prefix: str | None = None
) -> Path:
    """Register a kernel so that it starts the interpreter that runs this.

    Args:
        name: Which kernel.
        user: For all of this user's Jupyter installations.
        prefix: For the environment at this path; by default the running one.

    Returns:
        The folder of the kernelspec.

    Raises:
        UnknownNameError: There is no kernel of that name.
        ArgumentError: Both ``user`` and ``prefix`` are given, or the place cannot be written.
    """
    from jupyter_core.paths import jupyter_data_dir

    if name not in known_kernels():
        raise UnknownNameError("kernel", name, known_kernels())
    if user and prefix is not None:
        raise ArgumentError("prefix", "be left out together with user=True", prefix)
    data = Path(jupyter_data_dir()) if user else Path(prefix or sys.prefix) / "share" / "jupyter"
    kernels = data / "kernels"
    try:
        kernels.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kernels, prefix=".new-") as staging:
            staged = Path(staging) / name
            shutil.copytree(SPECS / name, staged)
            _start_this_interpreter(staged / "kernel.json")
            if (kernels / name).exists():
                (kernels / name).rename(Path(staging) / "old")
            staged.rename(kernels / name)
    except OSError as error:
        raise ArgumentError(
            "prefix", "be a folder that can be written", str(error), "Try --user."
        ) from error
    return kernels / name


def remove_kernel(name: str = "workbench") -> Path:
    """Take away the registration Jupyter finds first, and return the folder it was in.

    Raises:
        UnknownNameError: No kernel of ours is registered under that name.
        ArgumentError: The folder cannot be removed.
    """
    registered = {kernel.name: kernel for kernel in list_kernels()}
    if name not in registered:
        raise UnknownNameError("registered kernel", name, registered or ["(none)"])
    folder = registered[name].folder
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise ArgumentError("name", "be a kernel this user may remove", str(error)) from error
    return folder


def _start_this_interpreter(path: Path) -> None:
    # Any other Jupyter would put its own interpreter in place of a bare "python".
    spec = json.loads(path.read_text(encoding="utf-8"))
    spec["argv"][0] = sys.executable
    path.write_text(json.dumps(spec, indent=1) + "\n", encoding="utf-8")
