"""Linear constraints of a search: a polytope, and how members get into it.

A method moves members about in the box of the bounds. One beyond a constraint is pulled towards
the centre of the largest ball that the polytope holds (S. Boyd and L. Vandenberghe, Convex
Optimization, section 8.5.1), as far as the face it has crossed; the polytope is convex, so all of
the way from there to the centre is allowed. The objective and the caller see the pulled member.
Pulling serves every method and needs no weight, as a penalty would, and no evaluation of members
that are not allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ArgumentError

Floats = NDArray[np.float64]

_SHRINK = 1 - 1e-12  # of the way to a face, so that rounding does not lead beyond it
_ROUNDS = 30  # of drawing anew before what is left is pulled


@dataclass(frozen=True)
class Polytope:
    """The points x with ``normals @ x <= offsets``.

    Attributes:
        normals: Shape (faces, genes).
        offsets: Shape (faces,).
        centre: A point well inside, shape (genes,).
    """

    normals: Floats
    offsets: Floats
    centre: Floats

    def holds(self, members: Floats) -> NDArray[np.bool_]:
        """Return which of the members (n, genes) keep to all constraints."""
        return np.all(members @ self.normals.T <= self.offsets, axis=1)

    def pulled(self, members: Floats) -> Floats:
        """Return members (n, genes), those outside pulled in; the very argument if none is."""
        outside = ~self.holds(members)
        if not outside.any():
            return members
        away = members[outside] - self.centre
        slack = self.offsets - self.normals @ self.centre  # positive
        reach = (away @ self.normals.T / slack).max(axis=1)  # above 1 beyond a face
        inside = members.copy()
        inside[outside] = self.centre + away * (_SHRINK / np.maximum(reach, 1.0))[:, None]
        return inside

    def draw(self, bounds: Floats, count: int, rng: np.random.Generator) -> Floats:
        """Return members drawn uniformly, shape (count, genes).

        Where hardly any point of the box keeps to the constraints, those that were not found in
        some rounds are pulled in.
        """
        low, high = bounds.T
        members = rng.uniform(low, high, size=(count, len(low)))
        for _ in range(_ROUNDS):
            outside = ~self.holds(members)
            if not outside.any():
                break
            members[outside] = rng.uniform(low, high, size=(int(outside.sum()), len(low)))
        return self.pulled(members)


def polytope_of(constraints: Any, bounds: Floats) -> Polytope | None:
    """Return the polytope of constraints, None where there are none.

    Args:
        constraints: A `scipy.optimize.LinearConstraint`, or a sequence of them.
        bounds: Rows (low, high), shape (genes, 2).

    Raises:
        ArgumentError: Another kind of constraint, wrong shapes, equalities, or constraints that
            contradict one another within the bounds.
    """
    from scipy.optimize import LinearConstraint

    given = constraints if isinstance(constraints, Sequence) else [constraints]
    normals, offsets = [np.empty((0, len(bounds)))], [np.empty(0)]
    for constraint in given:
        if not isinstance(constraint, LinearConstraint):
            raise ArgumentError(
                "constraints",
                "be scipy.optimize.LinearConstraint or a sequence of them",
                f"a {type(constraint).__name__}",
                "Return numpy.inf from the objective for what another constraint forbids.",
            )
        A = np.atleast_2d(np.asarray(constraint.A, dtype=float))
        if A.shape[1] != len(bounds) or not np.isfinite(A).all():
            raise ArgumentError(
                "constraints", f"have finite rows of {len(bounds)} genes", f"shape {A.shape}"
            )
        low, high = (
            np.broadcast_to(end, len(A)).astype(float) for end in (constraint.lb, constraint.ub)
        )
        normals += [A[high < np.inf], -A[low > -np.inf]]
        offsets += [high[high < np.inf], -low[low > -np.inf]]
    rows, limits = np.concatenate(normals), np.concatenate(offsets)
    return Polytope(rows, limits, _centre(rows, limits, bounds)) if len(rows) else None


def _centre(normals: Floats, offsets: Floats, bounds: Floats) -> Floats:
    """Return the centre of the largest ball within constraints and bounds, in units of these."""
    from scipy.optimize import linprog

    low, width = bounds[:, 0], np.ptp(bounds, axis=1)
    scaled, limits = normals * width, offsets - normals @ low
    length = np.linalg.norm(scaled, axis=1)
    box = np.eye(len(bounds))[width > 0]
    ones = np.ones(len(box))
    rows = np.r_[np.c_[scaled, length], np.c_[box, ones], np.c_[-box, ones]]
    found = linprog(
        np.r_[np.zeros(len(bounds)), -1.0],
        A_ub=rows,
        b_ub=np.r_[limits, ones, 0 * ones],
        bounds=[(0, 1)] * len(bounds) + [(0, None)],
    )
    if found.x is None or found.x[-1] < 1e-9:
        raise ArgumentError(
            "constraints",
            "leave room within the bounds",
            "constraints that contradict one another, or equalities",
            "Replace an equality by solving it for one of the genes.",
        )
    return low + width * found.x[:-1]
