"""A small network with every kind of layer that files know, and its LiteRT files.

Files are changed through the reader and writer that come with ``ai-edge-litert``, which were made
from the schema and are no work of ours.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from workbench.cnn import CNN, build_cnn
from workbench.cnn.blocks import (
    Classifier,
    Conv,
    Fire,
    GlobalPool,
    Inception,
    InceptionResidual,
    InvertedResidual,
)
from workbench.cnn.blocks.inception import branch
from workbench.cnn.spec import Architecture, Conventions

SIDE = 12
KINDS = {number: name for name, number in vars(schema.BuiltinOperator).items() if name[0] != "_"}
HEAD = (("pool", GlobalPool()), ("classes", Classifier()))
BRANCHES = (branch("one", Conv(4)), branch("two", Conv(4), Conv(4, 3)))


def table(padding: Any = "same", activation: str = "relu6", source: str = "litert") -> Architecture:
    """Sums, products, concatenations, a gate, a factor, layers with bias and with batch norm."""
    body = (
        ("stem", Conv(8, 3, stride=2)),
        ("inverted", InvertedResidual(8, 16, squeeze=4)),
        ("fire", Fire(4, 4)),
        ("inception", Inception(BRANCHES)),
        ("residual", InceptionResidual(BRANCHES, scale=0.5)),
    )
    conventions = Conventions(padding=padding, activation=activation)
    return Architecture("small", body, HEAD, f"nobody; {source}", conventions, small=8)


def network(classes: int | None = 5, side: int = SIDE, seed: int = 0) -> CNN:
    """Return the network, none of whose weights is neutral; a test has entered its table."""
    shape = (side, side, 3)
    model = build_cnn("small", shape, classes, classifier_activation=None, seed=seed)
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        if variable.path.endswith(("gamma", "moving_variance")):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif variable.path.endswith(("bias", "beta", "moving_mean")):
            variable.assign(rng.normal(0, 0.3, variable.shape))
    return model


def images(count: int = 8, side: int = SIDE, seed: int = 1) -> np.ndarray:
    """Draw images of mean 0.2 and deviation 1."""
    shape = (count, side, side, 3)
    return np.random.default_rng(seed).normal(0.2, 1, shape).astype("float32")


@cache
def converted(whole_numbers: bool) -> bytes:
    """Return the file of ``network()``, in 32 bits or with 8 bits throughout."""
    import tensorflow as tf

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # TensorFlow's own, of its converter's future
        converter = tf.lite.TFLiteConverter.from_keras_model(network())
        if whole_numbers:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([image[None]] for image in images(32))
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.uint8
        return bytes(converter.convert())


def unpacked(file: bytes) -> Any:
    """Return a file as the objects of the other reader."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(file), 0))


def packed(model: Any) -> bytes:
    """Return the file of such objects."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def changed(folder: Path, change: Callable[[Any], None], whole_numbers: bool = False) -> Path:
    """Write a file that ``change`` was applied to, and return where it is."""
    model = unpacked(converted(whole_numbers))
    change(model)
    path = folder / "net.tflite"
    path.write_bytes(packed(model))
    return path


def kind(model: Any, operator: Any) -> str:
    """Return what an operator is called in the schema."""
    code = model.operatorCodes[operator.opcodeIndex]
    return KINDS[max(code.builtinCode, code.deprecatedBuiltinCode)]


def operators(model: Any, name: str) -> list[Any]:
    """Return the operators of a kind."""
    return [each for each in model.subgraphs[0].operators if kind(model, each) == name]


def add_operator(model: Any, number: int, inputs: list[int], outputs: list[int]) -> Any:
    """Return a new operator of the kind ``number``, not yet in the graph."""
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = number
    model.operatorCodes.append(code)
    operator = schema.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = inputs, outputs
    return operator


def add_tensor(model: Any, like: int, data: np.ndarray | None, type_: int = 0) -> int:
    """Add a tensor of the shape of another, or of its data; return its number."""
    tensors = model.subgraphs[0].tensors
    tensor, buffer = schema.TensorT(), schema.BufferT()
    tensor.name, tensor.type = b"added", type_
    tensor.shape = tensors[like].shape if data is None else list(data.shape)
    buffer.data = None if data is None else np.frombuffer(data.tobytes(), "u1")
    model.buffers.append(buffer)
    tensor.buffer = len(model.buffers) - 1
    tensors.append(tensor)
    return len(tensors) - 1
