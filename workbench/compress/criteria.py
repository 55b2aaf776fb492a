"""What a channel is worth: criteria by name.

A criterion collects evidence: vectors of channels with a number for each, from weights or from what
the model does to data. The score of a unit of pruning is drawn from all its channels, wherever they
stand. Layers have weights of different sizes, so the numbers of a vector are divided by their mean
before they are averaged over a unit. Units of which a criterion says nothing (no batch norm, no
gate) are scored by "l1".

Here are those that look at weights:

- ``"l1"``: sum of the absolute weights of the filter (H. Li et al., "Pruning Filters for Efficient
  ConvNets", 2017, arXiv:1608.08710, section 3.1).
- ``"bn_scale"``: absolute scale in batch norm (Z. Liu et al., "Learning Efficient Convolutional
  Networks through Network Slimming", 2017, arXiv:1708.06519, section 3).
- ``"random"``: the control.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
import numpy as np
from numpy.typing import NDArray

from workbench.compress.channel_call import Channels, Use
from workbench.compress.channel_graph import ChannelGraph
from workbench.errors import ArgumentError
from workbench.registry import Registry

BATCH = 32
Floats: TypeAlias = NDArray[np.float64]
Evidence: TypeAlias = tuple[Channels, Floats]
Ask: TypeAlias = Callable[[Any], Any]


@dataclass(frozen=True)
class Subject:
    """What a criterion looks at.

    Attributes:
        graph: The model and its channels.
        data: Samples, as the model takes them; None if there are none.
        labels: Their classes, likewise.
        rng: Of all randomness.
    """

    graph: ChannelGraph
    data: Any
    labels: Any
    rng: np.random.Generator

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(keras.tree.flatten(self.data)[0])

    def batches(self) -> Iterator[tuple[Any, Any]]:
        """Yield runs of `BATCH` samples and labels; the last may be shorter."""
        for start in range(0, self.samples, BATCH):
            part = slice(start, start + BATCH)
            yield keras.tree.map_structure(
                lambda array, part=part: None if array is None else np.asarray(array)[part],
                (self.data, self.labels),
            )


@dataclass(frozen=True)
class Criterion:
    """A way to score channels.

    Attributes:
        evidence: Returns vectors of channels with a number for each; the higher, the better.
        needs: Arguments of `prune_channels` that it cannot do without.
        additive: Whether its numbers measure one thing in all layers: then they are added up over
            a unit, and not averaged as said above.
    """

    evidence: Callable[[Subject], Sequence[Evidence]]
    needs: tuple[str, ...] = ()
    additive: bool = False


CRITERIA: Registry[Criterion] = Registry("pruning criterion")


def score(criterion: str | Ask, subject: Subject) -> Floats:
    """Return a score for each unit of the model.

    Args:
        criterion: A name, or a function that takes a layer and returns a number for each channel
            that it makes (filters of a convolution, units of a dense layer, the middle of a gate).
        subject: The model, and what it is shown.

    Raises:
        UnknownNameError: There is no such criterion.
        ArgumentError: Data or labels are missing, or nothing in the model speaks to it.
    """
    chosen = Criterion(_asking(criterion)) if callable(criterion) else CRITERIA[criterion]
    for name in chosen.needs:
        if getattr(subject, name) is None:
            raise ArgumentError(
                name, f"be given for criterion={criterion!r}", "None", "A few hundred samples do."
            )
    found = _by_unit(subject.graph, chosen.evidence(subject), chosen.additive)
    silent = np.isnan(found) & ~subject.graph.stuck
    if silent.any():
        if silent.sum() == (~subject.graph.stuck).sum():
            raise ArgumentError(
                "criterion",
                "find something to go by in the model, such as batch norms or gates",
                f"criterion={criterion!r}, and the model has none",
                'Take "l1" or "taylor".',
            )
        found[silent] = _by_unit(subject.graph, _filters(subject), False)[silent]
    return np.nan_to_num(found)


def _by_unit(graph: ChannelGraph, evidence: Sequence[Evidence], additive: bool) -> Floats:
    """Return the scores of units, NaN where there is no evidence."""
    total, heard = np.zeros(len(graph.stuck)), np.zeros(len(graph.stuck))
    for channels, values in evidence:
        mean = 1.0 if additive else float(values.mean())
        np.add.at(total, graph.units[channels], values / (mean or 1))
        np.add.at(heard, graph.units[channels], 1)
    return np.where(heard > 0, total / (1 if additive else np.maximum(heard, 1)), np.nan)


def weights_of(subject: Subject, *roles: str) -> list[tuple[Use, NDArray[Any]]]:
    """Return the weights of some roles with their values; see `Use`."""
    return [
        (use, use.layer.weights[use.place].numpy())
        for use in subject.graph.uses
        if use.role in roles
    ]


def _filters(subject: Subject) -> list[Evidence]:
    """Return the absolute weights of each filter, added up."""
    found = weights_of(subject, "kernel")
    return [(use.made, use.by_channel(np.abs(values))) for use, values in found]


def _scales(subject: Subject) -> list[Evidence]:
    """Return the absolute scales of batch norms."""
    found = weights_of(subject, "scale")
    return [(use.made, use.by_channel(np.abs(values))) for use, values in found]


def _drawn(subject: Subject) -> list[Evidence]:
    """Return a random number for one channel of each unit."""
    channels = np.unique(subject.graph.units, return_index=True)[1]
    return [(channels, subject.rng.random(len(channels)))]


def _asking(function: Ask) -> Callable[[Subject], list[Evidence]]:
    """Return the evidence of a function of layers."""

    def evidence(subject: Subject) -> list[Evidence]:
        uses = [use for use in subject.graph.uses if use.birth]
        found = [(use.made, np.asarray(function(use.layer), np.float64)) for use in uses]
        for use, (channels, values) in zip(uses, found, strict=True):
            if values.shape != channels.shape or not np.isfinite(values).all():
                raise ArgumentError(
                    "criterion",
                    f"return {len(channels)} finite numbers for the layer {use.layer.name!r}",
                    f"{values!r}",
                )
        return found

    return evidence


CRITERIA.register("l1")(Criterion(_filters))
CRITERIA.register("bn_scale")(Criterion(_scales))
CRITERIA.register("random")(Criterion(_drawn))
