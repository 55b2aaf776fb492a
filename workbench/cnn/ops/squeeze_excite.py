"""Squeeze and excitation: each channel is weighed by what the whole image shows.

Source: J. Hu, L. Shen, S. Albanie, G. Sun and E. Wu, "Squeeze-and-Excitation Networks", 2018,
arXiv:1709.01507, section 3: s = gate(W2 relu(W1 mean(x))), output s x. A. Howard et al.,
"Searching for MobileNetV3", 2019, arXiv:1905.02244, section 5.3, puts the hard sigmoid at the gate.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from workbench.checks import integer
from workbench.errors import ArgumentError
from workbench.network.backend import Tensor

GATES = ("sigmoid", "hard_sigmoid")


@keras.saving.register_keras_serializable("workbench")
class SqueezeExcite(keras.layers.Layer):
    """Multiply the channels of an image (batch, height, width, channels) by learned weights.

    The mean of each channel over the image goes through two dense layers, ``reduce`` to
    ``squeeze`` numbers and ``expand`` back to one a channel. The paper has ``squeeze`` =
    channels / 16. Weights are ``reduce/kernel``, ``reduce/bias``, ``expand/kernel`` and
    ``expand/bias``; a 1 x 1 convolution of another library has the same numbers.

    Args:
        squeeze: Number of hidden channels.
        activation: What follows ``reduce``: a name that Keras knows, or a function.
        gate: What follows ``expand``: ``"sigmoid"``, ``"hard_sigmoid"`` (min(max(x + 3, 0), 6) /
            6) or a function.
        use_bias: Whether the two dense layers have biases.
        kernel_initializer: Initialiser of the kernel of ``reduce``; give it a seed.
        expand_initializer: Likewise of ``expand``; as the other if None, and from one seed both
            kernels then are the same numbers.
        **options: Those of `keras.layers.Layer`.

    Raises:
        ArgumentError: ``squeeze`` is not a positive integer, ``gate`` another name, or the input
            no image.
    """

    def __init__(
        self,
        squeeze: int,
        activation: Any = "relu",
        gate: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        expand_initializer: Any = None,
        **options: Any,
    ):
        super().__init__(**options)
        if isinstance(gate, str) and gate not in GATES:
            raise ArgumentError("gate", f"be one of {', '.join(GATES)}, or a function", gate)
        self.squeeze = integer("squeeze", squeeze)
        self.activation = keras.activations.get(activation)
        self.gate = keras.activations.get(gate)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.expand_initializer = (
            self.kernel_initializer.clone()
            if expand_initializer is None
            else keras.initializers.get(expand_initializer)
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the two dense layers."""
        if len(input_shape) != 4:
            raise ArgumentError(
                "input", "have shape (batch, height, width, channels)", f"shape {input_shape}"
            )
        channels = input_shape[-1]
        self.reduce = self._dense(self.squeeze, self.activation, self.kernel_initializer, "reduce")
        self.expand = self._dense(channels, self.gate, self.expand_initializer, "expand")
        self.reduce.build((None, channels))
        self.expand.build((None, self.squeeze))

    def _dense(
        self, units: int | None, activation: Any, initializer: Any, name: str
    ) -> keras.layers.Dense:
        return keras.layers.Dense(
            units,
            activation,
            use_bias=self.use_bias,
            kernel_initializer=initializer,
            dtype=self.dtype_policy,
            name=name,
        )

    def excitation(self, inputs: Tensor) -> Tensor:
        """Return the weights of the channels (batch, channels), to be looked at."""
        return self.expand(self.reduce(ops.mean(inputs, axis=(1, 2))))

    def call(self, inputs: Tensor) -> Tensor:
        """Return ``inputs`` with every channel multiplied by its weight."""
        return inputs * self.excitation(inputs)[:, None, None, :]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, as Keras saves them."""
        return {
            **super().get_config(),
            "squeeze": self.squeeze,
            "activation": keras.activations.serialize(self.activation),
            "gate": keras.activations.serialize(self.gate),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "expand_initializer": keras.initializers.serialize(self.expand_initializer),
        }
