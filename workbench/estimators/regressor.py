"""BPRegressor: a feedforward network with its scaling as a scikit-learn regressor."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin

from workbench.checks import FloatArray
from workbench.errors import ArgumentError
from workbench.estimators.base import BPEstimator
from workbench.estimators.rows import fitting_rows, sample_weights
from workbench.estimators.scale import NetworkScale


class BPRegressor(MultiOutputMixin, RegressorMixin, BPEstimator):
    """Regression by a backpropagation network, inputs and targets scaled to [-1, 1] inside.

    MATLAB's ``fitnet`` by scikit-learn's rules: ``train_fn="trainlm"`` stops at a minimum and not
    after a fixed number of epochs, so the defaults suit small tables.

    Args:
        hidden: Neurons in each hidden layer; one number stands for one layer, and ``()`` for none.
        train_fn: Registered name of the training function.
        init: Initial weights: an initialiser such as ``"nguyen-widrow"`` or ``"uniform"``, or a
            search such as ``"ga"``; the names in `workbench.evolve.starts.STARTS`. A search counts
            every sample once, whatever ``sample_weight`` says.
        epochs: Most epochs to train.
        random_state: Seed of initial weights, searches, restarts and held-out rows: an int for the
            same fit each time, a generator of NumPy to draw from, or None for entropy.
        transfer: Transfer function of the hidden layers, or a sequence with that of every layer,
            the last included. Default: tansig, and purelin in the last.
        goal: Stop when the performance is no higher, in scaled units.
        loss: Performance to minimise: ``"mse"``, ``"sse"``, ``"mae"`` or ``"sae"``.
        regularization: Share of the mean squared weight in what is minimised, in [0, 1).
        restarts: Train so many times from new weights, and keep the best.
        early_stopping: Hold rows out, and end the training when they get worse.
        validation_fraction: Share of the rows to hold out for that.
        max_fail: Epochs in a row without better validation (default: the training function's).
        train_options: What else `workbench.train` takes: ``min_grad``, ``time``, and parameters of
            the training function such as ``mu``.
        init_options: What the search of ``init`` takes: ``population``, ``generations``,
            ``evaluations``. ``"multistart"`` needs the last.
        verbose: Show progress bars.

    Attributes:
        model_: The network, a ``keras.Model`` from scaled inputs to scaled outputs.
        record_: The `TrainingRecord`; ``train_rows`` and ``val_rows`` are rows of X.
        input_scaler_: Scale of the inputs, a `MapMinMax` whose constant columns become 0.
        target_scaler_: Scale of the targets, likewise.
        n_features_in_: Number of inputs.
        feature_names_in_: Their names, if X was a DataFrame with such.
        n_outputs_: Number of outputs.
        n_iter_: Number of epochs trained.
        loss_curve_: Performance after each epoch, the untrained network first.

    Example:
        >>> X = np.linspace(-1, 1, 50)[:, None]
        >>> model = BPRegressor((5,), random_state=0).fit(X, np.sin(3 * X[:, 0]))
        >>> bool(model.score(X, np.sin(3 * X[:, 0])) > 0.999)
        True
    """

    fitted_names: ClassVar[tuple[str, ...]] = (
        *BPEstimator.fitted_names,
        "target_scaler_",
        "_target_ndim",
    )

    target_scaler_: NetworkScale

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train a new network.

        Args:
            X: Inputs ``(samples, inputs)``; DataFrames are welcome.
            y: Targets ``(samples,)`` or ``(samples, outputs)``; predictions have the same form.
            sample_weight: What each sample counts ``(samples,)``; an integer is as good as so
                many equal samples. Rows held out for early stopping count 1.

        Raises:
            ArgumentError: Data or a parameter are out of their range.
            UnknownNameError: A parameter is a name that is not registered.
            KeyboardInterrupt: Ctrl-C during a search for initial weights. During the training
                it only ends that, with a warning.
        """
        X, y = fitting_rows(self, X, y, multi_output=True, y_numeric=True)
        if self.loss == "crossentropy":
            raise ArgumentError("loss", "be one for numbers and not for classes", self.loss)
        self._target_ndim = y.ndim
        targets = np.asarray(y, np.float64).reshape(len(X), -1)
        weight = sample_weights(sample_weight, len(X))
        return self._learn(X, targets, weight, self._transfer("purelin"))

    def predict(self, X: ArrayLike) -> FloatArray:
        """Return predictions ``(samples,)`` or ``(samples, outputs)``, as y came to ``fit``.

        Raises:
            NotFittedError: ``fit`` comes first.
            ArgumentError: X has other columns than in ``fit``, or NaN or infinite entries.
        """
        outputs = self._outputs(X)
        values = self.target_scaler_.unscaled(outputs)
        return values[:, 0] if self._target_ndim == 1 else values

    def _scaled_targets(self, targets: FloatArray, kept: NDArray[np.intp]) -> FloatArray:
        self.target_scaler_ = NetworkScale().fit(targets[kept])
        return self.target_scaler_.scaled(targets)
