"""Where computations run: the CPU, or a GPU by its number.

A second seam to TensorFlow beside `backend`, for what is asked about machines.

``device="auto"`` is the first GPU if there is one, except for networks that are no work for one:
those of float64, and those that take rows of numbers and have few weights. Two facts speak for
the CPU there. A GPU for desktops does one operation in float64 for 32 or 64 in float32 (NVIDIA,
CUDA C++ Programming Guide, "Throughput of Native Arithmetic Instructions"; cards for data centres,
of compute capability 8.0 and 9.0, do one for two). And each operation costs a launch of some
microseconds, one after the other, where an epoch of trainlm on 2-5-1 takes 0.2 ms on a CPU (see
`backend`), and has a solution by 21 steps of elimination in it alone. The number of weights that
is called few was reasoned from that and not measured; ``benchmarks/gpu.py`` measures. Who wants
the GPU anyway says ``device="gpu"``.

No number depends on how the CPU was named: ``"cpu"`` and ``"cpu:1"`` (there are several only where
TensorFlow was told to divide it) give the same bits.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import tensorflow as tf
from tensorflow.python.client import device_lib
from tensorflow.python.framework import config

from workbench.errors import ArgumentError
from workbench.network import backend

FEW_WEIGHTS = 10_000  # of a network of rows that stays on the CPU; see above

# The first that computes in bfloat16 (NVIDIA's Ampere).
_BFLOAT16_FROM = (8, 0)
_CPU_OR_GPU = re.compile(r"/?(cpu|gpu)(?::(\d+))?", re.IGNORECASE)
_REMEDY = (
    "On Linux with an NVIDIA card: pip install 'workbench[gpu]'. To see what there is: "
    'workbench doctor. device="auto" takes the CPU where there is no GPU.'
)


class DeviceWarning(UserWarning):
    """A device works, but not as it should."""


@dataclass(frozen=True)
class Device:
    """Something that TensorFlow computes on.

    Attributes:
        kind: ``"cpu"`` or ``"gpu"``.
        index: Its number among those of its kind, from 0.
        description: What it calls itself.
        compute_capability: Of a GPU of NVIDIA, for example (8, 6).
    """

    kind: Literal["cpu", "gpu"]
    index: int = 0
    description: str = ""
    compute_capability: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """TensorFlow's name for it, for example ``"/GPU:1"``."""
        return f"/{self.kind.upper()}:{self.index}"

    @property
    def bfloat16(self) -> bool:
        """Whether it is a GPU with units for bfloat16: compute capability 8.0 or later."""
        return self.compute_capability is not None and self.compute_capability >= _BFLOAT16_FROM

    def __str__(self) -> str:
        return f"{self.kind}:{self.index}" + (f" ({self.description})" if self.description else "")


def list_devices(kind: Literal["cpu", "gpu"]) -> list[Device]:
    """Return the devices of a kind that TensorFlow computes on, by their numbers.

    The first call starts TensorFlow, if nothing has been computed yet.
    """
    if kind == "gpu" and not tf.config.list_physical_devices("GPU"):
        return []
    found = tf.config.list_logical_devices(kind.upper())
    seen = tf.config.get_visible_devices(kind.upper())
    if kind == "cpu" or len(seen) != len(found):  # one card may be divided into several
        seen = seen[:1] * len(found)
    return [_described(kind, number, physical) for number, physical in enumerate(seen)]


def _described(kind: Literal["cpu", "gpu"], index: int, physical: Any) -> Device:
    if kind == "cpu":
        return Device("cpu", index)
    details = tf.config.experimental.get_device_details(physical)
    capability = details.get("compute_capability")
    return Device(
        "gpu",
        index,
        details.get("device_name", physical.name),
        None if capability is None else tuple(capability),
    )


