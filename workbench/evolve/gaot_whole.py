"""Integer and binary genes under operators for real numbers: how they stay whole.

After a crossover each fraction is rounded at random, up with the probability of the fraction. A
bit thus comes from a parent with the very weight that this parent has in the mean, and each bit
for itself: the parametrised uniform crossover of W. M. Spears and K. A. De Jong, "On the virtues
of parameterized uniform crossover", ICGA 4, 1991. Rounding to the nearest was rejected: with one
weight for the pair, either all bits would be exchanged or none.

After a mutation each gene that moved makes a step of at least one, and a bit that moved flips:
steps that shrink with the generations, as those of real genes do, would leave it where it is.
"""

from __future__ import annotations

import numpy as np

from workbench.evolve.gaot_families import Floats
from workbench.evolve.space import Space


def crossed_whole(children: Floats, space: Space, rng: np.random.Generator) -> Floats:
    """Round the integer and binary genes of crossed members at random, in place.

    Args:
        children: Members (members, genes) between their parents, or beyond within the bounds.
        space: Says which genes are whole.
        rng: Source of one uniform for each such gene.
    """
    if len(space.whole):
        genes = children[:, space.whole]
        # A whole number stays itself: adding less than one does not reach the next.
        children[:, space.whole] = np.floor(genes + rng.random(genes.shape))
    return children


def inner(space: Space) -> Floats:
    """Return the bounds (genes, 2), those of integer and binary genes whole."""
    bounds = space.bounds.copy()
    bounds[space.whole] = np.stack(space.whole_bounds, axis=1)
    return bounds


def widened(space: Space) -> Floats:
    """Return the bounds (genes, 2), half a step wider for integer and binary genes.

    A uniform draw within them, rounded, makes all whole numbers equally likely.
    """
    bounds = space.bounds.copy()
    least, most = space.whole_bounds
    bounds[space.whole] = np.stack([least - 0.5, most + 0.5], axis=1)
    return bounds


def mutated_whole(parents: Floats, children: Floats, space: Space) -> Floats:
    """Make the steps of mutated integer genes whole, and flip the bits that moved, in place.

    Args:
        parents: Members (members, genes) before the mutation, their integer genes whole.
        children: The same members after it, within the widened bounds.
        space: Says which genes are whole.
    """
    if len(space.whole):
        before = parents[:, space.whole]
        step = children[:, space.whole] - before
        whole = np.where(step == 0, 0.0, np.copysign(np.maximum(np.rint(np.abs(step)), 1.0), step))
        least, most = space.whole_bounds
        genes = np.clip(before + whole, least, most)
        bits = space.bits
        genes[:, bits] = np.where(step[:, bits] == 0, before[:, bits], 1.0 - before[:, bits])
        children[:, space.whole] = genes
    return children
