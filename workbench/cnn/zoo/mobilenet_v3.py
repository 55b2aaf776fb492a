"""MobileNet V3, Large and Small: found by search, with squeeze-and-excitation and hard-swish.

Source: A. Howard et al. 2019 (arXiv:1905.02244), tables 1 and 2. Followed is torchvision, batch
norm's epsilon of 1e-3 and momentum of 0.01 (0.99 in Keras) included, and the middle of
squeeze-and-excitation, a quarter of the channels inside, rounded to a multiple of 8. timm's
``mobilenetv3_large_100`` has the same weights but was trained with another epsilon, 1e-5; its names
are not read here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from workbench import checks
from workbench.cnn.blocks import Classifier, Conv, Dense, Dropout, GlobalPool, InvertedResidual
from workbench.cnn.spec import ZOO, Architecture, Conventions, Rows, make_divisible

RE, HS = "relu", "hard_silu"
CONVENTIONS = Conventions(epsilon=1e-3, momentum=0.99, activation=HS)
Blocks: TypeAlias = tuple[tuple[str, Conv | InvertedResidual], ...]
Names: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Row:
    """A row of the paper's tables: kernel, channels inside and out, SE, non-linearity, stride."""

    kernel: int
    expanded: int
    channels: int
    squeezed: bool
    activation: str
    stride: int = 1


@dataclass(frozen=True)
class Member:
    """One member of the family.

    Attributes:
        rows: Its inverted residuals.
        last: Channels of the fully connected layer before the classes.
    """

    rows: tuple[Row, ...]
    last: int


FAMILY = {
    "mobilenet_v3_large": Member(
        (
            Row(3, 16, 16, False, RE),
            Row(3, 64, 24, False, RE, 2),
            Row(3, 72, 24, False, RE),
            Row(5, 72, 40, True, RE, 2),
            Row(5, 120, 40, True, RE),
            Row(5, 120, 40, True, RE),
            Row(3, 240, 80, False, HS, 2),
            Row(3, 200, 80, False, HS),
            Row(3, 184, 80, False, HS),
            Row(3, 184, 80, False, HS),
            Row(3, 480, 112, True, HS),
            Row(3, 672, 112, True, HS),
            Row(5, 672, 160, True, HS, 2),
            Row(5, 960, 160, True, HS),
            Row(5, 960, 160, True, HS),
        ),
        last=1280,
    ),
    "mobilenet_v3_small": Member(
        (
            Row(3, 16, 16, True, RE, 2),
            Row(3, 72, 24, False, RE, 2),
            Row(3, 88, 24, False, RE),
            Row(5, 96, 40, True, HS, 2),
            Row(5, 240, 40, True, HS),
            Row(5, 240, 40, True, HS),
            Row(5, 120, 48, True, HS),
            Row(5, 144, 48, True, HS),
            Row(5, 288, 96, True, HS, 2),
            Row(5, 576, 96, True, HS),
            Row(5, 576, 96, True, HS),
        ),
        last=1024,
    ),
}


def body(name: str, width: float, place: str = "features", *, dilated: bool = False) -> Blocks:
    """Return the blocks up to the last feature map.

    Args:
        name: Of the member.
        width: By which all channels are multiplied.
        place: What their names begin with.
        dilated: Replace the last stride by a dilation of 2 from there on, so that the last feature
            map has twice as many rows and columns.
    """
    rows = FAMILY[name].rows
    last_stride = max(number for number, row in enumerate(rows) if row.stride > 1)
    blocks: list[Conv | InvertedResidual] = [Conv(make_divisible(16 * width), 3, stride=2)]
    for number, row in enumerate(rows):
        apart = dilated and number >= last_stride
        expanded = make_divisible(row.expanded * width)
        block = InvertedResidual(
            make_divisible(row.channels * width),
            expanded,
            row.kernel,
            stride=1 if apart else row.stride,
            dilation=2 if apart else 1,
            squeeze=make_divisible(expanded // 4) if row.squeezed else None,
            activation=row.activation,
        )
        blocks.append(block)
    blocks.append(Conv(6 * make_divisible(rows[-1].channels * width)))
    return tuple((f"{place}.{number}", block) for number, block in enumerate(blocks))


def names(blocks: Blocks) -> Names:
    """Return the rules for torchvision's names, which number the layers of each block.

    Args:
        blocks: What `body` returned.
    """
    rules: Names = ()
    inputs = 0
    for place, block in blocks:
        if isinstance(block, Conv):
            rules, inputs = rules + _pair(place, place), block.filters
            continue
        for number, part in enumerate(_parts(block, inputs)):
            rules += _pair(f"{place}.block.{number}", f"{place}.{part}")
        inputs = block.channels
    return rules


def _pair(theirs: str, ours: str) -> Names:
    """Return the rules for the two modules with weights in a part of a block."""
    start = "^" + re.escape(theirs)
    if ours.endswith(".se"):
        return (rf"{start}\.fc1$", f"{ours}.reduce"), (rf"{start}\.fc2$", f"{ours}.expand")
    return (rf"{start}\.0$", ours), (rf"{start}\.1$", f"{ours}.norm")


def _parts(block: InvertedResidual, inputs: int) -> list[str]:
    expand = ["expand"] if block.expanded != inputs else []
    return [*expand, "depthwise", *(["se"] if block.squeeze else []), "project"]


def mobilenet_v3(name: str, *, width: float = 1.0) -> Architecture:
    """Return the table of one member.

    Args:
        name: Of the member.
        width: By which all channels are multiplied; the results are rounded to multiples of 8.
    """
    width = checks.real("width", width, 0, 100, open_low=True)
    blocks = body(name, width)
    head: Rows = (
        ("avgpool", GlobalPool()),
        ("classifier.0", Dense(make_divisible(FAMILY[name].last * width))),
        ("classifier.2", Dropout(0.2)),
        ("classifier.3", Classifier()),
    )
    source = f"Howard et al. 2019; torchvision {name}"
    return Architecture(name, blocks, head, source, CONVENTIONS, names=names(blocks))


for _name in FAMILY:
    ZOO.register(_name)(partial(mobilenet_v3, _name))
