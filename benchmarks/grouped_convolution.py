"""Grouped convolution, forward and both gradients: milliseconds, and ratios within one run.

Beside `GroupedConv2D` stand TensorFlow's operation called directly, one small convolution a group
with a concatenation, and Keras's layer, which compiles itself by XLA. Batches of 8 images, all in
plain graphs; then ours and Keras's in a function that is compiled by XLA as a whole. Best of
several rounds, in turn:

    python benchmarks/grouped_convolution.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from workbench.cnn.ops import GroupedConv2D

BATCH, ROUNDS, THEIR_ROUNDS = 8, 15, 2  # theirs take seconds


class Case(NamedTuple):
    """A convolution of square images, "same" padded."""

    name: str
    size: int
    channels: int
    filters: int
    groups: int
    window: int


CASES = (
    Case("ResNeXt, stage 2", 56, 128, 128, 32, 3),
    Case("ResNeXt, stage 3", 28, 256, 256, 32, 3),
    Case("ShuffleNet V1, 1 x 1", 28, 240, 60, 3, 1),
    Case("a group a channel", 28, 64, 64, 64, 3),
)

Step = Callable[[], Any]


def direct(x: Any, kernel: Any) -> Any:
    return tf.nn.conv2d(x, kernel, 1, "SAME")


def split(x: Any, kernel: Any) -> Any:
    groups = x.shape[-1] // kernel.shape[2]
    parts = zip(tf.split(x, groups, axis=-1), tf.split(kernel, groups, axis=-1), strict=True)
    return tf.concat([direct(*part) for part in parts], axis=-1)


def step(convolve: Callable[[Any, Any], Any], x: Any, kernel: Any, xla: bool = False) -> Step:
    """Return the training step of one convolution: its output, and two gradients."""

    @tf.function(jit_compile=xla, autograph=False)
    def run() -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            output = convolve(x, kernel)
            loss = tf.reduce_sum(output * output)
        return [output, *tape.gradient(loss, [x, kernel])]

    trace = run.get_concrete_function()  # the trace itself does not count retracings
    return trace


def best(steps: dict[str, Step], rounds: int) -> dict[str, float]:
    """Return the fastest round of each, in milliseconds, and check that they agree."""
    outputs = {name: [array.numpy() for array in run()] for name, run in steps.items()}
    first = next(iter(outputs.values()))
    for others in outputs.values():
        for ours, theirs in zip(first, others, strict=True):
            np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-4 * np.abs(ours).max())
    times: dict[str, float] = {}
    for _ in range(rounds):
        for name, run in steps.items():
            began = time.perf_counter()
            run()[-1].numpy()
            taken = (time.perf_counter() - began) * 1e3
            times[name] = min(times.get(name, taken), taken)
    return times


def layers(case: Case) -> dict[str, Callable[[Any, Any], Any]]:
    """Return the convolutions of our layer and of Keras's, as functions of input and kernel."""
    found = {}
    for name, layer in (("ours", GroupedConv2D), ("Keras", keras.layers.Conv2D)):
        built = layer(case.filters, case.window, padding="same", groups=case.groups)
        built.build((None, case.size, case.size, case.channels))
        found[name] = built.convolution_op
    return found


def main() -> None:
    rng = np.random.default_rng(1)
    print(
        f"{'forward + backward, ms':24}{'direct':>9}{'ours':>9}{'split':>9}{'Keras':>9}"
        f"{'ours/direct':>13}{'Keras/ours':>12}   {'XLA: ours':>9}{'Keras':>9}"
    )
    for case in CASES:
        x = rng.normal(size=(BATCH, case.size, case.size, case.channels))
        kernel = rng.normal(
            size=(case.window, case.window, case.channels // case.groups, case.filters)
        )
        at = tf.constant(x, "float32"), tf.constant(kernel, "float32")
        both = layers(case)
        fast = {"direct": direct, "ours": both["ours"], "split": split}
        plain = best({name: step(op, *at) for name, op in fast.items()}, ROUNDS)
        plain |= best({"Keras": step(both["Keras"], *at)}, THEIR_ROUNDS)
        xla = best({name: step(op, *at, xla=True) for name, op in both.items()}, THEIR_ROUNDS)
        print(
            f"{case.name:24}"
            + "".join(f"{plain[name]:9.1f}" for name in ("direct", "ours", "split", "Keras"))
            + f"{plain['ours'] / plain['direct']:13.2f}{plain['Keras'] / plain['ours']:12.0f}"
            + f"   {xla['ours']:9.1f}{xla['Keras']:9.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
