"""A fitted model as a surface: values of rows, and the slope where it has one.

A network is called through its compiled form and differentiated by automatic differentiation,
by its inputs and not by its weights. An estimator that keeps a network is known by what it
learned (``model_``, ``input_scaler_``, ``target_scaler_``): its network is asked, and the scales
are put around it. Any other regressor is asked by ``predict``, and has no slope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench import checks
from workbench.errors import ArgumentError

if TYPE_CHECKING:
    from workbench.network.device import Device

Floats = NDArray[np.float64]
Slope = Callable[[Floats], tuple[float, Floats]]


@dataclass(frozen=True, eq=False)
class Surface:
    """One output of a fitted model, in the user's units.

    Attributes:
        values: Maps rows (n, inputs) to values (n,), infinite where the model gives no number.
        slope: Maps one row (inputs,) to its value and the gradient (inputs,); None if there is
            no exact one.
        precision: Relative rounding error of the values.
        names: Names of the inputs.
        seen: Rows (low, high) of the data it was fitted on, shape (inputs, 2), if it knows them.
        samples: These data, shape (samples, inputs), if it keeps them.
    """

    values: Callable[[Floats], Floats]
    slope: Slope | None
    precision: float
    names: tuple[str, ...]
    seen: Floats | None = None
    samples: Floats | None = None


class Scale(Protocol):
    """Columns scaled one by one, each linearly, as `MapMinMax` has it."""

    data_min_: NDArray[np.floating]
    data_max_: NDArray[np.floating]
    constant_: NDArray[np.bool_]

    def scaled(self, rows: Any) -> Any: ...  # noqa: D102
    def unscaled(self, rows: Any) -> Any: ...  # noqa: D102


def checked_inputs(model: Any) -> int | None:
    """Check that a model can be a surface, and return how many inputs it has, if it tells.

    Args:
        model: A Keras model, an estimator that keeps one, or any fitted regressor.

    Raises:
        ArgumentError: It is no such model.
        ModelError: It is a Keras model without weights.
        NotFittedError: It is not fitted yet.
    """
    if _is_network(model):
        return _checked_network(model)
    from sklearn.utils.validation import check_is_fitted

    if isinstance(model, type) or not (hasattr(model, "fit") and hasattr(model, "predict")):
        raise ArgumentError(
            "model",
            "be a fitted regressor or a Keras model",
            repr(model) if isinstance(model, type) else f"a {type(model).__name__}",
            "Fit a workbench.BPRegressor, for example; a function has workbench.minimize.",
        )
    if hasattr(model, "predict_proba") or hasattr(model, "classes_"):
        raise ArgumentError(
            "model",
            "be a regressor, for classes have no extremum",
            f"a {type(model).__name__}",
            "The network of a BPClassifier, its attribute model_, gives probabilities.",
        )
    check_is_fitted(model)
    return getattr(model, "n_features_in_", None)


def surface_of(
    model: Any, output: int | None, probe: Floats, device: str | Device = "auto"
) -> Surface:
    """Return one output of a checked model as a surface.

    Args:
        model: What `checked_inputs` has let pass.
        output: Column of the output; None if there is only one.
        probe: A row of inputs ``(inputs,)`` that is legal.
        device: Where a network is evaluated; see `workbench.network.device`.

    Raises:
        ArgumentError: ``output`` is none of its outputs, these are no numbers, there is no such
            device, or one is named and the model is no network.
    """
    if _is_network(model):
        return _network_surface(model, output, device=device)
    learned = ("model_", "input_scaler_", "target_scaler_")
    if all(hasattr(model, name) for name in learned) and _is_network(model.model_):
        names = getattr(model, "feature_names_in_", None)
        return _network_surface(
            model.model_, output, model.input_scaler_, model.target_scaler_, names, device
        )
    if device != "auto":
        raise ArgumentError("device", 'be "auto" for a model that is no network', device)
    return _predicted_surface(model, output, probe)


def _is_network(model: Any) -> bool:
    # By what it can do: to ask for its class would load Keras for any other regressor too.
    return hasattr(model, "stateless_call") and hasattr(model, "trainable_variables")


def _checked_network(model: Any) -> int:
    from workbench.network.objective import network_of

    network_of(model)
    if len(model.input_shape) != 2 or model.input_shape[1] is None:
        requirement = "take rows of a fixed number of inputs"
        raise ArgumentError("model", requirement, f"an input of shape {model.input_shape}")
    return model.input_shape[1]


def _network_surface(
    model: Any,
    output: int | None,
    inner: Scale | None = None,
    outer: Scale | None = None,
    names: Any = None,
    device: str | Device = "auto",
) -> Surface:
    from workbench.network import backend
    from workbench.network.device import on
    from workbench.network.objective import frozen_values, network_of
    from workbench.network.predict import Predictor

    network = network_of(model)
    place = network.device(device)
    predictor = Predictor(model, place)
    column = _column(output, network.outputs)
    gain_in, gain_out = _gain(inner, forwards=True), _gain(outer, forwards=False)[column]
    dtype = network.layout.dtype
    with on(place):
        weights = [backend.tensor(variable.value) for variable in model.trainable_variables]
        frozen = frozen_values(model)
        chosen = backend.tensor(np.eye(network.outputs)[column], dtype)
        compiled = backend.cached((network.key, "slope"), lambda: _compiled(network))

    def values(rows: Floats) -> Floats:
        outputs = predictor(rows if inner is None else inner.scaled(rows)).astype(np.float64)
        outputs = outputs if outer is None else outer.unscaled(outputs)
        return np.where(np.isfinite(outputs[:, column]), outputs[:, column], np.inf)

    def slope(row: Floats) -> tuple[float, Floats]:
        rows = row[None] if inner is None else inner.scaled(row[None])
        with on(place):
            outputs, gradient = compiled(weights, frozen, backend.tensor(rows, dtype), chosen)
        outputs = outputs.numpy().astype(np.float64)
        outputs = outputs if outer is None else outer.unscaled(outputs)
        return float(outputs[0, column]), gradient.numpy()[0].astype(float) * gain_in * gain_out

    seen = None if inner is None else np.stack([inner.data_min_, inner.data_max_], axis=1)
    precision = float(np.finfo(dtype).eps)
    return Surface(values, slope, precision, _names(names, model.input_shape[1]), seen)


def _compiled(network: Any):
    def slope(weights, frozen, row, chosen):
        def value(at):
            return backend.total(network.call(weights, frozen, at[0]) * chosen)

        _, (gradient,) = backend.gradient(value, [row])
        return network.call(weights, frozen, row), gradient

    from workbench.network import backend

    return network.compile(slope)


def _gain(scale: Scale | None, *, forwards: bool) -> Floats:
    """Return the derivative of a scale, or of its inverse, for each column."""
    if scale is None:
        return np.ones(1)
    low, high = scale.data_min_, scale.data_max_
    reached = scale.scaled(np.stack([low, high]))
    rise, run = reached[1] - reached[0], high - low
    over, under = (rise, run) if forwards else (run, rise)
    flat = scale.constant_ | (under == 0)
    return np.where(flat, 0.0, over / np.where(flat, 1.0, under))


def _predicted_surface(model: Any, output: int | None, probe: Floats) -> Surface:
    names = getattr(model, "feature_names_in_", None)

    def predicted(rows: Floats) -> NDArray[Any]:
        if names is None:
            return np.asarray(model.predict(rows))
        import pandas as pd

        # Fitted on a DataFrame it would warn of bare rows, each time.
        return np.asarray(model.predict(pd.DataFrame(rows, columns=names)))

    samples: Any = getattr(model, "X_train_", None)  # where Gaussian processes keep them
    if np.ndim(samples) != 2 or np.shape(samples)[1] != len(probe):
        samples = None
    sample = predicted(probe[None])
    if sample.dtype.kind not in "fiu":
        requirement = "predict numbers"
        raise ArgumentError("model", requirement, f"predictions of dtype {sample.dtype}")
    column = _column(output, 1 if sample.ndim == 1 else sample.shape[1])
    precision = float(np.finfo(sample.dtype if sample.dtype.kind == "f" else float).eps)

    def values(rows: Floats) -> Floats:
        found = predicted(rows).reshape(len(rows), -1)[:, column].astype(np.float64)
        return np.where(np.isfinite(found), found, np.inf)

    return Surface(values, None, precision, _names(names, len(probe)), samples=samples)


def _names(names: Any, inputs: int) -> tuple[str, ...]:
    numbered = (f"x{number}" for number in range(1, inputs + 1))
    return tuple(numbered if names is None else map(str, names))


def _column(output: int | None, outputs: int) -> int:
    if output is None:
        if outputs == 1:
            return 0
        raise ArgumentError(
            "output",
            f"say which of the {outputs} outputs of the model",
            output,
            "They count from 0.",
        )
    column = checks.integer("output", output, minimum=0)
    if column >= outputs:
        raise ArgumentError("output", f"be less than the {outputs} output(s) of the model", output)
    return column
