"""Deformable convolution and unpooling, forward and gradients: milliseconds, ratios in one run.

Beside `deformable_conv2d` with a mask (version 2) and without stand the ordinary convolution of
the same size, and the same samples by `keras.ops.image.map_coordinates`, a channel at a time, as
its interface has it. Gradients are those of all arrays. Random offsets of 1.5 pixels, padding 1,
plain graphs; then ours and the ordinary one compiled by XLA. Below, max pooling with indices and
unpooling beside Keras's pooling. Best of several rounds, in turn:

    python benchmarks/deformable_convolution.py
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from workbench.cnn.ops import MaxPoolingWithIndices2D, MaxUnpooling2D, deformable_conv2d

ROUNDS, NAIVE_ROUNDS = 11, 1
CONVOLUTIONS = ((4, 32, 64, 64), (8, 14, 256, 256), (8, 56, 64, 64))  # batch, pixels, channels, out
POOLINGS = ((2, 2), (3, 2))  # window, stride

Step = Callable[[], Any]


def ordinary(x: Any, offsets: Any, mask: Any, kernel: Any) -> Any:
    return tf.nn.conv2d(x, kernel, 1, "SAME")


def version_1(x: Any, offsets: Any, mask: Any, kernel: Any) -> Any:
    return deformable_conv2d(x, offsets, kernel, padding=1)


def version_2(x: Any, offsets: Any, mask: Any, kernel: Any) -> Any:
    return deformable_conv2d(x, offsets, kernel, mask, padding=1)


def naive(x: Any, offsets: Any, mask: Any, kernel: Any) -> Any:
    batch, rows, columns, channels = x.shape
    moved = tf.reshape(offsets, (batch, rows, columns, 9, 2))
    taps = np.indices((3, 3)).reshape(2, 9) - 1.0
    image, i, j = np.indices((batch, rows, columns)).astype("float32")[..., None]
    places = tf.stack(
        [
            tf.broadcast_to(image, moved.shape[:-1]),
            moved[..., 0] + (i + taps[0]).astype("float32"),
            moved[..., 1] + (j + taps[1]).astype("float32"),
        ]
    )
    samples = tf.stack(
        [
            keras.ops.image.map_coordinates(x[..., c], places, order=1, fill_mode="constant")
            for c in range(channels)
        ],
        axis=-1,
    )
    return tf.einsum(
        "nijkc,kcf->nijf", samples * mask[..., None], tf.reshape(kernel, (9, channels, -1))
    )


def step(function: Callable[..., Any], arrays: Sequence[Any], xla: bool = False) -> Step:
    """Return output and gradients of the sum of its squares."""

    @tf.function(jit_compile=xla, autograph=False)
    def run() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(arrays)
            output = function(*arrays)
            loss = tf.reduce_sum(output * output)
        found = zip(arrays, tape.gradient(loss, arrays), strict=True)
        return [output, *(slope for _, slope in found if slope is not None)]

    return run.get_concrete_function()


def best(steps: dict[str, Step], rounds: int) -> dict[str, float]:
    """Return the milliseconds of each in its fastest round."""
    times = dict.fromkeys(steps, float("inf"))
    for _ in range(rounds + 1):  # the first one warms up
        for name, run in steps.items():
            began = time.perf_counter()
            run()[-1].numpy()
            times[name] = min(times[name], (time.perf_counter() - began) * 1e3)
    return times


def agree(one: Step, other: Step) -> None:
    for a, b in zip(one(), other(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * np.abs(a).max())


def table(title: str, times: dict[str, float], unit: str) -> None:
    print(title)
    for name, taken in times.items():
        print(f"  {name:<28}{taken:9.1f} ms{taken / times[unit]:9.2f}", flush=True)


def convolution(batch: int, pixels: int, channels: int, filters: int) -> None:
    rng = np.random.default_rng(1)
    shape = (batch, pixels, pixels)
    arrays = [
        tf.constant(array, "float32")
        for array in (
            rng.normal(size=(*shape, channels)),
            rng.normal(scale=1.5, size=(*shape, 18)),
            rng.uniform(size=(*shape, 9)),
            rng.normal(size=(3, 3, channels, filters)) / channels,
        )
    ]
    named = {"ordinary": ordinary, "version 1": version_1, "version 2": version_2}
    steps = {name: step(function, arrays) for name, function in named.items()}
    xla = {f"{name}, XLA": step(function, arrays, xla=True) for name, function in named.items()}
    slow = {"version 2 by map_coordinates": step(naive, arrays)}
    agree(steps["version 2"], *slow.values())
    agree(steps["version 2"], xla["version 2, XLA"])
    times = best(steps | xla, ROUNDS) | best(slow, NAIVE_ROUNDS)
    table(
        f"{batch} x {pixels} x {pixels} x {channels}, {filters} filters of 3 x 3", times, "ordinary"
    )


def pooling(window: int, stride: int) -> None:
    x = tf.constant(np.random.default_rng(1).normal(size=(16, 56, 56, 64)), "float32")
    pool, unpool = MaxPoolingWithIndices2D(window, stride), MaxUnpooling2D(window, stride)
    plain = keras.layers.MaxPooling2D(window, stride)
    maxima, indices = pool(x)
    steps = {
        "Keras's pooling": step(plain, [x]),
        "with indices": step(lambda x: _joined(*pool(x)), [x]),
        "unpooling": step(lambda values: unpool([values, indices, x]), [maxima]),
    }
    title = f"pooling 16 x 56 x 56 x 64 by {window} x {window}, stride {stride}"
    table(title, best(steps, ROUNDS), "Keras's pooling")


def _joined(maxima: Any, indices: Any) -> Any:
    # So that the graph cannot leave the indices out.
    return maxima + 1e-9 * tf.cast(indices, "float32")


def main() -> None:
    for case in CONVOLUTIONS:
        convolution(*case)
    for window, stride in POOLINGS:
        pooling(window, stride)


if __name__ == "__main__":
    main()
