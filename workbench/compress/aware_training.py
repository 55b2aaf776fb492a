"""Quantisation-aware fine-tuning: a network trained while its numbers are rounded as int8 would be.

Sources: B. Jacob et al. 2018, arXiv:1712.05877, section 3; the gradient of rounding is that of
Y. Bengio, N. Léonard and A. Courville, "Estimating or Propagating Gradients Through Stochastic
Neurons for Conditional Computation", 2013, arXiv:1308.3432: rounding passes it on as if it were not
there (straight through), and a value outside the range passes none.

Weights are rounded by the rules of LiteRT: symmetric, one scale a filter. Activations are rounded
with the range that a moving average of the extremes of each batch has; where LiteRT merges
operations (convolution and ReLU, sum and ReLU) only the result is. Batch norm is folded before, so
that what is rounded in training is what is rounded in the file.

The rounded weights are handed to a layer by `keras.StatelessScope`, in which a variable reads as
the value that the scope has for it. So any layer that has kernels can be wrapped, one that is made
of others too; rejected was to write the forward pass of every kind of layer once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from workbench.compress.deployable import deployable
from workbench.compress.fold import WEIGHTED, fold_batch_norm
from workbench.compress.graph_run import arguments, is_nested, run
from workbench.compress.links import Links, graphs
from workbench.network.backend import Tensor

KERNELS = {"kernel": -1, "depthwise_kernel": -2}  # first of the axes that have a scale each
MOMENTUM = 0.95  # of the moving averages: they have forgotten where they began after an epoch
MOVES_ONLY = (  # layers whose outputs are numbers of the input
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.MaxPooling2D,
    keras.layers.Reshape,
    keras.layers.ZeroPadding2D,
)


def quantization_aware(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Return two new models that share their weights: one to train, and what it trains.

    Compile and fit the first, at a tenth of the learning rate or less, for a few epochs; then hand
    the second to `quantize`. The first rounds weights and activations as the int8 file will; the
    second is a plain float network with the same layers as the model, its batch norms folded.

        aware, plain = quantization_aware(model)
        aware.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy")
        aware.fit(X, y, epochs=5)
        quantize(plain, "net.tflite", X[:300])

    Layers within a layer (in squeeze-and-excitation) have their weights rounded, but not what
    goes between them.

    Args:
        model: Functional or sequential, float32, with one input; it is left as it is.

    Raises:
        ArgumentError: Not a Keras model.
        ModelError: It cannot be exported at all; see `quantize`.
    """
    deployable(model)
    plain = fold_batch_norm(model)
    links = [Links(graph) for graph in graphs(plain)]
    unrounded = {id(node) for each in links for node in each.nodes if _is_merged(node, each)}
    shape, last = plain.inputs[0].shape, plain.outputs[0]
    made: dict[int, Any] = {}

    def apply(node: Any, inputs: Sequence[Any]) -> Sequence[Any]:
        operation = node.operation
        if is_nested(operation):
            return run(operation, inputs, apply)
        if id(operation) not in made:
            made[id(operation)] = _aware_layer(operation)
        args, kwargs = arguments(node, inputs)
        outputs = tree.flatten(made[id(operation)](*args, **kwargs))
        if id(node) in unrounded or any(tensor is last for tensor in node.outputs):
            return outputs
        return [RoundedActivations()(x) for x in outputs]

    image = keras.Input(shape[1:], dtype=plain.inputs[0].dtype, name="image")
    (output,) = run(plain, [RoundedActivations()(image)], apply)
    return keras.Model(image, output, name=f"{model.name}_aware"), plain


def _is_merged(node: Any, links: Links) -> bool:
    """Say whether what a node puts out is no tensor of its own in LiteRT, or no new numbers."""
    if isinstance(node.operation, MOVES_ONLY):
        return True
    behind = links.behind(node)
    merges = isinstance(node.operation, (*WEIGHTED, keras.layers.Add))
    return merges and behind is not None and _is_rectifier(behind.operation)


