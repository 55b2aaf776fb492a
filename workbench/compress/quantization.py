"""Networks in fewer bits, as LiteRT files, and what it costs them.

Source: B. Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", 2018, arXiv:1712.05877; R. Krishnamoorthi, "Quantizing deep
convolutional networks for efficient inference: A whitepaper", 2018, arXiv:1806.08342.

The network is converted after training. Weights of int8 are a quarter of those of float32, and a
small network gains less: names and shapes stay, each filter gets 24 bytes for the scales and zero
points of its weights and its bias, and biases stay at 4 bytes. MobileNet V2 comes to 28 % of its
float file, a network of 200,000 weights to some 30 %, one of 10,000 to two thirds.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from workbench.compress.deployable import deployable, outputs_of, sample_images
from workbench.compress.exports import agreement
from workbench.compress.extras import require
from workbench.compress.litert_model import BATCH, LiteRTModel
from workbench.compress.noise import layer_errors, signal_to_noise
from workbench.compress.placing import placed
from workbench.errors import ArgumentError, ModelError

MODES = ("int8", "float16", "dynamic")
ENDS = ("float32", "int8", "uint8")
COMPARED = 64  # images whose tensors are compared layer by layer
COLLAPSED = 10.0  # dB; a third of the signal is noise


@dataclass(frozen=True, eq=False)
class Quantized:
    """A quantised network in a LiteRT file.

    Attributes:
        path: The file.
        mode: ``"int8"``, ``"float16"`` or ``"dynamic"``.
        bytes: Size of the file.
        float_bytes: Size of the LiteRT file of the same network in float32.
        snr: Signal-to-noise ratio of its outputs against the Keras model's, in dB; see
            `workbench.compress.noise`.
        agreement: Share of the images with the same largest output in both.
        layers: The same ratio by layer; see `LayerErrors`.
        merged: Layers that have no row in ``layers``.
        network: The file in its runtime, as it was written: whatever happens to the file.
    """

    path: Path
    mode: str
    bytes: int
    float_bytes: int
    snr: float
    agreement: float
    layers: pd.DataFrame = field(repr=False)
    merged: tuple[str, ...] = field(repr=False)
    network: LiteRTModel = field(repr=False)

    @property
    def ratio(self) -> float:
        """Size of the file as a part of the float file's."""
        return self.bytes / self.float_bytes

    def predict(self, images: ArrayLike, batch: int = BATCH) -> NDArray[np.float32]:
        """Return the outputs for images (n, rows, columns, channels), as real numbers.

        Raises:
            ArgumentError: ``images`` has another shape, or entries that are not finite.
        """
        return self.network.predict(images, batch)

    def accuracy(self, images: ArrayLike, labels: ArrayLike) -> float:
        """Return the share of images whose largest output is that of their class.

        Args:
            images: (n, rows, columns, channels).
            labels: Class numbers (n,).

        Raises:
            ArgumentError: The two do not fit, or are no images and class numbers.
        """
        outputs = self.predict(images)
        classes = np.asarray(labels)
        if classes.shape != outputs.shape[:-1] or classes.dtype.kind not in "iu":
            raise ArgumentError(
                "labels",
                f"be class numbers of the shape {outputs.shape[:-1]}",
                f"{classes.dtype} of the shape {classes.shape}",
            )
        return float(np.mean(outputs.argmax(axis=-1) == classes))


def quantize(
    model: keras.Model,
    path: str | PathLike[str],
    images: ArrayLike,
    *,
    mode: str = "int8",
    inputs: str = "float32",
    compare: ArrayLike | None = None,
) -> Quantized:
    """Write a model as a LiteRT file in fewer bits, and compare the two.

    Args:
        model: From one array to one array, of known size, in float32.
        path: Where to, ending in .tflite. A file of that name is replaced at the end.
        images: Images (n, rows, columns, channels) as the model takes them, representative of what
            it will see: int8 takes the range of every activation from them. Some hundreds of
            training images will do.
        mode: ``"int8"``: weights, activations and arithmetic in integers, for any chip.
            ``"float16"``: weights in half precision, half the size and as good as no loss.
            ``"dynamic"``: weights of int8 where they have 1024 entries or more, activations in
            float; on a CPU.
        inputs: Number type of the input and output of an int8 file: ``"float32"``, ``"int8"`` or
            ``"uint8"``. `Quantized.predict` has real numbers in any case.
        compare: Other images to compare on; ``images`` if None.

    Returns:
        The file, its errors as a whole and by layer.

    Raises:
        ArgumentError: An argument does not fit the model or the mode.
        MissingPackageError: A package of the extra ``workbench[deploy]`` is missing.
        ModelError: The model cannot be converted, or its file returns numbers that are not finite.
            Whatever was at ``path`` is still there.
        OSError: The file cannot be written.

    Warns:
        UserWarning: Less than 10 dB are left; then try `workbench.compress.equalize` before.
    """
    require("LiteRT files", "ai_edge_litert")
    path = _checked(Path(path), mode, inputs)
    shape = deployable(model)
    samples = sample_images(_given(images), shape)
    others = samples if compare is None else sample_images(compare, shape, "compare")
    # TensorFlow is loaded here at the latest.
    from workbench.compress.litert import convert, freeze

    frozen = freeze(model)
    reference = convert(frozen)
    content = convert(frozen, mode, samples, inputs)  # type: ignore[arg-type]
    with placed(path) as place:
        place.write_bytes(content)
        network = LiteRTModel(place)
        expected, came = outputs_of(model, others), network.predict(others)
        if came.shape != expected.shape or not np.isfinite(came).all():
            raise ModelError(
                f"The {mode} file of {model.name!r} returns the shape {came.shape} for "
                f"{expected.shape}, and {int((~np.isfinite(came)).sum())} numbers that are not "
                "finite. The file was not kept."
            )
        pair = LiteRTModel(reference, keep=True), LiteRTModel(content, keep=True)
        errors = layer_errors(model, *pair, others[:COMPARED])
    snr = signal_to_noise(expected, came)
    _warn_of_collapse(model, mode, snr)
    sizes = len(content), len(reference)
    same = agreement(expected, came)
    return Quantized(path, mode, *sizes, snr, same, errors.frame, errors.merged, network)


def _checked(path: Path, mode: str, inputs: str) -> Path:
    for name, value, allowed in (("mode", mode, MODES), ("inputs", inputs, ENDS)):
        if value not in allowed:
            raise ArgumentError(name, f"be one of {', '.join(map(repr, allowed))}", value)
    if inputs != "float32" and mode != "int8":
        raise ArgumentError("inputs", f"be 'float32' for mode={mode!r}", inputs)
    if path.suffix != ".tflite" or path.is_dir():
        raise ArgumentError("path", "be a file that ends in .tflite", f"{path}")
    return path


def _given(images: ArrayLike | None) -> ArrayLike:
    if images is None:
        raise ArgumentError(
            "images",
            "be representative images",
            images,
            "Some hundreds of the training images will do.",
        )
    return images


def _warn_of_collapse(model: keras.Model, mode: str, snr: float) -> None:
    if not snr >= COLLAPSED:
        warnings.warn(
            f"Of the signal of {model.name!r} no more than {snr:.1f} dB are left in {mode}. "
            "Look at .layers for the layer that lost it, and try workbench.compress.equalize on "
            "the model, or mode='float16'.",
            stacklevel=3,
        )
