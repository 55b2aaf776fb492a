"""All channels of a model, and which of them stay or go together.

Source: see `workbench.compress.channel_call`. The rules of the layers are asked one by one along
the graph; what they tie are edges between numbers, and the connected components are the units of
pruning. A component with a number that must stay (the image, the outputs) stays.

Units that were made by the same kernels and go into the same tensors are a *group*: the channels of
a convolution, or of all the convolutions whose outputs a chain of shortcuts adds up; where a split
sends them different ways, those of one way. Within a group the worst can be found; and since every
tensor consists of whole groups, it loses the share that all of them lose.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras
import numpy as np
from keras import tree
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from workbench.compress import kernel_rules as kernel_rules
from workbench.compress import order_rules as order_rules
from workbench.compress.channel_call import Call, Channels, Kept, Use
from workbench.compress.channel_rules import rule_for
from workbench.compress.graph_run import functional, is_nested, run
from workbench.errors import ModelError, UnknownNameError


@dataclass(frozen=True)
class Group:
    """Units that the same kernels make and that go into the same tensors.

    Attributes:
        layers: Names of the layers with these kernels.
        units: Numbers of the units.
    """

    layers: tuple[str, ...]
    units: NDArray[np.intp]


@dataclass(eq=False)
class ChannelGraph:
    """What `channel_graph` found.

    Attributes:
        model: The model.
        size: How many channels there are; they have the numbers below.
        calls: What the rule of each layer says, by the layer's identity; its first call's.
        ties: Of all calls; see `Call`.
        pinned: Likewise.
        balances: Likewise.
        tensors: The channels of each symbolic tensor of the model, by its identity.
        names: Of the layers, by their identity, with those of the models around them.
    """

    model: keras.Model
    size: int = 0
    calls: dict[int, Call] = field(default_factory=dict)
    ties: list[tuple[Channels, Channels]] = field(default_factory=list)
    pinned: list[Channels] = field(default_factory=list)
    balances: list[Channels] = field(default_factory=list)
    tensors: dict[int, Channels] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)

    @property
    def uses(self) -> list[Use]:
        """All weights that have channels."""
        return [use for call in self.calls.values() for use in call.uses]

    @cached_property
    def units(self) -> NDArray[np.intp]:
        """For each channel the number of its unit."""
        one, other = (
            np.concatenate([pair[side] for pair in self.ties] or [np.zeros(0, np.intp)])
            for side in (0, 1)
        )
        edges = coo_array((np.ones(len(one), np.int8), (one, other)), (self.size, self.size))
        return connected_components(edges, directed=False)[1].astype(np.intp)

    @cached_property
    def stuck(self) -> NDArray[np.bool_]:
        """For each unit whether it must stay."""
        stuck = np.zeros(self.units.max(initial=-1) + 1, dtype=bool)
        for channels in self.pinned:
            stuck[self.units[channels]] = True
        return stuck

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The groups of units that may go."""
        births = [use for use in self.uses if use.birth]
        makers = self._holders([use.made for use in births])
        tensors = {id(channels): channels for channels in self.tensors.values()}
        holders = self._holders(list(tensors.values()))
        members: dict[tuple[Any, Any], list[int]] = {}
        for unit in np.flatnonzero(~self.stuck):
            members.setdefault((makers[unit], holders[unit]), []).append(int(unit))
        return tuple(
            Group(tuple(self.names[id(births[i].layer)] for i in made), np.array(units))
            for (made, _), units in members.items()
        )

    def _holders(self, vectors: Sequence[Channels]) -> list[tuple[int, ...]]:
        """Return for each unit the numbers of the vectors that have channels of it."""
        found: list[list[int]] = [[] for _ in self.stuck]
        for number, channels in enumerate(vectors):
            for unit in np.unique(self.units[channels]):
                found[unit].append(number)
        return [tuple(numbers) for numbers in found]

    def kept(self, stays: NDArray[np.bool_]) -> Kept:
        """Return the decision by channels that is one by units."""
        return Kept(stays[self.units])

    def macs(self, kept: Kept) -> float:
        """Return the MACs of what stays; NaN if the model takes images of any size."""
        return sum(use.macs(kept) for use in self.uses)

    def fresh(self, count: int) -> Channels:
        """Return new numbers."""
        self.size += count
        return np.arange(self.size - count, self.size)

    def take_up(self, call: Call) -> None:
        """Add what a rule has said."""
        self.ties += call.ties
        self.pinned += call.pinned
        self.balances += call.balances


