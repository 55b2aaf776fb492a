"""The losses of a whole population of weight vectors in one compiled call.

The members are vectorised where XLA compiles the network (2-5-1, 50 members, 1500 rows: 0.48
milliseconds) and mapped one by one elsewhere, which was faster for convolutions. One by one, no
Jacobian bounds the height of a block of rows but the largest map: 256 digits of 8 x 8 through
tiny_resnet take 13 ms a member, where blocks that are small enough for a Jacobian took 134.

What stands before the first trainable weights is computed once; see `workbench.network.features`.
Measured on 1347 digits and tiny_resnet, against the whole model for each member: 690 times as fast
where only the last layer is trained, 2.5 times with the last block.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.network import backend
from workbench.network.backend import Tensor
from workbench.network.device import Device, on
from workbench.network.features import Rest, without_frozen
from workbench.network.objective import (
    Blocks,
    Network,
    blocks_of,
    frozen_values,
    network_of,
    samples_for,
    sum_over_blocks,
)
from workbench.network.performance import PERFORMANCE_FUNCTIONS, Performance
from workbench.network.steps import steps_of, widest

if TYPE_CHECKING:
    import keras

PopulationLoss = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def population_loss(
    model: keras.Model,
    X: ArrayLike,
    y: ArrayLike,
    loss: str = "mse",
    *,
    batch_size: int | None = None,
    device: str | Device = "auto",
    features: bool = True,
) -> PopulationLoss:
    """Return the function from weight vectors to their losses.

    Args:
        model: Any Keras model from one array to rows of outputs; it is not changed.
        X: Inputs ``(samples, inputs)``.
        y: Targets ``(samples, outputs)``, or ``(samples,)`` for one output.
        loss: ``"mse"``, ``"sse"``, ``"mae"``, ``"sae"`` or ``"crossentropy"``.
        batch_size: Measure each call's members on so many rows only, drawn anew for each call.
            The members themselves seed the draw, so that a search that is repeated or resumed
            meets the same rows again.
        device: Where the members are evaluated, and the data lie: ``"cpu"``, ``"gpu"``,
            ``"gpu:1"``, or ``"auto"`` for what suits the network; see `workbench.network.device`.
        features: Compute what a frozen beginning makes of the rows once, and keep it; False
            evaluates the whole model for each member.

    Returns:
        A function from members ``(members, weights)`` to losses ``(members,)``, infinite where
        a network overflows. It compiles once for each number of members.

    Raises:
        ArgumentError: The data do not fit the model, or there is no such device.
        ModelError: The model has no trainable weights.
        UnknownNameError: There is no such loss.
    """
    performance = PERFORMANCE_FUNCTIONS[loss]
    network = network_of(model)
    place = network.device(device)
    X, y = samples_for(model, X, y)
    size = len(X) if batch_size is None else checks.integer("batch_size", batch_size)
    with on(place):
        if features:
            network, X = without_frozen(network, model, X)
        entries = _entries(network, X)
        whole = None if size < len(X) else blocks_of(network, X, y, entries=entries)
        frozen = frozen_values(model)
    dtype = network.layout.dtype

    @functools.cache  # a small dictionary of our own is quicker than the one of all networks
    def for_members(count: int, shape: tuple[int, ...]):
        key = (network.key, "population", loss, count, shape)
        return backend.cached(key, lambda: _compiled(network, performance, shape[0]))

    def losses(members: NDArray[np.float64]) -> NDArray[np.float64]:
        with on(place):
            data = whole or blocks_of(network, *_drawn(X, y, size, members), entries=entries)
            compiled = for_members(len(members), tuple(data.X.shape))
            values = compiled(backend.tensor(members, dtype), frozen, data).numpy().astype(float)
        values[np.isnan(values)] = np.inf
        return values

    return losses


def _entries(network: Network, X: NDArray[np.floating]) -> int | None:
    """Return the numbers of a row in the largest tensor, None where members are vectorised."""
    if network.compile is backend.xla:
        return None
    if isinstance(network, Rest):
        assert network.steps is not None
        return widest(network.steps.live, X.shape[1:])
    steps = backend.cached((network.key, "steps"), lambda: steps_of(network.model))
    return widest(steps and steps.all, X.shape[1:])


def _drawn(X, y, size, members):
    rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(members).tobytes()))
    rows = rng.choice(len(X), size, replace=False)
    return X[rows], y[rows]


def _compiled(network: Network, performance: Performance, blocks: int):
    vectorised = network.compile is backend.xla
    apply_to_all = backend.map_rows if vectorised else backend.map_each

    def block(members, frozen, X, y, weight):
        def one(vector: Tensor) -> Tensor:
            outputs = network.forward(vector, frozen, X)
            return backend.total(performance.of(outputs, y) * weight)

        return (apply_to_all(one, members),)

    def losses(members: Tensor, frozen: list[Tensor], data: Blocks) -> Tensor:
        (totals,) = sum_over_blocks(network.compile(block), members, frozen, data)
        return totals / (data.samples * network.outputs) if performance.mean else totals

    # A graph around a single compiled block costs 0.15 of 0.8 ms.
    return network.compile(losses) if blocks == 1 else backend.graph(losses)
