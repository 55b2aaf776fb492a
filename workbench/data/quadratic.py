"""Samples of y = x1² + x2², the textbook's example for a BP network started by a genetic search.

``python -m workbench.data.quadratic FOLDER`` writes the data set anew, byte for byte: as CSV and
as a MATLAB v5 file with the variables ``input`` and ``output`` of the textbook's ``data.mat``.

Source: "MATLAB Neural Networks: 30 cases" (in Chinese), which samples [-5, 5]² uniformly.
"""

from __future__ import annotations

import io
import math
import sys
from pathlib import Path

import numpy as np

from workbench import checks
from workbench.checks import FloatArray, Seed
from workbench.data.checksum import verified_bytes
from workbench.data.dataset import DATASETS, Dataset
from workbench.data.folder import datasets_folder
from workbench.errors import ArgumentError
from workbench.files import replace_file

CSV_NAME, MAT_NAME = "quadratic.csv", "quadratic.mat"
CSV_SHA256 = "0e5f80843b231e93067494c0865dd6cf5c6aff83cb05ef968251c06e37877f3e"
SEED = 2026

# SciPy writes the platform and the time here; fixed text makes the file reproducible.
_MAT_HEADER = b"MATLAB 5.0 MAT-file, y = x1^2 + x2^2 on [-5, 5]^2, CC0-1.0".ljust(116)


def sample_quadratic(
    samples: int = 2000, low: float = -5, high: float = 5, seed: Seed = SEED
) -> tuple[FloatArray, FloatArray]:
    """Return points drawn uniformly from a square, and their exact y = x1² + x2².

    The default arguments give the data set ``quadratic``.

    Args:
        samples: Number of points.
        low: Lower end of both coordinates.
        high: Upper end, excluded.
        seed: Seed, or the generator to draw from; None draws from entropy.

    Returns:
        Inputs, shape (samples, 2), and targets without noise, shape (samples, 1).

    Raises:
        ArgumentError: ``samples`` is no positive integer, or not low < high, both finite.
    """
    samples = checks.integer("samples", samples)
    low, high = checks.real("low", low), checks.real("high", high)
    if not (low < high and math.isfinite(high - low)):
        raise ArgumentError("low", "be less than high, both finite", f"low={low}, high={high}")
    # Scaled by hand, for the stream of random() is simpler to keep the same than uniform()'s.
    X = low + (high - low) * checks.generator(seed).random((samples, 2))
    return X, np.square(X).sum(axis=1, keepdims=True)


def csv_bytes(X: FloatArray, y: FloatArray) -> bytes:
    """Return the samples as CSV: a header, LF line ends, the shortest exact decimals."""
    rows = (",".join(map(repr, row)) for row in np.hstack([X, y]).tolist())
    return ("\n".join(["x1,x2,y", *rows]) + "\n").encode("ascii")


def mat_bytes(X: FloatArray, y: FloatArray) -> bytes:
    """Return the samples as an uncompressed MATLAB v5 file, equal for equal samples."""
    from scipy.io import savemat

    buffer = io.BytesIO()
    # SciPy takes any binary stream; its stubs know paths only.
    savemat(buffer, {"input": X, "output": y}, do_compression=False)  # type: ignore[arg-type]
    return _MAT_HEADER + buffer.getvalue()[len(_MAT_HEADER) :]


def write_quadratic(folder: str | Path) -> tuple[Path, Path]:
    """Write the data set as CSV and as .mat; return the two paths.

    Raises:
        OSError: The folder cannot be written to; old files are left as they are.
    """
    X, y = sample_quadratic()
    paths = Path(folder) / CSV_NAME, Path(folder) / MAT_NAME
    for path, content in zip(paths, (csv_bytes(X, y), mat_bytes(X, y)), strict=True):
        replace_file(path, content)
    return paths


@DATASETS.register("quadratic")
def load_quadratic() -> Dataset:
    """Return the 2000 samples in ``quadratic.csv``, in the order of the file.

    Raises:
        DataFileError: The file is missing or damaged.
    """
    content = verified_bytes(datasets_folder() / CSV_NAME, CSV_SHA256)
    table = np.loadtxt(io.BytesIO(content), delimiter=",", skiprows=1)
    return Dataset(
        name="quadratic",
        X=table[:, :2],
        y=table[:, 2:],
        feature_names=("x1", "x2"),
        target_names=("y",),
        classes=None,
        source=f"drawn by workbench.data.sample_quadratic(seed={SEED})",
        licence="CC0-1.0",
        sha256=CSV_SHA256,
        description="y = x1² + x2² at 2000 points drawn uniformly from [-5, 5]², without noise.",
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m workbench.data.quadratic FOLDER")
    for written in write_quadratic(sys.argv[1]):
        print(written)
