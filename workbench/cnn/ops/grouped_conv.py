"""Grouped convolution that trains fast on a CPU.

Source: A. Krizhevsky, I. Sutskever and G. E. Hinton, "ImageNet Classification with Deep
Convolutional Neural Networks", 2012, which had two groups for two cards; S. Xie et al.,
"Aggregated Residual Transformations for Deep Neural Networks", 2017, arXiv:1611.05431, for which
it is the aggregation of many small transformations.

Channels and filters are cut into ``groups`` equal runs, and filters see the channels of their own
run only. `keras.layers.Conv2D` has the same arguments, weights and results, and compiles each such
layer by XLA; see `workbench.cnn.native` for what is done here instead.
"""

from __future__ import annotations

from typing import Any

import keras

from workbench.checks import integer
from workbench.cnn.native import convolution
from workbench.errors import ArgumentError
from workbench.network.backend import Tensor


@keras.saving.register_keras_serializable("workbench")
class GroupedConv2D(keras.layers.Conv2D):
    """Convolve images (batch, height, width, channels) in groups.

    Weights are ``kernel`` (height, width, channels / groups, filters) and ``bias`` (filters). Other
    than in Keras, ``strides`` and ``dilation_rate`` may both be larger than 1, in one group as
    well.

    Args:
        filters: Number of filters, a multiple of ``groups``.
        kernel_size: Height and width of the window, or one integer for both.
        strides: Steps of the window, or one integer.
        padding: ``"valid"`` or ``"same"``.
        dilation_rate: Distances between the taps of the window, or one integer.
        groups: Number of groups.
        **options: Those of `keras.layers.Conv2D`: activation, use_bias, initialisers,
            regularisers, constraints, name. ``data_format`` can only be ``"channels_last"``.

    Raises:
        ArgumentError: ``filters``, or the channels of the input, are not a multiple of ``groups``;
            or channels come first.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = (1, 1),
        padding: str = "valid",
        dilation_rate: int | tuple[int, int] = (1, 1),
        groups: int = 1,
        **options: Any,
    ):
        if options.setdefault("data_format", "channels_last") != "channels_last":
            raise ArgumentError(
                "data_format",
                "be 'channels_last'",
                options["data_format"],
                "Transpose images to (batch, height, width, channels) before.",
            )
        integer("groups", groups)
        _divisible("filters", integer("filters", filters), groups)
        # Keras refuses strides together with dilation, so it is not told of the latter at first.
        super().__init__(filters, kernel_size, strides, padding, groups=groups, **options)
        self.dilation_rate = _pair("dilation_rate", dilation_rate)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make kernel and bias for this number of channels."""
        _divisible("input channels", input_shape[-1], self.groups)
        super().build(input_shape)

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """Return the convolution, without bias and activation."""
        return convolution(inputs, kernel, self.strides, self.padding, self.dilation_rate)


def _divisible(argument: str, number: int | None, groups: int) -> None:
    if number is None or number % groups:
        raise ArgumentError(
            argument,
            f"be a multiple of groups={groups}",
            f"{number} {argument}",
            "Change one of the two; groups=1 is an ordinary convolution.",
        )


def _pair(argument: str, value: int | tuple[int, int]) -> tuple[int, int]:
    both = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(both) != 2:
        raise ArgumentError(argument, "be a positive integer or two of them", value)
    return integer(argument, both[0]), integer(argument, both[1])
