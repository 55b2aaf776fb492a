"""The trainable weights of any Keras model as one flat vector, and back.

The order is that of ``model.trainable_weights``, each array flattened row by row, as
``torch.nn.utils.parameters_to_vector`` has it. Weights that are not trainable (frozen layers,
moving averages) are no part of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.errors import ArgumentError, ModelError

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Layout:
    """Where each trainable array lies in the vector.

    Attributes:
        shapes: Shape of each trainable array, in order.
        dtype: Their common number type.
    """

    shapes: tuple[tuple[int, ...], ...]
    dtype: str

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Number of weights in each array."""
        return tuple(map(math.prod, self.shapes))

    @property
    def size(self) -> int:
        """Number of weights in all."""
        return sum(self.sizes)

    def unpack(self, vector: Any) -> list[Any]:
        """Cut a vector ``(size,)``, of NumPy or of the backend, into the arrays."""
        from keras import ops

        reshape = np.reshape if isinstance(vector, np.ndarray) else ops.reshape
        ends = accumulate(self.sizes)
        return [
            reshape(vector[end - size : end], shape)
            for shape, size, end in zip(self.shapes, self.sizes, ends, strict=True)
        ]

    def pack(self, arrays: Sequence[ArrayLike]) -> NDArray[np.floating]:
        """Join arrays of the layout's shapes into a vector ``(size,)``."""
        return np.concatenate([np.ravel(array) for array in arrays], dtype=self.dtype)


def layout_of(model: keras.Model) -> Layout:
    """Return the layout of a model's trainable weights.

    Raises:
        ArgumentError: It is no Keras model.
        ModelError: It is not built, has no trainable weights, or has weights of several
            number types.
    """
    import keras

    if not isinstance(model, keras.Model):
        raise ArgumentError(
            "model", "be a keras.Model", f"a {type(model).__name__}", "See workbench.feedforward."
        )
    if not model.built:
        raise ModelError(
            f"The model {model.name!r} has no weights yet. Give it an Input layer, or call it "
            "on some data first."
        )
    if not model.trainable_weights:
        raise ModelError(
            f"The model {model.name!r} has no trainable weights ({model.count_params()} in all). "
            "Set layer.trainable = True on the layers to train."
        )
    dtypes = {keras.backend.standardize_dtype(w.dtype) for w in model.trainable_weights}
    if len(dtypes) > 1:
        raise ModelError(
            f"The model {model.name!r} has weights of several types: {', '.join(sorted(dtypes))}. "
            "Build it with one dtype."
        )
    return Layout(tuple(tuple(w.shape) for w in model.trainable_weights), dtypes.pop())


def weights_to_vector(model: keras.Model) -> NDArray[np.floating]:
    """Return a copy of the trainable weights as a vector ``(weights,)``.

    Raises:
        ModelError: The model has no trainable weights.
    """
    from workbench.network import backend

    return layout_of(model).pack(backend.values(model.trainable_weights))


def vector_to_weights(model: keras.Model, vector: ArrayLike) -> None:
    """Write a vector ``(weights,)`` into the trainable weights.

    Raises:
        ArgumentError: The vector has the wrong length or entries that are not finite; the
            model is as before.
        ModelError: The model has no trainable weights.
    """
    from workbench.network import backend

    layout = layout_of(model)
    array = np.asarray(vector)
    if array.shape != (layout.size,):
        raise ArgumentError(
            "vector", f"have shape ({layout.size},), one entry a weight", f"shape {array.shape}"
        )
    checks.finite("vector", array)
    backend.assign(model.trainable_weights, layout.unpack(array))
