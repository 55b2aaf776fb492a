"""Chunks of a population, evaluated by the workers of a Dask cluster.

After M. Rocklin, "Dask: Parallel Computation with Blocked algorithms and Task Scheduling", SciPy
2015, and https://distributed.dask.org.

The objective goes to each worker once. Only a few chunks a worker are under way at a time, the
next one is submitted when one returns: a population of any size is no load for the scheduler,
and little is left to cancel when the search is stopped. Dask repeats what a dead worker has not
returned; what it gives up is submitted once more.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ArgumentError, WorkbenchError
from workbench.evolve.sent import Raised, Sent

if TYPE_CHECKING:
    from distributed import Client, Future

    Flying = dict[Future[Any], tuple[int, str | None]]  # number of the chunk, name of its worker
Floats = NDArray[np.float64]

IN_FLIGHT = 2  # chunks a worker: one at work, and the next one already there
SURVEY = 1.0  # seconds between looks at which workers there are
RETRIES = 1  # of a chunk whose workers died more often than the scheduler allows (4 times)


@contextmanager
def fleet(sent: Sent, cluster: str | Client) -> Iterator[Fleet]:
    """Connect with a cluster for as long as the context lasts; a passed client stays open.

    Raises:
        ArgumentError: ``cluster`` is neither an address where a scheduler answers nor a client
            that can be used.
        WorkbenchError: The scheduler was lost.
    """
    from distributed import Client

    if isinstance(cluster, Client):
        if cluster.asynchronous or cluster.status != "running":
            raise ArgumentError(
                "cluster",
                "be a client that is connected, and not an asynchronous one",
                repr(cluster),
            )
        yield Fleet(sent, cluster)
        return
    client = _connected(cluster)
    try:
        yield Fleet(sent, client)
    finally:
        client.close()


class Fleet:
    """The workers of a client's cluster, however many there are at the time.

    Every worker has the objective under a key of its own, and a chunk that needs this key goes to
    this worker. With one key for all, Dask would send every chunk where the objective is already,
    and take superfluous copies of it (and models that they have built) away again.
    """

    def __init__(self, sent: Sent, client: Client):
        self._client = client
        self._objectives: dict[str | None, Future[Any]] = {}
        self._surveyed, self._looked = -np.inf, False
        with self._or_lost():
            self._packed = self._uploaded(sent.packed)

    def __call__(self, pieces: Sequence[Floats]) -> list[Any]:
        """Return what the objective makes of each piece, in order."""
        results: list[Any] = [None] * len(pieces)
        flying: Flying = {}
        failure: BaseException | None = None
        with self._or_lost():
            if self._client.status != "running":  # what the workers had of this search is lost
                raise OSError("There is no connection.")
            try:
                failure = self._fly(pieces, flying, results)
            finally:
                # Left over by an error or by Ctrl-C. Chunks at work run to their end unheard.
                if flying and self._client.status == "running":
                    with suppress(OSError, CancelledError):
                        self._client.cancel(list(flying))
        if failure is not None:
            raise failure
        return results

    def _fly(
        self, pieces: Sequence[Floats], flying: Flying, results: list[Any]
    ) -> BaseException | None:
        """Enter the results; return the first error of the objective, if there is one."""
        from distributed import as_completed

        waiting = deque(range(len(pieces)))
        deaths: Counter[int] = Counter()
        arrivals = as_completed(loop=self._client.loop, with_results=True, raise_errors=False)
        arrivals.update(self._launched(pieces, waiting, flying))
        for future, result in arrivals:
            index, _ = flying.pop(future)
            if isinstance(result, Raised):
                return result.error()
            if future.status == "finished":
                results[index] = result
            elif future.status != "error":
                raise result  # cancelled, for the scheduler is gone
            elif not _killed(result[1]):
                return result[1].with_traceback(result[2])  # no worker can take the task
            elif deaths[index] == RETRIES:
                return _given_up(index, pieces[index], result[1])
            else:
                deaths[index] += 1
                waiting.appendleft(index)
            arrivals.update(self._launched(pieces, waiting, flying))
        return None

    def _launched(
        self, pieces: Sequence[Floats], waiting: deque[int], flying: Flying
    ) -> list[Future[Any]]:
        """Submit waiting chunks, each to the worker that has the fewest, and return them."""
        self._survey()
        busy = Counter(worker for _, worker in flying.values())
        launched: list[Future[Any]] = []
        while waiting:
            worker = min(self._objectives, key=lambda name: busy[name])
            if busy[worker] >= IN_FLIGHT:
                break
            index, objective = waiting.popleft(), self._objectives[worker]
            future = self._client.submit(evaluated, objective, pieces[index], pure=False)
            flying[future] = index, worker
            busy[worker] += 1
            launched.append(future)
        return launched

    def _survey(self) -> None:
        """See which workers there are, and bring the objective to those that are new."""
        if time.monotonic() - self._surveyed < SURVEY:
            return
        threads = self._client.nthreads()
        # Without workers yet, the scheduler keeps the first chunks for whoever comes.
        self._objectives = {
            worker: self._objectives.get(worker) or self._delivered(worker)
            for worker in threads or [None]
        }
        self._surveyed = time.monotonic()
        first, self._looked = not self._looked, True
        # Later there may be none because they have died, and others are on their way.
        if first and (not threads or max(threads.values()) > 1):
            warnings.warn(_remark(threads), stacklevel=2)

    def _uploaded(self, packed: bytes) -> Future[Any]:
        # As the result of a task, for Dask makes it anew if the workers that had it are dead.
        # Scattered data would be lost.
        import dask

        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):
            return self._client.submit(bytes, packed, pure=False)

    def _delivered(self, worker: str | None) -> Future[Any]:
        where: Any = {"workers": [worker], "allow_other_workers": True} if worker else {}
        return self._client.submit(Sent, self._packed, pure=False, **where)

    @contextmanager
    def _or_lost(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if self._client.status == "running" and not isinstance(error, OSError | CancelledError):
                raise
            raise WorkbenchError(
                f"The cluster was lost, or it cancelled the tasks of this search: {error} "
                "What was evaluated before this population is not affected. Start a scheduler "
                "and go on from the last checkpoint of the search."
            ) from error


def evaluated(sent: Sent, piece: Floats) -> Any:
    """Return what the objective makes of a piece; the task that Dask's dashboard shows."""
    return sent(piece)


