"""The minimum of a network fitted on y = x1² + x2²: `find_extremum` beside the textbook's recipe.

For each seed two networks. The textbook's ("MATLAB Neural Networks: 30 cases"): 3900 of 4000
samples of [-5, 5]², 2-5-1, 100 epochs of trainlm, goal 4e-7. Ours: `BPRegressor((10,))` as it
comes, on the 2000 samples of the data set quadratic.

Each is searched both ways: by the textbook's genetic algorithm (20 x 100, crossover .4, mutation
.2) and, where there is one, a swarm of the same budget, on the values of the network alone; and by
`find_extremum` as it comes (50 x 100, 1024 scattered points and the descents: about four times the
evaluations). The true minimum is the origin; the network's own is where descents from other random
starts end lowest, so that what the fit misses and what the search misses stand apart.

    python benchmarks/extremum.py [--seeds 20]
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench import BPRegressor, load_dataset, minimize
from workbench.data.quadratic import sample_quadratic
from workbench.evolve import METHODS
from workbench.extremum import ExtremumWarning, find_extremum
from workbench.network.predict import Predictor

Floats = NDArray[np.float64]

BOUNDS = np.array([(-5.0, 5.0), (-5.0, 5.0)])
NEAR, NEARER = 0.05, 0.005
TEXTBOOK = {"population": 20, "generations": 100}
GA = {"preset": "textbook", "crossover_probability": 0.4, "mutation_probability": 0.2}


def textbooks_network(seed: int) -> BPRegressor:
    X, y = sample_quadratic(4000, seed=seed)
    model = BPRegressor((5,), epochs=100, goal=4e-7, random_state=seed)
    return model.fit(X[:3900], y[:3900, 0])


def our_network(seed: int) -> BPRegressor:
    data = load_dataset("quadratic")
    return BPRegressor((10,), random_state=seed).fit(data.X, data.y[:, 0])


def raw(model: BPRegressor, seed: int, method: str = "ga", **options: object) -> Floats:
    """The best member that a population meets, by the values of the network alone."""
    network, scale, target = Predictor(model.model_), model.input_scaler_, model.target_scaler_
    best: list[tuple[float, Floats]] = [(np.inf, np.zeros(2))]

    def objective(members: Floats) -> Floats:
        values = target.unscaled(network(scale.scaled(members)))[:, 0]
        first = int(values.argmin())
        if values[first] < best[0][0]:
            best[0] = float(values[first]), members[first].copy()
        # Its roulette takes 1/value. A fit may dip below zero: such a member is simply the best.
        return np.maximum(values, 1e-12)

    minimize(objective, BOUNDS, method, **TEXTBOOK, seed=seed, progress=False, **options)
    return best[0][1]


def ours(model: BPRegressor, seed: int, **options: object) -> Floats:
    return find_extremum(model, BOUNDS, seed=seed, progress=False, **options).x


def searches() -> dict[str, Callable[[BPRegressor, int], Floats]]:
    ways: dict[str, Callable[[BPRegressor, int], Floats]] = {
        "textbook's GA, values only": lambda model, seed: raw(model, seed, "ga", **GA)
    }
    if "pso" in METHODS:
        ways["swarm, values only"] = lambda model, seed: raw(model, seed, "pso")
    return ways | {"find_extremum": ours}


def rows_of(seed: int) -> list[dict[str, object]]:
    rows = []
    for name, fit in {"textbook's": textbooks_network, "ours": our_network}.items():
        model = fit(seed)
        own = ours(model, seed + 1000, method="multistart", optima=3)
        for way, search in searches().items():
            began = time.perf_counter()
            x = search(model, seed)
            rows.append(
                {
                    "network": name,
                    "search": way,
                    "seed": seed,
                    "from_origin": float(np.linalg.norm(x)),
                    "from_own": float(np.linalg.norm(x - own)),
                    "seconds": time.perf_counter() - began,
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    warnings.simplefilter("error", ExtremumWarning)
    runs = pd.DataFrame([row for seed in range(seeds) for row in rows_of(seed)])
    print(f"How many of {seeds} seeds come within {NEAR} and {NEARER} of the origin; mean and")
    print("greatest distance to it; mean distance to the network's own minimum; median time\n")
    head = f"{'network':<12}{'search':<28}{f'< {NEAR}':>8}{f'< {NEARER}':>9}"
    print(f"{head}{'mean':>9}{'max':>9}{'to own':>10}{'ms':>6}")
    for (network, way), group in runs.groupby(["network", "search"], sort=False):
        distance = group["from_origin"]
        print(
            f"{network:<12}{way:<28}{int((distance < NEAR).sum()):>8}"
            f"{int((distance < NEARER).sum()):>9}{distance.mean():>9.4f}{distance.max():>9.4f}"
            f"{group['from_own'].mean():>10.2g}{group['seconds'].median() * 1e3:>6.0f}"
        )


if __name__ == "__main__":
    main()
