"""Classes of images, by a classifier that remembers what bytes go through on their way in."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.classification.arguments import checked_images, class_numbers, outputs_of
from workbench.cnn.preprocessing import Preprocessing
from workbench.errors import ArgumentError
from workbench.network import backend


def predict_proba(
    model: keras.Model,
    X: Any,
    *,
    preprocessing: Preprocessing | None = None,
    batch_size: int = 256,
) -> NDArray[np.float32]:
    """Return the probability of each class, shape (images, classes).

    Args:
        model: The classifier; one that gives logits is taken through a softmax (or, with a
            single output, a sigmoid).
        X: Images (n, rows, columns, channels): bytes, or numbers as the model takes them.
        preprocessing: What bytes go through; None takes the model's own, which networks of
            `build_cnn` have from `train_classifier` and keep in their files. For other models it
            is the record's.
        batch_size: Images at a time.

    Raises:
        ArgumentError: The images do not fit the model, or are bytes and nobody says what they go
            through.
    """
    outputs = outputs_of(model)
    images = getattr(X, "images", X)
    images = checked_images(model, outputs, images, np.zeros(len(images), int), "X").images
    steps = preprocessing or getattr(model, "preprocessing", None)
    if images.dtype == np.uint8 and steps is None:
        raise ArgumentError(
            "X",
            f"be numbers as {model.name} takes them, for it does not know what bytes go through",
            f"bytes of shape {images.shape}",
            "Pass preprocessing=record.preprocessing, of the record of its training.",
        )
    found = np.concatenate(
        [
            # Called and not compiled: to trace takes longer than a few thousand small images do.
            backend.numpy(model(_prepared(images[i : i + batch_size], steps), training=False))
            for i in range(0, len(images), batch_size)
        ]
    ).astype(np.float32)
    if outputs.logits:
        if outputs.width == 1:
            found = (1 / (1 + np.exp(-found))).astype(np.float32)
        else:
            found = np.exp(found - found.max(axis=1, keepdims=True))
            found /= found.sum(axis=1, keepdims=True)
    return np.concatenate([1 - found, found], axis=1) if outputs.width == 1 else found


def predict_classes(model: keras.Model, X: Any, **settings: Any) -> NDArray[np.intp]:
    """Return the number of the most probable class of each image, shape (images,).

    Args:
        model: As of `predict_proba`.
        X: Likewise.
        **settings: Likewise.
    """
    return predict_proba(model, X, **settings).argmax(axis=1)


def accuracy(model: keras.Model, X: Any, y: ArrayLike | None = None, **settings: Any) -> float:
    """Return the share of images that are classified rightly.

    Args:
        model: As of `predict_proba`.
        X: Likewise, or something with ``images`` and ``labels``.
        y: Class numbers (images,).
        **settings: As of `predict_proba`.
    """
    labels = getattr(X, "labels", None) if y is None else y
    found = predict_classes(model, X, **settings)
    truth = class_numbers(labels, outputs_of(model).classes, len(found))  # type: ignore[arg-type]
    return float(np.mean(found == truth))


def _prepared(images: NDArray[Any], steps: Preprocessing | None) -> NDArray[np.float32]:
    if images.dtype == np.uint8 and steps is not None:
        return steps.normalise(images)
    return images.astype(np.float32)
