"""Rules of the layers with weights: convolutions, dense layers, batch norm, gates.

A kernel makes new channels along its last axis and cuts those that come in along the axis before.
A grouped convolution wants equally many channels left in every group, on both sides, and nothing
more: which ones is free in each group. (DepGraph removes the same place in all groups, so that
channels of different groups stand and fall together.) With one input channel a group it is a
depthwise convolution, whose channels are its input's, and whole groups go.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.compress.channel_call import Call, Channels, pixels
from workbench.compress.channel_rules import enter, mixes


def convolution(call: Call) -> list[Channels]:
    """Convolution: kernel (..., inputs / groups, filters)."""
    layer, (channels,) = call.layer, call.inputs
    if 1 < layer.groups == len(channels):
        made = np.repeat(channels, layer.filters // layer.groups)
        axes: tuple[Channels | None, ...] = (None, made)
        call.change("groups", lambda kept: kept.count(channels))
    else:
        made = call.new(layer.filters)
        axes = (channels, made)
        if layer.groups > 1:
            call.balance(channels, layer.groups)
            call.balance(made, layer.groups)
    groups = 1 if axes[0] is None else layer.groups
    _kernel(call, layer.kernel, axes, made, birth=axes[0] is not None, groups=groups)
    return _finished(call, made, "filters")


def depthwise(call: Call) -> list[Channels]:
    """Depthwise convolution: kernel (..., channels, multiplier)."""
    (channels,) = call.inputs
    made = np.repeat(channels, call.layer.depth_multiplier)
    _kernel(call, call.layer.kernel, (channels, None), made)
    return _finished(call, made)


def separable(call: Call) -> list[Channels]:
    """A depthwise convolution, and a 1 x 1 convolution behind it."""
    layer, (channels,) = call.layer, call.inputs
    between, made = np.repeat(channels, layer.depth_multiplier), call.new(layer.filters)
    _kernel(call, layer.depthwise_kernel, (channels, None), between)
    _kernel(call, layer.pointwise_kernel, (between, made), made, birth=True)
    return _finished(call, made, "filters")


def transposed(call: Call) -> list[Channels]:
    """Transposed convolution: kernel (..., filters, inputs), applied to every input pixel."""
    layer, (channels,) = call.layer, call.inputs
    made, positions = call.new(layer.filters), pixels(call.input_shapes[0])
    _kernel(call, layer.kernel, (made, channels), made, birth=True, positions=positions)
    return _finished(call, made, "filters")


def dense(call: Call) -> list[Channels]:
    """Dense layer: kernel (inputs, units)."""
    layer, (channels,) = call.layer, call.inputs
    made = call.new(layer.units)
    _kernel(call, layer.kernel, (channels, made), made, birth=True)
    return _finished(call, made, "units")


def deformable(call: Call) -> list[Channels]:
    """Deformable convolution: as a convolution; its offsets and masks stay."""
    layer, (channels,) = call.layer, call.inputs
    if layer.deformable_groups > 1:
        call.balance(channels, layer.deformable_groups)
    call.weight(layer.offset_kernel, (channels, None), positions=call.positions)
    return convolution(call)


def batch_norm(call: Call) -> list[Channels]:
    """Batch norm: four numbers a channel."""
    layer, (channels,) = call.layer, call.inputs
    axis = layer.axis[0] if isinstance(layer.axis, list | tuple) else layer.axis
    if axis not in (-1, len(call.input_shapes[0]) - 1):
        call.pin(channels)  # it normalises rows, say; its weights have no channels
        return [channels]
    scale, offset = getattr(layer, "gamma", None), getattr(layer, "beta", None)
    for weight in layer.weights:
        role: Any = "scale" if weight is scale else "offset" if weight is offset else "rest"
        call.weight(weight, (channels,), role, made=channels)
    return [channels]


def leaky(call: Call) -> list[Channels]:
    """PReLU: a slope for each channel, unless the channels share it."""
    (channels,) = call.inputs
    if call.layer.alpha.shape[-1] == len(channels):
        call.weight(call.layer.alpha, (channels,))
    return [channels]


def squeeze_excite(call: Call) -> list[Channels]:
    """Squeeze and excitation: the middle has channels of its own, which are pruned as well."""
    layer, (channels,) = call.layer, call.inputs
    middle = call.new(layer.squeeze)
    reduce, expand = layer.reduce, layer.expand
    made: dict[str, Any] = {"made": middle, "birth": True, "positions": 1}
    call.weight(reduce.kernel, (channels, middle), "kernel", **made)
    call.weight(reduce.bias, (middle,), "bias", made=middle)
    call.weight(expand.kernel, (middle, channels), positions=1)
    call.weight(expand.bias, (channels,))
    for activation, seen in ((layer.activation, middle), (layer.gate, channels)):
        if mixes(activation):
            call.pin(seen)
    call.change("squeeze", lambda kept: kept.count(middle))
    return [channels]


def _kernel(
    call: Call,
    kernel: Any,
    axes: tuple[Channels | None, ...],
    made: Channels,
    **settings: Any,
) -> None:
    settings = {"positions": call.positions, **settings}
    call.weight(kernel, axes, "kernel", made=made, **settings)


def _finished(call: Call, made: Channels, option: str = "") -> list[Channels]:
    """Add what all these layers have behind their kernels."""
    call.weight(getattr(call.layer, "bias", None), (made,), "bias", made=made)
    if mixes(getattr(call.layer, "activation", None)):
        call.pin(made)
    if option:
        call.change(option, lambda kept: kept.count(made))
    return [made]


enter(convolution, "Conv*")
enter(transposed, "Conv*Transpose")
enter(depthwise, "DepthwiseConv1D DepthwiseConv2D")
enter(separable, "SeparableConv1D SeparableConv2D")
enter(deformable, "workbench>DeformableConv2D")
enter(dense, "Dense")
enter(batch_norm, "BatchNormalization")
enter(leaky, "PReLU")
enter(squeeze_excite, "workbench>SqueezeExcite")
