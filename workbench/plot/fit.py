"""The function a network of one input has learned, the figure of MATLAB's ``plotfit``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from workbench import checks
from workbench.checks import FloatArray
from workbench.errors import ArgumentError
from workbench.plot.palette import COLOURS, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 500  # of the curve, more than a figure has pixels


def plotfit(
    model: Any, X: ArrayLike, y: ArrayLike, ax: Axes | None = None, *, output: int = 0
) -> Axes:
    """Draw targets, outputs and the errors between them over the curve of the network.

    Args:
        model: A built Keras model with one input, from ``(samples, 1)`` to
            ``(samples, outputs)``.
        X: Inputs ``(samples, 1)`` or ``(samples,)``, scaled as the model expects them.
        y: Targets ``(samples, outputs)``, or ``(samples,)`` for one output.
        ax: Where to draw; None makes a figure.
        output: Which of several outputs, from 0; MATLAB draws the first.

    Raises:
        ArgumentError: The model has another number of inputs, the data do not fit it, or
            there is no such output.
    """
    outputs = _outputs_of_one_input(model)
    X = checks.samples("X", X, (1,), "the model's input")
    y = checks.samples("y", y, (outputs,), "the model's output")
    checks.same_rows(X, y)
    if checks.integer("output", output, minimum=0) >= outputs:
        raise ArgumentError("output", f"be less than the model's {outputs} outputs", output)
    grid = np.linspace(X.min(), X.max(), _POINTS)[:, None]
    fitted, curve = (_forward(model, inputs)[:, output] for inputs in (X, grid))
    ax = axes_or_new(ax, 6.5, 4)
    targets = y[:, output]
    ax.vlines(X[:, 0], targets, fitted, color=COLOURS[4], linewidth=1, label="errors")
    ax.plot(grid[:, 0], curve, color="black", linewidth=1.2, label="fit")
    ax.plot(X[:, 0], targets, "o", color=COLOURS[0], markersize=4, label="targets")
    ax.plot(X[:, 0], fitted, "+", color=COLOURS[1], markersize=6, label="outputs")
    ax.set(xlabel="input", ylabel="output and target", title="Function fit")
    ax.legend()
    return ax


def _outputs_of_one_input(model: Any) -> int:
    shapes: list[Any] = [getattr(model, f"{end}_shape", None) for end in ("input", "output")]
    plain = all(isinstance(shape, tuple) and len(shape) == 2 for shape in shapes)
    if not plain or shapes[0][1] != 1:
        raise ArgumentError(
            "model",
            "be a Keras model with one input and rows of outputs",
            f"input {shapes[0]} and output {shapes[1]}",
            "Networks of any number of inputs are drawn by plotregression.",
        )
    return shapes[1][1]


def _forward(model: Any, inputs: FloatArray) -> FloatArray:
    return np.asarray(model(inputs, training=False), dtype=float)
