"""A training step of each family: images a second, beside keras.applications and torch.

Forward, cross-entropy, backward and SGD with momentum 0.9 on one random batch, as `Model.fit` runs
it (a TensorFlow graph without XLA, which on a CPU makes such networks 5 to 14 times slower). Ours
and the same architecture of keras.applications take turns, so that a busy machine is busy for both;
torch (channels last) runs right after, in a Python of its own that has the packages of
``benchmarks/peers/requirements.txt``:

    python benchmarks/cnn_training.py --torch path/to/python
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from workbench import build_cnn

PEERS = Path(__file__).parent / "peers"
CLASSES = 1000

# Ours, its options, and the same network in keras.applications if there is one.
FAMILIES: dict[str, tuple[dict[str, Any], Callable[..., Any] | None]] = {
    "mobilenet_v1": ({}, keras.applications.MobileNet),
    "mobilenet_v2": ({}, keras.applications.MobileNetV2),
    "mobilenet_v3_large": ({}, keras.applications.MobileNetV3Large),
    "mobilenet_v3_small": ({}, keras.applications.MobileNetV3Small),
    "resnet50": ({"stride_first": True}, keras.applications.ResNet50),
    "densenet121": ({}, keras.applications.DenseNet121),
    "vgg16": ({"dropout": 0.0}, keras.applications.VGG16),
    "inception_resnet_v2": ({}, keras.applications.InceptionResNetV2),
    "resnet18": ({}, None),
    "resnext50": ({}, None),
    "se_resnet50": ({}, None),
    "googlenet": ({}, None),
    "se_inception": ({}, None),
    "squeezenet1_1": ({}, None),
    "shufflenet_v1_g3": ({}, None),
    "shufflenet_v2_x1_0": ({}, None),
    "ghostnet": ({}, None),
    "alexnet": ({}, None),
}
# At other sizes keras.applications gives VGG-16 a smaller head; the published one costs the memory.
OWN_SIZE = {"vgg16": (4, 224)}  # batch, pixels


def keras_step(model: Any, batch: int, size: int) -> Callable[[], Any]:
    """Return a function that makes one step on a fixed random batch."""
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        "sparse_categorical_crossentropy",
        jit_compile=False,
    )
    rng = np.random.default_rng(1)
    images = rng.standard_normal((batch, size, size, 3), dtype=np.float32)
    labels = rng.integers(CLASSES, size=batch)
    return lambda: model.train_on_batch(images, labels)


def in_turns(steps: dict[str, Callable[[], Any]], batch: int, rounds: int) -> dict[str, float]:
    """Return the median images a second of each, measured one after the other in each round."""
    for step in steps.values():
        step()
        step()
    found: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            found[name].append(batch / (time.perf_counter() - began))
    return {name: statistics.median(rates) for name, rates in found.items()}


def torch_rate(python: str, name: str, batch: int, size: int, rounds: int) -> float:
    """Return torch's images a second."""
    command = [python, str(PEERS / "torch_training.py"), name]
    command += ["--batch", str(batch), "--size", str(size), "--repeats", str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout.splitlines()[-1])["images_per_second"])


def compare(name: str, given: argparse.Namespace) -> dict[str, float]:
    """Return images a second of each contender for one network."""
    options, peer = FAMILIES[name]
    batch, size = OWN_SIZE.get(name, (given.batch, given.size))
    ours = build_cnn(name, (size, size, 3), CLASSES, seed=1, **options)
    steps = {"ours": keras_step(ours, batch, size)}
    if peer is not None:
        v3 = {"include_preprocessing": False} if "v3" in name else {}
        theirs = peer(input_shape=(size, size, 3), weights=None, classes=CLASSES, **v3)
        steps["keras"] = keras_step(theirs, batch, size)
    rates = in_turns(steps, batch, given.rounds)
    keras.backend.clear_session()
    if given.torch:
        rates["torch"] = torch_rate(given.torch, name, batch, size, given.rounds)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(FAMILIES))
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--torch", help="a Python that has torch")
    given = parser.parse_args()
    print(f"batch {given.batch}, {given.size} pixels; images a second, median of {given.rounds}")
    print(f"{'':20}{'ours':>8}{'keras':>8}{'torch':>8}{'ours/keras':>12}{'ours/torch':>12}")
    for name in given.names:
        rates = compare(name, given)
        cells = [
            f"{rates[key]:8.3g}" if key in rates else " " * 8 for key in ("ours", "keras", "torch")
        ]
        for key in ("keras", "torch"):
            cells.append(f"{rates['ours'] / rates[key]:12.2f}" if key in rates else " " * 12)
        print(f"{name:20}{''.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
