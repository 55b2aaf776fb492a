"""The seam to TensorFlow's converter: a Keras model becomes a LiteRT file.

Source: B. Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", 2018, arXiv:1712.05877; the LiteRT 8-bit specification: weights
are int8 with zero point 0 and, of convolutions, a scale for each filter; activations are int8 with
one scale and zero point a tensor, which here come from the extremes seen on sample images.

The forward pass is traced once and its variables are frozen into it, and that is converted. The
converter's own way for Keras models writes a SavedModel and reads it again: 12 times the time for
a small MobileNet V3 (0.4 s against 5), and the same file. Handed the trace with its variables not
frozen, it returns a file of NaN without a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from workbench.compress.quiet import quiet
from workbench.errors import ModelError

if TYPE_CHECKING:
    import keras

Mode: TypeAlias = Literal["float32", "int8", "float16", "dynamic"]
Frozen: TypeAlias = Any  # a ConcreteFunction without variables


def freeze(model: keras.Model) -> Frozen:
    """Return the forward pass of a model in inference, its weights as constants.

    Args:
        model: From one array to one array; its layers' names are in the result.
    """
    image = model.inputs[0]
    spec = tf.TensorSpec((None, *image.shape[1:]), image.dtype, name="image")

    def serve(image: Any) -> Any:
        return model(image, training=False)

    traced = tf.function(serve, autograph=False).get_concrete_function(spec)
    return convert_variables_to_constants_v2(traced)


def convert(
    frozen: Frozen,
    mode: Mode = "float32",
    samples: NDArray[np.float32] | None = None,
    ends: str = "float32",
) -> bytes:
    """Return the content of a LiteRT file.

    Args:
        frozen: From `freeze`.
        mode: ``"float32"``; ``"int8"``, integers throughout; ``"float16"``, weights of 16 bits and
            computation in 32; ``"dynamic"``, weights of int8 (those with 1024 entries or more) and
            activations as they come.
        samples: Images (n, rows, columns, channels) from which int8 takes its ranges.
        ends: Number type of input and output of an int8 network.

    Raises:
        ModelError: The converter refuses the model.
    """
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen], tf.Module())
    if mode != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if mode == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if mode == "int8":
        assert samples is not None
        # Not a single float operation is let through: a chip may have none.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: _singly(samples)
        converter.inference_input_type = converter.inference_output_type = tf.dtypes.as_dtype(ends)
    try:
        with quiet():
            return converter.convert()
    except (RuntimeError, ValueError, tf.errors.OpError) as error:
        raise ModelError(_refusal(mode, error)) from error


def _singly(samples: NDArray[np.float32]) -> Iterator[list[NDArray[np.float32]]]:
    for image in samples:
        yield [image[None]]


def _refusal(mode: Mode, error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    remedy = (
        "Ranges of the activations are taken in the LiteRT interpreter, which lacks an operation "
        "of this model there; mode='float16' and 'dynamic' do without."
        if mode == "int8"
        else "Build it of layers that LiteRT has operations for."
    )
    return f"LiteRT cannot convert the model as {mode}: {' '.join(lines[:2])} {remedy}"
