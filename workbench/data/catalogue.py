"""The data sets by name. Importing a module here enters its sets into the registry."""

from __future__ import annotations

import workbench.data.quadratic
import workbench.data.sklearn_tables
import workbench.data.spam
import workbench.data.uci_tables  # noqa: F401  entered by their import
from workbench.data.dataset import DATASETS, Dataset


def load_dataset(name: str) -> Dataset:
    """Return a data set by name, its SHA-256 verified.

    Nothing is kept between calls: each reads and verifies anew, which takes milliseconds (for
    ``spam``, whose words are counted, half a second).

    Args:
        name: One of `list_datasets`.

    Returns:
        The data set: ``X`` (samples, inputs), ``y`` (samples, outputs), names, source, licence.

    Raises:
        UnknownNameError: No data set has that name; the message offers the nearest.
        DataFileError: The file is missing, damaged or of another version.

    Example:
        >>> load_dataset("quadratic").X.shape
        (2000, 2)
    """
    return DATASETS[name]()


def list_datasets() -> list[str]:
    """Return the names of all data sets, in alphabetical order."""
    return sorted(DATASETS)
