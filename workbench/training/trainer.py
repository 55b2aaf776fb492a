"""Train a Keras model: the call behind MATLAB's ``[net, tr] = train(net, P, T)``."""

from __future__ import annotations

import contextlib
import time as clock
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench import progress as progress_bar
from workbench.checks import Seed
from workbench.errors import ArgumentError, UnknownNameError
from workbench.network import backend
from workbench.network.objective import blocks_of, frozen_values, network_of, samples_for
from workbench.network.performance import PERFORMANCE_FUNCTIONS, Performance
from workbench.network.weights import vector_to_weights, weights_to_vector
from workbench.training import levenberg_marquardt as levenberg_marquardt
from workbench.training.loop import (
    CAPACITY,
    REASONS,
    TRAINING_FUNCTIONS,
    Limits,
    Rows,
    Setting,
    State,
    Training,
)
from workbench.training.record import TrainingRecord

if TYPE_CHECKING:
    import keras

Held: TypeAlias = tuple[ArrayLike, ArrayLike] | float | None

# Seconds that one compiled call may take: long against its overhead, short for Ctrl-C.
_SPELL = 0.1


def train(
    model: keras.Model,
    X: ArrayLike,
    y: ArrayLike,
    method: str = "trainlm",
    *,
    epochs: int = 1000,
    goal: float = 0.0,
    loss: str = "mse",
    regularization: float = 0.0,
    sample_weight: ArrayLike | None = None,
    validation: Held = None,
    test: tuple[ArrayLike, ArrayLike] | None = None,
    min_grad: float | None = None,
    max_fail: int | None = None,
    time: float = np.inf,
    seed: Seed = None,
    progress: bool = True,
    **options: float,
) -> TrainingRecord:
    """Train a model's weights on all rows at once.

    Args:
        model: Any Keras model from one array to rows of outputs. Its trainable weights become
            those of the best epoch; while the call runs, and if it fails, they are as before.
        X: Inputs ``(samples, inputs)``, scaled as the model expects them.
        y: Targets ``(samples, outputs)``, or ``(samples,)`` for one output.
        method: Registered name of the training function.
        epochs: Most epochs to train.
        goal: Stop when the performance is no higher.
        loss: ``"mse"``, ``"sse"``, ``"mae"``, ``"sae"`` or ``"crossentropy"``: the performance
            to minimise. Methods with a Jacobian (trainlm, trainbr) want squared errors.
        regularization: Share of the mean squared weight in what is minimised, in [0, 1);
            MATLAB's ``performParam.regularization``.
        sample_weight: What each sample counts, ``(samples,)``, or each of its outputs,
            ``(samples, outputs)``; MATLAB's error weights. Validation and test rows count 1.
        validation: Rows that end the training when they get worse: a pair (X, y), or the
            fraction of the rows of X to draw for it. None validates on nothing.
        test: A pair (X, y) to record the error of, without influence on the training.
        min_grad: Stop when the norm of the gradient is no higher (default: the method's).
        max_fail: Stop after so many epochs in a row without better validation (default: the
            method's).
        time: Stop after so many seconds, to within the tenth of a second that one compiled
            call takes, or the one epoch if that is longer.
        seed: Generator, or seed for one, of the validation rows.
        progress: Show a bar when it takes longer than a second.
        **options: Parameters of the method; of trainlm ``mu``, ``mu_dec``, ``mu_inc`` and
            ``mu_max``.

    Returns:
        The record. Ctrl-C ends the training with what was reached: the model has the best
        weights so far and the record says ``stop == "interrupted"``.

    Raises:
        ArgumentError: An argument is out of its range, or the data do not fit the model.
        ModelError: The model has no trainable weights.
        UnknownNameError: There is no such method.
    """
    started = clock.perf_counter()
    function = configured(method, options)
    limits = Limits(
        epochs=checks.integer("epochs", epochs, minimum=0),
        goal=checks.real("goal", goal, 0),
        min_grad=checks.real("min_grad", function.min_grad if min_grad is None else min_grad, 0),
        max_fail=checks.integer("max_fail", function.max_fail if max_fail is None else max_fail),
    )
    regularization = check_regularization(regularization)
    performance = performance_for(method, loss)
    deadline = started + checks.real("time", time, 0, open_low=True)
    network = network_of(model)
    X, y = samples_for(model, X, y)
    weight = _checked_weight(sample_weight, y)
    kept, held = _held_out(len(X), validation, seed)
    if held is not None:
        validation = (X[held], y[held])
    held_rows = [
        None if pair is None else blocks_of(network, *_checked_pair(model, name, pair))
        for name, pair in (("validation", validation), ("test", test))
    ]
    weight = None if weight is None else weight[kept]
    rows = Rows(blocks_of(network, X[kept], y[kept], weight), *held_rows)
    training = Training(network, function, performance)
    setting = training.setting(frozen_values(model), rows, regularization, limits)
    run = _Run(training, setting, weights_to_vector(model), deadline)
    run.run(progress_bar.bar(limits.epochs, method, "epoch", enabled=progress))
    vector_to_weights(model, run.reached.best_vector)
    return run.record(method, clock.perf_counter() - started, kept, held)


class _Reached(NamedTuple):
    """How far a training got, replaced as a whole so that Ctrl-C finds it consistent."""

    history: NDArray[np.float64]
    best_vector: NDArray[np.floating]
    best_epoch: int
    stop: str


