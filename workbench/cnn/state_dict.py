"""Weights from elsewhere: state dictionaries and LiteRT files into networks of the zoo.

A state dictionary maps names such as ``layer1.0.bn1.running_mean`` to arrays. Each table says by a
few rules (`Architecture.names`) how the name of a module becomes the name of our layer. Which of
its arrays is which of a layer's weights is the same for all, as are the axes (`weight_axes.py`).
Those of a LiteRT file come by our own names (`litert_weights.py`). Nothing is loaded unless
everything fits; what does not is listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from workbench.cnn.catalogue import ZOO
from workbench.cnn.litert_weights import named_weights
from workbench.cnn.model import CNN
from workbench.cnn.preprocessing import Preprocessing
from workbench.cnn.spec import Architecture, Origin
from workbench.cnn.weight_axes import turned
from workbench.cnn.weight_file import Arrays, kept_preprocessing, read_arrays
from workbench.errors import ArgumentError, ModelError
from workbench.network import backend

# What torch calls a weight, by what Keras calls it. A kernel and a batch norm's gamma are both
# called weight.
PARTS = {
    "kernel": "weight",
    "depthwise_kernel": "weight",
    "gamma": "weight",
    "bias": "bias",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
LISTED = 12  # differences of one kind
NAMED = 3  # names of either side, where none fits


class Place(NamedTuple):
    """A weight of the network, and the layer that it is of."""

    variable: keras.Variable
    layer: keras.layers.Layer


class Difference(NamedTuple):
    """What does not fit: of which kind, our name of the weight, and the facts."""

    kind: str
    name: str
    facts: str


@dataclass(frozen=True)
class Reading:
    """A state dictionary as an origin's rules read it.

    Attributes:
        origin: Whose rules.
        keys: Of the arrays that mean a weight of ours, by its name; more than one is one too many.
        fitting: How many of those weights the network has.
    """

    origin: Origin
    keys: Mapping[str, Sequence[str]]
    fitting: int


def load_state_dict(
    model: CNN,
    weights: str | PathLike[str] | Arrays,
    *,
    origin: str | None = None,
    preprocessing: Preprocessing | None = None,
    head: bool = True,
) -> list[str]:
    """Give a network of the zoo the weights of a state dictionary.

    Args:
        model: From `build_cnn`.
        weights: A ``.safetensors``, ``.npz`` or ``.tflite`` file, or the arrays by name. In a
            LiteRT file layers are found by their order, and its weights are dequantised, with
            batch norm as `litert_weights.py` says; of 1,001 classes of ImageNet the first, the
            background, is left out for a network of 1,000, with a warning.
        origin: Whose names they have, one of the table's; the one that fits best if None. A
            LiteRT file has none but "litert".
        preprocessing: What the weights expect of images. If None, what the file's metadata say
            under "preprocessing" (JSON), or the scale of a LiteRT file's input of bytes, or else
            what the origin's weights commonly expect, brought to the size of the model's images
            if they are square; none if they have another number of channels.
        head: Whether the layers behind the last feature map get their weights too. False leaves
            them as they are, for a network with other classes than the weights'; one that was
            built without them (``classes=None``) needs no word of it.

    Returns:
        The names of the weights that were left as they were: none, or the head's.

    Raises:
        ArgumentError: No such origin, weights that are neither arrays nor such a file, or a
            preprocessing that makes other images than the model takes.
        DataFileError: The file is missing or damaged.
        ModelError: The model is not of the zoo, or the arrays do not fit: all that is missing,
            left over, of another shape or not finite is listed, and the model stays as it was.
            Or a LiteRT file has another number of layers, paddings or activations.
    """
    table = _table(model)
    arrays, told, origins = _given(model, table, weights, head)
    wanted = dict(_places(model))
    readings = [_read(each, arrays, wanted) for each in origins]
    reading = _chosen(readings, origin)
    if not reading.fitting:
        raise ModelError(_foreign(model, reading, readings, arrays, wanted))
    every = dict.fromkeys((*wanted, *reading.keys))
    behind = {name for name in every if table.in_head(name)}
    head = head and not behind.isdisjoint(wanted)
    names = [name for name in every if head or name not in behind]
    fitted = [_fitted(name, reading, arrays, wanted.get(name)) for name in names]
    differences = [each for each in fitted if isinstance(each, Difference)]
    if differences:
        remedy = _remedy(differences, behind, reading, arrays) + _better(reading, readings, wanted)
        raise ModelError(_list(model, reading, differences) + remedy)
    steps = _suited(model, preprocessing, told or reading.origin.preprocessing)
    backend.assign([wanted[name].variable for name in names], fitted)  # type: ignore[arg-type]
    model.preprocessing = steps
    return [name for name in wanted if name in behind and not head]


def _table(model: CNN) -> Architecture:
    if not isinstance(model, CNN) or model.architecture is None:
        raise ModelError(
            f"model must be from build_cnn. Received: {model!r}. Other models, copies made by "
            "keras.models.clone_model among them, load weights with model.load_weights."
        )
    return ZOO[model.architecture](**model.options)


def _given(
    model: CNN, table: Architecture, weights: Any, head: bool
) -> tuple[Arrays, Preprocessing | None, Sequence[Origin]]:
    """Return the arrays by name, the preprocessing that a file tells, and whose names may be."""
    if isinstance(weights, Mapping):
        if all(isinstance(key, str) for key in weights):
            return weights, None, table.origins
    elif isinstance(weights, str | PathLike):
        if Path(weights).suffix == ".tflite":
            names = Origin("litert", preprocessing=table.preprocessing)
            return *named_weights(model, table, weights, head=head), (names,)
        arrays, metadata = read_arrays(weights)
        return arrays, kept_preprocessing(metadata), table.origins
    raise ArgumentError(
        "weights", "be a file, or arrays by name", f"{type(weights).__name__}: {weights!r:.80}"
    )


def _places(model: CNN) -> Iterator[tuple[str, Place]]:
    """Yield every weight under its name: layer, sublayers, and torch's word for the part."""
    for layer in model.layers:
        for variable in layer.variables:
            *path, part = variable.path.split("/")
            if part in PARTS:  # the others are counters and seeds
                yield f"{'.'.join(path)}.{PARTS[part]}", Place(variable, layer)


