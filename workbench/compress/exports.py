"""Networks as files for other runtimes, each run there before it is called written.

Idea: a converter that succeeds has said nothing about the numbers. So the file is loaded again in
the runtime that it is meant for and must say to images what Keras says; else it is not left behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.compress.deployable import deployable, outputs_of, sample_images
from workbench.compress.formats import FORMATS, Format, Predict
from workbench.compress.placing import placed, size_of
from workbench.errors import ArgumentError, ModelError

TOLERANCE = 1e-4  # of float32, over the hundred layers of the largest networks


@dataclass(frozen=True)
class Export:
    """A file that was written, and how it compares with the model.

    Attributes:
        path: The file, or the folder of a SavedModel.
        format: Its format.
        bytes: Its size, all files of a folder together.
        max_difference: Largest difference between an output there and in Keras; NaN if it was not
            looked at.
        relative_difference: The same as a part of the largest output of Keras in magnitude.
        agreement: Share of the images with the same largest output in both.
        images: Number of images compared on, 0 for none.
        noise: Whether these were noise, for want of images.
    """

    path: Path
    format: str
    bytes: int
    max_difference: float
    relative_difference: float
    agreement: float
    images: int
    noise: bool

    def load(self) -> Predict:
        """Return what the file says to images (n, ...), in its own runtime, as a function."""
        return FORMATS[self.format].load(self.path)


def export(
    model: keras.Model,
    path: str | PathLike[str],
    format: str | None = None,
    *,
    images: ArrayLike | None = None,
    check: bool = True,
    tolerance: float = TOLERANCE,
) -> Export:
    """Write a model as a file for another runtime, and compare the two.

    Args:
        model: From one array to one array, of known size, in float32; its layers may be any that
            the format has operations for. All layers of this package go to LiteRT and ONNX;
            Keras's own convolution in groups does not go to ONNX.
        path: Where to. A file of that name is replaced when the new one is found to be right.
        format: ``"litert"`` (or ``"tflite"``; ends in .tflite), ``"onnx"`` (.onnx),
            ``"saved_model"`` (a folder) or ``"keras"`` (.keras). None goes by the ending of the
            path, and a path without one is a SavedModel.
        images: Real images (n, rows, columns, channels), as the model takes them, to compare on:
            a hundred will do. None takes 32 images of noise, and the result says so.
        check: False leaves the comparison out.
        tolerance: Largest difference allowed, as a part of the largest output in magnitude.

    Returns:
        What was written.

    Raises:
        ArgumentError: The path does not fit the format, or the images do not fit the model.
        UnknownNameError: There is no such format.
        MissingPackageError: A package of the extra ``workbench[deploy]`` is missing.
        ModelError: The model cannot be exported, or the file says something else than it. Whatever
            was at ``path`` is still there.
        OSError: The file cannot be written.
    """
    path = Path(path)
    kind = _format_of(path, format)
    kind.require()
    tolerance = checks.real("tolerance", tolerance, 0, np.inf, open_low=True)
    samples = sample_images(images, deployable(model))
    with placed(path) as place:
        kind.write(model, place)
        if check:
            compared = _compared(model, kind.load(place), samples, kind, tolerance)
        else:
            compared = np.nan, np.nan, np.nan
        size = size_of(place)
    return Export(
        path, kind.name, size, *compared, len(samples) if check else 0, check and images is None
    )


def _format_of(path: Path, name: str | None) -> Format:
    endings = {each.ending: each for each in FORMATS.values()}
    by_path = endings.get(path.suffix or None)
    if name is None:
        if by_path is None:
            known = ", ".join(sorted(ending for ending in endings if ending))
            raise ArgumentError(
                "path", f"end in one of {known}, or in none for a SavedModel", f"{path}"
            )
        kind = by_path
    else:
        kind = FORMATS[name]
        if by_path is not kind and (kind.ending or by_path):
            wanted = f"end in {kind.ending}" if kind.ending else "have no ending of a file"
            raise ArgumentError("path", f"{wanted} for format={name!r}", f"{path}")
    if path.exists() and not _replaceable(path, kind):
        raise ArgumentError(
            "path",
            f"be free, or an older file of the format {kind.name!r} to replace",
            f"{path}, which is another {'folder' if path.is_dir() else 'file'}",
        )
    return kind


def _replaceable(path: Path, kind: Format) -> bool:
    """Say whether what is there may go: no folder does but a SavedModel, or an empty one."""
    if kind.ending is not None:
        return path.is_file()
    return path.is_dir() and ((path / "saved_model.pb").is_file() or not any(path.iterdir()))


def _compared(
    model: keras.Model, predict: Predict, images: NDArray[np.float32], kind: Format, limit: float
) -> tuple[float, float, float]:
    """Return largest difference, the same relatively, and agreement; raise if it is too large."""
    expected, came = outputs_of(model, images), predict(images)
    where = f"The {kind.name} file of {model.name!r}"
    if came.shape != expected.shape:
        raise ModelError(f"{where} returns the shape {came.shape} instead of {expected.shape}.")
    difference = float(np.abs(came - expected).max())
    relative = difference / max(float(np.abs(expected).max()), float(np.finfo(np.float32).tiny))
    if not relative <= limit:  # NaN neither
        raise ModelError(
            f"{where} says something else than the model: outputs differ by up to "
            f"{difference:.3g}, which is {relative:.3g} of the largest one, and {limit:g} is "
            "allowed. The file was not kept. Give tolerance= more if that is good enough, or "
            "check=False to look at it."
        )
    return difference, relative, agreement(expected, came)


def agreement(expected: NDArray[np.floating], came: NDArray[np.floating]) -> float:
    """Return the share of places where the largest of the last axis is the same in both."""
    return float(np.mean(expected.argmax(axis=-1) == came.argmax(axis=-1)))
