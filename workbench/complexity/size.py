"""Depth and width of a network, as papers count them.

Convention. Depth is the number of convolutions and linear layers on the longest path from an input
to an output: 50 for ResNet-50, whose batch norms and shortcuts do not count. The two layers of a
squeeze-and-excitation gate lie on a path as well, so a network with gates is deeper than its name
says. Width is the largest number of channels (or units) that one of these layers puts out.
"""

from __future__ import annotations

from collections.abc import Callable

from workbench.complexity.step import Graph, Step


def depth(graph: Graph, macs: Callable[[Step], int]) -> int:
    """Return the most steps with MACs on any path."""
    before = dict.fromkeys(map(id, graph.inputs), 0)
    for step in graph.steps:
        deepest = max((before[id(x)] for x in step.inputs), default=0) + (macs(step) > 0)
        before.update((id(x), deepest) for x in step.outputs)
    return max(before[id(x)] for x in graph.outputs)


def width(graph: Graph, macs: Callable[[Step], int]) -> int:
    """Return the most channels that a step with MACs puts out."""
    return max((_channels(step) for step in graph.steps if macs(step)), default=0)


def _channels(step: Step) -> int:
    first = getattr(step.operation, "data_format", None) == "channels_first"
    return step.outputs[0].shape[1 if first else -1]
