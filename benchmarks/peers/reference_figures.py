"""Parameters and multiply-accumulates of the references, counted in torch.

Trainable parameters; MACs of convolutions and linear layers alone, for one image, a bias not
counted, a grouped convolution for the channels that each output sees. This is another program than
`workbench.profile`, and it counts another library's modules: the figures are independent.

    python benchmarks/peers/reference_figures.py [NAME ...]

without names writes tests/cnn/fixtures/reference_figures.json for the whole zoo, with names prints.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from references import REFERENCES, build
from torch import nn

OUT = Path(__file__).parents[2] / "tests" / "cnn" / "fixtures" / "reference_figures.json"


def macs(network: nn.Module, size: int) -> int:
    """Return the multiply-accumulates of one square RGB image of ``size``."""
    counted = []

    def count(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            each = module.in_channels // module.groups * math.prod(module.kernel_size)
        else:
            each = module.in_features
        counted.append(output.numel() * each)

    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    handles = [layer.register_forward_hook(count, prepend=True) for layer in layers]
    with torch.inference_mode():
        network(torch.zeros(1, 3, size, size))
    for handle in handles:
        handle.remove()
    return sum(counted)


def normalisations(network: nn.Module) -> list[dict[str, float]]:
    """Return each pair of epsilon and momentum (torch's: the share of the new), most used first."""
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    pairs = Counter((m.eps, m.momentum) for m in norms)
    return [
        {"epsilon": epsilon, "momentum": momentum, "layers": layers}
        for (epsilon, momentum), layers in pairs.most_common()
    ]


def dropouts(network: nn.Module) -> list[float]:
    """Return the rates of dropout, in order; timm keeps the classifier's as a number."""
    rates = [m.p for m in network.modules() if isinstance(m, nn.Dropout)]
    return [rate for rate in rates or [getattr(network, "drop_rate", 0.0)] if rate > 0]


def figures(name: str) -> dict[str, Any]:
    """Return what the file holds for a network."""
    network, reference = build(name), REFERENCES[name]
    trainable = [p for p in network.parameters() if p.requires_grad]
    size = reference.sizes[0]
    return {
        "source": reference.source,
        "parameters": sum(p.numel() for p in trainable),
        "macs": macs(network, size),
        "size": size,
        "classes": reference.classes,
        **{f"macs_{other}": macs(network, other) for other in reference.sizes[1:]},
        "batch_norm": normalisations(network),
        "dropout": dropouts(network),
    }


def main(names: list[str]) -> None:
    if names:
        print(json.dumps({name: figures(name) for name in names}, indent=1))
        return
    table = {}
    for name in sorted(REFERENCES):
        table[name] = figures(name)
        print(f"{name:40}{table[name]['parameters']:>14,}{table[name]['macs'] / 1e6:>12,.1f} M")
    unfinished = OUT.with_suffix(".part")
    unfinished.write_text(json.dumps(table, indent=1) + "\n")
    os.replace(unfinished, OUT)


if __name__ == "__main__":
    main(sys.argv[1:])
