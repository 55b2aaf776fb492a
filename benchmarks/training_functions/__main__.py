"""All training functions beside scikit-learn, SciPy, Keras and neurolab: test error and time.

Four data sets: `quadratic` (2-5-1, without noise) and the tables `concrete` (8-10-1), `auto_mpg`
(7-8-1) and `diabetes` (10-5-1). For each of 15 seeds all contenders get the same rows to train
and to test, the same scaling to [-1, 1], the same network (tanh, linear output) and the same
initial weights (Nguyen-Widrow). Errors are mean squares on the test rows in scaled units.

What makes it fair:

- Everyone has the same time, a second for each fit, and no tolerance to stop at. Keras and
  neurolab, which have much to do beside the arithmetic, have two.
- Whoever can stop early on the tables does, on 15 % of the training rows (the same ones for all
  but scikit-learn's Adam, which draws its own) and with the same patience; the weights of the
  best validation are kept. On all training rows train those that need no validation: trainbr,
  which finds its regularisation; and L-BFGS, "trainlm, weights" and "trainbfg, weights" (with
  ``regularization``), which get the one of four regularisations that is best on those 15 %. All
  their fits are timed.
- On `quadratic` nobody stops early and nobody is regularised but trainbr.
- "trainlm, finer mu" is trainlm with mu_dec=0.3 and mu_inc=3 in place of MATLAB's 0.1 and 10.
- Adam has the best of three learning rates (0.003, 0.01, 0.03) and two sizes of minibatches (32,
  128), tried beforehand on the same data sets.
- Derivatives for SciPy are analytic, in vectorised NumPy, written for these very networks. (Our
  `jacobian` is checked to agree, but takes more than ten times as long.)
- Time is that of the second call: what compiles (ours, Keras) has compiled. The first call has a
  column of its own. Runs of less than 0.3 s are repeated, and the fastest counts.
- The common level is 1.05 times the best median error of a peer. A method is there when its
  curve first is; ours is trained anew for so many epochs, and that call is timed. No one's test
  rows are evaluated within that time. For L-BFGS also the trial points of its line search count,
  to its advantage, and so does leaving out the time that finding its regularisation took; our
  "weights" are timed in the same way.
- Ours are fourteen (sixteen) and the best is picked by the very test error that is compared; so
  is the best of the peers. neurolab has one seed.

    python benchmarks/training_functions [DATA SET ...]

neurolab (0.3.5, its last release) is no dependency; without it its line is missing:

    pip install --no-deps neurolab
"""

from __future__ import annotations

import os
import statistics
import sys
import time
import warnings
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

# Small matrices: more threads than one only get in each other's way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from ours import Trained, contenders
from peers import NEUROLAB, analytic_jacobian, peers
from sklearn.exceptions import ConvergenceWarning
from task import HIDDEN, SEEDS, Method, Result, Task, tasks

from workbench.network import jacobian, weights_to_vector

SHORT, REPEATS = 0.3, 3  # runs of fewer seconds are repeated


class Row(NamedTuple):
    """A line of the table: medians over the seeds."""

    error: float
    seconds: float
    first: float  # seconds of the first call, compiling included
    to_level: float = np.inf  # seconds to the common level


def measured(method: Method, task: Task) -> Result:
    """Return the fastest of a few runs, or of one if it is long."""
    runs = [method(task)]
    while len(runs) < REPEATS and runs[0].seconds < SHORT:
        runs.append(method(task))
    return min(runs, key=lambda run: run.seconds)


def row_of(runs: list[Result], first: float) -> Row:
    return Row(
        statistics.median(run.error for run in runs),
        statistics.median(run.seconds for run in runs),
        first,
    )


def to_level(ours: Trained | None, runs: list[Result], level: float, every: list[Task]) -> float:
    """Return the seconds to a level of the test error, the median over the seeds.

    Args:
        ours: Who trains anew for so many epochs; None where the curve has the times.
        runs: What to look at.
        level: The test error.
        every: The tasks of the runs.
    """
    times = []
    for task, run in zip(every, runs, strict=False):
        steps = [place for place, (_, error) in enumerate(run.curve) if error <= level]
        if not steps:
            times.append(np.inf)
        elif ours is None:
            times.append(run.curve[steps[0]][0])
        else:
            ours.until(task, 1)  # compiles, for there are no test rows now
            times.append(measured(partial(ours.until, epochs=steps[0]), task).seconds)
    return statistics.median(times)


