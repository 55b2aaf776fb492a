"""All training functions beside scikit-learn, SciPy, Keras and neurolab: test error and time.

Four data sets: `quadratic` (2-5-1, without noise) and the tables `concrete` (8-10-1), `auto_mpg`
(7-8-1) and `diabetes` (10-5-1). For each of five seeds all contenders get the same rows to train
and to test, the same scaling to [-1, 1], the same network (tanh, linear output) and the same
initial weights (Nguyen-Widrow). Errors are mean squares on the test rows in scaled units.

What makes it fair:

- Everyone has the same time, a second for each fit, and no tolerance to stop at. Keras and
  neurolab, which have much to do beside the arithmetic, have two.
- Whoever can stop early on the tables does, on 15 % of the training rows (the same ones for all
  but scikit-learn's Adam, which draws its own) and with the same patience; the weights of the
  best validation are kept. On all training rows train those that need no validation: trainbr,
  which finds its regularisation; and L-BFGS and "trainbfg, weights" (trainbfg with
  ``regularization``), which get the one of four regularisations that is best on those 15 %. All
  their fits are timed.
- On `quadratic` nobody stops early and nobody is regularised but trainbr.
- Adam has the best of three learning rates (0.003, 0.01, 0.03) and two sizes of minibatches (32,
  128), tried beforehand on the same data sets.
- Derivatives for SciPy are analytic, in vectorised NumPy, written for these very networks. (Our
  `jacobian` is checked to agree, but takes more than ten times as long.)
- Time is that of the second call: what compiles (ours, Keras) has compiled. The first call has a
  column of its own. Runs of less than 0.3 s are repeated, and the fastest counts.
- The common level is 1.05 times the best median error of a peer. A method is there when its
  curve first is; ours is trained anew for so many epochs, and that call is timed. For L-BFGS also
  the trial points of its line search count, to its advantage, and so does leaving out the time
  that finding its regularisation took; "trainbfg, weights" is timed in the same way.
- Ours are thirteen (fourteen) and the best is picked by the very test error that is compared; so
  is the best of the peers. neurolab has one seed.

    python benchmarks/training_functions.py [DATA SET ...]

neurolab (0.3.5, its last release) is no dependency; without it its line is missing:

    pip install --no-deps neurolab
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

# Small matrices: more threads than one only get in each other's way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from scipy.optimize import least_squares, minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from workbench import feedforward, load_dataset, train
from workbench.data import MapMinMax, split
from workbench.network import jacobian, weights_to_vector
from workbench.training.loop import TRAINING_FUNCTIONS

HIDDEN = {"quadratic": 5, "concrete": 10, "auto_mpg": 8, "diabetes": 5}
SEEDS, PATIENCE, HELD = 5, 20, 0.15
BUDGET, LONG_BUDGET = 1.0, 2.0  # seconds of a fit
ENDLESS = 10**6  # epochs; time ends before
ADAM_RATE, ADAM_BATCH = 0.03, 32
ALPHAS = (1e-3, 1e-2, 1e-1, 1.0)  # scikit-learn's: sum of squared weights over 2 samples
WEIGHTS, NEUROLAB = "trainbfg, weights", "neurolab BFGS"
SHORT, REPEATS = 0.3, 3  # runs of fewer seconds are repeated

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


def ours(
    method: str, task: Task, epochs: int = ENDLESS, whole: bool = False, **settings: Any
) -> Result:
    """Train by a training function; on all training rows if it needs no validation."""
    model = task.model
    early = task.validation is not None and method != "trainbr" and not whole
    began = time.perf_counter()
    record = train(
        model,
        *(task.rows if early else (task.X, task.y)),
        method,
        epochs=epochs,
        time=BUDGET,
        validation=task.validation if early else None,
        max_fail=PATIENCE,
        min_grad=0.0 if task.validation is None else None,
        test=(task.X_test, task.y_test),
        progress=False,
        **settings,
    )
    seconds = time.perf_counter() - began
    times = seconds * record.epoch / max(record.num_epochs, 1)
    return Result(seconds, record.best_tperf, list(zip(times, record.tperf, strict=True)))


class Regularised:
    """trainbfg, its weights kept small as far as the held rows like it."""

    def __init__(self) -> None:
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
                "trainbfg",
                epochs=ENDLESS,
                time=BUDGET,
                regularization=share,
                progress=False,
            )
            scores.append((float(np.mean((model(X).numpy() - y) ** 2)), share))
        self.chosen[task.name, task.seed] = min(scores)[1]
        result = self.until(task)
        return result._replace(seconds=time.perf_counter() - began)

    def until(self, task: Task, epochs: int = ENDLESS) -> Result:
        """Train on all rows with the regularisation that was found."""
        share = self.chosen[task.name, task.seed]
        return ours("trainbfg", task, epochs, whole=True, regularization=share)


class Started(MLPRegressor):
    """scikit-learn's network, begun from given weights and watched."""

    def begin(self, watch: Watch) -> Started:
        """Set where to start from, and who watches."""
        W, b, v, c = watch.task.arrays(weights_to_vector(watch.task.model))
        # fit() draws the layers in order; here it gets ours.
        self.layers_, self.watch_ = iter([(W, b), (v[:, None], np.array([c]))]), watch
        return self

    def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> Any:
        return tuple(array.copy() for array in next(self.layers_))

    def _loss_grad_lbfgs(self, packed: np.ndarray, *rest: Any) -> Any:
        vector = reordered(packed, self)
        over = self.watch_.note(vector)
        loss, gradient = super()._loss_grad_lbfgs(packed, *rest)
        if loss < self.watch_.best_error:
            self.watch_.best, self.watch_.best_error = vector, loss
        if over:
            raise Enough
        return loss, gradient

    def _update_no_improvement_count(self, *rest: Any) -> None:
        super()._update_no_improvement_count(*rest)
        if self.watch_.note(vector_of(self)):
            raise KeyboardInterrupt  # fit() ends then, and keeps the best weights