class _Run:
    """One training under way: spells of compiled epochs, and what they reached."""

    def __init__(
        self,
        training: Training,
        setting: Setting,
        vector: NDArray[np.floating],
        deadline: float,
    ):
        self.training, self.setting, self.deadline = training, setting, deadline
        # What stays if Ctrl-C comes before the first spell ends.
        nothing = np.full((1, 5 + len(training.method.traces)), np.nan)
        nothing[:, 4] = 0
        self.reached = _Reached(nothing, vector, 0, "interrupted")

    def run(self, bar: Any) -> None:
        """Take spell after spell until there is a reason to stop, Ctrl-C included."""
        training = self.training
        rows = self.setting.rows
        advance = training.compiled("advance", training.advance, rows)
        vector = backend.tensor(self.reached.best_vector, training.network.layout.dtype)
        state = training.initial(vector, self.setting)
        spells: list[NDArray[np.float64]] = []
        # Many blocks make a long epoch, and a spell cannot be interrupted.
        length = 16 if len(rows.train.X) == 1 else 1
        with bar, contextlib.suppress(KeyboardInterrupt):
            while not spells or self.reached.stop == "interrupted":
                begun = clock.perf_counter()
                begin = int(state.epoch)
                state, records = advance(state, self.setting, np.int32(length))
                ended = int(state.reason) > 0
                looks = int(state.epoch) - begin + ended
                spells.append(records.numpy()[:looks])
                self._keep(state, spells)
                bar.set_postfix(perf=f"{spells[-1][-1, 0]:.3g}", refresh=False)
                bar.update(int(state.epoch) - begin)
                pace = (clock.perf_counter() - begun) / looks
                length = int(np.clip(_SPELL / pace, 1, min(4 * length, CAPACITY)))

    def _keep(self, state: State, spells: list[NDArray[np.float64]]) -> None:
        stop = "interrupted"
        if int(state.reason):
            stop = REASONS[int(state.reason) - 1]
            stop = self.training.method.own_stop if stop == "own" else stop
        elif clock.perf_counter() >= self.deadline:
            stop = "time"
        self.reached = _Reached(
            np.concatenate(spells), state.best_vector.numpy(), int(state.best_epoch), stop
        )

    def record(
        self, method: str, seconds: float, kept: NDArray[np.intp], held: NDArray[np.intp] | None
    ) -> TrainingRecord:
        """Return the record of what was reached."""
        history, _, best_epoch, stop = self.reached
        perf, vperf, tperf, gradient, val_fail, *traces = history.T.copy()
        return TrainingRecord(
            method=method,
            stop=stop,
            perf=perf,
            vperf=vperf,
            tperf=tperf,
            gradient=gradient,
            val_fail=val_fail.astype(int),
            best_epoch=best_epoch,
            seconds=seconds,
            traces=dict(zip(self.training.method.traces, traces, strict=True)),
            train_rows=kept,
            val_rows=held,
        )


def performance_for(method: str, loss: str) -> Performance:
    """Return a performance that a training function can minimise.

    Raises:
        ArgumentError: The method wants squared errors, and they are not.
        UnknownNameError: There is no such method or loss.
    """
    performance = PERFORMANCE_FUNCTIONS[loss]
    if TRAINING_FUNCTIONS[method].squares_only and not performance.squares:
        raise ArgumentError(
            "loss",
            f'be "mse" or "sse" for {method}, whose Jacobian is that of the errors',
            loss,
            'Choose another training function, method="trainscg" for example.',
        )
    return performance


def check_regularization(value: float) -> float:
    """Return the share of the weights in the performance, in [0, 1)."""
    if checks.real("regularization", value, 0) >= 1:
        raise ArgumentError("regularization", "be below 1, or nothing is left of the data", value)
    return float(value)


def _checked_weight(
    sample_weight: ArrayLike | None, y: NDArray[np.floating]
) -> NDArray[np.floating] | None:
    """Return weights as (samples, 1) or (samples, outputs)."""
    if sample_weight is None:
        return None
    weight = checks.matrix("sample_weight", sample_weight)
    if weight.shape not in ((len(y), 1), y.shape) or weight.min() < 0 or not weight.any():
        raise ArgumentError(
            "sample_weight",
            f"have shape ({len(y)},) or {y.shape}, and be non-negative and not all zero",
            f"shape {np.shape(sample_weight)} and minimum {weight.min():g}",
        )
    return weight


def configured(method: str, options: dict[str, float]) -> Any:
    """Return a training function with its parameters."""
    function = TRAINING_FUNCTIONS[method]
    known = [field.name for field in fields(function)]
    for name in options:
        if name not in known:
            raise UnknownNameError(f"option of train with method {method!r}", name, known)
    return function(**options)


def _checked_pair(model: Any, name: str, pair: object) -> Any:
    """Return a pair (X, y) that fits the model."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ArgumentError(name, "be a pair (X, y)", f"a {type(pair).__name__}")
    return samples_for(model, pair[0], pair[1], (f"{name}[0]", f"{name}[1]"))


def _held_out(
    samples: int, validation: Held, seed: Seed
) -> tuple[NDArray[np.intp], NDArray[np.intp] | None]:
    """Return the rows to train on, and those to validate on if a fraction of them is wanted."""
    if validation is None or isinstance(validation, tuple | list):
        return np.arange(samples), None
    fraction = checks.real("validation", validation, 0, 1, open_low=True)
    count = round(fraction * samples)
    if not 0 < count < samples:
        raise ArgumentError(
            "validation",
            f"leave at least one of the {samples} rows on either side",
            f"{fraction:g}, which is {count} rows",
        )
    order = checks.generator(seed).permutation(samples)
    return np.sort(order[count:]), np.sort(order[:count])
