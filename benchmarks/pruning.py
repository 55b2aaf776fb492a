"""Half of the channels of every network of the zoo removed: MACs and parameters that are left.

A convolution between two others keeps a quarter of its MACs; one that sees the image, one that
makes the classes, and a depthwise one keep half. Where more than 35 % are left the note says which
layers could only be halved, and how much of the rest they are. Each smaller network is run on two
images of 64 pixels (32 for the tiny ones, 299 and 224 where less does not do), and its outputs must
be finite; MACs are those at the published size. Weights are as initialised: counts depend on how
many channels go and not on which, groups of convolutions aside. It takes about ten minutes on 2
cores:

    python benchmarks/pruning.py [name ...]
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from workbench import build_cnn, list_cnns, profile
from workbench.compress import prune_channels

AMOUNT, GOAL, HALVED = 0.5, 0.35, 0.45
# Pixels for which a network is counted, 224 if not named; images of any size go into the others.
COUNTED = {"inception_resnet_v2": 299, "se_inception_resnet_v2": 299}
FIXED = ("alexnet", "vgg16")  # their heads flatten a map of known size


def compared(name: str) -> tuple[str, bool]:
    """Return the line of a network, and whether it is within the goal."""
    tiny = name.startswith("tiny_")
    pixels, classes = COUNTED.get(name, 32 if tiny else 224), 10 if tiny else 1000
    side = pixels if tiny or name in FIXED else None
    model = build_cnn(name, (side, side, 3), classes, seed=1)
    began = time.perf_counter()
    small = prune_channels(model, AMOUNT)
    seconds = time.perf_counter() - began
    shown = pixels if side or name in COUNTED else 64
    images = np.random.default_rng(1).standard_normal((2, shown, shown, 3), dtype=np.float32)
    outputs = np.asarray(small(images))
    if outputs.shape[-1] != classes or not np.isfinite(outputs).all():
        raise RuntimeError(f"{name}: outputs of shape {outputs.shape}, or not finite.")
    before, after = (profile(each, (pixels, pixels, 3)) for each in (model, small))
    ratio = after.macs / before.macs
    note = "" if ratio <= GOAL else halved(before.frame, after.frame)
    line = (
        f"{name:26s}{pixels:5d}{before.macs / 1e6:10.2f}{after.macs / 1e6:9.2f}{ratio:7.3f}"
        f"{before.parameters / 1e6:9.3f}{after.parameters / 1e6:8.3f}"
        f"{after.parameters / before.parameters:7.3f}{seconds:7.1f}  {note}"
    )
    return line.rstrip(), ratio <= GOAL


def halved(before: Any, after: Any) -> str:
    """Return which layers keep about half, by kind, and their share of what is left."""
    rows = before[["name", "kind", "macs"]].merge(after[["name", "macs"]], on="name")
    only = rows[(rows.macs_x > 0) & (rows.macs_y > HALVED * rows.macs_x)]
    words = [
        f"{kind} {100 * part.macs_y.sum() / after.macs.sum():.0f} % ({', '.join(part.name[:3])}"
        f"{', ...' if len(part) > 3 else ''})"
        for kind, part in only.groupby("kind")
    ]
    return "of what is left, only halved: " + "; ".join(words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list_cnns())
    within = []
    print(
        f"{'network':26s}{'px':>5s}{'MACs/M':>10s}{'left':>9s}{'ratio':>7s}{'par/M':>9s}"
        f"{'left':>8s}{'ratio':>7s}{'s':>7s}"
    )
    for name in parser.parse_args().names:
        line, fine = compared(name)
        within.append(fine)
        print(line, flush=True)
        keras.backend.clear_session(free_memory=True)
    print(f"{sum(within)} of {len(within)} networks have at most {GOAL:.0%} of their MACs left.")


if __name__ == "__main__":
    main()
