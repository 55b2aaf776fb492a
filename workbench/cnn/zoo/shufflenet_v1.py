"""ShuffleNet V1 with 1, 2, 3, 4 or 8 groups.

Source: X. Zhang et al. 2018 (arXiv:1707.01083), table 1, in which the stages of more groups are
wider so that all cost about 140 million MACs. Followed is the authors' code
(megvii-model/ShuffleNet-Series, ShuffleNetV1), whose classifier has no bias; ours has one, as in
the parameters of pytorchcv.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from workbench import checks
from workbench.cnn.blocks import Classifier, Conv, GlobalPool, MaxPool
from workbench.cnn.blocks.shuffle_unit_v1 import ShuffleUnitV1
from workbench.cnn.preprocessing import Preprocessing
from workbench.cnn.spec import ZOO, Architecture, Rows
from workbench.errors import ArgumentError

CHANNELS = {  # of stages 2, 3 and 4, by the number of groups
    1: (144, 288, 576),
    2: (200, 400, 800),
    3: (240, 480, 960),
    4: (272, 544, 1088),
    8: (384, 768, 1536),
}
REPEATS = (4, 8, 4)
STEM = 24
# The authors' code has stems that do not follow the width, by (groups, width).
STEMS = {(3, 1.5): 24, (8, 0.5): 16, (8, 1.5): 24}
WIDTHS = (0.25, 0.5, 0.75, 1, 1.5, 2)  # that the message offers, where they fit
HEAD: Rows = (("globalpool", GlobalPool()), ("classifier", Classifier()))
NAMES = (
    (r"^module\.", ""),  # the published files were saved from a parallel model
    (r"^(first_conv|classifier)\.0$", r"\1"),
    (r"^first_conv\.1$", "first_conv.norm"),
    (r"\.branch_main_1\.0$", ".compress"),
    (r"\.branch_main_1\.1$", ".compress.norm"),
    (r"\.branch_main_1\.3$", ".depthwise"),
    (r"\.branch_main_1\.4$", ".depthwise.norm"),
    (r"\.branch_main_2\.0$", ".expand"),
    (r"\.branch_main_2\.1$", ".expand.norm"),
)
# Bytes as they are, blue first.
BYTES = Preprocessing(mean=(0, 0, 0), std=(1, 1, 1), scale=1, channels="bgr")


def _shufflenet_v1(groups: int, *, width: float = 1.0) -> Architecture:
    width = checks.real("width", width, 0, open_low=True)
    stem, *stages = _channels(groups, width)
    if not _fit(groups, (stem, *stages)):
        others = (each for each in WIDTHS if _fit(groups, _channels(groups, each)))
        raise ArgumentError(
            "width",
            f"leave channels, and fourths of them, that fall into {groups} groups",
            f"width={width:g}, which leaves {stem} channels in the stem and {stages} in the stages",
            f"These do: {', '.join(f'{each:g}' for each in others)}.",
        )
    rows: list[tuple[str, ShuffleUnitV1]] = []
    for count, repeats in zip(stages, REPEATS, strict=True):
        for number in range(repeats):
            # The stem has so few channels that the first convolution of all sees them whole.
            first_groups = None if rows else 1
            stride = 1 if number else 2
            unit = ShuffleUnitV1(count, groups, stride, first_groups)
            rows.append((f"features.{len(rows)}", unit))
    body: Rows = (
        ("first_conv", Conv(stem, 3, stride=2)),
        ("maxpool", MaxPool(3, 2, padding=1)),
        *rows,
    )
    source = f"Zhang et al. 2018; megvii ShuffleNetV1, {groups} groups, with a classifier's bias"
    return Architecture(
        f"shufflenet_v1_g{groups}", body, HEAD, source, preprocessing=BYTES, names=NAMES
    )


def _channels(groups: int, width: float) -> tuple[int, ...]:
    """Return the channels of the stem and of the stages."""
    stem = STEMS.get((groups, width), int(STEM * width))
    return (stem, *(int(channels * width) for channels in CHANNELS[groups]))


def _fit(groups: int, channels: tuple[int, ...]) -> bool:
    """Say whether the middle and the branch of every unit fall into the groups."""
    pairs = pairwise(channels)
    return channels[0] > 0 and all(
        outputs >= 4 and outputs // 4 % groups == 0 and (outputs - inputs) % groups == 0
        for inputs, outputs in pairs
    )


for _groups in CHANNELS:
    ZOO.register(f"shufflenet_v1_g{_groups}")(partial(_shufflenet_v1, _groups))
