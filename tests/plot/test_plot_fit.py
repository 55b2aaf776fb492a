"""plotfit draws what the network computes, and calls it only."""

import keras
import numpy as np
import pytest

from workbench import feedforward
from workbench.errors import ArgumentError
from workbench.plot import plotfit

X = np.linspace(-1, 1, 9)
Y = np.sin(3 * X)


def hand(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """Return tansig and purelin layers worked out with NumPy, ``(samples, outputs)``."""
    w1, b1, w2, b2 = model.get_weights()
    return np.tanh(inputs.reshape(-1, 1) @ w1 + b1) @ w2 + b2


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_it_shows_targets_outputs_curve_and_errors(dtype: str) -> None:
    model = feedforward([1, 4, 1], seed=0, dtype=dtype)
    ax = plotfit(model, X, Y)
    lines = {line.get_label(): line for line in ax.lines}
    np.testing.assert_array_equal(lines["targets"].get_xydata(), np.stack([X, Y], axis=1))
    np.testing.assert_allclose(lines["outputs"].get_ydata(), hand(model, X)[:, 0], rtol=1e-5)
    x, y = lines["fit"].get_data()
    np.testing.assert_allclose(y, hand(model, x)[:, 0], rtol=1e-4, atol=1e-6)
    assert (x[0], x[-1]) == (-1, 1)
    (errors,) = ax.collections
    for (low, high), place, target, output in zip(
        errors.get_segments(), X, Y, hand(model, X)[:, 0], strict=True
    ):
        np.testing.assert_allclose([low, high], [[place, target], [place, output]], rtol=1e-5)


def test_one_of_several_outputs_is_drawn() -> None:
    model = feedforward([1, 4, 2], seed=0)
    targets = np.stack([Y, -Y], axis=1)
    first, second = (plotfit(model, X, targets, output=k) for k in (0, 1))
    outputs = [ax.lines[2].get_ydata() for ax in (first, second)]
    np.testing.assert_allclose(outputs, hand(model, X).T)
    np.testing.assert_array_equal(second.lines[1].get_ydata(), -Y)


def test_the_network_stays_as_it_was() -> None:
    model = feedforward([1, 4, 1], seed=0)
    before = model.get_weights()
    plotfit(model, X, Y)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize(
    "model", [feedforward([2, 3, 1], seed=0), keras.Sequential(), "net"], ids=str
)
def test_a_network_of_other_than_one_input_is_told(model: object) -> None:
    with pytest.raises(ArgumentError, match=r"model must be a Keras model with one input.*plotreg"):
        plotfit(model, X, Y)


def test_data_that_do_not_fit_are_told() -> None:
    model = feedforward([1, 3, 1], seed=0)
    with pytest.raises(ArgumentError, match=r"X must have shape \(samples, 1\)"):
        plotfit(model, np.ones((4, 2)), np.ones(4))
    with pytest.raises(ArgumentError, match="y must have as many rows as X"):
        plotfit(model, X, Y[:-1])
    with pytest.raises(ArgumentError, match="output must be less than the model's 1 outputs"):
        plotfit(model, X, Y, output=1)
