"""A LiteRT file (``.tflite``) as data: its tensors and its operators, without an interpreter.

Source: the schema ``tflite/converter/schema/schema.fbs`` of LiteRT, version 3. Its fields are known
by their numbers, which stand here as the schema has them from 0 on, and never change: new ones only
come behind (`flat_buffer.py`).

Rejected were the two generated readers: that of TensorFlow can only be imported with all of
TensorFlow and is on its way out, that of ``ai-edge-litert`` comes with an optional package.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from workbench.cnn.flat_buffer import Table, root
from workbench.errors import DataFileError

IDENTIFIER = b"TFL3"
TYPES: dict[int, Any] = {
    0: np.float32,
    1: np.float16,
    2: np.int32,
    3: np.uint8,
    4: np.int64,
    6: np.bool_,
    7: np.int16,
    9: np.int8,
    10: np.float64,
    18: ml_dtypes.bfloat16,
}
# The kinds of operators that anyone asks for; the others keep their number.
KINDS = {
    0: "ADD",
    2: "CONCATENATION",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    6: "DEQUANTIZE",
    9: "FULLY_CONNECTED",
    18: "MUL",
    34: "PAD",
    41: "SUB",
    42: "DIV",
}
# How many inputs those have at least whose inputs anyone asks for.
LEAST = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "DEQUANTIZE": 1, "PAD": 2}
ACTIVATIONS = {0: None, 1: "relu", 2: "relu_n1_to_1", 3: "relu6", 4: "tanh"}
PADDINGS = {0: "same", 1: "valid"}


@dataclass(frozen=True)
class Quantisation:
    """How whole numbers q mean real ones: ``scale * (q - zero_point)``.

    Attributes:
        scale: One number, or one a slice along ``axis``; float32.
        zero_point: As many; int64.
        axis: Of the tensor.
    """

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int = 0


@dataclass(frozen=True)
class LiteRTTensor:
    """A tensor of the graph.

    Attributes:
        name: As the converter put it together.
        shape: The batch included.
        dtype: None for a type that NumPy does not know, or whose numbers are packed.
        data: The numbers of a constant, None for what is computed.
        quantisation: None for real numbers.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any] | None
    data: NDArray[Any] | None = None
    quantisation: Quantisation | None = None

    @property
    def real(self) -> NDArray[np.float32]:
        """The numbers of a constant as real ones, shape ``shape``."""
        if self.data is None:
            raise ValueError(f"{self.name} is not a constant.")
        if self.quantisation is None or self.data.dtype.kind not in "iu":
            return self.data.astype(np.float32)
        scale, zero = self.quantisation.scale, self.quantisation.zero_point
        if scale.size > 1:
            along = [1] * len(self.shape)
            along[self.quantisation.axis] = -1
            scale, zero = scale.reshape(along), zero.reshape(along)
        # Whole numbers first: a bias of 32 bits has more digits than float32.
        return ((self.data.astype(np.int64) - zero) * scale.astype(np.float64)).astype(np.float32)


@dataclass(frozen=True)
class LiteRTOperator:
    """An operator of the graph.

    Attributes:
        kind: Name in the schema, such as "CONV_2D"; "BUILTIN 83" for those not in `KINDS`.
        inputs: Numbers of tensors; -1 for one that is left away.
        outputs: Likewise.
        padding: "same" or "valid", of a convolution.
        strides: Down and to the right.
        dilations: Likewise.
        activation: Behind it, by its name in Keras.
        shuffled: Whether a matrix is kept in another order than its rows'.
    """

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    padding: str = "valid"
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    activation: str | None = None
    shuffled: bool = False


