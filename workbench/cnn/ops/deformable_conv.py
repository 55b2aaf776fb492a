"""Deformable convolution: every point of the window goes where the image tells it to.

Sources: J. Dai et al., "Deformable Convolutional Networks", 2017, arXiv:1703.06211 (version 1: a
second convolution finds an offset for each point of the window); X. Zhu et al., "Deformable
ConvNets v2: More Deformable, Better Results", 2019, arXiv:1811.11168 (version 2: it finds a factor
for each point as well, the mask).
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from workbench.checks import integer, real
from workbench.cnn.native import convolution
from workbench.cnn.ops.deformable_sampling import deformable_conv2d
from workbench.cnn.ops.placement import Padding, Pair, output_size, padding_of, pair, windows
from workbench.errors import ArgumentError
from workbench.network.backend import Tensor


@keras.saving.register_keras_serializable("workbench")
class DeformableConv2D(keras.layers.Layer):
    """Convolve images (batch, height, width, channels) at points that a convolution finds.

    Weights are ``kernel`` (height, width, channels / groups, filters) and ``bias`` (filters), and
    those of the convolution that finds offsets and mask: ``offset_kernel`` and ``offset_bias``
    (channels: the offsets as `deformable_conv2d` takes them, then the mask). That convolution has
    the window, strides, padding and dilation of the layer and starts at zero. So version 1 starts
    as the ordinary convolution of the same kernel, and version 2 as ``mask_range / 2`` times it:
    half by the paper, whose mask is a sigmoid, or all of it with ``mask_range=2``.

    Args:
        filters: Number of filters, a multiple of ``groups``.
        kernel_size: Height and width of the window, or one integer.
        strides: Steps of the window, or one integer.
        padding: ``"valid"``, ``"same"``, or pixels on either side: one integer or two.
        dilation_rate: Distances between the points of the window, or one integer.
        groups: Runs into which channels and filters fall, convolved apart.
        deformable_groups: Runs of channels that have offsets (and masks) of their own.
        modulated: Version 2, with a mask; otherwise version 1.
        mask_range: The mask is this times the sigmoid.
        activation: What Keras takes for one.
        use_bias: Whether there is a ``bias``.
        kernel_initializer: Of ``kernel``.
        bias_initializer: Of ``bias``.
        kernel_regularizer: Of ``kernel``.
        **options: Those of `keras.layers.Layer`.

    Raises:
        ArgumentError: An argument is not of its kind; ``filters`` or the channels of the input do
            not fall into the groups; or the input is smaller than the window.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Pair,
        strides: Pair = 1,
        padding: Padding = "valid",
        dilation_rate: Pair = 1,
        groups: int = 1,
        deformable_groups: int = 1,
        modulated: bool = True,
        mask_range: float = 1.0,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        **options: Any,
    ):
        super().__init__(**options)
        self.filters = integer("filters", filters)
        self.kernel_size = pair("kernel_size", kernel_size)
        self.strides = pair("strides", strides)
        self.padding = padding_of(padding)
        self.dilation_rate = pair("dilation_rate", dilation_rate)
        self.groups = integer("groups", groups)
        self.deformable_groups = integer("deformable_groups", deformable_groups)
        self.modulated = modulated
        self.mask_range = real("mask_range", mask_range, 0, open_low=True)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self._fits("filters", self.filters, "groups")

    def _fits(self, argument: str, number: int | None, groups: str) -> None:
        count = getattr(self, groups)
        if number is None or number % count:
            raise ArgumentError(
                argument, f"be a multiple of {groups}={count}", f"{number} {argument}"
            )

    @property
    def _offsets(self) -> int:
        """Channels of the offsets."""
        return 2 * self.deformable_groups * self.kernel_size[0] * self.kernel_size[1]

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Make the weights for this number of channels."""
        channels = input_shape[-1]
        self._fits("input channels", channels, "groups")
        self._fits("input channels", channels, "deformable_groups")
        self.compute_output_shape(input_shape)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, channels // self.groups, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.filters,), initializer=self.bias_initializer
            )
        found = self._offsets + self._offsets // 2 * self.modulated
        self.offset_kernel = self.add_weight(
            name="offset_kernel", shape=(*self.kernel_size, channels, found), initializer="zeros"
        )
        self.offset_bias = self.add_weight(name="offset_bias", shape=(found,), initializer="zeros")

    def find(self, inputs: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the offsets for these images, and the mask of version 2."""
        padding = self.padding
        if not isinstance(padding, str):
            edges = [(pixels, pixels) for pixels in padding]
            inputs, padding = ops.pad(inputs, ((0, 0), *edges, (0, 0))), "valid"
        found = convolution(
            inputs,
            ops.convert_to_tensor(self.offset_kernel),
            self.strides,
            padding,
            self.dilation_rate,
        )
        found = found + self.offset_bias
        if not self.modulated:
            return found, None
        return found[..., : self._offsets], self.mask_range * ops.sigmoid(
            found[..., self._offsets :]
        )

    def call(self, inputs: Tensor) -> Tensor:
        """Return the convolution, with bias and activation."""
        offsets, mask = self.find(inputs)
        y = deformable_conv2d(
            inputs,
            offsets,
            self.kernel,
            mask,
            self.bias,
            strides=self.strides,
            padding=self.padding,
            dilation=self.dilation_rate,
        )
        return self.activation(y)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, new height, new width, filters)."""
        batch, rows, columns, _ = input_shape
        down, right = windows(self.kernel_size, self.strides, self.padding, self.dilation_rate)
        return (
            batch,
            output_size(down, rows, "rows"),
            output_size(right, columns, "columns"),
            self.filters,
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, as Keras saves them."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "deformable_groups": self.deformable_groups,
            "modulated": self.modulated,
            "mask_range": self.mask_range,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
