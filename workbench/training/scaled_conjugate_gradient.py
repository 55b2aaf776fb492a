"""trainscg: scaled conjugate gradients, which need no line search.

Source: M. F. Møller, "A scaled conjugate gradient algorithm for fast supervised learning", Neural
Networks 6 (1993), pp. 525-533; the numbers of steps below are those of the algorithm on its
p. 530. Defaults of MATLAB's ``trainscg``.

The length of a step comes from the curvature along the direction, measured by a second gradient
close by, and damped: lambda is raised where the performance does not follow the parabola, as mu
is in Levenberg-Marquardt. An epoch is one pass through the algorithm; where its step would not
lower the performance, the weights stay and only lambda grows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from keras import ops

from workbench import checks
from workbench.network import backend
from workbench.network.backend import Tensor
from workbench.network.objective import Problem
from workbench.training.descent import known, nothing_known
from workbench.training.loop import TRAINING_FUNCTIONS, Memory, TrainingFunction


@TRAINING_FUNCTIONS.register("trainscg")
@dataclass(frozen=True)
class ScaledConjugateGradient(TrainingFunction):
    """Conjugate gradients with steps from a damped curvature.

    Attributes:
        sigma: Length of the probe that measures the curvature, positive.
        lambda_: Damping to begin with, positive (MATLAB's ``lambda``).
    """

    sigma: float = 5e-5
    lambda_: float = 5e-7

    traces: ClassVar[tuple[str, ...]] = ("lambda", "evaluations")
    min_grad: ClassVar[float] = 1e-6

    def __post_init__(self) -> None:
        checks.real("sigma", self.sigma, 0, open_low=True)
        checks.real("lambda_", self.lambda_, 0, open_low=True)

    def start(self, problem: Problem, vector: Tensor, parameters: Memory) -> Memory:
        """Return a memory from before the first direction."""
        zero = ops.zeros((), vector.dtype)
        return {
            **nothing_known(vector),
            "lambda": parameters["lambda_"],
            "lambda_bar": zero,
            "direction": ops.zeros_like(vector),
            "delta": zero,
            "fresh": ops.ones((), "bool"),
            "success": ops.ones((), "bool"),
            "count": ops.zeros((), "int32"),
            "evaluations": zero,
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
        """Measure the curvature, try a step, and see how well it was foretold."""
        perf, gradient = local
        p = ops.where(memory["fresh"], -gradient, memory["direction"])
        pp, mu = _dot(p, p), -_dot(p, gradient)
        delta = _curvature(problem, vector, gradient, p, memory, parameters)
        delta, damping = _positive(delta, pp, memory)
        candidate = vector + mu / delta * p  # step 5
        new_perf, new_gradient = problem.perf_and_gradient(candidate)
        likeness = 2 * delta * (perf - new_perf) / (mu * mu)  # step 6
        # An overflow is like nothing; -3 raises the damping as a bad step does.
        likeness = ops.where(ops.isfinite(likeness), likeness, -3)
        success = likeness >= 0
        count = memory["count"] + 1
        turn = (_dot(new_gradient, new_gradient) - _dot(new_gradient, gradient)) / mu
        turn = ops.where(count % vector.shape[0] == 0, 0, turn)  # step 7, as is the next line
        eased = ops.where(likeness >= 0.75, damping / 4, damping)
        raised = damping + delta * (1 - likeness) / pp  # step 8
        return ops.where(success, candidate, vector), {
            "known": ops.ones_like(success),
            "perf": ops.where(success, new_perf, perf),
            "gradient": ops.where(success, new_gradient, gradient),
            "lambda": ops.where(likeness < 0.25, raised, eased),
            "lambda_bar": ops.where(success, 0, damping),
            "direction": ops.where(success, turn * p - new_gradient, p),
            "delta": delta,
            "fresh": ops.zeros_like(success),
            "success": success,
            "count": count,
            "evaluations": memory["evaluations"] + 1 + ops.cast(memory["success"], vector.dtype),
        }


def _curvature(
    problem: Problem,
    vector: Tensor,
    gradient: Tensor,
    p: Tensor,
    memory: Memory,
    parameters: Memory,
) -> Tensor:
    """Return the curvature along p, measured where the last step was taken (step 2)."""
    sigma = parameters["sigma"] / ops.norm(p)

    def measured() -> Tensor:
        _, beside = problem.perf_and_gradient(vector + sigma * p)
        return _dot(p, beside - gradient) / sigma

    return ops.cond(memory["success"], measured, lambda: memory["delta"])


def _positive(delta: Tensor, pp: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
    """Return the damped curvature and the damping that makes it positive (steps 3 and 4)."""
    damping = memory["lambda"]
    delta = delta + (damping - memory["lambda_bar"]) * pp
    positive = delta > 0
    return (
        ops.where(positive, delta, damping * pp - delta),
        ops.where(positive, damping, 2 * (damping - delta / pp)),
    )


def _dot(one: Tensor, other: Tensor) -> Tensor:
    return backend.total(one * other)
