"""The training functions of this package, as contenders."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from task import ALPHAS, BUDGET, ENDLESS, PATIENCE, Result, Task

from workbench import train
from workbench.training.loop import TRAINING_FUNCTIONS

FINE = {"mu_dec": 0.3, "mu_inc": 3.0}  # MATLAB's are 0.1 and 10


class Trained:
    """A training function, stopped early where there are rows for it.

    Args:
        method: Its name.
        whole: Train on all rows, and stop by none.
        **settings: Of `train`.
    """

    def __init__(self, method: str, whole: bool = False, **settings: Any):
        self.method, self.whole, self.settings = method, whole, settings

    def __call__(self, task: Task) -> Result:
        """Train until the time is over, and record the error of the test rows."""
        return self.trained(task, ENDLESS, (task.X_test, task.y_test), **self.settings)

    def until(self, task: Task, epochs: int) -> Result:
        """Train for some epochs, as whoever wants nothing but the weights."""
        return self.trained(task, epochs, None, **self.settings)

    def trained(self, task: Task, epochs: int, test: Any, **settings: Any) -> Result:
        """Train, and record the error of the test rows if there are any."""
        model = task.model
        early = task.validation is not None and not self.whole
        began = time.perf_counter()
        record = train(
            model,
            *(task.rows if early else (task.X, task.y)),
            self.method,
            epochs=epochs,
            time=BUDGET,
            validation=task.validation if early else None,
            max_fail=PATIENCE,
            min_grad=0.0 if task.validation is None else None,
            test=test,
            progress=False,
            **settings,
        )
        seconds = time.perf_counter() - began
        times = seconds * record.epoch / max(record.num_epochs, 1)
        curve = list(zip(times, record.tperf, strict=True))
        return Result(seconds, task.test_error(record.weights), curve)


class Regularised(Trained):
    """A training function, the weights kept small as far as the held rows like it."""

    def __init__(self, method: str) -> None:
        super().__init__(method, whole=True)
        self.chosen: dict[tuple[str, int], float] = {}

    def __call__(self, task: Task) -> Result:
        """Try each regularisation on the rows to fit, then train on all with the best."""
        began = time.perf_counter()
        X, y = task.validation or task.rows
        scores = []
        for alpha in ALPHAS:
            # What scikit-learn's alpha is as a share of the mean squared weight.
            model = task.model
            ratio = alpha * model.count_params() / len(task.X)
            share = ratio / (1 + ratio)
            train(
                model,
                *task.rows,
                self.method,
                epochs=ENDLESS,
                time=BUDGET,
                regularization=share,
                progress=False,
            )
            scores.append((float(np.mean((model(X).numpy() - y) ** 2)), share))
        share = self.chosen[task.name, task.seed] = min(scores)[1]
        result = self.trained(task, ENDLESS, (task.X_test, task.y_test), regularization=share)
        return result._replace(seconds=time.perf_counter() - began)

    def until(self, task: Task, epochs: int) -> Result:
        """Train on all rows with the regularisation that was found."""
        share = self.chosen[task.name, task.seed]
        return self.trained(task, epochs, None, regularization=share)


def contenders(noisy: bool) -> dict[str, Trained]:
    """Return ours by name, for a data set with noise or without."""
    found = {method: Trained(method, whole=method == "trainbr") for method in TRAINING_FUNCTIONS}
    found["trainlm, finer mu"] = Trained("trainlm", **FINE)
    if noisy:
        found |= {f"{m}, weights": Regularised(m) for m in ("trainlm", "trainbfg")}
    return found
