"""What each kind of layer does to channels: one table, that others can add to.

A rule is found by a layer's class, or by the nearest class that it derives from. It is given a
`Call`, says what the layer ties, needs and has along its weights, and returns the channels of each
output. A layer without a rule stops the pruning with an error: to leave it whole silently would
hide that less is pruned than was asked for.

Example, for a layer that works on each channel alone, and one whose channels must all stay:
    >>> register_channel_rule(MyActivation, passed)
    >>> register_channel_rule(MyAttention, whole)

Layers with weights are in `workbench.compress.kernel_rules`, those that put channels into another
order in `workbench.compress.order_rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np

from workbench.compress.channel_call import Call, Channels
from workbench.errors import ModelError
from workbench.registry import Registry

ChannelRule: TypeAlias = Callable[[Call], Sequence[Channels]]

RULES: Registry[ChannelRule] = Registry("rule for a layer's channels")

# Activations whose outputs depend on all channels: with fewer of them the others change.
MIXING = ("softmax", "log_softmax", "sparsemax", "glu")


def register_channel_rule(kind: type[keras.Operation], rule: ChannelRule) -> None:
    """Enter the rule for a class of layers and all that derive from it.

    Raises:
        ValueError: The class has a rule.
    """
    RULES.register(_name(kind))(rule)


def enter(rule: ChannelRule, names: str) -> None:
    """Enter a rule under the names of several classes; * stands for 1D, 2D and 3D."""
    for name in names.split():
        for rank in ("1D", "2D", "3D") if "*" in name else ("",):
            RULES.register(name.replace("*", rank))(rule)


def rule_for(operation: Any, path: str) -> ChannelRule:
    """Return the rule of a layer.

    Raises:
        ModelError: There is none, or channels come first.
    """
    if getattr(operation, "data_format", None) == "channels_first":
        raise ModelError(
            f"The layer {path!r} has its channels first, and pruning cuts the last axis. Build the "
            "model with data_format='channels_last'."
        )
    for name in map(_name, type(operation).__mro__):
        if name in RULES:
            return RULES[name]
    raise ModelError(
        f"No rule says what the layer {path!r} ({type(operation).__name__}) does to channels. "
        "Register one: workbench.compress.register_channel_rule("
        f"{type(operation).__name__}, rule), where workbench.compress.whole keeps all of its "
        "channels and workbench.compress.passed is for layers that work on each channel alone."
    )


def _name(kind: type) -> str:
    """Return what a class is entered under: "Conv2D", "ops.Relu", "workbench>BatchNorm"."""
    # By name and not by class: Keras hides the classes of its operations.
    if kind.__module__.partition(".")[0] == "keras":
        operation = issubclass(kind, keras.Operation) and not issubclass(kind, keras.Layer)
        return f"ops.{kind.__name__}" if operation else kind.__name__
    registered = keras.saving.get_registered_name(kind)
    return registered if ">" in registered else f"{kind.__module__}.{kind.__qualname__}"


def whole(call: Call) -> list[Channels]:
    """All channels that come in and go out stay."""
    for channels in call.inputs:
        call.pin(channels)
    outputs = [call.new(shape[-1] or 0) for shape in call.output_shapes]
    for channels in outputs:
        call.pin(channels)
    return outputs


def passed(call: Call) -> list[Channels]:
    """Every output has the channels of the first input, each of which goes its own way."""
    return [call.inputs[0]] * len(call.output_shapes)


def activated(call: Call) -> list[Channels]:
    """Likewise, unless the activation looks at all channels at once; then they stay."""
    if mixes(call.layer.activation):
        call.pin(call.inputs[0])
    return passed(call)


def mixes(activation: Any) -> bool:
    """Say whether an activation looks at all channels at once."""
    return getattr(activation, "__name__", "") in MIXING


def mixed(call: Call) -> list[Channels]:
    """All channels stay, for each output depends on all of them."""
    call.pin(call.inputs[0])
    return passed(call)


def constant_by_channel(call: Call) -> list[Channels]:
    """Channels go their own way, unless an option has a number for each."""
    if any(np.size(getattr(call.layer, name)) > 1 for name in ("scale", "offset")):
        call.pin(call.inputs[0])
    return passed(call)


def merged(call: Call) -> list[Channels]:
    """Channels go together place by place; a single one goes with all places, and stays."""
    widest = max(call.inputs, key=len)
    for channels in call.inputs:
        if len(channels) == len(widest):
            call.tie(widest, channels)
        else:
            call.pin(channels)
    if any(np.size(constant) > 1 for constant in call.constants):
        call.pin(widest)  # the constant may have a number for each channel, and is not cut
    return [widest]


def reduced(call: Call) -> list[Channels]:
    """Sums and means over pixels leave the channels; one over channels needs them all."""
    rank = len(call.input_shapes[0])
    axis = call.layer.axis
    axes = range(rank) if axis is None else np.ravel(axis) % rank
    return whole(call) if rank - 1 in axes else passed(call)


def unpooled(call: Call) -> list[Channels]:
    """Values go with their indices."""
    call.tie(*call.inputs[:2])
    return passed(call)


enter(
    passed,
    """
    Identity Dropout AlphaDropout GaussianNoise GaussianDropout ActivityRegularization
    SpatialDropout* ReLU LeakyReLU ELU workbench>IntegerLeakyReLU
    MaxPooling* AveragePooling* GlobalMaxPooling* GlobalAveragePooling*
    AdaptiveAveragePooling* AdaptiveMaxPooling* workbench>AdaptiveAveragePool2D
    workbench>MaxPoolingWithIndices2D
    ZeroPadding* Cropping* UpSampling* Resizing workbench>ResizeLike
    ops.Relu ops.Relu6 ops.Sigmoid ops.HardSigmoid ops.HardSilu ops.Silu ops.Tanh ops.Softplus
    ops.Softsign ops.Elu ops.Selu ops.Celu ops.Gelu ops.LeakyRelu ops.Clip ops.Absolute
    ops.Negative ops.Exp ops.Sqrt ops.Square ops.Cast ops.StopGradient
    """,
)
enter(activated, "Activation")
enter(mixed, "Softmax Normalization ops.Softmax ops.LogSoftmax")
enter(constant_by_channel, "Rescaling")
enter(
    merged,
    """
    Add Subtract Multiply Average Maximum Minimum
    ops.Add ops.Subtract ops.Multiply ops.Divide ops.TrueDivide ops.Maximum ops.Minimum
    """,
)
enter(reduced, "ops.Mean ops.Sum ops.Max ops.Min")
enter(unpooled, "workbench>MaxUnpooling2D")
