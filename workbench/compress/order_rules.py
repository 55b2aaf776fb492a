"""Rules of the layers that put channels into another order, or into other tensors.

What is left of a shuffle may be any permutation, of a split any sizes, and the rebuilt layers do
just that. To tie channels so that the regular pattern remains would leave ShuffleNet V1 hardly any
choice, and none at all where the groups do not divide their channels.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from keras import ops

from workbench.cnn.ops import ChannelShuffle
from workbench.compress.channel_call import Call, Channels, Kept
from workbench.compress.channel_rules import enter, merged, passed
from workbench.errors import ModelError


def joined(call: Call) -> list[Channels]:
    """Channels stand one behind the other; along another axis they go together."""
    rank = len(call.output_shapes[0])
    if call.layer.axis in (-1, rank - 1):
        return [np.concatenate(call.inputs)]
    return merged(call)


def reshaped(call: Call) -> list[Channels]:
    """Values keep their order; what becomes a row of the output has the same channels in all rows.

    So flattening repeats the channels once a pixel, and to cut them ties the parts.
    """
    (channels,), (shape,), (wanted,) = call.inputs, call.input_shapes, call.output_shapes
    if shape[-1] == wanted[-1]:
        values, rows = channels, 1
    elif None in (*shape[1:], *wanted[1:]):
        raise ModelError(
            f"The layer {call.layer.name!r} gathers the pixels of an image of unknown size. Build "
            "the model with an input of known rows and columns."
        )
    else:
        values = np.tile(channels, prod(shape[1:-1]))  # type: ignore[arg-type]
        rows = prod(wanted[1:-1])  # type: ignore[arg-type]
    table = values.reshape(rows, -1)
    for row in table[1:]:
        call.tie(table[0], row)
    option = next((name for name in ("target_shape", "newshape") if hasattr(call.layer, name)), "")
    if option:
        before = tuple(getattr(call.layer, option))
        last = table[0]
        call.change(option, lambda kept: _with_last(before, kept.count(last)))
    return [table[0]]


def _with_last(shape: tuple[Any, ...], size: int) -> tuple[Any, ...]:
    return shape if shape[-1] in (-1, None) else (*shape[:-1], size)


def permuted(call: Call) -> list[Channels]:
    """The channels must stay on the last axis."""
    dims = tuple(call.layer.dims)
    if dims[-1] != len(dims):
        raise ModelError(
            f"The layer {call.layer.name!r} moves the channels to another axis, where pruning "
            "does not follow them. Keep them on the last one."
        )
    return passed(call)


def shuffled(call: Call) -> list[Channels]:
    """Channels change places."""
    (channels,) = call.inputs
    order = np.arange(len(channels)).reshape(call.layer.groups, -1).T.ravel()
    call.replacement = lambda kept: _shuffle(channels, order, kept, call.layer)
    return [channels[order]]


def _shuffle(channels: Channels, order: Channels, kept: Kept, layer: Any) -> Any:
    """Return the layer for the channels that stay: a shuffle, if that is what it still is."""
    new = _order(channels, order, kept)
    for groups in range(1, len(new) + 1):
        if len(new) % groups == 0:
            table = np.arange(len(new)).reshape(groups, -1)
            if np.array_equal(table.T.ravel(), new):
                return ChannelShuffle.from_config({**layer.get_config(), "groups": groups})
    return lambda x: ops.take(x, new, axis=-1)


def taken(call: Call) -> list[Channels]:
    """Channels are picked by number."""
    (channels,), indices = call.inputs, call.constants
    rank = len(call.input_shapes[0])
    if call.layer.axis not in (-1, rank - 1) or len(indices) != 1 or np.ndim(indices[0]) != 1:
        raise ModelError(f"{call.layer.name!r} picks along another axis than the last one.")
    order = np.asarray(indices[0], dtype=np.intp)
    call.replacement = lambda kept: lambda x, _: ops.take(x, _order(channels, order, kept), axis=-1)
    return [channels[order]]


def _order(channels: Channels, order: Channels, kept: Kept) -> Channels:
    """Return an order of places as one of the places that stay."""
    stays = kept.stays[channels]
    renumbered = np.cumsum(stays) - 1
    return renumbered[order[stays[order]]]


def split(call: Call) -> list[Channels]:
    """Each output has a run of the channels."""
    ends = np.cumsum([shape[-1] for shape in call.output_shapes])
    parts = np.split(call.inputs[0], ends[:-1])

    def sizes(kept: Kept) -> Any:
        counts = tuple(kept.count(part) for part in parts)
        return len(parts) if len(set(counts)) == 1 else counts

    call.change("parts", sizes)
    return parts


def indexed(call: Call) -> list[Channels]:
    """Pixels are picked, or axes added; all channels must go along."""
    last, same = call.constants[-1], call.input_shapes[0][-1] == call.output_shapes[0][-1]
    if not same or not (last is Ellipsis or last == slice(None)):
        raise ModelError(
            f"{call.layer.name!r} picks channels by an index. Take keras.ops.take with axis=-1, or "
            "workbench.cnn.ops.ChannelSplit."
        )
    return passed(call)


enter(joined, "Concatenate ops.Concatenate")
enter(reshaped, "Flatten Reshape ops.Reshape")
enter(permuted, "Permute")
enter(shuffled, "workbench>ChannelShuffle")
enter(taken, "ops.Take")
enter(split, "workbench>ChannelSplit")
enter(indexed, "ops.GetItem")
