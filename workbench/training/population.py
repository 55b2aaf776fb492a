"""Train a whole population of weight vectors, and measure what becomes of each.

The members go one by one through the loop of `train`, inside one compiled call: a batch in
lockstep waits for its slowest member (100 members: 3.6 s, against 2.8 s one by one). The calls
themselves are spread over the cores, in threads, since compiled code leaves Python's lock alone.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.network import backend
from workbench.network.backend import Tensor
from workbench.network.device import Device, on
from workbench.network.objective import blocks_of, frozen_values, network_of, samples_for
from workbench.network.performance import PERFORMANCE_FUNCTIONS
from workbench.network.population import population_loss
from workbench.training.arguments import configured, performance_for
from workbench.training.loop import TRAINING_FUNCTIONS, Limits, Rows, Setting, Training
from workbench.training.run import cores
from workbench.training.trainer import train as train  # with which all methods are registered

if TYPE_CHECKING:
    import keras

# Members of one compiled call: some tenths of a second for 20 epochs of a small network, so
# that Ctrl-C is heard between calls. A smaller population leaves the rest of the slots empty.
_SLOTS = 16


class Trained(NamedTuple):
    """What became of a population.

    Attributes:
        members: Weights after training ``(members, weights)``.
        perf: Performance of each ``(members,)``.
    """

    members: NDArray[np.float64]
    perf: NDArray[np.float64]


def population_trainer(
    model: keras.Model,
    X: ArrayLike,
    y: ArrayLike,
    method: str = "trainlm",
    *,
    epochs: int = 20,
    loss: str = "mse",
    device: str | Device = "auto",
    **options: float | str,
) -> Callable[[NDArray[np.float64]], Trained]:
    """Return the function that trains every member for some epochs.

    Args:
        model: Any Keras model from one array to rows of outputs; it is not changed.
        X: Inputs ``(samples, inputs)``.
        y: Targets ``(samples, outputs)``, or ``(samples,)`` for one output.
        method: Registered name of the training function.
        epochs: Epochs for each member.
        loss: The performance to minimise.
        device: Where to train them, as for `train`.
        **options: Parameters of the method.

    Returns:
        A function from members ``(members, weights)`` to `Trained`.

    Raises:
        ArgumentError: An argument is out of its range, or the data do not fit the model.
        ModelError: The model has no trainable weights.
        UnknownNameError: There is no such method or option.
    """
    network = network_of(model)
    place = network.device(device)
    training = Training(network, configured(method, options), performance_for(method, loss))
    limits = Limits(checks.integer("epochs", epochs), 0.0, training.method.min_grad, 1)
    with on(place):
        data = Rows(blocks_of(network, *samples_for(model, X, y)), None, None)
        setting = training.setting(frozen_values(model), data, 0.0, limits)
        compiled = training.compiled("each", partial(_each, training), data)

    def some(members: NDArray[np.float64]) -> Trained:
        slots = np.zeros((_SLOTS, network.layout.size))
        slots[: len(members)] = members
        count = np.int32(len(members))
        with on(place):  # in each thread, for it holds in one only
            ended = compiled(backend.tensor(slots, network.layout.dtype), count, setting)
        return Trained(*(np.asarray(part[: len(members)], float) for part in ended))

    def every(members: NDArray[np.float64]) -> Trained:
        # At least one call a core, of equal heights as far as possible.
        calls = max(-(-len(members) // _SLOTS), min(cores(), len(members)))
        with ThreadPoolExecutor(cores()) as pool:
            parts = list(pool.map(some, np.array_split(members, calls)))
        return Trained(*map(np.concatenate, zip(*parts, strict=True)))

    return every


def trained_loss(
    model: keras.Model,
    X: ArrayLike,
    y: ArrayLike,
    loss: str = "mse",
    *,
    method: str = "trainlm",
    epochs: int = 20,
    lamarckian: bool = False,
    device: str | Device = "auto",
    **options: Any,
) -> Callable[[NDArray[np.float64]], Any]:
    """Return the function from weight vectors to their losses after some epochs of training.

    The arguments are those of `population_trainer` and `population_loss`. What is measured is
    what is minimised, where the method can: one that wants squared errors minimises their mean.
    With ``lamarckian`` the function returns a pair: the members after their training, and their
    losses.
    """
    squares = TRAINING_FUNCTIONS[method].squares_only and not PERFORMANCE_FUNCTIONS[loss].squares
    minimised = "mse" if squares else loss
    train_all = population_trainer(
        model, X, y, method, epochs=epochs, loss=minimised, device=device, **options
    )
    measure = population_loss(model, X, y, loss, device=device)

    def losses(members: NDArray[np.float64]) -> Any:
        trained = train_all(members).members
        return (trained, measure(trained)) if lamarckian else measure(trained)

    return losses


def _each(training: Training, members: Tensor, count: Tensor, setting: Setting):
    def one(carried: Any) -> Any:
        number, members, perf = carried
        state = training.initial(members[number], setting)
        # As many looks as there are epochs, and the last one.
        state, _ = training.advance(state, setting, setting.limits.epochs + 1, capacity=1)
        members = backend.write(members, number, state.best_vector)
        return number + 1, members, backend.write(perf, number, state.best_value)

    start = (backend.tensor(0, "int32"), members, members[:, 0] * 0)
    return backend.while_loop(lambda carried: carried[0] < count, one, start)[1:]
