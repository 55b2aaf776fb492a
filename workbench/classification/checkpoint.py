"""A training on disk: weights, optimizer, random state, average, epoch, and what was recorded.

It is written at the end of epochs, where nothing is half done; the order of the data is a function
of the seeds and the epoch, so that they are all it takes to go on to the same bits.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from workbench.archive import (
    prepared_place,
    read_archive,
    refuse_another,
    write_archive,
)
from workbench.errors import ArgumentError

_FORMAT = "workbench classifier training 1"


class TrainingCheckpoint:
    """A place for the checkpoints of one training.

    Args:
        path: The file.
        training: What tells this training from others, in JSON: its arguments, the network's
            architecture, digests of the data. The entry "seed" may differ if it is None.

    Raises:
        ArgumentError: There is no such folder.
    """

    def __init__(self, path: str | os.PathLike[str], training: Mapping[str, Any]):
        self.path = prepared_place(path)
        self.training = json.loads(json.dumps(training, default=digest))

    def read(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
        """Return header and arrays of the checkpoint, None if there is none yet.

        Raises:
            ArgumentError: The file is no checkpoint, or one of another training.
        """
        try:
            saved = read_archive(self.path)
        except ValueError as error:
            raise self._refused(str(error)) from None
        if saved is None:
            return None
        header, arrays = saved
        if not isinstance(header, dict) or header.get("format") != _FORMAT:
            raise self._refused(f"{self.path.name}, which is none")
        theirs, ours = dict(header["training"]), dict(self.training)
        if ours.get("seed") is None:
            theirs.pop("seed", None)
            ours.pop("seed", None)
        refuse_another(self.path, "training", theirs, ours)
        return header, arrays

    def write(
        self,
        facts: Mapping[str, Any],
        variables: Sequence[keras.Variable],
        arrays: Mapping[str, Any],
    ) -> None:
        """Write a checkpoint.

        Raises:
            OSError: The file cannot be written; the one before is as it was.
        """
        values = {f"v{i}": value for i, value in enumerate(held(variables))}
        header = {"format": _FORMAT, "training": self.training, **facts}
        write_archive(self.path, header, {**values, **arrays})

    @staticmethod
    def restore(arrays: Mapping[str, Any], variables: Sequence[keras.Variable]) -> None:
        """Bring variables to where they were."""
        for i, variable in enumerate(variables):
            variable.assign(arrays[f"v{i}"])

    def _refused(self, what: str) -> ArgumentError:
        return ArgumentError(
            "checkpoint", "be a checkpoint of a training", what, "Choose another file."
        )


def held(variables: Sequence[keras.Variable]) -> list[NDArray[Any]]:
    """Return what variables hold, in types that a file of NumPy knows."""
    # Not by `backend.values`: those of several devices have no single place to read.
    arrays = [np.asarray(variable.numpy()) for variable in variables]
    return [a.astype(np.float32) if a.dtype.kind == "V" else a for a in arrays]


def assign(variables: Sequence[keras.Variable], arrays: Sequence[NDArray[Any]]) -> None:
    """Write arrays into variables, on however many devices they lie."""
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def digest(value: Any) -> Any:
    """Return what stands for a part of a training: a digest for arrays, else its text."""
    if isinstance(value, np.ndarray):
        content = np.ascontiguousarray(value).tobytes()
        return f"{value.dtype} {value.shape} {hashlib.sha256(content).hexdigest()}"
    if isinstance(value, keras.layers.Layer):
        return [type(value).__name__, json.loads(json.dumps(value.get_config(), default=repr))]
    return repr(value)
