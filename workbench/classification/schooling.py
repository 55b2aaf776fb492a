"""The run of a training: learner, optimizer and keeper put together, from a checkpoint or anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any

import keras
import numpy as np

from workbench.checks import Seed
from workbench.classification import native
from workbench.classification.checkpoint import assign, held
from workbench.classification.depth import rates_by_depth
from workbench.classification.keeper import Keeper, Watch
from workbench.classification.learner import Learner, Lesson
from workbench.classification.placement import Placement
from workbench.classification.recipe import Recipe
from workbench.classification.source import Source
from workbench.errors import WorkbenchError
from workbench.network.device import deterministic
from workbench.training.panel import panel_or_bar

# Steps in one call of the compiled loop: enough to hide the call, few enough for Ctrl-C and a bar.
STEPS_A_CALL = 32


@dataclass(frozen=True, eq=False)
class Schooling:
    """A training, ready to run.

    Attributes:
        lesson: What a step does.
        recipe: How weights follow the gradient.
        train: Images to train on.
        held: Images to validate on; None for none.
        epochs: Most of them.
        batch: Images in a step.
        seeds: ``"order"``, of the order of the images.
        placement: Where.
        reproducible: Whether every operation must give the same bits each time.
    """

    lesson: Lesson
    recipe: Recipe
    train: Source
    held: Source | None
    epochs: int
    batch: int
    seeds: Mapping[str, int]
    placement: Placement
    reproducible: bool = False

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        return self.train.steps_an_epoch(self.batch)

    def facts(self, model: keras.Model, seed: Seed) -> dict[str, Any]:
        """Return what tells this training from others; see `TrainingCheckpoint`."""
        recipe = asdict(self.recipe)
        if isinstance(self.recipe.optimizer, keras.optimizers.Optimizer):
            recipe["optimizer"] = repr(self.recipe.optimizer.get_config())
        layers = [(type(layer).__name__, _unseeded(layer)) for layer in self.lesson.layers]
        return {
            # By shape: layers that were given no name have other numbers in another process.
            "network": [[w.name, *w.shape] for w in model.weights],
            "trainable": [[w.name, *w.shape] for w in model.trainable_weights],
            "recipe": recipe,
            "augment": layers,
            "loss": repr(self.lesson.loss.get_config()),
            "class_weight": self.lesson.class_weights,
            "average": self.lesson.average,
            "preprocessing": repr(self.lesson.preprocessing),
            "epochs": self.epochs,
            "batch_size": self.batch,
            "train": _content(self.train),
            "validation": None if self.held is None else _content(self.held),
            "precision": self.placement.precision,
            # The parts of a sum are as many as the threads.
            "threads": native.threads() if self.reproducible else None,
            "seed": seed if isinstance(seed, int | np.integer) else None,
        }

    def run(
        self,
        model: keras.Model,
        watch: Watch,
        callbacks: Sequence[keras.callbacks.Callback],
        progress: bool,
    ) -> Keeper:
        """Train, and return what was kept; the model has the weights of the best epoch.

        If it fails, the model has the weights that it came with.
        """
        came = held(model.weights)
        try:
            bits = deterministic() if self.reproducible else nullcontext()
            with bits, self.placement.network(model) as network:
                keeper = self._train(network, watch, callbacks, progress)
                assign(network.weights, keeper.best)
        except BaseException:
            assign(model.weights, came)
            raise
        return keeper

    def _train(
        self,
        network: keras.Model,
        watch: Watch,
        callbacks: Sequence[keras.callbacks.Callback],
        progress: bool,
    ) -> Keeper:
        learner = self._learner(network)
        limits = {} if watch.patience is None else {"val_fail": float(watch.patience)}
        display = panel_or_bar(
            limits, self.epochs, network.name, "epoch", enabled=progress, steps=self.steps
        )
        keeper = Keeper(learner, watch, display, self.epochs, self.seeds)
        saved = None if watch.checkpoint is None else watch.checkpoint.read()
        first, seeds = 0, dict(self.seeds)
        if saved is not None:
            header, arrays = saved
            keeper.restore(header, arrays)
            first, seeds = header["epoch"], header["seeds"]
            keeper.seeds = dict(seeds)
        try:
            with display:
                if not keeper.stop and first < self.epochs:
                    self._fit(learner, keeper, first, seeds["order"], callbacks)
        except KeyboardInterrupt:
            keeper.stop = "interrupted"
        except native.LOST as error:
            if self.placement.machines == 1:
                raise
            raise self._lost(watch) from error
        if not keeper.stop:
            keeper.stop = "epochs" if len(keeper.rows) >= self.epochs else "callback"
        return keeper

    def _lost(self, watch: Watch) -> WorkbenchError:
        remedy = "Pass checkpoint= to be able to go on from the last epoch next time."
        if watch.checkpoint is not None:
            remedy = (
                "Start the program anew on all machines: it goes on from the last whole epoch, "
                f"saved in {watch.checkpoint.path}."
            )
        machines = self.placement.machines
        return WorkbenchError(f"One of the {machines} machines is gone or out of reach. {remedy}")

    def _learner(self, model: keras.Model) -> Learner:
        where = self.placement
        images = None if self.held is None else self.held.images
        lesson = replace(self.lesson, replicas=where.replicas, several_machines=where.machines > 1)
        learner = Learner(model, lesson, self.train.images, images)
        rates = rates_by_depth(model, self.recipe.layer_decay)
        optimizer = self.recipe.built(
            learner.trainable_variables, rates, self.batch, self.epochs * self.steps
        )
        if where.precision == "float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
            optimizer.build(learner.trainable_variables)
        learner.compile(
            optimizer=optimizer,
            # Keras's loop of several steps in a call cannot share a batch among devices.
            steps_per_execution=_steps_a_call(self.steps) if where.replicas == 1 else 1,
            jit_compile=where.xla,
        )
        return learner

    def _fit(
        self,
        learner: Learner,
        keeper: Keeper,
        first: int,
        seed: int,
        callbacks: Sequence[keras.callbacks.Callback],
    ) -> None:
        learner.fit(
            self.train.training(self.batch, first, self.epochs, seed),
            epochs=self.epochs,
            shuffle=False,
            initial_epoch=first,
            steps_per_epoch=self.steps,
            validation_data=None if self.held is None else self.held.validating(self.batch),
            callbacks=[keeper, *callbacks],
            verbose=0,
        )


def _steps_a_call(steps: int) -> int:
    """Return the largest divisor that is no larger than `STEPS_A_CALL`.

    Keras would make a last call of an epoch as long as the others, into the next epoch.
    """
    return max(k for k in range(1, min(STEPS_A_CALL, steps) + 1) if steps % k == 0)


def _content(source: Source) -> list[Any]:
    """Return what tells images from others; of a stream that is gone by, the class numbers."""
    return [source.labels, None if source.images is None else source.images.images]


def _unseeded(layer: keras.layers.Layer) -> str:
    """Return the settings of an augmentation without its seed, which is drawn."""
    return repr({k: v for k, v in layer.get_config().items() if k not in ("seed", "name")})
