"""What a search is asked for, checked before anything is evaluated."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.errors import ArgumentError
from workbench.evolve.ledger import Limits
from workbench.evolve.loop import METHODS, Method, kinds_of
from workbench.evolve.polytope import polytope_of
from workbench.evolve.space import Space, gene_kinds

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Request:
    """A search that can begin.

    Attributes:
        method: Registered name of the method.
        searching: The method with its options.
        space: Where members come from.
        population: Members of a generation.
        first: Members that are given, shape (n, genes) with n from 0 to ``population``.
    """

    method: str
    searching: Method
    space: Space
    population: int
    first: Floats

    @classmethod
    def of(
        cls,
        method: str,
        options: dict[str, Any],
        *,
        bounds: ArrayLike,
        genes: str | Sequence[str],
        constraints: Any,
        sample: Callable[[np.random.Generator, int], Floats] | None,
        population: int,
        initial: ArrayLike | None,
    ) -> Request:
        """Return a request; the arguments are those of `minimize`.

        Raises:
            UnknownNameError: No such method, or name of an option's value.
            ArgumentError: A wrong argument or option.
        """
        box: Floats = checks.bounds("bounds", bounds).astype(np.float64)
        size = checks.integer("population", population, minimum=2)
        searching = _configured(method, options)
        space = _space(box, sample, genes, constraints, method, searching)
        return cls(method, searching, space, size, _given(initial, space, size))

    @property
    def facts(self) -> dict[str, Any]:
        """What tells this search from another, whatever its limits and seed."""
        polytope = self.space.polytope
        return {
            "method": self.method,
            "options": vars(self.searching),
            "population": self.population,
            "bounds": self.space.bounds,
            "genes": self.space.kinds,
            "constraints": polytope and vars(polytope),
            "initial": self.first,
        }

    def first_population(self, rng: np.random.Generator) -> Floats:
        """Return the members to begin with, shape (population, genes)."""
        members = self.space.draw(self.population, rng)
        members[: len(self.first)] = self.first
        return members


def limits_of(
    generations: int,
    evaluations: int | None,
    target: float | None,
    stall: int | None,
    time: float | None,
) -> Limits:
    """Return the limits of a search, checked."""
    return Limits(
        generations=checks.integer("generations", generations),
        evaluations=None if evaluations is None else checks.integer("evaluations", evaluations),
        target=None if target is None else checks.real("target", target),
        stall=None if stall is None else checks.integer("stall", stall),
        time=None if time is None else checks.real("time", time, low=0, open_low=True),
    )


def _configured(name: str, options: dict[str, Any]) -> Method:
    method: Any = METHODS[name]
    known = [field.name for field in fields(method)]
    for option, value in options.items():
        if option not in known:
            near = difflib.get_close_matches(option, known, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            listed = f"Options: {', '.join(known)}." if known else "It has none."
            raise ArgumentError(option, f"be an option of {name!r}", value, hint + listed)
    return method(**options)


def _space(
    box: Floats,
    sample: Callable[[np.random.Generator, int], Floats] | None,
    genes: str | Sequence[str],
    constraints: Any,
    name: str,
    method: Any,
) -> Space:
    kinds = gene_kinds(genes, box)
    served = kinds_of(method)
    for kind in set(kinds or ("real",)) - served:
        can = [other for other in METHODS if kind in kinds_of(METHODS[other])]
        raise ArgumentError(
            "genes",
            f"be {' or '.join(sorted(served))} for the method {name!r}",
            kind,
            f"For {kind} genes there are: {', '.join(can)}.",
        )
    polytope = polytope_of(constraints, box)
    if polytope is not None and kinds is not None:
        raise ArgumentError("genes", 'be "real" where there are constraints', genes)
    return Space(box, sample, kinds, polytope)


def _given(initial: ArrayLike | None, space: Space, size: int) -> Floats:
    """Return the members that were given, shape (n, genes) with n from 0 to ``size``."""
    bounds = space.bounds
    if initial is None:
        return np.empty((0, len(bounds)))
    given = np.asarray(initial)
    given = checks.samples(
        "initial", given[None] if given.ndim == 1 else given, (len(bounds),), "bounds"
    )
    if len(given) > size:
        raise ArgumentError("initial", f"have at most population={size} rows", f"{len(given)} rows")
    outside = np.argwhere((given < bounds[:, 0]) | (given > bounds[:, 1]))
    if outside.size:
        row, gene = outside[0].tolist()
        low, high = bounds[gene]
        raise ArgumentError(
            "initial",
            "lie within the bounds",
            f"{given[row, gene]:g} for gene {gene} of row {row}, bounds ({low:g}, {high:g})",
            "Widen the bounds, or clip it with numpy.clip.",
        )
    given = given.astype(np.float64)
    forbidden = space.polytope is not None and ~space.polytope.holds(given)
    if np.any(forbidden):
        raise ArgumentError(
            "initial", "keep to the constraints", f"row {int(np.argmax(forbidden))}, which does not"
        )
    return given
