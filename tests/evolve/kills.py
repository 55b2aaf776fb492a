"""A search that is killed again and again, in processes of its own.

    python kills.py METHOD KILLS FOLDER

A process without threads forks children that search with a checkpoint, and kills each with
SIGKILL at a random moment: half of them soon after their start, half of them soon after they have
written a checkpoint. Exits with 0 if every checkpoint could be read and the result, which
the last child saves, equals that of a search that was never stopped, to the last bit.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from workbench.evolve import minimize
from workbench.evolve.checkpoint import read_checkpoint
from workbench.evolve.loop import METHODS, kinds_of

GENES = 6
GENERATIONS = 1000  # take far longer than all the children live
SECONDS = 0.004


def rastrigin(members: np.ndarray) -> np.ndarray:
    away = members - 0.01 * np.arange(GENES)  # a permutation has a value of its own
    return (away**2 - 10 * np.cos(2 * np.pi * away) + 10).sum(axis=1)


def search(method: str, checkpoint: Path | None) -> dict[str, np.ndarray]:
    permutes = "real" not in kinds_of(METHODS[method])
    result = minimize(
        rastrigin,
        [(0.0, GENES - 1.0) if permutes else (-5.0, 5.0)] * GENES,
        method,
        genes="permutation" if permutes else "real",
        population=12,
        generations=GENERATIONS,
        seed=5,
        progress=False,
        checkpoint=checkpoint,
        checkpoint_every=1,
    )
    history = result.history
    return {
        "x": result.x,
        "fun": np.array(result.fun),
        "population": result.population,
        "values": result.population_values,
        "mean": history.mean,
        "std": history.std,
        "best": history.best,
        "evaluations": history.evaluations,
    }


def child(method: str, checkpoint: Path, result: Path, ready: int) -> None:
    os.write(ready, b"x")
    found = search(method, checkpoint)
    with result.open("wb") as file:
        np.savez(file, **found)
    os._exit(0)


def begun(method: str, checkpoint: Path, result: Path) -> int:
    """Return the number of a child that has begun to search."""
    hear, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        child(method, checkpoint, result, tell)
    os.read(hear, 1)
    os.close(hear)
    os.close(tell)
    return pid


def written(checkpoint: Path) -> int:
    return checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0


def killed(method: str, checkpoint: Path, result: Path, seconds: float, later: bool) -> None:
    """Search in a child, and kill it after some seconds, or so long after a checkpoint."""
    before = written(checkpoint)
    pid = begun(method, checkpoint, result)
    while later and written(checkpoint) == before:
        time.sleep(1e-4)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def main() -> None:
    method, kills, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    checkpoint, result = folder / "search.npz", folder / "result.npz"
    moments = random.Random(method)
    progress = []
    whole = search(method, None)  # first, so that children need not import anything
    for number in range(kills):
        killed(method, checkpoint, result, moments.uniform(0, SECONDS), later=number % 2 == 1)
        saved = read_checkpoint(checkpoint)
        progress.append(0 if saved is None else len(saved.header["rows"]))
    assert not result.exists(), "the search ended before all kills"
    assert len(set(progress)) >= kills // 2, f"too few got on: {progress}"
    os.waitpid(begun(method, checkpoint, result), 0)
    with np.load(result) as broken:
        for name, expected in whole.items():
            np.testing.assert_array_equal(broken[name], expected, err_msg=name)
    leftovers = {path.name for path in folder.iterdir()}
    assert leftovers == {"search.npz", "result.npz"}, leftovers


if __name__ == "__main__":
    main()
