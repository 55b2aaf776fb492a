"""Which models can leave Keras, and what they say in it.

Files for other runtimes are made of networks from one array to one array, computed in float32:
that is what their converters, their runtimes and int8 arithmetic know.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.errors import ArgumentError, ModelError

BATCH = 256
NOISE = 32  # images, where none are given


def deployable(model: keras.Model) -> tuple[int, ...]:
    """Return the shape of one input, if the model can be exported.

    Raises:
        ArgumentError: Not a Keras model.
        ModelError: Not built, of several inputs or outputs, of another number type, or of an
            input of unknown size.
    """
    if not isinstance(model, keras.Model):
        raise ArgumentError(
            "model", "be a keras.Model", f"a {type(model).__name__}", "See workbench.build_cnn."
        )
    name = model.name
    try:
        inputs, outputs = model.inputs, model.outputs
    except (AttributeError, ValueError):
        inputs = outputs = None
    if not inputs or not outputs:
        raise ModelError(
            f"The model {name!r} has no graph with an input and an output. Build it with "
            "keras.Model(inputs, outputs), or wrap a subclassed model: x = keras.Input(shape); "
            "keras.Model(x, model(x))."
        )
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(
            f"The model {name!r} has {len(inputs)} inputs and {len(outputs)} outputs, where one of "
            "each can be exported. Cut a part out with keras.Model(input, output)."
        )
    shape = tuple(inputs[0].shape[1:])
    if not shape or None in shape:
        raise ModelError(
            f"The model {name!r} takes an input of the shape {shape}, which is not wholly known. "
            "Name rows and columns to keras.Input or build_cnn."
        )
    _check_number_type(model)
    return shape


def _check_number_type(model: keras.Model) -> None:
    for layer in model._flatten_layers(include_self=False):
        policy = layer.dtype_policy
        if {policy.compute_dtype, policy.variable_dtype} - {"float32"}:
            raise ModelError(
                f"The layer {layer.name!r} of {model.name!r} computes in {policy.compute_dtype} "
                f"and keeps weights in {policy.variable_dtype}, and only float32 can be exported. "
                "Build the model anew with dtype float32 and call set_weights with the weights of "
                "this one."
            )


def sample_images(
    images: ArrayLike | None, shape: tuple[int, ...], argument: str = "images"
) -> NDArray[np.float32]:
    """Return images (n, *shape), float32, to compare outputs on; normal noise for None.

    Raises:
        ArgumentError: They have another shape, or entries that are not finite.
    """
    if images is None:
        return np.random.default_rng(0).normal(size=(NOISE, *shape)).astype(np.float32)
    return checks.samples(argument, images, shape, "the model's input").astype(np.float32)


def outputs_of(model: keras.Model, images: NDArray[Any]) -> NDArray[np.float32]:
    """Return the model's outputs in inference.

    Called directly, for ``predict`` compiles anew for each model, which takes longer than this.
    """
    pieces = [images[i : i + BATCH] for i in range(0, len(images), BATCH)]
    return np.concatenate(
        [keras.ops.convert_to_numpy(model(piece, training=False)) for piece in pieces]
    )
