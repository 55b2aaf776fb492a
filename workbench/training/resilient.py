"""trainrp: resilient backpropagation.

Source: M. Riedmiller and H. Braun, "A direct adaptive method for faster backpropagation learning:
the RPROP algorithm", ICNN 1993, pp. 586-591; defaults and stop reasons of MATLAB's ``trainrp``.

Each weight has a step length of its own, and of the gradient only the signs count: small slopes
far out on tansig do not make small steps. The length grows while the weight's derivative keeps
its sign, and shrinks when it changes.

MATLAB's variant takes a step in every epoch, after a change of sign as well. The paper takes back
the step that led over the minimum and waits for an epoch. C. Igel and M. Hüsken, "Empirical
evaluation of the improved Rprop learning algorithms", Neurocomputing 50 (2003), pp. 105-123, call
the paper's Rprop+, and this one, without backtracking, Rprop-.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keras import ops

from workbench import checks
from workbench.errors import ArgumentError
from workbench.network.backend import Tensor
from workbench.network.objective import Problem
from workbench.training.loop import TRAINING_FUNCTIONS, Memory, TrainingFunction


@TRAINING_FUNCTIONS.register("trainrp")
@dataclass(frozen=True)
class Resilient(TrainingFunction):
    """Steps by the signs of the gradient, each weight with a length of its own.

    Attributes:
        delt_inc: Factor of at least 1 on a length when the derivative keeps its sign.
        delt_dec: Factor in (0, 1) on a length when it changes its sign.
        delta0: Initial length, positive.
        deltamax: Largest length, at least ``delta0``.
    """

    delt_inc: float = 1.2
    delt_dec: float = 0.5
    delta0: float = 0.07
    deltamax: float = 50.0

    def __post_init__(self) -> None:
        checks.real("delt_inc", self.delt_inc, 1)
        if not 0 < checks.real("delt_dec", self.delt_dec) < 1:
            raise ArgumentError("delt_dec", "lie between 0 and 1", self.delt_dec)
        checks.real("delta0", self.delta0, 0, open_low=True)
        checks.real("deltamax", self.deltamax, self.delta0)

    def start(self, problem: Problem, vector: Tensor, parameters: Memory) -> Memory:
        """Return equal lengths, and no signs to compare with."""
        nothing = ops.zeros_like(vector)
        return {"delta": nothing + parameters["delta0"], "sign": nothing}

    def step(
        self, problem: Problem, vector: Tensor, memory: Memory, local: Any, parameters: Memory
    ) -> tuple[Tensor, Memory]:
        """Adapt the lengths, and step against the signs of the gradient."""
        _, gradient = local
        sign = ops.sign(gradient)
        agreement = sign * memory["sign"]
        factor = ops.where(
            agreement > 0,
            parameters["delt_inc"],
            ops.where(agreement < 0, parameters["delt_dec"], ops.ones_like(agreement)),
        )
        delta = ops.minimum(factor * memory["delta"], parameters["deltamax"])
        return vector - delta * sign, {"delta": delta, "sign": sign}
