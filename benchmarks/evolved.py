"""Does an evolution win? "evolved" against a random multistart of its budget, and no search.

For each table many paired seeds: Nguyen-Widrow, the memetic search "evolved", and two random
multistarts: one measures untrained networks in as many forward passes, the other, a harder rival,
trains as many networks as long (30 x 5 trainings of 20 epochs). Each is followed by 100 epochs of
trainlm on the training rows. What counts is the error on test rows, which neither a search nor a
training has seen.

    python benchmarks/evolved.py [--seeds 50] [--first 0] [--hidden 10] [TABLE.csv ...]

Without tables of your own (numbers, the target in the last column that is a number; others are
left out): quadratic with 5 hidden neurons, concrete, auto_mpg and diabetes.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from workbench import compare_initialisers, load_dataset
from workbench.study import Comparison, Paired

RIVALS = ("nguyen-widrow", "multistart-untrained", "multistart-evolved")
STARTS = ("nguyen-widrow", "evolved", *RIVALS[1:])


def tables(files: list[Path], hidden: int) -> Iterator[tuple[str, np.ndarray, np.ndarray, int]]:
    if not files:
        for name, neurons in {
            "quadratic": 5,
            "concrete": hidden,
            "auto_mpg": hidden,
            "diabetes": hidden,
        }.items():
            data = load_dataset(name)
            yield name, data.X, data.y, neurons
    for file in files:
        numbers = pd.read_csv(file).select_dtypes("number").dropna().to_numpy(float)
        yield file.name.partition(".")[0], numbers[:, :-1], numbers[:, -1:], hidden


def line(pair: Paired) -> str:
    share = pair.wins / pair.seeds
    shown = "won" if share >= 0.7 and pair.p < 0.01 and pair.ratio < 1 else "not won"
    return (
        f"{pair.wins:>3} of {pair.seeds} ({share:.0%}), error x {pair.ratio:.3g} "
        f"({pair.low:.3g} to {pair.high:.3g}), p = {pair.p:.1g}: {shown}"
    )


def report(name: str, hidden: int, comparison: Comparison, seconds: float) -> None:
    frame = comparison.frame
    medians = ", ".join(f"{start} {frame.loc[start, 'test_mse']:.3g}" for start in STARTS)
    train_mse = comparison.runs.groupby("initialiser", sort=False)["train_mse"].median()
    trained = ", ".join(f"{start} {train_mse[start]:.3g}" for start in STARTS)
    print(f"{name}, {hidden} hidden neurons, {seconds:.0f} s")
    print(f"  test error, medians:     {medians}")
    print(f"  training error, medians: {trained}")
    for rival in RIVALS:
        print(f"  evolved against {rival:<21}{line(comparison.paired('evolved', rival))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tables", nargs="*", type=Path, metavar="TABLE.csv")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--hidden", type=int, default=10)
    arguments = parser.parse_args()
    numbers = range(arguments.first, arguments.first + arguments.seeds)
    for name, X, y, hidden in tables(arguments.tables, arguments.hidden):
        began = time.perf_counter()
        comparison = compare_initialisers(
            X, y, (X.shape[1], hidden, 1), seeds=numbers, initialisers=STARTS
        )
        report(name, hidden, comparison, time.perf_counter() - began)


if __name__ == "__main__":
    main()
