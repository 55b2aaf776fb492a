"""What the frozen beginning of a network makes of the rows, computed once for all weight vectors.

Idea: a search evaluates the same rows thousands of times. Where the trainable weights stand behind
frozen ones (a new head on the features of a trained network), everything before them comes out the
same every time; `Rest` is the network from there on, and takes the features for its inputs.

The contract: the trainable weights, their order and the outputs are those of the whole model, to
rounding. The features of all rows are kept, up to a limit; beyond it, and for models that cannot be
split (see `workbench.network.steps`), the whole model is evaluated for each weight vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.network import backend
from workbench.network.backend import Tensor
from workbench.network.objective import Network, frozen_values
from workbench.network.steps import Steps, steps_of, widest

if TYPE_CHECKING:
    import keras

Floats = NDArray[np.floating]

LARGEST = 2**28  # numbers in the features of all rows: 1 GiB in float32
_BLOCK = 2**21  # numbers in the largest tensor of a block of rows


@dataclass(frozen=True, eq=False)
class Rest(Network):
    """A network from its features on: these, side by side in a row, are its inputs.

    Attributes:
        steps: The whole model as steps.
        shapes: Shape of each feature, without the rows.
    """

    steps: Steps | None = None
    shapes: tuple[tuple[int, ...], ...] = ()

    def call(self, arrays: list[Tensor], frozen: list[Tensor], X: Tensor) -> Tensor:
        """Return the outputs ``(rows, outputs)`` from weights and features ``(rows, width)``."""
        from keras import ops

        assert self.steps is not None
        tensors, begin = {}, 0
        for number, shape in zip(self.steps.features, self.shapes, strict=True):
            end = begin + prod(shape)
            tensors[number] = ops.reshape(X[:, begin:end], (-1, *shape))
            begin = end
        self.steps.run(self.steps.live, tensors, [*arrays, *frozen])
        return tensors[self.steps.output]


def without_frozen(network: Network, model: keras.Model, X: Floats) -> tuple[Network, Floats]:
    """Return the rest of a network behind its frozen beginning, and the features of rows.

    Args:
        network: The pure form of the model.
        model: The model, whose frozen weights count.
        X: Inputs ``(samples, ...)``, checked.

    Returns:
        A network and its inputs ``(samples, width)``; the very arguments where there is nothing
        to split off.
    """
    steps = backend.cached((network.key, "steps"), lambda: steps_of(network.model))
    if steps is None or not steps.has_frozen_beginning:
        return network, X
    first = _features(network, steps, model, X[:1])
    width = sum(feature[0].size for feature in first)
    plain = all(feature.dtype == network.layout.dtype for feature in first)
    if not plain or width * len(X) > LARGEST:
        return network, X
    shapes = tuple(feature.shape[1:] for feature in first)
    found = _all_features(network, steps, model, X, width)
    # Features that are rows of numbers leave no convolution, which XLA would slow down.
    flat = all(len(shape) == 1 for shape in shapes)
    given = {field.name: getattr(network, field.name) for field in fields(Network)}
    given |= {
        "key": (network.key, "rest", shapes),
        "compile": backend.xla if flat else network.compile,
        "chain": None,
    }
    return Rest(**given, steps=steps, shapes=shapes), found


def _all_features(
    network: Network, steps: Steps, model: keras.Model, X: Floats, width: int
) -> Floats:
    """Return the features side by side, ``(samples, width)``."""
    height = min(len(X), max(1, _BLOCK // widest(steps.frozen, X.shape[1:])))
    found = np.empty((len(X), width), network.layout.dtype)
    for begin in range(0, len(X), height):
        # The last row again, as in all blocks: zeros may be no legal input.
        rows = X[np.minimum(np.arange(begin, begin + height), len(X) - 1)]
        parts = _features(network, steps, model, rows)
        count = min(height, len(X) - begin)
        joined = np.concatenate([part.reshape(height, -1) for part in parts], axis=1)
        found[begin : begin + count] = joined[:count]
    return found


def _features(
    network: Network, steps: Steps, model: keras.Model, rows: Floats
) -> Sequence[NDArray[Any]]:
    def run(arrays: list[Tensor], frozen: list[Tensor], X: Tensor) -> list[Tensor]:
        tensors = {0: X}
        steps.run(steps.frozen, tensors, [*arrays, *frozen])
        return [tensors[number] for number in steps.features]

    key = (network.key, "features", rows.shape)
    compiled = backend.cached(key, lambda: network.compile(run))
    arrays = [backend.tensor(variable.value) for variable in model.trainable_variables]
    return backend.numpy(compiled(arrays, frozen_values(model), backend.tensor(rows)))
