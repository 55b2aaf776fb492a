"""Epochs of `train_classifier` beside plain Keras, and what each augmentation costs.

The peer is `Model.fit` on a ``tf.data`` pipeline as Keras's guides have it: shuffled, batched,
normalised in a map, prefetched, augmentations as layers in that map. Both train the same network,
from the same weights, with the same optimizer and batches of one size, and take turns, so that a
busy machine is busy for both. A first training of two epochs compiles; timed is what each further
epoch takes, the median over the rounds.

    python benchmarks/classifier_training.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import workbench
from workbench.classification.augmentation import AUGMENTATIONS, apply
from workbench.classification.recipe import Recipe

BATCH, EPOCHS = 64, 4


class Clock(keras.callbacks.Callback):
    """Notes when epochs end; the first has the compiling in it."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Note the time."""
        self.ends.append(time.perf_counter())

    @property
    def epoch(self) -> float:
        """Seconds of an epoch, the least disturbed."""
        return min(np.diff(self.ends))


def ours(model: keras.Model, images: Any, labels: Any, names: tuple[str, ...]) -> float:
    """Return the seconds of an epoch of `train_classifier`."""
    clock = Clock()
    workbench.train_classifier(
        model,
        images,
        labels,
        epochs=EPOCHS,
        batch_size=BATCH,
        augment=names or None,
        callbacks=[clock],
        seed=0,
        progress=False,
    )
    return clock.epoch


def plain(model: keras.Model, images: Any, labels: Any, names: tuple[str, ...]) -> float:
    """Return the seconds of an epoch of plain Keras."""
    mean, std = float((images / 255).mean()), float((images / 255).std())
    layers = [AUGMENTATIONS[name]((0.0, 255.0), 0) for name in names]

    def prepared(x: Any, y: Any) -> Any:
        x = tf.cast(x, tf.float32)
        x, y = apply(layers, x, y)
        return (x / 255 - mean) / std, y

    shares = np.eye(int(labels.max()) + 1, dtype=np.float32)[labels]
    data = tf.data.Dataset.from_tensor_slices((images, shares)).shuffle(len(images), seed=0)
    data = data.batch(BATCH, drop_remainder=True)
    data = data.map(prepared, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    steps = EPOCHS * (len(images) // BATCH)
    weights = model.trainable_variables
    optimizer = Recipe("adamw").built(weights, [1.0] * len(weights), BATCH, steps)
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    clock = Clock()
    model.fit(data, epochs=EPOCHS, verbose=0, callbacks=[clock])
    return clock.epoch


def compared(name: str, size: int, channels: int, names: tuple[str, ...], rounds: int) -> Any:
    """Return the median seconds of both."""
    rng = np.random.default_rng(0)
    count = 1440 if size < 28 else 512
    images = rng.integers(0, 256, (count, size, size, channels)).astype(np.uint8)
    labels = rng.integers(0, 10, count)
    times: dict[str, list[float]] = {"ours": [], "plain": []}
    for _ in range(rounds):
        for who, run in (("ours", ours), ("plain", plain)):
            keras.backend.clear_session()
            model = workbench.build_cnn(name, (size, size, channels), 10, seed=1)
            times[who].append(run(model, images, labels, names))
    return statistics.median(times["ours"]), statistics.median(times["plain"])


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    print(f"batch {BATCH}, milliseconds a step, median of {rounds}")
    print(f"{'network':22}{'pixels':>7}{'ours':>9}{'plain':>9}{'plain/ours':>12}")
    for name, size, channels in (
        ("tiny_mobilenet_v2", 8, 1),
        ("tiny_se_resnet", 8, 1),
        ("tiny_shufflenet_v2", 28, 1),
        ("tiny_resnet", 32, 3),
    ):
        steps = (1440 if size < 28 else 512) // BATCH
        a, b = (1e3 * t / steps for t in compared(name, size, channels, (), rounds))
        print(f"{name:22}{size:7}{a:9.2f}{b:9.2f}{b / a:12.2f}", flush=True)
    print("\naugmentations, tiny_squeezenet, 32 pixels, 3 channels: milliseconds a step on top")
    steps = 512 // BATCH
    bare = [1e3 * t / steps for t in compared("tiny_squeezenet", 32, 3, (), rounds)]
    print(f"{'none (whole step)':22}{'':7}{bare[0]:9.2f}{bare[1]:9.2f}{bare[1] / bare[0]:12.2f}")
    for name in AUGMENTATIONS:
        both = [1e3 * t / steps for t in compared("tiny_squeezenet", 32, 3, (name,), rounds)]
        a, b = (time - without for time, without in zip(both, bare, strict=True))
        print(f"{name:22}{'':7}{a:9.2f}{b:9.2f}{both[1] / both[0]:12.2f}", flush=True)


if __name__ == "__main__":
    main()