def reordered(packed: np.ndarray, network: Started) -> np.ndarray:
    """Return weights in our order; scikit-learn's has both matrices before both biases."""
    h = network.watch_.task.hidden
    W, v, b, c = np.split(packed, [len(packed) - 2 * h - 1, len(packed) - h - 1, len(packed) - 1])
    return np.concatenate([W, b, v, c])


def vector_of(network: Started) -> np.ndarray:
    (W, v), (b, c) = network.coefs_, network.intercepts_
    return np.concatenate([W.ravel(), b, v.ravel(), c])


def mlp(task: Task, watch: Watch, **settings: Any) -> Started:
    network = Started(
        hidden_layer_sizes=(task.hidden,), activation="tanh", random_state=task.seed, **settings
    )
    return network.begin(watch)


def lbfgs(task: Task, alpha: float, X: np.ndarray, y: np.ndarray) -> Watch:
    """Fit until the time is over; return where the lowest loss was, and the way there."""
    watch = Watch(task)
    network = mlp(
        task, watch, solver="lbfgs", max_iter=ENDLESS, max_fun=ENDLESS, tol=1e-10, alpha=alpha
    )
    with contextlib.suppress(Enough):
        network.fit(X, y[:, 0])
    return watch


def sklearn_lbfgs(task: Task) -> Result:
    began = time.perf_counter()
    alpha = 0.0
    if task.validation is not None:
        tried = [lbfgs(task, alpha, *task.rows).best for alpha in ALPHAS]
        scores = [np.mean(task.errors(v, *task.validation) ** 2) for v in tried if v is not None]
        alpha = ALPHAS[int(np.argmin(scores))]
    last = lbfgs(task, alpha, task.X, task.y)
    return last.result(last.seen[-1][1], time.perf_counter() - began)


def sklearn_adam(task: Task) -> Result:
    early = task.validation is not None
    watch = Watch(task)
    network = mlp(
        task,
        watch,
        solver="adam",
        learning_rate_init=ADAM_RATE,
        batch_size=ADAM_BATCH,
        max_iter=ENDLESS,
        early_stopping=early,
        validation_fraction=HELD,
        n_iter_no_change=PATIENCE if early else ENDLESS,
        tol=0.0,
        alpha=1e-4 if early else 0.0,
    )
    return watch.result(vector_of(network.fit(task.X, task.y[:, 0])))


