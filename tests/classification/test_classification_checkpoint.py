"""Trainings that stop and go on: the same bits as if they never had."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pupils import images, network, vector

from workbench.classification import ClassifierRecord, train_classifier
from workbench.errors import ArgumentError

HARD: dict[str, Any] = {
    "epochs": 5,
    "batch_size": 16,
    "validation": 0.25,
    "augment": ("crop", "erasing", "mix_up"),
    "average": 0.9,
    "accumulate": 2,
    "seed": 3,
    "progress": False,
}


class Gone(Exception):
    """The process ends, as far as a test in one process can have it."""


class Leave(keras.callbacks.Callback):
    """Go in the middle of an epoch."""

    def __init__(self, epoch: int):
        super().__init__()
        self.at, self.epoch = epoch, -1

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.epoch == self.at:
            raise Gone


def train(**settings: Any) -> tuple[np.ndarray, ClassifierRecord]:
    model = network(norm=True, dropout=0.2)
    record = train_classifier(model, *images(), **HARD | settings)
    return vector(model), record


def test_a_training_that_was_broken_off_ends_in_the_same_bits(tmp_path: Path) -> None:
    whole, record = train()
    again, _ = train()
    np.testing.assert_array_equal(again, whole)
    file = tmp_path / "run.npz"
    for epoch in (1, 3):
        with pytest.raises(Gone):
            train(checkpoint=file, callbacks=[Leave(epoch)])
    parts, later = train(checkpoint=file)
    np.testing.assert_array_equal(parts, whole)
    assert (later.best_epoch, later.stop) == (record.best_epoch, record.stop)
    np.testing.assert_array_equal(later.history[:, :6], record.history[:, :6])
    # What has ended is not trained again.
    done, same = train(checkpoint=file, callbacks=[Leave(0)])
    np.testing.assert_array_equal(done, whole)
    np.testing.assert_array_equal(same.history, later.history)


def test_without_a_seed_the_checkpoint_has_it(tmp_path: Path) -> None:
    file = tmp_path / "run.npz"
    with pytest.raises(Gone):
        train(seed=None, checkpoint=file, callbacks=[Leave(2)], validation=None)
    kept = file.read_bytes()
    one, _ = train(seed=None, checkpoint=file, validation=None)
    file.write_bytes(kept)
    other, _ = train(seed=None, checkpoint=file, validation=None)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"label_smoothing": 0.1}, "loss"),
        ({"epochs": 6}, "epochs"),
        ({"augment": "flip"}, "augment"),
        ({"seed": 4}, "train"),
        ({"learning_rate": 0.1}, "recipe"),
        ({"precision": "bfloat16"}, "precision"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused(
    changed: dict[str, Any], named: str, tmp_path: Path
) -> None:
    file = tmp_path / "run.npz"
    train(checkpoint=file, **{"epochs": 1})
    with pytest.raises(ArgumentError, match=rf"this very training.*{named}"):
        train(checkpoint=file, **{"epochs": 1} | changed)


def test_a_file_that_is_no_checkpoint_is_refused_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "run.npz"
    file.write_text("no archive")
    with pytest.raises(ArgumentError, match="be a checkpoint of a training"):
        train(checkpoint=file)
    assert file.read_text() == "no archive"
    np.savez(file, header=np.array("{}"))
    with pytest.raises(ArgumentError, match="be a checkpoint of a training"):
        train(checkpoint=file)
    with pytest.raises(ArgumentError, match="folder that is there"):
        train(checkpoint=tmp_path / "nowhere" / "run.npz")


@pytest.mark.slow
def test_kills_at_random_moments_change_no_bit(tmp_path: Path) -> None:
    script = Path(__file__).with_name("killed_trainings.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "kills that met a training:" in done.stdout
