"""What the figures are drawn from, and no figure left open."""

from collections.abc import Callable, Iterator

import matplotlib
import numpy as np
import pytest

from workbench.training import TrainingRecord

matplotlib.use("Agg")

MakeRecord = Callable[..., TrainingRecord]


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.fixture
def make_record() -> MakeRecord:
    """Return a function that makes a record of some performances by epoch."""

    def make(perf, vperf=None, tperf=None, best_epoch=None, **fields) -> TrainingRecord:
        perf = np.asarray(perf, float)
        missing = np.full(len(perf), np.nan)
        held, test = (missing if p is None else np.asarray(p, float) for p in (vperf, tperf))
        best = np.argmin(perf if vperf is None else held) if best_epoch is None else best_epoch
        whole = {
            "method": "trainlm",
            "stop": "epochs",
            "gradient": perf / 2,
            "val_fail": np.zeros(len(perf), int),
            "seconds": 0.1,
        } | fields
        return TrainingRecord(perf=perf, vperf=held, tperf=test, best_epoch=int(best), **whole)

    return make
