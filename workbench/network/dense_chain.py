"""A plain chain of Dense layers, written out for a population.

Keras multiplies matrices. A population of small networks is then a batch of products of very
thin ones, which XLA hands one by one to a matrix library; written out as sums over the few
inputs of a layer, it fuses all of a network into loops over the samples. Measured with 50
members and 1500 samples of 2-5-1: 0.68 instead of 0.80 ms. (A Jacobian does not gain, which
keeps Keras's own way.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.network.backend import Tensor

if TYPE_CHECKING:
    import keras

# With more inputs the matrix library wins: 19-25-1 takes 4.4 ms its way and 6.0 ms written out,
# 64-10-2 3.5 and 21, but 16-8-1 1.4 and 1.25, 2-5-5-1 1.7 and 1.0.
_FEW = 16


def dense_chain(
    model: keras.Model,
) -> Callable[[list[Tensor], list[Tensor], Tensor], Tensor] | None:
    """Return the outputs of a model as a function of weights and inputs, written out.

    Args:
        model: A built Keras model.

    Returns:
        A function of the trainable arrays, the other arrays and inputs ``(rows, inputs)``, or
        None if the model is anything but a chain of Keras's plain Dense layers.
    """
    layers = _chained(model)
    if not layers or not all(map(_is_plain, layers)):
        return None
    places = {id(v): i for i, v in enumerate(model.trainable_variables)}
    frozen_places = {id(v): i for i, v in enumerate(model.non_trainable_variables)}

    def outputs(arrays: list[Tensor], frozen: list[Tensor], X: Tensor) -> Tensor:
        def value(variable: Any) -> Tensor:
            if id(variable) in places:
                return arrays[places[id(variable)]]
            return frozen[frozen_places[id(variable)]]

        for layer in layers:
            kernel = value(layer.kernel)
            inputs = int(kernel.shape[0])
            if inputs <= _FEW:
                X = sum(X[:, i : i + 1] * kernel[i] for i in range(inputs))
            else:
                X = X @ kernel
            X = layer.activation(X + value(layer.bias) if layer.use_bias else X)
        return X

    return outputs


def _chained(model: keras.Model) -> list[Any] | None:
    """Return the layers of a model in order if each feeds the next and nothing else."""
    import keras

    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    if isinstance(model, keras.Sequential):
        return layers
    if type(model).__name__ != "Functional" or len(model.inputs) != 1:
        return None
    tensor = model.inputs[0]
    for layer in layers:
        if layer.input is not tensor:
            return None
        tensor = layer.output
    return layers if tensor is model.outputs[0] else None


def _is_plain(layer: Any) -> bool:
    """Return whether a layer is activation(inputs @ kernel + bias) in one number type."""
    import keras

    return (
        type(layer) is keras.layers.Dense
        and layer.quantization_mode is None
        and not layer.lora_enabled
        and layer.compute_dtype == layer.variable_dtype
    )
