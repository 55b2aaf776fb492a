"""Files of weights: arrays by name, and the preprocessing that belongs to them.

Source: the format of Hugging Face's ``safetensors`` (a JSON header and bare numbers), and NumPy's
``.npz``. Both are data and never code; torch's own ``.pth`` is a pickle, and is not read.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import BadZipFile, is_zipfile

# Makes NumPy know bfloat16, in which many weights are published.
import ml_dtypes as ml_dtypes
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from workbench.cnn.preprocessing import Preprocessing
from workbench.errors import ArgumentError, DataFileError

Arrays: TypeAlias = Mapping[str, NDArray[Any]]

# What the readers are known to raise at damaged files, found by changing their bytes at random:
# zlib.error and NotImplementedError are the zip's, of damaged and of unknown compression.
DAMAGE = (OSError, ValueError, EOFError, BadZipFile, zlib.error, RuntimeError, SafetensorError)


def read_arrays(path: str | PathLike[str]) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read a ``.safetensors`` file, or an ``.npz`` of plain arrays: data, never code.

    Returns:
        The arrays by name, and the file's metadata.

    Raises:
        ArgumentError: The file has another ending.
        DataFileError: It is missing, damaged, holds pickled objects, or numbers that NumPy does
            not know, such as those of 8 bits.
    """
    path = Path(path)
    readers = {".safetensors": _read_safetensors, ".npz": _read_npz}
    if path.suffix not in readers:
        raise ArgumentError(
            "weights",
            "be a .safetensors, .npz or .tflite file",
            str(path),
            "In torch: safetensors.torch.save_file(model.state_dict(), 'net.safetensors').",
        )
    if not path.is_file():
        raise DataFileError(f"There is no file {path}.")
    try:
        return readers[path.suffix](path)
    except DAMAGE as error:
        raise DataFileError(
            f"{path} cannot be read: {error} Make or fetch the file anew."
        ) from error


def _read_safetensors(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    arrays = {}
    with safe_open(path, framework="numpy") as file:
        for key in file.keys():  # noqa: SIM118
            try:
                arrays[key] = file.get_tensor(key)
            except (TypeError, AttributeError) as error:  # it looks the type up in NumPy
                kind = file.get_slice(key).get_dtype()
                raise ValueError(f"{key} has numbers of the type {kind}.") from error
        return arrays, dict(file.metadata() or {})


def _read_npz(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    if not is_zipfile(path):  # NumPy would take it for a pickle
        raise ValueError("it is no .npz file, or only a part of one.")
    # Opened here, for NumPy leaves a file open whose directory is damaged.
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}, {}


def kept_preprocessing(metadata: Mapping[str, str]) -> Preprocessing | None:
    """Return the preprocessing that a file's metadata tell, None if they tell none.

    It is written as ``{"preprocessing": json.dumps(preprocessing.settings())}``.

    Raises:
        DataFileError: What they tell is no preprocessing.
    """
    kept = metadata.get("preprocessing")
    if kept is None:
        return None
    try:
        return Preprocessing(**json.loads(kept))
    except (ValueError, TypeError) as error:
        raise DataFileError(
            'The metadata "preprocessing" of the weights must be the settings of a '
            f"workbench.cnn.Preprocessing as JSON. Received: {kept}. {error} Hand your own to "
            "load_state_dict as preprocessing."
        ) from error