def _connected(address: object) -> Client:
    from distributed import Client

    requirement = "be the address of a running Dask scheduler, or a distributed.Client"
    if not isinstance(address, str):
        raise ArgumentError("cluster", requirement, address, "A cluster has get_client().")
    try:
        return Client(address, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ArgumentError(
            "cluster",
            requirement,
            f"cluster={address!r}, where none answers ({error})",
            "Start one with `dask scheduler`, and workers for it with "
            "`dask worker ADDRESS --nworkers -1 --nthreads 1`.",
        ) from error


def _killed(error: BaseException) -> bool:
    from distributed import KilledWorker

    return isinstance(error, KilledWorker)


def _given_up(index: int, piece: Floats, error: BaseException) -> WorkbenchError:
    given_up = WorkbenchError(
        f"Every worker that evaluated chunk {index} of the population ({len(piece)} rows, the "
        f"first begins with {piece[0, :3].tolist()}) died of it. Does the objective need more "
        f"memory than a worker has, or end its process? {error}"
    )
    given_up.__cause__ = error
    return given_up


def _remark(threads: dict[str, int]) -> str:
    if not threads:
        return "The cluster has no workers yet; the search waits until there are some."
    return (
        "Workers of the cluster have several threads, of which the objective is called in one at "
        "a time. Start them with `dask worker ADDRESS --nworkers -1 --nthreads 1`, or "
        "LocalCluster(threads_per_worker=1), for one on every core."
    )
