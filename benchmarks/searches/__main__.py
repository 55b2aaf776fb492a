"""Every search beside its peers: time a generation, and how often it finds the minimum.

Peers are pyswarms, SciPy's differential evolution, pymoo (PSO, DE, GA and CMA-ES, which is the
package cma), the package cmaes alone, and PyGAD with its own operators. All get the same
objective, a NumPy function of the whole population, the same bounds and the same first population
of 100 members, 30 genes, and all run in one process, in turns. Tolerances that would end a search
early are off. The time is that of a whole search of the sphere, which costs next to nothing,
divided by its generations.

A search succeeds if it comes as near as GOAL to the lowest value, 0, within the budget of
evaluations; minima are drawn from the middle half of the bounds, so that none is at their middle.

    python benchmarks/searches [--seeds 5] [--rounds 7] [--generations 500]

pyswarms (1.3.0) and pymoo (0.6.2) are no dependencies; without them their lines are missing:

    pip install --no-deps pyswarms pymoo moocore cma alive_progress about_time graphemeu
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings

# Small matrices: more threads than one only get in each other's way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from contenders import Contender, Problem, contenders

from workbench.evolve.functions import TEST_FUNCTIONS

MEMBERS, GENES, TIMED = 100, 30, 200
GOAL = 1e-3  # Griewank's best local minimum is at 0.007
SLACK = 1.1  # ours may take so many times as long as the fastest peer
FASTER_THAN_PYGAD = 5


def problem(name: str, seed: int, generations: int, to_the_last: bool) -> Problem:
    landscape, rng = TEST_FUNCTIONS[name], np.random.default_rng(seed)
    bounds = landscape.bounds(GENES)
    return Problem(
        landscape.moved(landscape.draw_minimum(GENES, rng)),
        bounds,
        rng.uniform(*bounds.T, size=(MEMBERS, GENES)),
        generations,
        to_the_last,
        seed,
    )


def milliseconds(contender: Contender, seed: int) -> float:
    task = problem("sphere", seed, TIMED, to_the_last=False)
    began = time.perf_counter()
    contender.search(task)
    return (time.perf_counter() - began) * 1e3 / TIMED


def medians(searches: list[Contender], rounds: int) -> dict[Contender, float]:
    for contender in searches:
        milliseconds(contender, 0)
    # Interleaved, so that a busy moment of the machine hits all of them.
    times = [
        {contender: milliseconds(contender, number) for contender in searches}
        for number in range(rounds)
    ]
    return {c: statistics.median(each[c] for each in times) for c in searches}


def report_times(times: dict[Contender, float]) -> None:
    print(f"{'algorithm':<12}{'search':<30}{'ms/generation':>14}{'ratio':>8}")
    for contender, median in times.items():
        own = times[ours_of(contender.algorithm, times)]
        print(f"{contender.algorithm:<12}{contender.name:<30}{median:>14.3f}{median / own:>8.2f}")
    print()


def ours_of(algorithm: str, times: dict[Contender, float]) -> Contender:
    return next(c for c in times if (c.algorithm, c.name) == (algorithm, "ours"))


def verdicts(times: dict[Contender, float]) -> None:
    for algorithm in dict.fromkeys(contender.algorithm for contender in times):
        own = times[ours_of(algorithm, times)]
        peers = [c for c in times if c.algorithm == algorithm and c.name != "ours"]
        if not peers:
            continue
        fastest = min(peers, key=times.__getitem__)
        said = "holds" if own <= SLACK * times[fastest] else "FAILS"
        print(
            f"{said}: {algorithm} takes {own / times[fastest]:.2f} of the time of the fastest "
            f"peer, {fastest.name} (at most {SLACK:g})"
        )
        for peer in peers:
            if peer.name.startswith("PyGAD"):
                faster = times[peer] / own
                said = "holds" if faster >= FASTER_THAN_PYGAD else "FAILS"
                print(
                    f"{said}: {algorithm} is {faster:.1f} times as fast as {peer.name} "
                    f"(at least {FASTER_THAN_PYGAD})"
                )
    print()


def report_successes(searches: list[Contender], seeds: int, generations: int) -> None:
    budget = generations * MEMBERS
    print(f"Searches of {seeds} that end below {GOAL:g} after {budget} evaluations, and the median")
    print(f"{'':<42}" + "".join(f"{name:>15}" for name in TEST_FUNCTIONS))
    for contender in searches:
        cells = []
        for name in TEST_FUNCTIONS:
            tasks = [problem(name, s, generations, to_the_last=True) for s in range(seeds)]
            found = [contender.search(task) for task in tasks]
            reached = sum(value <= GOAL for value in found)
            cells.append(f"{reached:>6} {statistics.median(found):>8.1e}")
        print(f"{contender.algorithm:<12}{contender.name:<30}" + "".join(cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--generations", type=int, default=500)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # the peers', about NumPy and about ends of searches
    searches = list(contenders())
    print(f"{MEMBERS} members of {GENES} genes; sphere, {TIMED} generations, median of ", end="")
    print(f"{arguments.rounds} rounds\n")
    times = medians(searches, arguments.rounds)
    report_times(times)
    verdicts(times)
    report_successes(searches, arguments.seeds, arguments.generations)


if __name__ == "__main__":
    main()