def channel_graph(model: keras.Model, keep: Iterable[str] = ()) -> ChannelGraph:
    """Number the channels of a model, and find which of them go together.

    Args:
        model: Functional or sequential.
        keep: Names of layers whose outputs keep all channels; those in nested models have the
            model's name before theirs: ``"backbone/conv1"``.

    Raises:
        ModelError: No functional model, or it has a layer without a rule.
        UnknownNameError: There is no layer of a name in ``keep``.
    """
    keep = (keep,) if isinstance(keep, str) else tuple(keep)
    graph = ChannelGraph(model)
    inputs = [graph.fresh(_width(x)) for x in functional(model).inputs]
    outputs = _Numbering(graph, keep).model(model, inputs, "")
    graph.pinned += inputs + outputs
    for name in keep:
        if name not in graph.names.values():
            raise UnknownNameError("layer", name, graph.names.values())
    return graph


class _Numbering:
    """Goes through a model and asks the rules."""

    def __init__(self, graph: ChannelGraph, keep: Sequence[str]):
        self._graph, self._keep = graph, keep
        self._outputs: dict[int, Sequence[Channels]] = {}

    def model(self, model: Any, inputs: Sequence[Channels], path: str) -> list[Channels]:
        """Return the channels of a model's outputs."""
        known = self._graph.tensors
        tensors = functional(model).inputs
        if id(tensors[0]) in known:  # a model that is called again
            for tensor, channels in zip(tensors, inputs, strict=True):
                self._graph.ties.append((known[id(tensor)], channels))
        known.update(zip(map(id, tensors), inputs, strict=True))
        return run(model, inputs, lambda node, values: self._node(node, values, path))

    def _node(self, node: Any, inputs: Sequence[Channels], path: str) -> Sequence[Channels]:
        operation, graph = node.operation, self._graph
        name = graph.names[id(operation)] = path + operation.name
        if is_nested(operation):
            outputs: Sequence[Channels] = self.model(operation, inputs, f"{name}/")
        else:
            outputs = self._layer(node, inputs, name)
        if name in self._keep:
            graph.pinned += outputs
        graph.tensors.update(zip(map(id, node.outputs), outputs, strict=True))
        return outputs

    def _layer(self, node: Any, inputs: Sequence[Channels], name: str) -> Sequence[Channels]:
        layer, graph = node.operation, self._graph
        call = _call(node, inputs, graph)
        outputs = rule_for(layer, name)(call)
        _check(outputs, node, name)
        graph.take_up(call)
        if name in self._keep:
            graph.pinned += call.made
        first = graph.calls.setdefault(id(layer), call)
        before = self._outputs.setdefault(id(layer), outputs)
        if first is not call and call.ties_layer:
            self._tie(first, call)
            graph.ties += list(zip(before, outputs, strict=True))
        return outputs

    def _tie(self, first: Call, again: Call) -> None:
        """Let a layer's weights be cut alike in all of its calls."""
        self._graph.ties += list(zip(first.inputs, again.inputs, strict=True))
        for use, other in zip(first.uses, again.uses, strict=True):
            use.positions += other.positions
            for one, two in zip(use.axes, other.axes, strict=True):
                if one is not None and two is not None:
                    self._graph.ties.append((one, two))


def _call(node: Any, inputs: Sequence[Channels], graph: ChannelGraph) -> Call:
    leaves = tree.flatten((node.arguments.args, node.arguments.kwargs))
    return Call(
        node.operation,
        list(inputs),
        [tuple(x.shape) for x in node.input_tensors],
        [tuple(x.shape) for x in node.outputs],
        [x for x in leaves if x is not None and not isinstance(x, keras.KerasTensor)],
        graph.fresh,
    )


def _check(outputs: Sequence[Channels], node: Any, name: str) -> None:
    """Raise unless a rule has given as many channels as there are."""
    wanted = [_width(x) for x in node.outputs]
    if [len(channels) for channels in outputs] != wanted:
        raise ModelError(
            f"The rule for the layer {name!r} ({type(node.operation).__name__}) returned "
            f"{[len(channels) for channels in outputs]} channels, and its outputs have {wanted}. "
            "Register another rule, or build the layer from ones that have one."
        )


def _width(tensor: Any) -> int:
    width = tensor.shape[-1] if len(tensor.shape) > 1 else 1
    if width is None:
        raise ModelError(
            f"The tensor {tensor.name!r} has shape {tuple(tensor.shape)}, with an unknown number "
            "of channels. Give it to keras.Input."
        )
    return int(width)
