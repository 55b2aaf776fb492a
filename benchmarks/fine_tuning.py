"""What a pretrained start is worth: MobileNet V1 on photographs, from LiteRT weights and from none.

The same network, head, images, augmentation, optimizer and number of steps; only what the training
starts from differs:

    random        random weights
    loaded        the file's weights as they are, batch norm without statistics
    recalibrated  the same with the statistics of 256 training images (`workbench.cnn.recalibrate`)
    by depth      these, each layer learning 0.9 times as fast as the one behind it
    head          these, with everything but the head frozen

Random weights are tried with two learning rates. Batch norm's momentum is 0.9 throughout: with the
0.99 of the network's origin a training of a few hundred steps ends before its statistics have come
from 0 and 1 to those of the images, which would count against random weights. A fifth of the
images, of each class, is kept for the count; accuracy is that after the last epoch.

    python benchmarks/fine_tuning.py WEIGHTS.tflite IMAGES.npz [--width 0.25] [--epochs 5]
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from workbench import build_cnn, load_images, train_classifier
from workbench.classification import freeze
from workbench.cnn import CNN, load_state_dict, recalibrate

STARTS: dict[str, tuple[dict[str, Any], ...]] = {
    "random": ({"learning_rate": 1e-3}, {"learning_rate": 3e-3}),
    "loaded": ({"learning_rate": 1e-3},),
    "recalibrated": ({"learning_rate": 1e-3},),
    "by depth": ({"learning_rate": 1e-3, "layer_decay": 0.9},),
    "head": ({"learning_rate": 3e-3},),
}
MEASURED = 256  # images for the statistics of batch norm


def start(kind: str, asked: Any, train: Any) -> CNN:
    """Return the network as a training begins with it."""
    shape = (asked.size, asked.size, 3)
    classes = len(train.classes)
    model = build_cnn("mobilenet_v1", shape, classes, seed=asked.seed, width=asked.width)
    if kind != "random":
        load_state_dict(model, asked.weights, head=False)
    else:  # what bytes go through is the same for all
        bare = build_cnn("mobilenet_v1", shape, None, width=asked.width, seed=0)
        load_state_dict(bare, asked.weights)
        model.preprocessing = bare.preprocessing
    if kind not in ("random", "loaded"):
        assert model.preprocessing is not None
        # Every so many: a file may have its classes one after the other.
        some = train.images[:: max(1, len(train.images) // MEASURED)]
        recalibrate(model, model.preprocessing.normalise(some))
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9
    if kind == "head":
        freeze(model)
    return model


def main() -> None:
    """Print a line a start."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("weights", type=Path, help=".tflite of a MobileNet V1")
    parser.add_argument("images", type=Path, help=".npz")
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--starts", nargs="+", choices=list(STARTS), default=list(STARTS))
    asked = parser.parse_args()
    images = load_images(asked.images, size=asked.size, progress=False)
    train, _, test = images.split(train=0.8, validation=0, test=0.2, seed=asked.seed)
    print(f"{len(train.labels)} images to train with, {len(test.labels)} to count")
    for kind in asked.starts:
        for settings in STARTS[kind]:
            record = train_classifier(
                start(kind, asked, train),
                train,
                validation=test,
                monitor="loss",
                epochs=asked.epochs,
                batch_size=asked.batch,
                warmup=0.1,
                augment=("flip", "crop"),
                seed=asked.seed,
                progress=False,
                **settings,
            )
            epochs = " ".join(f"{value:.1%}" for value in record.frame["val_accuracy"])
            rate = settings["learning_rate"]
            print(f"{kind:12} rate {rate:g}: {epochs}; {record.seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
