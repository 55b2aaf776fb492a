"""The layers of a LiteRT file that have weights, as real numbers, in an order that is theirs alone.

Constants reach their layer straight or through a DEQUANTIZE, as halves of 16 bits do; a PAD before
a convolution belongs to it. Source of the shapes: LiteRT's ``CONV_2D`` (filters, rows, columns,
channels), ``DEPTHWISE_CONV_2D`` (1, rows, columns, channels x multiplier) and ``FULLY_CONNECTED``
(outputs, inputs).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath

import numpy as np
from numpy.typing import NDArray

from workbench.cnn.litert_file import LiteRTGraph, LiteRTOperator
from workbench.cnn.preprocessing import Preprocessing
from workbench.cnn.weight_order import Call, in_order
from workbench.cnn.window import SAME, same_zeros
from workbench.errors import DataFileError, ModelError

WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
SCALING = ("ADD", "MUL", "SUB", "DIV")


@dataclass(frozen=True)
class FileLayer:
    """A layer with weights in the file.

    Attributes:
        kernel: Real numbers, axes in the order of Keras; depthwise ones as those of a convolution
            in groups.
        bias: One number a filter.
        before: Zeros above and left of the image.
        padding: TensorFlow's word.
        strides: Down and to the right.
        activation: That is part of it.
        rescaled: Whether what it puts out is multiplied by one number, which a converter may also
            have multiplied into its weights.
    """

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]
    before: tuple[int, int]
    padding: str
    strides: tuple[int, int]
    activation: str | None
    rescaled: bool = False


def file_layers(graph: LiteRTGraph, path: str | PathLike[str]) -> list[FileLayer]:
    """Return the layers with weights.

    Args:
        graph: What was in the file.
        path: Of the file, for errors.

    Raises:
        DataFileError: The numbers of a layer are not there, or of a type that is not known.
        ModelError: There are factors or offsets of channels outside of these layers.
    """
    constants, calls, pads = _constants(graph), [], {}
    for operator in graph.operators:
        sites = []
        known = [number for number in operator.inputs if number in constants]
        if operator.kind == "PAD" and len(known) == 1 and constants[known[0]].shape == (4, 2):
            pads[operator.outputs[0]] = constants[known[0]]
        elif operator.kind in WEIGHTED:
            sites.append(_layer(graph, operator, constants, pads, path))
        elif operator.kind in SCALING and any(constants[n].size > 1 for n in known):
            name = graph.tensors[operator.outputs[0]].name
            raise ModelError(
                f"{fspath(path)} must have weights in convolutions and matrices only, batch norm "
                f"folded into them; nothing was loaded. {operator.kind} at {name} has some too."
            )
        flows = [n for n in operator.inputs if n >= 0 and n not in constants]
        calls.append(Call(flows, operator.outputs, sites, operator.kind in ("ADD", "MUL")))
    return in_order(calls, graph.outputs)


def _constants(graph: LiteRTGraph) -> dict[int, NDArray[np.float32]]:
    """Return the real numbers of all constants, by the numbers of their tensors."""
    constants = {
        n: tensor.real for n, tensor in enumerate(graph.tensors) if tensor.data is not None
    }
    for operator in graph.operators:
        if operator.kind == "DEQUANTIZE" and operator.inputs[0] in constants:
            constants[operator.outputs[0]] = constants[operator.inputs[0]]
    return constants


def _is_rescaled(
    graph: LiteRTGraph, tensor: int, constants: Mapping[int, NDArray[np.float32]]
) -> bool:
    """Say whether a tensor is multiplied by one number."""
    return any(
        tensor in operator.inputs and any(n in constants for n in operator.inputs)
        for operator in graph.operators
        if operator.kind == "MUL"
    )


def _layer(
    graph: LiteRTGraph,
    operator: LiteRTOperator,
    constants: Mapping[int, NDArray[np.float32]],
    pads: Mapping[int, NDArray[np.float32]],
    path: str | PathLike[str],
) -> FileLayer:
    """Return a layer of the file, or say why its weights cannot be had."""
    image, filter_, *rest = operator.inputs
    name = graph.tensors[filter_].name
    given = [number for number in rest[:1] if number >= 0]
    weights = [filter_, *given]
    if operator.shuffled or not all(n in constants and _is_known(graph, n) for n in weights):
        raise DataFileError(
            f"{fspath(path)} cannot be read: the numbers of {name} or its bias are of a type that "
            "is not known here, packed, sparse, without a scale, or computed. Convert the network "
            "to int8 or float."
        )
    kernel = constants[filter_]
    # Filters stand first, but last in a depthwise one, whose first axis is 1.
    axes = (1, 2, 0, 3) if operator.kind == "DEPTHWISE_CONV_2D" else (*range(1, kernel.ndim), 0)
    fits = kernel.ndim == (2 if operator.kind == "FULLY_CONNECTED" else 4)
    kernel = kernel.transpose(axes) if fits else kernel
    bias = constants[given[0]] if given else np.zeros(kernel.shape[-1:], np.float32)
    if not fits or bias.shape != kernel.shape[-1:]:
        raise DataFileError(
            f"{fspath(path)} cannot be read: {name} has shape {kernel.shape}, and its bias "
            f"{bias.shape}. Make or fetch the file anew."
        )
    before = _their_zeros(graph, operator, kernel.shape, pads.get(image))
    return FileLayer(
        kernel,
        bias,
        before,
        operator.padding,
        operator.strides,
        operator.activation,
        _is_rescaled(graph, operator.outputs[0], constants),
    )


def _is_known(graph: LiteRTGraph, number: int) -> bool:
    tensor = graph.tensors[number]
    whole = tensor.dtype is None or tensor.dtype.kind in "iu"
    return not whole or tensor.quantisation is not None


def _their_zeros(
    graph: LiteRTGraph,
    operator: LiteRTOperator,
    kernel: Sequence[int],
    pad: NDArray[np.float32] | None,
) -> tuple[int, int]:
    if operator.kind == "FULLY_CONNECTED":
        return 0, 0
    if operator.padding != SAME:
        return (0, 0) if pad is None else (int(pad[1, 0]), int(pad[2, 0]))
    sides = graph.tensors[operator.inputs[0]].shape[1:3]
    zeros = same_zeros(sides, kernel, operator.strides, operator.dilations)
    return zeros or (0, 0)


def input_preprocessing(graph: LiteRTGraph) -> Preprocessing | None:
    """Return what the type of the input tells: bytes are those of images.

    The largest square in the middle is taken, for the file says nothing of a margin. Inputs of int8
    are no bytes: their scale came from data that somebody had prepared already.
    """
    image = graph.tensors[graph.inputs[0]] if graph.inputs else None
    if image is None or image.dtype != np.uint8 or image.quantisation is None:
        return None
    if len(image.shape) != 4 or image.shape[1] != image.shape[2] or image.shape[3] not in (1, 3):
        return None
    scale, zero = float(image.quantisation.scale[0]), float(image.quantisation.zero_point[0])
    size, channels = image.shape[2:]
    mean, std = (scale * zero,) * channels, (1.0,) * channels
    return Preprocessing(size, resize=size, mean=mean, std=std, scale=scale)
