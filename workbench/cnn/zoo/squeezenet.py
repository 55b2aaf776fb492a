"""SqueezeNet 1.0 and 1.1.

Source: F. N. Iandola et al. 2016 (arXiv:1602.07360), table 1, and the authors' 1.1
(forresti/SqueezeNet), which pools earlier and costs 2.4 times less. Followed is torchvision, which
computes the same as the authors' Caffe files: windows of the poolings may hang over the end, and
there is a ReLU even behind the convolution of the classes.
"""

from __future__ import annotations

from functools import partial

from workbench.cnn.blocks import ClassifierConv, Conv, Dropout, MaxPool
from workbench.cnn.blocks.fire import Fire
from workbench.cnn.preprocessing import Preprocessing
from workbench.cnn.spec import ZOO, Architecture, Block, Origin, Rows

POOL = MaxPool(3, 2, ceil=True)
# Rows of features; number 1 is the ReLU of the first.
FEATURES: dict[str, tuple[Block, ...]] = {
    "1_0": (
        Conv(96, 7, stride=2, padding=0, norm=False),
        POOL,
        Fire(16, 64),
        Fire(16, 64),
        Fire(32, 128),
        POOL,
        Fire(32, 128),
        Fire(48, 192),
        Fire(48, 192),
        Fire(64, 256),
        POOL,
        Fire(64, 256),
    ),
    "1_1": (
        Conv(64, 3, stride=2, padding=0, norm=False),
        POOL,
        Fire(16, 64),
        Fire(16, 64),
        POOL,
        Fire(32, 128),
        Fire(32, 128),
        POOL,
        Fire(48, 192),
        Fire(48, 192),
        Fire(64, 256),
        Fire(64, 256),
    ),
}
HEAD: Rows = (("dropout", Dropout(0.5)), ("classifier", ClassifierConv()))
NAMES = ((r"^classifier\.1$", "classifier"),)
# The Caffe files were trained on bytes, blue first, of which the data set's mean was taken off, and
# on whole images that had been squeezed into a square.
CAFFE = Preprocessing(
    227, None, mean=(103.939, 116.779, 123.68), std=(1, 1, 1), scale=1, channels="bgr"
)


def _squeezenet(version: str) -> Architecture:
    numbers = (0, *range(2, 13))
    rows = tuple(zip(numbers, FEATURES[version], strict=True))
    fires = [number for number, block in rows if isinstance(block, Fire)]
    caffe = (
        (r"^conv1$", "features.0"),
        *((rf"^fire{i}\.", f"features.{number}.") for i, number in enumerate(fires, start=2)),
        (r"\.squeeze1x1$", ".squeeze"),
        (r"^conv10$", "classifier"),
    )
    return Architecture(
        f"squeezenet{version}",
        tuple((f"features.{number}", block) for number, block in rows),
        HEAD,
        f"Iandola et al. 2016; torchvision squeezenet{version}",
        names=NAMES,
        others=(Origin("caffe", caffe, CAFFE),),
    )


for _version in FEATURES:
    ZOO.register(f"squeezenet{_version}")(partial(_squeezenet, _version))
