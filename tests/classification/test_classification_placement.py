"""One device, two devices, two machines: the same weights."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pupils import images, network

from workbench.archive import read_archive
from workbench.classification import join_machines, train_classifier
from workbench.classification.placement import is_chief, placement_for
from workbench.errors import ArgumentError, WorkbenchError

SCRIPT = Path(__file__).with_name("shared_trainings.py")


def command(*arguments: Any) -> list[str]:
    return [sys.executable, "-W", "error::UserWarning", str(SCRIPT), *map(str, arguments)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("shared")
    done = subprocess.run(command("devices", place), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return place


def ports() -> str:
    """Return two free ports of this machine."""
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return f"{one.getsockname()[1]},{other.getsockname()[1]}"


def close(one: Path, other: Path) -> None:
    with np.load(one) as a, np.load(other) as b:
        np.testing.assert_allclose(a["weights"], b["weights"], rtol=1e-5, atol=1e-5)
        # Loss and accuracy of training and validation.
        np.testing.assert_allclose(a["history"][:, 1:5], b["history"][:, 1:5], rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("norm", [0, 1])
def test_two_devices_give_the_weights_of_one(folder: Path, norm: int) -> None:
    close(folder / f"two{norm}.npz", folder / f"one{norm}.npz")


@pytest.mark.slow
def test_the_second_device_gives_the_bits_of_the_first(folder: Path) -> None:
    with np.load(folder / "second0.npz") as a, np.load(folder / "one0.npz") as b:
        np.testing.assert_array_equal(a["weights"], b["weights"])


@pytest.fixture
def machines() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def start(machines: list[subprocess.Popen[str]], folder: Path, *more: str) -> None:
    chosen = ports()
    machines += [
        subprocess.Popen(
            command("machines", folder, chosen, number, *more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in (0, 1)
    ]


@pytest.mark.slow
def test_two_machines_give_the_weights_of_one(
    folder: Path, machines: list[subprocess.Popen[str]]
) -> None:
    start(machines, folder)
    for process in machines:
        said, _ = process.communicate()
        assert process.returncode == 0, said[-4000:]
    close(folder / "machine0.npz", folder / "one0.npz")
    with np.load(folder / "machine0.npz") as a, np.load(folder / "machine1.npz") as b:
        np.testing.assert_array_equal(a["weights"], b["weights"])


@pytest.mark.slow
def test_a_machine_that_is_lost_is_told_and_the_checkpoint_is_whole(
    tmp_path: Path, machines: list[subprocess.Popen[str]]
) -> None:
    start(machines, tmp_path, "run.npz")
    chief, other = machines
    file = tmp_path / "run.npz"
    while not file.exists():
        assert chief.poll() is None, chief.communicate()[0][-4000:]
    other.kill()
    said, _ = chief.communicate()
    assert chief.returncode == 1
    assert "One of the 2 machines is gone" in said
    assert "goes on from the last whole epoch" in said
    saved = read_archive(file)
    assert saved is not None
    header, arrays = saved
    assert 0 < header["epoch"] == len(arrays["history"]) < 2000


def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Three:
        num_replicas_in_sync = 3

    monkeypatch.setattr("workbench.classification.native.mirrored", Three)
    with pytest.raises(ArgumentError, match="batch_size must be a multiple of the 3 devices"):
        train_classifier(network(), *images(), strategy="mirrored", progress=False)


def test_machines_need_their_addresses_and_to_be_joined_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(WorkbenchError, match="environment variable TF_CONFIG"):
        join_machines()
    monkeypatch.setenv("TF_CONFIG", "{")
    with pytest.raises(WorkbenchError, match="no JSON"):
        join_machines()
    config = '{"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}, "task": {"index": 1}}'
    monkeypatch.setenv("TF_CONFIG", config.replace('"index"', '"type": "worker", "index"'))
    assert not is_chief()
    network()  # TensorFlow has started
    with pytest.raises(WorkbenchError, match="before TensorFlow computes anything"):
        placement_for("auto", "multiworker", "auto", 16)


def test_a_gpu_that_is_not_there_is_told() -> None:
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("there is a GPU")
    with pytest.raises(ArgumentError, match="device must name a device that is there"):
        train_classifier(network(), *images(), device="gpu", progress=False)