def resolve(device: str | Device = "auto", *, small: bool = False) -> Device:
    """Return the device that an argument means.

    Args:
        device: ``"cpu"``, ``"gpu"`` (the first), ``"gpu:1"`` and so on. ``"auto"`` is that of an
            `on` around the call; else the first GPU, or the CPU if there is none.
        small: What is to be computed is no work for a GPU: ``"auto"`` stays on the CPU.

    Raises:
        ArgumentError: It is no such name, or there is no such device.

    Warns:
        DeviceWarning: A GPU whose whole memory TensorFlow has taken already.
    """
    if device == "auto":
        within = backend.place()
        if within is None and (small or not tf.config.list_physical_devices("GPU")):
            return Device("cpu")
        device = within or "gpu"
    asked = device.name if isinstance(device, Device) else device
    match = _CPU_OR_GPU.fullmatch(asked) if isinstance(asked, str) else None
    if match is None:
        raise ArgumentError("device", 'be "auto", "cpu", "gpu" or one by number, "gpu:1"', device)
    kind: Literal["cpu", "gpu"] = "gpu" if match[1].lower() == "gpu" else "cpu"
    index = int(match[2] or 0)
    if (kind, index) == ("cpu", 0):
        return Device("cpu")
    there = list_devices(kind)
    if index >= len(there):
        known = ", ".join(map(str, there)) or f"no {kind.upper()} that TensorFlow can use"
        raise ArgumentError(
            "device",
            "name a device that is there",
            f"device={asked!r}, and there is {known}",
            _REMEDY if kind == "gpu" and not there else "",
        )
    if kind == "gpu":
        _warn_of_memory()
    return there[index]


@contextmanager
def on(device: str | Device = "auto") -> Iterator[Device]:
    """Compute on a device: arrays are put there, and functions compiled for it.

    It holds within this thread, and for TensorFlow's own operations and Keras's as well; every
    ``device="auto"`` of this package inside means this device.

    Args:
        device: As for `resolve`; a `Device` is taken as it is, in 10 µs.

    Yields:
        The device.
    """
    found = device if isinstance(device, Device) else resolve(device)
    with backend.on(found.name):
        yield found


@contextmanager
def deterministic() -> Iterator[None]:
    """Compute to the same bits each time, on one machine and with one number of threads.

    On a CPU the operations of convolutional networks do so anyway, as far as was seen: two epochs
    of four tiny networks on digits, three times each on a busy machine of 2 cores, ended with the
    same bits, with this and without. But those are others with this than without, and others
    again with another number of threads (1, 2, 4; TF_NUM_INTRAOP_THREADS): who wants the same bits
    on another machine needs at least the same number there. It costs nothing on a CPU (a step took
    0.97 times as long).

    On a GPU, where none of this was tried, sums are made in the order in which threads come, unless
    TensorFlow is told otherwise, which it can be only for the whole process; operations that it has
    in no other form then raise ``UnimplementedError``. What it has found out for a shape before,
    the quickest convolution, it may go on using: enter this before anything is computed.

    Seeds are not set. TensorFlow then raises for random operations without a seed, and for data
    that are shuffled without one.

    TensorFlow offers only to switch this on. What switches it off again is not part of its public
    interface, but its own tests use it.
    """
    before = config.is_op_determinism_enabled()
    config.enable_op_determinism()
    try:
        yield
    finally:
        if not before:
            config.disable_op_determinism()


def survey() -> list[dict[str, Any]]:
    """Return what there is to say of each GPU, in JSON's types: the question of `doctor`.

    Returns:
        A dictionary a GPU: its ``name``, ``compute_capability`` (such as ``"8.6"``, empty if it
        tells none), ``bfloat16``, ``memory`` that TensorFlow may use, in bytes, and in ``xla``
        what went wrong when XLA compiled something for it; empty if nothing did.
    """
    gpus = list_devices("gpu")
    memory = {}
    if gpus:
        memory = {local.name: local.memory_limit for local in device_lib.list_local_devices()}
    return [
        {
            "name": gpu.description,
            "compute_capability": ".".join(map(str, gpu.compute_capability or ())),
            "bfloat16": gpu.bfloat16,
            "memory": int(memory.get(f"/device:GPU:{gpu.index}", 0)),
            "xla": _trouble_with_xla(gpu),
        }
        for gpu in gpus
    ]


def _trouble_with_xla(device: Device) -> str:
    try:
        with on(device):
            backend.numpy(backend.xla(lambda x: 2 * x)(backend.tensor(1.0)))
    except tf.errors.OpError as error:
        return (error.message.strip().splitlines() or [type(error).__name__])[0]
    return ""


def _warn_of_memory() -> None:
    """Say so if TensorFlow was started before it could be told to take memory as it needs it."""
    if not backend.let_memory_grow() and not os.environ.get("TF_FORCE_GPU_ALLOW_GROWTH"):
        warnings.warn(
            "TensorFlow was started before it could be told to take a GPU's memory as it is "
            "needed, and has taken all of it; other programs will find none. Set the environment "
            "variable TF_FORCE_GPU_ALLOW_GROWTH=true before Python starts, or import "
            "workbench.network.device before the first model is built.",
            DeviceWarning,
            stacklevel=3,
        )