@dataclass(frozen=True)
class LiteRTGraph:
    """The first graph of a file, its operators in the order in which they run."""

    tensors: tuple[LiteRTTensor, ...]
    operators: tuple[LiteRTOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_litert(path: str | PathLike[str]) -> LiteRTGraph:
    """Read a ``.tflite`` file.

    Raises:
        DataFileError: It is missing, damaged, or none.
    """
    path = Path(path)
    if not path.is_file():
        raise DataFileError(f"There is no file {path}.")
    try:
        return _graph(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataFileError(
            f"{path} cannot be read: {error} Make or fetch the file anew."
        ) from error


def _graph(file: bytes) -> LiteRTGraph:
    model = root(file, IDENTIFIER)
    graphs = model.tables(2)
    if not graphs:
        raise ValueError("there is no graph in it.")
    buffers = model.tables(4)
    tensors = tuple(_tensor(each, buffers) for each in graphs[0].tables(0))
    kinds = [_kind(each) for each in model.tables(1)]
    operators = tuple(_operator(each, kinds) for each in graphs[0].tables(3))
    inputs, outputs = (tuple(graphs[0].array(slot, "<i4").tolist()) for slot in (1, 2))
    _check_numbers((*inputs, *outputs), len(tensors))
    for each in operators:
        _check_numbers((*each.outputs, *(n for n in each.inputs if n != -1)), len(tensors))
        if each.kind in LEAST and (len(each.inputs) < LEAST[each.kind] or not each.outputs):
            raise ValueError(f"{each.kind} has {len(each.inputs)} inputs.")
        if -1 in each.inputs[: LEAST.get(each.kind, 0)]:
            raise ValueError(f"{each.kind} has an input that is left away.")
    return LiteRTGraph(tensors, operators, inputs, outputs)


def _check_numbers(numbers: Iterable[int], tensors: int) -> None:
    for number in numbers:
        if not 0 <= number < tensors:
            raise ValueError(f"it names tensor {number} of {tensors}.")


def _tensor(table: Table, buffers: list[Table]) -> LiteRTTensor:
    name, shape = table.text(3), tuple(table.array(0, "<i4").tolist())
    # Numbers that are packed or left out for being zero are for the interpreter.
    known = TYPES.get(table.number(1, "b")) if table.table(6) is None else None
    dtype = None if known is None else np.dtype(known)
    data, number = None, table.number(2, "I")
    if number >= len(buffers):
        raise ValueError(f"{name} names buffer {number} of {len(buffers)}.")
    content = _content(buffers[number])
    if dtype is not None and content.size:
        if min(shape, default=1) < 0 or content.size != dtype.itemsize * int(np.prod(shape)):
            raise ValueError(f"{name} of shape {shape} has {content.size} bytes.")
        data = content.view(dtype).reshape(shape)
    return LiteRTTensor(name, shape, dtype, data, _quantisation(table.table(4), name, shape))


def _content(buffer: Table) -> NDArray[np.uint8]:
    """Return the bytes of a buffer, which in files beyond 2 GB lie behind all tables."""
    start, size = buffer.number(1, "Q"), buffer.number(2, "Q")
    return buffer.part(start, size) if start > 1 else buffer.array(0, "u1")


def _quantisation(table: Table | None, name: str, shape: tuple[int, ...]) -> Quantisation | None:
    scale = None if table is None else table.array(2, "<f4")
    if table is None or scale is None or not scale.size:
        return None
    zero, axis = table.array(3, "<i8"), table.number(6, "i")
    zero = zero if zero.size else np.zeros(scale.size, np.int64)
    slices = shape[axis] if 0 <= axis < len(shape) else 1
    if zero.size != scale.size or scale.size not in (1, slices):
        raise ValueError(f"{name} of shape {shape} has {scale.size} scales.")
    return Quantisation(scale, zero, axis)


def _kind(code: Table) -> str:
    # Codes up to 127 stand in the first field, for readers older than the second.
    number = max(code.number(0, "b"), code.number(3, "i"))
    return KINDS.get(number, f"BUILTIN {number}")


def _operator(table: Table, kinds: list[str]) -> LiteRTOperator:
    number = table.number(0, "I")
    if number >= len(kinds):
        raise ValueError(f"it names kind {number} of {len(kinds)} operators.")
    kind, options = kinds[number], table.table(4)
    inputs, outputs = (tuple(table.array(slot, "<i4").tolist()) for slot in (1, 2))
    return LiteRTOperator(kind, inputs, outputs, **_settings(kind, options))


def _settings(kind: str, options: Table | None) -> dict[str, Any]:
    if options is None:
        return {}
    if kind in ("ADD", "MUL", "SUB", "DIV"):
        return {"activation": _word(ACTIVATIONS, options, 0)}
    if kind == "FULLY_CONNECTED":
        shuffled = bool(options.number(1, "b"))
        return {"activation": _word(ACTIVATIONS, options, 0), "shuffled": shuffled}
    if kind not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        return {}
    behind = 4 if kind == "DEPTHWISE_CONV_2D" else 3  # that has a field more
    strides = options.number(2, "i"), options.number(1, "i")
    dilations = options.number(behind + 2, "i", 1), options.number(behind + 1, "i", 1)
    if min(strides + dilations) < 1:
        raise ValueError(f"a convolution has strides {strides} and dilations {dilations}.")
    return {
        "padding": _word(PADDINGS, options, 0),
        "strides": strides,
        "activation": _word(ACTIVATIONS, options, behind),
        "dilations": dilations,
    }


def _word(words: Mapping[int, Any], options: Table, slot: int) -> Any:
    number = options.number(slot, "b")
    if number not in words:
        raise ValueError(f"an operator has setting {number} of {len(words)}.")
    return words[number]
