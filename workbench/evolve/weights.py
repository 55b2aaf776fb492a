"""Evolve the weights of a Keras model by any method of `minimize`.

The loss of a member is that of the network with the member's weights, as it stands (GABPNET's
way), or after a few epochs of training (the way of the textbook's GA-BP). In the second case
the training only measures: the member keeps the weights it had, and so does the model in the
end, to be trained from there. Or it is Lamarckian: the member becomes what its training made of it.

Only trainable weights evolve. Batch norm is evaluated as in prediction, by the moving statistics
that the model has: 0 and 1 in a network from nothing, where its scale and offset are then weights
like others. (Statistics of the batch were rejected: what a member is worth would depend on the rows
beside a row, and the network would still lack statistics to predict with.) And what frozen layers
make of the data is computed once for all members, so that to evolve a head costs only the head.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.checks import Seed
from workbench.errors import ArgumentError
from workbench.evolve.search import minimize
from workbench.network.device import Device, on
from workbench.network.metrics import measured
from workbench.network.objective import network_of
from workbench.network.population import PopulationLoss, population_loss
from workbench.network.redraw import redrawn_weights
from workbench.network.units import hidden_units
from workbench.network.weights import layout_of, vector_to_weights
from workbench.training.population import trained_loss

if TYPE_CHECKING:
    import keras
    from scipy.optimize import OptimizeResult


def evolve_weights(
    model: keras.Model,
    X: ArrayLike,
    y: ArrayLike,
    method: str = "ga",
    *,
    loss: str = "mse",
    bounds: ArrayLike = (-1, 1),
    population: int = 50,
    generations: int = 100,
    train_epochs: int = 0,
    train_fn: str = "trainlm",
    lamarckian: bool | None = None,
    draw: str = "uniform",
    batch_size: int | None = None,
    metrics: Sequence[str] = (),
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    seed: Seed = None,
    device: str | Device = "auto",
    progress: bool = True,
    **options: Any,
) -> OptimizeResult:
    """Search for weights with a low loss, and put the best into the model.

    Args:
        model: Any Keras model from one array to rows of outputs. Its trainable weights become
            the best member; while the call runs, and if it fails, they are as before.
        X: Inputs ``(samples, inputs)``, or images ``(samples, rows, columns, channels)``, scaled
            as the model expects them.
        y: Targets ``(samples, outputs)``, or ``(samples,)`` for one output. A classifier with
            several outputs may be given the numbers of the classes, integers ``(samples,)`` from
            0; its outputs are then compared with 1 for the class and 0 for all others.
        method: Registered name of the search method.
        loss: ``"mse"``, ``"sse"``, ``"mae"``, ``"sae"`` or ``"crossentropy"``. With
            ``train_epochs`` it is also what the training minimises, if that can.
        bounds: One pair (low, high) for all weights, or a row for each.
        population: Members of a generation.
        generations: Populations in all, the first included.
        train_epochs: Epochs of training before the loss is measured; 0 measures the weights as
            they are.
        train_fn: Registered name of the training function for that.
        lamarckian: A member keeps what its training taught it, and so does the model in the
            end. None does so for the method ``"memetic"``, and not for others.
        draw: ``"uniform"`` draws members within the bounds; ``"restart"`` draws them as `train`
            draws restarts: by Nguyen and Widrow, or by the initialisers of the layers.
        batch_size: Rows that each generation is measured on, drawn anew for each; None for all.
            In the end the last population and the best member are measured on all rows, and the
            best of these is the result. Not with ``train_epochs``.
        metrics: What to tell of the result: ``"accuracy"`` and names of losses.
        validation: A pair (X, y) to tell the metrics of as well, as ``"val_accuracy"`` and so on.
        seed: Generator, or seed for one.
        device: Where the members are evaluated and trained, as for `workbench.train`.
        progress: Show a bar when it takes longer than a second.
        **options: What else `minimize` takes: ``evaluations``, ``target``, ``initial`` and so
            on, and the options of the method.

    Returns:
        The result of `minimize`; ``x`` are the weights in the order of `weights_to_vector`, and
        ``metrics`` is a dictionary of those asked for.
        Ctrl-C gives the best weights so far, with ``stop == "interrupted"``.

    Raises:
        ArgumentError: An argument is out of its range, or the data do not fit the model.
        ModelError: The model has no trainable weights.
        UnknownNameError: There is no such method, loss or training function.
    """
    box = checks.bounds("bounds", bounds, layout_of(model).size)
    if draw not in ("uniform", "restart"):
        raise ArgumentError("draw", 'be "uniform" or "restart"', draw)
    if train_epochs and batch_size is not None:
        raise ArgumentError("batch_size", "be None where members are trained", batch_size)
    place = network_of(model).device(device)
    y = _targets("y", model, y)
    keeps = method == "memetic" if lamarckian is None else lamarckian
    if checks.integer("train_epochs", train_epochs, minimum=0):
        objective = trained_loss(
            model,
            X,
            y,
            loss,
            method=train_fn,
            epochs=train_epochs,
            lamarckian=keeps,
            device=place,
        )
    elif keeps:
        raise ArgumentError("train_epochs", "be positive where members learn", train_epochs)
    else:
        objective = population_loss(model, X, y, loss, batch_size=batch_size, device=place)
    if method == "memetic":
        options = {"units": hidden_units(model), **options}
    if draw == "restart":
        options["sample"] = partial(_restarts, model)
    result = minimize(
        objective,
        box,
        method,
        population=population,
        generations=generations,
        seed=seed,
        progress=progress,
        pad=True,
        **options,
    )
    if batch_size is not None:
        _measured_on_all(result, population_loss(model, X, y, loss, device=place))
    vector_to_weights(model, result.x)
    with on(place):
        told = measured(model, X, y, metrics)
        if validation is not None:
            held_X, held_y = validation
            held = measured(model, held_X, _targets("validation", model, held_y), metrics)
            told |= {f"val_{name}": value for name, value in held.items()}
    result.update(metrics=told)
    return result


def _targets(argument: str, model: keras.Model, y: ArrayLike) -> ArrayLike:
    """Return targets (samples, outputs) where numbers of classes came, else what came."""
    numbers, outputs = np.asarray(y), model.output_shape[-1]
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu" or outputs == 1 or not numbers.size:
        return y
    least, most = int(numbers.min()), int(numbers.max())
    if least < 0 or most >= outputs:
        raise ArgumentError(
            argument,
            f"be numbers of classes from 0 to {outputs - 1}, as the model has {outputs} outputs",
            f"integers from {least} to {most}",
            "numpy.unique(y, return_inverse=True)[1] numbers any labels from 0.",
        )
    return np.eye(outputs)[numbers]


def _measured_on_all(result: OptimizeResult, loss: PopulationLoss) -> None:
    members = np.concatenate([result["x"][None], result["population"]])
    values = loss(members)
    best = int(values.argmin())
    result.update(x=members[best], fun=float(values[best]), population_values=values[1:])


def _restarts(model: keras.Model, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    drawn = [redrawn_weights(model, rng) for _ in range(count)]
    return np.array(drawn, dtype=float).reshape(count, layout_of(model).size)
