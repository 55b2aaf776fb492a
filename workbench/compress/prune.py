"""Structured pruning: a really smaller network, for any functional model.

Sources: H. Li et al., "Pruning Filters for Efficient ConvNets", 2017, arXiv:1608.08710 (filters as
a whole go, and nothing is masked); G. Fang et al., "DepGraph: Towards Any Structural Pruning",
2023, arXiv:2301.12900 (what must go together); P. Molchanov et al., "Pruning Convolutional Neural
Networks for Resource Efficient Inference", 2017, arXiv:1611.06440 (a little at a time, and training
in between). The parts: `channel_graph` numbers the channels, `criteria` scores them, `selection`
chooses, `rebuild` makes the smaller model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Literal, TypeAlias, get_args

import keras
import numpy as np
from numpy.typing import NDArray

from workbench import checks
from workbench.compress import gate_weights as gate_weights
from workbench.compress import taylor as taylor
from workbench.compress.channel_graph import ChannelGraph, channel_graph
from workbench.compress.criteria import Subject, score
from workbench.compress.rebuild import rebuild
from workbench.compress.selection import select, sizes_by_layer, sizes_by_rank
from workbench.errors import ArgumentError

Scope = Literal["layer", "global"]
FineTune: TypeAlias = Callable[[keras.Model, int], Any]
HALVINGS = 10  # of the interval of amounts: 1 / 1024 is about a channel of the widest layers
MOST = 1 - 2**-HALVINGS


@dataclass(frozen=True)
class _Rules:
    """How much may go, and from where."""

    scope: str
    min_channels: int
    round_to: int


def prune_channels(
    model: keras.Model,
    amount: float = 0.5,
    *,
    target_macs: float | None = None,
    criterion: str | Callable[[Any], Any] = "l1",
    data: Any = None,
    labels: Any = None,
    steps: int = 1,
    fine_tune: FineTune | None = None,
    round_to: int = 1,
    min_channels: int = 1,
    keep: Sequence[str] = (),
    scope: Scope = "layer",
    seed: checks.Seed = None,
) -> keras.Model:
    """Return a smaller model, without the channels that are worth least.

    Channels that only go together (by sums, gates, shuffles, depthwise convolutions) are one unit;
    those of the image and of the outputs stay. What remains has the weights that it had. Nothing
    but the removed channels changes: the result computes what the model would if their values
    were zero. The model itself stays as it is.

    Args:
        model: Functional or sequential, of the zoo or not; nested models and layers that are
            called several times are welcome.
        amount: Share of the units that goes, 0 to below 1. Half of them leave about a quarter of
            the MACs.
        target_macs: MACs that may remain, instead of ``amount``: a share of the model's if below
            1, otherwise a number. The smallest amount is taken that fulfils it.
        criterion: What a channel is worth: "l1", "bn_scale", "taylor", "se" or "random" (see
            `workbench.compress.criteria`), or a function that takes a layer and returns a number
            for each channel that it makes.
        data: Samples for "taylor" and "se", as the model takes them.
        labels: Their classes for "taylor": integers, or rows as the model puts out.
        steps: How often a part of it is pruned; units are scored anew each time.
        fine_tune: Called as ``fine_tune(model, step)`` with the smaller model after each step,
            the last included; trains it in place.
        round_to: Units of a group that stay are a multiple of it, rounded up, where there are as
            many and grouped convolutions permit.
        min_channels: Units of each group that stay at least.
        keep: Names of layers that put out all their channels as before.
        scope: "layer" takes the same share of every group of units; "global" takes the worst of
            the whole model, wherever they are.
        seed: For "random".

    Returns:
        A new model, not compiled. A network of the zoo stays one with its preprocessing.

    Raises:
        ArgumentError: An argument is not as described, or ``target_macs`` cannot be reached.
        ModelError: The model has no graph, or a layer for which there is no rule; the message says
            how to register one.
        UnknownNameError: There is no criterion, or no layer in ``keep``, of a name.
    """
    rules = _Rules(
        _scope(scope),
        checks.integer("min_channels", min_channels),
        checks.integer("round_to", round_to),
    )
    amount = _share("amount", amount)
    steps, rng = checks.integer("steps", steps), checks.generator(seed)
    if data is not None and labels is not None:
        _check_labels(data, labels)
    graph = channel_graph(model, keep)
    goal = None if target_macs is None else _goal(graph, target_macs)
    left = 1.0 if goal is None else goal / _all_macs(graph)
    for step in range(steps):
        if step:
            graph = channel_graph(model, keep)
        scores = score(criterion, Subject(graph, data, labels, rng))
        if goal is None:
            stays = _chosen(graph, scores, 1 - (1 - amount) ** (1 / steps), rules)
        else:
            # Steps of equal ratio; the last one is the goal itself, whatever was rounded before.
            part = goal * left ** ((step + 1) / steps - 1)
            stays = _within(graph, scores, part, rules)
        model = rebuild(graph, graph.kept(stays))
        if fine_tune is not None:
            fine_tune(model, step)
    return model


def _chosen(
    graph: ChannelGraph, scores: NDArray[np.float64], amount: float, rules: _Rules
) -> NDArray[np.bool_]:
    """Return the units that stay if a share of them goes."""
    if amount == 0:
        return np.ones(len(scores), dtype=bool)
    limits = rules.min_channels, rules.round_to
    if rules.scope == "layer":
        sizes = sizes_by_layer(graph, amount, *limits)
    else:
        sizes = sizes_by_rank(graph, scores, amount, *limits)
    return select(graph, scores, sizes)


def _within(
    graph: ChannelGraph, scores: NDArray[np.float64], macs: float, rules: _Rules
) -> NDArray[np.bool_]:
    """Return the units that stay if the fewest go that must, to be within so many MACs."""
    best = np.ones(len(scores), dtype=bool)
    if graph.macs(graph.kept(best)) <= macs:
        return best
    best = _chosen(graph, scores, MOST, rules)
    least = graph.macs(graph.kept(best))
    if least > macs:
        raise ArgumentError(
            "target_macs",
            f"be at least {least:.0f}, which is what is left of this model at most pruning",
            f"{macs:.0f} MACs",
            "Lower min_channels or round_to, or keep fewer layers.",
        )
    low, high = 0.0, MOST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        stays = _chosen(graph, scores, middle, rules)
        if graph.macs(graph.kept(stays)) <= macs:
            high, best = middle, stays
        else:
            low = middle
    return best


def _all_macs(graph: ChannelGraph) -> float:
    return graph.macs(graph.kept(np.ones(len(graph.stuck), dtype=bool)))


def _goal(graph: ChannelGraph, target: float) -> float:
    """Return the MACs that may remain."""
    target, macs = checks.real("target_macs", target, 0, open_low=True), _all_macs(graph)
    if isnan(macs):
        raise ArgumentError(
            "target_macs",
            "be None for a model that takes images of any size, for its MACs are unknown",
            f"{target:g}",
            "Name an amount, or build the model for one size.",
        )
    return target * macs if target < 1 else target


def _share(argument: str, value: float) -> float:
    value = checks.real(argument, value, 0, 1)
    if value == 1:
        raise ArgumentError(argument, "be below 1, for something must be left", value)
    return value


def _scope(scope: str) -> str:
    if scope not in get_args(Scope):
        raise ArgumentError("scope", 'be "layer" or "global"', scope)
    return scope


def _check_labels(data: Any, labels: Any) -> None:
    samples = len(keras.tree.flatten(data)[0])
    if len(labels) != samples:
        raise ArgumentError("labels", f"be {samples}, one for each sample", f"{len(labels)} labels")
