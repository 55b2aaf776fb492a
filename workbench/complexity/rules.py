"""What each kind of layer costs: one table, that others can add to.

A rule is found by a layer's class, or by the nearest class that it derives from: a subclass of
Conv2D is counted as a convolution. A layer without a rule is looked into and counted by its parts;
see `workbench.complexity.graph`. If that cannot be done, a kernel (..., inputs, outputs) still
tells its MACs. Whatever remains is *unknown*, and a profile says so.

Example:
    >>> @keras.saving.register_keras_serializable("mine")
    ... class Twice(keras.layers.Layer):
    ...     def call(self, x):
    ...         return tf.add(x, x)
    >>> register(Twice, Rule(flops=flops.an_output, field=receptive_field.same))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import keras

from workbench.complexity import flops, macs
from workbench.complexity import receptive_field as field
from workbench.complexity.receptive_field import FieldRule
from workbench.complexity.step import Step
from workbench.complexity.window import Window
from workbench.registry import Registry

Count = Callable[[Step], int]


@dataclass(frozen=True)
class Rule:
    """How a kind of layer is counted.

    Attributes:
        macs: Multiply-accumulates of a step.
        flops: Operations beside them.
        field: Fields of the outputs by those of the inputs.
        view: Moves no numbers: the output is the input, perhaps in another shape.
        partial: Reads no more of its input than it returns.
    """

    macs: Count = macs.none
    flops: Count = flops.none
    field: FieldRule = field.same
    view: bool = False
    partial: bool = False


RULES: Registry[Rule] = Registry("rule for a layer's cost")


def register(kind: type[keras.Operation], rule: Rule) -> None:
    """Enter the rule for a class of layers and all that derive from it.

    Raises:
        ValueError: The class has a rule.
    """
    RULES.register(_name(kind))(rule)


def rule_for(operation: keras.Operation) -> Rule | None:
    """Return the rule of an operation, None if there is none."""
    return next((RULES[name] for name in _names(operation) if name in RULES), None)


def rule_of(step: Step) -> Rule | None:
    """Return the rule of a step; for an unknown layer with a kernel one that is read off it."""
    rule = rule_for(step.operation)
    kernel = getattr(step.operation, "kernel", None)
    if rule or kernel is None or not step.inputs or len(step.outputs) != 1:
        return rule
    if len(kernel.shape) < 2 or kernel.shape[-1] not in step.outputs[0].shape[1:]:
        return None
    sliding = all(hasattr(step.operation, name) for name in ("strides", "padding", "kernel_size"))
    return Rule(macs.by_kernel, flops.bias_and_activation, _sliding if sliding else field.lost)


def _sliding(step: Step, fields: list[field.Field]) -> list[field.Field]:
    """Take a foreign layer for a convolution, if its attributes mean what they do in Keras."""
    window = Window.of(step)
    for place, axis in enumerate(window.axes):
        size, extent = step.inputs[0].shape[axis], window.taps(place)[-1] + 1
        room = size if window.padding == "same" else size - extent + 1
        if window.padding not in ("same", "valid") or (
            -(-room // window.strides[place]) != step.outputs[0].shape[axis]
        ):
            return field.lost(step, fields)
    return field.windows(step, fields)


def _names(operation: keras.Operation) -> Iterator[str]:
    yield from map(_name, type(operation).__mro__)


def _name(kind: type) -> str:
    """Return what a class is entered under: "Conv2D", "ops.Relu", "workbench>BatchNorm".

    By name and not by class, for Keras hides the classes of its operations, and the layers of other
    rooms need not be loaded to be known.
    """
    if kind.__module__.partition(".")[0] == "keras":
        operation = issubclass(kind, keras.Operation) and not issubclass(kind, keras.Layer)
        return f"ops.{kind.__name__}" if operation else kind.__name__
    registered = keras.saving.get_registered_name(kind)
    return registered if ">" in registered else f"{kind.__module__}.{kind.__qualname__}"


def _enter(rule: Rule, names: str | Iterable[str]) -> None:
    for name in names.split() if isinstance(names, str) else names:
        RULES.register(name)(rule)


def _for_each_rank(pattern: str) -> list[str]:
    return [name.replace("*", rank) for name in pattern.split() for rank in ("1D", "2D", "3D")]


_enter(
    Rule(macs.by_kernel, flops.bias_and_activation, field.windows),
    [*_for_each_rank("Conv*"), "ops.Conv"],
)
_enter(
    Rule(macs.depthwise, flops.bias_and_activation, field.windows),
    ["DepthwiseConv1D", "DepthwiseConv2D", "ops.DepthwiseConv"],
)
_enter(
    Rule(macs.separable, flops.bias_and_activation, field.windows),
    ["SeparableConv1D", "SeparableConv2D"],
)
_enter(
    Rule(macs.transposed, flops.bias_and_activation, field.transposed),
    _for_each_rank("Conv*Transpose"),
)
_enter(
    Rule(macs.deformable, flops.bias_and_activation, field.windows), ["workbench>DeformableConv2D"]
)
_enter(Rule(macs.by_kernel, flops.bias_and_activation, field.linear), "Dense")
_enter(Rule(macs.einsum_dense, flops.bias_and_activation, field.linear), "EinsumDense")
_enter(Rule(macs.einsum, field=field.whole), "ops.Einsum")
_enter(Rule(macs.matmul, field=field.linear), "ops.Matmul")
_enter(Rule(macs.attention, flops.an_output, field.whole), "ops.DotProductAttention")

_enter(
    Rule(flops=flops.pooling, field=field.windows),
    [*_for_each_rank("MaxPooling* AveragePooling*"), "ops.MaxPool", "ops.AveragePool"],
)
_enter(Rule(flops=flops.pooling, field=field.windows), "workbench>MaxPoolingWithIndices2D")
_enter(Rule(field=field.transposed), "workbench>MaxUnpooling2D")
_enter(
    Rule(flops=flops.an_input, field=field.adaptive),
    [
        *_for_each_rank("AdaptiveAveragePooling* AdaptiveMaxPooling*"),
        "workbench>AdaptiveAveragePool2D",
    ],
)
_enter(
    Rule(flops=flops.an_input, field=field.reduced),
    [
        *_for_each_rank("GlobalMaxPooling* GlobalAveragePooling*"),
        *("ops.Mean", "ops.Sum", "ops.Max", "ops.Min", "ops.Amax", "ops.Amin"),
    ],
)
_enter(Rule(flops=flops.normalisation), "BatchNormalization Normalization Rescaling ops.BatchNorm")
_enter(
    Rule(flops=flops.normalisation_by_moments),
    "LayerNormalization RMSNormalization ops.LayerNorm ops.RMSNorm",
)
_enter(Rule(flops=flops.normalisation_by_moments, field=field.same_and_whole), "GroupNormalization")

_enter(
    Rule(flops=flops.an_output),
    "Activation ReLU LeakyReLU PReLU ELU Softmax workbench>IntegerLeakyReLU ops.Relu ops.Relu6 "
    "ops.Sigmoid ops.HardSigmoid ops.HardSilu ops.Silu ops.Tanh ops.Softplus ops.Softsign ops.Elu "
    "ops.Selu ops.Celu ops.Gelu ops.LeakyRelu ops.LogSigmoid ops.HardTanh ops.Softmax "
    "ops.LogSoftmax ops.Clip ops.Absolute ops.Abs ops.Negative ops.Exp ops.Log ops.Sqrt ops.Rsqrt "
    "ops.Square ops.Reciprocal ops.Sign ops.Floor ops.Ceil ops.Round ops.Sin ops.Cos ops.Erf "
    "ops.Log1p ops.Expm1 ops.LogicalNot ops.NanToNum",
)
_enter(
    Rule(flops=flops.merging),
    "Add Subtract Multiply Average Maximum Minimum ops.Add ops.Subtract ops.Multiply ops.Divide "
    "ops.TrueDivide ops.Maximum ops.Minimum ops.Power ops.Mod ops.FloorDivide ops.Equal "
    "ops.NotEqual ops.Greater ops.GreaterEqual ops.Less ops.LessEqual ops.LogicalAnd ops.LogicalOr "
    "ops.Where",
)
_enter(Rule(field=field.joined), "Concatenate ops.Concatenate")
_enter(Rule(), "workbench>ChannelShuffle workbench>ChannelSplit ops.Cast ops.BroadcastTo")
_enter(Rule(field=field.permuted), "Permute ops.Transpose")
_enter(Rule(field=field.lost), "Embedding ops.Stack ops.Swapaxes ops.Moveaxis ops.Tile")
_enter(Rule(field=field.taken), "ops.Take")
_enter(Rule(field=field.shifted), _for_each_rank("ZeroPadding*"))
_enter(Rule(field=field.shifted, partial=True), _for_each_rank("Cropping*"))
_enter(Rule(field=field.padded), "ops.Pad")
_enter(Rule(field=field.picked, partial=True), "ops.GetItem")
_enter(Rule(field=field.split), "ops.Split")
_enter(Rule(flops=flops.interpolation, field=field.resized), _for_each_rank("UpSampling*"))
_enter(
    Rule(flops=flops.interpolation, field=field.resized),
    "Resizing ops.Resize workbench>ResizeLike",
)

_enter(
    Rule(view=True),
    "Identity Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D AlphaDropout "
    "GaussianNoise GaussianDropout ActivityRegularization ops.StopGradient",
)
_enter(
    Rule(field=field.reshaped, view=True),
    "Flatten Reshape ops.Reshape ops.ExpandDims ops.Squeeze ops.Ravel",
)
