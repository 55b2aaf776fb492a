"""Batch norm given the statistics of a user's own images, without a change of what comes out.

Weights from a file that has batch norm folded (`litert_weights.py`) leave a mean of 0 and a
variance of 1 that were never measured. For inference that is as good as any; but training
normalises with the mean and variance of the batch, so that its first step sees another network than
the one that was loaded, and what the file's weights are worth is lost.

Idea: measure mean m and variance v of what comes into each batch norm, and move them from its
factor a = gamma / sqrt(variance + epsilon) and offset into its statistics,

    y = a (x - mean) + beta = gamma' (x - m) / sqrt(v + epsilon) + beta',
    gamma' = a sqrt(v + epsilon),  beta' = beta + a (m - mean).

Inference stays the same, and so does what comes into every later batch norm: one pass over the
images measures all of them at once. (That is where it differs from the re-estimation of X. Peng et
al. 2017, arXiv:1711.07240, and of "precise" batch norm, which leave gamma and beta alone and change
the answers.) A batch of a training step is then normalised to nearly the same values as before.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.cnn.layer_calls import layer_calls
from workbench.errors import ArgumentError, ModelError
from workbench.network import backend


@dataclass
class Moments:
    """Mean and sum of squared deviations of each channel, of any number of batches.

    Attributes:
        count: Values a channel.
        mean: Shape (channels,), float64.
        squares: Likewise.
    """

    count: int = 0
    mean: Any = 0.0
    squares: Any = 0.0

    def add(self, count: int, mean: NDArray[Any], variance: NDArray[Any]) -> None:
        """Take a batch up: T. Chan, G. Golub and R. LeVeque 1979 (STAN-CS-79-773), eq. 2.1."""
        total = self.count + count
        apart = mean - self.mean
        self.mean = self.mean + apart * count / total
        self.squares = self.squares + variance * count + apart**2 * self.count * count / total
        self.count = total


class Place(NamedTuple):
    """A batch norm, and the symbolic tensors that come into it: one a call."""

    norm: keras.layers.BatchNormalization
    inputs: list[Any]


def recalibrate(model: keras.Model, images: ArrayLike, *, batch_size: int = 32) -> None:
    """Measure the statistics of every batch norm on images; inference stays as it is.

    Call it behind `load_state_dict` with a LiteRT file and before training, with some hundred
    images of the training set. It makes no odds whether the head is new by then.

    Args:
        model: Functional or sequential; its weights are changed in place.
        images: Input of the model as it takes it, prepared by its preprocessing: (images, rows,
            columns, channels).
        batch_size: Images at a time: a matter of memory, the statistics are those of all images.

    Raises:
        ArgumentError: ``model`` is none with a graph, or ``images`` do not fit it.
        ModelError: There is no batch norm, one is nested, or has no gamma or beta to take up what
            its statistics were.
    """
    places = _places(model)
    shape = tuple(model.inputs[0].shape[1:])
    x = checks.samples("images", images, shape, f"the input of {model.name!r}")
    size = checks.integer("batch_size", batch_size)
    moments = _measured(model, places, x.astype(np.float32, copy=False), size)
    moved = [_moved(norm, each) for (norm, _), each in zip(places, moments, strict=True)]
    variables = [variable for norm, _ in places for variable in _variables(norm)]
    backend.assign(variables, [array for arrays in moved for array in arrays])


def _places(model: Any) -> list[Place]:
    """Return the batch norms of a model, or say why they cannot be moved."""
    if not isinstance(model, keras.Model) or len(getattr(model, "inputs", None) or ()) != 1:
        raise ArgumentError(
            "model", "be a functional or sequential Keras model of one input", model
        )
    kind = keras.layers.BatchNormalization
    places: dict[int, Place] = {}
    for layer, inputs, _ in layer_calls(model):
        if isinstance(layer, kind):
            places.setdefault(id(layer), Place(layer, [])).inputs.append(inputs[0])
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, kind) and id(layer) not in places:
            raise ModelError(
                f"{model.name!r} must have all its batch norms in its own graph. {layer.name!r} is "
                "in a model or layer nested in it: call recalibrate with the nested model."
            )
        if isinstance(layer, kind) and not (layer.scale and layer.center):
            raise ModelError(
                "Every batch norm must have gamma and beta, which take up what its statistics "
                f"were. {layer.name!r} has scale={layer.scale} and center={layer.center}."
            )
    if not places:
        raise ModelError(f"{model.name!r} must have batch norm to be recalibrated. It has none.")
    return list(places.values())


def _measured(
    model: keras.Model, places: list[Place], x: NDArray[np.float32], size: int
) -> list[Moments]:
    """Return the moments of what comes into each batch norm."""
    symbols = [(number, each) for number, place in enumerate(places) for each in place.inputs]
    looks = keras.Model(model.inputs[0], [symbol for _, symbol in symbols])
    found = [Moments() for _ in places]
    for start in range(0, len(x), size):
        seen = keras.tree.flatten(looks(x[start : start + size], training=False))
        for (number, _), tensor in zip(symbols, seen, strict=True):
            axis = places[number].norm.axis % tensor.ndim
            axes = [each for each in range(tensor.ndim) if each != axis]
            mean, variance = backend.numpy(ops.moments(ops.cast(tensor, "float32"), axes))
            found[number].add(prod(tensor.shape) // len(mean), mean, variance)
    return found


def _moved(norm: Any, moments: Moments) -> list[NDArray[np.float64]]:
    """Return new gamma, beta, mean and variance of the same map; see above."""
    gamma, beta, mean, variance = (
        each.astype(np.float64) for each in backend.values(_variables(norm))
    )
    factor = gamma / np.sqrt(variance + norm.epsilon)
    spread = moments.squares / moments.count
    offset = beta + factor * (moments.mean - mean)
    return [factor * np.sqrt(spread + norm.epsilon), offset, moments.mean, spread]


def _variables(norm: Any) -> list[keras.Variable]:
    return [norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance]
