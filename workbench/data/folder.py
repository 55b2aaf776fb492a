"""Where the data files lie."""

from __future__ import annotations

import os
from pathlib import Path

import workbench


def datasets_folder() -> Path:
    """Return the folder of the data files.

    The environment variable WORKBENCH_DATASETS comes first, then the folder that a wheel
    installs, then ``datasets/`` of the source tree. The folder need not exist: reading a file
    tells what is missing.
    """
    if chosen := os.environ.get("WORKBENCH_DATASETS"):
        return Path(chosen)
    package = Path(workbench.__file__).parent
    installed = package / "_share" / "datasets"
    return installed if installed.is_dir() else package.parent / "datasets"