def _renamed(key: str, origin: Origin) -> str:
    """Return our name of an array, empty if the origin says that it is of no use."""
    *modules, part = key.replace("/", ".").split(".")
    if not modules:
        return key
    module = ".".join(modules)
    for pattern, replacement in origin.names:
        module = re.sub(pattern, replacement, module)
    return f"{module}.{PARTS.get(part, part)}" if module and part != "num_batches_tracked" else ""


def _read(origin: Origin, arrays: Arrays, wanted: Iterable[str]) -> Reading:
    keys: dict[str, list[str]] = {}
    for key in arrays:
        keys.setdefault(_renamed(key, origin), []).append(key)
    keys.pop("", None)
    return Reading(origin, keys, sum(name in keys for name in wanted))


def _chosen(readings: Sequence[Reading], name: str | None) -> Reading:
    """Return the reading by the origin of that name, or the one in which most weights fit."""
    if name is None:
        return max(readings, key=lambda each: each.fitting)
    known = {each.origin.name: each for each in readings}
    if name not in known:
        raise ArgumentError("origin", f"be one of {', '.join(map(repr, known))}", name)
    return known[name]


def _fitted(
    name: str, reading: Reading, arrays: Arrays, place: Place | None
) -> NDArray[np.float32] | Difference:
    """Return the array of a weight, its axes in Keras's order, or why there is none."""
    keys = reading.keys.get(name, ())
    if place is None:
        return Difference("left over", name, ", ".join(keys))
    shape = tuple(place.variable.shape)
    if not keys:
        return Difference("missing", name, f"{name} {shape}")
    if len(keys) > 1:
        return Difference("twice", name, f"{' and '.join(keys)} mean {name}")
    key = keys[0]
    try:
        array = np.asarray(arrays[key])
    except (TypeError, ValueError, RuntimeError) as error:  # tensors that NumPy does not know
        return Difference("no numbers", name, f"{key}: {error}")
    if not np.can_cast(array.dtype, np.float32, "same_kind"):
        return Difference("no numbers", name, f"{key} has the type {array.dtype}")
    array = turned(array, place.layer, shape, keras_order=key.endswith("kernel"))
    if array.shape != shape:
        facts = f"{key} has {array.shape} in Keras's order, the network {shape}"
        return Difference("another shape", name, facts)
    with np.errstate(over="ignore"):
        array = array.astype("float32")
    infinite = array.size - int(np.isfinite(array).sum())
    if infinite:
        facts = f"{infinite} of the {array.size} numbers of {key}, in 32 bits"
        return Difference("not finite", name, facts)
    return array


