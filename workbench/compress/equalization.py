"""Cross-layer equalisation: channels brought to like sizes before a network is quantised.

Sources: M. Nagel, M. van Baalen, T. Blankevoort and M. Welling, "Data-Free Quantization Through
Weight Equalization and Bias Correction", 2019, arXiv:1906.04721, section 4.1; for ranges of
activations in place of the first weights, G. Xiao et al., "SmoothQuant", 2022, arXiv:2211.10438,
equation 4.

A tensor has one scale for all its channels, so a channel that is a hundred times smaller than
another has a hundredth of the 256 steps. Between two layers a channel may be divided by any s > 0
and what reads it be multiplied by s, if what stands between passes factors on, f(x / s) = f(x) / s,
as ReLU, pooling and padding do. With r1 the size of a channel and r2 the size of the weights that
read it, s = sqrt(r1 / r2) makes both sqrt(r1 r2) (equation 11).

LiteRT has a scale for each filter, so of the first layer only the activations matter, and of a
depthwise second one neither: with images to measure on, r1 is the largest activation of a channel,
and before a depthwise convolution s = r1. Without, all goes by weights, as in Nagel et al.

Not everything passes factors on: hard-swish, sigmoids and sums of branches do not. ReLU6 does as
long as nothing reaches 6, which only images can tell; then it becomes ReLU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.compress.deployable import deployable, sample_images
from workbench.compress.fold import WEIGHTED, channel_axes, fold_batch_norm
from workbench.compress.links import Links, graphs
from workbench.compress.noise import BATCH, layer_outputs

PASSES = (
    keras.layers.MaxPooling2D,
    keras.layers.AveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.ZeroPadding2D,
    keras.layers.Dropout,
    keras.layers.LeakyReLU,
)
SPREAD = 1e-3  # of the logarithms of s, at which the sweeps over all pairs end


Peaks: TypeAlias = dict[int, NDArray[Any]]  # largest magnitude by channel, by the layer's identity


@dataclass(frozen=True)
class Pair:
    """Two layers with nothing between them but what passes factors on.

    Attributes:
        first: The layer that makes the channels.
        between: What stands between.
        second: The layer that reads them.
    """

    first: keras.Layer
    between: tuple[Any, ...]
    second: keras.Layer


def equalize(
    model: keras.Model, images: ArrayLike | None = None, *, sweeps: int = 20
) -> keras.Model:
    """Return a new model that says the same and is better quantised.

    Batch norms are folded first; see `fold_batch_norm`. Whether it pays shows in `quantize`: a
    network whose channels are of like sizes gains nothing.

    Args:
        model: Functional or sequential, float32, with one input; it is left as it is.
        images: Images (n, rows, columns, channels) as the model takes them, to measure activations
            on, some hundreds. None goes by the weights alone, and leaves everything before a ReLU6
            as it is.
        sweeps: Times that all pairs are gone through at most, for a layer is in two pairs.

    Raises:
        ArgumentError: Not a Keras model, or images that do not fit it.
        ModelError: It cannot be exported at all; see `quantize`.
    """
    sweeps = checks.integer("sweeps", sweeps)
    shape = deployable(model)
    new = fold_batch_norm(model)
    peaks = None if images is None else _peaks(new, sample_images(images, shape))
    pairs = pairs_of(new, peaks)
    for pair in pairs:
        for layer in (pair.first, *pair.between):
            _uncap(layer)
    layers = {id(layer): layer for pair in pairs for layer in (pair.first, pair.second)}
    weights = {key: layer.get_weights() for key, layer in layers.items()}
    for _ in range(sweeps):
        if max([_balance(pair, weights, peaks) for pair in pairs], default=0) < SPREAD:
            break
    for key, layer in layers.items():
        layer.set_weights(weights[key])
    return new


def pairs_of(model: keras.Model, peaks: Peaks | None = None) -> list[Pair]:
    """Return the pairs of layers that can exchange factors, batch norms being folded already.

    Args:
        model: Functional or sequential.
        peaks: Largest activations; a ReLU6 counts only with them.
    """
    found = []
    for graph in graphs(model):
        links = Links(graph)
        for node in links.nodes:
            if not isinstance(node.operation, WEIGHTED) or not _passes(node.operation, peaks):
                continue
            between, behind, alone = [], links.behind(node), links.once(node)
            while behind is not None and _stands_between(behind.operation, peaks):
                between.append(behind.operation)
                alone = alone and links.once(behind)
                behind = links.behind(behind)
            if (
                behind is not None
                and alone
                and links.once(behind)
                and isinstance(behind.operation, WEIGHTED)
            ):
                found.append(Pair(node.operation, tuple(between), behind.operation))
    return found


def _stands_between(layer: Any, peaks: Peaks | None) -> bool:
    if isinstance(layer, keras.layers.ReLU | keras.layers.Activation):
        return _passes(layer, peaks)
    return isinstance(layer, PASSES)


def _passes(layer: Any, peaks: Peaks | None) -> bool:
    """Say whether a layer's activation hands factors on, or would without its cap at 6."""
    if isinstance(layer, keras.layers.ReLU):
        if layer.threshold != 0:
            return False
        cap = layer.max_value
    elif layer.activation is keras.activations.relu6:
        cap = 6.0
    else:
        return layer.activation in (keras.activations.linear, keras.activations.relu)
    return cap is None or (peaks is not None and bool(peaks[id(layer)].max() < cap))


