"""Reading a saved estimator of whatever kind it is."""

from __future__ import annotations

from pathlib import Path

from workbench.estimators import folder as files
from workbench.estimators.classifier import BPClassifier
from workbench.estimators.regressor import BPRegressor


def load(folder: str | Path) -> BPRegressor | BPClassifier:
    """Read what ``save`` of an estimator wrote; predictions are the same, bit for bit.

    Files from others are safe to read: nothing in them is run.

    Args:
        folder: Where ``model.keras`` and ``estimator.json`` are.

    Raises:
        DataFileError: A file is missing or damaged.
    """
    kinds = {kind.__name__: kind for kind in (BPRegressor, BPClassifier)}
    return files.load(Path(folder), kinds)
