"""The account of a search, whatever the method: evaluating, counting, stopping, history."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import ArgumentError
from workbench.evolve.space import Space
from workbench.heights import rounded_height

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Objective = Callable[[Floats], ArrayLike | tuple[ArrayLike, ArrayLike]]
Memory = Mapping[str, Any]  # what a method remembers: arrays, numbers, strings and None

STOP_MESSAGES = {
    "target": "Target value reached.",
    "evaluations": "Evaluation budget spent.",
    "stall": "No better member for the given number of generations.",
    "time": "Maximum time elapsed.",
    "generations": "Maximum generation reached.",
    "callback": "The callback asked to stop.",
    "interrupted": "Interrupted; the best member so far is kept.",
}


@dataclass(frozen=True)
class Limits:
    """When to stop; None sets no limit.

    Attributes:
        generations: Populations in all, the first included.
        evaluations: Evaluated members in all.
        target: A value of the objective that is good enough.
        stall: Generations in a row without a better member.
        time: Seconds.
    """

    generations: int
    evaluations: int | None = None
    target: float | None = None
    stall: int | None = None
    time: float | None = None


@dataclass(frozen=True)
class History:
    """What happened in a search; arrays of one entry a generation.

    Attributes:
        generation: Numbers from 1, the first population, as in GAOT's trace.
        evaluations: Members evaluated so far.
        best: Lowest value found so far.
        mean: Mean value of the population; infinite values are left out.
        std: Its standard deviation, with n-1 as MATLAB has it; NaN if fewer than two are finite.
    """

    generation: NDArray[np.int64]
    evaluations: NDArray[np.int64]
    best: Floats
    mean: Floats
    std: Floats

    @property
    def frame(self) -> pd.DataFrame:
        """One row a generation, as a DataFrame."""
        import pandas as pd

        columns = {name: getattr(self, name) for name in ("evaluations", "best", "mean", "std")}
        return pd.DataFrame(columns, index=pd.Index(self.generation, name="generation"))

    def __len__(self) -> int:
        return len(self.generation)

    def __repr__(self) -> str:
        return f"History({len(self)} generations, best {self.best[0]:.4g} -> {self.best[-1]:.4g})"


class Ledger:
    """The account of one search: what was evaluated, what came of it, and whether to go on.

    Args:
        objective: Maps members (n, genes) to values (n,), lower is better; infinity is the
            worst value there is. One that improves its members (GAOT's evaluation function,
            which returns the member as well) returns a pair (members, values).
        space: Where members come from; for the methods to read.
        limits: When to stop.
        pad: Largest number of rows to pad to, or 0 for no padding. Rows are padded to a power of
            two, or a multiple of an eighth of one, by repeating the last, so that a compiled
            objective sees few shapes. The repetitions are neither counted nor returned.
        heard: Called with the ledger after each generation. A StopIteration ends the search.
        kept: Called with the ledger and what the method remembers after each generation, before
            ``heard``; writes checkpoints.
    """

    def __init__(
        self,
        objective: Objective,
        space: Space,
        limits: Limits,
        *,
        pad: int = 0,
        heard: Callable[[Ledger], object] = lambda ledger: None,
        kept: Callable[[Ledger, Memory], object] = lambda ledger, memory: None,
    ):
        self.objective, self.space, self.limits = objective, space, limits
        self.pad, self._heard, self._kept = pad, heard, kept
        self.evaluations = 0
        self.best: tuple[Floats, float] | None = None
        self.population: tuple[Floats, Floats] | None = None
        self.stop: str | None = None
        self.rows: list[tuple[int, float, float, float]] = []
        self.stalled = 0
        self.began = time.perf_counter()

    @property
    def generation(self) -> int:
        """Number of generations recorded."""
        return len(self.rows)

    @property
    def elapsed(self) -> float:
        """Fraction of the search that is over, by generations or by evaluations."""
        spent = self.evaluations / self.limits.evaluations if self.limits.evaluations else 0.0
        return min(max(spent, self.generation / self.limits.generations), 1.0)

    def evaluate(self, members: Floats) -> Floats:
        """Return the values of ``members`` (n, genes), and count them.

        Where the budget ends before the members do, the rest is given infinity, unevaluated.
        An objective that improves members has the improved ones written over ``members``.

        Raises:
            ArgumentError: The objective returned another shape than (n,), NaN or -inf.
        """
        wanted = len(members)
        if self.limits.evaluations is not None:
            wanted = min(wanted, self.limits.evaluations - self.evaluations)
        values = np.full(len(members), np.inf)
        if wanted == 0:
            return values
        legal = self.space.legal(members[:wanted])
        rows = _padded(legal, self.pad)
        returned = self.objective(rows)
        if isinstance(returned, tuple):
            improved, returned = returned
            members[:wanted] = _checked_members(improved, rows)[:wanted]
        values[:wanted] = _checked(returned, len(rows))[:wanted]
        self.evaluations += wanted
        first = int(values.argmin())
        if self.best is None or values[first] < self.best[1]:
            best = self.space.legal(members[first : first + 1])[0]
            self.best = best.copy(), float(values[first])
        return values

    def record(self, members: Floats, values: Floats, memory: Memory | None = None) -> bool:
        """Enter a generation, and return whether to go on.

        Args:
            members: The population, shape (members, genes). It is kept, not copied: do not
                write to it afterwards.
            values: Their values, likewise.
            memory: What else the method needs to go on from here; not to be changed either.
        """
        assert self.best is not None, "evaluate the members first"
        self.population = members, values
        better = not self.rows or self.best[1] < self.rows[-1][1]
        self.stalled = 0 if better else self.stalled + 1
        self.rows.append((self.evaluations, self.best[1], *_moments(values)))
        self.stop = self._reason()
        self._kept(self, memory or {})
        try:
            self._heard(self)
        except StopIteration:
            self.stop = self.stop or "callback"
        return self.stop is None

    def goes_on(self) -> bool:
        """Return whether a search that was resumed has not reached its limits yet."""
        self.stop = self._reason()
        return self.stop is None

    def history(self) -> History:
        """Return the generations recorded so far, as arrays."""
        evaluations, best, mean, std = zip(*self.rows, strict=True)
        return History(
            generation=np.arange(1, len(self.rows) + 1),
            evaluations=np.array(evaluations, dtype=np.int64),
            best=np.array(best),
            mean=np.array(mean),
            std=np.array(std),
        )

    def _reason(self) -> str | None:
        limits = self.limits
        if limits.target is not None and self.rows[-1][1] <= limits.target:
            return "target"
        if limits.evaluations is not None and self.evaluations >= limits.evaluations:
            return "evaluations"
        if limits.stall is not None and self.stalled >= limits.stall:
            return "stall"
        if limits.time is not None and time.perf_counter() - self.began >= limits.time:
            return "time"
        return "generations" if self.generation >= limits.generations else None


def _padded(members: Floats, most: int) -> Floats:
    # A copy either way: an objective that writes to its argument harms nobody.
    count = min(rounded_height(len(members)), most)
    if count <= len(members):
        return members.copy()
    return np.concatenate([members, members[-1:].repeat(count - len(members), axis=0)])


def _checked_members(improved: Any, rows: Floats) -> Floats:
    members = np.asarray(improved, dtype=float)
    if members.shape != rows.shape or not np.isfinite(members).all():
        raise ArgumentError(
            "objective",
            f"return finite members of shape {rows.shape} where it improves them",
            f"an array of shape {members.shape}",
            "A pair is taken for (members, values).",
        )
    return members


def _checked(returned: Any, rows: int) -> Floats:
    values = np.asarray(returned)
    if values.shape != (rows,) or values.dtype.kind not in "fiub":
        raise ArgumentError(
            "objective",
            f"return one real number for each of the {rows} members",
            f"an array of shape {values.shape} and dtype {values.dtype}",
            "It is given a whole population, one member a row; wrap an objective of a single "
            "member f as lambda members: [f(member) for member in members].",
        )
    if not values.min() > -np.inf:  # NaN compares false
        first = int(np.flatnonzero(~(values > -np.inf))[0])
        raise ArgumentError(
            "objective",
            "be free of NaN and -inf",
            f"{float(values[first])} for row {first} of {rows}",
            "Return numpy.inf for a member that is out of the question.",
        )
    return values


def _moments(values: Floats) -> tuple[float, float]:
    """Return mean and standard deviation (n-1) of the finite values; NaN where undefined."""
    if values.max() == np.inf:
        values = values[np.isfinite(values)]
    if values.size == 0:
        return np.nan, np.nan
    # Values near the largest float may sum to infinity, which is then the honest answer.
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(values.sum()) / values.size
        if values.size == 1:
            return mean, np.nan
        away = values - mean
        return mean, float(away @ away / (values.size - 1)) ** 0.5