def _uncap(layer: Any) -> None:
    if isinstance(layer, keras.layers.ReLU):
        layer.max_value = None
    elif getattr(layer, "activation", None) is keras.activations.relu6:
        layer.activation = keras.activations.relu


def _peaks(model: keras.Model, images: NDArray[np.float32]) -> Peaks:
    """Return the largest magnitude of each channel that a layer puts out."""
    peaks: Peaks = {}
    for begin in range(0, len(images), BATCH):
        for layer, output in layer_outputs(model, images[begin : begin + BATCH]):
            peak = np.abs(output).reshape(-1, output.shape[-1]).max(axis=0).astype(np.float64)
            peaks[id(layer)] = np.maximum(peaks.get(id(layer), 0), peak)
    return peaks


def _balance(pair: Pair, weights: dict[int, list[NDArray[Any]]], peaks: Peaks | None) -> float:
    """Move factors from the first layer to the second; return the largest logarithm of them."""
    first, second = weights[id(pair.first)], weights[id(pair.second)]
    of_reader = _input_sizes(pair.second, second[0])
    layers = pair.between or (pair.first,)
    if peaks is None:
        of_channel = np.abs(first[0]).reshape(-1, len(of_reader)).max(axis=0)
    else:
        of_channel = np.max([peaks[id(layer)] for layer in layers], axis=0)
        if isinstance(pair.second, keras.layers.DepthwiseConv2D):
            of_reader = 1 / np.maximum(of_channel, np.finfo(np.float32).tiny)  # so s = r1
    usable = (of_channel > 0) & (of_reader > 0)
    s = np.ones(len(of_reader))
    s[usable] = np.sqrt(of_channel[usable] / of_reader[usable])
    first[0] = first[0] / s.reshape(channel_axes(pair.first, first[0].shape))
    first[1:] = [bias / s for bias in first[1:]]
    second[0] = _multiplied(pair.second, second[0], s)
    if peaks is not None:
        for layer in (pair.first, *pair.between):
            peaks[id(layer)] = peaks[id(layer)] / s
    return float(np.abs(np.log(s)).max())


def _input_sizes(layer: Any, kernel: NDArray[Any]) -> NDArray[Any]:
    """Return the largest weight in magnitude that each channel of the input is read with."""
    sizes = np.abs(kernel)
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return sizes.max(axis=(0, 1, 3))
    if isinstance(layer, keras.layers.Dense):
        return sizes.max(axis=1)
    return _by_group(layer, sizes).max(axis=(0, 1, 4)).ravel()


def _multiplied(layer: Any, kernel: NDArray[Any], s: NDArray[Any]) -> NDArray[Any]:
    """Return a kernel with the weights of each channel of the input multiplied."""
    if isinstance(layer, keras.layers.DepthwiseConv2D | keras.layers.Dense):
        return kernel * s[:, None]
    grouped = _by_group(layer, kernel) * s.reshape(1, 1, layer.groups, -1, 1)
    return np.moveaxis(grouped, 2, 3).reshape(kernel.shape)


def _by_group(layer: Any, kernel: NDArray[Any]) -> NDArray[Any]:
    """Return a kernel (rows, columns, channels / groups, filters) with an axis for the groups.

    It is the third, so the shape is (rows, columns, groups, channels / groups, filters / groups):
    the third and fourth together are the channels of the input.
    """
    rows, columns, channels, _ = kernel.shape
    return np.moveaxis(kernel.reshape(rows, columns, channels, layer.groups, -1), 3, 2)
