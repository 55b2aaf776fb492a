"""How many photographs networks recognise with published weights.

The weights go through `load_state_dict` and the photographs through the preprocessing that comes
with them. Those of a LiteRT file go into the MobileNet that they fit, dequantised, and its own
runtime is asked as well, with 8 bits throughout; other files are of SqueezeNet 1.1. The CSV has the
columns ``file``, beside the CSV, and ``imagenet_index_0_999``, the class or, with | between them,
the classes that count as right; rows without a class are left out.

    python benchmarks/photos.py WEIGHTS [WEIGHTS ...] PHOTOS_CSV [--size 227]

Of 64 photographs, 50 of them from Caltech-101, the best answer was right for so many; in brackets
the right ones of LiteRT with 8 bits:

    network, pixels a side     as loaded    whole image    middle 7/8
    SqueezeNet 1.1, 227        40           40             34
    MobileNet V1 0.25, 128     29 (29)      26 (25)        32 (33)
    MobileNet V1 0.5, 160      40 (40)      35 (36)        38 (37)
    MobileNet V2, 224          47 (48)      45 (46)        43 (44)

"As loaded" is the largest square in the middle for LiteRT files, and the whole image, squeezed, for
SqueezeNet from Caffe.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image

from workbench.cnn import CNN, Preprocessing, build_cnn
from workbench.cnn.litert_file import read_litert
from workbench.cnn.preprocessing import IMAGENET
from workbench.errors import ModelError

MOBILE: tuple[tuple[str, dict[str, Any]], ...] = (
    *(("mobilenet_v1", {"width": width}) for width in (0.25, 0.5, 0.75, 1.0)),
    ("mobilenet_v2", {"follow": "keras"}),
)


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


def network(weights: Path, size: int) -> CNN:
    """Return the network that the weights of a file fit, with them."""
    if weights.suffix != ".tflite":
        return build_cnn("squeezenet1_1", (size, size, 3), weights=weights)
    graph = read_litert(weights)
    shape = graph.tensors[graph.inputs[0]].shape[1:]
    classes = graph.tensors[graph.outputs[0]].shape[-1]
    reasons = []
    for name, options in MOBILE:
        try:
            return build_cnn(name, shape, classes, weights=weights, **options)  # type: ignore[arg-type]
        except ModelError as error:
            reasons.append(f"{name} {options}: {error}")
    raise SystemExit("\n".join(reasons))


def runtime_scores(weights: Path, images: np.ndarray) -> np.ndarray:
    """Return what LiteRT makes of images of bytes."""
    from ai_edge_litert.interpreter import Interpreter

    runtime = Interpreter(str(weights))
    runtime.allocate_tensors()
    (given,), (made,) = runtime.get_input_details(), runtime.get_output_details()
    scores = []
    for image in images:
        runtime.set_tensor(given["index"], image[None])
        runtime.invoke()
        scores.append(runtime.get_tensor(made["index"])[0])
    return np.array(scores)


def hits(scores: np.ndarray, shots: Sequence[Photo], best: int) -> int:
    """Count the photographs with a right answer among the best."""
    order = np.argsort(-scores.astype(float), axis=1, kind="stable")[:, :best].tolist()
    return sum(bool({*row} & {*shot.classes}) for row, shot in zip(order, shots, strict=True))


def report(weights: Path, model: CNN, shots: Sequence[Photo]) -> None:
    usual = model.preprocessing or IMAGENET
    print(f"\n{weights.name}: {model.name} {model.options or ''}\n{usual}")
    shown = {
        "as loaded": usual,
        "whole image": replace(usual, resize=None),
        "middle, 7/8": replace(usual, resize=round(usual.size * 8 / 7)),
    }
    pictures = [Image.open(shot.path).convert("RGB") for shot in shots]
    for words, prepare in shown.items():
        print(f"  {words:12} {line(weights, model, prepare, pictures, shots)}")


def line(
    weights: Path,
    model: CNN,
    prepare: Preprocessing,
    pictures: Sequence[Any],
    shots: Sequence[Photo],
) -> str:
    """Return the counts for one way to show the photographs."""
    scores = model.predict(prepare(pictures), verbose=0)
    first = scores.shape[1] - 1000
    ours = scores[:, first:]
    text = f"top-1 {hits(ours, shots, 1)} of {len(shots)}, top-5 {hits(ours, shots, 5)}"
    if weights.suffix != ".tflite":
        return text
    theirs = runtime_scores(weights, np.stack([prepare.fit(each) for each in pictures]))[:, first:]
    same = int((theirs.argmax(axis=1) == ours.argmax(axis=1)).sum())
    return f"{text}; LiteRT top-1 {hits(theirs, shots, 1)}, the same answer to {same}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("weights", type=Path, nargs="+", help=".tflite, .safetensors or .npz")
    parser.add_argument("photos", type=Path, help="the CSV")
    parser.add_argument("--size", type=int, default=227, help="pixels a side, for SqueezeNet")
    asked = parser.parse_args()
    shots = photos(asked.photos)
    for weights in asked.weights:
        report(weights, network(weights, asked.size), shots)


if __name__ == "__main__":
    main()