def _is_rectifier(layer: Any) -> bool:
    if isinstance(layer, keras.layers.ReLU):
        return True
    rectifiers = keras.activations.relu, keras.activations.relu6
    return isinstance(layer, keras.layers.Activation) and layer.activation in rectifiers


def _aware_layer(operation: Any) -> Any:
    """Return what stands in an operation's place; the weights stay those of the operation."""
    if not isinstance(operation, keras.Layer):
        return operation
    if operation.weights:
        return RoundedWeights(operation, name=f"{operation.name}.rounded")
    return type(operation).from_config(operation.get_config())


@keras.saving.register_keras_serializable("workbench")
class RoundedWeights(keras.layers.Wrapper):
    """A layer whose kernels are rounded to int8 each time that it is called.

    Args:
        layer: Any layer; every kernel in it counts, biases stay as they are.
        **options: Those of `keras.layers.Layer`.
    """

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Return what the layer makes of ``inputs`` with its kernels rounded."""
        options = {"training": training} if self.layer._call_has_training_arg else {}
        kernels = [v for v in self.layer.variables if v.path.split("/")[-1] in KERNELS]
        if not kernels:  # batch norm, which has to remember what it is given
            return self.layer(inputs, **options)
        rounded = [(v, rounded_weights(v, KERNELS[v.path.split("/")[-1]])) for v in kernels]
        with keras.StatelessScope(state_mapping=rounded):
            return self.layer(inputs, **options)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the layer's."""
        return self.layer.compute_output_shape(input_shape)


@keras.saving.register_keras_serializable("workbench")
class RoundedActivations(keras.layers.Layer):
    """Round to 256 steps between the extremes that are seen, zero being one of the steps.

    In training the extremes are moving averages of those of the batches; in inference they are
    those that training has left, and without any training numbers pass as they are.

    Args:
        momentum: Share of the average that a batch leaves.
        **options: Those of `keras.layers.Layer`.
    """

    def __init__(self, momentum: float = MOMENTUM, **options: Any):
        super().__init__(**options)
        self.momentum = momentum

    def build(self, input_shape: Any) -> None:
        """Make the two averages; both 0 before the first batch."""
        self.low, self.high = (
            self.add_weight(name=name, shape=(), initializer="zeros", trainable=False)
            for name in ("low", "high")
        )

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Return ``inputs`` rounded."""
        low, high = ops.convert_to_tensor(self.low), ops.convert_to_tensor(self.high)
        if training:
            seen = ops.minimum(ops.min(inputs), 0.0), ops.maximum(ops.max(inputs), 0.0)
            keep = ops.where(high > low, self.momentum, 0.0)
            low, high = (
                ops.stop_gradient(keep * old + (1 - keep) * new)
                for old, new in zip((low, high), seen, strict=True)
            )
            self.low.assign(low)
            self.high.assign(high)
        return ops.where(high > low, _rounded(inputs, low, high), inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, as Keras saves them."""
        return {**super().get_config(), "momentum": self.momentum}


def rounded_weights(kernel: Any, first: int) -> Tensor:
    """Return a kernel rounded to whole multiples of a scale, 127 of which are its largest entry.

    Args:
        kernel: Array or variable.
        first: The axes from this one on have a scale for each of their places; negative.
    """
    kernel = ops.convert_to_tensor(kernel)
    axes = tuple(range(len(kernel.shape) + first))
    largest = ops.max(ops.abs(kernel), axis=axes, keepdims=True)
    scale = ops.maximum(largest, np.finfo(np.float32).tiny * 127) / 127
    return kernel + ops.stop_gradient(ops.round(kernel / scale) * scale - kernel)


def _rounded(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    scale = ops.maximum(high - low, np.finfo(np.float32).tiny * 255) / 255
    zero = ops.round(-low / scale)  # the step that is 0
    x = ops.clip(x, -zero * scale, (255 - zero) * scale)
    return x + ops.stop_gradient(ops.round(x / scale) * scale - x)
