"""Every layer of our own is counted, and what only moves or averages pixels has no MACs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import pytest

from workbench.cnn import ops as own
from workbench.complexity import profile

H, W, C = 8, 6, 4
PIXELS = H * W * C


def unpooled(x: Any) -> Any:
    return own.MaxUnpooling2D(2)(own.MaxPoolingWithIndices2D(2)(x))


# A call of each, its MACs, and its FLOPs beside them; None where another test has the numbers.
CALLS: dict[str, tuple[Callable[[Any], Any], int, int | None]] = {
    "AdaptiveAveragePool2D": (lambda x: own.AdaptiveAveragePool2D((4, 4))(x), 0, PIXELS),
    "BatchNorm": (lambda x: own.BatchNorm()(x), 0, 2 * PIXELS),
    "ChannelShuffle": (lambda x: own.ChannelShuffle(2)(x), 0, 0),
    "ChannelSplit": (lambda x: own.ChannelSplit(2)(x), 0, 0),
    "DeformableConv2D": (lambda x: own.DeformableConv2D(2, 1)(x), H * W * C * (2 + 3), None),
    "GroupedConv2D": (lambda x: own.GroupedConv2D(2, 1, groups=2)(x), H * W * 2 * 2, None),
    "IntegerLeakyReLU": (lambda x: own.IntegerLeakyReLU()(x), 0, PIXELS),
    "MaxPoolingWithIndices2D": (lambda x: own.MaxPoolingWithIndices2D(2)(x), 0, PIXELS),
    "MaxUnpooling2D": (unpooled, 0, PIXELS),  # those of the pooling; values are only put down
    "ResizeLike": (
        lambda x: own.ResizeLike()([keras.layers.MaxPooling2D(2)(x), x]),
        0,
        PIXELS + PIXELS,  # the pooling, and an element of the result each
    ),
    "SqueezeExcite": (lambda x: own.SqueezeExcite(2)(x), 2 * C * 2, None),
}


def test_every_layer_of_ours_is_in_the_table_below() -> None:
    layers = [getattr(own, name) for name in dir(own)]
    kinds = {kind.__name__ for kind in layers if isinstance(kind, type)}
    assert {kind for kind in kinds if issubclass(getattr(own, kind), keras.Layer)} == set(CALLS)


@pytest.mark.parametrize("kind", CALLS)
def test_a_layer_of_ours_has_its_costs_and_nothing_unknown(kind: str) -> None:
    call, macs, others = CALLS[kind]
    dtype = "int32" if kind == "IntegerLeakyReLU" else "float32"
    image = keras.Input((H, W, C), dtype=dtype)
    cost = profile(keras.Model(image, call(image)))
    assert kind in set(cost.frame["kind"])
    assert cost.macs == macs
    assert others is None or cost.flops == 2 * macs + others
    assert not cost.unknown
