"""A Dask cluster changes how long a search takes, and nothing else; whoever dies in between."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
from distributed import Client, LocalCluster
from distributed.diagnostics.plugin import SchedulerPlugin
from numpy.typing import NDArray

from workbench.errors import ArgumentError, WorkbenchError
from workbench.evolve import cluster as of_dask
from workbench.evolve import minimize
from workbench.evolve.workers import spread

Floats = NDArray[np.float64]

MEMBERS = np.random.default_rng(1).normal(size=(12, 4))
UNDER_WAY = ("waiting", "queued", "no-worker", "processing")  # states of a task
MATRIX = np.random.default_rng(2).normal(size=(4, 4))


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as started:
        yield started


@pytest.fixture(scope="module")
def client(cluster: LocalCluster) -> Iterator[Client]:
    with Client(cluster, set_as_default=False) as connected:
        yield connected


def rough(members: Floats) -> Floats:
    return (np.sin(7 * members) ** 2 + members * members @ MATRIX).sum(axis=1)


def one_by_one(members: Floats, rows: int = 1) -> Floats:
    return np.concatenate([rough(members[i : i + rows]) for i in range(0, len(members), rows)])


class Deadly:
    """`rough`, but the workers that are handed these rows die, so many times."""

    def __init__(self, folder: Path, rows: list[int], times: int = 1):
        self.folder, self.rows, self.times = folder, rows, times

    def __call__(self, members: Floats) -> Floats:
        for row in self.rows:
            if members[0, 0] == MEMBERS[row, 0]:
                deaths = len([*self.folder.glob(f"{row}-*")])
                if deaths < self.times:
                    (self.folder / f"{row}-{deaths}").touch()
                    os.kill(os.getpid(), signal.SIGKILL)
        return rough(members)


class Patient:
    """Says that it is at work, and works until a file says that it is done."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __call__(self, members: Floats) -> Floats:
        (self.folder / f"begun-{members[0, 0]}").touch()
        wait_for(self.folder, "done")
        return rough(members)


def wait_for(folder: Path, pattern: str, files: int = 1) -> None:
    while len([*folder.glob(pattern)]) < files:
        time.sleep(0.01)


def under_way(client: Client) -> list[str]:
    """Return the chunks that are at work or are going to be."""

    def keys(dask_scheduler: Any) -> list[str]:
        tasks = [task for task in dask_scheduler.tasks.values() if task.state in UNDER_WAY]
        return [str(task.key) for task in tasks if str(task.key).startswith("evaluated")]

    return client.run_on_scheduler(keys)


@pytest.mark.parametrize("chunk", [1, 5])
def test_a_cluster_gives_the_values_of_one_process(client: Client, chunk: int) -> None:
    with spread(rough, cluster=client, chunk=chunk) as objective:
        found = [objective(MEMBERS) for _ in range(3)]
    assert all(np.array_equal(values, one_by_one(MEMBERS, chunk)) for values in found)
    assert client.status == "running"


def test_both_workers_take_part(client: Client) -> None:
    def process(members: Floats) -> list[int]:
        return [os.getpid()]

    with spread(process, cluster=client) as objective:
        processes = {int(pid) for pid in objective(MEMBERS)}
    assert len(processes) == 2
    assert os.getpid() not in processes


def test_an_address_is_enough_and_its_client_is_closed(cluster: LocalCluster) -> None:
    known = set(cluster.scheduler.clients)
    with spread(rough, cluster=cluster.scheduler_address) as objective:
        assert np.array_equal(objective(MEMBERS), one_by_one(MEMBERS))
        assert len(set(cluster.scheduler.clients) - known) == 1
    while set(cluster.scheduler.clients) - known:
        time.sleep(0.01)


def test_a_search_on_a_cluster_is_the_search_in_one_process(client: Client) -> None:
    def single(members: Floats) -> list[float]:
        return [float(np.sum(np.cos(row) * row)) for row in members]

    bounds = np.tile([-4.0, 4.0], (3, 1))
    alone = minimize(single, bounds, population=6, generations=5, seed=3, progress=False)
    with spread(single, cluster=client) as objective:
        found = minimize(objective, bounds, population=6, generations=5, seed=3, progress=False)
    assert found.fun == alone.fun
    assert np.array_equal(found.x, alone.x)
    assert np.array_equal(found.history.mean, alone.history.mean)


def test_improved_members_come_back_in_order(client: Client) -> None:
    with spread(lambda rows: (rows / 2, rows[:, 0]), cluster=client, chunk=5) as objective:
        improved, values = objective(MEMBERS)
    assert np.array_equal(improved, MEMBERS / 2)
    assert np.array_equal(values, MEMBERS[:, 0])


def test_no_more_than_a_few_chunks_a_worker_are_in_flight(
    cluster: LocalCluster, client: Client
) -> None:
    class Watch(SchedulerPlugin):
        most = seen = 0

        def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
            chunks = [
                task
                for task in cluster.scheduler.tasks.values()
                if str(task.key).startswith("evaluated") and task.state in UNDER_WAY
            ]
            self.most = max(self.most, len(chunks))
            self.seen += str(key).startswith("evaluated") and finish == "memory"

    watch = Watch()
    cluster.scheduler.add_plugin(watch, name="watch")
    members = np.repeat(MEMBERS, 5, axis=0)
    with spread(rough, cluster=client) as objective:
        assert np.array_equal(objective(members), one_by_one(members))
    cluster.scheduler.remove_plugin("watch")
    assert watch.seen == 60
    assert 2 <= watch.most <= 2 * of_dask.IN_FLIGHT


