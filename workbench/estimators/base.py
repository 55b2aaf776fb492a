"""What the two estimators share: one hidden description, one way to train, predict and travel.

The network sees inputs on [-1, 1], as MATLAB's networks do; nothing of that needs to be done
outside, and rows held out for validation do not shape the scale.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from workbench import checks
from workbench.checks import FloatArray
from workbench.errors import ArgumentError
from workbench.estimators import folder as files
from workbench.estimators.rows import divided, fitted_rows, merged
from workbench.estimators.scale import NetworkScale
from workbench.evolve.starts import started_model
from workbench.network.predict import Predictor
from workbench.training.arguments import performance_for
from workbench.training.loop import TRAINING_FUNCTIONS
from workbench.training.record import TrainingRecord
from workbench.training.trainer import train

if TYPE_CHECKING:
    import keras

RandomState = int | np.random.RandomState | np.random.Generator | None


class BPEstimator(BaseEstimator):
    """A feedforward network behind ``fit`` and ``predict``; see its subclasses for parameters."""

    # What `save` writes down besides the parameters and the network, where there is such.
    fitted_names: ClassVar[tuple[str, ...]] = (
        "n_features_in_",
        "feature_names_in_",
        "n_outputs_",
        "input_scaler_",
        "record_",
    )

    model_: keras.Model
    record_: TrainingRecord
    input_scaler_: NetworkScale
    n_features_in_: int
    n_outputs_: int

    def __init__(
        self,
        hidden: int | Sequence[int] = (10,),
        *,
        train_fn: str = "trainlm",
        init: str = "nguyen-widrow",
        epochs: int = 1000,
        random_state: RandomState = None,
        transfer: str | Sequence[str] | None = None,
        goal: float = 0.0,
        loss: str = "mse",
        regularization: float = 0.0,
        restarts: int = 1,
        early_stopping: bool = False,
        validation_fraction: float = 0.15,
        max_fail: int | None = None,
        train_options: Mapping[str, Any] | None = None,
        init_options: Mapping[str, Any] | None = None,
        verbose: bool = False,
    ):
        self.hidden = hidden
        self.train_fn = train_fn
        self.init = init
        self.epochs = epochs
        self.random_state = random_state
        self.transfer = transfer
        self.goal = goal
        self.loss = loss
        self.regularization = regularization
        self.restarts = restarts
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.max_fail = max_fail
        self.train_options = train_options
        self.init_options = init_options
        self.verbose = verbose

    @property
    def n_iter_(self) -> int:
        """Number of epochs trained."""
        return self.record_.num_epochs

    @property
    def loss_curve_(self) -> NDArray[np.float64]:
        """Performance after each epoch, the untrained network first, ``(n_iter_ + 1,)``."""
        return self.record_.perf

    def save(self, folder: str | Path) -> Path:
        """Write the fitted estimator to ``model.keras`` and ``estimator.json`` in a folder.

        Both are data and not code. If one of them cannot be written, those that were there stay.

        Args:
            folder: Where to; made if it is not there.

        Returns:
            The folder.

        Raises:
            ArgumentError: A parameter or class has no form in JSON: a generator as
                ``random_state``, for example.
            NotFittedError: There is nothing to save yet.
            OSError: The files cannot be written.
        """
        check_is_fitted(self)
        return files.save(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote; predictions are the same, bit for bit.

        Raises:
            DataFileError: A file is missing or damaged, or holds another kind of estimator.
        """
        return files.load(Path(folder), {cls.__name__: cls})

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __getstate__(self) -> dict[str, Any]:
        state = {**super().__getstate__()}
        state.pop("_predictor", None)
        if "model_" in state:
            state["model_"] = (self.model_.to_json(), [w.numpy() for w in self.model_.weights])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(dict(state))
        if "model_" in state:
            from keras.models import model_from_json

            from workbench.network import activations as activations  # which Keras then knows

            config, weights = state["model_"]
            model = model_from_json(config)
            for variable, values in zip(model.weights, weights, strict=True):
                variable.assign(values)
            self._adopt(model)

    def _adopt(self, model: keras.Model) -> None:
        self.model_, self._predictor = model, Predictor(model)

    def _outputs(self, X: ArrayLike) -> FloatArray:
        """Return the outputs of the network for rows in the units of ``fit``."""
        if not self.__sklearn_is_fitted__():
            check_is_fitted(self)  # asked only then, for it takes a third of a prediction
        return self._predictor(self.input_scaler_.scaled(fitted_rows(self, X)))

    def _hidden(self) -> tuple[int, ...]:
        """Return the sizes of the hidden layers; one number stands for one layer."""
        if isinstance(self.hidden, int | np.integer):
            return (checks.integer("hidden", self.hidden),)
        return checks.layer_sizes("hidden", self.hidden, minimum=0)

    def _transfer(self, output: str) -> tuple[str, ...]:
        """Return the transfer function of each layer, ``output`` in the last if none is said."""
        if self.transfer is None or isinstance(self.transfer, str):
            return (self.transfer or "tansig",) * len(self._hidden()) + (output,)
        if not isinstance(self.transfer, Sequence):
            requirement = "be a name for the hidden layers, or a sequence with one for each layer"
            raise ArgumentError("transfer", requirement, self.transfer)
        return tuple(self.transfer)

    def _generator(self) -> np.random.Generator:
        if isinstance(self.random_state, np.random.RandomState):
            # As scikit-learn has it: drawing from it, so that the next fit is another one.
            return np.random.default_rng(self.random_state.randint(2**32, size=4, dtype=np.uint32))
        return checks.generator(self.random_state, "random_state")

    def _learn(
        self,
        X: FloatArray,
        targets: FloatArray,
        weight: FloatArray,
        transfer: Sequence[str],
        classes: NDArray[np.intp] | None = None,
    ) -> Self:
        """Fit scales and network to checked rows.

        Args:
            X: Inputs ``(samples, inputs)``.
            targets: Targets ``(samples, outputs)``.
            weight: What each sample counts; with 0 it is as if it were not there.
            transfer: Transfer function of each layer.
            classes: Class of each row, which rows held out are to have their share of.
        """
        performance_for(self.train_fn, self.loss)  # before a search takes its time
        rng = self._generator()
        kept, held = np.flatnonzero(weight), None
        if self.early_stopping:
            strata = None if classes is None else classes[kept]
            parts = divided(len(kept), self.validation_fraction, strata, rng)
            kept, held = (kept[part] for part in parts)
        self.n_outputs_ = targets.shape[1]
        self.input_scaler_ = NetworkScale().fit(X[kept])
        X, targets = self.input_scaler_.scaled(X), self._scaled_targets(targets, kept)
        validation = None if held is None else (X[held], targets[held])
        model = self._initial_model(X[kept], targets[kept], transfer, rng)
        record = self._trained(model, X[kept], targets[kept], weight[kept], validation, rng)
        self.record_ = replace(record, train_rows=kept, val_rows=held)
        self._adopt(model)
        return self

    def _scaled_targets(self, targets: FloatArray, kept: NDArray[np.intp]) -> FloatArray:
        """Return the targets as the network is to give them; ``kept`` are the training rows."""
        return targets

    def _initial_model(
        self, X: FloatArray, y: FloatArray, transfer: Sequence[str], rng: np.random.Generator
    ) -> keras.Model:
        model, found = started_model(
            self.init,
            X,
            y,
            (X.shape[1], *self._hidden(), y.shape[1]),
            transfer,
            seed=rng,
            progress=bool(self.verbose),
            **(self.init_options or {}),
        )
        if found is not None and found.stop == "interrupted":
            raise KeyboardInterrupt
        return model

    def _trained(
        self,
        model: keras.Model,
        X: FloatArray,
        y: FloatArray,
        weight: FloatArray,
        validation: tuple[FloatArray, FloatArray] | None,
        rng: np.random.Generator,
    ) -> TrainingRecord:
        if not TRAINING_FUNCTIONS[self.train_fn].regularizes:  # that one counts the samples
            X, y, weight = merged(X, y, weight)
        if performance_for(self.train_fn, self.loss).mean:
            # The mean is over samples and not over weights: now 2 counts as a sample twice.
            weight = weight * (len(weight) / weight.sum())
        settings: dict[str, Any] = {
            "model": model,
            "X": X,
            "y": y,
            "method": self.train_fn,
            "epochs": self.epochs,
            "goal": self.goal,
            "loss": self.loss,
            "regularization": self.regularization,
            "sample_weight": None if (weight == 1).all() else weight,
            "validation": validation,
            "max_fail": self.max_fail,
            "restarts": self.restarts,
            "seed": rng,
            "progress": bool(self.verbose),
        }
        record = train(**settings, **self._train_options(settings))
        if record.stop == "interrupted":
            warnings.warn("The training was interrupted; its best weights are kept.", stacklevel=4)
        return record

    def _train_options(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        options = dict(self.train_options or {})
        for name in options:
            if name in settings:
                raise ArgumentError(
                    "train_options",
                    "hold only what the estimator has no parameter for",
                    f"{name}={options[name]!r}",
                    f"See the parameters of {type(self).__name__}.",
                )
        return options
