"""A generation of a genetic algorithm over the weights of 2-5-1: milliseconds, end to end.

Population 50, 1500 samples of the data set `quadratic`, fitness the mean squared error. Beside
`evolve_weights` stand pygad.kerasga as its manual uses it (a fitness function for one solution
around `pygad.kerasga.predict`), and the bare compiled call that measures all 50 members:

    python benchmarks/ga_generation.py

The standard preset leaves some members as they were. Only the others count as evaluations, but
the compiled call has the height of the whole population all the same. In the line "all changed"
crossovers and mutations are so many that next to every member is new in every generation.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pygad
import pygad.kerasga

from workbench import evolve_weights, feedforward, load_dataset
from workbench.network import population_loss

MEMBERS, GENERATIONS, ROUNDS = 50, 200, 7
THEIR_GENERATIONS = 2  # of a fifth of a second each

data = load_dataset("quadratic")
X, y = data.X[:1500] / 5, data.y[:1500] / 25 - 1


def ours(model: Any, **options: Any) -> float:
    """Return milliseconds a generation; the first population counts as one."""
    began = time.perf_counter()
    found = evolve_weights(
        model, X, y, population=MEMBERS, generations=GENERATIONS, seed=1, progress=False, **options
    )
    seconds = time.perf_counter() - began
    if options:
        assert found.nfev > 0.97 * MEMBERS * GENERATIONS, found.nfev
    return seconds * 1e3 / GENERATIONS


def kerasga(
    model: Any, loss: Callable[[Any], float], X: Any, generations: int, **predict: Any
) -> float:
    """Return milliseconds a generation of pygad.kerasga with PyGAD's defaults.

    Args:
        model: Whose weights are evolved.
        loss: Of the model's outputs.
        X: Inputs.
        generations: Generations besides the first.
        **predict: Arguments of `pygad.kerasga.predict`.
    """

    def fitness(ga: Any, solution: Any, index: int) -> float:
        return 1 / loss(pygad.kerasga.predict(model, solution, X, **predict))

    start = pygad.kerasga.KerasGA(model, num_solutions=MEMBERS).population_weights
    ga = pygad.GA(
        num_generations=generations,
        num_parents_mating=MEMBERS // 2,
        initial_population=start,
        fitness_func=fitness,
        keep_elitism=0,
        keep_parents=0,
        random_seed=1,
        suppress_warnings=True,
    )
    began = time.perf_counter()
    ga.run()
    # It measures the last population as well.
    return (time.perf_counter() - began) * 1e3 / (generations + 1)


def mean_square(prediction: Any) -> float:
    return float(((np.asarray(prediction) - y) ** 2).mean())


def bare(model: Any) -> float:
    """Return milliseconds of one compiled call for all members."""
    losses = population_loss(model, X, y)
    members = np.random.default_rng(1).uniform(-1, 1, (MEMBERS, 21))
    began = time.perf_counter()
    for _ in range(GENERATIONS):
        losses(members)
    return (time.perf_counter() - began) * 1e3 / GENERATIONS


def main() -> None:
    model = feedforward([2, 5, 1], seed=0)
    everything = {"crossovers": 25, "mutations": 250}
    peers: dict[str, Callable[[], float]] = {
        "evolve_weights": lambda: ours(model),
        "evolve_weights, all changed": lambda: ours(model, **everything),
        "bare compiled loss of the population": lambda: bare(model),
        "pygad.kerasga": lambda: kerasga(model, mean_square, X, THEIR_GENERATIONS),
    }
    for measure in peers.values():
        measure()
    # Interleaved, so that a busy moment of the machine hits all of them.
    rounds = [{name: measure() for name, measure in peers.items()} for _ in range(ROUNDS)]
    medians = {name: statistics.median(each[name] for each in rounds) for name in peers}
    one = medians["evolve_weights"]
    print(f"2-5-1, {len(X)} samples, population {MEMBERS}, float64; medians of {ROUNDS} rounds\n")
    print(f"{'':<40}{'ms/generation':>14}{'ratio':>9}")
    for name, median in medians.items():
        print(f"{name:<40}{median:>14.3f}{median / one:>9.2f}")


if __name__ == "__main__":
    main()