def compare(name: str) -> tuple[dict[str, Row], dict[str, Row], float]:
    """Return the rows of ours, the rows of the peers, and the common level."""
    every = list(tasks(name))
    start = weights_to_vector(every[0].model)
    exact = jacobian(every[0].model, every[0].X)[:, 0]
    assert np.allclose(analytic_jacobian(every[0], start, every[0].X), exact)
    own, others = contenders(noisy=every[0].validation is not None), peers()
    methods: dict[str, Method] = {**own, **others}
    first = {method: call(every[0]).seconds for method, call in methods.items()}
    runs: dict[str, list[Result]] = {method: [] for method in methods}
    for task in every:  # interleaved, so that a busy moment of the machine hits all of them
        for method, call in methods.items():
            if method != NEUROLAB or task.seed == 0:
                runs[method].append(measured(call, task))
    rows = {method: row_of(of, first[method]) for method, of in runs.items()}
    level = 1.05 * min(rows[method].error for method in others)
    rows = {
        method: row._replace(to_level=to_level(own.get(method), runs[method], level, every))
        for method, row in rows.items()
    }
    return {method: rows[method] for method in own}, {m: rows[m] for m in others}, level


def print_table(name: str, mine: dict[str, Row], theirs: dict[str, Row], level: float) -> None:
    task = next(tasks(name))
    sizes = f"{task.X.shape[1]}-{task.hidden}-1"
    print(f"\n{name}: {sizes}, {len(task.X)} rows to train, {len(task.X_test)} to test", end="")
    print(f"; medians over {SEEDS} seeds; common level {level:.3g}")
    print(f"{'':<20}{'test error':>12}{'ratio':>9}{'ms':>10}{'ratio':>8}{'first ms':>10}", end="")
    print(f"{'ms to level':>13}")
    best = min(mine.values())
    for group in (mine, theirs):
        for method, row in sorted(group.items(), key=lambda item: item[1].error):
            when = f"{row.to_level * 1e3:.1f}" if np.isfinite(row.to_level) else "never"
            print(f"{method:<20}{row.error:>12.3g}{row.error / best.error:>9.3g}", end="")
            print(f"{row.seconds * 1e3:>10.1f}{row.seconds / best.seconds:>8.2g}", end="")
            print(f"{row.first * 1e3:>10.0f}{when:>13}")
        print()


def verdict(mine: dict[str, Row], theirs: dict[str, Row]) -> Iterator[str]:
    """Yield whether the two claims hold, in sentences."""
    best, peer = (min(group, key=lambda method: group[method].error) for group in (mine, theirs))
    ratio = mine[best].error / theirs[peer].error
    holds = "holds" if ratio <= 1.05 else "does NOT hold"
    yield (
        f"Error, best or within 5 %: {holds}. {best} has {ratio:.3g} times the error of "
        f"{peer}, the best peer."
    )
    fast, rival = (
        min(group, key=lambda method: group[method].to_level) for group in (mine, theirs)
    )
    ratio = theirs[rival].to_level / mine[fast].to_level
    holds = "holds" if ratio > 1 else "does NOT hold"
    if np.isfinite(mine[fast].to_level):
        yield (
            f"Fastest to the common level: {holds}. {fast} takes {mine[fast].to_level * 1e3:.1f} "
            f"ms, {rival} {ratio:.3g} times as long."
        )
    else:
        yield "Fastest to the common level: does NOT hold. None of ours gets there."
    quick = min(theirs, key=lambda method: theirs[method].first)
    yield (
        f"The first call in a process compiles: {best} {mine[best].first:.1f} s, "
        f"{quick} {theirs[quick].first:.2f} s."
    )


def main() -> None:
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", "Training interrupted by user")
    began = time.perf_counter()
    for name in sys.argv[1:] or HIDDEN:
        found = compare(name)
        print_table(name, *found)
        for line in verdict(*found[:2]):
            print(f"- {line}", flush=True)
    print(f"\nAll of it took {time.perf_counter() - began:.0f} s.")
    if NEUROLAB in peers():
        print("neurolab: seed 0 only")
    else:
        print("neurolab is not installed: pip install --no-deps neurolab")


if __name__ == "__main__":
    main()
