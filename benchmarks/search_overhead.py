"""What the search itself costs: milliseconds a generation on an objective that costs nothing.

Prints, in one run, `minimize` beside PyGAD with its default operators and beside the same
operators in a bare NumPy loop, as ratios to the standard preset:

    python benchmarks/search_overhead.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pygad
from numpy.typing import NDArray

from workbench.evolve import (
    PRESETS,
    arith_crossover,
    minimize,
    non_uniform_mutation,
    norm_geom_select,
)

MEMBERS, GENES, GENERATIONS, REPEATS = 50, 21, 300, 7
BOUNDS = np.tile([-1.0, 1.0], (GENES, 1))


def sphere(members: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.einsum("ij,ij->i", members, members)


def ours(**options: Any) -> Callable[[], None]:
    def search() -> None:
        minimize(sphere, BOUNDS, population=MEMBERS, generations=GENERATIONS, seed=1, **options)

    return search


def plain_pygad() -> None:
    pygad.GA(
        num_generations=GENERATIONS - 1,
        num_parents_mating=MEMBERS // 2,
        fitness_func=lambda ga, members, indices: -sphere(members),
        fitness_batch_size=MEMBERS,
        sol_per_pop=MEMBERS,
        num_genes=GENES,
        init_range_low=-1,
        init_range_high=1,
        random_seed=1,
        suppress_warnings=True,
    ).run()


def bare_numpy() -> None:
    rng = np.random.default_rng(1)
    members = rng.uniform(-1, 1, (MEMBERS, GENES))
    values = sphere(members)
    for generation in range(1, GENERATIONS):
        elite = members[values.argmin()].copy()
        members = arith_crossover(members[norm_geom_select(values, rng)], rng, crossovers=10)
        elapsed = generation / GENERATIONS
        members = non_uniform_mutation(members, BOUNDS, elapsed, rng, mutations=40)
        values = sphere(members)
        members[values.argmax()] = elite
        values = sphere(members)


def milliseconds(search: Callable[[], None]) -> float:
    began = time.perf_counter()
    search()
    return (time.perf_counter() - began) * 1e3 / GENERATIONS


def main() -> None:
    searches: dict[str, Callable[[], None]] = {
        **{f"ga, preset {name}": ours(method="ga", preset=name) for name in PRESETS},
        "multistart": ours(method="multistart"),
        "the standard preset's operators, bare NumPy": bare_numpy,
        "PyGAD, its default operators": plain_pygad,
    }
    for search in searches.values():
        search()
    # Interleaved, so that a busy moment of the machine hits all of them.
    rounds = [
        {name: milliseconds(search) for name, search in searches.items()} for _ in range(REPEATS)
    ]
    medians = {name: statistics.median(each[name] for each in rounds) for name in searches}
    one = medians["ga, preset standard"]
    print(f"{MEMBERS} x {GENES} genes, median of {REPEATS} searches of {GENERATIONS} generations\n")
    print(f"{'search':<45}{'ms/generation':>14}{'ratio':>8}")
    for name, median in medians.items():
        print(f"{name:<45}{median:>14.3f}{median / one:>8.2f}")


if __name__ == "__main__":
    main()
