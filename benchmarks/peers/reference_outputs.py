"""What the references return for random weights and images: fixtures for tests without torch.

Weights and images are drawn by the rule of tests/cnn/random_weights.py, so that a fixture holds no
more than names, shapes, seeds and logits. The reference computes in double precision; what single
precision costs is printed, and is well below the 1e-4 that a test may ask for. So is the share of
the outputs' spread that is due to the image, lest a test compare biases alone.

    python benchmarks/peers/reference_outputs.py [--folder FOLDER] [NAME ...]

writes tests/cnn/fixtures/outputs/NAME.npz with `output`, float32, logits ``(batch, classes)`` or
for segmentation ``(batch, height, width, classes)``, and `facts`, the bytes of a JSON object:
source, input_shape ``(batch, height, width, channels)``, classes, seed, input_seed, gain, and
shapes of the state dictionary without `num_batches_tracked`. With ``--folder`` it writes the
random weights themselves there, as NAME.safetensors.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from references import REFERENCES, build
from safetensors.numpy import save_file
from torch import nn

TESTS = Path(__file__).parents[2] / "tests" / "cnn"
sys.path.insert(0, str(TESTS))

from random_weights import random_images, random_state  # noqa: E402

OUT = TESTS / "fixtures" / "outputs"


@dataclass(frozen=True)
class Case:
    """A network on two square images; ``gain`` was chosen so that logits are of order 1."""

    size: int
    gain: float
    classes: int = 1000
    seed: int = 1
    input_seed: int = 2


# Odd sizes tell padding on both sides from padding at the end, and floor from ceil in poolings.
CASES = {
    "resnet18": Case(97, 1.0),
    "resnet50": Case(64, 1.0),
    "resnext50": Case(64, 1.0),
    "se_resnet18": Case(65, 1.0),
    "se_resnet50": Case(64, 1.0),
    "se_resnext50": Case(64, 1.0),
    "densenet121": Case(65, 2.0),
    "vgg16": Case(64, 2.0),
    "alexnet": Case(95, 2.0),
    "googlenet": Case(67, 1.5),
    "bn_inception": Case(64, 1.6),
    "bn_inception_conv_bias": Case(64, 1.6),
    "se_inception": Case(64, 2.5),
    "inception_resnet_v2": Case(97, 1.5),
    "se_inception_resnet_v2": Case(96, 1.5),
    "squeezenet1_0": Case(66, 2.0),
    "squeezenet1_1": Case(65, 2.0),
    "mobilenet_v1": Case(64, 2.0),
    "mobilenet_v2": Case(65, 1.6),
    "mobilenet_v2_x0_35": Case(64, 1.6),
    "mobilenet_v3_large": Case(65, 1.6),
    "mobilenet_v3_small": Case(64, 2.0),
    "lraspp_mobilenet_v3_large": Case(65, 1.6, classes=2),
    "shufflenet_v1_g1": Case(64, 0.8),
    "shufflenet_v1_g3": Case(65, 0.8),
    "shufflenet_v1_g8": Case(64, 0.8),
    "shufflenet_v2_x0_5": Case(65, 1.4),
    "shufflenet_v2_x1_0": Case(64, 1.4),
    "ghostnet": Case(65, 0.85),
    "ghostnet_x0_5": Case(64, 0.85),
}


def with_random_weights(name: str, case: Case) -> tuple[nn.Module, dict[str, Any]]:
    """Return the reference with its random weights, and the weights."""
    network = build(name, case.classes)
    shapes = {
        key: tuple(value.shape)
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    state = random_state(shapes, case.seed, case.gain)
    tensors = {key: torch.from_numpy(value) for key, value in state.items()}
    missed, surplus = network.load_state_dict(tensors, strict=False)
    wrong = [*surplus, *(key for key in missed if not key.endswith("num_batches_tracked"))]
    if wrong:
        raise RuntimeError(f"The state of {name} must be drawn whole. Received: not {wrong}.")
    return network, state


def outputs(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """Return what the network, in the images' precision, makes of them; classes come last."""
    with torch.inference_mode():
        output = network(torch.from_numpy(images).permute(0, 3, 1, 2))
    return output.movedim(1, -1).numpy()


def write(name: str, case: Case) -> None:
    """Write the fixture of a network and print a line on it."""
    network, state = with_random_weights(name, case)
    images = random_images((2, case.size, case.size, 3), case.input_seed)
    single = outputs(network, images)
    double = outputs(network.double(), images.astype(np.float64))
    rounding = np.abs(single - double).max() / np.abs(double).max()
    by_image = (double[0] - double[1]).std() / double.std()
    facts = {
        "name": name,
        "source": REFERENCES[name].source,
        "input_shape": images.shape,
        **asdict(case),
        "shapes": {key: value.shape for key, value in state.items()},
    }
    text = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    path, unfinished = OUT / f"{name}.npz", OUT / f"{name}.part"
    with unfinished.open("wb") as file:
        np.savez_compressed(file, output=double.astype(np.float32), facts=text)
    os.replace(unfinished, path)
    print(
        f"{name:28} {case.size:3} px  spread {double.std():6.2f}  by image {by_image:.3f}  "
        f"single precision {rounding:.1e}  {path.stat().st_size / 1e3:5.1f} kB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--folder", type=Path, help="write the random weights there instead")
    arguments = parser.parse_args()
    for name in arguments.names or CASES:
        if name not in CASES:
            raise SystemExit(f"name must be one of {', '.join(CASES)}. Received: {name!r}.")
        if arguments.folder:
            _, state = with_random_weights(name, CASES[name])
            save_file(state, arguments.folder / f"{name}.safetensors")
        else:
            OUT.mkdir(parents=True, exist_ok=True)
            write(name, CASES[name])


if __name__ == "__main__":
    main()
