"""pyproject.toml, requirements.lock and environment.yml say the same."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENVIRONMENT = (ROOT / "environment.yml").read_text(encoding="utf-8")
EXTRAS = PROJECT["optional-dependencies"]


def direct(texts: list[str]) -> list[Requirement]:
    """Return what is required, the extras of the package itself written out."""
    found: list[Requirement] = []
    for wanted in map(Requirement, texts):
        own = sorted(wanted.extras) if wanted.name == PROJECT["name"] else []
        found += [each for extra in own for each in direct(EXTRAS[extra])] if own else [wanted]
    return found


DIRECT = direct([*PROJECT["dependencies"], *EXTRAS["dev"]])
PYTHONS = ("3.11", "3.12", "3.13")


def locked() -> list[Requirement]:
    """Return the lock's pins, read independently of tools/environment.py."""
    joined = LOCK.replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line and not line.lstrip().startswith("#")]
    return [Requirement(re.sub(r"--hash=\S+", "", line).strip()) for line in lines]


def applies(marker: Marker | None, python: str, system: str = "linux") -> bool:
    here = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": system,
        "platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[system],
        "os_name": "nt" if system == "win32" else "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    return marker is None or marker.evaluate(here)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("wanted", DIRECT, ids=lambda wanted: wanted.name)
def test_the_lock_satisfies_every_direct_requirement(wanted: Requirement, python: str) -> None:
    pins = [pin for pin in locked() if pin.name == wanted.name and applies(pin.marker, python)]
    assert len(pins) == 1
    (pin,) = pins[0].specifier
    assert pin.operator == "=="
    assert wanted.specifier.contains(pin.version)


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_names_one_version_of_each_package(python: str, system: str) -> None:
    names = [pin.name for pin in locked() if applies(pin.marker, python, system)]
    assert len(names) == len(set(names))


def test_every_pin_has_a_hash_and_no_file_names_an_address() -> None:
    entries = re.split(r"\n(?=\w)", LOCK)
    assert len(entries) == len(locked())
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"://|--(extra-)?index-url|--find-links", LOCK + ENVIRONMENT)


def test_the_environment_has_exactly_the_locks_versions() -> None:
    *others, pip = yaml.safe_load(ENVIRONMENT)["dependencies"]
    *pins, package = pip["pip"]
    assert package == "-e ."
    assert [str(Requirement(pin)) for pin in pins] == [str(pin) for pin in locked()]
    assert "pip" in others


def test_the_environment_is_what_make_lock_writes(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    script = tmp_path / "tools" / "environment.py"
    script.write_bytes((ROOT / "tools" / "environment.py").read_bytes())
    (tmp_path / "requirements.lock").write_text(LOCK, encoding="utf-8")
    subprocess.run([sys.executable, script], check=True)
    assert (tmp_path / "environment.yml").read_text(encoding="utf-8") == ENVIRONMENT


def test_the_environment_takes_the_pythons_the_package_takes() -> None:
    environment = yaml.safe_load(ENVIRONMENT)
    (python,) = [d for d in environment["dependencies"] if str(d).startswith("python")]
    assert environment["name"] == "workbench"
    assert SpecifierSet(python.removeprefix("python")) == SpecifierSet(PROJECT["requires-python"])
