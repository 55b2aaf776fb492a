"""What blocks are made of: the layers of a network, each named after its place.

A `Builder` hands out the few kinds of layers that there are in the zoo (convolution with its batch
norm and activation, pooling, squeeze-and-excitation, sums and concatenations) by the conventions of
the network; `workbench.cnn.build` runs a table through it.

Weights start as in He et al. 2015 (arXiv:1502.01852, equation 10): normal, with the variance
2 / (inputs of an output), the last layer by Glorot's rule. All of them come from one seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import sqrt
from typing import Any

import keras
import numpy as np
from keras import layers

from workbench.cnn.ops import (
    AdaptiveAveragePool2D,
    BatchNorm,
    ChannelShuffle,
    ChannelSplit,
    GroupedConv2D,
    ResizeLike,
    SqueezeExcite,
)
from workbench.cnn.spec import USUAL, Activation, Conventions, Padding, Rows, Tensor
from workbench.cnn.window import SAME, VALID, Window
from workbench.errors import ArgumentError

Size = int | tuple[int, int]


@dataclass
class Network:
    """What the builders of one network share."""

    conventions: Conventions
    rng: np.random.Generator
    image: Tensor
    classes: int | None
    last_activation: Activation
    dropout: float | None
    taps: dict[str, Tensor] = field(default_factory=dict)


class Builder:
    """Makes the layers of one place in a network, and names them after it.

    Tensors are symbolic, of shape (batch, rows, columns, channels).
    """

    def __init__(self, network: Network, place: str = ""):
        self._network = network
        self._place = place

    def within(self, name: str) -> Builder:
        """Return a builder for a part of this place."""
        return Builder(self._network, self._name(name))

    def under(self, conventions: Conventions) -> Builder:
        """Return a builder for this place that goes by other conventions."""
        return Builder(replace(self._network, conventions=conventions), self._place)

    def run(self, x: Tensor, rows: Rows) -> Tensor:
        """Build named blocks one behind the other."""
        for name, block in rows:
            x = block.build(x, self.within(name))
            self._network.taps[self._name(name)] = x
        return x

    def tap(self, name: str) -> Tensor:
        """Return what the block of that full name put out."""
        return self._network.taps[name]

    @property
    def image(self) -> Tensor:
        """The input of the network."""
        return self._network.image

    def conv(
        self,
        x: Tensor,
        name: str,
        filters: int,
        kernel: Size = 1,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        padding: Padding | None = None,
        bias: bool | None = None,
        norm: bool = True,
        activation: Activation = USUAL,
    ) -> Tensor:
        """Add a convolution, its batch norm and its activation.

        Args:
            x: What it sees.
            name: Of the convolution.
            filters: Channels it puts out.
            kernel: Rows and columns of the kernel.
            stride: Pixels from one window to the next.
            dilation: Pixels from one point of the kernel to the next.
            groups: Into which the channels fall; as many as there are channels is depthwise.
            padding: Zeros on either side, or TensorFlow's "same" or "valid"; the network's if None.
            bias: Whether there is one; None puts one where no batch norm follows.
            norm: Whether batch norm follows.
            activation: Name in Keras; None leaves it linear.
        """
        kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        if padding is None and self._network.conventions.padding == "same":
            padding = "same"
        x, mode = self._padded(x, name, kernel, stride, dilation, padding)
        layer = self._convolution(
            x.shape[-1],
            filters,
            kernel,
            groups,
            strides=stride,
            padding=mode,
            dilation_rate=dilation,
            use_bias=not norm if bias is None else bias,
            name=self._name(name),
        )
        x = layer(x)
        if norm:
            x = self.norm(x, f"{name}.norm" if name else "norm")
        return self.activate(x, activation, name)

    def norm(self, x: Tensor, name: str) -> Tensor:
        """Add batch norm by the network's conventions."""
        usual = self._network.conventions
        layer = BatchNorm(momentum=usual.momentum, epsilon=usual.epsilon, name=self._name(name))
        return layer(x)

    def activate(self, x: Tensor, activation: Activation = USUAL, behind: str = "") -> Tensor:
        """Add an activation, named after itself and what it stands behind."""
        if activation == USUAL:
            activation = self._network.conventions.activation
        if activation is None:
            return x
        word = keras.activations.get(activation).__name__
        name = f"{behind}.{word}" if behind else word
        # A layer of its own kind where there is one: exporters and readers know it.
        layer = layers.ReLU if word == "relu" else None
        named = {"name": self._name(name)}
        return (layer(**named) if layer else layers.Activation(activation, **named))(x)

    def max_pool(
        self, x: Tensor, name: str, size: int, stride: int, padding: Padding = 0, ceil: bool = False
    ) -> Tensor:
        """Add max pooling. What is padded must not be negative, as behind a ReLU."""
        x, mode = self._padded(x, name, (size, size), stride, 1, padding, ceil)
        return layers.MaxPooling2D(size, stride, mode, name=self._name(name))(x)

    def average_pool(
        self, x: Tensor, name: str, size: int, stride: int, padding: Padding = 0, ceil: bool = False
    ) -> Tensor:
        """Add average pooling; the zeros of a padding count, those of "same" do not."""
        windows = Window(size, stride, padding if isinstance(padding, int) else 0, ceil)
        if padding == SAME or not windows.before:
            x, mode = self._padded(x, name, (size, size), stride, 1, padding, ceil)
        else:
            x, mode = self._zeros(x, name, (windows, windows)), VALID
        return layers.AveragePooling2D(size, stride, mode, name=self._name(name))(x)

    def adaptive_pool(self, x: Tensor, name: str, size: int) -> Tensor:
        """Add averages over equal shares of the image, ``size`` a side; see the layer."""
        if x.shape[1:3] == (size, size):
            return x
        return AdaptiveAveragePool2D(size, name=self._name(name))(x)

    def global_pool(self, x: Tensor, name: str, keepdims: bool = False) -> Tensor:
        """Add the average over all pixels: (batch, channels), or (batch, 1, 1, channels)."""
        return layers.GlobalAveragePooling2D(keepdims=keepdims, name=self._name(name))(x)

    def squeeze_excite(
        self,
        x: Tensor,
        name: str,
        squeeze: int,
        *,
        activation: str = "relu",
        gate: str = "sigmoid",
        bias: bool = True,
    ) -> Tensor:
        """Add squeeze-and-excitation with ``squeeze`` channels in its middle."""
        layer = SqueezeExcite(
            squeeze,
            activation=activation,
            gate=gate,
            use_bias=bias,
            kernel_initializer=self._he(x.shape[-1]),
            expand_initializer=self._he(squeeze),
            name=self._name(name),
        )
        return layer(x)

    def shuffle(self, x: Tensor, name: str, groups: int) -> Tensor:
        """Add a shuffle of the channels of ``groups`` groups."""
        return ChannelShuffle(groups, name=self._name(name))(x)

    def split(self, x: Tensor, name: str, parts: int = 2) -> Sequence[Tensor]:
        """Split the channels into equal parts."""
        return ChannelSplit(parts, name=self._name(name))(x)

    def add(self, parts: Sequence[Tensor], name: str = "add") -> Tensor:
        """Add tensors of one shape."""
        return layers.Add(name=self._name(name))(list(parts))

    def multiply(self, parts: Sequence[Tensor], name: str = "multiply") -> Tensor:
        """Multiply tensors; of one with a single pixel, that pixel goes with all others."""
        return layers.Multiply(name=self._name(name))(list(parts))

    def rescale(self, x: Tensor, name: str, factor: float) -> Tensor:
        """Multiply by a constant."""
        return layers.Rescaling(factor, name=self._name(name))(x)

    def concat(self, parts: Sequence[Tensor], name: str = "concat") -> Tensor:
        """Put the channels of tensors one behind the other."""
        return layers.Concatenate(name=self._name(name))(list(parts))

    def resize_like(self, x: Tensor, other: Tensor, name: str) -> Tensor:
        """Bring an image to the rows and columns of another, bilinear."""
        return ResizeLike(name=self._name(name))([x, other])

    def flatten(self, x: Tensor, name: str) -> Tensor:
        """Put the rows of an image one behind the other."""
        return layers.Flatten(name=self._name(name))(x)

    def dense(self, x: Tensor, name: str, units: int, activation: Activation = USUAL) -> Tensor:
        """Add a fully connected layer."""
        start = self._he(x.shape[-1])
        x = layers.Dense(units, kernel_initializer=start, name=self._name(name))(x)
        return self.activate(x, activation, name)

    def drop(self, x: Tensor, name: str, rate: float) -> Tensor:
        """Add dropout of ``rate``, or of what the caller of `build_cnn` wants instead."""
        wanted = self._network.dropout
        rate = rate if wanted is None else wanted
        seed = self._seed()  # drawn in any case: other weights must not depend on the rate
        return layers.Dropout(rate, seed=seed, name=self._name(name))(x) if rate else x

    @property
    def classes(self) -> int:
        """Number of classes, for heads that make them with something other than `classify`."""
        return self._network.classes or 0

    def classify(self, x: Tensor, name: str) -> Tensor:
        """Add the layer of the classes with its activation; a vector (batch, channels) comes in."""
        start = keras.initializers.GlorotUniform(seed=self._seed())
        logits = layers.Dense(self.classes, kernel_initializer=start, name=self._name(name))(x)
        return self.finish(logits, name)

    def finish(self, logits: Tensor, behind: str) -> Tensor:
        """Add the activation behind the classes."""
        return self.activate(logits, self._network.last_activation, behind)

    def _convolution(
        self, channels: int, filters: int, kernel: tuple[int, int], groups: int, **options: Any
    ) -> keras.layers.Layer:
        """Return the quickest layer there is for so many groups."""
        start = self._he(kernel[0] * kernel[1] * (channels // groups))
        if 1 < groups == channels and filters % channels == 0:
            return layers.DepthwiseConv2D(
                kernel,
                depth_multiplier=filters // channels,
                depthwise_initializer=start,
                **options,
            )
        if groups > 1:
            return GroupedConv2D(
                filters, kernel, groups=groups, kernel_initializer=start, **options
            )
        return layers.Conv2D(filters, kernel, kernel_initializer=start, **options)

    def _padded(
        self,
        x: Tensor,
        name: str,
        kernel: tuple[int, int],
        stride: int,
        dilation: int,
        padding: Padding | None,
        ceil: bool = False,
    ) -> tuple[Tensor, str]:
        """Return x with the zeros it needs, and TensorFlow's word for the windows on it."""
        extents = [dilation * (points - 1) + 1 for points in kernel]
        if padding is None:
            each: Sequence[Any] = [(extent - 1) // 2 for extent in extents]
        elif padding == VALID:
            each = (0, 0)
        else:
            each = padding if isinstance(padding, tuple) else (padding, padding)
        windows = tuple(
            Window(extent, stride, one, ceil) for extent, one in zip(extents, each, strict=True)
        )
        sides = x.shape[1:3]
        self._check_room(sides, windows, name)
        if all(window.is_same(side) for window, side in zip(windows, sides, strict=True)):
            return x, SAME
        return self._zeros(x, name, windows), VALID

    def _zeros(self, x: Tensor, name: str, windows: Sequence[Window]) -> Tensor:
        self._check_room(x.shape[1:3], windows, name)
        zeros = tuple(w.zeros(side) for w, side in zip(windows, x.shape[1:3], strict=True))
        if not any(map(any, zeros)):
            return x
        return layers.ZeroPadding2D(zeros, name=self._name(f"{name}.pad" if name else "pad"))(x)

    def _check_room(
        self, sides: Sequence[int | None], windows: Sequence[Window], name: str
    ) -> None:
        for side, window in zip(sides, windows, strict=True):
            if side is not None and window.outputs(side) < 1:
                image = self._network.image.shape[1:3]
                raise ArgumentError(
                    "input_shape",
                    f"leave {window.size - 2 * window.before} pixels or more for "
                    f"{self._name(name)!r}, whose windows are {window.size} wide",
                    f"{image[0]} x {image[1]} pixels, of which {side} are left there",
                    "Take larger images, or a smaller total_stride if that is larger than 1.",
                )

    def _he(self, inputs: int) -> Any:
        return keras.initializers.RandomNormal(stddev=sqrt(2 / inputs), seed=self._seed())

    def _seed(self) -> int:
        return int(self._network.rng.integers(2**31))

    def _name(self, name: str) -> str:
        return f"{self._place}.{name}" if self._place and name else self._place or name
