"""MobileNet V2: inverted residuals with linear bottlenecks.

Source: M. Sandler et al. 2018 (arXiv:1801.04381), table 2. Followed is torchvision's
``mobilenet_v2``, whose ``width_mult`` is ``width``: the last 1x1 convolution grows with it from 1
on and never shrinks. timm's ``mobilenetv2_100`` has other names for the same network.

The authors' TF-slim code and `keras.applications.MobileNetV2` pad as TensorFlow does and have
another epsilon, which ``follow="keras"`` takes: with the weights of one and the padding of the
other, every stride would be off by a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from workbench import checks
from workbench.cnn.blocks import Classifier, Conv, Dropout, GlobalPool, InvertedResidual
from workbench.cnn.preprocessing import IMAGENET, Preprocessing
from workbench.cnn.spec import ZOO, Architecture, Conventions, Origin, Rows, make_divisible
from workbench.errors import ArgumentError


@dataclass(frozen=True)
class Stage:
    """A row of the paper's table 2.

    Attributes:
        expansion: Channels inside a block to one that comes in.
        channels: That each block puts out.
        repeats: How many blocks.
        stride: Of the first one.
    """

    expansion: int
    channels: int
    repeats: int
    stride: int


STAGES = (
    Stage(1, 16, 1, 1),
    Stage(6, 24, 2, 2),
    Stage(6, 32, 3, 2),
    Stage(6, 64, 4, 2),
    Stage(6, 96, 3, 1),
    Stage(6, 160, 3, 2),
    Stage(6, 320, 1, 1),
)
CONVENTIONS = {
    "torchvision": Conventions(activation="relu6"),
    "keras": Conventions(epsilon=1e-3, momentum=0.999, padding="same", activation="relu6"),
}
SOURCES = {
    "torchvision": "torchvision mobilenet_v2",
    "keras": "keras.applications.MobileNetV2",
}
SYMMETRIC = (0.5, 0.5, 0.5)  # values from -1 to 1
PREPROCESSING = {"torchvision": IMAGENET, "keras": Preprocessing(mean=SYMMETRIC, std=SYMMETRIC)}
HEAD: Rows = (
    ("avgpool", GlobalPool()),
    ("classifier.0", Dropout(0.2)),
    ("classifier.1", Classifier()),
)
# torchvision numbers the layers in a block; the first block has one less.
NAMES = (
    (r"^features\.1\.conv\.1$", "features.1.project"),
    (r"^features\.1\.conv\.2$", "features.1.project.norm"),
    (r"^features\.1\.conv\.0\.0$", "features.1.depthwise"),
    (r"^features\.1\.conv\.0\.1$", "features.1.depthwise.norm"),
    (r"\.conv\.0\.0$", ".expand"),
    (r"\.conv\.0\.1$", ".expand.norm"),
    (r"\.conv\.1\.0$", ".depthwise"),
    (r"\.conv\.1\.1$", ".depthwise.norm"),
    (r"\.conv\.2$", ".project"),
    (r"\.conv\.3$", ".project.norm"),
    (r"^features\.(0|18)\.0$", r"features.\1"),
    (r"^features\.(0|18)\.1$", r"features.\1.norm"),
)


def _timm() -> Origin:
    rules = [
        (r"^conv_stem$", "features.0"),
        (r"^bn1$", "features.0.norm"),
        (r"^conv_head$", "features.18"),
        (r"^bn2$", "features.18.norm"),
        (r"^classifier$", "classifier.1"),
        # The first block of all expands nothing, and its two convolutions count from 1.
        (r"^blocks\.0\.0\.(conv_dw|bn1)$", r"features.1.depthwise \1"),
        (r"^blocks\.0\.0\.(conv_pw|bn2)$", r"features.1.project \1"),
        (r"\.(conv_pw|bn1)$", r".expand \1"),
        (r"\.(conv_dw|bn2)$", r".depthwise \1"),
        (r"\.(conv_pwl|bn3)$", r".project \1"),
        (r" conv_\w+$", ""),
        (r" bn\d$", ".norm"),
    ]
    places = [(s, i) for s, row in enumerate(STAGES) for i in range(row.repeats)]
    for number, (s, i) in enumerate(places, start=1):
        rules.append((rf"^blocks\.{s}\.{i}\.", f"features.{number}."))
    return Origin("timm", tuple(rules), replace(IMAGENET, interpolation="bicubic"))


KERAS_NAMES = (
    (r"^Conv1$", "features.0"),
    (r"^bn_Conv1$", "features.0.norm"),
    (r"^Conv_1$", "features.18"),
    (r"^Conv_1_bn$", "features.18.norm"),
    (r"^predictions$", "classifier.1"),
    (r"^expanded_conv_", "features.1."),
    # Blocks are numbered from 0, which has no number, and ours from 1, behind the stem.
    *((rf"^block_{number}_", f"features.{number + 1}.") for number in range(1, 17)),
    (r"_BN$", ".norm"),
)


@ZOO.register("mobilenet_v2")
def mobilenet_v2(
    *, width: float = 1.0, follow: Literal["torchvision", "keras"] = "torchvision"
) -> Architecture:
    """Return the table.

    Args:
        width: By which all channels are multiplied; the results are rounded to multiples of 8.
        follow: Whose padding, batch norm and names.

    Raises:
        ArgumentError: ``width`` is not positive, or ``follow`` another name.
    """
    if follow not in CONVENTIONS:
        raise ArgumentError("follow", f"be one of {', '.join(CONVENTIONS)}", follow)
    width = checks.real("width", width, 0, 100, open_low=True)
    inputs = make_divisible(32 * width)
    blocks: list[Conv | InvertedResidual] = [Conv(inputs, 3, stride=2)]
    for row in STAGES:
        for repeat in range(row.repeats):
            channels = make_divisible(row.channels * width)
            stride = 1 if repeat else row.stride
            blocks.append(InvertedResidual(channels, row.expansion * inputs, stride=stride))
            inputs = channels
    blocks.append(Conv(make_divisible(1280 * max(1.0, width))))
    return Architecture(
        "mobilenet_v2",
        tuple((f"features.{number}", block) for number, block in enumerate(blocks)),
        HEAD,
        f"Sandler et al. 2018; {SOURCES[follow]}",
        CONVENTIONS[follow],
        preprocessing=PREPROCESSING[follow],
        names=KERAS_NAMES if follow == "keras" else NAMES,
        others=() if follow == "keras" else (_timm(),),
    )
