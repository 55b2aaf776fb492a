"""trainbr: Levenberg-Marquardt with Bayesian regularisation.

Sources: D. J. C. MacKay, "Bayesian interpolation", Neural Computation 4 (1992), pp. 415-447;
F. D. Foresee and M. T. Hagan, "Gauss-Newton approximation to Bayesian learning", ICNN 1997,
vol. 3, pp. 1930-1935, whose steps 0 to 4 this follows; defaults of MATLAB's ``trainbr``.

Minimised is ``F = beta E_D + alpha E_W``, the sums of squared errors and of squared weights. After
each step of Levenberg-Marquardt on F the two factors are set to their most probable values,

    gamma = n - alpha tr(H^-1),   H = beta J'J + alpha I,
    alpha = gamma / (2 E_W),      beta = (N - gamma) / (2 E_D),

with n weights and N errors (the paper's H is twice this one, and its formula has 2 alpha for it).
gamma is the effective number of parameters: of the n weights, as many are determined by the data.
No validation rows are needed, and none are waited for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from keras import ops

from workbench.network import backend
from workbench.network.backend import Tensor
from workbench.network.objective import Problem
from workbench.training.levenberg_marquardt import check_damping, damped_step
from workbench.training.loop import NEVER, TRAINING_FUNCTIONS, Memory, TrainingFunction


@TRAINING_FUNCTIONS.register("trainbr")
@dataclass(frozen=True)
class BayesianRegularization(TrainingFunction):
    """Damped steps on squared errors and weights, balanced after each.

    The record's ``gamk`` is the effective number of parameters, ``ssX`` the sum of squared
    weights; the gradient is that of F divided by ``beta N``, in units of the mean squared error.

    Attributes:
        mu: Initial damping, positive.
        mu_dec: Factor in (0, 1) after a step that was taken.
        mu_inc: Factor above 1 after a step that was not.
        mu_max: Damping beyond which the training ends.
    """

    mu: float = 5e-3
    mu_dec: float = 0.1
    mu_inc: float = 10.0
    mu_max: float = 1e10

    traces: ClassVar[tuple[str, ...]] = ("mu", "gamk", "ssX")
    own_stop: ClassVar[str] = "mu_max"
    min_grad: ClassVar[float] = 1e-7
    max_fail: ClassVar[int] = NEVER  # MATLAB's 0 stands for that
    squares_only: ClassVar[bool] = True
    regularizes: ClassVar[bool] = True
    solves: ClassVar[bool] = True
    keeps_last: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_damping(self.mu, self.mu_dec, self.mu_inc, self.mu_max)

    def start(self, problem: Problem, vector: Tensor, parameters: Memory) -> Memory:
        """Take every weight for effective, and balance errors and weights by that."""
        gamk = ops.ones((), vector.dtype) * problem.network.layout.size
        _, _, ssE = problem.squares(vector)
        return {"mu": parameters["mu"], **_balanced(problem, gamk, ssE, _ssX(vector))}

    def evaluate(
        self, problem: Problem, vector: Tensor, memory: Memory, parameters: Memory
    ) -> tuple[Tensor, Tensor, Any]:
        """Return the performance, the norm of F's gradient, and the normal equations of E_D."""
        JJ, Je, ssE = problem.squares(vector)
        slope = Je + memory["alpha"] / memory["beta"] * vector
        perf = ssE / problem.count if problem.performance.mean else ssE
        return perf, 2 * ops.norm(slope) / problem.count, (JJ, Je, ssE)

    def step(
        self, problem: Problem, vector: Tensor, memory: Memory, local: Any, parameters: Memory
    ) -> tuple[Tensor, Memory]:
        """Lower F by a damped step, and set its two factors anew."""
        JJ, Je, ssE = local
        alpha, beta = memory["alpha"], memory["beta"]
        identity = ops.eye(JJ.shape[0], dtype=vector.dtype)
        H = beta * JJ + alpha * identity

        def objective(candidate: Tensor) -> Tensor:
            return beta * problem.sum_of_squares(candidate) + alpha * _ssX(candidate)

        value = beta * ssE + alpha * _ssX(vector)
        gradient = beta * Je + alpha * vector
        vector, mu = damped_step(H, gradient, value, objective, vector, memory["mu"], parameters)
        # With the Gauss-Newton matrix of the step, as the paper's step 3 has it.
        gamk = JJ.shape[0] - alpha * backend.inverse_trace(H)
        gamk = ops.where(ops.isfinite(gamk), gamk, memory["gamk"])
        balance = _balanced(problem, gamk, problem.sum_of_squares(vector), _ssX(vector))
        return vector, {"mu": mu, **balance}

    def stops(self, memory: Memory, parameters: Memory) -> Tensor:
        """Return whether no damping up to ``mu_max`` gave a better step."""
        return memory["mu"] > parameters["mu_max"]


def _ssX(vector: Tensor) -> Tensor:
    return ops.sum(vector * vector)


def _balanced(problem: Problem, gamk: Tensor, ssE: Tensor, ssX: Tensor) -> Memory:
    """Return the factors for an effective number of parameters, and what they come from."""
    beta = (problem.count - gamk) / (2 * ssE)
    # More weights than errors leave no error to estimate the noise by; MATLAB takes 1 then.
    beta = ops.where(ops.logical_and(ops.isfinite(beta), beta > 0), beta, ops.ones_like(beta))
    return {"alpha": gamk / (2 * ssX), "beta": beta, "gamk": gamk, "ssX": ssX}
