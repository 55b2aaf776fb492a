"""The record of a training, with the fields of MATLAB's ``tr`` in Python spelling."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

STOP_MESSAGES = {
    "goal": "Performance goal met.",
    "epochs": "Maximum epoch reached.",
    "time": "Maximum time elapsed.",
    "min_grad": "Minimum gradient reached.",
    "mu_max": "Maximum MU reached.",
    "min_step": "Minimum step size reached.",
    "max_fail": "Validation stop.",
    "diverged": "Performance is no longer a number; the best weights so far are kept.",
    "interrupted": "Interrupted; the best weights so far are kept.",
}


@dataclass(frozen=True)
class TrainingRecord:
    """What happened in a training, epoch 0 being the untrained network.

    Attributes:
        method: Registered name of the training function (``tr.trainFcn``).
        stop: Why it ended, a key of `STOP_MESSAGES`.
        epoch: Epoch numbers ``(num_epochs + 1,)``.
        perf: Mean squared error of the training rows after each epoch.
        vperf: The same of the validation rows; NaN without any.
        tperf: The same of the test rows; NaN without any.
        gradient: Norm of the gradient of ``perf`` by the weights.
        traces: What the method itself records an epoch, by name: ``mu`` for trainlm.
        val_fail: Epochs in a row without a better ``vperf``.
        best_epoch: Epoch whose weights the model has now: the lowest ``vperf``, or without
            validation rows the lowest ``perf``.
        seconds: Time the training took, compiling included.
        train_rows: Rows of X trained on, of use where ``validation`` was a fraction.
        val_rows: Rows of X kept for validation.
        weights: Weights of the best epoch ``(weights,)``.
        members: The records of all trainings where there were several, in order.
    """

    method: str
    stop: str
    perf: NDArray[np.float64]
    vperf: NDArray[np.float64]
    tperf: NDArray[np.float64]
    gradient: NDArray[np.float64]
    val_fail: NDArray[np.int64]
    best_epoch: int
    seconds: float
    traces: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    train_rows: NDArray[np.intp] | None = None
    val_rows: NDArray[np.intp] | None = None
    weights: NDArray[np.floating] = field(default_factory=lambda: np.empty(0))
    members: tuple[TrainingRecord, ...] = ()

    @property
    def epoch(self) -> NDArray[np.int64]:
        """Epoch numbers, from 0."""
        return np.arange(len(self.perf))

    @property
    def num_epochs(self) -> int:
        """Number of epochs trained."""
        return len(self.perf) - 1

    @property
    def best_perf(self) -> float:
        """Training performance at the best epoch."""
        return float(self.perf[self.best_epoch])

    @property
    def best_vperf(self) -> float:
        """Validation performance at the best epoch, NaN without validation rows."""
        return float(self.vperf[self.best_epoch])

    @property
    def best_tperf(self) -> float:
        """Test performance at the best epoch, NaN without test rows."""
        return float(self.tperf[self.best_epoch])

    @property
    def mu(self) -> NDArray[np.float64]:
        """Damping of each epoch, for methods that have one."""
        if "mu" not in self.traces:
            raise AttributeError(f"{self.method} has no damping mu.")
        return self.traces["mu"]

    @property
    def effective_parameters(self) -> float:
        """Weights that the data determined in the end, for trainbr (MATLAB's ``tr.gamk``)."""
        if "gamk" not in self.traces:
            raise AttributeError(f"{self.method} does not count effective parameters.")
        return float(self.traces["gamk"][-1])

    @property
    def message(self) -> str:
        """Why it ended, in a sentence."""
        return STOP_MESSAGES[self.stop]

    @property
    def frame(self) -> pd.DataFrame:
        """One row an epoch, as a DataFrame."""
        import pandas as pd

        columns = {
            "perf": self.perf,
            "vperf": self.vperf,
            "tperf": self.tperf,
            "gradient": self.gradient,
            **self.traces,
            "val_fail": self.val_fail,
        }
        return pd.DataFrame(columns, index=pd.Index(self.epoch, name="epoch"))

    def __repr__(self) -> str:
        return (
            f"TrainingRecord({self.method}: {self.num_epochs} epochs, best perf "
            f"{self.best_perf:.4g} at epoch {self.best_epoch}, stop={self.stop!r}, "
            f"{self.seconds:.3g} s)"
        )
