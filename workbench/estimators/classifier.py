"""BPClassifier: a feedforward network with its scaling as a scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from workbench import checks
from workbench.checks import FloatArray
from workbench.errors import ArgumentError
from workbench.estimators.base import BPEstimator, RandomState
from workbench.estimators.rows import fitting_rows, sample_weights


class BPClassifier(ClassifierMixin, BPEstimator):
    """Classification by a backpropagation network, inputs scaled to [-1, 1] inside.

    MATLAB's ``patternnet`` by scikit-learn's rules: scaled conjugate gradients on cross-entropy.
    Outputs are probabilities: one logsig neuron for two classes, one softmax neuron a class for
    more. ``loss="mse"`` goes with the training functions that want squared errors, trainlm for
    one.

    Args:
        hidden: See `BPRegressor`.
        train_fn: Registered name of the training function.
        init: See `BPRegressor`.
        epochs: Most epochs to train.
        random_state: See `BPRegressor`.
        transfer: Transfer function of the hidden layers, or a sequence with that of every layer;
            the last is ``"softmax"``, which for two classes may be ``"logsig"``.
        goal: Stop when the performance is no higher.
        loss: Performance to minimise: ``"crossentropy"``, ``"mse"``, ``"sse"``, ``"mae"``,
            ``"sae"``.
        regularization: Share of the mean squared weight in what is minimised, in [0, 1).
        restarts: Train so many times from new weights, and keep the best.
        early_stopping: Hold rows out, the same share of each class, and end the training when
            they get worse.
        validation_fraction: Share of the rows to hold out for that.
        max_fail: Epochs in a row without better validation (default: the training function's).
        class_weight: What the samples of each class count, by class (default 1), or
            ``"balanced"`` for classes that count the same in all.
        train_options: See `BPRegressor`.
        init_options: See `BPRegressor`.
        verbose: Show progress bars.

    Attributes:
        classes_: The classes, sorted, in the order of probabilities.
        n_outputs_: Outputs of the network.
        model_, record_, input_scaler_, n_features_in_, feature_names_in_, n_iter_, loss_curve_:
            See `BPRegressor`.
    """

    fitted_names: ClassVar[tuple[str, ...]] = (*BPEstimator.fitted_names, "classes_")

    classes_: NDArray[Any]

    def __init__(
        self,
        hidden: int | Sequence[int] = (10,),
        *,
        train_fn: str = "trainscg",
        init: str = "nguyen-widrow",
        epochs: int = 1000,
        random_state: RandomState = None,
        transfer: str | Sequence[str] | None = None,
        goal: float = 0.0,
        loss: str = "crossentropy",
        regularization: float = 0.0,
        restarts: int = 1,
        early_stopping: bool = False,
        validation_fraction: float = 0.15,
        max_fail: int | None = None,
        class_weight: Mapping[Any, float] | str | None = None,
        train_options: Mapping[str, Any] | None = None,
        init_options: Mapping[str, Any] | None = None,
        verbose: bool = False,
    ):
        super().__init__(
            hidden,
            train_fn=train_fn,
            init=init,
            epochs=epochs,
            random_state=random_state,
            transfer=transfer,
            goal=goal,
            loss=loss,
            regularization=regularization,
            restarts=restarts,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            max_fail=max_fail,
            train_options=train_options,
            init_options=init_options,
            verbose=verbose,
        )
        self.class_weight = class_weight

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train a new network.

        Args:
            X: Inputs ``(samples, inputs)``; DataFrames are welcome.
            y: Class of each sample ``(samples,)``: numbers, strings or booleans.
            sample_weight: What each sample counts ``(samples,)``, besides ``class_weight``. Rows
                held out for early stopping count 1.

        Raises:
            ArgumentError: Data or a parameter are out of their range, or there is but one class.
            UnknownNameError: A parameter is a name that is not registered.
            KeyboardInterrupt: Ctrl-C during a search for initial weights. During the training
                it only ends that, with a warning.
        """
        X, y = fitting_rows(self, X, y)
        try:
            check_classification_targets(y)
        except ValueError as error:
            raise ArgumentError("y", "be classes", str(error)) from error
        weight = sample_weights(sample_weight, len(X))
        self.classes_ = np.unique(y[weight > 0])
        if len(self.classes_) < 2:
            raise ArgumentError(
                "y", "have two classes or more", f"one class, {self.classes_.tolist()[0]!r}"
            )
        # A class whose samples all count nothing is none; wherever it lands, it has no weight.
        places = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        weight = weight * self._class_factors(places, weight)[places]
        transfer = self._checked_transfer()
        targets = _targets(places, len(self.classes_), transfer[-1])
        return self._learn(X, targets, weight, transfer, places)

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Return the probability of each class, in the order of ``classes_``.

        Returns:
            Shape ``(samples, classes)``; rows sum to 1.

        Raises:
            NotFittedError: ``fit`` comes first.
            ArgumentError: X has other columns than in ``fit``, or NaN or infinite entries.
        """
        outputs = self._outputs(X)
        return np.hstack([1 - outputs, outputs]) if self.n_outputs_ == 1 else outputs

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each sample ``(samples,)``.

        Raises:
            NotFittedError: ``fit`` comes first.
            ArgumentError: X has other columns than in ``fit``, or NaN or infinite entries.
        """
        places = self.predict_proba(X).argmax(axis=1)
        return self.classes_[places]

    def _checked_transfer(self) -> tuple[str, ...]:
        """Return the transfer functions, the last of which has to give probabilities."""
        binary = len(self.classes_) == 2
        transfer = self._transfer("logsig" if binary else "softmax")
        if transfer and transfer[-1] not in ("softmax", "logsig")[: 1 + binary]:
            raise ArgumentError(
                "transfer",
                "end with softmax (for two classes, softmax or logsig), to give probabilities",
                self.transfer,
                "The name of one transfer function, as a string, goes for hidden layers only.",
            )
        return transfer

    def _class_factors(self, places: NDArray[np.intp], weight: FloatArray) -> FloatArray:
        """Return what a sample of each class counts, ``(classes,)``."""
        classes = self.classes_.tolist()
        if self.class_weight is None:
            return np.ones(len(classes))
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            return weight.sum() / (len(classes) * np.bincount(places, weight, len(classes)))
        if not isinstance(self.class_weight, Mapping) or not set(self.class_weight) <= set(classes):
            raise ArgumentError(
                "class_weight",
                f'be None, "balanced", or a mapping from some of the classes {classes}',
                self.class_weight,
            )
        factors = [
            checks.real(f"class_weight[{name!r}]", self.class_weight.get(name, 1), 0, open_low=True)
            for name in classes
        ]
        return np.array(factors)


def _targets(places: NDArray[np.intp], classes: int, output: str) -> FloatArray:
    """Return the probabilities that the network is to give, ``(samples, outputs)``."""
    if output == "logsig":
        return places[:, None].astype(np.float64)
    return np.eye(classes)[places]
