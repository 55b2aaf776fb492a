"""Inception-ResNet-v2, and the same with SE.

Sources: C. Szegedy et al. 2017 (arXiv:1602.07261), figure 15; J. Hu et al. 2018 (arXiv:1709.01507).
Followed is timm, a port of the authors' TF-slim code, whose widths differ here and there from the
paper's figures. No definition of SE-Inception-ResNet-v2 was ever published; ours does what the
SENet authors did to BN-Inception and in the paper's standard position: SE of ratio 16 around every
module, those without a shortcut (``mixed_5b``, ``mixed_6a``, ``mixed_7a``) included.

Small images. The published network pads neither its stem nor its reductions: they take pixels off
at the border, and with all strides 75 pixels are needed. Below that the strides adapt, and 11
pixels are enough. ``aligned`` pads them ("same"), as TF-slim's option ``align_feature_maps`` does,
and serves images of any size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from workbench import checks
from workbench.cnn.blocks import (
    AveragePool,
    Classifier,
    Conv,
    Dropout,
    GlobalPool,
    MaxPool,
    Squeeze,
)
from workbench.cnn.blocks.inception import Inception, branch, squeezed, widened
from workbench.cnn.blocks.inception_residual import InceptionResidual
from workbench.cnn.blocks.squeeze import Position
from workbench.cnn.preprocessing import SYMMETRIC
from workbench.cnn.spec import ZOO, Architecture, Conventions, Padding, Rows, stage
from workbench.errors import ArgumentError

REPEATS = (10, 20, 9)  # of block35, block17 and block8, named after their rows at 299 pixels
CONVENTIONS = Conventions(epsilon=1e-3)
HEAD: Rows = (("global_pool", GlobalPool()), ("dropout", Dropout(0.0)), ("classif", Classifier()))
NAMES = (
    (r"\.conv$", ""),
    (r"\.bn$", ".norm"),
    (r"\.se\.fc1$", ".se.reduce"),
    (r"\.se\.fc2$", ".se.expand"),
)

MIXED_5B = Inception(
    (
        branch("branch0", Conv(96)),
        branch("branch1", Conv(48), Conv(64, 5)),
        branch("branch2", Conv(64), Conv(96, 3), Conv(96, 3)),
        # Zeros do not count in this average.
        branch("branch3", AveragePool(3, 1, padding="same"), Conv(64)),
    )
)
BLOCK35 = InceptionResidual(
    (
        branch("branch0", Conv(32)),
        branch("branch1", Conv(32), Conv(32, 3)),
        branch("branch2", Conv(32), Conv(48, 3), Conv(64, 3)),
    ),
    scale=0.17,
)
BLOCK17 = InceptionResidual(
    (
        branch("branch0", Conv(192)),
        branch("branch1", Conv(128), Conv(160, (1, 7)), Conv(192, (7, 1))),
    ),
    scale=0.10,
)
BLOCK8 = InceptionResidual(
    (
        branch("branch0", Conv(192)),
        branch("branch1", Conv(192), Conv(224, (1, 3)), Conv(256, (3, 1))),
    ),
    scale=0.20,
)


def _stem(padding: Padding) -> Rows:
    return (
        ("conv2d_1a", Conv(32, 3, stride=2, padding=padding)),
        ("conv2d_2a", Conv(32, 3, padding=padding)),
        ("conv2d_2b", Conv(64, 3)),
        ("maxpool_3a", MaxPool(3, padding=padding)),
        ("conv2d_3b", Conv(80)),
        ("conv2d_4a", Conv(192, 3, padding=padding)),
        ("maxpool_5a", MaxPool(3, padding=padding)),
    )


def _mixed_6a(padding: Padding) -> Inception:
    return Inception(
        (
            branch("branch0", Conv(384, 3, padding=padding)),
            branch("branch1", Conv(256), Conv(256, 3), Conv(384, 3, padding=padding)),
            branch("branch2", MaxPool(3, padding=padding)),
        ),
        stride=2,
    )


def _mixed_7a(padding: Padding) -> Inception:
    return Inception(
        (
            branch("branch0", Conv(256), Conv(384, 3, padding=padding)),
            branch("branch1", Conv(256), Conv(288, 3, padding=padding)),
            branch("branch2", Conv(256), Conv(288, 3), Conv(320, 3, padding=padding)),
            branch("branch3", MaxPool(3, padding=padding)),
        ),
        stride=2,
    )


def _body(padding: Padding, repeats: Sequence[int]) -> Rows:
    if len(repeats) != len(REPEATS):
        raise ArgumentError("repeats", "be three numbers of blocks", tuple(repeats))
    times = [checks.integer(f"repeats[{i}]", number) for i, number in enumerate(repeats)]
    return (
        *_stem(padding),
        ("mixed_5b", MIXED_5B),
        *stage("repeat", BLOCK35, times[0]),
        ("mixed_6a", _mixed_6a(padding)),
        *stage("repeat_1", BLOCK17, times[1]),
        ("mixed_7a", _mixed_7a(padding)),
        *stage("repeat_2", BLOCK8, times[2]),
        ("block8", replace(BLOCK8, scale=1.0, activation=None)),
        ("conv2d_7b", Conv(1536)),
    )


def _table(name: str, body: Rows, width: float, aligned: bool, source: str) -> Architecture:
    width = checks.real("width", width, 0, 100, open_low=True)
    return Architecture(
        name,
        widened(body, width),
        HEAD,
        source,
        CONVENTIONS,
        small=64 if aligned else 75,  # what its valid windows need
        preprocessing=SYMMETRIC,
        names=NAMES,
    )


@ZOO.register("inception_resnet_v2")
def inception_resnet_v2(
    *, aligned: bool = False, width: float = 1.0, repeats: Sequence[int] = REPEATS
) -> Architecture:
    """Return the table.

    Args:
        aligned: Pad stem and reductions, so that small images work; see above.
        width: By which all channels are multiplied; the results are rounded to multiples of 8.
        repeats: How many blocks of each of the three kinds, without the last one.
    """
    body = _body("same" if aligned else "valid", repeats)
    source = "Szegedy et al. 2017; timm inception_resnet_v2"
    return _table("inception_resnet_v2", body, width, aligned, source)


@ZOO.register("se_inception_resnet_v2")
def se_inception_resnet_v2(
    *,
    reduction: int = 16,
    position: Position = "standard",
    mixed: bool = True,
    aligned: bool = False,
    width: float = 1.0,
    repeats: Sequence[int] = REPEATS,
) -> Architecture:
    """Return the table with SE around every module.

    Args:
        reduction: Channels to one channel in the middle of SE, not rounded to multiples of 8.
        position: One of the paper's four; the modules without a shortcut have none in "identity".
        mixed: SE around the modules without a shortcut as well.
        aligned: Pad stem and reductions, so that small images work; see above.
        width: By which all channels are multiplied; the results are rounded to multiples of 8.
        repeats: How many blocks of each of the three kinds, without the last one.
    """
    se = Squeeze(reduction, position, divisor=1)
    kind = Inception if mixed and position != "identity" else InceptionResidual
    body = squeezed(_body("same" if aligned else "valid", repeats), se, kind)
    source = "Szegedy et al. 2017 with the SE of Hu et al. 2018; timm inception_resnet_v2"
    return _table("se_inception_resnet_v2", body, width, aligned, source)
