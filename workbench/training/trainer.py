"""Train a Keras model: the call behind MATLAB's ``[net, tr] = train(net, P, T)``."""

from __future__ import annotations

import time as clock
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench import progress as progress_bar
from workbench.checks import Seed
from workbench.errors import ArgumentError
from workbench.network.device import Device, on
from workbench.network.objective import blocks_of, frozen_values, network_of, samples_for
from workbench.network.redraw import redrawn_weights
from workbench.network.weights import vector_to_weights, weights_to_vector
from workbench.training import bayesian_regularization as bayesian_regularization
from workbench.training import conjugate_gradient as conjugate_gradient
from workbench.training import gradient_descent as gradient_descent
from workbench.training import levenberg_marquardt as levenberg_marquardt
from workbench.training import one_step_secant as one_step_secant
from workbench.training import quasi_newton as quasi_newton
from workbench.training import resilient as resilient
from workbench.training import scaled_conjugate_gradient as scaled_conjugate_gradient
from workbench.training.arguments import (
    Held,
    checked_pair,
    checked_weight,
    configured,
    held_out,
    performance_for,
    regularization_for,
)
from workbench.training.loop import NEVER, Limits, Rows, Training, TrainingFunction
from workbench.training.panel import panel_or_bar
from workbench.training.record import TrainingRecord
from workbench.training.run import Run, run_all

if TYPE_CHECKING:
    import keras


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
    restarts: int = 1,
    weights: ArrayLike | None = None,
    seed: Seed = None,
    device: str | Device = "auto",
    progress: bool = True,
    **options: float | str,
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
        restarts: Train so many times, first from the weights the model has and then from new
            ones, and keep the best; see `workbench.network.redraw`.
        weights: Train from each of these weights ``(members, weights)`` instead, in the order
            of `workbench.network.weights_to_vector`, and keep the best.
        seed: Generator, or seed for one, of the validation rows and the restarts.
        device: Where to train: ``"cpu"``, ``"gpu"``, ``"gpu:1"`` and so on. ``"auto"`` is the
            first GPU, if there is one, for networks of float32 that take images or have 10,000
            weights or more, and the CPU for all others, which are slower on a GPU; see
            `workbench.network.device`.
        progress: Show a bar when it takes longer than a second.
        **options: Parameters of the method; of trainlm ``mu``, ``mu_dec``, ``mu_inc`` and
            ``mu_max``.

    Returns:
        The record; with restarts or several weights, the record of the best training, with all
        of them in its ``members``. The best has the lowest error on the validation rows, or
        without any the lowest performance. Ctrl-C ends the training with what was reached: the
        model has the best weights so far and the record says ``stop == "interrupted"``.

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
    regularization = regularization_for(method, regularization)
    performance = performance_for(method, loss)
    deadline = started + checks.real("time", time, 0, open_low=True)
    network = network_of(model)
    place = network.device(device)
    X, y = samples_for(model, X, y)
    weight = checked_weight(sample_weight, y)
    rng = checks.generator(seed)
    kept, held = held_out(len(X), validation, rng)
    if held is not None:
        validation = (X[held], y[held])
    weight = None if weight is None else weight[kept]
    held_pairs = [
        None if pair is None else checked_pair(model, name, pair)
        for name, pair in (("validation", validation), ("test", test))
    ]
    training = Training(network, function, performance)
    with on(place):
        blocks = (None if pair is None else blocks_of(network, *pair) for pair in held_pairs)
        rows = Rows(blocks_of(network, X[kept], y[kept], weight), *blocks)
        setting = training.setting(frozen_values(model), rows, regularization, limits)
    starts = _starts(model, restarts, weights, rng)
    runs = [Run(training, setting, vector, deadline, place) for vector in starts]
    if len(runs) == 1:
        ends = _ends(limits, time, function)
        runs[0].run(panel_or_bar(ends, limits.epochs, method, "epoch", enabled=progress))
    else:
        run_all(runs, progress_bar.bar(len(runs), method, "training", enabled=progress))
    records = [run.record(method, train_rows=kept, val_rows=held) for run in runs]
    best = records[_best(records)]
    vector_to_weights(model, best.weights)
    members = tuple(records) if weights is not None or restarts > 1 else ()
    return replace(best, seconds=clock.perf_counter() - started, members=members)


def _ends(limits: Limits, time: float, function: TrainingFunction) -> dict[str, float]:
    """Return the values that end a training, by the names the panel shows."""
    patient = limits.max_fail == NEVER
    return {
        "seconds": time,
        "perf": limits.goal,
        "gradient": limits.min_grad,
        "val_fail": np.inf if patient else limits.max_fail,
        "mu": getattr(function, "mu_max", np.inf),
    }


def _starts(
    model: keras.Model, restarts: int, weights: ArrayLike | None, rng: np.random.Generator
) -> list[NDArray[np.floating]]:
    """Return the weights to begin with, one vector for each training."""
    present = weights_to_vector(model)
    count = checks.integer("restarts", restarts)
    if weights is None:
        return [present, *(redrawn_weights(model, rng) for _ in range(count - 1))]
    if count > 1:
        raise ArgumentError(
            "restarts", "be 1 where weights to begin with are given", count, "Choose one of them."
        )
    given = checks.samples("weights", np.atleast_2d(weights), present.shape, "the model")
    return list(given.astype(present.dtype))


def _best(records: list[TrainingRecord]) -> int:
    """Return the number of the record with the lowest error; one that is NaN comes last."""
    values = [
        record.best_perf if np.isnan(record.best_vperf) else record.best_vperf for record in records
    ]
    return int(np.argmin(np.nan_to_num(values, nan=np.inf)))
