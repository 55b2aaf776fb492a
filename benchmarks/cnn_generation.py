"""A generation of a genetic algorithm over the weights of a small CNN: milliseconds, end to end.

466 weights (16 x 8 in a convolution of 4 x 4, 8 of its biases, 32 x 10 + 10 behind a pooling) on
1400 of scikit-learn's digits of 8 x 8, population 50, fitness the cross-entropy. Beside
`evolve_weights` stand pygad.kerasga as its manual uses it, and with a batch size, which sends
each member through Model.predict:

    python benchmarks/cnn_generation.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from ga_generation import MEMBERS, kerasga
from sklearn.datasets import load_digits

from workbench import evolve_weights

GENERATIONS, ROUNDS = 10, 5
THEIR_GENERATIONS = 1  # of seconds

images, digits = load_digits(return_X_y=True)
X = (images[:1400] / 16).reshape(-1, 8, 8, 1).astype("float32")
y = np.eye(10, dtype="float32")[digits[:1400]]


def digits_cnn() -> Any:
    """Return the network; untrained."""
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(8, 4, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    assert model.count_params() == 466
    return model


def ours(model: Any, **options: Any) -> float:
    """Return milliseconds a generation; the first population counts as one."""
    began = time.perf_counter()
    evolve_weights(
        model,
        X,
        y,
        loss="crossentropy",
        population=MEMBERS,
        generations=GENERATIONS,
        seed=1,
        progress=False,
        **options,
    )
    return (time.perf_counter() - began) * 1e3 / GENERATIONS


def loss(prediction: Any) -> float:
    return float(keras.losses.CategoricalCrossentropy()(y, prediction))


def main() -> None:
    model = digits_cnn()
    everything = {"crossovers": 25, "mutations": 250}
    peers: dict[str, Callable[[], float]] = {
        "evolve_weights": lambda: ours(model),
        "evolve_weights, all changed": lambda: ours(model, **everything),
        "pygad.kerasga": lambda: kerasga(model, loss, X, THEIR_GENERATIONS),
        "pygad.kerasga, Model.predict": lambda: kerasga(
            model, loss, X, THEIR_GENERATIONS, batch_size=32
        ),
    }
    for measure in peers.values():
        measure()
    # Interleaved, so that a busy moment of the machine hits all of them.
    rounds = [{name: measure() for name, measure in peers.items()} for _ in range(ROUNDS)]
    medians = {name: statistics.median(each[name] for each in rounds) for name in peers}
    one = medians["evolve_weights, all changed"]
    print(f"466 weights, {len(X)} images, population {MEMBERS}; medians of {ROUNDS} rounds\n")
    print(f"{'':<40}{'ms/generation':>14}{'ratio':>9}")
    for name, median in medians.items():
        print(f"{name:<40}{median:>14.1f}{median / one:>9.2f}")


if __name__ == "__main__":
    main()
