"""tools/setup.sh makes, repairs or leaves .venv alone; the Python here installs nothing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Says yes to every question, makes an environment that holds itself, and notes what is installed.
PYTHON = """#!/bin/sh
case "$*" in
    *"-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo venv >> log ;;
    *"-r requirements.lock"*) echo locked >> log; [ ! -e broken ] ;;
    *"-e ."*) echo package >> log ;;
    --version) echo "Python 3.12.0" ;;
    *) [ ! -e unfit ] ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in a folder with a space in its name."""
    folder = tmp_path / "a folder"
    (folder / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "setup.sh", folder / "tools")
    (folder / "requirements.lock").write_text("numpy==1\n")
    (folder / "pyproject.toml").write_text("[project]\n")
    python = tmp_path / "a python" / "python"
    python.parent.mkdir()
    python.write_text(PYTHON)
    python.chmod(0o755)
    return folder


def set_up(project: Path, python: str | None = None) -> tuple[int, list[str], str]:
    """Run the script; return its exit code, what it did and what it said."""
    log = project / "log"
    log.unlink(missing_ok=True)
    stand_in = python or str(project.parent / "a python" / "python")
    done = subprocess.run(
        ["sh", project / "tools" / "setup.sh"],
        env=os.environ | {"PYTHON": stand_in},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, log.read_text().split() if log.exists() else [], done.stderr


WHOLE = ["venv", "locked", "package"]


def test_a_fresh_clone_gets_everything_and_then_nothing(project: Path) -> None:
    assert set_up(project)[:2] == (0, WHOLE)
    assert set_up(project)[:2] == (0, [])


def test_a_set_up_that_failed_is_made_anew(project: Path) -> None:
    (project / "broken").touch()
    code, did, _ = set_up(project)
    assert code != 0
    assert did == ["venv", "locked"]
    (project / "broken").unlink()
    (project / ".venv" / "rest").touch()
    assert set_up(project)[:2] == (0, WHOLE)
    assert not (project / ".venv" / "rest").exists()


def test_a_changed_lock_makes_the_environment_anew(project: Path) -> None:
    set_up(project)
    (project / "requirements.lock").write_text("numpy==2\n")
    assert set_up(project)[:2] == (0, WHOLE)


def test_a_changed_project_file_installs_the_package_again(project: Path) -> None:
    set_up(project)
    (project / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert set_up(project)[:2] == (0, ["package"])
    assert set_up(project)[:2] == (0, [])


def test_a_moved_project_is_set_up_anew(project: Path) -> None:
    set_up(project)
    moved = project.rename(project.with_name("another folder"))
    assert set_up(moved)[:2] == (0, WHOLE)


def test_an_unfit_interpreter_is_named(project: Path) -> None:
    code, did, said = set_up(project, "/nowhere/python3.9")
    assert code != 0
    assert did == []
    assert "PYTHON=/nowhere/python3.9 is no Python 3.11, 3.12 or 3.13" in said


def test_without_a_suitable_python_the_remedy_is_told(project: Path) -> None:
    shell = shutil.which("sh")
    tools = project / "bin"
    tools.mkdir()
    for tool in ("dirname", "cksum", "grep"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    done = subprocess.run(
        [str(shell), project / "tools" / "setup.sh"],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "No Python 3.11, 3.12 or 3.13 was found" in done.stderr
    assert "make PYTHON=" in done.stderr
