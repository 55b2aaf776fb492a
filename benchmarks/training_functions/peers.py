"""scikit-learn, SciPy, Keras and neurolab, as contenders."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import time
from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import least_squares, minimize
from sklearn.neural_network import MLPRegressor
from task import (
    ALPHAS,
    ENDLESS,
    HELD,
    LONG_BUDGET,
    PATIENCE,
    Enough,
    Method,
    Result,
    Task,
    Watch,
)

from workbench import feedforward
from workbench.network import weights_to_vector

ADAM_RATE, ADAM_BATCH = 0.03, 32
NEUROLAB = "neurolab BFGS"


class Started(MLPRegressor):
    """scikit-learn's network, begun from given weights and watched."""

    def begin(self, watch: Watch) -> Started:
        """Set where to start from, and who watches."""
        W, b, v, c = watch.task.arrays(weights_to_vector(watch.task.model))
        # fit() draws the layers in order; here it gets ours.
        self.layers_, self.watch_ = iter([(W, b), (v[:, None], np.array([c]))]), watch
        return self

    def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> Any:
        return tuple(array.copy() for array in next(self.layers_))

    def _loss_grad_lbfgs(self, packed: np.ndarray, *rest: Any) -> Any:
        vector = reordered(packed, self)
        over = self.watch_.note(vector)
        loss, gradient = super()._loss_grad_lbfgs(packed, *rest)
        if loss < self.watch_.best_error:
            self.watch_.best, self.watch_.best_error = vector, loss
        if over:
            raise Enough
        return loss, gradient

    def _update_no_improvement_count(self, *rest: Any) -> None:
        super()._update_no_improvement_count(*rest)
        if self.watch_.note(vector_of(self)):
            raise KeyboardInterrupt  # fit() ends then, and keeps the best weights


def reordered(packed: np.ndarray, network: Started) -> np.ndarray:
    """Return weights in our order; scikit-learn's has both matrices before both biases."""
    h = network.watch_.task.hidden
    W, v, b, c = np.split(packed, [len(packed) - 2 * h - 1, len(packed) - h - 1, len(packed) - 1])
    return np.concatenate([W, b, v, c])


def vector_of(network: Started) -> np.ndarray:
    (W, v), (b, c) = network.coefs_, network.intercepts_
    return np.concatenate([W.ravel(), b, v.ravel(), c])


def mlp(task: Task, watch: Watch, **settings: Any) -> Started:
    network = Started(
        hidden_layer_sizes=(task.hidden,), activation="tanh", random_state=task.seed, **settings
    )
    return network.begin(watch)


def lbfgs(task: Task, alpha: float, X: np.ndarray, y: np.ndarray) -> Watch:
    """Fit until the time is over; return where the lowest loss was, and the way there."""
    watch = Watch(task)
    network = mlp(
        task, watch, solver="lbfgs", max_iter=ENDLESS, max_fun=ENDLESS, tol=1e-10, alpha=alpha
    )
    with contextlib.suppress(Enough):
        network.fit(X, y[:, 0])
    return watch


def sklearn_lbfgs(task: Task) -> Result:
    began = time.perf_counter()
    alpha = 0.0
    if task.validation is not None:
        tried = [lbfgs(task, alpha, *task.rows).best for alpha in ALPHAS]
        scores = [np.mean(task.errors(v, *task.validation) ** 2) for v in tried if v is not None]
        alpha = ALPHAS[int(np.argmin(scores))]
    last = lbfgs(task, alpha, task.X, task.y)
    return last.result(last.seen[-1][1], time.perf_counter() - began)


def sklearn_adam(task: Task) -> Result:
    early = task.validation is not None
    watch = Watch(task)
    network = mlp(
        task,
        watch,
        solver="adam",
        learning_rate_init=ADAM_RATE,
        batch_size=ADAM_BATCH,
        max_iter=ENDLESS,
        early_stopping=early,
        validation_fraction=HELD,
        n_iter_no_change=PATIENCE if early else ENDLESS,
        tol=0.0,
        alpha=1e-4 if early else 0.0,
    )
    return watch.result(vector_of(network.fit(task.X, task.y[:, 0])))


def analytic_jacobian(task: Task, vector: np.ndarray, X: np.ndarray) -> np.ndarray:
    W, b, v, _ = task.arrays(vector)
    hidden = np.tanh(X @ W + b)
    back = (1 - hidden * hidden) * v
    first = (X[:, :, None] * back[:, None, :]).reshape(len(X), -1)
    return np.hstack([first, back, hidden, np.ones((len(X), 1))])


def scipy_lm(task: Task) -> Result:
    X, y = task.rows
    last: Any = weights_to_vector(task.model)
    watch = Watch(task)

    def residuals(vector: np.ndarray) -> np.ndarray:
        return task.errors(vector, X, y)

    def derivative(vector: np.ndarray) -> np.ndarray:
        watch.look(vector)
        return analytic_jacobian(task, vector, X)

    with contextlib.suppress(Enough):
        last = least_squares(
            residuals,
            last,
            derivative,
            method="lm",
            max_nfev=ENDLESS,
            ftol=3e-16,
            xtol=3e-16,
            gtol=3e-16,
        ).x
    return watch.result(last)


