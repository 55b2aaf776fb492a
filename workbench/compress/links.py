"""Who reads what in the graph of a model: which layers stand directly one behind the other.

Two layers can only be merged, or exchange a factor, if nothing else sees what goes between them and
if each stands in one place only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import keras

from workbench.compress.graph_run import functional, is_nested


class Links:
    """The readers of every tensor in one graph, nested models being single nodes of it."""

    def __init__(self, model: Any):
        graph = functional(model)
        self.nodes = [
            node
            for depth in sorted(graph._nodes_by_depth, reverse=True)
            for node in graph._nodes_by_depth[depth]
            if not node.is_input
        ]
        self._calls = Counter(id(node.operation) for node in self.nodes)
        self._readers: dict[int, list[Any]] = {}
        for node in self.nodes:
            for tensor in node.input_tensors:
                self._readers.setdefault(id(tensor), []).append(node)
        self._returned = {id(tensor) for tensor in graph.outputs}

    def once(self, node: Any) -> bool:
        """Say whether the node's layer stands in this place only."""
        return self._calls[id(node.operation)] == 1

    def behind(self, node: Any) -> Any | None:
        """Return the node that alone reads what this one puts out, None if there is none."""
        if len(node.outputs) != 1 or id(node.outputs[0]) in self._returned:
            return None
        readers = self._readers.get(id(node.outputs[0]), [])
        only = readers[0] if len(readers) == 1 else None
        return only if only is not None and len(only.input_tensors) == 1 else None


def graphs(model: keras.Model) -> Iterator[Any]:
    """Yield a model and all models nested in it, each once."""
    seen: set[int] = set()
    waiting = [model]
    while waiting:
        each = waiting.pop()
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            operations = (node.operation for node in Links(each).nodes)
            waiting += [operation for operation in operations if is_nested(operation)]
