"""The zoo with all its families: importing it costs no Keras."""

from __future__ import annotations

from workbench.cnn import zoo as zoo
from workbench.cnn.spec import ZOO as ZOO


def list_cnns() -> list[str]:
    """Return the names that `build_cnn` knows, in alphabetical order."""
    return sorted(ZOO)
