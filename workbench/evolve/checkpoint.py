"""A search on disk: everything it needs to go on as if it had never stopped.

A checkpoint holds the account of the ledger, what the method remembers and the state of the random
generator. `workbench.archive` has how it is written: whatever kills the process leaves this
checkpoint or the one before, every number to the last bit.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import checks
from workbench.archive import (
    prepared_place,
    read_archive,
    refuse_another,
    write_archive,
)
from workbench.checks import Seed
from workbench.errors import ArgumentError
from workbench.evolve.ledger import Ledger, Memory

_FORMAT = 1


@dataclass(frozen=True)
class Saved:
    """A checkpoint that was read.

    Attributes:
        header: Its facts in JSON.
        arrays: Its arrays by name.
    """

    header: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    @property
    def memory(self) -> Memory:
        """What the method remembers."""
        prefix = "memory."
        found = {n[len(prefix) :]: a for n, a in self.arrays.items() if n.startswith(prefix)}
        return self.header["memory"] | found

    def restore(self, ledger: Ledger, rng: np.random.Generator) -> None:
        """Bring a new ledger and a generator to where they were."""
        arrays = self.arrays
        ledger.population = arrays["members"], arrays["values"]
        ledger.best = arrays["best"], self.header["fun"]
        ledger.evaluations, ledger.stalled = self.header["evaluations"], self.header["stalled"]
        ledger.rows = [(n, float(b), float(m), float(s)) for n, b, m, s in self.header["rows"]]
        ledger.began = time.perf_counter() - self.header["seconds"]
        rng.bit_generator.state = self.header["generator"]


class Checkpoint:
    """A place for the checkpoints of one search.

    Args:
        path: The file.
        every: Write after every so many generations, and after the last.
        search: What tells this search from others, in JSON: method, options, bounds ...

    Raises:
        ArgumentError: There is no such folder, or ``every`` is not positive.
    """

    def __init__(self, path: str | os.PathLike[str], every: int, search: dict[str, Any]):
        self.path, self.every = prepared_place(path), checks.integer("checkpoint_every", every)
        self.search = json.loads(json.dumps(search, default=_digest))

    def read(self, seed: Seed) -> Saved | None:
        """Return the checkpoint, None if there is none yet.

        Args:
            seed: What the caller gives; None takes the seed of the checkpoint.

        Raises:
            ArgumentError: The file is no checkpoint, or one of another search.
        """
        saved = read_checkpoint(self.path)
        if saved is None:
            return None
        theirs, ours = saved.header["search"], self.search
        if isinstance(seed, int | np.integer):
            theirs, ours = theirs | {"seed": saved.header["seed"]}, ours | {"seed": int(seed)}
        refuse_another(self.path, "search", theirs, ours)
        return saved

    def write(self, ledger: Ledger, memory: Memory, rng: np.random.Generator, seed: Seed) -> None:
        """Write a checkpoint if it is due.

        Args:
            ledger: The account.
            memory: What the method remembers.
            rng: The generator of the search.
            seed: What it was made of, if that is known.

        Raises:
            OSError: The file cannot be written; the one before is as it was.
        """
        if ledger.stop is None and ledger.generation % self.every:
            return
        assert ledger.population is not None
        assert ledger.best is not None
        (members, values), (best, fun) = ledger.population, ledger.best
        arrays: dict[str, Any] = {n: a for n, a in memory.items() if isinstance(a, np.ndarray)}
        header = {
            "format": _FORMAT,
            "search": self.search,
            "seed": seed,
            "evaluations": ledger.evaluations,
            "stalled": ledger.stalled,
            "rows": ledger.rows,
            "fun": fun,
            "seconds": time.perf_counter() - ledger.began,
            "generator": rng.bit_generator.state,
            "memory": {name: value for name, value in memory.items() if name not in arrays},
        }
        remembered = {f"memory.{name}": array for name, array in arrays.items()}
        write_archive(
            self.path, header, {"members": members, "values": values, "best": best} | remembered
        )


def read_checkpoint(path: Path) -> Saved | None:
    """Return the checkpoint in a file, None if there is no such file.

    Raises:
        ArgumentError: The file is no checkpoint.
    """
    try:
        found = read_archive(path)
        if found is None or found[0]["format"] == _FORMAT:
            return None if found is None else Saved(*found)
        what = f"format {found[0]['format']}"
    except (ValueError, KeyError, TypeError) as error:
        what = str(error)
    raise ArgumentError("checkpoint", "be a checkpoint of a search", what, "Choose another file.")


def _digest(value: Any) -> Any:
    """Return what stands for a part of a search: small arrays themselves, large ones a digest."""
    if not isinstance(value, np.ndarray):
        return repr(value)
    if value.size <= 16:
        return value.tolist()
    return f"{value.shape} {hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()}"
