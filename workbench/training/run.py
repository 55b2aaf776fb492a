"""Trainings under way: spells of compiled epochs, one training or many at once."""

from __future__ import annotations

import contextlib
import os
import threading
import time as clock
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.network import backend
from workbench.network.device import Device, on
from workbench.training.loop import CAPACITY, REASONS, Setting, State, Training
from workbench.training.panel import panel_or_bar
from workbench.training.record import TrainingRecord

# Seconds that one compiled call may take: long against its overhead, short for Ctrl-C.
_SPELL = 0.1


class _Reached(NamedTuple):
    """How far a training got, replaced as a whole so that Ctrl-C finds it consistent."""

    history: NDArray[np.float64]
    best_vector: NDArray[np.floating]
    best_epoch: int
    stop: str


class Run:
    """One training under way: spells of compiled epochs, and what they reached."""

    def __init__(
        self,
        training: Training,
        setting: Setting,
        vector: NDArray[np.floating],
        deadline: float,
        device: Device,
    ):
        self.training, self.setting, self.deadline = training, setting, deadline
        self.device = device
        self.started, self.seconds = clock.perf_counter(), 0.0
        # What stays if Ctrl-C comes before the first spell ends.
        nothing = np.full((1, 5 + len(training.method.traces)), np.nan)
        nothing[:, 4] = 0
        self.reached = _Reached(nothing, vector, 0, "interrupted")

    def run(self, bar: Any, asked_to_stop: Callable[[], bool] = lambda: False) -> None:
        """Take spell after spell until there is a reason to stop, Ctrl-C included.

        Args:
            bar: Shown how far it is; see `panel_or_bar`.
            asked_to_stop: Asked before each spell but the first.
        """
        with on(self.device):  # here, for it holds within one thread only
            self._run(bar, asked_to_stop)

    def _run(self, bar: Any, asked_to_stop: Callable[[], bool]) -> None:
        training = self.training
        rows = self.setting.rows
        advance = training.compiled("advance", training.advance, rows)
        vector = backend.tensor(self.reached.best_vector, training.network.layout.dtype)
        # Compiled too, since some methods evaluate the network for what they remember.
        state = training.compiled("initial", training.initial, rows)(vector, self.setting)
        spells: list[NDArray[np.float64]] = []
        names = ("perf", "vperf", "tperf", "gradient", "val_fail", *training.method.traces)
        # Many blocks make a long epoch, and a spell cannot be interrupted.
        length = 32 if len(rows.train.X) == 1 else 1
        with bar, contextlib.suppress(KeyboardInterrupt):
            while not spells or (self.reached.stop == "interrupted" and not asked_to_stop()):
                begun = clock.perf_counter()
                begin = int(state.epoch)
                state, records = advance(state, self.setting, np.int32(length))
                ended = int(state.reason) > 0
                looks = int(state.epoch) - begin + ended
                spells.append(records.numpy()[:looks])
                self._keep(state, spells)
                bar.show(dict(zip(names, spells[-1].T, strict=True)))
                bar.update(int(state.epoch) - begin)
                pace = (clock.perf_counter() - begun) / looks
                length = int(np.clip(_SPELL / pace, 1, min(4 * length, CAPACITY)))
        self.seconds = clock.perf_counter() - self.started

    def _keep(self, state: State, spells: list[NDArray[np.float64]]) -> None:
        stop = "interrupted"
        if int(state.reason):
            stop = REASONS[int(state.reason) - 1]
            stop = self.training.method.own_stop if stop == "own" else stop
        elif clock.perf_counter() >= self.deadline:
            stop = "time"
        self.reached = _Reached(
            np.concatenate(spells), state.best_vector.numpy(), int(state.best_epoch), stop
        )

    def record(self, method: str, **known: Any) -> TrainingRecord:
        """Return the record of what was reached; ``known`` are further fields of it."""
        history, best_vector, best_epoch, stop = self.reached
        perf, vperf, tperf, gradient, val_fail, *traces = history.T.copy()
        return TrainingRecord(
            method=method,
            stop=stop,
            perf=perf,
            vperf=vperf,
            tperf=tperf,
            gradient=gradient,
            val_fail=val_fail.astype(int),
            best_epoch=best_epoch,
            seconds=self.seconds,
            traces=dict(zip(self.training.method.traces, traces, strict=True)),
            weights=best_vector,
            **known,
        )


def run_all(runs: Sequence[Run], bar: Any) -> None:
    """Run several trainings, spread over the cores.

    Each is a run of its own and ends as it would by itself; those that have ended leave their
    core to the next. (One batch in lockstep waits for its slowest member: 100 trainings took
    3.6 s, against 2.8 s one by one.) Threads do, for compiled code leaves Python's lock alone.
    Ctrl-C reaches the main thread only, which asks the others to stop.
    """
    stop = threading.Event()

    def one(run: Run) -> None:
        if not stop.is_set():
            run.started = clock.perf_counter()
            run.run(panel_or_bar({}, None, "", "epoch", enabled=False), stop.is_set)

    with bar, ThreadPoolExecutor(cores()) as pool:
        waiting = {pool.submit(one, run) for run in runs}
        try:
            for ended in as_completed(waiting):
                ended.result()
                bar.update()
        except BaseException as error:
            stop.set()
            if not isinstance(error, KeyboardInterrupt):
                raise


def cores() -> int:
    """Return the number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