def scipy_bfgs(task: Task) -> Result:
    X, y = task.rows
    last: Any = weights_to_vector(task.model)
    watch = Watch(task)

    def value_and_gradient(vector: np.ndarray) -> Any:
        W, b, v, c = task.arrays(vector)
        hidden = np.tanh(X @ W + b)
        error = hidden @ v + c - y[:, 0]
        slope = 2 / len(X) * error
        back = slope[:, None] * v * (1 - hidden * hidden)
        parts = (X.T @ back).ravel(), back.sum(0), slope @ hidden, [slope.sum()]
        return float(np.mean(error**2)), np.concatenate(parts)

    options: Any = {"maxiter": ENDLESS, "gtol": 1e-10}
    with contextlib.suppress(Enough):
        last = minimize(  # type: ignore[call-overload]  # its stubs know no method as a callback
            value_and_gradient, last, method="BFGS", jac=True, callback=watch.look, options=options
        ).x
    return watch.result(last)


class KerasAdam:
    """``model.fit``, compiled once for a data set and then begun anew."""

    def __init__(self) -> None:
        self.models: dict[str, Any] = {}

    def __call__(self, task: Task) -> Result:
        """Train from the task's weights."""
        import keras

        X, y = task.rows
        keras.utils.set_random_seed(task.seed)
        if task.name not in self.models:
            # In float32, Keras's own choice and the faster one.
            model = feedforward([X.shape[1], task.hidden, 1], dtype="float32")
            model.compile(
                optimizer=keras.optimizers.Adam(ADAM_RATE),
                loss="mse",
                steps_per_execution=-(-len(X) // ADAM_BATCH),
            )
            self.models[task.name] = model
        model = self.models[task.name]
        model.set_weights(task.model.get_weights())
        for variable in model.optimizer.variables[2:]:  # after its counter and learning rate
            variable.assign(variable * 0)
        watch = Watch(task, LONG_BUDGET)
        vector = partial(weights_to_vector, model)

        def note(*_: Any) -> None:
            model.stop_training |= watch.note(vector())

        seen = keras.callbacks.LambdaCallback(on_epoch_end=note)
        early = keras.callbacks.EarlyStopping("val_loss", patience=PATIENCE)
        early.restore_best_weights = True
        model.fit(
            X.astype("float32"),
            y.astype("float32"),
            epochs=ENDLESS,
            batch_size=ADAM_BATCH,
            validation_data=task.validation,
            validation_batch_size=len(X),
            callbacks=[*([early] if task.validation else []), seen],
            verbose=0,
        )
        return watch.result(np.array(vector(), float))


def neurolab_bfgs(task: Task) -> Result:
    # NumPy 2 has these under other names.
    for name, meaning in {"Inf": np.inf, "asfarray": partial(np.asarray, dtype=float)}.items():
        if not hasattr(np, name):
            setattr(np, name, meaning)
    neurolab = importlib.import_module("neurolab")

    transfer = [neurolab.trans.TanSig(), neurolab.trans.PureLin()]
    network = neurolab.net.newff([[-1, 1]] * task.X.shape[1], [task.hidden, 1], transfer)
    W, b, v, c = task.arrays(weights_to_vector(task.model))
    for layer, weights, biases in zip(network.layers, (W.T, v[None]), (b, c), strict=True):
        layer.np["w"][:], layer.np["b"][:] = weights, biases
    network.errorf = neurolab.error.MSE()
    watch = Watch(task, LONG_BUDGET)

    def step(self: Any, x: np.ndarray) -> None:
        (W, b), (v, c) = ((layer.np["w"].T, layer.np["b"]) for layer in network.layers)
        watch.look(np.concatenate([W.ravel(), b, v.ravel(), c]))

    watched = type("Watched", (neurolab.train.spo.TrainBFGS,), {"step": step})
    network.trainf = neurolab.core.Trainer(watched)
    X, y = task.rows
    with contextlib.suppress(Enough):
        network.train(X, y, epochs=ENDLESS, show=0, goal=0.0)
    return watch.result(watch.seen[-1][1])


def peers() -> dict[str, Method]:
    """Return the peers by name, those that are installed."""
    found: dict[str, Method] = {
        "scikit-learn lbfgs": sklearn_lbfgs,
        "scikit-learn adam": sklearn_adam,
        "SciPy lm": scipy_lm,
        "SciPy BFGS": scipy_bfgs,
        "Keras Adam": KerasAdam(),
    }
    if importlib.util.find_spec("neurolab"):
        found[NEUROLAB] = neurolab_bfgs
    return found
