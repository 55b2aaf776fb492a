"""Train a classifier of images: one call from images and class numbers to a network that knows."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.checks import Seed
from workbench.classification import native
from workbench.classification.arguments import (
    Outputs,
    class_weights_for,
    outputs_of,
)
from workbench.classification.augmentation import augmentation_layers
from workbench.classification.checkpoint import TrainingCheckpoint
from workbench.classification.keeper import MONITORS, Watch
from workbench.classification.learner import Lesson
from workbench.classification.placement import is_chief, placement_for
from workbench.classification.recipe import Recipe, loss_for
from workbench.classification.record import ClassifierRecord
from workbench.classification.schooling import Schooling
from workbench.classification.source import Source, source_of
from workbench.cnn.model import CNN
from workbench.cnn.preprocessing import Preprocessing
from workbench.data.duplicates import identical_images, shared_images
from workbench.data.stratified import stratified_split
from workbench.errors import ArgumentError, ModelError
from workbench.network.device import Device


def train_classifier(
    model: keras.Model,
    X: Any,
    y: ArrayLike | None = None,
    *,
    validation: float | tuple[Any, ArrayLike] | None = None,
    epochs: int = 30,
    batch_size: int = 64,
    accumulate: int = 1,
    optimizer: str = "adamw",
    learning_rate: float | None = None,
    schedule: str = "cosine",
    warmup: float = 0.05,
    weight_decay: float | None = None,
    clip_norm: float | None = None,
    layer_decay: float = 1.0,
    loss: str = "crossentropy",
    label_smoothing: float = 0.0,
    class_weight: str | Mapping[int, float] | ArrayLike | None = None,
    augment: str | keras.layers.Layer | Sequence[str | keras.layers.Layer] | None = None,
    average: float | None = None,
    preprocessing: Preprocessing | None = None,
    monitor: str | None = None,
    patience: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 1,
    log: str | os.PathLike[str] | None = None,
    tensorboard: str | os.PathLike[str] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    device: str | Device = "auto",
    strategy: str | None = None,
    precision: str = "auto",
    reproducible: bool = False,
    seed: Seed = None,
    progress: bool = True,
) -> ClassifierRecord:
    """Train a classifier of images.

    Args:
        model: Any Keras model from images to a row of classes: probabilities or logits, which is
            told by its last activation; one output is the second of two classes. It is trained
            in place and has the weights of the best epoch in the end; if the call fails, it is
            as before.
        X: Images (n, rows, columns, channels). Bytes are normalised by the mean and standard
            deviation of the training images, which a network of `build_cnn` then keeps; numbers
            are taken as they are. Or an image set, y being None.
        y: Class numbers (n,), or a one in each row (n, classes).
        validation: Images that tell the best epoch: a pair (X, y), or the fraction of X to draw
            for it, each class in proportion. None keeps the last epoch.
        epochs: Most times to go through the training images.
        batch_size: Images in a step.
        accumulate: Steps whose gradients make one update, for large batches on small memory.
        optimizer: One of `workbench.classification.recipe.OPTIMIZERS`: ``"adamw"``, ``"sgd"`` ...
        learning_rate: The highest; None takes the optimizer's usual one, scaled with
            ``batch_size * accumulate``.
        schedule: ``"cosine"`` or ``"constant"``.
        warmup: Share of the updates in which the rate grows to its highest.
        weight_decay: Of the optimizer, not of biases and batch norms; None is Keras's default.
        clip_norm: Most the norm of the whole gradient may be.
        layer_decay: What the learning rate is multiplied with from each layer to the one before
            it; below 1 for networks that were trained elsewhere.
        loss: ``"crossentropy"``, ``"focal"``, ``"hinge"`` or ``"mse"``.
        label_smoothing: Share of each label that is spread over all classes.
        class_weight: ``"balanced"``, or what an image of each class counts.
        augment: Names of `AUGMENTATIONS` or Keras layers, in order.
        average: Share that a running average of the weights keeps at each step, such as 0.99;
            validation and result then have the averaged weights. None for no average.
        preprocessing: What bytes go through, instead of what the training images say.
        monitor: What tells the best epoch: ``"val_accuracy"`` (the default with validation
            images), ``"val_loss"``, ``"accuracy"`` or ``"loss"``.
        patience: End after so many epochs without a better one.
        checkpoint: File to save the training in; a call that finds it goes on from there, to the
            same bits as if it had never stopped.
        checkpoint_every: Epochs between two savings.
        log: CSV file with a line an epoch.
        tensorboard: Folder for TensorBoard; needs the extra ``workbench[tensorboard]``.
        callbacks: Further callbacks of Keras.
        device: ``"auto"``, ``"cpu"``, ``"gpu"`` or ``"gpu:1"``; see `workbench.network.device`.
        strategy: ``"mirrored"`` shares each batch among all GPUs of the machine, and
            ``"multiworker"`` among machines; see `join_machines`.
        precision: ``"float32"``, ``"bfloat16"``, ``"float16"``, or ``"auto"``: bfloat16 on a GPU
            that has units for it.
        reproducible: Use operations that give the same bits each time, on a GPU too, where some
            are slower. On a CPU all do, for the same number of threads; a checkpoint of such a
            training is refused where there is another number.
        seed: Generator, or seed for one, of everything random.
        progress: Show a panel in a notebook, elsewhere a bar, if it takes longer than a second.

    Returns:
        The record. Ctrl-C ends the training with what was reached, and the record says
        ``stop == "interrupted"``.

    Warns:
        LeakageWarning: Validation images that were given are training images too.

    Raises:
        ArgumentError: An argument is out of its range, or the data do not fit the model.
        ModelError: The model is no classifier of images, or has nothing to train.
        UnknownNameError: There is no such loss or augmentation.
    """
    outputs = outputs_of(model)
    if not model.trainable_weights:
        raise ModelError(
            f"model must have trainable weights. Received: {model.name}, with none. "
            "Set layer.trainable = True for the layers that shall learn."
        )
    rng = checks.generator(seed)
    source = source_of(model, outputs, X, y, "X")
    train, held, rows = _divided(model, outputs, source, validation, rng)
    steps = preprocessing_for(model, train, preprocessing)
    lesson = Lesson(
        classes=outputs.classes,
        loss=loss_for(loss, outputs.width, logits=outputs.logits, smoothing=label_smoothing),
        metric=loss_for(loss, outputs.width, logits=outputs.logits, reduce=False),
        logits=outputs.logits,
        layers=augmentation_layers(augment, train.shape[-1], train.range, rng),
        preprocessing=steps,
        class_weights=class_weights_for(class_weight, train.labels, outputs.classes),
        average=None if average is None else checks.real("average", average, 0, 1),
    )
    rates = learning_rate, schedule, warmup
    recipe = Recipe(optimizer, *rates, weight_decay, clip_norm, layer_decay, accumulate)
    batch = train.batch(checks.integer("batch_size", batch_size))
    schooling = Schooling(
        lesson,
        recipe,
        train,
        held,
        epochs=checks.integer("epochs", epochs, minimum=0),
        batch=batch,
        seeds={"order": int(rng.integers(2**31))},
        placement=placement_for(device, strategy, precision, batch),
        reproducible=reproducible,
    )
    facts = schooling.facts(model, seed)
    watch = Watch(
        monitor=_monitor(monitor, held),
        patience=None if patience is None else checks.integer("patience", patience),
        checkpoint=None if checkpoint is None else TrainingCheckpoint(checkpoint, facts),
        every=checks.integer("checkpoint_every", checkpoint_every),
        log=None if log is None else Path(log),
        chief=is_chief(),
    )
    more = [*callbacks, *_tensorboard(tensorboard)]
    keeper = schooling.run(model, watch, more, progress)
    if isinstance(model, CNN) and steps is not None:
        model.preprocessing = steps
    return ClassifierRecord(
        keeper.history(), keeper.stop, keeper.best_epoch, steps, *rows, schooling.batch
    )


class LeakageWarning(UserWarning):
    """Images are measured on that were trained on."""


Rows: TypeAlias = "NDArray[np.intp] | None"


def _divided(
    model: keras.Model,
    outputs: Outputs,
    source: Source,
    validation: float | tuple[Any, ArrayLike] | None,
    rng: np.random.Generator,
) -> tuple[Source, Source | None, tuple[Rows, Rows]]:
    """Return the images to train on and to validate on, and the rows of each in X."""
    everything = None if source.images is None else np.arange(len(source))
    if validation is None:
        return source, None, (everything, None)
    given = _given(validation)
    if given is not None:
        held = source_of(model, outputs, *given, "validation")
        _warn_of_leakage(source, held)
        return source, held, (everything, None)
    share = checks.real("validation", validation, 0, 1, open_low=True)
    if source.images is None:
        raise ArgumentError(
            "validation", "be a stream or a pair beside a stream of images", validation
        )
    groups = identical_images(source.images.images).groups
    kept, held_rows, _ = stratified_split(
        source.labels, train=1 - share, validation=share, test=0.0, groups=groups, seed=rng
    )
    return source.rows(kept), source.rows(held_rows), (kept, held_rows)


def _given(validation: Any) -> tuple[Any, Any] | None:
    """Return images and class numbers to validate on, None for a fraction."""
    if isinstance(validation, tuple):
        if len(validation) != 2:
            raise ArgumentError("validation", "be a fraction or a pair (X, y)", validation)
        return validation
    if hasattr(validation, "labels") or native.is_stream(validation):
        return validation, None
    return None


def _warn_of_leakage(train: Source, held: Source) -> None:
    if train.images is None or held.images is None:
        return
    shared = len(shared_images(train.images.images, held.images.images))
    if shared:
        warnings.warn(
            f"{shared} of the {len(held)} validation images are training images too: what they "
            "say of the network is too good. ImageSet.split keeps equal images on one side; "
            "workbench.data.shared_images names the rows.",
            LeakageWarning,
            stacklevel=4,
        )


def preprocessing_for(
    model: keras.Model, train: Source, given: Preprocessing | None
) -> Preprocessing | None:
    """Return what bytes go through: given, or the model's own, or what the training images say.

    Numbers are left as they are.

    Raises:
        ArgumentError: Bytes that are not square or of another number of channels than one or
            three; or a preprocessing for numbers.
    """
    if not train.bytes:
        if given is not None:
            raise ArgumentError(
                "preprocessing", "be None for images that are no bytes", given, "Pass bytes."
            )
        return None
    known = given or getattr(model, "preprocessing", None)
    if known is not None:
        return known
    rows, columns, channels = train.shape
    if channels not in (1, 3) or rows != columns:
        raise ArgumentError(
            "X",
            "be square images of one or three channels if it has bytes",
            f"shape (images, {rows}, {columns}, {channels})",
            "Normalise them yourself and pass numbers: "
            "(X / 255 - mean) / std, with the mean and std of the training images.",
        )
    mean, std, _ = train.statistics()
    # A channel of one shade has nothing to scale.
    return Preprocessing(rows, None, mean=mean, std=tuple(value or 1.0 for value in std))


def _tensorboard(folder: str | os.PathLike[str] | None) -> list[keras.callbacks.Callback]:
    """Return the callback that writes for TensorBoard, if a folder is given."""
    if folder is None or not is_chief():
        return []
    if find_spec("tensorboard") is None:
        raise ArgumentError(
            "tensorboard",
            "be None where TensorBoard is not installed",
            folder,
            "Install it: pip install 'workbench[tensorboard]'. log= writes a CSV file without it.",
        )
    return [keras.callbacks.TensorBoard(os.fspath(folder), write_graph=False)]


def _monitor(wanted: str | None, held: Source | None) -> str | None:
    if wanted is None:
        return None if held is None else "val_accuracy"
    known = [name for name in MONITORS if held is not None or not name.startswith("val_")]
    if wanted not in known:
        raise ArgumentError(
            "monitor",
            f"be one of {', '.join(map(repr, known))}",
            wanted,
            "" if held is not None else "The others need validation images.",
        )
    return wanted