def analytic_jacobian(task: Task, vector: np.ndarray, X: np.ndarray) -> np.ndarray:
    W, b, v, _ = task.arrays(vector)
    hidden = np.tanh(X @ W + b)
    back = (1 - hidden * hidden) * v
    first = (X[:, :, None] * back[:, None, :]).reshape(len(X), -1)
    return np.hstack([first, back, hidden, np.ones((len(X), 1))])


def scipy_lm(task: Task) -> Result:
    X, y = task.rows
    last: Any = weights_to_vector(task.model)
    watch = Watch(task)

    def residuals(vector: np.ndarray) -> np.ndarray:
        return task.errors(vector, X, y)

    def derivative(vector: np.ndarray) -> np.ndarray:
        watch.look(vector)
        return analytic_jacobian(task, vector, X)

    with contextlib.suppress(Enough):
        last = least_squares(
            residuals,
            last,
            derivative,
            method="lm",
            max_nfev=ENDLESS,
            ftol=3e-16,
            xtol=3e-16,
            gtol=3e-16,
        ).x
    return watch.result(last)


def scipy_bfgs(task: Task) -> Result:
    X, y = task.rows
    last: Any = weights_to_vector(task.model)
    watch = Watch(task)

    def value_and_gradient(vector: np.ndarray) -> Any:
        W, b, v, c = task.arrays(vector)
        hidden = np.tanh(X @ W + b)
        error = hidden @ v + c - y[:, 0]
        slope = 2 / len(X) * error
        back = slope[:, None] * v * (1 - hidden * hidden)
        parts = (X.T @ back).ravel(), back.sum(0), slope @ hidden, [slope.sum()]
        return float(np.mean(error**2)), np.concatenate(parts)

    options: Any = {"maxiter": ENDLESS, "gtol": 1e-10}
    with contextlib.suppress(Enough):
        last = minimize(  # type: ignore[call-overload]  # its stubs know no method as a callback
            value_and_gradient, last, method="BFGS", jac=True, callback=watch.look, options=options
        ).x
    return watch.result(last)


