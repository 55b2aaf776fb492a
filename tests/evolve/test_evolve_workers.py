"""More processes of this machine change how long a search takes, and nothing else."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from workbench.errors import ArgumentError, WorkbenchError
from workbench.evolve import minimize
from workbench.evolve.workers import RESTARTS, THREADS, spread

Floats = NDArray[np.float64]

MEMBERS = np.random.default_rng(1).normal(size=(11, 4))
MATRIX = np.random.default_rng(2).normal(size=(4, 4))


def rough(members: Floats) -> Floats:
    return (np.sin(7 * members) ** 2 + members * members @ MATRIX).sum(axis=1)


def one_by_one(members: Floats, rows: int = 1) -> Floats:
    return np.concatenate([rough(members[i : i + rows]) for i in range(0, len(members), rows)])


def process_of(members: Floats) -> list[int]:
    return [os.getpid()] * len(members)


class Deadly:
    """`rough`, but the process that is handed the first gene of a row dies, so many times."""

    def __init__(self, folder: Path, gene: float, times: int):
        self.folder, self.gene, self.times = folder, gene, times

    def __call__(self, members: Floats) -> Floats:
        if members[0, 0] == self.gene and len([*self.folder.iterdir()]) < self.times:
            (self.folder / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return rough(members)


class Network:
    """Stands for a class that holds settings, and builds its model when it is first called."""

    def __init__(self, seed: int):
        self.seed = seed
        self.model = None

    def __call__(self, members: Floats) -> Floats:
        if self.model is None:
            weights = np.random.default_rng(self.seed).normal(size=4)
            # A lock cannot be pickled, just as a compiled function cannot.
            self.model = threading.Lock(), lambda x: np.tanh(x) @ weights
        lock, predict = self.model
        with lock:
            return predict(members)


class Patient:
    """Says that it is at work, and works until its process is ended."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __call__(self, members: Floats) -> Floats:
        (self.folder / str(os.getpid())).touch()
        threading.Event().wait()
        raise AssertionError


def wait_for(folder: Path, files: int) -> None:
    while len([*folder.iterdir()]) < files:
        time.sleep(0.01)


def interrupt_when(folder: Path, files: int) -> threading.Thread:
    main = threading.get_ident()

    def watch() -> None:
        wait_for(folder, files)
        # Ctrl-C is a signal to the main thread; _thread.interrupt_main would not wake it.
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.parametrize("chunk", [1, 4])
def test_the_values_do_not_depend_on_the_number_of_workers(workers: int, chunk: int) -> None:
    with spread(rough, workers, chunk=chunk) as objective:
        found = [objective(MEMBERS) for _ in range(3)]
    assert all(np.array_equal(values, one_by_one(MEMBERS, chunk)) for values in found)


def test_without_workers_the_objective_is_left_alone() -> None:
    with spread(rough) as objective:
        assert objective is rough


def test_one_worker_is_this_process_with_the_chunks_of_many() -> None:
    calls = []

    def watched(members: Floats) -> Floats:
        calls.append((len(members), os.getpid()))
        return rough(members)

    with spread(watched, 1, chunk=4) as objective:
        assert np.array_equal(objective(MEMBERS), one_by_one(MEMBERS, 4))
    assert calls == [(4, os.getpid()), (4, os.getpid()), (3, os.getpid())]


def test_all_cores_are_as_many_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joblib.cpu_count", lambda: 3)
    before = {child.pid for child in psutil.Process().children()}
    with spread(rough, -1) as objective:
        assert np.array_equal(objective(MEMBERS), one_by_one(MEMBERS))
        children = [child for child in psutil.Process().children() if child.pid not in before]
        # A child is a worker, or the tracker that loky has beside them.
        assert sum("popen_loky" in " ".join(child.cmdline()) for child in children) == 3


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_search_on_workers_is_the_search_in_one_process(workers: int) -> None:
    def single(members: Floats) -> list[float]:
        return [float(np.sum(np.cos(row) * row)) for row in members]

    bounds = np.tile([-4.0, 4.0], (3, 1))
    alone = minimize(single, bounds, population=6, generations=5, seed=3, progress=False)
    with spread(single, workers) as objective:
        found = minimize(objective, bounds, population=6, generations=5, seed=3, progress=False)
    assert found.fun == alone.fun
    assert np.array_equal(found.x, alone.x)
    assert np.array_equal(found.history.mean, alone.history.mean)


