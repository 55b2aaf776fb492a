"""Train on one device, on two, and on two machines; write the weights to files.

Called with a mode and a folder, in a process of its own: how TensorFlow divides the CPU, and which
machines it knows, can be told only before it starts.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np

SETTINGS: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 16,
    "optimizer": "sgd",
    "learning_rate": 0.02,
    "validation": 0.25,
    "average": 0.9,
    "seed": 1,
    "progress": False,
}


def train(file: Path, **settings: Any) -> Any:
    from pupils import images, vector

    from workbench import build_cnn
    from workbench.classification import train_classifier

    X, y = images()
    model = build_cnn("tiny_squeezenet", (8, 8, 1), 3, seed=4)
    if settings.pop("norm", False):
        model = build_cnn("tiny_vgg", (8, 8, 1), 3, seed=4)
    record = train_classifier(model, X, y, **SETTINGS | settings)
    np.savez(file, weights=vector(model), history=record.history)
    return model


def on_devices(folder: Path) -> None:
    import tensorflow as tf

    half = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], half)
    for norm in (False, True):
        train(folder / f"one{norm:d}.npz", norm=norm)
        train(folder / f"two{norm:d}.npz", norm=norm, strategy="mirrored")
    train(folder / "second0.npz", device="cpu:1")


def on_machines(folder: Path, ports: list[str], number: int, checkpoint: str = "") -> None:
    os.environ["TF_CONFIG"] = json.dumps(
        {
            "cluster": {"worker": [f"127.0.0.1:{port}" for port in ports]},
            "task": {"type": "worker", "index": number},
        }
    )
    from workbench.classification import join_machines

    join_machines(timeout=20)
    more: dict[str, Any] = {}
    if checkpoint:
        more = {"epochs": 2000, "checkpoint": folder / checkpoint}
    train(folder / f"machine{number}.npz", strategy="multiworker", **more)


if __name__ == "__main__":
    mode, folder = sys.argv[1], Path(sys.argv[2])
    if mode == "devices":
        on_devices(folder)
    else:
        on_machines(folder, sys.argv[3].split(","), int(sys.argv[4]), *sys.argv[5:])
