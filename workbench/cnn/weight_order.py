"""An order of the layers with weights that equal networks share, whatever they are called.

Files for interpreters keep the graph and lose the names of layers. The idea: both graphs are walked
from their outputs to their inputs, depth first and in the order of each operation's inputs, and a
layer counts once all before it have counted. For a network in a line that is the order in which
they run; for branches that are concatenated, that of the branches. Sums and products have no order
of their own, and converters swap their terms: there, the term with more layers before it goes
first. Two terms with as many stay as they are; where that is wrong, shapes do not fit, or the two
are of one shape and nobody can tell.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Site = TypeVar("Site")


@dataclass(frozen=True)
class Call(Generic[Site]):
    """An operation of a graph, as it is called once.

    Attributes:
        inputs: Names of the tensors that it takes, constants left out.
        outputs: Of those that it makes.
        sites: Its weights, in the order in which they are used.
        commutes: Whether its inputs may be swapped.
    """

    inputs: Sequence[Hashable]
    outputs: Sequence[Hashable]
    sites: Sequence[Site] = ()
    commutes: bool = False


def in_order(calls: Sequence[Call[Site]], outputs: Sequence[Hashable]) -> list[Site]:
    """Return the sites that ``outputs`` depend on, in an order that equal networks share.

    Args:
        calls: Each behind those whose outputs it takes.
        outputs: Of the network.
    """
    before = _before(calls, outputs)
    found: list[Site] = []
    seen: set[int] = set()
    stack = [(number, False) for number in reversed(before[-1])]
    while stack:
        number, ready = stack.pop()
        if ready:
            found += calls[number].sites
        elif number not in seen:
            seen.add(number)
            stack.append((number, True))
            stack += ((other, False) for other in reversed(before[number]))
    return found


def _before(calls: Sequence[Call[Site]], outputs: Sequence[Hashable]) -> list[list[int]]:
    """Return the calls that each call takes its inputs from, those of ``outputs`` at the end."""
    maker: dict[Hashable, int] = {}
    cones: list[int] = []  # a bit for each site that a call depends on
    before, sites = [], 0
    for number, call in enumerate((*calls, Call(outputs, ()))):
        others = [maker[tensor] for tensor in call.inputs if tensor in maker]
        cone = ((1 << len(call.sites)) - 1) << sites
        sites += len(call.sites)
        for other in others:
            cone |= cones[other]
        cones.append(cone)
        if call.commutes:
            others.sort(key=lambda other: -cones[other].bit_count())
        before.append(others)
        maker.update(dict.fromkeys(call.outputs, number))
    return before
