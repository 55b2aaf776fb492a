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
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from keras import ops

from workbench.network import backend
from workbench.network.backend import Tensor
from workbench.network.objective import Blocks, Network, Problem
from workbench.network.performance import Performance
from workbench.registry import Registry

# Reasons to stop in the order they are asked; the number in a compiled state is index + 1.
# "own" stands for the method's own reason.
REASONS = ("goal", "epochs", "min_grad", "own", "max_fail", "diverged")
CAPACITY = 128  # epochs that one call may record
NEVER = int(np.iinfo(np.int32).max)  # a number of epochs that no training reaches

Memory = dict[str, Tensor]


class TrainingFunction:
    """A method: a frozen dataclass of its parameters, and one step in tensors.

    ``parameters`` come as tensors, so that other values compile nothing anew.
    """

    traces: ClassVar[tuple[str, ...]] = ()  # what of the memory is recorded each epoch
    static: ClassVar[tuple[str, ...]] = ()  # fields that are no numbers: others compile anew
    own_stop: ClassVar[str] = ""  # its own reason to stop, a key of STOP_MESSAGES
    min_grad: ClassVar[float] = 1e-5  # MATLAB's default for this method
    max_fail: ClassVar[int] = 6  # likewise
    squares_only: ClassVar[bool] = False  # it minimises squared errors and nothing else
    regularizes: ClassVar[bool] = False  # it finds the share of the weights by itself
    solves: ClassVar[bool] = False  # it solves a system of as many equations as there are weights
    keeps_last: ClassVar[bool] = False  # without validation rows its last weights are its best

    def start(self, problem: Problem, vector: Tensor, parameters: Memory) -> Memory:
        """Return what the method remembers from epoch to epoch, initially."""
        raise NotImplementedError

    def evaluate(
        self, problem: Problem, vector: Tensor, memory: Memory, parameters: Memory
    ) -> tuple[Tensor, Tensor, Any]:
        """Return the performance, the norm of its gradient, and what `step` needs of both.

        As it stands, this gives `step` the performance and the gradient.
        """
        perf, gradient = problem.perf_and_gradient(vector)
        return perf, ops.norm(gradient), (perf, gradient)

    def step(
        self, problem: Problem, vector: Tensor, memory: Memory, local: Any, parameters: Memory
    ) -> tuple[Tensor, Memory]:
        """Return the next weights and memory; ``local`` is the third of `evaluate`."""
        raise NotImplementedError

    def stops(self, memory: Memory, parameters: Memory) -> Tensor:
        """Return whether the method's own reason to stop holds."""
        return False


TRAINING_FUNCTIONS: Registry[Any] = Registry("training function")


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


class Setting(NamedTuple):
    """What stays the same in a training, in tensors."""

    frozen: list[Tensor]
    rows: Rows
    regularization: Tensor
    limits: Limits
    parameters: Memory


class State(NamedTuple):
    """Everything a training carries from epoch to epoch; all of it arrays."""

    epoch: Any
    reason: Any  # 0: none yet
    vector: Any
    memory: Memory
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
        performance: What is minimised.
    """

    network: Network
    method: Any
    performance: Performance

    def compiled(self, name: str, function: Callable[..., Any], rows: Rows) -> Callable[..., Any]:
        """Return a function of this class compiled, the same for equal shapes throughout."""
        small = self.network.layout.size <= backend.SMALL or not self.method.solves
        whole = self.network.compile is backend.xla and small
        shapes = tuple(
            None if blocks is None else (blocks.X.shape, blocks.weight.shape) for blocks in rows
        )
        static = tuple(getattr(self.method, field) for field in self.method.static)
        key = (self.network.key, type(self.method), static, self.performance.name, name, shapes)
        return backend.cached(key, lambda: (backend.xla if whole else backend.graph)(function))

    def setting(
        self, frozen: list[Tensor], rows: Rows, regularization: float, limits: Limits
    ) -> Setting:
        """Return what stays the same, in tensors."""
        dtype = self.network.layout.dtype
        numbers = {k: v for k, v in asdict(self.method).items() if k not in self.method.static}
        return Setting(
            frozen,
            rows,
            backend.tensor(regularization, dtype),
            Limits(
                backend.tensor(min(limits.epochs, NEVER), "int32"),
                backend.tensor(limits.goal, dtype),
                backend.tensor(limits.min_grad, dtype),
                backend.tensor(min(limits.max_fail, NEVER), "int32"),
            ),
            {name: backend.tensor(value, dtype) for name, value in numbers.items()},
        )

    def initial(self, vector: Tensor, setting: Setting) -> State:
        """Return the state before epoch 0."""
        none = ops.zeros((), "int32")
        worst = ops.full((), np.inf, self.network.layout.dtype)
        memory = self.method.start(self._problem(setting), vector, setting.parameters)
        return State(none, none, vector, memory, vector, worst, none, none)

    def advance(
        self, state: State, setting: Setting, spell: Tensor, capacity: int = CAPACITY
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
        problem = self._problem(setting)

        def goes_on(carried: Any) -> Tensor:
            state, _ = carried
            return ops.logical_and(state.reason == 0, state.epoch - begin < spell)

        def epoch(carried: Any) -> Any:
            state, buffer = carried
            state, row, local = self._look(state, problem, setting)
            # A caller without interest in the record gives it one row, written over and over.
            place = ops.minimum(state.epoch - begin, capacity - 1)
            buffer = backend.write(buffer, place, row)
            vector, memory = ops.cond(
                state.reason == 0,
                lambda: self.method.step(
                    problem, state.vector, state.memory, local, setting.parameters
                ),
                lambda: (state.vector, state.memory),
            )
            # An ended training keeps the number of its last epoch.
            number = state.epoch + ops.cast(state.reason == 0, "int32")
            return state._replace(epoch=number, vector=vector, memory=memory), buffer

        return backend.while_loop(goes_on, epoch, (state, buffer))

    def _problem(self, setting: Setting) -> Problem:
        return Problem(
            self.network,
            self.performance,
            setting.frozen,
            setting.rows.train,
            setting.regularization,
        )

    def _look(self, state: State, problem: Problem, setting: Setting) -> tuple[State, Tensor, Any]:
        """Evaluate the weights, update the best ones, and ask every reason to stop."""
        rows, limits, parameters = setting.rows, setting.limits, setting.parameters
        perf, gradient, local = self.method.evaluate(
            problem, state.vector, state.memory, parameters
        )
        vperf, tperf = (
            state.vector[0] * 0 + np.nan
            if blocks is None
            else replace(problem, rows=blocks, regularization=0.0).perf(state.vector)
            for blocks in (rows.validation, rows.test)
        )
        value = perf if rows.validation is None else vperf
        better = value < state.best_value
        worse = ops.cast(value > state.best_value, "int32")
        fails = 0 if rows.validation is None else ops.where(better, 0, state.val_fail + worse)
        if rows.validation is None and self.method.keeps_last:
            better = ops.isfinite(value)
        conditions = {
            "goal": perf <= limits.goal,
            "epochs": state.epoch >= limits.epochs,
            "min_grad": gradient <= limits.min_grad,
            "own": self.method.stops(state.memory, parameters),
            "max_fail": fails >= limits.max_fail,
            "diverged": ops.isnan(perf),  # no step leads back from there
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
