"""Deb's operators for real genes, and plain ones for whole genes, on all pairs at once.

Sources: K. Deb and R. B. Agrawal, "Simulated binary crossover for continuous search space", Complex
Systems 9, 1995; K. Deb and M. Goyal, "A combined genetic adaptive search (GeneAS) for engineering
design", Computer Science and Informatics 26(4), 1996, for the polynomial mutation; both with the
bounds taken into the distribution, as in the authors' code of NSGA-II.

Both keep near the parents, by a distribution index: 15 to 20 are usual, lower steps are wider. A
whole gene with few values would hardly ever move by them, so it is exchanged between the parents
with even odds, and redrawn among all its values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.evolve.space import Space

Floats = NDArray[np.float64]

# Genes of two parents nearer than this are equal: the ratio below would overflow.
_EQUAL = 1e-14


def crossed(
    first: Floats, second: Floats, space: Space, index: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return two children of each pair of parents, arrays ``(pairs, genes)``.

    Each gene is crossed with even odds, and handed on as it is otherwise.

    Args:
        first: One parent of each pair, ``(pairs, genes)``.
        second: The other.
        space: Bounds and kinds of the genes.
        index: Distribution index of the crossover.
        rng: Source of the random numbers.
    """
    low, high = space.bounds.T
    less, more = np.minimum(first, second), np.maximum(first, second)
    apart = more - less
    chosen = (rng.random(first.shape) < 0.5) & (apart > _EQUAL)
    spread = np.where(apart > _EQUAL, apart, 1.0)
    drawn = rng.random(first.shape)
    middle = (less + more) / 2
    near_low = middle - _factor(drawn, (less - low) / spread, index) * spread / 2
    near_high = middle + _factor(drawn, (high - more) / spread, index) * spread / 2
    swapped = rng.random(first.shape) < 0.5
    one = np.where(swapped, near_high, near_low)
    other = np.where(swapped, near_low, near_high)
    whole = space.whole
    one[:, whole] = np.where(swapped, second, first)[:, whole]
    other[:, whole] = np.where(swapped, first, second)[:, whole]
    children = np.where(chosen, one, first), np.where(chosen, other, second)
    return np.clip(children[0], low, high), np.clip(children[1], low, high)


def _factor(drawn: Floats, room: Floats, index: float) -> Floats:
    """Return the children's distance in that of the parents (Deb and Agrawal, equation 7).

    Args:
        drawn: Uniform numbers.
        room: From the outer parent to the bound, in the parents' distance.
        index: Distribution index.
    """
    power = 1 / (index + 1)
    share = 2 - (1 + 2 * room) ** -(index + 1.0)  # of the distribution within the bounds
    inner = drawn <= 1 / share
    return np.where(inner, drawn * share, 1 / np.where(inner, 1.0, 2 - drawn * share)) ** power


def mutated(
    members: Floats, space: Space, probability: float, index: float, rng: np.random.Generator
) -> Floats:
    """Return members with some genes changed, ``(members, genes)``.

    Args:
        members: Shape ``(members, genes)``.
        space: Bounds and kinds of the genes.
        probability: Of changing a gene.
        index: Distribution index of the mutation.
        rng: Source of the random numbers.
    """
    low, high = space.bounds.T
    drawn, power = rng.random(members.shape), 1 / (index + 1)
    rise = drawn > 0.5
    away = np.where(rise, high - members, members - low) / (high - low)
    tail = np.where(rise, 2 * (1 - drawn), 2 * drawn)
    step = 1 - (tail + (1 - tail) * (1 - away) ** (index + 1)) ** power
    moved = members + np.where(rise, step, -step) * (high - low)
    if len(space.whole):
        least, most = (bound.astype(np.int64) for bound in space.whole_bounds)
        shape = (len(members), len(space.whole))
        moved[:, space.whole] = rng.integers(least, most, size=shape, endpoint=True)
    changed = rng.random(members.shape) < probability
    return np.clip(np.where(changed, moved, members), low, high)
