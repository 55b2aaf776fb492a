"""The one loop of all training functions: evaluating, recording, stopping, and Ctrl-C.

The order within an epoch is MATLAB's: evaluate the network, record, ask every reason to stop,
and only then take the method's step; so epoch 0 is the untrained network, and a training of n
epochs records n + 1 rows.

Everything here is pure and in tensors: `Training.advance` runs a spell of epochs inside one
compiled call. Its caller (`trainer`) has its say between spells: it reads the record, moves the
bar, looks at the clock, and hears Ctrl-C.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from keras import ops

from workbench.network import backend
from workbench.network.backend import Tensor
from workbench.network.objective import Blocks, Network, sum_of_squares
from workbench.registry import Registry

# Reasons to stop in the order they are asked; the number in a compiled state is index + 1.
# "own" stands for the method's own reason.
REASONS = ("goal", "epochs", "min_grad", "own", "max_fail")
CAPACITY = 128  # epochs that one call may record


class TrainingFunction(Protocol):
    """A method: a frozen dataclass of its parameters, and one step in tensors.

    ``parameters`` come as tensors, so that other values compile nothing anew.
    """

    traces: ClassVar[tuple[str, ...]]  # what of the memory is recorded each epoch
    own_stop: ClassVar[str]  # name of its own reason to stop
    min_grad: ClassVar[float]  # MATLAB's default for this method

    def start(self, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what the method remembers from epoch to epoch, initially."""

    def evaluate(
        self, network: Network, vector: Tensor, frozen: list[Tensor], data: Blocks
    ) -> tuple[Tensor, Tensor, Any]:
        """Return the performance, the norm of its gradient, and what `step` needs of both."""

    def step(
        self,
        evaluate: Callable[[Tensor], Tensor],
        vector: Tensor,
        memory: dict[str, Tensor],
        local: Any,
        parameters: dict[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the next weights and memory; ``evaluate`` gives the squared error of weights."""

    def stops(self, memory: dict[str, Tensor], parameters: dict[str, Tensor]) -> Tensor:
        """Return whether the method's own reason to stop holds."""


TRAINING_FUNCTIONS: Registry[type] = Registry("training function")


class Rows(NamedTuple):
    """All data of a training; validation and test rows may be missing."""

    train: Blocks
    validation: Blocks | None
    test: Blocks | None


class Limits(NamedTuple):
    """When to stop, in tensors or numbers."""

    epochs: Any
    goal: Any
    min_grad: Any
    max_fail: Any


class State(NamedTuple):
    """Everything a training carries from epoch to epoch; all of it arrays."""

    epoch: Any
    reason: Any  # 0: none yet
    vector: Any
    memory: dict[str, Any]
    best_vector: Any
    best_value: Any  # the best vperf, or perf without validation rows
    best_epoch: Any
    val_fail: Any


@dataclass(frozen=True)
class Training:
    """A method on an architecture, compiled once for all trainings of that pair.

    Attributes:
        network: The architecture.
        method: The training function with its parameters.
    """

    network: Network
    method: Any

    def compiled(self, name: str, function: Callable[..., Any], rows: Rows) -> Callable[..., Any]:
        """Return a function of this class compiled, the same for equal shapes throughout."""
        whole = self.network.compile is backend.xla and self.network.layout.size <= backend.SMALL
        shapes = tuple(None if blocks is None else blocks.X.shape for blocks in rows)
        key = (self.network.key, type(self.method), name, shapes)
        return backend.cached(key, lambda: (backend.xla if whole else backend.graph)(function))

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The method's parameters as tensors."""
        dtype = self.network.layout.dtype
        return {name: backend.tensor(value, dtype) for name, value in asdict(self.method).items()}

    def initial(self, vector: Tensor, parameters: dict[str, Tensor]) -> State:
        """Return the state before epoch 0."""
        none = backend.tensor(0, "int32")
        worst = backend.tensor(np.inf, self.network.layout.dtype)
        memory = self.method.start(parameters)
        return State(none, none, vector, memory, vector, worst, none, none)

    def advance(
        self,
        state: State,
        frozen: list[Tensor],
        rows: Rows,
        limits: Limits,
        parameters: dict[str, Tensor],
        spell: Tensor,
        capacity: int = CAPACITY,
    ) -> tuple[State, Tensor]:
        """Run at most ``spell`` epochs and return the state and their records.

        Returns:
            The state, and an array ``(capacity, 5 + traces)`` with a row for each epoch begun:
            perf, vperf, tperf, gradient, val_fail, and the method's traces. Epochs beyond the
            capacity overwrite the last row.
        """
        begin = state.epoch
        columns = 5 + len(self.method.traces)
        buffer = ops.zeros((capacity, columns), "float64")

        def goes_on(carried: Any) -> Tensor:
            state, _ = carried
            return ops.logical_and(state.reason == 0, state.epoch - begin < spell)

        def epoch(carried: Any) -> Any:
            state, buffer = carried
            state, row, local = self._look(state, frozen, rows, limits, parameters)
            # A caller without interest in the record gives it one row, written over and over.
            place = ops.minimum(state.epoch - begin, capacity - 1)
            buffer = backend.write(buffer, place, row)
            vector, memory = ops.cond(
                state.reason == 0,
                lambda: self._step(state, frozen, rows, local, parameters),
                lambda: (state.vector, state.memory),
            )
            # An ended training keeps the number of its last epoch.
            number = state.epoch + ops.cast(state.reason == 0, "int32")
            return state._replace(epoch=number, vector=vector, memory=memory), buffer

        return backend.while_loop(goes_on, epoch, (state, buffer))

    def _step(self, state, frozen, rows, local, parameters):
        evaluate = partial(self._squared_error, frozen, rows.train)
        return self.method.step(evaluate, state.vector, state.memory, local, parameters)

    def _squared_error(self, frozen: list[Tensor], data: Blocks, vector: Tensor) -> Tensor:
        return sum_of_squares(self.network, vector, frozen, data)

    def _look(self, state, frozen, rows, limits, parameters):
        """Evaluate the weights, update the best ones, and ask every reason to stop."""
        perf, gradient, local = self.method.evaluate(self.network, state.vector, frozen, rows.train)
        vperf, tperf = (self._perf(state.vector, frozen, r) for r in (rows.validation, rows.test))
        value = perf if rows.validation is None else vperf
        better = value < state.best_value
        worse = ops.cast(value > state.best_value, "int32")
        fails = 0 if rows.validation is None else ops.where(better, 0, state.val_fail + worse)
        conditions = {
            "goal": perf <= limits.goal,
            "epochs": state.epoch >= limits.epochs,
            "min_grad": gradient <= limits.min_grad,
            "own": self.method.stops(state.memory, parameters),
            "max_fail": fails >= limits.max_fail,
        }
        reason = 0
        for number in range(len(REASONS), 0, -1):  # the first that holds has the last word
            reason = ops.where(conditions[REASONS[number - 1]], number, reason)
        state = state._replace(
            reason=ops.cast(reason, "int32"),
            best_vector=ops.where(better, state.vector, state.best_vector),
            best_value=ops.where(better, value, state.best_value),
            best_epoch=ops.where(better, state.epoch, state.best_epoch),
            val_fail=ops.cast(fails, "int32"),
        )
        traces = (state.memory[name] for name in self.method.traces)
        row = [perf, vperf, tperf, gradient, state.val_fail, *traces]
        return state, ops.stack([ops.cast(entry, "float64") for entry in row]), local

    def _perf(self, vector: Tensor, frozen: list[Tensor], data: Blocks | None) -> Tensor:
        if data is None:
            return vector[0] * 0 + np.nan
        return self._squared_error(frozen, data, vector) / (data.samples * self.network.outputs)
