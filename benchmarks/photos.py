"""How many photographs SqueezeNet 1.1 recognises with published weights.

The weights go through `load_state_dict` and the photographs through the preprocessing that comes
with them. The CSV has the columns ``file``, beside the CSV, and ``imagenet_index_0_999``, the
class or, with | between them, the classes that count as right; rows without a class are left out.

    python benchmarks/photos.py WEIGHTS PHOTOS_CSV [--size 227]

With the authors' Caffe weights, rounded to 16 bits, the best answer was right for 40 of 64
photographs, 50 of them from Caltech-101, and one of the best five for 53.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from workbench.cnn import build_cnn
from workbench.cnn.preprocessing import IMAGENET


class Photo(NamedTuple):
    """A photograph and its right answers."""

    path: Path
    classes: tuple[int, ...]


def photos(table: Path) -> list[Photo]:
    """Return the photographs that have a class."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    answers = [row["imagenet_index_0_999"].strip() for row in rows]
    return [
        Photo(table.parent / row["file"], tuple(map(int, answer.split("|"))))
        for row, answer in zip(rows, answers, strict=True)
        if answer
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("weights", type=Path, help=".safetensors or .npz")
    parser.add_argument("photos", type=Path, help="the CSV")
    parser.add_argument("--size", type=int, default=227, help="rows and columns of the images")
    asked = parser.parse_args()
    model = build_cnn("squeezenet1_1", (asked.size, asked.size, 3), weights=asked.weights)
    prepare = model.preprocessing or IMAGENET
    print(prepare)
    shots = photos(asked.photos)
    images = prepare([Image.open(shot.path).convert("RGB") for shot in shots])
    order = np.argsort(-model.predict(images, verbose=0), axis=1)
    for best in (1, 5):
        hits = sum(
            bool({*row[:best].tolist()} & {*shot.classes})
            for row, shot in zip(order, shots, strict=True)
        )
        print(f"top-{best}: {hits} of {len(shots)}")


if __name__ == "__main__":
    main()
