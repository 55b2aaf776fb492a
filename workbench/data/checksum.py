"""SHA-256 of files and of values, and what to say when one is not the expected."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.checks import FloatArray
from workbench.errors import DataFileError


def verified_bytes(path: Path, expected: str) -> bytes:
    """Return the content of a file after comparing its SHA-256 with ``expected``.

    The bytes that were summed are the bytes returned; the file is read once.

    Raises:
        DataFileError: The file cannot be read, or is not the one expected.
    """
    remedy = (
        "Install the package anew, restore the file from version control, or point the "
        "environment variable WORKBENCH_DATASETS to a folder that has it."
    )
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
        raise DataFileError(f"The data file {path} {reason} ({error.strerror}). {remedy}") from None
    verify(f"The data file {path}", hashlib.sha256(content).hexdigest(), expected, remedy)
    return content


def verify(what: str, found: str, expected: str, remedy: str) -> None:
    """Raise `DataFileError` unless the checksum found is the expected one."""
    if found != expected:
        raise DataFileError(
            f"{what} is damaged or another version: its SHA-256 must be {expected}, "
            f"found {found}. {remedy}"
        )


def sha256_of_values(X: FloatArray, y: FloatArray) -> str:
    """Return the SHA-256 of the values of X, then y, row by row.

    Each value counts as its eight bytes as a little-endian float64, so that the result depends
    neither on the machine nor on how a file spells its numbers.
    """
    digest = hashlib.sha256()
    for table in (X, y):
        digest.update(table.astype("<f8").tobytes(order="C"))
    return digest.hexdigest()


def sha256_of_images(images: NDArray[np.uint8], labels: NDArray[np.integer]) -> str:
    """Return the SHA-256 of the shape of the images, their bytes, and the labels.

    The shape counts as four little-endian int64, and so does each label.
    """
    digest = hashlib.sha256(np.array(images.shape, dtype="<i8").tobytes())
    digest.update(np.ascontiguousarray(images).tobytes())
    digest.update(labels.astype("<i8").tobytes())
    return digest.hexdigest()
