"""What the methods share that search along a direction: one epoch is one direction and one search.

A method says where to go from the gradients and steps it has seen; this base checks that the
performance falls in that direction, searches along it, and starts afresh from the negative
gradient where it does not. The search ends with the performance and gradient of the new weights,
which are remembered: to evaluate them again would make an epoch a third longer.

A search that finds no lower point sets the direction back to the negative gradient. Only if there
is none in that direction either, the training ends; MATLAB ends it at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from keras import ops

from workbench import checks
from workbench.errors import ArgumentError
from workbench.network import backend
from workbench.network.backend import Tensor
from workbench.network.objective import Problem
from workbench.training.line_search import LINE_SEARCHES, search
from workbench.training.loop import Memory, TrainingFunction


@dataclass(frozen=True)
class Descent(TrainingFunction):
    """Parameters of line searches under MATLAB's names, and the epoch around one.

    Attributes:
        search_fcn: Registered name of the line search.
        scale_tol: The search ends where its interval is the first step divided by this.
        alpha: Share of the reduction that the slope promises which a step must bring, in (0, 1).
        beta: Share of the slope that may be left at the end of a step, in (alpha, 1).
        delta: First step of the first search, and of one that starts afresh.
        gama: srchcha keeps away from the ends of its interval by this share, in (0, 0.5].
        low_lim: Least share of a step to which srchbac goes back, in (0, up_lim].
        up_lim: Greatest such share, below 1.
        max_step: Greatest length of a step, in the weights' own units.
        min_step: Least step, in first steps; below it there is none. (MATLAB's is a length, and
            would end a training at a gradient of about 1e-6 whatever ``min_grad`` is.)
    """

    search_fcn: str = "srchcha"
    scale_tol: float = 20.0
    alpha: float = 1e-3
    beta: float = 0.1
    delta: float = 0.01
    gama: float = 0.1
    low_lim: float = 0.1
    up_lim: float = 0.5
    max_step: float = 100.0
    min_step: float = 1e-6

    static: ClassVar[tuple[str, ...]] = ("search_fcn",)
    traces: ClassVar[tuple[str, ...]] = ("step", "evaluations")
    own_stop: ClassVar[str] = "min_step"
    min_grad: ClassVar[float] = 1e-10

    def __post_init__(self) -> None:
        _ = LINE_SEARCHES[self.search_fcn]
        for name in ("scale_tol", "delta", "max_step", "min_step"):
            checks.real(name, getattr(self, name), 0, open_low=True)
        _between("alpha", self.alpha, 0, 1)
        _between("beta", self.beta, self.alpha, 1)
        checks.real("gama", self.gama, 0, 0.5, open_low=True)
        _between("up_lim", self.up_lim, 0, 1)
        checks.real("low_lim", self.low_lim, 0, self.up_lim, open_low=True)

    def direction(self, gradient: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Return where to go, and what the method itself remembers from now on.

        Args:
            gradient: The gradient ``(weights,)``.
            memory: ``last_gradient``, ``direction`` and ``step`` of the last search, ``fresh``
                before the first one, and what the method itself remembers.
        """
        raise NotImplementedError

    def first_step(self, slope: Tensor, memory: Memory, parameters: Memory) -> Tensor:
        """Return the first step to try, where the direction is the method's own.

        As it stands, the step that would promise as much as the last one did (Nocedal and
        Wright, Numerical Optimization, 2nd ed., section 3.5).
        """
        return memory["step"] * memory["last_slope"] / slope

    def fresh_step(self, gradient: Tensor, parameters: Memory) -> Tensor:
        """Return the first step to try along the negative gradient, where nothing is known."""
        return parameters["delta"]

    def own_memory(self, vector: Tensor) -> Memory:
        """Return what the method itself remembers where it starts afresh."""
        return {}

    def start(self, problem: Problem, vector: Tensor, parameters: Memory) -> Memory:
        """Return a memory without a search in it."""
        zero, nothing = ops.zeros((), vector.dtype), ops.zeros_like(vector)
        return {
            **nothing_known(vector),
            "last_gradient": nothing,
            "direction": nothing,
            "step": zero,
            "last_slope": zero,
            "fresh": ops.ones((), "bool"),
            "stuck": ops.zeros((), "bool"),
            "evaluations": zero,
            **self.own_memory(vector),
        }

    def evaluate(
        self, problem: Problem, vector: Tensor, memory: Memory, parameters: Memory
    ) -> tuple[Tensor, Tensor, Any]:
        """Return the performance, the norm of its gradient, and both, from memory if possible."""
        perf, gradient = known(problem, vector, memory)
        return perf, ops.norm(gradient), (perf, gradient)

    def step(
        self, problem: Problem, vector: Tensor, memory: Memory, local: Any, parameters: Memory
    ) -> tuple[Tensor, Memory]:
        """Search along the method's direction, or the negative gradient."""
        perf, gradient = local
        direction, own = self.direction(gradient, memory)
        slope = backend.total(gradient * direction)
        first = self.first_step(slope, memory, parameters)
        # False for NaN too.
        descends = (slope < 0) & (first > 0) & ops.logical_not(memory["fresh"])
        direction = ops.where(descends, direction, -gradient)
        first = ops.where(descends, first, self.fresh_step(gradient, parameters))
        for name, anew in self.own_memory(vector).items():
            own[name] = ops.where(descends, own[name], anew)
        rules = LINE_SEARCHES[self.search_fcn]
        found = search(rules, problem, vector, direction, perf, gradient, first, parameters)
        failed = found.step == 0
        return vector + found.step * direction, {
            "known": ops.ones_like(descends),
            "perf": found.perf,
            "gradient": found.gradient,
            "last_gradient": gradient,
            "direction": direction,
            "step": found.step,
            "last_slope": backend.total(gradient * direction),
            "fresh": failed,
            "stuck": failed & ops.logical_not(descends),
            "evaluations": memory["evaluations"] + ops.cast(found.evaluations, vector.dtype),
            **own,
        }

    def stops(self, memory: Memory, parameters: Memory) -> Tensor:
        """Return whether the performance falls in no direction that was tried."""
        return memory["stuck"]


def nothing_known(vector: Tensor) -> Memory:
    """Return the memory of performance and gradient before either was evaluated."""
    return {
        "known": ops.zeros((), "bool"),
        "perf": ops.zeros((), vector.dtype),
        "gradient": ops.zeros_like(vector),
    }


def known(problem: Problem, vector: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
    """Return performance and gradient of the weights, evaluated only if they are not known."""
    return ops.cond(
        memory["known"],
        lambda: (memory["perf"], memory["gradient"]),
        lambda: problem.perf_and_gradient(vector),
    )


def _between(argument: str, value: float, low: float, high: float) -> None:
    if not low < checks.real(argument, value) < high:
        raise ArgumentError(argument, f"lie between {low:g} and {high:g}", value)