def test_the_objective_is_unpacked_once_in_each_worker(client: Client, tmp_path: Path) -> None:
    class Unpacked:
        def __init__(self, folder: Path):
            self.folder = folder

        def __setstate__(self, state: dict[str, Any]) -> None:
            self.__dict__.update(state)
            (self.folder / str(time.perf_counter_ns())).touch()

        def __call__(self, members: Floats) -> Floats:
            return rough(members)

    with spread(Unpacked(tmp_path), cluster=client) as objective:
        for _ in range(3):
            objective(MEMBERS)
    assert len([*tmp_path.iterdir()]) == 2


def test_an_error_of_the_objective_comes_as_itself_and_stops_the_others(client: Client) -> None:
    def refusing(members: Floats) -> Floats:
        if members[0, 0] == MEMBERS[4, 0]:
            raise FileNotFoundError(2, "none such", "row four")
        return rough(members)

    with spread(refusing, cluster=client) as objective:
        with pytest.raises(FileNotFoundError, match="row four") as told:
            objective(MEMBERS)
        assert "in refusing" in told.value.__notes__[0]
        assert np.array_equal(objective(MEMBERS[5:]), one_by_one(MEMBERS[5:]))
        while under_way(client):
            time.sleep(0.01)


def test_ctrl_c_cancels_what_is_in_flight(client: Client, tmp_path: Path) -> None:
    main = threading.get_ident()

    def interrupt() -> None:
        wait_for(tmp_path, "begun-*", files=2)
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt), spread(Patient(tmp_path), cluster=client) as objective:
        objective(MEMBERS)
    thread.join()
    while under_way(client):
        time.sleep(0.01)
    (tmp_path / "done").touch()  # sets the workers free
    assert len([*tmp_path.glob("begun-*")]) == 2


@pytest.mark.parametrize("rows", [[5], [0, 7]], ids=["one", "two"])
def test_killed_workers_do_not_change_the_values(
    client: Client, tmp_path: Path, rows: list[int]
) -> None:
    with spread(Deadly(tmp_path, rows), cluster=client) as objective:
        assert np.array_equal(objective(MEMBERS), one_by_one(MEMBERS))
        assert len([*tmp_path.iterdir()]) == len(rows)
        client.wait_for_workers(2)
        assert np.array_equal(objective(MEMBERS), one_by_one(MEMBERS))


def test_a_chunk_that_dask_gave_up_gets_another_chance(
    cluster: LocalCluster, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    with spread(Deadly(tmp_path, [3]), cluster=client) as objective:
        assert np.array_equal(objective(MEMBERS[:4]), one_by_one(MEMBERS[:4]))
    assert len([*tmp_path.iterdir()]) == 1


def test_a_chunk_that_every_worker_dies_of_is_told(
    cluster: LocalCluster, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    with (
        spread(Deadly(tmp_path, [2], times=99), cluster=client, chunk=12) as objective,
        pytest.raises(WorkbenchError, match=r"chunk 0 of the population \(3 rows.*memory"),
    ):
        objective(MEMBERS[2:5])
    assert len([*tmp_path.iterdir()]) == 1 + of_dask.RETRIES


def test_a_missing_module_and_a_lost_scheduler_are_told() -> None:
    source = (
        "import sys\nfrom distributed import LocalCluster\n"
        "cluster = LocalCluster(n_workers=1, threads_per_worker=1, processes=False,\n"
        "                       dashboard_address=':0', host='127.0.0.1', protocol='tcp')\n"
        "print(cluster.scheduler_address, flush=True)\nsys.stdin.read()"
    )

    def fatal(members: Floats) -> Floats:
        if members[0, 0] == MEMBERS[4, 0]:
            os.kill(os.getpid(), signal.SIGKILL)  # the scheduler is in the same process
        return members[:, 0]

    command = [sys.executable, "-c", source]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        with (
            spread(rough, cluster=address) as objective,
            pytest.raises(WorkbenchError, match=r"No module named 'test_evolve.*every worker can"),
        ):
            objective(MEMBERS)
        with spread(fatal, cluster=address) as objective:
            for _ in range(2):
                with pytest.raises(WorkbenchError, match=r"(?s)cluster was lost.*last checkpoint"):
                    objective(MEMBERS)


def test_a_cluster_without_workers_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as empty,
        Client(empty, set_as_default=False) as client,
    ):
        told: list[str] = []

        def warn(message: str, **kwargs: object) -> None:
            told.append(message)
            empty.scale(1)

        monkeypatch.setattr(of_dask.warnings, "warn", warn)
        with spread(rough, cluster=client) as objective:
            assert np.array_equal(objective(MEMBERS), one_by_one(MEMBERS))
        assert "no workers yet" in told[0]


LOCK = threading.Lock()


def alone(members: Floats) -> list[bool]:
    free = LOCK.acquire(blocking=False)
    time.sleep(0)  # lets others in, if there are any
    if free:
        LOCK.release()
    return [free]


def test_threads_of_a_worker_take_turns() -> None:
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=4, processes=False, dashboard_address=":0"
        ) as threaded,
        Client(threaded, set_as_default=False) as client,
        spread(alone, cluster=client) as objective,
    ):
        with pytest.warns(UserWarning, match=r"several threads.*--nthreads 1"):
            first = objective(MEMBERS)
        assert first.all()
        assert objective(MEMBERS).all()  # and warns once


def test_an_address_where_nobody_answers_is_told() -> None:
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "0.2s"}),
        pytest.raises(ArgumentError, match=r"running Dask scheduler.*127.0.0.1:9.*dask worker"),
        spread(rough, cluster="tcp://127.0.0.1:9"),
    ):
        pass


def test_a_closed_client_is_told(cluster: LocalCluster) -> None:
    with Client(cluster, set_as_default=False) as closed:
        pass
    with (
        pytest.raises(ArgumentError, match="be a client that is connected"),
        spread(rough, cluster=closed),
    ):
        pass
