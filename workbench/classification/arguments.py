"""What a caller hands over to the training of a classifier, checked before anything is compiled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.classification.learner import Images
from workbench.errors import ArgumentError, ModelError

SOFT = ("softmax", "sigmoid")


class Outputs(NamedTuple):
    """What a classifier gives.

    Attributes:
        classes: Number of classes.
        width: Number of outputs: 1 for the probability of the second of two classes.
        logits: Whether they are logits and no probabilities.
    """

    classes: int
    width: int
    logits: bool


def outputs_of(model: keras.Model) -> Outputs:
    """Return what a model gives, told by its output shape and the activation at its end.

    Raises:
        ModelError: It has several inputs or outputs, or its output is no row for each image.
    """
    shape: Any = getattr(model, "output_shape", None)
    single = isinstance(shape, tuple) and len(shape) == 2 and shape[-1] is not None
    if not single or len(model.inputs) != 1 or len(model.inputs[0].shape) != 4:
        raise ModelError(
            "model must take images (rows, columns, channels) and give a row of classes for each. "
            f"Received: {model.name}, from {getattr(model, 'input_shape', None)} to {shape}. "
            "Build it with build_cnn, or end it with a Dense layer."
        )
    activation = getattr(model.layers[-1], "activation", None)
    logits = getattr(activation, "__name__", "linear") not in SOFT
    return Outputs(max(int(shape[1]), 2), int(shape[1]), logits)


def checked_images(model: keras.Model, outputs: Outputs, X: Any, y: Any, name: str) -> Images:
    """Return images and class numbers that fit the model.

    Args:
        model: The classifier.
        outputs: What it gives.
        X: Images (n, rows, columns, channels), or (n, rows, columns) for one channel: bytes or
            numbers; or something with the attributes ``images`` and ``labels``, y being None.
        y: Class numbers (n,), or a one in each row (n, classes).
        name: Of X in messages: ``"X"`` or ``"validation"``.
    """
    if y is None and hasattr(X, "images") and hasattr(X, "labels"):
        X, y = X.images, X.labels
    if y is None:
        raise ArgumentError("y", "be the class numbers of the images", "None")
    images = np.asarray(X)
    wanted = tuple(model.inputs[0].shape[1:])
    if images.ndim == 3 and wanted[-1] == 1:
        images = images[..., None]
    fits = images.ndim == 4 and all(
        size in (None, came) for size, came in zip(wanted, images.shape[1:], strict=True)
    )
    if not fits or not len(images):
        raise ArgumentError(
            name,
            f"have shape (images, {', '.join(map(str, wanted))}), as {model.name} takes them",
            f"shape {images.shape}",
            "Resize them, or build the network for images of that shape.",
        )
    if images.dtype != np.uint8:
        images = checks.samples(name, images, images.shape[1:], model.name).astype(np.float32)
    return Images(images, class_numbers(y, outputs.classes, len(images)))


def class_numbers(y: ArrayLike, classes: int, count: int) -> NDArray[np.int32]:
    """Return class numbers (n,) of numbers, or of rows with a one in each.

    Raises:
        ArgumentError: Of another length, no whole numbers, or outside of the classes.
    """
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.shape[1] == classes:
        single = ((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all()
        if not single:
            raise ArgumentError("y", "have a single 1 in each row", "other rows")
        labels = labels.argmax(axis=1)
    if labels.shape != (count,):
        raise ArgumentError(
            "y", f"have a class number for each of the {count} images", f"shape {labels.shape}"
        )
    whole = labels.dtype.kind in "iub" or (
        labels.dtype.kind == "f" and bool((labels == np.floor(labels)).all())
    )
    if not whole:
        raise ArgumentError(
            "y",
            "be whole numbers from 0",
            f"{labels.dtype} values such as {labels.flat[0]!r}",
            "np.unique(y, return_inverse=True) numbers names.",
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise ArgumentError(
            "y",
            f"be class numbers from 0 to {classes - 1}, for the model has {classes} classes",
            f"numbers from {low} to {high}",
            "Count classes from 0, or build the network with more classes.",
        )
    return labels.astype(np.int32)


def class_weights_for(
    wanted: str | Mapping[int, float] | ArrayLike | None, labels: NDArray[np.int32], classes: int
) -> NDArray[np.float32] | None:
    """Return what an image of each class counts, shape (classes,).

    Args:
        wanted: ``"balanced"`` makes all classes count the same: n / (classes * count); a mapping
            from class numbers, others counting 1; or all of them.
        labels: Of the training images.
        classes: Number of them.
    """
    if wanted is None:
        return None
    if isinstance(wanted, str):
        if wanted != "balanced":
            raise ArgumentError("class_weight", "be 'balanced', a mapping or numbers", wanted)
        counts = np.bincount(labels, minlength=classes)
        return (len(labels) / (classes * np.maximum(counts, 1))).astype(np.float32)
    if isinstance(wanted, Mapping):
        weights = np.ones(classes)
        for number, weight in wanted.items():
            if number not in range(classes):
                raise ArgumentError("class_weight", f"have keys from 0 to {classes - 1}", number)
            weights[number] = checks.real(f"class_weight[{number}]", weight, 0)
    else:
        weights = np.asarray(wanted, dtype=np.float64)
        checks.finite("class_weight", weights)
        if weights.shape != (classes,) or weights.min() < 0:
            raise ArgumentError("class_weight", f"be {classes} numbers of at least 0", f"{weights}")
    return weights.astype(np.float32)
