"""The outputs of a model for any number of rows, without Keras's ``predict``.

That one builds a data pipeline for every call (40 ms for a row) and traces anew for new shapes.
Here rows are padded to one of few heights, each compiled once for all models of an architecture,
and many rows go through in pieces, so that no layer's output grows with the number of samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.network import backend
from workbench.network.device import Device, on
from workbench.network.objective import Network, frozen_values, network_of

if TYPE_CHECKING:
    import keras

_LEAST, _MOST = 16, 2**13  # heights are the powers of two between


class Predictor:
    """A model as a function from inputs to outputs, in NumPy.

    The architecture is that of the moment it is made, which takes as long as ten predictions;
    the weights are those the model has at each call.

    Args:
        model: Any Keras model from one array to rows of outputs.
        device: Where to compute; ``"auto"`` is what suits the network, see
            `workbench.network.device`.

    Raises:
        ArgumentError: It is no such model, or there is no such device.
        ModelError: It has no trainable weights.
    """

    def __init__(self, model: keras.Model, device: str | Device = "auto"):
        self._model = model
        self._network = network_of(model)
        self._device = self._network.device(device)
        self._variables = list(model.trainable_variables)
        self._shape = tuple(model.input_shape[1:])

    def __call__(self, X: ArrayLike) -> NDArray[np.floating]:
        """Return the outputs ``(samples, outputs)``.

        Args:
            X: Inputs ``(samples, inputs)`` or whatever shape the model takes, scaled as it
                expects them.

        Raises:
            ArgumentError: X has the wrong shape, or NaN or infinite entries.
        """
        rows = checks.samples("X", X, self._shape, "the model's input")
        rows = rows.astype(self._network.layout.dtype, copy=False)
        pieces = [rows[begin : begin + _MOST] for begin in range(0, len(rows), _MOST)]
        with on(self._device):
            arrays = [backend.tensor(variable.value) for variable in self._variables]
            frozen = frozen_values(self._model)
            outputs = [self._outputs(arrays, frozen, piece) for piece in pieces]
        return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)

    def _outputs(self, arrays, frozen, rows):
        count = len(rows)
        height = max(_LEAST, 1 << (count - 1).bit_length())
        if height > count:
            # The last row again, since zeros may be no legal input (a logarithm, a division).
            rows = rows[np.minimum(np.arange(height), count - 1)]
        key = (self._network.key, "predict", rows.shape)
        compiled = backend.cached(key, lambda: _compiled(self._network))
        return compiled(arrays, frozen, backend.tensor(rows)).numpy()[:count]


def predict(model: keras.Model, X: ArrayLike) -> NDArray[np.floating]:
    """Return a model's outputs ``(samples, outputs)``; for many calls make a `Predictor`.

    Args:
        model: Any Keras model from one array to rows of outputs.
        X: Inputs ``(samples, inputs)`` or whatever shape the model takes.

    Raises:
        ArgumentError: It is no such model, or X does not fit it.
        ModelError: The model has no trainable weights.
    """
    return Predictor(model)(X)


def _compiled(network: Network):
    return network.compile(network.chain or network.call)
