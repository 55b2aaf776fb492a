"""Train in a process that is killed again and again, and compare with one that never was.

Called with a folder, this is the parent. Its children are forks of a process that has everything
loaded, so that a kill costs no new start of TensorFlow; each child trains from the checkpoint.
"""

import os
import signal
import sys
import time
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np

KILLS = 4


def child(folder: Path, name: str) -> None:
    from pupils import images, network, vector

    from workbench.classification import train_classifier

    model = network(norm=True, dropout=0.2)
    train_classifier(
        model,
        *images(),
        epochs=60,
        batch_size=16,
        validation=0.25,
        augment=("crop", "mix_up"),
        average=0.9,
        seed=3,
        progress=False,
        checkpoint=folder / f"{name}.npz",
    )
    np.save(folder / f"{name}.npy", vector(model))


def started(folder: Path, name: str) -> int:
    # TensorFlow does not survive a fork once it has started, so each child starts it.
    process = os.fork()
    if process == 0:
        try:
            child(folder, name)
        finally:
            os._exit(0)
    return process


def main(folder: Path) -> None:
    rng = np.random.default_rng(1)
    os.waitpid(started(folder, "whole"), 0)
    checkpoint, met = folder / "killed.npz", 0
    for _ in range(KILLS):
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        process = started(folder, "killed")
        # From the first checkpoint of this child on, at a random moment.
        while not checkpoint.exists() or checkpoint.stat().st_mtime_ns == before:
            if os.waitpid(process, os.WNOHANG)[0]:
                break
            time.sleep(0.002)
        else:
            time.sleep(rng.uniform(0, 0.2))
            os.kill(process, signal.SIGKILL)
            met += os.WIFSIGNALED(os.waitpid(process, 0)[1])
    os.waitpid(started(folder, "killed"), 0)
    whole, killed = (np.load(folder / f"{name}.npy") for name in ("whole", "killed"))
    np.testing.assert_array_equal(killed, whole)
    assert met >= KILLS // 2, f"only {met} kills met a training"
    assert not list(folder.glob(".*.new"))
    print(f"kills that met a training: {met}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
