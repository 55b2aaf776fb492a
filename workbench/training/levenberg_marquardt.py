"""trainlm: Levenberg-Marquardt backpropagation.

Source: M. T. Hagan and M. B. Menhaj, "Training feedforward networks with the Marquardt
algorithm", IEEE Transactions on Neural Networks 5 (1994), pp. 989-993; defaults and stop
reasons of MATLAB's ``trainlm``.

The step is that of Gauss-Newton, damped: ``(J'J + mu I) d = -J'e`` (their eq. 12 and 15). A
step that lowers the sum of squares is taken and mu lowered; otherwise mu is raised and the
step tried again from the same Jacobian.

J'J and J'e are means over the errors and not sums, as in MATLAB since its toolbox has had
normalised performance functions, so that one mu suits any number of samples. It matters: from
mu = 0.001, 2-5-1 on 1500 samples comes to 2e-5 in 20 epochs with means and to 2e-4 with sums
(median of 200 Nguyen-Widrow starts), since an undamped first step leads far away.

There is no learning rate; MATLAB accepts ``trainParam.lr`` for trainlm and ignores it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from keras import ops

from workbench import checks
from workbench.errors import ArgumentError
from workbench.network import backend
from workbench.network.backend import Tensor
from workbench.network.objective import Problem
from workbench.training.loop import TRAINING_FUNCTIONS, Memory, TrainingFunction

# With a vanishing mu the next raise would need hundreds of trials to be felt again.
_MU_FLOOR = 1e-20


@TRAINING_FUNCTIONS.register("trainlm")
@dataclass(frozen=True)
class LevenbergMarquardt(TrainingFunction):
    """Damped Gauss-Newton steps with an acceptance rule.

    Attributes:
        mu: Initial damping, positive.
        mu_dec: Factor in (0, 1) after a step that was taken.
        mu_inc: Factor above 1 after a step that was not.
        mu_max: Damping beyond which the training ends.
    """

    mu: float = 1e-3
    mu_dec: float = 0.1
    mu_inc: float = 10.0
    mu_max: float = 1e10

    traces: ClassVar[tuple[str, ...]] = ("mu",)
    own_stop: ClassVar[str] = "mu_max"
    min_grad: ClassVar[float] = 1e-7
    squares_only: ClassVar[bool] = True
    solves: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_damping(self.mu, self.mu_dec, self.mu_inc, self.mu_max)

    def start(self, problem: Problem, vector: Tensor, parameters: Memory) -> Memory:
        """Return the initial damping."""
        return {"mu": parameters["mu"]}

    def evaluate(
        self, problem: Problem, vector: Tensor, memory: Memory, parameters: Memory
    ) -> tuple[Tensor, Tensor, Any]:
        """Return the performance, its gradient's norm, and the normal equations."""
        H, g, perf = problem.normal_equations(vector)
        return perf, 2 * ops.norm(g), (H, g, perf)

    def step(
        self, problem: Problem, vector: Tensor, memory: Memory, local: Any, parameters: Memory
    ) -> tuple[Tensor, Memory]:
        """Raise the damping until a step lowers the performance, and take that step."""
        H, g, perf = local
        vector, mu = damped_step(H, g, perf, problem.perf, vector, memory["mu"], parameters)
        return vector, {"mu": mu}

    def stops(self, memory: Memory, parameters: Memory) -> Tensor:
        """Return whether no damping up to ``mu_max`` gave a better step."""
        return memory["mu"] > parameters["mu_max"]


def damped_step(
    H: Tensor,
    g: Tensor,
    value: Tensor,
    objective: Callable[[Tensor], Tensor],
    vector: Tensor,
    mu: Tensor,
    parameters: Memory,
) -> tuple[Tensor, Tensor]:
    """Take the first step ``(H + mu I) d = -g`` that lowers an objective, raising mu until then.

    Args:
        H: Matrix of the model, ``(weights, weights)``.
        g: Half of the gradient, ``(weights,)``.
        value: The objective at ``vector``.
        objective: What is to be lowered, as a function of the weights.
        vector: The weights.
        mu: The damping to begin with.
        parameters: ``mu_dec``, ``mu_inc`` and ``mu_max``.

    Returns:
        The weights and the damping for the next epoch. Above ``mu_max`` no step was taken.
    """

    def searching(state: Any) -> Tensor:
        _, mu, accepted = state
        return ops.logical_and(ops.logical_not(accepted), mu <= parameters["mu_max"])

    def trial(state: Any) -> Any:
        vector, mu, _ = state
        candidate = vector - backend.solve_damped(H, g, mu)
        # False for NaN too: a singular matrix or an overflow only raises the damping.
        accepted = objective(candidate) < value
        lowered = ops.maximum(mu * parameters["mu_dec"], _MU_FLOOR)
        mu = ops.where(accepted, lowered, mu * parameters["mu_inc"])
        return ops.where(accepted, candidate, vector), mu, accepted

    vector, mu, _ = backend.while_loop(searching, trial, (vector, mu, False))
    return vector, mu


def check_damping(mu: float, mu_dec: float, mu_inc: float, mu_max: float) -> None:
    """Raise unless the four parameters of the damping are in their ranges.

    Raises:
        ArgumentError: One is not.
    """
    checks.real("mu", mu, 0, open_low=True)
    checks.real("mu_max", mu_max, mu)
    if not 0 < checks.real("mu_dec", mu_dec) < 1:
        raise ArgumentError("mu_dec", "lie between 0 and 1", mu_dec)
    if not checks.real("mu_inc", mu_inc) > 1:
        raise ArgumentError("mu_inc", "be greater than 1", mu_inc)
