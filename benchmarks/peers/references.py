"""The reference of every network of the zoo: who defines it, and how to build it in torch.

torchvision comes first, then timm, then the authors' published definition (pytorchcv's or that in
`published.py`). Weights stay as they are initialised: nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import published
import timm
import torchvision
from timm.models.efficientnet import _gen_mobilenet_v1
from torch import nn


@dataclass(frozen=True)
class Reference:
    """``make(classes)`` builds what ``source`` names; figures are given for square ``sizes``."""

    source: str
    make: Callable[[int], nn.Module]
    sizes: tuple[int, ...] = (224,)
    classes: int = 1000


def from_torchvision(name: str, **options: Any) -> Reference:
    """Return the reference for a classifier of torchvision."""

    def make(classes: int) -> nn.Module:
        return getattr(torchvision.models, name)(weights=None, num_classes=classes, **options)

    return Reference(titled("torchvision", name, **options), make)


def from_timm(name: str, sizes: tuple[int, ...] = (224,)) -> Reference:
    """Return the reference for a network of timm."""

    def make(classes: int) -> nn.Module:
        return timm.create_model(name, pretrained=False, num_classes=classes)

    return Reference(titled("timm", name), make, sizes)


def mobilenet_v1(width: float) -> Reference:
    """Return timm's MobileNet V1, which it registers at widths 1 and 1.25 only."""

    def make(classes: int) -> nn.Module:
        return _gen_mobilenet_v1(
            "mobilenetv1_100", channel_multiplier=width, num_classes=classes, pretrained=False
        )

    return Reference(titled("timm", "mobilenetv1_100", channel_multiplier=width), make)


def lraspp(classes: int) -> nn.Module:
    """Return torchvision's LR-ASPP, as a module of logits ``(batch, classes, height, width)``."""
    network = torchvision.models.segmentation.lraspp_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=classes
    )
    network.register_forward_hook(lambda _, inputs, output: output["out"])
    return network


def titled(package: str, name: str, **options: Any) -> str:
    """Return a source's name with its version and what was asked of it."""
    asked = ", ".join(f"{key}={value}" for key, value in options.items())
    return f"{package} {version(package)} {name}" + (f" ({asked})" if asked else "")


def shufflenet_v1(groups: int, width: float) -> Reference:
    """Return the reference for a ShuffleNet V1."""
    return Reference(
        f"megvii ShuffleNetV1 with a bias in the classifier (groups={groups}, width={width})",
        lambda classes: published.ShuffleNetV1(groups, width, classes),
    )


def written(source: str, make: Callable[..., nn.Module], *sizes: int, **options: Any) -> Reference:
    """Return the reference for a network of `published.py`."""
    return Reference(source, partial(make, **options), sizes or (224,))


def named(width: float) -> str:
    """Return a width as it stands in names: ``0_5``, and nothing at 1."""
    return "" if width == 1 else f"_x{width:g}".replace(".", "_")


PLAIN = (
    *("alexnet", "vgg16", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("densenet121", "squeezenet1_0", "squeezenet1_1", "mobilenet_v3_large", "mobilenet_v3_small"),
    *("shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "shufflenet_v2_x2_0"),
)
SENET = "SENet authors' SE-BN-Inception.prototxt"
IRV2 = "timm inception_resnet_v2 with SE blocks (no published definition)"

REFERENCES: dict[str, Reference] = {
    **{name: from_torchvision(name) for name in PLAIN},
    "resnext50": from_torchvision("resnext50_32x4d"),
    "googlenet": from_torchvision("googlenet", aux_logits=False, init_weights=False),
    **{f"se_resnet{depth}": from_timm(f"seresnet{depth}") for depth in (18, 34, 50, 101, 152)},
    "se_resnext50": from_timm("seresnext50_32x4d"),
    "inception_resnet_v2": from_timm("inception_resnet_v2", (299, 224)),
    "se_inception_resnet_v2": written(IRV2, published.se_inception_resnet_v2, 299, 224),
    "se_inception_resnet_v2_residual_only": written(
        f"{IRV2}, in residual branches only",
        published.se_inception_resnet_v2,
        *(299, 224),
        mixed=False,
    ),
    "bn_inception": written(f"{SENET} without SE", published.bn_inception),
    "bn_inception_conv_bias": written(
        titled("pytorchcv", "bninception"), published.bn_inception, bias=True
    ),
    "se_inception": written(SENET, published.bn_inception, se=True),
    **{f"mobilenet_v1{named(w)}": mobilenet_v1(w) for w in (0.25, 0.5, 0.75, 1.0)},
    **{
        f"mobilenet_v2{named(w)}": from_torchvision("mobilenet_v2", width_mult=w)
        for w in (0.35, 0.5, 0.75, 1.0, 1.4)
    },
    "lraspp_mobilenet_v3_large": Reference(
        titled("torchvision", "lraspp_mobilenet_v3_large"), lraspp, classes=21
    ),
    **{
        f"shufflenet_v1_g{groups}{named(width)}": shufflenet_v1(groups, width)
        for groups, width in published.SHUFFLENET_V1_CHANNELS
    },
    **{f"ghostnet{named(w)}": from_timm(f"ghostnet_{round(100 * w):03d}") for w in (0.5, 1.0, 1.3)},
}


def build(name: str, classes: int | None = None) -> nn.Module:
    """Return the reference network of a name, in evaluation mode."""
    if name not in REFERENCES:
        raise SystemExit(f"name must be one of {', '.join(REFERENCES)}. Received: {name!r}.")
    reference = REFERENCES[name]
    return reference.make(classes or reference.classes).eval()
