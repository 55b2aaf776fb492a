"""Write environment.yml from requirements.lock, so that conda users get the same versions."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = """\
# Made by `make lock` from requirements.lock: edit pyproject.toml instead.
name: workbench
channels:
  - conda-forge
dependencies:
  - python>=3.11,<3.14
  - pip
  - pip:
"""


def environment(lock: str) -> str:
    """Return the text of environment.yml.

    Args:
        lock: Text of requirements.lock, one ``name==version ; marker`` and its hashes each.
    """
    pins = [line.rstrip("\\ ") for line in lock.splitlines() if line[:1].isalnum()]
    entries = [f'      - "{pin}"' if ";" in pin else f"      - {pin}" for pin in pins]
    return HEAD + "\n".join([*entries, "      - -e ."]) + "\n"


if __name__ == "__main__":
    lock_text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    (ROOT / "environment.yml").write_text(environment(lock_text), encoding="utf-8")