def _suited(model: CNN, asked: Preprocessing | None, usual: Preprocessing) -> Preprocessing | None:
    """Return the preprocessing that makes images for the model; None if the usual one cannot."""
    rows, columns, channels = model.input_shape[1:]
    if asked is not None:
        sides = {side for side in (rows, columns) if side is not None}
        if sides - {asked.size} or len(asked.mean) != channels:
            raise ArgumentError(
                "preprocessing",
                f"make images of the shape ({rows}, {columns}, {channels}) that the model takes",
                f"one of size {asked.size} with {len(asked.mean)} channels",
                "Preprocessing.resized changes the size.",
            )
        return asked
    if len(usual.mean) != channels:
        return None
    return usual.resized(rows) if rows is not None and rows == columns else usual


def _foreign(
    model: CNN,
    reading: Reading,
    readings: Sequence[Reading],
    arrays: Arrays,
    wanted: Mapping[str, Place],
) -> str:
    """Say that no array has the name of a weight."""
    origins = ", ".join(repr(each.origin.name) for each in readings)
    return (
        f"weights must have names of {model.architecture}. By the names of "
        f"{reading.origin.name!r} not one of the {len(arrays)} arrays is a weight of it; nothing "
        f"was loaded. They are called {_some(arrays)}; it has {_some(wanted)}, and reads the names "
        f"of {origins}.{_better(reading, readings, wanted)}"
    )


def _some(names: Iterable[str]) -> str:
    known = list(names)
    more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
    return ", ".join(known[:NAMED]) + more


def _list(model: CNN, reading: Reading, differences: Sequence[Difference]) -> str:
    """Say what does not fit, kind by kind."""
    kinds: dict[str, list[str]] = {}
    for kind, _, facts in differences:
        kinds.setdefault(kind, []).append(f"\n  {kind}: {facts}")
    listed = ""
    for kind, lines in kinds.items():
        more = f"\n  {kind}: {len(lines) - LISTED} more" if len(lines) > LISTED else ""
        listed += "".join(lines[:LISTED]) + more
    count = f"{len(differences)} difference{'s' if len(differences) > 1 else ''}"
    return (
        f"weights must fit {model.architecture}, by the names of {reading.origin.name!r}; nothing "
        f"was loaded. {count}:{listed}"
    )


def _remedy(
    differences: Sequence[Difference], behind: set[str], reading: Reading, arrays: Arrays
) -> str:
    """Say how to go on where only the head differs."""
    if not all(each.name in behind for each in differences):
        return ""
    other = [each.name for each in differences if each.kind == "another shape"]
    biases = [name for name in other if name.endswith(".bias")]
    classes = len(arrays[reading.keys[biases[-1]][0]]) if biases else None
    build = f"Build it with classes={classes}, as the weights have, or without weights: "
    return (
        f"\nOnly the head differs. {build if classes else ''}"
        "load_state_dict(model, weights, head=False) leaves the head as it is."
    )


def _better(reading: Reading, readings: Sequence[Reading], wanted: Mapping[str, Place]) -> str:
    """Name the origin by which more fits."""
    best = _chosen(readings, None)
    if best.fitting <= reading.fitting:
        return ""
    return (
        f"\nBy the names of {best.origin.name!r} {best.fitting} of {len(wanted)} weights are "
        "there: leave origin away."
    )
