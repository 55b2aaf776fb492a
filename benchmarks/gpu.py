"""The GPU against the CPU, in one run: training, evolution, and a training step of MobileNet V2.

    python benchmarks/gpu.py

Where there is no GPU it says so, and runs the columns of the CPU, small. Both devices take turns,
so that a busy machine is busy for both; every figure is a median. The step of MobileNet V2 is one
on a fixed random batch: forward, cross-entropy, backward, SGD with momentum 0.9; XLA is for the GPU
alone, since it makes such networks slower on a CPU, which computes without. What `train` and
`evolve_weights` take to compile is not counted, and on a GPU that is much.

What is to be learned of the figures: whether the rule of ``device="auto"`` (see
`workbench.network.device`) is right on this machine, which was reasoned and not measured, and
where XLA and bfloat16 pay.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from workbench import build_cnn, evolve_weights, feedforward, train
from workbench.network.device import Device, list_devices, on, resolve

Measure = Callable[[], float]


def trained(sizes: list[int], dtype: str, method: str, rows: int, device: Device) -> Measure:
    """Return a function that gives milliseconds an epoch of `train` on random rows."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (rows, sizes[0]))
    y = rng.uniform(-1, 1, (rows, sizes[-1]))  # noise, so that no training ends early
    model = feedforward(sizes, seed=1, dtype=dtype)

    def measure() -> float:
        record = train(model, X, y, method, epochs=20, min_grad=0.0, device=device, progress=False)
        return record.seconds * 1e3 / max(record.num_epochs, 1)

    return measure


def evolved(images: int, members: int, device: Device) -> Measure:
    """Return a function that gives milliseconds a generation of a population of CNNs."""
    rng = np.random.default_rng(0)
    X, y = rng.random((images, 8, 8, 1), "float32"), rng.integers(10, size=images)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(8, 4, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    generations = 5

    def measure() -> float:
        began = time.perf_counter()
        evolve_weights(
            model,
            X,
            np.eye(10)[y],
            loss="crossentropy",
            population=members,
            generations=generations,
            seed=1,
            device=device,
            progress=False,
        )
        return (time.perf_counter() - began) * 1e3 / generations

    return measure


def stepped(policy: str, xla: bool, batch: int, size: int, device: Device) -> Measure:
    """Return a function that gives milliseconds of a training step of MobileNet V2."""
    rng = np.random.default_rng(0)
    images = rng.standard_normal((batch, size, size, 3), "float32")
    labels = rng.integers(1000, size=batch)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        with on(device):
            model = build_cnn("mobilenet_v2", (size, size, 3), 1000, seed=1)
    finally:
        keras.config.set_dtype_policy(before)
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        "sparse_categorical_crossentropy",
        jit_compile=xla and device.kind == "gpu",
    )

    def measure() -> float:
        with on(device):
            began = time.perf_counter()
            model.train_on_batch(images, labels)  # brings the loss back, so it waits for the end
            return (time.perf_counter() - began) * 1e3

    return measure


def in_turns(measures: dict[str, Measure], rounds: int) -> dict[str, float]:
    """Return the median of each, measured one after the other in each round."""
    for measure in measures.values():
        measure()  # compiles
        measure()
    found: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            found[name].append(measure())
    return {name: statistics.median(values) for name, values in found.items()}


def report(
    title: str, make: Callable[[Device], Measure], devices: dict[str, Device], rounds: int
) -> None:
    """Measure on each device and print a line; what a device cannot do is named there."""
    measures = {}
    for name, device in devices.items():
        try:
            measure = make(device)
            measure()
        except (
            tf.errors.OpError,
            RuntimeError,
        ) as error:  # the other device's figure is worth printing all the same
            print(f"{title} on {name}: {type(error).__name__}: {str(error).strip()[:200]}")
        else:
            measures[name] = measure
    medians = in_turns(measures, rounds)
    cells = "".join(
        f"{medians[name]:11.2f}" if name in medians else " " * 10 + "-" for name in ("cpu", "gpu")
    )
    ratio = f"{medians['cpu'] / medians['gpu']:10.2f}" if len(medians) == 2 else " " * 9 + "-"
    print(f"{title:<52}{cells}{ratio}", flush=True)
    keras.backend.clear_session()


def cases(small: bool) -> list[tuple[str, Callable[[Device], Measure]]]:
    """Return what is measured, each with its name."""
    rows, wide = (300, 40) if small else (1500, 1000)
    images, members = (100, 10) if small else (1400, 50)
    batch, size = (2, 64) if small else (64, 224)
    found: list[tuple[str, Callable[[Device], Measure]]] = [
        (
            f"train {'-'.join(map(str, sizes))}, {method}, {dtype}: epoch",
            partial(trained, sizes, dtype, method, rows),
        )
        for sizes, method, dtype in (
            ([2, 5, 1], "trainlm", "float64"),
            ([20, wide, 1], "trainscg", "float64"),
            ([20, wide, 1], "trainscg", "float32"),
        )
    ]
    title = f"evolve_weights, {members} CNNs, {images} images: generation"
    found.append((title, partial(evolved, images, members)))
    for policy in ("float32", "mixed_bfloat16"):
        for xla in (False,) if small else (False, True):
            title = f"MobileNet V2, {batch} x {size}, {policy}{', XLA' if xla else ''}: step"
            found.append((title, partial(stepped, policy, xla, batch, size)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="gpu", help="the GPU to measure, such as gpu:1")
    given = parser.parse_args()
    there = list_devices("gpu")
    devices = {"cpu": resolve("cpu")}
    if there:
        devices["gpu"] = resolve(given.device)
        print(f"{devices['gpu']}, compute capability {devices['gpu'].compute_capability}")
    else:
        print("TensorFlow sees no GPU here: only the CPU's columns, small. See: workbench doctor")
    print(f"milliseconds, medians of {given.rounds}\n")
    print(f"{'':52}{'CPU':>11}{'GPU':>11}{'CPU/GPU':>10}")
    for title, make in cases(small=not there):
        report(title, make, devices, given.rounds)


if __name__ == "__main__":
    main()
