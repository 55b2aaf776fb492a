"""From an `Architecture` to a Keras model: `build_cnn` runs a table through a `Builder`.

Small images. The networks of the zoo were drawn for 224 pixels and make the image 32 times smaller.
The rule for less: from 64 pixels on (shorter side; 75 where the table says so) everything stays as
published; below, the earliest strides are lowered until the last feature map has 4 pixels a side or
more, and a pooling without its stride falls away. ``total_stride`` overrides it.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from os import PathLike
from typing import Any

import keras

from workbench import checks
from workbench.cnn.builder import Builder, Network
from workbench.cnn.catalogue import ZOO
from workbench.cnn.model import CNN
from workbench.cnn.spec import Activation, Architecture
from workbench.errors import ArgumentError

LEAST = 4  # pixels of the last feature map; see above


def build_cnn(
    name: str,
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    classes: int | None = 1000,
    *,
    weights: str | PathLike[str] | None = None,
    classifier_activation: Activation = "softmax",
    total_stride: int | str = "auto",
    dropout: float | None = None,
    seed: checks.Seed = None,
    **options: Any,
) -> CNN:
    """Build a convolutional network of the zoo.

    Args:
        name: One of `list_cnns`.
        input_shape: Rows, columns and channels of the images; rows and columns may be None, for
            images of any size, where the head averages over all pixels.
        classes: Number of classes; None leaves the head away, and the last feature map comes out.
        weights: A file of published weights, for `load_state_dict`.
        classifier_activation: Behind the classes; None gives logits, as torch's networks do.
        total_stride: Rows of the image to one of the last feature map: "auto" lowers it for images
            below 64 pixels (see above), "reference" leaves it as published, and what is that
            divided by a power of two sets it.
        dropout: Share of what the head drops in training; the published one if None.
        seed: Of the initial weights.
        **options: Those of the network, such as ``width=0.5``.

    Returns:
        The model, not compiled.

    Raises:
        UnknownNameError: There is no such network.
        ArgumentError: An option that it does not have, or a shape that it cannot work on.
    """
    model = build_table(
        _architecture(name, options),
        input_shape,
        classes,
        classifier_activation=classifier_activation,
        total_stride=total_stride,
        dropout=dropout,
        seed=seed,
    )
    model.architecture, model.options = name, options
    if weights is not None:
        from workbench.cnn.state_dict import load_state_dict

        load_state_dict(model, weights)
    return model


def build_table(
    architecture: Architecture,
    input_shape: tuple[int | None, int | None, int],
    classes: int | None,
    *,
    classifier_activation: Activation = "softmax",
    total_stride: int | str = "auto",
    dropout: float | None = None,
    seed: checks.Seed = None,
) -> CNN:
    """Build a network of a table that has no name in the zoo; see `build_cnn` for the rest.

    Args:
        architecture: The table.
        input_shape: Rows, columns and channels of the images.
        classes: Number of classes; None leaves the head away.
        classifier_activation: Behind the classes; None gives logits.
        total_stride: Rows of the image to one of the last feature map.
        dropout: Share of what the head drops in training; the table's if None.
        seed: Of the initial weights.

    Raises:
        ArgumentError: A shape that it cannot work on.
    """
    shape = _image_shape(input_shape)
    architecture = architecture.with_total_stride(_stride(architecture, shape, total_stride))
    if dropout is not None:
        dropout = checks.real("dropout", dropout, 0, 0.99)
    if classes is not None:
        classes = checks.integer("classes", classes)
    _check_activation(classifier_activation)
    image = keras.Input(shape, name="image")
    network = Network(
        architecture.conventions,
        checks.generator(seed),
        image,
        classes,
        classifier_activation,
        dropout,
    )
    builder = Builder(network)
    x = builder.run(image, architecture.body)
    if classes is not None:
        x = builder.run(x, architecture.head)
    return CNN(image, x, name=architecture.name)


def _architecture(name: str, options: dict[str, Any]) -> Architecture:
    table = ZOO[name]
    known = list(inspect.signature(table).parameters)
    for option in options:
        if option not in known:
            raise ArgumentError(
                option,
                f"be an option of {name!r}",
                option,
                f"It has {', '.join(known)}." if known else "It has none.",
            )
    return table(**options)


def _image_shape(shape: Any) -> tuple[int | None, int | None, int]:
    if not isinstance(shape, Sequence) or isinstance(shape, str) or len(shape) != 3:
        raise ArgumentError("input_shape", "be (rows, columns, channels)", shape)
    rows, columns = (
        None if side is None else checks.integer(f"input_shape[{axis}]", side)
        for axis, side in enumerate(shape[:2])
    )
    return rows, columns, checks.integer("input_shape[2]", shape[2])


def _check_activation(activation: Activation) -> None:
    try:
        keras.activations.get(activation)
    except ValueError:
        raise ArgumentError(
            "classifier_activation",
            "be the name of an activation of Keras, or None",
            activation,
            '"softmax" gives probabilities, None gives logits.',
        ) from None


def _stride(
    architecture: Architecture, shape: tuple[int | None, int | None, int], wanted: int | str
) -> int:
    """Return the total stride for these images."""
    published = architecture.total_stride
    sides = [side for side in shape[:2] if side is not None]
    if wanted == "reference" or (
        wanted == "auto" and (not sides or min(sides) >= architecture.small)
    ):
        return published
    if wanted == "auto":
        total = published
        while total > 1 and total % 2 == 0 and min(sides) < LEAST * total:
            total //= 2
        return total
    total = 0 if isinstance(wanted, str) else checks.integer("total_stride", wanted)
    if not total or published % total or (published // total).bit_count() != 1:
        raise ArgumentError(
            "total_stride",
            f'be "auto", "reference", or {published} divided by a power of two',
            wanted,
        )
    return total
