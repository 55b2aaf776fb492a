"""ResNet, ResNeXt and their SE versions.

Sources: K. He et al. 2016 (arXiv:1512.03385), tables 1; S. Xie et al. 2017 (arXiv:1611.05431);
J. Hu et al. 2018 (arXiv:1709.01507). Followed are torchvision (stride in the 3x3) and, for SE,
timm's ``seresnet50``, which has the reduction 16 and biases.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from workbench.cnn.blocks import (
    Basic,
    Bottleneck,
    Classifier,
    Conv,
    GlobalPool,
    MaxPool,
    Squeeze,
)
from workbench.cnn.blocks.squeeze import Position
from workbench.cnn.spec import ZOO, Architecture, Rows, stage

STEM: Rows = (("conv1", Conv(64, 7, stride=2)), ("maxpool", MaxPool(3, 2, padding=1)))
HEAD: Rows = (("avgpool", GlobalPool()), ("fc", Classifier()))
WIDTHS = (64, 128, 256, 512)
STRIDES = (1, 2, 2, 2)
NAMES = (
    (r"^bn1$", "conv1.norm"),
    (r"\.bn(\d)$", r".conv\1.norm"),
    (r"\.downsample\.0$", ".downsample"),
    (r"\.downsample\.1$", ".downsample.norm"),
    (r"\.se\.fc1$", ".se.reduce"),
    (r"\.se\.fc2$", ".se.expand"),
)


@dataclass(frozen=True)
class Depths:
    """One member of the family.

    Attributes:
        kind: Basic blocks, or bottlenecks with four times as many channels outside.
        repeats: Blocks in each of the four stages.
        groups: Of the 3x3 convolution in a bottleneck.
        group_width: Channels of a group in the first stage; it doubles from stage to stage.
    """

    kind: Literal["basic", "bottleneck"]
    repeats: tuple[int, int, int, int]
    groups: int = 1
    group_width: int = 64

    def rows(self, squeezes: tuple[Squeeze | None, ...], stride_first: bool) -> Rows:
        """Return the four stages."""
        rows: Rows = ()
        stages = zip(WIDTHS, self.repeats, STRIDES, squeezes, strict=True)
        for number, (width, repeats, stride, se) in enumerate(stages, start=1):
            if self.kind == "basic":
                block: Basic | Bottleneck = Basic(width, se=se)
            else:
                middle = width * self.group_width * self.groups // 64
                block = Bottleneck(
                    4 * width, middle, groups=self.groups, se=se, stride_first=stride_first
                )
            first = block.with_stride(stride)
            rows += stage(f"layer{number}", block, repeats, first=first)
        return rows


FAMILY = {
    "resnet18": Depths("basic", (2, 2, 2, 2)),
    "resnet34": Depths("basic", (3, 4, 6, 3)),
    "resnet50": Depths("bottleneck", (3, 4, 6, 3)),
    "resnet101": Depths("bottleneck", (3, 4, 23, 3)),
    "resnet152": Depths("bottleneck", (3, 8, 36, 3)),
    "resnext50": Depths("bottleneck", (3, 4, 6, 3), groups=32, group_width=4),
}


def resnet(
    name: str, source: str, squeezes: tuple[Squeeze | None, ...], stride_first: bool
) -> Architecture:
    """Return the table of one member, with or without SE in each stage."""
    depths = FAMILY[name.removeprefix("se_")]
    body = STEM + depths.rows(squeezes, stride_first)
    return Architecture(name, body, HEAD, source, names=NAMES)


def _plain(name: str, *, stride_first: bool = False) -> Architecture:
    source = f"He et al. 2016 / Xie et al. 2017; torchvision {name}"
    return resnet(name, source, (None,) * 4, stride_first)


def _squeezed(
    name: str,
    *,
    reduction: int = 16,
    position: Position = "standard",
    last_stage: bool = True,
    stride_first: bool = False,
) -> Architecture:
    se = Squeeze(reduction, position)
    squeezes = (se, se, se, se if last_stage else None)
    return resnet(name, f"Hu et al. 2018; timm {name.replace('_', '')}", squeezes, stride_first)


for _name in FAMILY:
    ZOO.register(_name)(partial(_plain, _name))
    ZOO.register(f"se_{_name}")(partial(_squeezed, f"se_{_name}"))
