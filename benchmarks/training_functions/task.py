"""What all contenders get for a seed, and what is known of a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from workbench import feedforward, load_dataset
from workbench.data import MapMinMax, split

HIDDEN = {"quadratic": 5, "concrete": 10, "auto_mpg": 8, "diabetes": 5}
SEEDS, PATIENCE, HELD = 15, 20, 0.15
BUDGET, LONG_BUDGET = 1.0, 2.0  # seconds of a fit
ENDLESS = 10**6  # epochs; time ends before
ALPHAS = (1e-3, 1e-2, 1e-1, 1.0)  # scikit-learn's: sum of squared weights over 2 samples

Curve = list[tuple[float, float]]  # seconds since the call, test error then


class Task(NamedTuple):
    """A data set for one seed: all rows to train on, those of them to fit and to validate."""

    name: str
    hidden: int
    seed: int
    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    fit: np.ndarray
    held: np.ndarray  # none where there is no noise

    @property
    def model(self) -> Any:
        """A new network with the initial weights of all contenders."""
        return feedforward([self.X.shape[1], self.hidden, 1], seed=self.seed)

    @property
    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows to fit for those who stop early."""
        return self.X[self.fit], self.y[self.fit]

    @property
    def validation(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The rows to stop by, if any."""
        return (self.X[self.held], self.y[self.held]) if len(self.held) else None

    def arrays(self, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Return weights and biases of the hidden layer, then of the output."""
        inputs, h = self.X.shape[1], self.hidden
        W, rest = vector[: inputs * h].reshape(inputs, h), vector[inputs * h :]
        return W, rest[:h], rest[h : 2 * h], rest[2 * h]

    def errors(self, vector: np.ndarray, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the errors of the network with these weights."""
        W, b, v, c = self.arrays(vector)
        return np.tanh(X @ W + b) @ v + c - y[:, 0]

    def test_error(self, vector: np.ndarray) -> float:
        """Return the mean squared error of the test rows."""
        return float(np.mean(self.errors(vector, self.X_test, self.y_test) ** 2))


class Result(NamedTuple):
    """One run: its time, the test error of the weights it keeps, and how it came there."""

    seconds: float
    error: float
    curve: Curve


Method = Callable[[Task], Result]


def tasks(name: str) -> Iterator[Task]:
    data = load_dataset(name)
    for seed in range(SEEDS):
        rows = split(len(data.X), train=0.7, validation=0, test=0.3, seed=seed)
        scale_x, scale_y = (MapMinMax().fit(part[rows.train]) for part in (data.X, data.y))
        X, y = scale_x.transform(data.X), scale_y.transform(data.y)
        order = np.random.default_rng(seed).permutation(len(rows.train))
        held = 0 if name == "quadratic" else round(HELD * len(order))
        train_rows = X[rows.train], y[rows.train]
        test_rows = X[rows.test], y[rows.test]
        yield Task(name, HIDDEN[name], seed, *train_rows, *test_rows, order[held:], order[:held])


class Enough(Exception):
    """Patience has ended."""


class Watch:
    """What a peer's weights were at which time; early stopping where there are rows for it."""

    def __init__(self, task: Task, budget: float = BUDGET):
        self.task, self.start, self.budget = task, time.perf_counter(), budget
        self.seen: list[tuple[float, np.ndarray]] = []
        self.best: np.ndarray | None = None
        self.best_error, self.fails = np.inf, 0

    def note(self, vector: np.ndarray) -> bool:
        """Remember the weights, and return whether the time is over."""
        self.seen.append((time.perf_counter() - self.start, np.array(vector, float)))
        return self.seen[-1][0] >= self.budget

    def look(self, vector: np.ndarray) -> None:
        """Remember the weights; raise `Enough` if patience or time has ended."""
        over = self.note(vector)
        rows = self.task.validation or self.task.rows
        error = np.mean(self.task.errors(self.seen[-1][1], *rows) ** 2)
        if error < self.best_error:
            self.best, self.best_error, self.fails = self.seen[-1][1], error, 0
        else:
            self.fails += 1
        if over or (self.task.validation and self.fails >= PATIENCE):
            raise Enough

    def result(self, last: np.ndarray, seconds: float | None = None) -> Result:
        """Return the run of a method that ended with these weights."""
        seconds = time.perf_counter() - self.start if seconds is None else seconds
        curve = [(at, self.task.test_error(vector)) for at, vector in self.seen]
        return Result(
            seconds, self.task.test_error(last if self.best is None else self.best), curve
        )
