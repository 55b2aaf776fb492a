"""Files and folders that appear whole or not at all.

What is written by other libraries cannot go through `workbench.files.replace_file`. It is written
into a folder beside its place, under its own name (some libraries insist on an ending), and moved
when everything has gone well.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.errors import ArgumentError


@contextmanager
def placed(path: Path) -> Iterator[Path]:
    """Yield a place to write to; what is there at the end moves to ``path``.

    If the context raises, whatever was at ``path`` stays there.

    Raises:
        ArgumentError: The folder around ``path`` is not there.
        OSError: Writing or moving fails.
    """
    if not path.parent.is_dir():
        raise ArgumentError("path", "lie in a folder that is there", f"{path}")
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        new, old = Path(folder) / path.name, Path(folder) / "old"
        yield new
        if not path.is_dir():
            os.replace(new, path)
            return
        os.replace(path, old)  # a folder cannot take another's place
        try:
            os.replace(new, path)
        except OSError:
            os.replace(old, path)
            raise


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
