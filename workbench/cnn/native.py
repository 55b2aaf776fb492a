"""TensorFlow's operations that Keras does not reach: grouped convolution, fused batch norm.

Beside `workbench.network.backend` the only file that imports TensorFlow.

Grouped convolution. TensorFlow's `Conv2D` kernel reads the number of groups from the shapes: a
filter of ``channels / groups`` input channels convolves each group apart. Keras refuses to rely on
it and compiles every grouped convolution by XLA, whose code for one is slow on a CPU. Forward and
backward of a batch of 8, 28 x 28 x 256 in 32 groups, 2 cores: 10 ms direct, 24 ms for 32 small
convolutions and a concatenation, 3.7 s for the direct one under XLA, where the small ones take
27 ms. The gradient of the direct one comes from oneDNN, and only for its number types: elsewhere
(float64, oneDNN switched off) TensorFlow raises. So a trial, once a number type, decides. And
TensorFlow vectorises the direct one's gradient by the filter wrongly, without a word, where the
filter is mapped over and the input is not; so in a vectorised map, too, groups are convolved one by
one. (`GradientTape.jacobian` maps over the gradient alone and stays wrong, for Keras's layer as
well; `experimental_use_pfor=False` is right.)

Fused batch norm takes less than half the time of the moments and products that Keras writes out
(forward and backward of 32 x 48 x 48 x 96: 15 ms against 35), for it reads the input fewer times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import tensorflow as tf
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

from workbench.network.backend import Tensor

FUSED_DTYPES = ("float32", "float16", "bfloat16")  # what fused batch norm takes


def within_xla() -> bool:
    """Say whether what is being traced now will be compiled by XLA.

    True inside every ``tf.function(jit_compile=True)``, so also inside a Keras model that was
    compiled with it.
    """
    return bool(GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()))


def within_map() -> bool:
    """Say whether what is being traced now is the body of a vectorised map."""
    return "loop_body" in tf.get_current_name_scope().split("/")


def convolution(
    x: Tensor, kernel: Tensor, strides: Sequence[int], padding: str, dilations: Sequence[int]
) -> Tensor:
    """Convolve in as many groups as ``x`` has times the input channels of ``kernel``.

    Args:
        x: Input (batch, height, width, channels).
        kernel: Filter (height, width, channels / groups, filters); the first filters / groups
            filters see the first group of channels.
        strides: Two steps, down and to the right.
        padding: ``"same"`` (TensorFlow's, the odd pixel behind) or ``"valid"``.
        dilations: Two distances between taps. May go with strides, which Keras and
            `tf.nn.convolution` refuse.

    Returns:
        Output (batch, new height, new width, filters).
    """
    if max(strides) > 1 and max(dilations) > 1:
        return _strided_and_dilated(x, kernel, strides, padding, dilations)
    groups = x.shape[-1] // kernel.shape[2]
    apart = within_xla() or within_map() or not _direct_has_gradient(x.dtype.name)
    if groups == 1 or not apart:
        return _convolve(x, kernel, strides, padding, dilations)
    parts = zip(tf.split(x, groups, axis=-1), tf.split(kernel, groups, axis=-1), strict=True)
    return tf.concat(
        [_convolve(channels, part, strides, padding, dilations) for channels, part in parts],
        axis=-1,
    )


def _convolve(x: Tensor, kernel: Tensor, strides: Any, padding: str, dilations: Any) -> Tensor:
    # Not tf.nn.conv2d: that has no gradient for dilations on a CPU without oneDNN.
    return tf.nn.convolution(x, kernel, list(strides), padding.upper(), dilations=list(dilations))


@cache
def _direct_has_gradient(dtype: str) -> bool:
    """Try both gradients of a small convolution in two groups, on the device in use."""
    with tf.init_scope():  # at once, even while a graph is being traced
        x, kernel = tf.ones((1, 2, 2, 4), dtype), tf.ones((1, 1, 2, 2), dtype)
        y = tf.ones((1, 2, 2, 2), dtype)
        at: dict[str, Any] = {"out_backprop": y, "strides": [1, 1, 1, 1], "padding": "VALID"}
        try:
            tf.raw_ops.Conv2DBackpropInput(input_sizes=x.shape, filter=kernel, **at)
            tf.raw_ops.Conv2DBackpropFilter(input=x, filter_sizes=kernel.shape, **at)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            return False
    return True


def _strided_and_dilated(
    x: Tensor, kernel: Tensor, strides: Sequence[int], padding: str, dilations: Sequence[int]
) -> Tensor:
    """Convolve with strides s and dilations d by what TensorFlow has.

    Output i sees the input at s i + d k. What s and d share can be taken out of the input
    beforehand: x[::c] at (s / c) i + (d / c) k. If both still are larger than 1, the output of
    stride 1 is thinned out instead, at the cost of s^2 times the work.
    """
    if padding.lower() == "same":
        x = _pad_same(x, kernel, strides, dilations)
    shared = [math.gcd(s, d) for s, d in zip(strides, dilations, strict=True)]
    x = x[:, :: shared[0], :: shared[1]]
    strides = [s // c for s, c in zip(strides, shared, strict=True)]
    dilations = [d // c for d, c in zip(dilations, shared, strict=True)]
    if max(strides) == 1 or max(dilations) == 1:
        return convolution(x, kernel, strides, "valid", dilations)
    return convolution(x, kernel, (1, 1), "valid", dilations)[:, :: strides[0], :: strides[1]]


def _pad_same(
    x: Tensor, kernel: Tensor, strides: Sequence[int], dilations: Sequence[int]
) -> Tensor:
    """Pad with zeros so that "valid" gives ceil(size / stride) outputs, the odd pixel behind."""
    paddings: list[Any] = [(0, 0)]
    for axis, (stride, dilation) in enumerate(zip(strides, dilations, strict=True)):
        size = x.shape[axis + 1] or tf.shape(x)[axis + 1]
        reach = dilation * (kernel.shape[axis] - 1) + 1
        missing = tf.maximum(((size - 1) // stride) * stride + reach - size, 0)
        paddings.append((missing // 2, missing - missing // 2))
    return tf.pad(x, [*paddings, (0, 0)])


def fused_batch_norm(
    x: Tensor,
    scale: Tensor,
    offset: Tensor,
    statistics: tuple[Tensor, Tensor] | None,
    epsilon: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise every channel, in one pass.

    Args:
        x: Input (batch, height, width, channels) of a type in `FUSED_DTYPES`.
        scale: Factor a channel, float32, as all that follows.
        offset: Summand a channel.
        statistics: Mean and variance to normalise with; None for those of this batch.
        epsilon: Added to the variance, exactly: `tf.nn` would raise it to 1.001e-5.

    Returns:
        Normalised input, and with ``statistics=None`` the mean and the unbiased variance (sum of
        squares / (n - 1), and / 1 for n = 1) of the batch of n values a channel. The
        normalisation itself uses the biased one.
    """
    none = tf.zeros((0,), "float32")
    mean, variance = statistics or (none, none)
    result = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=scale,
        offset=offset,
        mean=mean,
        variance=variance,
        epsilon=epsilon,
        is_training=statistics is None,
    )
    return result.y, result.batch_mean, result.batch_variance


def replicas() -> int:
    """Return how many devices share a batch under the strategy in force."""
    return int(tf.distribute.get_strategy().num_replicas_in_sync)
