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
from workbench.network.objective import Blocks, Network, normal_equations
from workbench.training.loop import TRAINING_FUNCTIONS

# With a vanishing mu the next raise would need hundreds of trials to be felt again.
_MU_FLOOR = 1e-20


@TRAINING_FUNCTIONS.register("trainlm")
@dataclass(frozen=True)
class LevenbergMarquardt:
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

    def __post_init__(self) -> None:
        checks.real("mu", self.mu, 0, open_low=True)
        checks.real("mu_max", self.mu_max, self.mu)
        if not 0 < checks.real("mu_dec", self.mu_dec) < 1:
            raise ArgumentError("mu_dec", "lie between 0 and 1", self.mu_dec)
        if not checks.real("mu_inc", self.mu_inc) > 1:
            raise ArgumentError("mu_inc", "be greater than 1", self.mu_inc)

    def start(self, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the initial damping."""
        return {"mu": parameters["mu"]}

    def evaluate(
        self, network: Network, vector: Tensor, frozen: list[Tensor], data: Blocks
    ) -> tuple[Tensor, Tensor, Any]:
        """Return the mean squared error, its gradient's norm, and the normal equations."""
        JJ, Je, sse = normal_equations(network, vector, frozen, data)
        errors = data.samples * network.outputs
        JJ, Je = JJ / errors, Je / errors
        return sse / errors, 2 * ops.norm(Je), (JJ, Je, sse)

    def step(
        self,
        evaluate: Callable[[Tensor], Tensor],
        vector: Tensor,
        memory: dict[str, Tensor],
        local: Any,
        parameters: dict[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Raise the damping until a step lowers the squared error, and take that step."""
        JJ, Je, sse = local

        def searching(state: Any) -> Tensor:
            _, mu, accepted = state
            return ops.logical_and(ops.logical_not(accepted), mu <= parameters["mu_max"])

        def trial(state: Any) -> Any:
            vector, mu, _ = state
            candidate = vector - backend.solve_damped(JJ, Je, mu)
            # False for NaN too: a singular matrix or an overflow only raises the damping.
            accepted = evaluate(candidate) < sse
            lowered = ops.maximum(mu * parameters["mu_dec"], _MU_FLOOR)
            mu = ops.where(accepted, lowered, mu * parameters["mu_inc"])
            return ops.where(accepted, candidate, vector), mu, accepted

        vector, mu, _ = backend.while_loop(searching, trial, (vector, memory["mu"], False))
        return vector, {"mu": mu}

    def stops(self, memory: dict[str, Tensor], parameters: dict[str, Tensor]) -> Tensor:
        """Return whether no damping up to ``mu_max`` gave a better step."""
        return memory["mu"] > parameters["mu_max"]
