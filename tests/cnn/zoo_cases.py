"""The networks of the reference figures, as `build_cnn` is asked for them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from workbench import list_cnns

FIXTURES = Path(__file__).parent / "fixtures"
FIGURES: dict[str, dict[str, Any]] = json.loads(
    (FIXTURES / "reference_figures.json").read_text(encoding="utf-8")
)
OUTPUTS = sorted(path.stem for path in (FIXTURES / "outputs").glob("*.npz"))

# Figures of one table with another option than width.
SPECIAL: dict[str, tuple[str, dict[str, Any]]] = {
    "bn_inception_conv_bias": ("bn_inception", {"conv_bias": True}),
    "se_inception_resnet_v2_residual_only": ("se_inception_resnet_v2", {"mixed": False}),
}


def asked(figure: str) -> tuple[str, dict[str, Any]]:
    """Return name and options: ``ghostnet_x1_3`` is the width 1.3 of ``ghostnet``."""
    if figure in SPECIAL:
        return SPECIAL[figure]
    if figure in list_cnns():
        return figure, {}
    base, whole, part = re.fullmatch(r"(.*)_x(\d+)(?:_(\d+))?", figure).groups()  # type: ignore[union-attr]
    return base, {"width": float(f"{whole}.{part or 0}")}
