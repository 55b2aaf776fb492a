"""Searches that stop and go on: the same bits as if they never had, for every method."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult

from workbench.errors import ArgumentError
from workbench.evolve import minimize
from workbench.evolve.checkpoint import read_checkpoint
from workbench.evolve.loop import METHODS, kinds_of

BOX = [(-2.0, 3.0)] * 4
KILLS = 50


def sphere(members: NDArray[np.float64]) -> NDArray[np.float64]:
    return (members**2).sum(axis=1)


class Stopped(Exception):
    """The process ends, as far as a test in one process can have it."""


def stopping(after: int):
    """Return the sphere for some generations, and then an error."""
    calls = []

    def objective(members: NDArray[np.float64]) -> NDArray[np.float64]:
        calls.append(len(members))
        if len(calls) > after:
            raise Stopped
        return sphere(members)

    return objective


def search(objective, file: Path | None, **settings) -> OptimizeResult:
    call = {"method": "multistart", "population": 10, "generations": 30, "seed": 2} | settings
    if "real" in kinds_of(METHODS[call["method"]]):
        return minimize(objective, BOX, **call, checkpoint=file, progress=False)
    places = [(0, len(BOX) - 1)] * len(BOX)
    return minimize(objective, places, **call, genes="permutation", checkpoint=file, progress=False)


def broken(file: Path, after: int = 17, **settings) -> None:
    with pytest.raises(Stopped):
        search(stopping(after), file, **settings)


def same(one: OptimizeResult, other: OptimizeResult) -> None:
    assert (one.fun, one.nfev, one.nit, one.stop) == (other.fun, other.nfev, other.nit, other.stop)
    np.testing.assert_array_equal(one.x, other.x)
    np.testing.assert_array_equal(one.population, other.population)
    np.testing.assert_array_equal(one.population_values, other.population_values)
    for name in ("generation", "evaluations", "best", "mean", "std"):
        np.testing.assert_array_equal(getattr(one.history, name), getattr(other.history, name))


@pytest.mark.parametrize("method", METHODS)
def test_fifty_kills_at_random_moments_change_no_bit(method: str, tmp_path: Path) -> None:
    script = Path(__file__).with_name("kills.py")
    command = [sys.executable, str(script), method, str(KILLS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("every", [1, 7])
def test_a_search_goes_on_from_its_last_checkpoint(method: str, every: int, tmp_path: Path) -> None:
    file = tmp_path / "search.npz"
    broken(file, method=method, checkpoint_every=every)
    saved = read_checkpoint(file)
    assert saved is not None
    assert 0 < len(saved.header["rows"]) <= 17
    same(search(sphere, file, method=method), search(sphere, None, method=method))


def test_a_search_that_has_ended_is_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "search.npz"
    whole = search(sphere, file)
    same(search(stopping(0), file), whole)


def test_a_search_that_has_ended_goes_on_with_more_generations(tmp_path: Path) -> None:
    file = tmp_path / "search.npz"
    search(sphere, file)
    same(search(sphere, file, generations=50), search(sphere, None, generations=50))


def test_a_budget_of_evaluations_covers_all_parts(tmp_path: Path) -> None:
    file = tmp_path / "search.npz"
    broken(file, evaluations=233)
    same(search(sphere, file, evaluations=233), search(sphere, None, evaluations=233))


def test_stalled_generations_are_counted_across_the_stop(tmp_path: Path) -> None:
    def flat(members: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.ones(len(members))

    file = tmp_path / "search.npz"
    result = search(flat, file, generations=5)
    assert result.stop == "generations"
    result = search(flat, file, stall=8)
    assert (result.stop, result.nit) == ("stall", 9)


@pytest.mark.parametrize("kind", ["PCG64", "MT19937", "Philox", "SFC64"])
def test_any_generator_of_numpy_goes_on(kind: str, tmp_path: Path) -> None:
    def generator() -> np.random.Generator:
        return np.random.Generator(getattr(np.random, kind)(4))

    file = tmp_path / "search.npz"
    broken(file, seed=generator(), checkpoint_every=1)
    same(search(sphere, file, seed=generator()), search(sphere, None, seed=generator()))


def test_the_callback_and_history_have_no_generation_twice(tmp_path: Path) -> None:
    file, seen = tmp_path / "search.npz", []
    broken(file, checkpoint_every=4)
    result = search(sphere, file, callback=lambda known: seen.append(known.nit))
    assert seen == list(range(17, 31))  # after the checkpoint of generation 16
    np.testing.assert_array_equal(result.history.generation, np.arange(1, 31))


def test_infinite_values_survive_the_file(tmp_path: Path) -> None:
    def hopeless(members: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.full(len(members), np.inf)

    file = tmp_path / "search.npz"
    search(hopeless, file, generations=3)
    same(search(hopeless, file, generations=6), search(hopeless, None, generations=6))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"method": "memetic"}, "method = 'multistart'"),
        ({"population": 11}, "population = 10"),
        ({"initial": [0.0] * 4}, r"initial = \[\]"),
    ],
)
def test_the_file_of_another_search_is_refused(change, what: str, tmp_path: Path) -> None:
    file = tmp_path / "search.npz"
    search(sphere, file)
    before = file.read_bytes()
    with pytest.raises(ArgumentError, match=what):
        search(sphere, file, **change)
    assert file.read_bytes() == before


def test_options_that_are_large_arrays_are_told_apart(tmp_path: Path) -> None:
    file, distances = tmp_path / "search.npz", np.ones((50, 50))
    places = [(0, 49)] * 50
    call = {"genes": "permutation", "checkpoint": file, "generations": 2, "seed": 1}

    def ant_search(distances: NDArray[np.float64]) -> OptimizeResult:
        return minimize(sphere, places, "ant-system", distances=distances, progress=False, **call)

    ant_search(distances)
    assert ant_search(distances.copy()).nit == 2
    distances[20, 30] = 2  # where repr would write dots
    with pytest.raises(ArgumentError, match="options"):
        ant_search(distances)


def test_another_seed_is_another_search(tmp_path: Path) -> None:
    file = tmp_path / "search.npz"
    search(sphere, file)
    with pytest.raises(ArgumentError, match="seed = 2"):
        search(sphere, file, seed=3)
    assert search(sphere, file, seed=None).seed == 2  # it goes on with the seed it has


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut short"])
def test_a_file_that_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "search.npz"
    file.write_bytes(content)
    with pytest.raises(ArgumentError, match="be a checkpoint of a search"):
        search(sphere, file)
    assert file.read_bytes() == content


def test_a_pickle_in_the_file_is_not_loaded(tmp_path: Path) -> None:
    file = tmp_path / "search.npz"
    with file.open("wb") as stream:
        np.savez(stream, header=np.array(json.dumps({"format": 1})), members=np.array([{}]))
    with pytest.raises(ArgumentError, match="be a checkpoint of a search"):
        search(sphere, file)


def test_a_folder_that_is_not_there_is_told_before_the_search(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="folder"):
        search(stopping(0), tmp_path / "missing" / "search.npz")
