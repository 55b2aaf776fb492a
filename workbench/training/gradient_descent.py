"""traingd, traingdm, traingda, traingdx: gradient descent, with momentum, with an adaptive rate.

Sources: M. T. Hagan, H. B. Demuth and M. H. Beale, "Neural Network Design", chapters 11 and 12;
T. P. Vogl et al., "Accelerating the convergence of the back-propagation method", Biological
Cybernetics 59 (1988), pp. 257-263; rules, defaults and stop reasons of MATLAB's functions.

There are two rules, and the four methods are with and without each of them:

- momentum: the change is ``mc`` times the previous one plus ``1 - mc`` times the descent;
- adaptive rate: a change that raises the performance by more than the factor ``max_perf_inc``
  is not made, and the rate is lowered; one that lowers the performance raises the rate.

A change that was not made sets the momentum to zero, so that the next one is a plain descent
with the lower rate; and so is the very first, which has nothing to remember.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from keras import ops

from workbench import checks
from workbench.errors import ArgumentError
from workbench.network.backend import Tensor
from workbench.network.objective import Problem
from workbench.training.loop import TRAINING_FUNCTIONS, Memory, TrainingFunction


@TRAINING_FUNCTIONS.register("traingd")
@dataclass(frozen=True)
class GradientDescent(TrainingFunction):
    """Steps against the gradient, of a fixed rate.

    Attributes:
        lr: Learning rate, positive: the step is ``lr`` times the gradient.
    """

    lr: float = 0.01

    def __post_init__(self) -> None:
        checks.real("lr", self.lr, 0, open_low=True)

    def start(self, problem: Problem, vector: Tensor, parameters: Memory) -> Memory:
        """Remember nothing."""
        return {}

    def step(
        self, problem: Problem, vector: Tensor, memory: Memory, local: Any, parameters: Memory
    ) -> tuple[Tensor, Memory]:
        """Go down the gradient."""
        _, gradient = local
        return vector - parameters["lr"] * gradient, memory


@TRAINING_FUNCTIONS.register("traingdm")
@dataclass(frozen=True)
class Momentum(TrainingFunction):
    """Steps of a fixed rate, averaged with those before.

    Attributes:
        lr: Learning rate, positive.
        mc: Momentum, the share of the previous change in the next, in [0, 1].
    """

    lr: float = 0.01
    mc: float = 0.9

    def __post_init__(self) -> None:
        checks.real("lr", self.lr, 0, open_low=True)
        checks.real("mc", self.mc, 0, 1)

    def start(self, problem: Problem, vector: Tensor, parameters: Memory) -> Memory:
        """Remember no change yet."""
        return _no_momentum(vector)

    def step(
        self, problem: Problem, vector: Tensor, memory: Memory, local: Any, parameters: Memory
    ) -> tuple[Tensor, Memory]:
        """Make the averaged change."""
        _, gradient = local
        change = _averaged(memory, parameters["lr"] * gradient)
        return vector + change, {"change": change, "mc": parameters["mc"]}


@TRAINING_FUNCTIONS.register("traingda")
@dataclass(frozen=True)
class AdaptiveRate(TrainingFunction):
    """Steps of a rate that grows while they succeed.

    Attributes:
        lr: Initial learning rate, positive.
        lr_inc: Factor of at least 1 on the rate after a step that lowered the performance.
        lr_dec: Factor in (0, 1) on the rate after a step that was not made.
        max_perf_inc: Factor by which a step may raise the performance, positive.
    """

    lr: float = 0.01
    lr_inc: float = 1.05
    lr_dec: float = 0.7
    max_perf_inc: float = 1.04

    traces: ClassVar[tuple[str, ...]] = ("lr",)

    def __post_init__(self) -> None:
        _check_adaptive(self.lr, self.lr_inc, self.lr_dec, self.max_perf_inc)

    def start(self, problem: Problem, vector: Tensor, parameters: Memory) -> Memory:
        """Return the initial rate."""
        return {"lr": parameters["lr"]}

    def step(
        self, problem: Problem, vector: Tensor, memory: Memory, local: Any, parameters: Memory
    ) -> tuple[Tensor, Memory]:
        """Go down the gradient unless that raises the performance too far."""
        perf, gradient = local
        candidate = vector - memory["lr"] * gradient
        made, lr = _judged(perf, problem.perf(candidate), memory["lr"], parameters)
        return ops.where(made, candidate, vector), {"lr": lr}


@TRAINING_FUNCTIONS.register("traingdx")
@dataclass(frozen=True)
class MomentumAdaptiveRate(TrainingFunction):
    """Averaged steps of a rate that grows while they succeed.

    Attributes:
        lr: Initial learning rate, positive.
        lr_inc: Factor of at least 1 on the rate after a step that lowered the performance.
        lr_dec: Factor in (0, 1) on the rate after a step that was not made.
        max_perf_inc: Factor by which a step may raise the performance, positive.
        mc: Momentum, the share of the previous change in the next, in [0, 1].
    """

    lr: float = 0.01
    lr_inc: float = 1.05
    lr_dec: float = 0.7
    max_perf_inc: float = 1.04
    mc: float = 0.9

    traces: ClassVar[tuple[str, ...]] = ("lr",)

    def __post_init__(self) -> None:
        _check_adaptive(self.lr, self.lr_inc, self.lr_dec, self.max_perf_inc)
        checks.real("mc", self.mc, 0, 1)

    def start(self, problem: Problem, vector: Tensor, parameters: Memory) -> Memory:
        """Return the initial rate, and remember no change yet."""
        return {"lr": parameters["lr"], **_no_momentum(vector)}

    def step(
        self, problem: Problem, vector: Tensor, memory: Memory, local: Any, parameters: Memory
    ) -> tuple[Tensor, Memory]:
        """Make the averaged change unless it raises the performance too far."""
        perf, gradient = local
        change = _averaged(memory, memory["lr"] * gradient)
        candidate = vector + change
        made, lr = _judged(perf, problem.perf(candidate), memory["lr"], parameters)
        none = ops.zeros_like(change)
        # Chosen and not multiplied by 0: a change that was not made may be infinite.
        mc = ops.where(made, parameters["mc"], ops.zeros_like(parameters["mc"]))
        memory = {"lr": lr, "change": ops.where(made, change, none), "mc": mc}
        return ops.where(made, candidate, vector), memory


def _no_momentum(vector: Tensor) -> Memory:
    return {"change": ops.zeros_like(vector), "mc": ops.zeros((), vector.dtype)}


def _averaged(memory: Memory, descent: Tensor) -> Tensor:
    """Return the change by the momentum rule (Hagan et al., eq. 12.10)."""
    mc = memory["mc"]
    return mc * memory["change"] - (1 - mc) * descent


def _judged(
    perf: Tensor, candidate: Tensor, lr: Tensor, parameters: Memory
) -> tuple[Tensor, Tensor]:
    """Return whether a step from one performance to another is made, and the next rate."""
    # An overflow to NaN is not made either, which a test of "higher than" would have let pass.
    made = candidate <= parameters["max_perf_inc"] * perf
    raised = ops.where(candidate < perf, lr * parameters["lr_inc"], lr)
    return made, ops.where(made, raised, lr * parameters["lr_dec"])


def _check_adaptive(lr: float, lr_inc: float, lr_dec: float, max_perf_inc: float) -> None:
    """Raise unless the parameters of the adaptive rate are in their ranges."""
    checks.real("lr", lr, 0, open_low=True)
    checks.real("lr_inc", lr_inc, 1)
    if not 0 < checks.real("lr_dec", lr_dec) < 1:
        raise ArgumentError("lr_dec", "lie between 0 and 1", lr_dec)
    checks.real("max_perf_inc", max_perf_inc, 0, open_low=True)
