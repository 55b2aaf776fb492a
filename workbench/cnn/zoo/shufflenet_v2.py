"""ShuffleNet V2 in its four widths.

Source: N. Ma et al. 2018 (arXiv:1807.11164), table 5; followed is torchvision, whose widest has 244
channels in its second stage, as the authors' code, where the paper's table says 224.
"""

from __future__ import annotations

from functools import partial

from workbench.cnn.blocks import Classifier, Conv, GlobalPool, MaxPool
from workbench.cnn.blocks.shuffle_unit_v2 import ShuffleUnitV2
from workbench.cnn.preprocessing import Preprocessing
from workbench.cnn.spec import ZOO, Architecture, Rows, stage

CHANNELS = {  # of stages 2, 3 and 4, and of the last convolution
    "x0_5": (48, 96, 192, 1024),
    "x1_0": (116, 232, 464, 1024),
    "x1_5": (176, 352, 704, 1024),
    "x2_0": (244, 488, 976, 2048),
}
REPEATS = (4, 8, 4)
STEM: Rows = (("conv1", Conv(24, 3, stride=2)), ("maxpool", MaxPool(3, 2, padding=1)))
HEAD: Rows = (("globalpool", GlobalPool()), ("fc", Classifier()))
NAMES = (
    (r"^(conv[15])\.0$", r"\1"),
    (r"^(conv[15])\.1$", r"\1.norm"),
    (r"\.branch1\.0$", ".branch1.depthwise"),
    (r"\.branch1\.1$", ".branch1.depthwise.norm"),
    (r"\.branch1\.2$", ".branch1.pointwise"),
    (r"\.branch1\.3$", ".branch1.pointwise.norm"),
    (r"\.branch2\.0$", ".branch2.compress"),
    (r"\.branch2\.1$", ".branch2.compress.norm"),
    (r"\.branch2\.3$", ".branch2.depthwise"),
    (r"\.branch2\.4$", ".branch2.depthwise.norm"),
    (r"\.branch2\.5$", ".branch2.expand"),
    (r"\.branch2\.6$", ".branch2.expand.norm"),
)


def _shufflenet_v2(width: str) -> Architecture:
    *stages, last = CHANNELS[width]
    body = STEM
    for number, (channels, repeats) in enumerate(zip(stages, REPEATS, strict=True), start=2):
        unit = ShuffleUnitV2(channels)
        body += stage(f"stage{number}", unit, repeats, first=ShuffleUnitV2(channels, stride=2))
    body += (("conv5", Conv(last)),)
    # The wide ones were trained later, by another recipe.
    resize = 232 if width in ("x1_5", "x2_0") else 256
    return Architecture(
        f"shufflenet_v2_{width}",
        body,
        HEAD,
        f"Ma et al. 2018; torchvision shufflenet_v2_{width}",
        preprocessing=Preprocessing(224, resize),
        names=NAMES,
    )


for _width in CHANNELS:
    ZOO.register(f"shufflenet_v2_{_width}")(partial(_shufflenet_v2, _width))
