"""What squeeze-and-excitation adds: the paper's formula beside what is counted.

Source: J. Hu, L. Shen, S. Albanie, G. Sun and E. Wu, "Squeeze-and-Excitation Networks", 2018,
arXiv:1709.01507, section 4 and equation 5: (2 / r) sum_s N_s C_s^2 weights, for N_s blocks of C_s
channels in stage s and the reduction r. The two dense layers of a block have C^2 / r weights each;
their biases, C / r + C a block, are not in the formula. The paper's 10 % of ResNet-50's parameters
are 2.5 million.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Any

import keras

from workbench import checks
from workbench.complexity.profile import Profile, profile
from workbench.errors import ArgumentError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SECost:
    """Parameters that squeeze-and-excitation adds by the formula.

    Attributes:
        weights: (2 / r) sum_s N_s C_s^2, which are the MACs of the dense layers, too.
        biases: sum_s N_s (C_s / r + C_s).
    """

    weights: Fraction
    biases: Fraction


def se_cost(
    channels: Sequence[int], repeats: Sequence[int], reduction: float | Fraction = 16
) -> SECost:
    """Return the added cost by the paper's formula.

    Args:
        channels: C_s, of each stage.
        repeats: N_s, blocks in each stage.
        reduction: r.

    Raises:
        ArgumentError: Not as many repeats as channels, or a number that is not positive.

    Example:
        >>> se_cost((256, 512, 1024, 2048), (3, 4, 6, 3), 16).weights  # SE-ResNet-50
        Fraction(2514944, 1)
    """
    if len(channels) != len(repeats):
        raise ArgumentError("repeats", f"be {len(channels)} numbers, one a stage", repeats)
    checks.real("reduction", float(reduction), 0, open_low=True)
    r = Fraction(reduction)
    stages = [
        (checks.integer(f"channels[{s}]", c), checks.integer(f"repeats[{s}]", n, minimum=0))
        for s, (c, n) in enumerate(zip(channels, repeats, strict=True))
    ]
    weights = sum((Fraction(2 * n * c * c) / r for c, n in stages), Fraction(0))
    return SECost(weights, sum((n * (c / r + c) for c, n in stages), Fraction(0)))


def se_cost_by_stage(model_or_profile: keras.Model | Profile) -> pd.DataFrame:
    """Return the formula next to what is counted, for each kind of block in a model.

    A squeeze-and-excitation layer is one with two dense layers (or 1 x 1 convolutions) named
    ``reduce`` and ``expand``, as `workbench.cnn.ops.SqueezeExcite` has them.

    Returns:
        A row for each resolution, number of channels and of squeezed channels: ``resolution``,
        ``blocks`` (N), ``channels`` (C), ``squeeze``, ``reduction`` (r = C / squeeze), ``formula``
        (weights), ``weights``, ``biases``, ``parameters`` (counted), ``macs`` and ``flops``
        (counted, of the whole layers) and ``share`` (of the model's parameters).
    """
    import pandas as pd

    cost = model_or_profile if isinstance(model_or_profile, Profile) else profile(model_or_profile)
    layers = _layers(cost.model)
    stages: dict[Any, dict[str, Any]] = {}
    for row in cost.frame.to_dict("records"):
        layer = layers.get(row["name"])
        if layer is None:
            continue
        channels, squeeze = layer.reduce.kernel.shape[-2:]
        key = (row["resolution"], channels, squeeze)
        _add(stages.setdefault(key, _stage(*key)), row, layer)
    for stage in stages.values():
        formula = se_cost([stage["channels"]], [stage["blocks"]], stage["reduction"])
        stage["formula"] = int(formula.weights)
        stage["share"] = stage["parameters"] / cost.parameters if cost.parameters else 0.0
    return pd.DataFrame(list(stages.values()), columns=list(_stage("", 1, 1)))


def _stage(resolution: str, channels: int, squeeze: int) -> dict[str, Any]:
    return {
        "resolution": resolution,
        "blocks": 0,
        "channels": channels,
        "squeeze": squeeze,
        "reduction": Fraction(channels, squeeze),
        "formula": 0,
        "weights": 0,
        "biases": 0,
        "parameters": 0,
        "macs": 0,
        "flops": 0,
        "share": 0.0,
    }


def _add(stage: dict[str, Any], row: Mapping[Any, Any], layer: Any) -> None:
    stage["blocks"] += 1
    for part in (layer.reduce, layer.expand):
        stage["weights"] += prod(part.kernel.shape)
        stage["biases"] += 0 if part.bias is None else prod(part.bias.shape)
    for name in ("parameters", "macs", "flops"):
        stage[name] += row[name]


def _layers(model: keras.Model, path: str = "") -> dict[str, keras.Layer]:
    """Return the squeeze-and-excitation layers by the names that a profile gives them."""
    found: dict[str, keras.Layer] = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found |= _layers(layer, f"{path}{layer.name}/")
        elif all(hasattr(getattr(layer, part, None), "kernel") for part in ("reduce", "expand")):
            found[path + layer.name] = layer
    return found
