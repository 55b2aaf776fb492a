"""Networks that no installable package defines as published, written out in torch.

ShuffleNet V1 after X. Zhang et al. 2018, arXiv:1707.01083, with the layers, the order and the
state-dict keys of the authors' release (github.com/megvii-model/ShuffleNet-Series, ShuffleNetV1),
yet with a bias in the classifier and a global pooling that takes any size.

Squeeze-and-excitation in the two inception networks after J. Hu et al. 2018, arXiv:1709.01507.
SE-BN-Inception is the authors' models/SE-BN-Inception.prototxt (github.com/hujie-frank/SENet): no
bias in a convolution, a block behind every module, reductions included, r = 16. They published no
definition of SE-Inception-ResNet-v2; the same rules are applied to timm's network here.
"""

from __future__ import annotations

import timm
import torch
from pytorchcv.model_provider import get_model
from timm.layers import SEModule
from torch import Tensor, nn

REDUCTION = 16
REPEATS = (4, 8, 4)
# Stem and three stages. Table 1 of the paper at 1x; the others are megvii's (groups 3 and 8) and
# pytorchcv's (1 and 3). Other pairs are not published: scaled channels do not divide by the groups.
SHUFFLENET_V1_CHANNELS = {
    (1, 0.25): (6, 36, 72, 144),
    (1, 0.5): (12, 72, 144, 288),
    (1, 0.75): (18, 108, 216, 432),
    (1, 1.0): (24, 144, 288, 576),
    (2, 1.0): (24, 200, 400, 800),
    (3, 0.25): (6, 60, 120, 240),
    (3, 0.5): (12, 120, 240, 480),
    (3, 0.75): (18, 180, 360, 720),
    (3, 1.0): (24, 240, 480, 960),
    (3, 1.5): (24, 360, 720, 1440),
    (3, 2.0): (48, 480, 960, 1920),
    (4, 1.0): (24, 272, 544, 1088),
    (8, 0.5): (16, 192, 384, 768),
    (8, 1.0): (24, 384, 768, 1536),
    (8, 1.5): (24, 576, 1152, 2304),
    (8, 2.0): (48, 768, 1536, 3072),
}


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1):
    """Return a convolution without bias, padded to keep the size at stride 1."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)


class ShuffleUnit(nn.Module):
    """Grouped 1x1, depthwise 3x3, shuffle, grouped 1x1; the shuffle comes after the depthwise."""

    def __init__(self, inputs: int, outputs: int, stride: int, groups: int, first: bool):
        super().__init__()
        self.stride, self.groups = stride, groups
        middle, new = outputs // 4, outputs - inputs if stride == 2 else outputs
        self.branch_main_1 = nn.Sequential(
            convolution(inputs, middle, 1, groups=1 if first else groups),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            convolution(middle, middle, 3, stride, groups=middle),
            nn.BatchNorm2d(middle),
        )
        self.branch_main_2 = nn.Sequential(
            convolution(middle, new, 1, groups=groups), nn.BatchNorm2d(new)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(batch, outputs, height / stride, width / stride)``."""
        inner = self.branch_main_1(x)
        if self.groups > 1:  # channel i g + j goes to j (C / g) + i
            rows = inner.unflatten(1, (-1, self.groups))
            inner = rows.transpose(1, 2).flatten(1, 2)
        inner = self.branch_main_2(inner)
        if self.stride == 1:
            return torch.relu(x + inner)
        return torch.cat([nn.functional.avg_pool2d(x, 3, 2, 1), torch.relu(inner)], dim=1)


class ShuffleNetV1(nn.Module):
    """ShuffleNet V1 for a pair of groups and width in `SHUFFLENET_V1_CHANNELS`."""

    def __init__(self, groups: int, width: float = 1.0, classes: int = 1000):
        super().__init__()
        stem, *stages = SHUFFLENET_V1_CHANNELS[groups, width]
        self.first_conv = nn.Sequential(convolution(3, stem, 3, 2), nn.BatchNorm2d(stem), nn.ReLU())
        units, inputs = [], stem
        for outputs, repeats in zip(stages, REPEATS, strict=True):
            for i in range(repeats):
                units.append(ShuffleUnit(inputs, outputs, 1 if i else 2, groups, not units))
                inputs = outputs
        self.features = nn.Sequential(*units)
        self.classifier = nn.Sequential(nn.Linear(inputs, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(batch, classes)``."""
        x = nn.functional.max_pool2d(self.first_conv(x), 3, 2, 1)
        return self.classifier(self.features(x).mean((2, 3)))


def append_se(module: nn.Module, channels: int, output_of: nn.Module | None = None) -> None:
    """Give ``module`` a child `se`, and send the output of ``output_of`` (itself) through it."""
    module.se = SEModule(channels, rd_channels=channels // REDUCTION)
    (output_of or module).register_forward_hook(lambda _, inputs, output: module.se(output))


def bn_inception(classes: int = 1000, bias: bool = False, se: bool = False) -> nn.Module:
    """Return pytorchcv's BN-Inception, without biases in convolutions unless ``bias``."""
    network = get_model("bninception", num_classes=classes)
    network.features.final_pool = nn.AdaptiveAvgPool2d(1)  # theirs is 7x7: sizes of 224 only
    if not bias:
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.register_parameter("bias", None)
    if se:
        widths = ((256, 320), (576, 576, 576, 608, 608), (1056, 1024, 1024))
        stages = (network.features.stage1, network.features.stage2, network.features.stage3)
        for stage, channels in zip(stages, widths, strict=True):
            for unit, width in zip(stage, channels, strict=True):
                append_se(unit, width)
    return network


def se_inception_resnet_v2(classes: int = 1000, mixed: bool = True) -> nn.Module:
    """Return timm's Inception-ResNet-v2 with SE blocks.

    They stand behind the last 1x1 convolution of each residual branch, before the constant that
    scales it, and with ``mixed`` behind the three modules without a shortcut.
    """
    network = timm.create_model("inception_resnet_v2", num_classes=classes)
    repeats = (network.repeat, network.repeat_1, network.repeat_2, [network.block8])
    for blocks, channels in zip(repeats, (320, 1088, 2080, 2080), strict=True):
        for block in blocks:
            append_se(block, channels, output_of=block.conv2d)
    if mixed:
        for module in (network.mixed_5b, network.mixed_6a, network.mixed_7a):
            append_se(module, {"Mixed_5b": 320, "Mixed_6a": 1088}.get(type(module).__name__, 2080))
    return network
