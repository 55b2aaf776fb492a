"""What happened in the training of a classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from workbench.cnn.preprocessing import Preprocessing

STOP_MESSAGES = {
    "epochs": "Maximum epoch reached.",
    "patience": "Validation stop.",
    "diverged": "The loss is no longer a number; the best weights so far are kept.",
    "callback": "Ended by a callback.",
    "interrupted": "Interrupted; the best weights so far are kept.",
}
COLUMNS = (
    "epoch",
    "loss",
    "accuracy",
    "val_loss",
    "val_accuracy",
    "learning_rate",
    "seconds",
)


@dataclass(frozen=True, eq=False)
class ClassifierRecord:
    """The record of a training.

    Attributes:
        history: A row an epoch in the order of `COLUMNS`: its number from 1; loss and accuracy
            of the training batches as they were trained on (augmented, weights changing); both of
            the validation images after it, NaN without any; the learning rate at its end; seconds
            since the start, of all parts of a training that was resumed.
        stop: Why it ended, a key of `STOP_MESSAGES`.
        best_epoch: Number of the epoch whose weights the model has now; 0 for the weights that
            it came with.
        preprocessing: What bytes go through on their way in; None where the images were numbers
            that the model takes as they are.
        train_rows: Rows of X trained on; None for a stream.
        val_rows: Rows of X kept for validation; None if they were not drawn from X.
        batch_size: Images in a step of the optimizer.
    """

    history: NDArray[np.float64]
    stop: str
    best_epoch: int
    preprocessing: Preprocessing | None
    train_rows: NDArray[np.intp] | None
    val_rows: NDArray[np.intp] | None
    batch_size: int

    @property
    def frame(self) -> pd.DataFrame:
        """One row an epoch, as a DataFrame indexed by the epoch's number."""
        import pandas as pd

        table = pd.DataFrame(self.history, columns=list(COLUMNS))
        return table.astype({"epoch": int}).set_index("epoch")

    @property
    def epochs(self) -> int:
        """Number of epochs trained."""
        return len(self.history)

    @property
    def seconds(self) -> float:
        """Time that the training took, compiling included."""
        return float(self.history[-1, COLUMNS.index("seconds")]) if self.epochs else 0.0

    @property
    def best_val_accuracy(self) -> float:
        """Accuracy on the validation images at the best epoch, NaN without any."""
        return self._best("val_accuracy")

    @property
    def best_val_loss(self) -> float:
        """Loss on the validation images at the best epoch, NaN without any."""
        return self._best("val_loss")

    @property
    def message(self) -> str:
        """Why it ended, in a sentence."""
        return STOP_MESSAGES[self.stop]

    def _best(self, column: str) -> float:
        if self.best_epoch == 0:
            return float("nan")
        return float(self.history[self.best_epoch - 1, COLUMNS.index(column)])

    def __repr__(self) -> str:
        score = "" if np.isnan(self.best_val_accuracy) else f", {self.best_val_accuracy:.2%} right"
        return (
            f"<ClassifierRecord: {self.epochs} epochs in {self.seconds:.1f} s, best "
            f"{self.best_epoch}{score}, {self.stop}>"
        )
