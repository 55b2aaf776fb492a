"""Outputs of the zoo beside those of the references, with the same random weights.

The references' outputs (double precision) come from ``benchmarks/peers/reference_outputs.py``,
which needs torch; here nothing does. Printed is the largest difference, relative to the largest
output, a line a network, as the table in ``benchmarks/peers/OUTPUTS.md``:

    python benchmarks/reference_outputs.py > benchmarks/peers/OUTPUTS.md
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from workbench import build_cnn
from workbench.cnn import load_state_dict

TESTS = Path(__file__).parent.parent / "tests" / "cnn"
sys.path.insert(0, str(TESTS))

from random_weights import random_images, random_state  # noqa: E402
from zoo_cases import OUTPUTS, asked  # noqa: E402


def difference(figure: str) -> tuple[str, str, float]:
    """Return the reference, the shape of its images, and the relative difference of the outputs."""
    with np.load(TESTS / "fixtures" / "outputs" / f"{figure}.npz") as file:
        expected, facts = file["output"], json.loads(file["facts"].tobytes())
    name, options = asked(figure)
    shape = tuple(facts["input_shape"])
    follow = {"follow": "timm"} if name == "mobilenet_v1" else {}
    model = build_cnn(
        name,
        shape[1:],
        facts["classes"],
        classifier_activation=None,
        seed=0,
        **options,
        **follow,
    )
    load_state_dict(model, random_state(facts["shapes"], facts["seed"], facts["gain"]))
    found = np.asarray(model(random_images(shape, facts["input_seed"])))
    relative = abs(found - expected).max() / abs(expected).max()
    return facts["source"], " x ".join(map(str, shape)), float(relative)


def main() -> None:
    print("# Outputs with the references' weights\n")
    print("Written by `python benchmarks/reference_outputs.py`. Random weights, none of them")
    print("neutral; the reference computes in double precision, ours in single.\n")
    print("| network | reference | images | largest difference / largest output |")
    print("|---|---|---|---|")
    for figure in OUTPUTS:
        source, shape, relative = difference(figure)
        keras.backend.clear_session()
        print(f"| {figure} | {source} | {shape} | {relative:.1e} |", flush=True)


if __name__ == "__main__":
    main()
