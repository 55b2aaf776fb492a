"""Levenberg-Marquardt beside SciPy's and pyrenn's: seconds for 100 epochs of 2-5-1.

All start from the same weights, on the same 1500 samples of the data set `quadratic`, and take
100 steps in float64. SciPy gets an analytic Jacobian in vectorised NumPy, written for this very
network, and no tolerance at which to stop; its time is scaled to 100 Jacobians, for a rejected
step of its own costs it an evaluation of the budget.

    python benchmarks/levenberg_marquardt.py

pyrenn (0.1, its only release) is no dependency; without it its line is missing:

    pip install --no-deps pyrenn
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import statistics
import time
from collections.abc import Callable

# Small matrices: more threads than one only get in each other's way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy.optimize import least_squares

from workbench import feedforward, load_dataset, train
from workbench.data import MapMinMax, split

EPOCHS, ROUNDS, SEEDS = 100, 7, 5

data = load_dataset("quadratic")
rows = split(len(data.X), train=1500, validation=0, test=500, seed=0)
scale_x, scale_y = MapMinMax().fit(data.X[rows.train]), MapMinMax().fit(data.y[rows.train])
X, y = scale_x.transform(data.X[rows.train]), scale_y.transform(data.y[rows.train])
X_test, y_test = scale_x.transform(data.X[rows.test]), scale_y.transform(data.y[rows.test])

Measured = tuple[float, float]  # seconds for 100 epochs, test error after them


def unpacked(vector: np.ndarray) -> tuple[np.ndarray, ...]:
    return vector[:10].reshape(2, 5), vector[10:15], vector[15:20], vector[20]


def residuals(vector: np.ndarray) -> np.ndarray:
    W1, b1, W2, b2 = unpacked(vector)
    return np.tanh(X @ W1 + b1) @ W2 + b2 - y[:, 0]


def analytic_jacobian(vector: np.ndarray) -> np.ndarray:
    W1, b1, W2, _ = unpacked(vector)
    hidden = np.tanh(X @ W1 + b1)
    back = (1 - hidden * hidden) * W2
    J = np.empty((len(X), 21))
    J[:, :5], J[:, 5:10], J[:, 10:15] = X[:, :1] * back, X[:, 1:] * back, back
    J[:, 15:20], J[:, 20] = hidden, 1
    return J


def test_error(vector: np.ndarray) -> float:
    W1, b1, W2, b2 = unpacked(vector)
    return float(((np.tanh(X_test @ W1 + b1) @ W2 + b2 - y_test[:, 0]) ** 2).mean())


def start_of(seed: int) -> np.ndarray:
    return np.concatenate([w.ravel() for w in feedforward([2, 5, 1], seed=seed).get_weights()])


def workbench(seed: int) -> Measured:
    model = feedforward([2, 5, 1], seed=seed)
    began = time.perf_counter()
    record = train(model, X, y, epochs=EPOCHS, progress=False)
    seconds = time.perf_counter() - began
    assert record.num_epochs == EPOCHS
    return seconds, float(((model(X_test).numpy() - y_test) ** 2).mean())


def scipy_lm(seed: int) -> Measured:
    start = start_of(seed)
    began = time.perf_counter()
    found = least_squares(
        residuals,
        start,
        analytic_jacobian,
        method="lm",
        max_nfev=EPOCHS,
        ftol=3e-16,
        xtol=3e-16,
        gtol=3e-16,
    )
    seconds = time.perf_counter() - began
    return seconds / found.njev * EPOCHS, test_error(found.x)


def pyrenn_lm(seed: int) -> Measured:
    import pyrenn

    network = pyrenn.CreateNN([2, 5, 1])
    network["w"] = start_of(seed)  # its order is ours for one hidden layer
    assert np.allclose(pyrenn.NNOut(X.T, network) - y[:, 0], residuals(network["w"]))
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        network = pyrenn.train_LM(X.T, y.T, network, k_max=EPOCHS, E_stop=0)
    return time.perf_counter() - began, test_error(network["w"])


def main() -> None:
    first, _ = workbench(seed=0)
    peers: dict[str, Callable[[int], Measured]] = {"workbench": workbench, "SciPy": scipy_lm}
    # Interleaved, so that a busy moment of the machine hits all of them.
    measured: dict[str, list[Measured]] = {name: [] for name in peers}
    for number in range(ROUNDS * SEEDS):
        for name, peer in peers.items():
            measured[name].append(peer(number % SEEDS))
    if importlib.util.find_spec("pyrenn"):
        measured["pyrenn"] = [pyrenn_lm(seed=0)]
    print(f"2-5-1, {len(X)} samples, {EPOCHS} epochs, float64; medians over {SEEDS} seeds")
    print(f"first call in this process, compiling included: {first:.2f} s\n")
    print(f"{'':<12}{'milliseconds':>14}{'ratio':>9}{'test error':>13}")
    ours = statistics.median(seconds for seconds, _ in measured["workbench"])
    for name, runs in measured.items():
        seconds, error = (statistics.median(part) for part in zip(*runs, strict=True))
        print(f"{name:<12}{seconds * 1e3:>14.1f}{seconds / ours:>9.1f}{error:>13.2g}")
    if "pyrenn" not in measured:
        print("pyrenn is not installed: pip install --no-deps pyrenn")
    else:
        print("pyrenn: one run, seed 0")


if __name__ == "__main__":
    main()
