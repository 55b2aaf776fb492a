"""An objective on more than one core, or more than one machine.

A population is cut into chunks of rows by a rule that knows nothing of the workers, each chunk is
one call of the objective in some other process, and the values are put back in the order of the
chunks. So the result of a search does not depend on how many workers there are, nor on which of
them was faster. Here are the processes of this machine (loky, the backend of joblib: T. Moreau
and O. Grisel, https://loky.readthedocs.io); `cluster` has those of a Dask cluster.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench import checks
from workbench.errors import ArgumentError, WorkbenchError
from workbench.evolve.ledger import Objective
from workbench.evolve.sent import Raised, Sent, packed

if TYPE_CHECKING:
    from distributed import Client

Floats = NDArray[np.float64]
Run = Callable[[Sequence[Floats]], list[Any]]

IN_FLIGHT = 2  # chunks a process: one at work, and the next one already there

# How often a pool is started anew within one population before its end is not called an accident.
RESTARTS = 3

# Dask gives its workers the first three. A number of threads that depended on the number of
# workers, as joblib has it, would let the last bits of a matrix product depend on it as well.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


@contextmanager
def spread(
    objective: Objective,
    workers: int | None = None,
    cluster: str | Client | None = None,
    *,
    chunk: int = 1,
) -> Iterator[Objective]:
    """Lend an objective more processes, for as long as the context lasts.

    It pays where a chunk takes much longer than the way to another process and back, about a
    millisecond. What the objective remembers stays in the process that called it.

    Args:
        objective: Maps members (n, genes) to values (n,), or to a pair (members, values). Lambdas
            and functions of a notebook may go; modules that it imports must be there for every
            worker. Its values must not depend on the rows beside them, nor on earlier calls.
        workers: Processes on this machine; -1 for one on every core. 1 calls the objective here, in
            the same chunks, and None leaves it as it is.
        cluster: Address of a Dask scheduler (``"tcp://host:8786"``), or a `distributed.Client`,
            which stays open.
        chunk: Rows for each call, 1 for an objective that takes long. Larger ones save calls.

    Yields:
        An objective of the same contract.

    Raises:
        ArgumentError: Both ``workers`` and ``cluster``, a wrong value of one, or an objective
            that cannot be pickled. When called: an objective that returns another shape.
        WorkbenchError: When called: workers that die again and again, or a lost scheduler.

    Example:
        >>> with spread(lambda x: (x**2).sum(axis=1), workers=1) as sphere:
        ...     sphere(np.array([[3.0, 4.0]])).tolist()
        [25.0]
    """
    rows = checks.integer("chunk", chunk)
    count = _processes(workers)
    if cluster is not None:
        if workers is not None:
            raise ArgumentError(
                "workers",
                "be None beside a cluster",
                workers,
                "The cluster has its own number of workers.",
            )
        from workbench.evolve.cluster import fleet

        with fleet(packed(objective), cluster) as run:
            yield _in_chunks(run, rows)
    elif workers is None:
        yield objective
    elif count == 1:
        yield _in_chunks(lambda chunks: [objective(rows) for rows in chunks], rows)
    else:
        pool = Pool(packed(objective), count)
        try:
            yield _in_chunks(pool, rows)
        finally:
            pool.close()


_RECEIVED: list[Sent] = []  # in a process of a pool: its objective


class Pool:
    """Processes of this machine, started at the first call and kept until `close`.

    It is loky's own pool and not `joblib.Parallel`, which sends the objective with every chunk,
    and whose processes are shared with everybody else in this one who uses joblib: they could
    not be stopped in the end.
    """

    def __init__(self, sent: Sent, workers: int):
        self._sent, self._workers = sent, workers
        self._executor: Any = None
        self._flying: dict[Future[Any], int] = {}

    def __call__(self, pieces: Sequence[Floats]) -> list[Any]:
        """Return what the objective makes of each piece, in order."""
        results: dict[int, Any] = {}
        for _ in range(1 + RESTARTS):
            try:
                self._enter(pieces, results)
                return [results[index] for index in range(len(pieces))]
            except BrokenProcessPool as error:
                ended = error
                self.close()
            except BaseException:  # an error of the objective, or Ctrl-C
                self.close()
                raise
        raise WorkbenchError(
            f"Processes that evaluate the objective ended {RESTARTS + 1} times before they could "
            "return a value. Does it need more memory than there is, or end its process? Call it "
            f"in this one, without workers, to see. The last time: {ended}"
        ) from ended

    def close(self) -> None:
        """End the processes; if one is still at work, all are killed.

        Another call would start new ones.
        """
        if self._executor is not None:
            busy = any(not future.done() for future in self._flying)
            self._executor.shutdown(wait=True, kill_workers=busy)
        self._executor, self._flying = None, {}

    def _enter(self, pieces: Sequence[Floats], results: dict[int, Any]) -> None:
        """Enter the results of the pieces that have none yet."""
        waiting = deque(index for index in range(len(pieces)) if index not in results)
        if self._executor is None:
            self._executor = self._started()
        while waiting or self._flying:
            # No more than loky takes from us at once: it cannot kill its processes in good order
            # while others wait.
            while waiting and len(self._flying) < IN_FLIGHT * self._workers:
                future = self._executor.submit(_evaluated, pieces[waiting[0]])
                self._flying[future] = waiting.popleft()
            for future in wait(self._flying, return_when=FIRST_COMPLETED).done:
                result = future.result()
                if isinstance(result, Raised):
                    raise result.error()
                results[self._flying.pop(future)] = result

    def _started(self) -> Any:
        from joblib.externals.loky import ProcessPoolExecutor

        return ProcessPoolExecutor(
            self._workers,
            initializer=_receive,
            initargs=(self._sent, os.getpid()),
            env={name: os.environ.get(name, "1") for name in THREADS},
        )


def _receive(sent: Sent, parent: int) -> None:
    # Ctrl-C in a terminal or notebook reaches every process; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _RECEIVED[:] = [sent]


def _end_with(parent: int) -> None:
    # The processes of loky outlive one that was killed, and wait for its next chunk for ever.
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _evaluated(piece: Floats) -> Any:
    return _RECEIVED[0](piece)


def _processes(workers: int | None) -> int:
    if workers is None:
        return 1
    if isinstance(workers, int) and workers == -1:
        import joblib

        return int(joblib.cpu_count())
    try:
        return checks.integer("workers", workers)
    except ArgumentError:
        raise ArgumentError("workers", "be a positive integer, -1 or None", workers) from None


def _in_chunks(run: Run, rows: int) -> Objective:
    def objective(members: Floats) -> Any:
        pieces = [members[first : first + rows] for first in range(0, len(members), rows)]
        returned = run(pieces)
        improving = {isinstance(part, tuple) for part in returned}
        if len(improving) == 2:
            raise ArgumentError(
                "objective", "return a pair for all of its members or for none", "both"
            )
        if improving == {False}:
            return _joined(returned, [piece.shape[:1] for piece in pieces], "values")
        improved, values = zip(*returned, strict=True)
        return (
            _joined(improved, [piece.shape for piece in pieces], "members"),
            _joined(values, [piece.shape[:1] for piece in pieces], "values"),
        )

    return objective


def _joined(given: Sequence[Any], shapes: list[tuple[int, ...]], what: str) -> Floats:
    parts = [np.asarray(part) for part in given]
    for part, shape in zip(parts, shapes, strict=True):
        if part.shape != shape:
            raise ArgumentError(
                "objective",
                f"return {what} of shape {shape} for a chunk of {shape[0]} members",
                f"an array of shape {part.shape} and dtype {part.dtype}",
                "It is given a chunk of the population, one member a row; wrap an objective of a "
                "single member f as lambda members: [f(member) for member in members].",
            )
    return np.concatenate(parts)
