"""Where a classifier is trained: on one device, on several of a machine, or on several machines.

TensorFlow's strategies want variables that were made under them. So a network that is trained
anywhere but where it lies is built anew there and gives its weights back in the end; its batch
norms take their statistics over the whole batch, of all devices together, so that the result does
not depend on how many there are.

Numbers are float32, or half as long where a device computes sooner with them: the layers then
compute in bfloat16 or float16, their weights and the last layer stay float32 (P. Micikevicius et
al., 2017, arXiv:1710.03740), and with float16 the loss is scaled.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras

from workbench import checks
from workbench.classification import native
from workbench.classification.checkpoint import assign, held
from workbench.errors import ArgumentError, WorkbenchError
from workbench.network.device import Device, resolve

STRATEGIES = ("mirrored", "multiworker")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")

_machines: list[Any] = []  # the strategy over several machines, of which there is one a process


@dataclass(frozen=True)
class Placement:
    """Where and in which precision.

    Attributes:
        strategy: TensorFlow's.
        device: What computes; of several of a kind the first.
        precision: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
        apart: Whether the network has to be built anew there.
        machines: Number of them.
    """

    strategy: Any
    device: Device
    precision: str
    apart: bool
    machines: int = 1

    @property
    def replicas(self) -> int:
        """Devices that share a batch."""
        return int(self.strategy.num_replicas_in_sync)

    @property
    def xla(self) -> bool:
        """Whether to compile with XLA: CNNs become five to fourteen times slower on a CPU."""
        return self.device.kind == "gpu" and self.replicas == 1

    @contextmanager
    def network(self, model: keras.Model) -> Iterator[keras.Model]:
        """Enter the strategy and the precision; yield the network to train there.

        ``model`` has its weights in the end, if nothing failed.
        """
        with self.strategy.scope():
            there = model if not self.apart else _copy(model, self.replicas > 1)
            with _computing_in(there, self.precision):
                yield there
        if there is not model:
            assign(model.weights, held(there.weights))


def placement_for(
    device: str | Device, strategy: str | None, precision: str, batch: int
) -> Placement:
    """Return where to train.

    Args:
        device: As of `workbench.network.device.resolve`; with a strategy ``"auto"``.
        strategy: One of `STRATEGIES`, or None for one device.
        precision: One of `PRECISIONS`; ``"auto"`` is bfloat16 on a GPU that has units for it.
        batch: Images in a step, which all devices share.

    Raises:
        ArgumentError: There is no such device or strategy, or the batch cannot be shared.
        WorkbenchError: Several machines are wanted, and `join_machines` was not called.
    """
    if precision not in PRECISIONS:
        raise ArgumentError("precision", f"be one of {', '.join(map(repr, PRECISIONS))}", precision)
    if strategy is not None and strategy not in STRATEGIES:
        raise ArgumentError(
            "strategy", f"be None or one of {', '.join(map(repr, STRATEGIES))}", strategy
        )
    if strategy is not None and device != "auto":
        raise ArgumentError(
            "device", 'be "auto" beside a strategy, which takes all devices', device
        )
    place = resolve(device)
    if precision == "auto":
        precision = "bfloat16" if place.bfloat16 else "float32"
    if strategy is None:
        default = resolve("auto")
        apart = (place.kind, place.index) != (default.kind, default.index)
        found = native.one_device(place.name) if apart else native.plain()
        return Placement(found, place, precision, apart)
    machines = _machines_here() if strategy == "multiworker" else 1
    found = join_machines() if strategy == "multiworker" else native.mirrored()
    if batch % found.num_replicas_in_sync:
        raise ArgumentError(
            "batch_size",
            f"be a multiple of the {found.num_replicas_in_sync} devices that share it",
            batch,
        )
    return Placement(found, place, precision, True, machines)


def join_machines(timeout: float = 120.0) -> Any:
    """Join the machines that train together; to be called first of all in the program.

    Each of them runs the same program, with an environment variable TF_CONFIG that has the
    addresses of all and the number of this one (TensorFlow, "Multi-worker training with Keras").

    Args:
        timeout: Seconds that a machine waits for the others before it gives them up.

    Returns:
        TensorFlow's strategy; the same for each call.

    Raises:
        WorkbenchError: TF_CONFIG is missing, or TensorFlow has computed something already.
    """
    if not _machines:
        checks.real("timeout", timeout, 0, open_low=True)
        if not _machines_here():
            raise WorkbenchError(
                "strategy='multiworker' needs the environment variable TF_CONFIG with the "
                'addresses of all machines, such as {"cluster": {"worker": ["host1:2222", '
                '"host2:2222"]}, "task": {"type": "worker", "index": 0}}. On one machine, '
                "strategy='mirrored' takes all its GPUs."
            )
        try:
            _machines.append(native.several_machines(timeout))
        except RuntimeError as error:
            raise WorkbenchError(
                "Machines can be joined only before TensorFlow computes anything. Call "
                "workbench.classification.join_machines() at the beginning of the program, before "
                f"a network is built. ({error})"
            ) from error
    return _machines[0]


def is_chief() -> bool:
    """Return whether this process writes files, of several that train together."""
    task = _config().get("task", {})
    return not task or (
        task.get("type") == "chief"
        or (task.get("type") == "worker" and int(task.get("index", 0)) == 0)
    )


def _machines_here() -> int:
    cluster = _config().get("cluster", {})
    return sum(len(cluster.get(kind, ())) for kind in ("chief", "worker"))


def _config() -> dict[str, Any]:
    try:
        found = json.loads(os.environ.get("TF_CONFIG") or "{}")
    except json.JSONDecodeError as error:
        raise WorkbenchError(f"The environment variable TF_CONFIG is no JSON: {error}") from None
    return found if isinstance(found, dict) else {}


def _copy(model: keras.Model, shared: bool) -> keras.Model:
    copy = type(model).from_config(model.get_config())
    assign(copy.weights, held(model.weights))
    trainable = {layer.name: layer.trainable for layer in _layers(model)}
    for layer in _layers(copy):
        layer.trainable = trainable.get(layer.name, layer.trainable)
        if shared and isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
    return copy


@contextmanager
def _computing_in(model: keras.Model, precision: str) -> Iterator[None]:
    """Let all layers but the last compute in a precision, for a while."""
    if precision == "float32":
        yield
        return
    policy = keras.DTypePolicy(f"mixed_{precision}")
    layers = [layer for layer in _layers(model) if layer is not model.layers[-1]]
    before = [layer.dtype_policy for layer in layers]
    try:
        for layer in layers:
            layer.dtype_policy = policy
        yield
    finally:
        for layer, own in zip(layers, before, strict=True):
            layer.dtype_policy = own


def _layers(model: keras.Model) -> list[keras.layers.Layer]:
    return list(model._flatten_layers(include_self=False))
