"""The most memory that activations take at once.

Source of the idea: the liveness analysis of register allocation; M. Sandler et al.,
"MobileNetV2", 2018, arXiv:1801.04381, section 5.1, count a network's working memory so.

Convention. Steps run one after the other in the order of the graph, in inference. A tensor lives
from the step that writes it until the last step that reads it has ended; inputs live from the
start, and what the model returns to the end. Nothing is computed in place, weights do not count,
and neither does the scratch space of an operation.
"""

from __future__ import annotations

from collections.abc import Callable

from workbench.complexity.step import Graph, Step, size_in_bytes


def activation_peak(graph: Graph, is_view: Callable[[Step], bool]) -> int:
    """Return the peak in bytes.

    Args:
        graph: The model, spread out.
        is_view: Whether a step's output is its input in another shape, without memory of its own.
    """
    home = {id(x): id(x) for x in graph.inputs}  # whose memory a tensor lies in
    sizes = {id(x): size_in_bytes(x) for x in graph.inputs}
    last_use = dict.fromkeys(sizes, -1)
    for number, step in enumerate(graph.steps):
        for x in step.inputs:
            last_use[home[id(x)]] = number
        for x in step.outputs:
            view = is_view(step) and step.inputs
            home[id(x)] = home[id(step.inputs[0])] if view else id(x)
            sizes.setdefault(home[id(x)], size_in_bytes(x))
            last_use[home[id(x)]] = number
    for x in graph.outputs:
        last_use[home[id(x)]] = len(graph.steps)
    return _peak(graph, home, sizes, last_use)


def _peak(
    graph: Graph, home: dict[int, int], sizes: dict[int, int], last_use: dict[int, int]
) -> int:
    live = {home[id(x)] for x in graph.inputs}
    now = peak = sum(sizes[x] for x in live)
    for number, step in enumerate(graph.steps):
        new = {home[id(x)] for x in step.outputs} - live
        live |= new
        now += sum(sizes[x] for x in new)
        peak = max(peak, now)
        touched = {home[id(x)] for x in (*step.inputs, *step.outputs)}
        over = {x for x in touched & live if last_use[x] <= number}
        live -= over
        now -= sum(sizes[x] for x in over)
    return peak
