"""Write what torchvision's evaluation transform makes of random images, for tests without torch.

Each array of tests/cnn/fixtures/preprocessing.npz is called "ROWSxCOLUMNS INTERPOLATION", and its
image is drawn again from the two sizes:

    numpy.random.default_rng((rows, columns)).integers(0, 256, (rows, columns, 3), dtype="uint8")

The transform, on an image of Pillow: Resize(40), CenterCrop(32), ToTensor, and Normalize with the
usual mean and deviation of ImageNet. What is stored has the channels last. Needs torchvision in an
environment of its own (requirements.txt beside this file):

    python benchmarks/peers/preprocessing_fixture.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torchvision
from PIL import Image
from torchvision import transforms

FILE = Path(__file__).parents[2] / "tests" / "cnn" / "fixtures" / "preprocessing.npz"
# Landscape, portrait, odd sizes, one that grows, and one that has the size already.
SIZES = ((48, 80), (90, 50), (57, 43), (41, 63), (21, 30), (40, 47))
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def transformed(rows: int, columns: int, interpolation: str) -> np.ndarray:
    """Return what the transform makes of the random image of these sizes."""
    rng = np.random.default_rng((rows, columns))
    image = rng.integers(0, 256, (rows, columns, 3), dtype="uint8")
    transform = transforms.Compose(
        [
            transforms.Resize(40, transforms.InterpolationMode(interpolation)),
            transforms.CenterCrop(32),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    return transform(Image.fromarray(image)).permute(1, 2, 0).numpy()


def main() -> None:
    arrays = {
        f"{rows}x{columns} {interpolation}": transformed(rows, columns, interpolation)
        for rows, columns in SIZES
        for interpolation in ("bilinear", "bicubic")
    }
    np.savez_compressed(FILE, **arrays)
    print(f"torchvision {torchvision.__version__}, Pillow {Image.__version__}")
    print(f"{FILE.name}: {FILE.stat().st_size} bytes, {len(arrays)} arrays")


if __name__ == "__main__":
    main()
