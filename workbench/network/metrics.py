"""What is said of a network, beside what is minimised."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from workbench.network.objective import samples_for
from workbench.network.population import population_loss
from workbench.network.predict import predict
from workbench.network.weights import weights_to_vector

if TYPE_CHECKING:
    import keras


def measured(
    model: keras.Model, X: ArrayLike, y: ArrayLike, metrics: Iterable[str]
) -> dict[str, float]:
    """Return the metrics of a model on some rows, by name.

    Args:
        model: Any Keras model from one array to rows of outputs.
        X: Inputs ``(samples, inputs)``.
        y: Targets ``(samples, outputs)``, or ``(samples,)`` for one output.
        metrics: ``"accuracy"`` (the largest output is that of the class; of a single output, it
            is on the same side of 1/2 as the target), or names of losses.

    Raises:
        ArgumentError: The data do not fit the model.
        UnknownNameError: There is no such metric.
    """
    found = {}
    for name in metrics:
        if name == "accuracy":
            outputs, targets = predict(model, X), samples_for(model, X, y)[1]
            found[name] = float(np.mean(_classes(outputs) == _classes(targets)))
        else:
            members = weights_to_vector(model)[None].astype(float)
            found[name] = float(population_loss(model, X, y, name)(members)[0])
    return found


def _classes(outputs: np.ndarray) -> np.ndarray:
    return outputs.argmax(axis=1) if outputs.shape[1] > 1 else outputs[:, 0] > 0.5
