"""`import workbench` is cheap, and every public name is there."""

import json
import subprocess
import sys

import pytest

import workbench

HEAVY = {"keras", "tensorflow", "pandas", "matplotlib", "sklearn", "scipy", "pygad", "papermill"}


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that are loaded after a statement in a new process."""
    code = f"{statement}\nimport json, sys; print(json.dumps([*sys.modules]))"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(asked.stdout.splitlines()[-1])}


def test_importing_workbench_loads_nothing_heavy() -> None:
    assert not loaded_by("import workbench") & HEAVY


def test_asking_for_help_loads_nothing_heavy() -> None:
    statement = (
        "import contextlib, workbench.cli\n"
        "with contextlib.suppress(SystemExit): workbench.cli.main(['--help'])"
    )
    assert not loaded_by(statement) & (HEAVY | {"numpy", "IPython", "jupyter_client"})


def test_running_a_kernel_loads_nothing_heavy() -> None:
    assert not loaded_by("import workbench.kernel.app") & HEAVY


@pytest.mark.parametrize("name", dir(workbench))
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(workbench, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        workbench.lode_dataset  # noqa: B018
