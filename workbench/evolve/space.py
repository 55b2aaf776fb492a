"""Where the members of a search come from, and what their genes may be.

A gene is real, integer, binary, or part of a permutation of 0 ... n-1. Members hold all of them
in floats. A method for real numbers may move whole genes anywhere within the bounds: the objective
is shown the nearest legal member, and a step too small to change it is a plateau, no error.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import ArgumentError, UnknownNameError
from workbench.evolve.polytope import Polytope

Floats = NDArray[np.float64]

KINDS = ("real", "integer", "binary", "permutation")
_WHOLE = frozenset({"integer", "binary"})


@dataclass(frozen=True)
class Space:
    """Where the members of a search come from.

    Attributes:
        bounds: Rows (low, high), shape (genes, 2).
        sample: Draws members from a generator and their number, shape (n, genes); None draws
            uniformly within the bounds.
        kinds: What each gene is, see `gene_kinds`; None if all are real.
        polytope: Linear constraints on real genes; None without any.
    """

    bounds: Floats
    sample: Callable[[np.random.Generator, int], Floats] | None = None
    kinds: tuple[str, ...] | None = None
    polytope: Polytope | None = None

    @functools.cached_property
    def whole(self) -> NDArray[np.intp]:
        """Places of the integer and binary genes."""
        return np.flatnonzero([kind in _WHOLE for kind in self.kinds or ()])

    @functools.cached_property
    def whole_bounds(self) -> tuple[Floats, Floats]:
        """Lowest and highest whole number that each of those genes may be."""
        low, high = self.bounds[self.whole].T
        return np.ceil(low), np.floor(high)

    @functools.cached_property
    def bits(self) -> NDArray[np.bool_]:
        """Which of those genes are binary."""
        kinds = [kind for kind in self.kinds or () if kind in _WHOLE]
        return np.array([kind == "binary" for kind in kinds], dtype=bool)

    @property
    def permutes(self) -> bool:
        """Whether a member is a permutation."""
        return self.kinds is not None and "permutation" in self.kinds

    def legal(self, members: Floats) -> Floats:
        """Return members (n, genes) as the objective sees them.

        Integer and binary genes are rounded to the nearest whole number within the bounds, and
        members beyond a constraint are pulled in. Where there is nothing to change, the very
        argument is returned, not a copy.
        """
        if self.polytope is not None:
            return self.polytope.pulled(members)
        if not len(self.whole):
            return members
        rounded = members.copy()
        rounded[:, self.whole] = np.clip(np.rint(members[:, self.whole]), *self.whole_bounds)
        return rounded

    def check(self, argument: str, members: Floats) -> None:
        """Raise unless members (n, genes) are permutations where they must be.

        Raises:
            ArgumentError: One is none.
        """
        if not self.permutes:
            return
        wrong = np.flatnonzero(
            (np.sort(members, axis=1) != np.arange(len(self.bounds))).any(axis=1)
        )
        if wrong.size:
            raise ArgumentError(
                argument,
                f"be permutations of 0 ... {len(self.bounds) - 1}",
                f"{members[wrong[0]]} in row {wrong[0]}",
                "numpy.argsort of any numbers is one.",
            )

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Return so many new members, shape (count, genes).

        Whole numbers within the bounds, both included, are equally likely, and so are all
        permutations.

        Raises:
            ArgumentError: ``sample`` drew no permutations where it must.
        """
        if self.sample is not None:
            drawn = self.legal(self.sample(rng, count))
            self.check("sample", drawn)
            return drawn
        genes = len(self.bounds)
        if self.permutes:
            return rng.permuted(np.tile(np.arange(genes, dtype=float), (count, 1)), axis=1)
        if self.polytope is not None:
            return self.polytope.draw(self.bounds, count, rng)
        low, high = self.bounds.T
        members = rng.uniform(low, high, size=(count, genes))
        if len(self.whole):
            least, most = (bound.astype(np.int64) for bound in self.whole_bounds)
            shape = (count, len(self.whole))
            members[:, self.whole] = rng.integers(least, most, size=shape, endpoint=True)
        return members


def gene_kinds(genes: str | Sequence[str], bounds: ArrayLike) -> tuple[str, ...] | None:
    """Return what each gene is, None if all are real.

    Args:
        genes: ``"real"``, ``"integer"``, ``"binary"`` or ``"permutation"`` for all genes, or one
            of these a gene.
        bounds: Rows (low, high), shape (genes, 2): some whole number for an integer gene, (0, 1)
            for a binary one, (0, n-1) for each gene of a permutation of n.

    Raises:
        ArgumentError: Not as many kinds as genes, a permutation of some genes only, or bounds
            that do not fit.
        UnknownNameError: There is no such kind.
    """
    box = np.asarray(bounds, dtype=float)
    kinds = _listed(genes, len(box))
    for kind in kinds:
        if kind not in KINDS:
            raise UnknownNameError("kind of gene", kind, KINDS)
    if "permutation" in kinds and set(kinds) != {"permutation"}:
        raise ArgumentError(
            "genes",
            'be "permutation" for all genes or for none',
            f"{kinds.count('permutation')} of {len(kinds)}",
        )
    for gene, (kind, (low, high)) in enumerate(zip(kinds, box.tolist(), strict=True)):
        _check_bounds(kind, gene, low, high, len(kinds))
    return None if set(kinds) == {"real"} else kinds


def _listed(genes: Any, count: int) -> tuple[str, ...]:
    if isinstance(genes, str):
        return (genes,) * count
    requirement = f"name a kind of gene, or one for each of the {count} genes"
    if not isinstance(genes, Sequence | np.ndarray):
        raise ArgumentError("genes", requirement, genes, f"Kinds: {', '.join(KINDS)}.")
    if len(genes) != count:
        raise ArgumentError("genes", requirement, f"{len(genes)} kinds")
    return tuple(map(str, genes))


def _check_bounds(kind: str, gene: int, low: float, high: float, count: int) -> None:
    wanted = {
        "real": True,
        "integer": np.ceil(low) <= np.floor(high),
        "binary": (low, high) == (0, 1),
        "permutation": (low, high) == (0, count - 1),
    }
    requirement = {
        "integer": "hold a whole number for an integer gene",
        "binary": "be (0, 1) for a binary gene",
        "permutation": f"be (0, {count - 1}) for each gene of a permutation of {count}",
    }
    if not wanted[kind]:
        raise ArgumentError("bounds", requirement[kind], f"({low:g}, {high:g}) for gene {gene}")
