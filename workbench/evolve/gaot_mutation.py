"""Mutations for members of numbers: GAOT's five, and the textbook's.

Sources: C. R. Houck, J. A. Joines and M. G. Kay, NCSU-IE TR 95-09, section 3.2, after
Z. Michalewicz, "Genetic Algorithms + Data Structures = Evolution Programs", 1992; the textbook is
"MATLAB Neural Networks: 30 cases".

A mutation takes members ``(members, genes)``, the bounds ``(genes, 2)``, the fraction of the search
that is over, g/G, and a generator. The second of two that meet the same member starts from what
the first has left. Integer and binary genes are mutated like real ones;
`workbench.evolve.gaot_whole` makes steps of whole numbers of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.evolve.gaot_families import MUTATIONS, Floats, Indices, operator, rounded_draw


@operator(MUTATIONS, "nonUnifMutation", "real", "integer", "binary")
def non_uniform_mutation(
    members: Floats,
    bounds: Floats,
    elapsed: float,
    rng: np.random.Generator,
    *,
    mutations: int = 2,
    shape: float = 3.0,
) -> Floats:
    """Move one gene of random members towards a bound, less and less far.

    The step is (distance to the bound) (U (1-g/G))^b in a fair direction (TR 95-09, section
    3.2). Member and gene are drawn with GAOT's half weight at both ends.

    Args:
        members: Population, shape (members, genes); left as it is.
        bounds: Rows (low, high), shape (genes, 2).
        elapsed: Fraction of the search that is over, g/G.
        rng: Source of members, genes, directions and steps.
        mutations: Number of mutations, one after the other.
        shape: The exponent b; a larger one makes smaller steps.
    """
    rows, places, uniform = _places(members, mutations, rng)
    return _mutated(members, bounds, elapsed, shape, rows, places, uniform)


@operator(MUTATIONS, "multiNonUnifMutation", "real")
def multi_non_uniform_mutation(
    members: Floats,
    bounds: Floats,
    elapsed: float,
    rng: np.random.Generator,
    *,
    mutations: int = 2,
    shape: float = 3.0,
) -> Floats:
    """Move all genes of random members, each by the law of `non_uniform_mutation`.

    It does not serve whole numbers: half of the bits of a member would flip.

    Args:
        members: Population, shape (members, genes); left as it is.
        bounds: Rows (low, high), shape (genes, 2).
        elapsed: Fraction of the search that is over, g/G.
        rng: Source of members, and of a direction and a step for each gene.
        mutations: Number of members, one after the other.
        shape: The exponent b; a larger one makes smaller steps.
    """
    n, genes = members.shape
    children, rows = members.copy(), rounded_draw(rng.random(mutations), n)
    uniform = rng.random((mutations, 2, genes))
    goals = np.where(uniform[:, 0] >= 0.5, bounds[:, 1], bounds[:, 0])
    steps = (uniform[:, 1] * (1.0 - elapsed)) ** shape
    for row, goal, step in zip(rows.tolist(), goals, steps, strict=True):
        children[row] += (goal - children[row]) * step
    return children


@operator(MUTATIONS, "unifMutation", "real", "integer", "binary")
def uniform_mutation(
    members: Floats,
    bounds: Floats,
    elapsed: float,
    rng: np.random.Generator,
    *,
    mutations: int = 2,
) -> Floats:
    """Draw one gene of random members anew, uniformly within its bounds.

    Args:
        members: Population, shape (members, genes); left as it is.
        bounds: Rows (low, high), shape (genes, 2).
        elapsed: Of no effect.
        rng: Source of members, genes and values.
        mutations: Number of mutations, one after the other.
    """
    rows, places, uniform = _places(members, mutations, rng)
    low, high = bounds[places].T
    children = members.copy()
    children[rows, places] = low + (high - low) * uniform[:, 0]
    return children


@operator(MUTATIONS, "boundaryMutation", "real", "integer", "binary")
def boundary_mutation(
    members: Floats,
    bounds: Floats,
    elapsed: float,
    rng: np.random.Generator,
    *,
    mutations: int = 2,
) -> Floats:
    """Put one gene of random members on one of its bounds, by a fair coin.

    Args:
        members: Population, shape (members, genes); left as it is.
        bounds: Rows (low, high), shape (genes, 2).
        elapsed: Of no effect.
        rng: Source of members, genes and bounds.
        mutations: Number of mutations, one after the other.
    """
    rows, places, uniform = _places(members, mutations, rng)
    children = members.copy()
    children[rows, places] = bounds[places, (uniform[:, 0] >= 0.5).astype(np.intp)]
    return children


@operator(MUTATIONS, "binaryMutation", "binary")
def binary_mutation(
    members: Floats,
    bounds: Floats,
    elapsed: float,
    rng: np.random.Generator,
    *,
    mutations: int = 2,
    bit_probability: float | None = None,
) -> Floats:
    """Flip each bit of random members with a given probability.

    Args:
        members: Population of zeros and ones, shape (members, genes); left as it is.
        bounds: Of no effect.
        elapsed: Of no effect.
        rng: Source of members and of a uniform for each bit.
        mutations: Number of members, one after the other, with GAOT's half weight at both ends.
        bit_probability: Probability of flipping a bit; None is 1/genes, one bit on average
            (H. Mühlenbein, "How genetic algorithms really work", PPSN 2, 1992).
    """
    n, genes = members.shape
    probability = 1 / genes if bit_probability is None else bit_probability
    children, rows = members.copy(), rounded_draw(rng.random(mutations), n)
    flips = rng.random((mutations, genes)) < probability
    for row, flip in zip(rows.tolist(), flips, strict=True):
        children[row, flip] = 1.0 - children[row, flip]
    return children


@operator(MUTATIONS, "geneMutation", "real", "integer", "binary")
def gene_mutation(
    members: Floats,
    bounds: Floats,
    elapsed: float,
    rng: np.random.Generator,
    *,
    mutation_probability: float = 0.1,
    shape: float = 2.0,
) -> Floats:
    """Mutate one gene of each member with a given probability: the textbook's ``Mutation``.

    The step follows the law of `non_uniform_mutation`; all genes are equally likely.

    Args:
        members: Population, shape (members, genes); left as it is.
        bounds: Rows (low, high), shape (genes, 2).
        elapsed: Fraction of the search that is over, g/G.
        rng: Source of members, genes, directions and steps.
        mutation_probability: Probability of mutating a member, in [0, 1].
        shape: The exponent b; a larger one makes smaller steps.
    """
    n, genes = members.shape
    uniform = rng.random((n, 4))
    rows = np.flatnonzero(uniform[:, 0] < mutation_probability)
    places = (uniform[rows, 1] * genes).astype(np.intp)
    return _mutated(members, bounds, elapsed, shape, rows, places, uniform[rows, 2:])


def _places(
    members: Floats, mutations: int, rng: np.random.Generator
) -> tuple[Indices, Indices, Floats]:
    """Return members and genes to mutate, with two uniforms for each."""
    n, genes = members.shape
    uniform = rng.random((mutations, 4))
    return rounded_draw(uniform[:, 0], n), rounded_draw(uniform[:, 1], genes), uniform[:, 2:]


def _mutated(
    members: Floats,
    bounds: Floats,
    elapsed: float,
    shape: float,
    rows: Indices,
    places: Indices,
    uniform: NDArray[Any],
) -> Floats:
    children = members.copy()
    upwards = (uniform[:, 0] >= 0.5).astype(np.intp)
    goals = bounds[places, upwards].tolist()
    steps = ((uniform[:, 1] * (1.0 - elapsed)) ** shape).tolist()
    for row, gene, goal, step in zip(rows.tolist(), places.tolist(), goals, steps, strict=True):
        children[row, gene] += (goal - children[row, gene]) * step
    return children
