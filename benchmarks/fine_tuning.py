"""What a pretrained start is worth: MobileNet V1 on photographs, from LiteRT weights and from none.

The same network, head, images, augmentation (flips), optimiser and number of steps; only what the
training starts from differs:

    random        random weights
    loaded        the file's weights as they are, batch norm without statistics
    recalibrated  the same with the statistics of 256 training images (`workbench.cnn.recalibrate`)
    head          these, with everything but the head frozen

Random weights are tried with two learning rates. Batch norm's momentum is 0.9 throughout: with the
0.99 of the network's origin a training of a few hundred steps ends before its statistics have come
from 0 and 1 to those of the images, which would count against random weights.

The archive has ``jpeg``, ``offsets``, ``y`` and ``classes``; a fifth of its images, of each class,
is kept for the count.

Width 0.25 at 112 pixels, 5 epochs, one seed; accuracy after the last epoch:

    start                  5 flowers (624 images)    6 kinds of waste (506)
    random, rate 1e-3      35.9 %                    35.0 %
    random, rate 3e-3      39.3 %                    41.5 %
    loaded                 55.3 %
    recalibrated           88.6 %                    85.8 %
    head                   81.6 %

    python benchmarks/fine_tuning.py WEIGHTS.tflite IMAGES.npz [--width 0.25] [--epochs 5]
"""

from __future__ import annotations

import argparse
import io
import os
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from PIL import Image
from sklearn.model_selection import train_test_split

from workbench.cnn import CNN, Preprocessing, build_cnn, load_state_dict, recalibrate

RATES = {"random": (1e-3, 3e-3), "loaded": (1e-3,), "recalibrated": (1e-3,), "head": (3e-3,)}
MEASURED = 256  # images for the statistics of batch norm


class Images(NamedTuple):
    """Prepared images and their classes, to train with and to count."""

    x: np.ndarray
    y: np.ndarray
    unseen: np.ndarray
    answers: np.ndarray


def images(archive: Path, prepare: Preprocessing, seed: int) -> Images:
    with np.load(archive, allow_pickle=False) as file:
        content, offsets = file["jpeg"].tobytes(), file["offsets"].tolist()
        y = file["y"].astype(int)
    parts = [content[start:end] for start, end in pairwise(offsets)]
    pictures = [Image.open(io.BytesIO(part)).convert("RGB") for part in parts]
    x = prepare(pictures)
    split = train_test_split(x, y, test_size=0.2, random_state=seed, stratify=y)
    return Images(split[0], split[2], split[1], split[3])


def start(kind: str, asked: Any, classes: int, data: Images) -> CNN:
    """Return the network as a training begins with it."""
    shape = (asked.size, asked.size, 3)
    model = build_cnn("mobilenet_v1", shape, classes, seed=asked.seed, width=asked.width)
    if kind != "random":
        load_state_dict(model, asked.weights, head=False)
    if kind in ("recalibrated", "head"):
        recalibrate(model, data.x[:MEASURED])
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9
    if kind == "head":
        for layer in model.layers[:-2]:
            layer.trainable = False
    return model


def train(model: CNN, data: Images, rate: float, asked: Any) -> tuple[list[float], float]:
    """Return the accuracy on unseen images after each epoch, and seconds."""
    steps = asked.epochs * -(-len(data.x) // asked.batch)
    warm = steps // 10
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warm, warmup_target=rate, warmup_steps=warm
    )
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=1e-4),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    rng = np.random.default_rng(asked.seed)
    began = time.perf_counter()
    found = []
    for _ in range(asked.epochs):
        order = rng.permutation(len(data.x))
        x = data.x[order]
        flipped = rng.random(len(x)) < 0.5
        x[flipped] = x[flipped, :, ::-1]
        model.fit(x, data.y[order], asked.batch, shuffle=False, verbose=0)
        scores = model.predict(data.unseen, 64, verbose=0)
        found.append(float((scores.argmax(axis=1) == data.answers).mean()))
    return found, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("weights", type=Path, help=".tflite of a MobileNet V1")
    parser.add_argument("images", type=Path, help=".npz")
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--starts", nargs="+", choices=list(RATES), default=list(RATES))
    asked = parser.parse_args()
    bare = build_cnn("mobilenet_v1", (asked.size, asked.size, 3), None, width=asked.width, seed=0)
    load_state_dict(bare, asked.weights)
    data = images(asked.images, bare.preprocessing or Preprocessing(asked.size), asked.seed)
    classes = len(np.unique(data.y))
    print(f"{len(data.x)} images to train with, {len(data.unseen)} to count, {classes} classes")
    for kind in asked.starts:
        for rate in RATES[kind]:
            model = start(kind, asked, classes, data)
            found, seconds = train(model, data, rate, asked)
            epochs = " ".join(f"{accuracy:.1%}" for accuracy in found)
            print(
                f"{kind:12} rate {rate:g}: {epochs} after each epoch; {seconds:.0f} s", flush=True
            )


if __name__ == "__main__":
    main()
