"""One small network a family, for images of 8 to 64 pixels: the same frame, another block in it.

No published network is followed here: these tables are ours. A 3x3 convolution of 16 channels, then
three stages of 16, 32 and 64 channels with two blocks each, of which the later two begin with a
stride of 2; the average over all pixels, and the classes. It is the frame of the residual networks
for CIFAR-10 (K. He et al. 2016, arXiv:1512.03385, section 4.2). As nothing but the block differs,
what one family gains over another, and for how many multiplications, is the block's doing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from workbench import checks
from workbench.cnn.blocks import (
    Activated,
    Basic,
    Bottleneck,
    Classifier,
    Conv,
    DenselyConnected,
    DepthwiseSeparable,
    Fire,
    GhostBottleneck,
    GlobalPool,
    Inception,
    InceptionResidual,
    InvertedResidual,
    MaxPool,
    ShuffleUnitV1,
    ShuffleUnitV2,
    Squeeze,
    Transition,
)
from workbench.cnn.blocks.inception import branch
from workbench.cnn.preprocessing import Preprocessing
from workbench.cnn.spec import ZOO, Architecture, Block, Conventions, Rows

WIDTHS, STRIDES, REPEATS = (16, 32, 64), (1, 2, 2), 2
HEAD: Rows = (("pool", GlobalPool()), ("classes", Classifier()))
PREPROCESSING = Preprocessing(32, None, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))

# Blocks of a stage, by its channels and the stride of its first block.
Stage: TypeAlias = Callable[[int, int], tuple[Block, ...]]
SE = Squeeze(4)


def _repeated(block: Callable[[int], Block]) -> Stage:
    """Return a stage of equal blocks, the first of which has the stride."""

    def stage(channels: int, stride: int) -> tuple[Block, ...]:
        return (block(channels).with_stride(stride), *(block(channels),) * (REPEATS - 1))

    return stage


def _pooled(block: Callable[[int], Block]) -> Stage:
    """Return a stage of equal blocks that have no stride, behind a pooling that has it."""

    def stage(channels: int, stride: int) -> tuple[Block, ...]:
        pools = (MaxPool(2, stride),) if stride > 1 else ()
        return (*pools, *(block(channels),) * REPEATS)

    return stage


def _dense(channels: int, stride: int) -> tuple[Block, ...]:
    """Return layers that add a quarter of the channels each, behind a transition."""
    transitions = (Transition(stride),) if stride > 1 else ()
    return (*transitions, *(DenselyConnected(channels // 4),) * (2 * REPEATS))


def _branches(channels: int) -> tuple[Rows, ...]:
    """Return the four branches of an inception module, of a quarter of the channels each."""
    part = channels // 4
    return (
        branch("branch1", Conv(part)),
        branch("branch2", Conv(part), Conv(part, 3)),
        branch("branch3", Conv(part), Conv(part, 3), Conv(part, 3)),
        branch("branch4", MaxPool(3, 1, padding=1), Conv(part)),
    )


def _residual_inceptions(se: Squeeze | None) -> Stage:
    """Return inception modules with shortcuts, behind a convolution that has the stride."""

    def stage(channels: int, stride: int) -> tuple[Block, ...]:
        block = InceptionResidual(_branches(channels), se=se, scale=0.5)
        return (Conv(channels, 3, stride=stride), *(block,) * REPEATS)

    return stage


def _inverted(channels: int) -> Block:
    return InvertedResidual(channels, 4 * channels)


def _inverted_v3(channels: int) -> Block:
    return InvertedResidual(channels, 4 * channels, kernel=5, squeeze=channels)


# Only what its family is known for; activations are in CONVENTIONS.
FAMILIES: dict[str, Stage] = {
    "alexnet": _pooled(lambda c: Conv(c, 5, norm=False)),
    "vgg": _pooled(lambda c: Conv(c, 3, norm=False)),
    "resnet": _repeated(lambda c: Basic(c)),
    "se_resnet": _repeated(lambda c: Basic(c, se=SE)),
    "resnext": _repeated(lambda c: Bottleneck(c, c, groups=c // 4)),
    "se_resnext": _repeated(lambda c: Bottleneck(c, c, groups=c // 4, se=SE)),
    "densenet": _dense,
    "inception": _pooled(lambda c: Inception(_branches(c))),
    "se_inception": _pooled(lambda c: Inception(_branches(c), se=SE)),
    "inception_resnet": _residual_inceptions(None),
    "se_inception_resnet": _residual_inceptions(SE),
    "squeezenet": _pooled(lambda c: Fire(c // 4, c // 2)),
    "mobilenet_v1": _repeated(lambda c: DepthwiseSeparable(c)),
    "mobilenet_v2": _repeated(_inverted),
    "mobilenet_v3": _repeated(_inverted_v3),
    "shufflenet_v1": _repeated(lambda c: ShuffleUnitV1(c, 2)),
    "shufflenet_v2": _repeated(lambda c: ShuffleUnitV2(c)),
    "ghostnet": _repeated(lambda c: GhostBottleneck(c, 2 * c)),
}
CONVENTIONS = {
    "mobilenet_v1": Conventions(activation="relu6"),
    "mobilenet_v2": Conventions(activation="relu6"),
    "mobilenet_v3": Conventions(activation="hard_silu"),
}


def _tiny(family: str, *, width: float = 1.0) -> Architecture:
    """Return the table.

    Args:
        family: Whose block.
        width: By which 16, 32 and 64 channels are multiplied; they become multiples of 16.
    """
    width = checks.real("width", width, 0, 64, open_low=True)
    widths = [max(16, round(channels * width / 16) * 16) for channels in WIDTHS]
    rows: Rows = (("stem", Conv(widths[0], 3)),)
    for number, (channels, stride) in enumerate(zip(widths, STRIDES, strict=True), start=1):
        blocks = FAMILIES[family](channels, stride)
        rows += tuple((f"stage{number}.{place}", block) for place, block in enumerate(blocks))
    if family == "densenet":
        rows += (("norm", Activated()),)
    return Architecture(
        f"tiny_{family}",
        rows,
        HEAD,
        "the frame is that of He et al. 2016, section 4.2; ours",
        CONVENTIONS.get(family, Conventions()),
        preprocessing=PREPROCESSING,
    )


for _family in FAMILIES:
    ZOO.register(f"tiny_{_family}")(partial(_tiny, _family))
