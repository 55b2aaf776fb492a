"""Mutations for permutations: GAOT's five.

GAOT (C. R. Houck, J. A. Joines and M. G. Kay, NCSU-IE TR 95-09) ships them for its order-based
representation; Z. Michalewicz, "Genetic Algorithms + Data Structures = Evolution Programs", 1992,
chapter 10, describes them. Inversion is J. H. Holland's, 1975; of a round trip it exchanges two
edges, and it serves strings of bits as well.

Members are drawn with GAOT's half weight at both ends, places evenly; the operations follow one
another. Neither the bounds nor the fraction of the search that is over are of any effect.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workbench.evolve.gaot_families import MUTATIONS, Floats, operator, rounded_draw
from workbench.evolve.gaot_order import two_cuts


@operator(MUTATIONS, "swapMutation", "permutation")
def swap_mutation(
    members: Floats,
    bounds: Floats,
    elapsed: float,
    rng: np.random.Generator,
    *,
    mutations: int = 2,
) -> Floats:
    """Exchange two different genes of random members.

    Args:
        members: Permutations, shape (members, genes); left as they are.
        bounds: Of no effect.
        elapsed: Of no effect.
        rng: Source of members and places.
        mutations: Number of mutations, one after the other.
    """
    return _changed(members, rng, mutations, _swap)


@operator(MUTATIONS, "adjswapMutation", "permutation")
def adjacent_swap_mutation(
    members: Floats,
    bounds: Floats,
    elapsed: float,
    rng: np.random.Generator,
    *,
    mutations: int = 2,
) -> Floats:
    """Exchange a gene of random members with the next one.

    Args:
        members: Permutations, shape (members, genes); left as they are.
        bounds: Of no effect.
        elapsed: Of no effect.
        rng: Source of members and places.
        mutations: Number of mutations, one after the other.
    """
    return _changed(members, rng, mutations, _adjacent)


@operator(MUTATIONS, "threeswapMutation", "permutation")
def three_swap_mutation(
    members: Floats,
    bounds: Floats,
    elapsed: float,
    rng: np.random.Generator,
    *,
    mutations: int = 2,
) -> Floats:
    """Let three different genes of random members change places in turn.

    Both directions are equally likely. GAOT draws any order of the three, and so leaves them as
    they were once in six times. Of two genes, both are exchanged.

    Args:
        members: Permutations, shape (members, genes); left as they are.
        bounds: Of no effect.
        elapsed: Of no effect.
        rng: Source of members and places.
        mutations: Number of mutations, one after the other.
    """
    return _changed(members, rng, mutations, _three)


@operator(MUTATIONS, "shiftMutation", "permutation")
def shift_mutation(
    members: Floats,
    bounds: Floats,
    elapsed: float,
    rng: np.random.Generator,
    *,
    mutations: int = 2,
) -> Floats:
    """Take one gene of random members out, and put it in at another place.

    Args:
        members: Permutations, shape (members, genes); left as they are.
        bounds: Of no effect.
        elapsed: Of no effect.
        rng: Source of members and places.
        mutations: Number of mutations, one after the other.
    """
    return _changed(members, rng, mutations, _shift)


@operator(MUTATIONS, "inversionMutation", "permutation", "binary")
def inversion_mutation(
    members: Floats,
    bounds: Floats,
    elapsed: float,
    rng: np.random.Generator,
    *,
    mutations: int = 2,
) -> Floats:
    """Reverse the genes between two cuts of random members.

    Args:
        members: Permutations or bits, shape (members, genes); left as they are.
        bounds: Of no effect.
        elapsed: Of no effect.
        rng: Source of members and cuts.
        mutations: Number of mutations, one after the other.
    """
    return _changed(members, rng, mutations, _invert)


def _changed(
    members: Floats,
    rng: np.random.Generator,
    mutations: int,
    change: Callable[[Floats, list[float]], None],
) -> Floats:
    if members.shape[1] < 2:
        return members.copy()
    children, uniform = members.copy(), rng.random((mutations, 4))
    rows = rounded_draw(uniform[:, 0], len(members)).tolist()
    for row, drawn in zip(rows, uniform[:, 1:].tolist(), strict=True):
        change(children[row], drawn)
    return children


def _two(uniform: list[float], n: int) -> tuple[int, int]:
    """Return two different places, the order included."""
    first, second = int(uniform[0] * n), int(uniform[1] * (n - 1))
    return first, second + (second >= first)


def _swap(member: Floats, uniform: list[float]) -> None:
    first, second = _two(uniform, len(member))
    member[first], member[second] = member[second], member[first]


def _adjacent(member: Floats, uniform: list[float]) -> None:
    first = int(uniform[0] * (len(member) - 1))
    member[first], member[first + 1] = member[first + 1], member[first]


def _three(member: Floats, uniform: list[float]) -> None:
    n = len(member)
    if n < 3:
        return _swap(member, uniform)
    first, second = _two(uniform, n)
    third = int(uniform[2] * (n - 2))
    for taken in sorted((first, second)):
        third += third >= taken
    member[[first, second, third]] = member[[second, third, first]]


def _shift(member: Floats, uniform: list[float]) -> None:
    start, end = _two(uniform, len(member))
    moved = member[start]
    if start < end:
        member[start:end] = member[start + 1 : end + 1].copy()
    else:
        member[end + 1 : start + 1] = member[end:start].copy()
    member[end] = moved


def _invert(member: Floats, uniform: list[float]) -> None:
    start, end = two_cuts(uniform, len(member))
    member[start:end] = member[start:end][::-1].copy()
