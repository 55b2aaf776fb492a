"""The training step: rows gathered, augmented, normalised, learned from; all in one graph.

Keras's own ``fit`` runs it. Around the network stands a model whose data are row numbers: the
images lie on the device as they came (bytes stay bytes) and are gathered in the graph, so that a
step costs no copy and no call into Python. The state of everything random and the running average
of the weights are variables of this model, and with the optimizer's they are all there is to save.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from workbench.classification import augmentation
from workbench.cnn.preprocessing import Preprocessing
from workbench.network.backend import Tensor


@dataclass(frozen=True)
class Images:
    """Images with class numbers, checked.

    Attributes:
        images: (n, rows, columns, channels), bytes or numbers.
        labels: (n,) int32.
    """

    images: Any
    labels: Any

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Lesson:
    """How a network learns.

    Attributes:
        classes: Number of them.
        loss: From shares of the classes and outputs to a number.
        metric: The loss of the validation images: not smoothed, a number an image.
        logits: Whether the outputs are logits.
        layers: Augmentations.
        preprocessing: What bytes go through; None takes the values as they are.
        class_weights: (classes,), what an image of each counts; None for 1.
        average: Share of the running average of the weights that an update keeps; None for none.
        replicas: Number of devices that share a batch.
        several_machines: Whether they are of several.
    """

    classes: int
    loss: keras.losses.Loss
    metric: keras.losses.Loss
    logits: bool = False
    layers: Sequence[keras.layers.Layer] = ()
    preprocessing: Preprocessing | None = None
    class_weights: Any = None
    average: float | None = None
    replicas: int = 1
    several_machines: bool = False


class Learner(keras.Model):
    """A network with all that its training needs.

    Args:
        network: To be trained, in place.
        lesson: How.
        train: What the row numbers of a batch are of; None for a stream of images.
        validation: Likewise.
    """

    def __init__(
        self,
        network: keras.Model,
        lesson: Lesson,
        train: Images | None,
        validation: Images | None,
    ):
        super().__init__(name="learner")
        self.network, self.lesson = network, lesson
        self.augmenting = list(lesson.layers)
        self._train, self._validation = _on_device(train), _on_device(validation)
        self.mean_loss = keras.metrics.Mean("loss")
        self.right = keras.metrics.Mean("accuracy")
        counter = {"trainable": False, "aggregation": "only_first_replica"}
        self.steps = self.add_weight(
            shape=(), dtype="int64", initializer="zeros", name="steps", **counter
        )
        self.averages = [
            self.add_weight(
                shape=weight.shape,
                dtype=weight.dtype,
                initializer="zeros",
                name=f"average_{i}",
                **counter,
            )
            for i, weight in enumerate(network.weights if lesson.average else ())
        ]
        for average, weight in zip(self.averages, network.weights, strict=False):
            average.assign(weight)
        self.built = True

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """What an epoch is measured by."""
        return [self.mean_loss, self.right]

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Return the network's outputs for images that are normalised already."""
        return self.network(inputs, training=training)

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """Learn from a batch: row numbers, or a pair of images and class numbers."""
        images, numbers = self._gathered(data, self._train)
        shares = ops.one_hot(numbers, self.lesson.classes, dtype="float32")
        images, shares = augmentation.apply(self.augmenting, ops.cast(images, "float32"), shares)
        weights = None
        if self.lesson.class_weights is not None:
            weights = ops.sum(shares * self.lesson.class_weights, axis=-1)
        results = super().train_step((self._normalised(images), self._targets(shares), weights))
        self.steps.assign(self.steps + 1)
        self._take_average()
        return results

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """Measure on a batch; row numbers that fill it up do not count."""
        images, numbers = self._gathered(data, self._validation)
        counts = ops.cast(numbers >= 0, "float32")
        shares = ops.one_hot(ops.maximum(numbers, 0), self.lesson.classes, dtype="float32")
        outputs = ops.cast(
            self(self._normalised(ops.cast(images, "float32")), training=False), "float32"
        )
        losses = self.lesson.metric(self._targets(shares), outputs)
        return self._measured(losses, shares, outputs, counts)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """Return the loss of a batch, with the network's own penalties on its weights."""
        loss = self.lesson.loss(y, ops.cast(y_pred, "float32"), sample_weight)
        for penalty in self.losses:  # each replica adds its part
            loss = loss + ops.cast(ops.sum(penalty), "float32") / self.lesson.replicas
        return loss

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Tensor]:
        """Take a batch into the epoch's loss and accuracy."""
        outputs = ops.cast(y_pred, "float32")
        losses = self.lesson.metric(y, outputs)
        return self._measured(losses, y, outputs, ops.ones_like(losses))

    def _measured(
        self, losses: Tensor, shares: Tensor, outputs: Tensor, counts: Tensor
    ) -> dict[str, Tensor]:
        if outputs.shape[-1] == 1:
            chosen = ops.cast(outputs[:, 0] > (0.0 if self.lesson.logits else 0.5), "int32")
            truth = ops.cast(shares[:, -1] > 0.5, "int32")
        else:
            chosen, truth = ops.argmax(outputs, axis=-1), ops.argmax(shares, axis=-1)
        right = ops.cast(ops.equal(chosen, truth), "float32")
        self.mean_loss.update_state(losses, sample_weight=counts)
        self.right.update_state(right, sample_weight=counts)
        results = {"loss": self.mean_loss.result(), "accuracy": self.right.result()}
        # Keras takes the mean over the first axis of what several machines return, and a number
        # has none. The epoch's values are the metrics' own in any case.
        shape = (1,) if self.lesson.several_machines else ()
        return {name: ops.reshape(value, shape) for name, value in results.items()}

    def _gathered(self, data: Any, source: Images | None) -> tuple[Tensor, Tensor]:
        if source is None:
            images, numbers = data[0], data[1]
            return images, ops.cast(ops.reshape(numbers, (-1,)), "int32")
        rows = ops.maximum(data, 0)
        numbers = ops.where(data >= 0, ops.take(source.labels, rows, axis=0), -1)
        return ops.take(source.images, rows, axis=0), numbers

    def _targets(self, shares: Tensor) -> Tensor:
        """Return what the outputs are compared with: one column where there is one output."""
        return shares[:, 1:] if self.network.output_shape[-1] == 1 else shares

    def _normalised(self, images: Tensor) -> Tensor:
        steps = self.lesson.preprocessing
        if steps is None:
            return images
        # (x * scale - mean) / std in one product and one sum
        std = np.asarray(steps.std, dtype=np.float64)
        factor = (steps.scale / std).astype(np.float32)
        offset = (-np.asarray(steps.mean, dtype=np.float64) / std).astype(np.float32)
        if steps.channels == "bgr":
            images = images[..., ::-1]
        return images * factor + offset

    def _take_average(self) -> None:
        # Early on the average would be of weights that have hardly learned: it follows sooner.
        if not self.averages:
            return
        done = ops.cast(self.steps, "float32")
        keep = ops.minimum(self.lesson.average, (1 + done) / (10 + done))
        for average, weight in zip(self.averages, self.network.weights, strict=True):
            average.assign(average + (weight - average) * ops.cast(1 - keep, weight.dtype))


def _on_device(images: Images | None) -> Images | None:
    if images is None:
        return None
    return Images(ops.convert_to_tensor(images.images), ops.convert_to_tensor(images.labels))