class KerasAdam:
    """``model.fit``, compiled once for a data set and then begun anew."""

    def __init__(self) -> None:
        self.models: dict[str, Any] = {}

    def __call__(self, task: Task) -> Result:
        """Train from the task's weights."""
        import keras

        X, y = task.rows
        keras.utils.set_random_seed(task.seed)
        if task.name not in self.models:
            # In float32, Keras's own choice and the faster one.
            model = feedforward([X.shape[1], task.hidden, 1], dtype="float32")
            model.compile(
                optimizer=keras.optimizers.Adam(ADAM_RATE),
                loss="mse",
                steps_per_execution=-(-len(X) // ADAM_BATCH),
            )
            self.models[task.name] = model
        model = self.models[task.name]
        model.set_weights(task.model.get_weights())
        for variable in model.optimizer.variables[2:]:  # after its counter and learning rate
            variable.assign(variable * 0)
        watch = Watch(task, LONG_BUDGET)
        vector = partial(weights_to_vector, model)

        def note(*_: Any) -> None:
            model.stop_training |= watch.note(vector())

        seen = keras.callbacks.LambdaCallback(on_epoch_end=note)
        early = keras.callbacks.EarlyStopping("val_loss", patience=PATIENCE)
        early.restore_best_weights = True
        model.fit(
            X.astype("float32"),
            y.astype("float32"),
            epochs=ENDLESS,
            batch_size=ADAM_BATCH,
            validation_data=task.validation,
            validation_batch_size=len(X),
            callbacks=[*([early] if task.validation else []), seen],
            verbose=0,
        )
        return watch.result(np.array(vector(), float))


def neurolab_bfgs(task: Task) -> Result:
    # NumPy 2 has these under other names.
    for name, meaning in {"Inf": np.inf, "asfarray": partial(np.asarray, dtype=float)}.items():
        if not hasattr(np, name):
            setattr(np, name, meaning)
    neurolab = importlib.import_module("neurolab")

    transfer = [neurolab.trans.TanSig(), neurolab.trans.PureLin()]
    network = neurolab.net.newff([[-1, 1]] * task.X.shape[1], [task.hidden, 1], transfer)
    W, b, v, c = task.arrays(weights_to_vector(task.model))
    for layer, weights, biases in zip(network.layers, (W.T, v[None]), (b, c), strict=True):
        layer.np["w"][:], layer.np["b"][:] = weights, biases
    network.errorf = neurolab.error.MSE()
    watch = Watch(task, LONG_BUDGET)

    def step(self: Any, x: np.ndarray) -> None:
        (W, b), (v, c) = ((layer.np["w"].T, layer.np["b"]) for layer in network.layers)
        watch.look(np.concatenate([W.ravel(), b, v.ravel(), c]))

    watched = type("Watched", (neurolab.train.spo.TrainBFGS,), {"step": step})
    network.trainf = neurolab.core.Trainer(watched)
    X, y = task.rows
    with contextlib.suppress(Enough):
        network.train(X, y, epochs=ENDLESS, show=0, goal=0.0)
    return watch.result(watch.seen[-1][1])


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


def to_level(
    again: Callable[..., Result] | None, runs: list[Result], level: float, every: list[Task]
) -> float:
    """Return the seconds to a level of the test error, the median over the seeds.

    Args:
        again: Trains for some epochs; None where the curve has the times.
        runs: What to look at.
        level: The test error.
        every: The tasks of the runs.
    """
    times = []
    for task, run in zip(every, runs, strict=False):
        steps = [place for place, (_, error) in enumerate(run.curve) if error <= level]
        if not steps:
            times.append(np.inf)
        elif again is not None:
            times.append(measured(partial(again, epochs=steps[0]), task).seconds)
        else:
            times.append(run.curve[steps[0]][0])
    return statistics.median(times)


def compare(name: str, others: dict[str, Method]) -> tuple[dict[str, Row], dict[str, Row], float]:
    """Return the rows of ours, the rows of the peers, and the common level."""
    every = list(tasks(name))
    start = weights_to_vector(every[0].model)
    exact = jacobian(every[0].model, every[0].X)[:, 0]
    assert np.allclose(analytic_jacobian(every[0], start, every[0].X), exact)
    own: dict[str, Any] = {method: partial(ours, method) for method in TRAINING_FUNCTIONS}
    again = dict(own)
    if every[0].validation is not None:
        own[WEIGHTS] = Regularised()
        again[WEIGHTS] = own[WEIGHTS].until
    methods: dict[str, Method] = own | others
    first = {method: call(every[0]).seconds for method, call in methods.items()}
    runs: dict[str, list[Result]] = {method: [] for method in methods}
    for task in every:  # interleaved, so that a busy moment of the machine hits all of them
        for method, call in methods.items():
            if method != NEUROLAB or task.seed == 0:
                runs[method].append(measured(call, task))
    rows = {method: row_of(of, first[method]) for method, of in runs.items()}
    level = 1.05 * min(rows[method].error for method in others)
    rows = {
        method: row._replace(to_level=to_level(again.get(method), runs[method], level, every))
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
    others: dict[str, Method] = {
        "scikit-learn lbfgs": sklearn_lbfgs,
        "scikit-learn adam": sklearn_adam,
        "SciPy lm": scipy_lm,
        "SciPy BFGS": scipy_bfgs,
        "Keras Adam": KerasAdam(),
    }
    if importlib.util.find_spec("neurolab"):
        others[NEUROLAB] = neurolab_bfgs
    began = time.perf_counter()
    for name in sys.argv[1:] or HIDDEN:
        found = compare(name, others)
        print_table(name, *found)
        for line in verdict(*found[:2]):
            print(f"- {line}")
    print(f"\nAll of it took {time.perf_counter() - began:.0f} s.")
    if NEUROLAB in others:
        print("neurolab: seed 0 only")
    else:
        print("neurolab is not installed: pip install --no-deps neurolab")


if __name__ == "__main__":
    main()