def test_improved_members_come_back_in_order() -> None:
    with spread(lambda members: (members / 2, members[:, 0]), 2, chunk=3) as objective:
        improved, values = objective(MEMBERS)
    assert np.array_equal(improved, MEMBERS / 2)
    assert np.array_equal(values, MEMBERS[:, 0])


def test_the_processes_stay_for_the_whole_search_and_no_longer() -> None:
    with spread(process_of, 2) as objective:
        processes = {int(pid) for _ in range(4) for pid in objective(MEMBERS)}
        assert os.getpid() not in processes
        assert len(processes) <= 2
        assert all(map(psutil.pid_exists, processes))
    assert not any(map(psutil.pid_exists, processes))


def test_a_worker_computes_in_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "5")  # the user's wish goes first

    def threads(members: Floats) -> list[int]:
        return [int(os.environ[name]) for name in THREADS[:3:2]]

    with spread(threads, 2, chunk=2) as objective:
        assert objective(MEMBERS[:2]).tolist() == [1, 5]


def test_an_error_of_the_objective_comes_as_itself_and_harms_nothing() -> None:
    def refusing(members: Floats) -> Floats:
        if members[0, 0] == MEMBERS[4, 0]:
            raise FloatingPointError("row four")
        return rough(members)

    with spread(refusing, 2) as objective:
        with pytest.raises(FloatingPointError, match="row four"):
            objective(MEMBERS)
        assert np.array_equal(objective(MEMBERS[5:]), one_by_one(MEMBERS[5:]))


class PickyError(Exception):
    """One that cannot be unpickled: its arguments are not those that it was made of."""

    def __init__(self, gene: int, *, low: float):
        self.gene, self.low = gene, low
        super().__init__(f"gene {gene} is below {low}")


class UnsendableError(Exception):
    """One that cannot be pickled at all."""

    def __init__(self) -> None:
        super().__init__("held a lock", threading.Lock())


def picky(members: Floats) -> Floats:
    raise PickyError(3, low=0.5)


def unsendable(members: Floats) -> Floats:
    raise UnsendableError


def test_an_error_that_cannot_be_unpickled_comes_as_itself_too() -> None:
    with spread(picky, 2) as objective, pytest.raises(PickyError, match="gene 3 is below") as told:
        objective(MEMBERS)
    assert (told.value.gene, told.value.low) == (3, 0.5)
    assert "in picky" in told.value.__notes__[0]  # where it was raised


def test_of_an_error_that_cannot_be_pickled_the_words_come() -> None:
    with (
        spread(unsendable, 2) as objective,
        pytest.raises(WorkbenchError, match=r"UnsendableError: \('held a lock'"),
    ):
        objective(MEMBERS)


def test_a_killed_process_does_not_change_the_values(tmp_path: Path) -> None:
    with spread(Deadly(tmp_path, MEMBERS[5, 0], times=1), 2) as objective:
        assert np.array_equal(objective(MEMBERS), one_by_one(MEMBERS))
    assert len([*tmp_path.iterdir()]) == 1


def test_processes_that_are_killed_each_time_are_told(tmp_path: Path) -> None:
    with (
        spread(Deadly(tmp_path, MEMBERS[0, 0], times=99), 2) as objective,
        pytest.raises(WorkbenchError, match=rf"ended {RESTARTS + 1} times.*memory"),
    ):
        objective(MEMBERS[:1])
    assert len([*tmp_path.iterdir()]) == RESTARTS + 1


