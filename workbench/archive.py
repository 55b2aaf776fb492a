"""Arrays and facts in one file: an ``.npz`` of plain arrays with a header in JSON, never a pickle.

The file is written beside its place and renamed: whatever kills the process leaves this file or
the one before. Every number is kept to the last bit (JSON has floats in their shortest exact
form).
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ArgumentError
from workbench.files import replace_file

_HEADER = "header"


def write_archive(path: Path, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write a header and arrays by name.

    Args:
        path: The file.
        header: Facts that JSON knows; numbers and arrays of NumPy are welcome.
        arrays: Arrays of numbers; none may be called ``"header"``.

    Raises:
        OSError: The file cannot be written; the one before is as it was.
    """
    file = io.BytesIO()
    everything: dict[str, Any] = {_HEADER: np.array(json.dumps(header, default=_plain)), **arrays}
    np.savez(file, **everything)
    replace_file(path, file.getvalue())


def read_archive(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
    """Return header and arrays of a file, None if there is no such file.

    Raises:
        ValueError: The file is no such archive; the message says what it is.
    """
    try:
        # Read whole: a file that is no archive would stay open.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            arrays = dict(file)
        return json.loads(str(arrays.pop(_HEADER))), arrays
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path.name}: {error}") from None


def prepared_place(path: str | os.PathLike[str]) -> Path:
    """Return where a checkpoint is to lie, cleared of what processes that were killed left there.

    Raises:
        ArgumentError: There is no such folder.
    """
    place = Path(path)
    if not place.parent.is_dir():
        raise ArgumentError("checkpoint", "lie in a folder that is there", str(place))
    for left in place.parent.glob(f".{place.name}.*.new"):
        left.unlink(missing_ok=True)
    return place


def refuse_another(
    path: Path, what: str, theirs: Mapping[str, Any], ours: Mapping[str, Any]
) -> None:
    """Raise unless a checkpoint is of what is to go on.

    Args:
        path: The checkpoint.
        what: What it is of, ``"search"`` or ``"training"``.
        theirs: What tells the one in the file from others.
        ours: Likewise, of the one that is to go on.

    Raises:
        ArgumentError: They differ; the message names the first difference.
    """
    for name in {**ours, **theirs}:
        if ours.get(name) != theirs.get(name):
            raise ArgumentError(
                "checkpoint",
                f"be a file of this very {what}, or a new one",
                f"{path.name} with {name} = {theirs.get(name)!r}, where this {what} has "
                f"{ours.get(name)!r}",
                f"Choose another file, delete this one, or call the {what} as it was called.",
            )


def _plain(value: Any) -> Any:
    """Return what JSON knows for a number or array of NumPy."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} in the header of an archive")
