"""The file formats a network can be exported to, each with its own runtime.

LiteRT (``.tflite``, once TensorFlow Lite) for phones and microcontrollers, run by ai-edge-litert;
ONNX (``.onnx``) for everything else, run by onnxruntime; TensorFlow's SavedModel (a folder), run by
TensorFlow without a word of Keras's code; and Keras's own ``.keras``, which alone can be trained
further.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np
from numpy.typing import NDArray

from workbench.cnn.ops import GroupedConv2D
from workbench.compress.deployable import BATCH, outputs_of
from workbench.compress.extras import require
from workbench.compress.litert_model import LiteRTModel
from workbench.compress.quiet import quiet
from workbench.errors import ModelError
from workbench.registry import Registry
from workbench.saved_model import load_model

Predict: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        name: Its name.
        ending: Of the file, None for a folder.
        write: Writes a model to a path that is free.
        load: Returns what the file says to images (n, ...), in a runtime of its own.
        needs: Modules of optional packages.
    """

    name: str
    ending: str | None
    write: Callable[[keras.Model, Path], None]
    load: Callable[[Path], Predict]
    needs: tuple[str, ...] = ()

    def require(self) -> None:
        """Raise `MissingPackageError` unless all packages are there."""
        require(f"Files of the format {self.name!r}", *self.needs)


FORMATS: Registry[Format] = Registry("export format")


def _write_litert(model: keras.Model, path: Path) -> None:
    from workbench.compress.litert import convert, freeze

    path.write_bytes(convert(freeze(model)))


def _load_litert(path: Path) -> Predict:
    return LiteRTModel(path).predict


def _write_onnx(model: keras.Model, path: Path) -> None:
    _refuse_groups(model)
    model(np.zeros((1, *model.inputs[0].shape[1:]), np.float32), training=False)  # Keras insists
    with quiet():
        model.export(path, format="onnx", verbose=False)


def _refuse_groups(model: keras.Model) -> None:
    """Raise if a convolution would be compiled by XLA, which ONNX has no operation for."""
    for layer in model._flatten_layers(include_self=False):
        if getattr(layer, "groups", 1) == 1 or isinstance(layer, GroupedConv2D):
            continue
        if isinstance(layer, keras.layers.Conv2D):
            raise ModelError(
                f"The layer {layer.name!r} is Keras's convolution in {layer.groups} groups, which "
                "cannot be exported to ONNX. Build the model with workbench.cnn.ops.GroupedConv2D, "
                "which has the same arguments and weights."
            )


def _load_onnx(path: Path) -> Predict:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except (state.Fail, state.InvalidArgument, state.InvalidGraph, state.NotImplemented) as error:
        raise ModelError(
            f"ONNX Runtime cannot run {path.name}: {error} Build the model of layers that ONNX has "
            "operations for."
        ) from error
    name = session.get_inputs()[0].name

    def predict(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return _in_batches(lambda piece: session.run(None, {name: piece})[0], images)

    return predict


def _write_saved_model(model: keras.Model, path: Path) -> None:
    with quiet():
        model.export(path, format="tf_saved_model", verbose=False)


def _load_saved_model(path: Path) -> Predict:
    with quiet():
        layer = keras.layers.TFSMLayer(path, call_endpoint="serve")

    def predict(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return _in_batches(lambda piece: keras.ops.convert_to_numpy(layer(piece)), images)

    return predict


def _write_keras(model: keras.Model, path: Path) -> None:
    with quiet():
        model.save(path)


def _load_keras(path: Path) -> Predict:
    model = load_model(path)
    return lambda images: outputs_of(model, images)


def _in_batches(run: Callable[[Any], Any], images: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([run(images[i : i + BATCH]) for i in range(0, len(images), BATCH)])


_LITERT = Format("litert", ".tflite", _write_litert, _load_litert, ("ai_edge_litert",))
FORMATS.register("litert")(_LITERT)
FORMATS.register("tflite")(_LITERT)
FORMATS.register("onnx")(
    Format("onnx", ".onnx", _write_onnx, _load_onnx, ("tf2onnx", "onnx", "onnxruntime"))
)
FORMATS.register("saved_model")(Format("saved_model", None, _write_saved_model, _load_saved_model))
FORMATS.register("keras")(Format("keras", ".keras", _write_keras, _load_keras))