def test_ctrl_c_ends_the_chunks_at_work(tmp_path: Path) -> None:
    watch = interrupt_when(tmp_path, files=2)
    with pytest.raises(KeyboardInterrupt), spread(Patient(tmp_path), 2) as objective:
        objective(MEMBERS)
    watch.join()
    processes = [int(file.name) for file in tmp_path.iterdir()]
    assert len(processes) == 2
    assert not any(map(psutil.pid_exists, processes))


def test_what_cannot_be_pickled_is_refused_with_a_way_out() -> None:
    lock = threading.Lock()

    def closed_over(members: Floats) -> Floats:
        with lock:
            return rough(members)

    with (
        pytest.raises(ArgumentError, match=r"pickled.*lock.*class.*builds its model when"),
        spread(closed_over, 2),
    ):
        pass


def test_a_class_that_builds_its_model_when_called_can_be_sent() -> None:
    with spread(Network(5), 2, chunk=4) as objective:
        assert np.array_equal(objective(MEMBERS[:8]), [*map(float, Network(5)(MEMBERS[:8]))])


def test_a_compiled_network_is_refused_with_a_way_out() -> None:
    # Here, for the processes of the other tests import this file, and Keras would take them long.
    from workbench.network import feedforward, population_loss

    model = feedforward([1, 2, 1], seed=1)
    loss = population_loss(model, np.zeros((3, 1)), np.zeros((3, 1)))
    with (
        pytest.raises(ArgumentError, match=r"Compiled Keras functions.*class"),
        spread(lambda members: np.asarray(loss(members)), 2),
    ):
        pass


def test_the_processes_end_when_the_first_one_is_killed(tmp_path: Path) -> None:
    source = (
        "from pathlib import Path\nimport numpy as np\n"
        "from test_evolve_workers import Patient\n"
        "from workbench.evolve.workers import spread\n"
        f"with spread(Patient(Path({str(tmp_path)!r})), 2) as objective: objective(np.eye(2))"
    )
    folder = str(Path(__file__).parent)
    with subprocess.Popen([sys.executable, "-c", source], cwd=folder) as first:
        wait_for(tmp_path, files=2)
        first.kill()
    for file in tmp_path.iterdir():
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(int(file.name)).wait(timeout=60)


def test_wrong_shapes_are_told_with_the_rows_of_a_chunk() -> None:
    with (
        spread(lambda members: members.sum(), 2, chunk=3) as objective,
        pytest.raises(ArgumentError, match=r"values of shape \(3,\) for a chunk of 3 members"),
    ):
        objective(MEMBERS)


def test_pairs_for_some_of_the_chunks_are_told() -> None:
    def fickle(members: Floats) -> object:
        return (members, members[:, 0]) if members[0, 0] > 0 else members[:, 0]

    with (
        spread(fickle, 2) as objective,
        pytest.raises(ArgumentError, match="all of its members or for none"),
    ):
        objective(MEMBERS)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"workers": 0}, "workers must be a positive integer, -1 or None"),
        ({"workers": -2}, "workers must be a positive integer, -1 or None"),
        ({"workers": "2"}, "workers must be a positive integer, -1 or None"),
        ({"workers": 2, "chunk": 0}, "chunk must be a positive integer"),
        ({"workers": 2, "cluster": "tcp://127.0.0.1:1"}, "workers must be None beside a cluster"),
        ({"cluster": 8786}, "cluster must be the address of a running Dask scheduler"),
    ],
)
def test_wrong_arguments_are_told(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(ArgumentError, match=told), spread(rough, **wrong):  # type: ignore[arg-type]
        pass


def test_the_libraries_are_imported_only_when_they_are_asked_for() -> None:
    source = (
        "import sys\nfrom workbench.evolve.workers import spread\n"
        "import workbench.evolve.cluster\n"
        "with spread(len, 1): pass\n"
        "print({'joblib', 'distributed', 'dask', 'cloudpickle'} & {*sys.modules})"
    )
    asked = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )
    assert asked.stdout.strip() == "set()"
