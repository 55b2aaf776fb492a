"""Weights of a LiteRT file by the names of our layers: dequantised, and batch norm unfolded.

A converter folds batch norm into the convolution before it, y = a (w * x - mean) + beta with
a = gamma / sqrt(variance + epsilon) into (a w) * x + (beta - a mean), and only the two results are
in the file (B. Jacob et al. 2018, arXiv:1712.05877, section 3.2). What they were made of is lost;
but a mean of 0, a variance of 1 and gamma = sqrt(1 + epsilon) leave (a w) as it is, so that the
network computes what the file does. In training such statistics are wrong: see `recalibrate`.

Layers are found by their order in the graph (`weight_order.py`), not by names: converters give
those of several layers to one tensor. What the file tells of padding and activations is compared,
for where TensorFlow's "same" padding and torch's meet, weights fit and answers do not.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod
from os import PathLike, fspath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.cnn.litert_file import read_litert
from workbench.cnn.litert_layers import FileLayer, file_layers, input_preprocessing
from workbench.cnn.model import CNN
from workbench.cnn.model_layers import ModelLayer, model_layers
from workbench.cnn.preprocessing import Preprocessing
from workbench.cnn.spec import Architecture
from workbench.cnn.window import SAME
from workbench.errors import ModelError

WITH_BACKGROUND, WITHOUT = 1001, 1000  # classes of ImageNet
LISTED = 12


def named_weights(
    model: CNN, table: Architecture, path: str | PathLike[str], *, head: bool = True
) -> tuple[dict[str, NDArray[Any]], Preprocessing | None]:
    """Return the weights of a file by the paths that ours have, and its preprocessing.

    Args:
        model: Of the zoo.
        table: Its table.
        path: A ``.tflite`` file.
        head: Whether the classes are wanted. Of 1,001 classes the first, the background, is left
            out for a network of 1,000, with a warning.

    Returns:
        Arrays by path, whether they have the shapes of ours or not; and what makes the input of
        the file of bytes, None if its input are not bytes of images.

    Raises:
        DataFileError: The file is missing, damaged or none.
        ModelError: It has another number of layers, other paddings or activations, or scales that
            no layer of ours has.
    """
    graph = read_litert(path)
    theirs, ours = file_layers(graph, path), model_layers(model)
    body = sum(not table.in_head(each.name) for each in ours)
    headless = body == len(ours)
    if len(theirs) < body or (len(theirs) > len(ours) and not headless):
        raise ModelError(
            f"{fspath(path)} must be of {model.architecture}; nothing was loaded. It has "
            f"{len(theirs)} layers with weights, the network {len(ours)}."
        )
    pairs = list(zip(ours, theirs, strict=False))
    _check_alike(model, path, pairs)
    arrays: dict[str, NDArray[Any]] = {}
    for mine, their in pairs:
        classes = head and table.in_head(mine.name)
        arrays.update(_unfolded(mine, _without_background(mine, their) if classes else their))
    for number, extra in enumerate(theirs[len(ours) :]):  # the head of a network without one
        arrays[f"{table.head[-1][0]}.{number}/kernel"] = extra.kernel
    return arrays, input_preprocessing(graph)


def _check_alike(
    model: CNN, path: str | PathLike[str], pairs: Sequence[tuple[ModelLayer, FileLayer]]
) -> None:
    """Raise if layers of equal weights compute something else."""
    other = []
    for ours, theirs in pairs:
        if not _start_alike(ours, theirs):
            facts = f"{theirs.before} zeros above and left there, {ours.before} here"
            other.append(f"\n  another padding: {ours.name} has {facts}")
        fused = theirs.activation
        if fused is not None and fused != ours.activation and not _shifted(ours, theirs):
            facts = f"{fused} there, {ours.activation or 'none'} here"
            other.append(f"\n  another activation: {ours.name} has {facts}")
    if other:
        more = f"\n  {len(other) - LISTED} more" if len(other) > LISTED else ""
        raise ModelError(
            f"{fspath(path)} must compute what {model.architecture} does; nothing was loaded."
            + "".join(other[:LISTED])
            + f"{more}\nNetworks with an option follow have the paddings of TensorFlow with "
            'follow="keras".'
        )


def _start_alike(ours: ModelLayer, theirs: FileLayer) -> bool:
    """Say whether windows begin at the same pixels; those of another stride are not comparable.

    Images of another size than the file's may have others, if "same" is the word in both.
    """
    one_word = ours.padding == theirs.padding == SAME
    one_kind = ours.strides == theirs.strides and ours.kernel.shape[:2] == theirs.kernel.shape[:2]
    comparable = one_kind and ours.before is not None
    return one_word or not comparable or ours.before == theirs.before


def _shifted(ours: ModelLayer, theirs: FileLayer) -> bool:
    """Say whether the 3 of relu6(x + 3) / 6, the hard sigmoid, has gone into the bias."""
    return ours.activation == "hard_sigmoid" and theirs.activation == "relu6"


def _without_background(ours: ModelLayer, theirs: FileLayer) -> FileLayer:
    if (theirs.bias.size, ours.kernel.shape[-1]) != (WITH_BACKGROUND, WITHOUT):
        return theirs
    warnings.warn(
        "The file's first class of 1,001 is the background and was left out: the network has "
        "1,000.",
        stacklevel=5,
    )
    return replace(theirs, kernel=theirs.kernel[..., 1:], bias=theirs.bias[1:])


def _unfolded(ours: ModelLayer, theirs: FileLayer) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the weights of a layer and of the batch norm behind it, by their paths."""
    factor = np.float32(1 if theirs.rescaled else ours.factor)
    bias = (theirs.bias - 3 if _shifted(ours, theirs) else theirs.bias) / factor
    kernel, shape = theirs.kernel / factor, tuple(ours.kernel.shape)
    grouped = kernel.ndim == 4 and kernel.shape[2] == 1 and kernel.shape[:2] == shape[:2]
    fits = grouped and kernel.size == prod(shape)  # depthwise, or as many groups as channels
    yield ours.kernel.path, kernel.reshape(shape) if fits else kernel
    if ours.norm is None:
        if "bias" in ours.parts or bias.any():
            yield f"{ours.name}/bias", bias
        return
    if "bias" in ours.parts:
        yield f"{ours.name}/bias", np.zeros_like(bias)
    one = np.ones_like(bias)
    place = ours.norm.moving_mean.path.rpartition("/")[0]
    yield f"{place}/gamma", one * np.sqrt(np.float32(1 + ours.norm.epsilon))
    yield f"{place}/beta", bias
    yield f"{place}/moving_mean", 0 * one
    yield f"{place}/moving_variance", one
