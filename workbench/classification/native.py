"""Streams of rows and TensorFlow's strategies: what of TensorFlow Keras does not reach.

A training stream has row numbers only; the images lie on the device and are gathered there. The
order of an epoch is a function of the seed and the epoch's number, so that a training that goes
on in the middle sees what it would have seen, and every worker of several sees the same order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from workbench.errors import ArgumentError

PADDING = -1  # row number that fills the last batch up


def shuffled_rows(count: int, batch: int, first: int, last: int, seed: int) -> Any:
    """Return the batches of row numbers of the epochs from ``first`` to before ``last``.

    Rows that do not fill a batch wait for another epoch, whose order is another.

    Args:
        count: Number of rows.
        batch: Rows in a batch, at most ``count``.
        first: Epoch to begin with.
        last: Epoch to end before.
        seed: Of the orders.

    Returns:
        A ``tf.data.Dataset`` of int32 arrays (batch,), ``count // batch`` of them an epoch.
    """
    steps = count // batch

    def epoch(number: Any) -> Any:
        # Sorting noise is a shuffle that is a function of its seed alone.
        noise = tf.random.stateless_uniform([count], tf.stack([tf.cast(seed, tf.int64), number]))
        order = tf.argsort(noise, stable=True)[: steps * batch]
        return tf.data.Dataset.from_tensor_slices(tf.reshape(order, [steps, batch]))

    return tf.data.Dataset.range(first, last).flat_map(epoch).prefetch(2)


def rows_in_order(count: int, batch: int) -> Any:
    """Return all row numbers in batches (batch,), the last one filled up with `PADDING`.

    Batches of one size are compiled once, and divide among replicas.
    """
    steps = -(-count // batch)
    rows = tf.pad(tf.range(count), [[0, steps * batch - count]], constant_values=PADDING)
    return tf.data.Dataset.from_tensor_slices(tf.reshape(rows, [steps, batch])).prefetch(2)


def threads() -> int:
    """Return how many threads an operation may divide itself among."""
    return int(tf.config.threading.get_intra_op_parallelism_threads()) or os.cpu_count() or 1


def is_stream(value: Any) -> bool:
    """Return whether ``value`` is a ``tf.data.Dataset``."""
    return isinstance(value, tf.data.Dataset)


def batches(stream: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the pairs of a stream as arrays.

    Raises:
        ArgumentError: Its elements are no pairs.
    """
    for element in stream:
        if not isinstance(element, tuple) or len(element) != 2:
            raise ArgumentError(
                "X",
                "be a stream of pairs: a batch of images, and their class numbers",
                f"elements {stream.element_spec}",
                "Use dataset.map(lambda image, label: (image, label)).batch(64).",
            )
        yield element[0].numpy(), element[1].numpy()


def mirrored() -> Any:
    """Return the strategy over all GPUs of this machine, or over its CPUs if there is no GPU."""
    gpus = tf.config.list_logical_devices("GPU")
    devices = [device.name for device in gpus or tf.config.list_logical_devices("CPU")]
    if gpus:
        return tf.distribute.MirroredStrategy(devices)
    # Its collective operations start in no certain order on CPUs, and then get one another's
    # arrays; summing on one device has no such trouble.
    sums = tf.distribute.ReductionToOneDevice()
    return tf.distribute.MirroredStrategy(devices, cross_device_ops=sums)


def several_machines(timeout: float) -> Any:
    """Return the strategy over the machines of TF_CONFIG.

    Args:
        timeout: Seconds that a machine waits for the others before it gives them up.

    Raises:
        RuntimeError: TensorFlow has computed something already.
    """
    options = tf.distribute.experimental.CommunicationOptions(timeout_seconds=timeout)
    return tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)


def one_device(name: str) -> Any:
    """Return the strategy that puts everything onto one device."""
    return tf.distribute.OneDeviceStrategy(name)


def plain() -> Any:
    """Return what is in force where nobody asked for a strategy."""
    return tf.distribute.get_strategy()


# What a machine says when another is gone.
LOST: tuple[type[Exception], ...] = (
    tf.errors.UnavailableError,
    tf.errors.DeadlineExceededError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.InternalError,
)
