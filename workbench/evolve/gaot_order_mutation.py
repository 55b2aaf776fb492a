"""Mutations for permutations: GAOT's five.

GAOT (C. R. Houck, J. A. Joines and M. G. Kay, NCSU-IE TR 95-09) ships them for its order-based
representation; Z. Michalewicz, "Genetic Algorithms + Data Structures = Evolution Programs", 1992,
chapter 10, describes them. Inversion is J. H. Holland's, 1975; of a round trip it exchanges two
edges, and it serves strings of bits as well.

Members are drawn with GAOT's half weight at both ends, places evenly; the operations follow one
another. What an operator does to one member, in place and from three uniforms, is all that its
function says; `order_mutation` makes the mutation of a population of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import numpy as np

from workbench.evolve.gaot_families import MUTATIONS, Floats, operator, rounded_draw
from workbench.evolve.gaot_order import two_cuts

Change = Callable[[Floats, list[float]], None]


def order_mutation(name: str, *kinds: str) -> Callable[[Change], Callable[..., Floats]]:
    """Return a decorator that makes an operator of the change of one member, and registers it.

    The operator takes members ``(members, genes)``, which it leaves as they are, the bounds and
    the fraction of the search that is over, both of no effect, a generator, and ``mutations``,
    the number of changes, one after the other.
    """

    def made(change: Change) -> Callable[..., Floats]:
        @operator(MUTATIONS, name, *kinds)
        @wraps(change)
        def mutation(
            members: Floats,
            bounds: Floats,
            elapsed: float,
            rng: np.random.Generator,
            *,
            mutations: int = 2,
        ) -> Floats:
            if members.shape[1] < 2:
                return members.copy()
            children, uniform = members.copy(), rng.random((mutations, 4))
            rows = rounded_draw(uniform[:, 0], len(members)).tolist()
            for row, drawn in zip(rows, uniform[:, 1:].tolist(), strict=True):
                change(children[row], drawn)
            return children

        del mutation.__wrapped__  # its own signature is the one that counts
        return mutation

    return made


@order_mutation("swapMutation", "permutation")
def swap_mutation(member: Floats, uniform: list[float]) -> None:
    """Exchange two different genes."""
    first, second = _two(uniform, len(member))
    member[first], member[second] = member[second], member[first]


@order_mutation("adjswapMutation", "permutation")
def adjacent_swap_mutation(member: Floats, uniform: list[float]) -> None:
    """Exchange a gene with the next one."""
    first = int(uniform[0] * (len(member) - 1))
    member[first], member[first + 1] = member[first + 1], member[first]


@order_mutation("threeswapMutation", "permutation")
def three_swap_mutation(member: Floats, uniform: list[float]) -> None:
    """Let three different genes change places in turn.

    Both directions are equally likely. GAOT draws any order of the three, and so leaves them as
    they were once in six times. Of two genes, both are exchanged.
    """
    n = len(member)
    first, second = _two(uniform, n)
    if n < 3:
        member[first], member[second] = member[second], member[first]
        return
    third = int(uniform[2] * (n - 2))
    for taken in sorted((first, second)):
        third += third >= taken
    member[[first, second, third]] = member[[second, third, first]]


@order_mutation("shiftMutation", "permutation")
def shift_mutation(member: Floats, uniform: list[float]) -> None:
    """Take one gene out, and put it in at another place."""
    start, end = _two(uniform, len(member))
    moved = member[start]
    if start < end:
        member[start:end] = member[start + 1 : end + 1].copy()
    else:
        member[end + 1 : start + 1] = member[end:start].copy()
    member[end] = moved


@order_mutation("inversionMutation", "permutation", "binary")
def inversion_mutation(member: Floats, uniform: list[float]) -> None:
    """Reverse the genes between two cuts."""
    start, end = two_cuts(uniform, len(member))
    member[start:end] = member[start:end][::-1].copy()


def _two(uniform: list[float], n: int) -> tuple[int, int]:
    """Return two different places, the order included."""
    first, second = int(uniform[0] * n), int(uniform[1] * (n - 1))
    return first, second + (second >= first)
