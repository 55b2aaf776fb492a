"""How much of a network's signal is left behind each layer when its numbers are quantised.

The signal-to-noise ratio of a tensor x and what stands in its place, y, in decibels, is
10 log10(sum x^2 / sum (x - y)^2) over all images. 20 dB is an error of a tenth of the signal, and
6 dB is one bit. Errors add up along the network: the row of a layer shows what all layers up to it
have done, and where the number drops is the layer to look at.

LiteRT keeps no layers but tensors, and several layers may be merged into one operation: a batch
norm goes into the convolution before it. Which layer a tensor is the output of is found by its
values: the float network's tensor must be equal to the layer's output in Keras. A tensor that no
layer puts out, one within a layer, goes by its name, which has the layer's in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.compress.graph_run import arguments, is_nested, run
from workbench.compress.litert_model import LiteRTModel

PROBE = 4  # images by which tensors are recognised
BATCH = 8  # all tensors of so many images are in memory at once
EQUAL = 1e-4  # of the largest entry: two ways to compute the same in float32

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class LayerErrors:
    """Errors by layer.

    Attributes:
        frame: One row a tensor, in the order of computation: ``layer``, ``exact`` (whether it is
            the layer's output, and not something within it), ``shape`` without the images,
            ``snr`` in dB, and ``tensor``, its name in the file.
        merged: Layers without a row of their own: they are part of a later row's operation, or do
            nothing in inference.
    """

    frame: pd.DataFrame
    merged: tuple[str, ...]


def decibels(signal: float, noise: float) -> float:
    """Return the ratio of two sums of squares; infinity without noise, NaN without signal."""
    if not signal > 0:
        return np.nan
    return float(10 * np.log10(signal / noise)) if noise > 0 else np.inf


def signal_to_noise(reference: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the ratio of an array and what stands in its place, in dB."""
    reference = np.asarray(reference, dtype=np.float64)
    return decibels(float((reference**2).sum()), float(((reference - other) ** 2).sum()))


def layer_errors(
    model: keras.Model, reference: LiteRTModel, quantized: LiteRTModel, images: NDArray[np.float32]
) -> LayerErrors:
    """Compare a quantised network with the float one, tensor by tensor.

    Args:
        model: The model that both are made of.
        reference: The float network, with its tensors kept.
        quantized: The quantised one, likewise.
        images: Images (n, rows, columns, channels).
    """
    sums: dict[str, NDArray[np.float64]] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for begin in range(0, len(images), BATCH):
        piece = images[begin : begin + BATCH]
        ours = reference.tensors(piece)
        for name, other in quantized.tensors(piece).items():
            signal = ours.get(name)
            if signal is not None and signal.shape == other.shape:
                shapes[name] = signal.shape[1:]
                wide = signal.astype(np.float64)
                squares = np.array([(wide**2).sum(), ((wide - other) ** 2).sum()])
                sums[name] = sums.get(name, 0) + squares
    probe = images[:PROBE]
    outputs = {layer.name: output for layer, output in layer_outputs(model, probe)}
    tensors = reference.tensors(probe)
    places = _places({name: tensors[name] for name in sums}, outputs)
    rows = [
        (*places[name], shapes[name], decibels(*map(float, squares)), name)
        for name, squares in sums.items()
    ]
    frame = pd.DataFrame(rows, columns=["layer", "exact", "shape", "snr", "tensor"])
    found = set(frame["layer"])
    return LayerErrors(frame, tuple(name for name in outputs if name not in found))


def layer_outputs(
    model: keras.Model, images: NDArray[np.float32]
) -> list[tuple[Any, NDArray[Any]]]:
    """Return every layer and what it puts out, in order, those of nested models among them."""
    found: list[tuple[Any, NDArray[Any]]] = []

    def apply(node: Any, inputs: Sequence[Any]) -> Sequence[Any]:
        operation = node.operation
        if is_nested(operation):
            return run(operation, inputs, apply)
        args, kwargs = arguments(node, inputs)
        outputs: Sequence[Any] = keras.tree.flatten(operation(*args, **kwargs))
        found.append((operation, keras.ops.convert_to_numpy(outputs[0])))
        return outputs

    run(model, [keras.ops.convert_to_tensor(images)], apply)
    return found


def _places(tensors: Arrays, outputs: Arrays) -> dict[str, tuple[str, bool]]:
    """Return for each tensor the layer, and whether it is the layer's output."""
    free = dict(outputs)
    places: dict[str, tuple[str, bool]] = {}
    for tensor, values in tensors.items():
        same = next((name for name, output in free.items() if _equal(values, output)), None)
        if same is None:
            places[tensor] = _by_name(tensor, outputs), False
        else:
            places[tensor] = same, True
            del free[same]
    return places


def _equal(values: NDArray[Any], output: NDArray[Any]) -> bool:
    if values.shape != output.shape:
        return False
    largest = float(np.abs(output).max(initial=0))
    return bool(np.abs(values - output).max(initial=0) <= EQUAL * largest)


def _by_name(tensor: str, layers: Arrays) -> str:
    """Return the last layer in order that a tensor's name tells of, or else the name.

    TensorFlow's names are ``model_1/layer_1/operation``, those of merged operations joined by
    semicolons.
    """
    told = set(_parts(tensor))
    return next((name for name in reversed(list(layers)) if name in told), tensor)


def _parts(tensor: str) -> Iterator[str]:
    for name in tensor.split(";"):
        for part in name.split("/")[:-1]:  # the last one is the operation
            yield part
            yield re.sub(r"_\d+$", "", part)
