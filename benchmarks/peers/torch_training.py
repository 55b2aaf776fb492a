"""Training steps of the references in torch: images a second, one JSON line a network.

    python benchmarks/peers/torch_training.py --batch 16 --size 96 mobilenet_v2 resnet18

A step is forward, cross-entropy, backward and SGD with momentum 0.9 on one random batch, channels
last in memory (torch's faster layout here; ``--layout first`` is the other), batch normalisation
and dropout in training mode. After the warm-up each repeat times some steps together; printed are
the median of the repeats and their range. Names are those of `references.py`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from references import REFERENCES, build
from torch import nn

LAYOUTS = {"last": torch.channels_last, "first": torch.contiguous_format}


def training_step(
    name: str, batch: int, size: int, classes: int, layout: str
) -> Callable[[], None]:
    """Return a function that makes one step on a fixed random batch."""
    generator = torch.Generator().manual_seed(1)
    order = LAYOUTS[layout]
    network = build(name, classes).train().to(memory_format=order)
    images = torch.randn(batch, 3, size, size, generator=generator).to(memory_format=order)
    # Segmentation has a label a pixel, which costs next to nothing beside the network.
    shape = (batch, size, size) if name.startswith("lraspp") else (batch,)
    labels = torch.randint(classes, shape, generator=generator)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(network(images), labels).backward()
        optimiser.step()

    return step


def rates(
    step: Callable[[], None], batch: int, warm_up: int, repeats: int, steps: int
) -> list[float]:
    """Return images a second of each repeat."""
    for _ in range(warm_up):
        step()
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        for _ in range(steps):
            step()
        found.append(batch * steps / (time.perf_counter() - began))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=96, help="pixels of a side")
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--warm-up", type=int, default=2, help="steps before the clock")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1, help="steps a repeat")
    parser.add_argument("--layout", choices=LAYOUTS, default="last")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for name in given.names:
        step = training_step(name, given.batch, given.size, given.classes, given.layout)
        found = rates(step, given.batch, given.warm_up, given.repeats, given.steps)
        line = {
            "name": name,
            "source": REFERENCES[name].source,
            "images_per_second": statistics.median(found),
            "slowest": min(found),
            "fastest": max(found),
            **{key: value for key, value in vars(given).items() if key != "names"},
            "torch": torch.__version__,
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
