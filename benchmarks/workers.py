"""What two workers gain on an objective of 50 ms a member: processes of joblib, and Dask.

Each measured round evaluates one population of 40 in this process, then with two processes, then
on a local Dask cluster of two workers; printed is the median of the rounds' ratios, and what a
member costs beyond the objective's own time. Once the objective sleeps, and once it computes, a
fixed number of steps that take 50 ms here: then other load on the machine takes its share.

    python benchmarks/workers.py [--workers 2] [--rounds 5]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from distributed import Client, LocalCluster
from numpy.typing import NDArray

from workbench.evolve.workers import spread

Floats = NDArray[np.float64]

MEMBERS, GENES, SECONDS = 40, 30, 0.05


def asleep(members: Floats) -> Floats:
    for _ in members:
        time.sleep(SECONDS)
    return (members**2).sum(axis=1)


class Busy:
    """Counts so many steps for each member."""

    def __init__(self) -> None:
        self.steps = 100_000
        taken = min(clock(lambda: self._count()) for _ in range(5))
        self.steps = round(self.steps * SECONDS / taken)

    def _count(self) -> int:
        total = 0
        for step in range(self.steps):
            total += step & 1
        return total

    def __call__(self, members: Floats) -> Floats:
        """Return squared lengths, late."""
        for _ in members:
            self._count()
        return (members**2).sum(axis=1)


def clock(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def compare(
    name: str, objective: Callable[[Floats], Floats], workers: int, client: Client, rounds: int
) -> None:
    members = np.random.default_rng(1).normal(size=(MEMBERS, GENES))
    with spread(objective, workers) as joblib, spread(objective, cluster=client) as dask:
        doors = {"one process": objective, "joblib": joblib, "Dask": dask}
        values = [door(members) for door in doors.values()]  # starts what has to be started
        assert all(np.array_equal(values[0], other) for other in values)
        seconds = [
            {door: clock(lambda use=use: use(members)) for door, use in doors.items()}  # type: ignore[misc]
            for _ in range(rounds)
        ]
    print(f"{name}, {MEMBERS} members")
    for door in doors:
        taken = statistics.median(each[door] for each in seconds)
        ratios = sorted(each["one process"] / each[door] for each in seconds)
        extra = taken * (1 if door == "one process" else workers) / MEMBERS - SECONDS
        print(
            f"  {door:<12}{taken:6.3f} s   x {statistics.median(ratios):.2f} "
            f"({ratios[0]:.2f} to {ratios[-1]:.2f})   {extra * 1e3:+.1f} ms a member"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with (
        LocalCluster(
            n_workers=asked.workers, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        for name, objective in {"asleep": asleep, "busy": Busy()}.items():
            compare(name, objective, asked.workers, client, asked.rounds)


if __name__ == "__main__":
    main()
