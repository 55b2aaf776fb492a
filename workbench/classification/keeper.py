"""What watches a training from epoch to epoch: record, best weights, patience, checkpoint, logs.

It is one callback of Keras's ``fit``. With a running average of the weights, validation, the best
and the end all have the averaged ones; the training goes on with its own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from workbench.classification.checkpoint import TrainingCheckpoint, assign, held
from workbench.classification.learner import Learner
from workbench.classification.record import COLUMNS
from workbench.files import replace_file
from workbench.training.panel import Panel, PlainBar

MONITORS = {"val_accuracy": -1.0, "val_loss": 1.0, "accuracy": -1.0, "loss": 1.0}


@dataclass(frozen=True)
class Watch:
    """What to keep of a training, and when to end it.

    Attributes:
        monitor: Key of `MONITORS` that tells the best epoch; None keeps the last.
        patience: Epochs without a better one before the end; None for no such end.
        checkpoint: Where to save the training; None for nowhere.
        every: Epochs between two savings.
        log: CSV file to write an epoch a line to; None for none.
        chief: Whether this process is the one that writes.
    """

    monitor: str | None
    patience: int | None = None
    checkpoint: TrainingCheckpoint | None = None
    every: int = 1
    log: Path | None = None
    chief: bool = True


class Keeper(keras.callbacks.Callback):
    """The callback.

    Args:
        learner: The training step; its optimizer is built.
        watch: What to keep.
        display: Panel or bar to move.
        epochs: Of the whole training.
        seeds: Of the data's order, to be saved.
    """

    def __init__(
        self,
        learner: Learner,
        watch: Watch,
        display: Panel | PlainBar,
        epochs: int,
        seeds: Mapping[str, Any],
    ):
        super().__init__()
        self.learner, self.watch, self.display = learner, watch, display
        self.epochs, self.seeds = epochs, dict(seeds)
        self.rows: list[list[float]] = []
        self.stop = ""
        self.best_epoch, self.best_score = 0, (np.inf, np.inf)
        self.best = held(learner.network.weights)
        self._own: list[NDArray[Any]] | None = None
        self._began = time.perf_counter()
        self._seen = 0

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that a training changes."""
        return [*self.learner.variables, *self.learner.optimizer.variables]

    def restore(self, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        TrainingCheckpoint.restore(arrays, self.variables)
        self.rows = [list(map(float, row)) for row in arrays["history"]]
        self.best_epoch = header["best_epoch"]
        first, second = header["best_score"]
        self.best_score = float(first), float(second)
        self.best = [arrays[f"best{i}"] for i in range(len(self.learner.network.weights))]
        self.stop = header["stop"]
        for row in self.rows:
            self._show(dict(zip(COLUMNS, row, strict=True)))
        self._began = time.perf_counter() - header["seconds"]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Move the bar."""
        self.display.update(batch + 1 - self._seen)
        self._seen = batch + 1

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Count batches anew."""
        self._seen = 0

    def on_test_begin(self, logs: Any = None) -> None:
        """Give the network the averaged weights."""
        if self.learner.averages and self._own is None:
            self._own = held(self.learner.network.weights)
            assign(self.learner.network.weights, held(self.learner.averages))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Record the epoch, keep it if it is the best, save, and decide whether to go on."""
        logs = logs or {}
        self._record(epoch, logs)
        row = dict(zip(COLUMNS, self.rows[-1], strict=True))
        self._show(row)
        self.on_test_begin()  # without validation images nobody has
        self._keep(epoch, row)
        if self._own is not None:
            assign(self.learner.network.weights, self._own)
            self._own = None
        if not np.isfinite(row["loss"]):
            self.stop = "diverged"
        elif self.watch.patience is not None and (
            epoch + 1 - self.best_epoch >= self.watch.patience
        ):
            self.stop = "patience"
        elif epoch + 1 == self.epochs:
            self.stop = "epochs"
        self.learner.stop_training = bool(self.stop)
        self._save(epoch)

    def history(self) -> NDArray[np.float64]:
        """Return the rows so far, shape (epochs, columns)."""
        return np.array(self.rows, dtype=np.float64).reshape(-1, len(COLUMNS))

    def _record(self, epoch: int, logs: Mapping[str, float]) -> None:
        values = [float(logs.get(name, np.nan)) for name in COLUMNS[1:5]]
        rate = float(self.learner.optimizer.learning_rate)
        seconds = time.perf_counter() - self._began
        self.rows.append([float(epoch + 1), *values, rate, seconds])

    def _show(self, row: Mapping[str, float]) -> None:
        shown = {"perf": row["loss"], "accuracy": row["accuracy"]}
        if np.isfinite(row["val_loss"]):
            shown |= {"vperf": row["val_loss"], "val_accuracy": row["val_accuracy"]}
        if row["epoch"] == 1:  # nobody has measured the untrained network
            self.display.show(dict.fromkeys(shown, np.nan))
        self.display.show(shown)
        note: dict[str, Any] = {"epoch": f"{row['epoch']:.0f}/{self.epochs}"}
        note |= {"loss": f"{row['loss']:.3g}"}
        note |= {name: f"{shown[name]:.3g}" for name in shown if "perf" not in name}
        self.display.set_postfix(**note)

    def _keep(self, epoch: int, row: Mapping[str, float]) -> None:
        score = (0.0, float(-epoch))
        if self.watch.monitor is not None:
            # Accuracy comes in steps; of equal epochs the one with the lower loss is the better.
            sign = MONITORS[self.watch.monitor]
            loss = "val_loss" if self.watch.monitor.startswith("val_") else "loss"
            score = (sign * row[self.watch.monitor], row[loss])
        if not np.isfinite(row["loss"]) or score >= self.best_score:
            return
        weights = held(self.learner.network.weights)
        # The loss is of the weights before the last step, which may have been one too far.
        if all(np.isfinite(array).all() for array in weights):
            self.best, self.best_score, self.best_epoch = weights, score, epoch + 1

    def _save(self, epoch: int) -> None:
        watch = self.watch
        if not watch.chief:
            return
        if watch.log is not None:
            lines = [",".join(COLUMNS)]
            lines += [f"{row[0]:.0f},{','.join(map(repr, row[1:]))}" for row in self.rows]
            replace_file(watch.log, ("\n".join(lines) + "\n").encode())
        if watch.checkpoint is None or not (self.stop or (epoch + 1) % watch.every == 0):
            return
        facts = {
            "seeds": self.seeds,
            "epoch": epoch + 1,
            "best_epoch": self.best_epoch,
            "best_score": list(self.best_score),
            "stop": self.stop,
            "seconds": time.perf_counter() - self._began,
        }
        best = {f"best{i}": array for i, array in enumerate(self.best)}
        watch.checkpoint.write(facts, self.variables, {"history": self.history(), **best})
