"""Small CNNs on real images, beside scikit-learn's support vectors and random forest.

Each set is split once, stratified, equal images on one side: 80 % to train and 20 % to test. The
peers get the pixels of the training images, scaled to [0, 1]: an SVM with a Gaussian kernel whose C
is chosen among 1, 10 and 100 by threefold cross-validation, and a forest of 500 trees. The CNN's
settings are the same for all sets of a kind; those for digits were tried on another split than this
one. Digits are trained with three seeds and five families; every training prints its seconds.

    python benchmarks/image_sets.py [digits] [fashion_mnist] [mnist] [FILE.npz ...]

Files are archives of images as `load_images` reads them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import workbench
from workbench.classification import accuracy

FAMILIES = (
    "tiny_mobilenet_v2",
    "tiny_se_resnext",
    "tiny_shufflenet_v2",
    "tiny_ghostnet",
    "tiny_squeezenet",
)
USUAL: dict[str, Any] = {"average": 0.99, "label_smoothing": 0.1}
DIGITS = USUAL | {"epochs": 60, "augment": ("crop",)}
GREY = USUAL | {"epochs": 15, "augment": ("crop",)}
COLOUR = USUAL | {"epochs": 60, "augment": ("flip", "crop", "color")}
SIZE = 48  # pixels of a file's images


def loaded(source: str) -> Any:
    """Return a set of images: a shipped one, or a file's at `SIZE` pixels."""
    if Path(source).suffix == ".npz":
        return workbench.load_images(source, size=SIZE, progress=False)
    return workbench.load_images(source)


def peers(train: Any, test: Any) -> dict[str, float]:
    """Return the accuracy of scikit-learn's two on the test images."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import SVC

    X, T = (part.images.reshape(len(part.images), -1) / 255 for part in (train, test))
    svm = GridSearchCV(SVC(), {"C": [1, 10, 100]}, cv=3, n_jobs=2)
    forest = RandomForestClassifier(500, random_state=0, n_jobs=2)
    return {
        name: float(model.fit(X, train.labels).score(T, test.labels))
        for name, model in (("svm", svm), ("forest", forest))
    }


def trained(name: str, train: Any, test: Any, seed: int, settings: dict[str, Any]) -> Any:
    """Return test accuracy and seconds of a training."""
    model = workbench.build_cnn(name, train.images.shape[1:], len(train.classes), seed=seed)
    began = time.perf_counter()
    workbench.train_classifier(model, train, seed=seed, progress=False, **settings)
    return accuracy(model, test), time.perf_counter() - began


def main() -> None:
    """Print a line a set, and five for the digits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", default=["digits", "fashion_mnist", "mnist"])
    for source in parser.parse_args().sets:
        parts = loaded(source).split(train=0.8, validation=0, test=0.2, seed=1)
        train, test = parts.train, parts.test
        found = peers(train, test)
        beside = ", ".join(f"{name} {value:.2%}" for name, value in found.items())
        print(f"{Path(source).stem}: {len(train.labels)} train, {len(test.labels)} test; {beside}")
        small = train.images.shape[1] <= 8
        settings = DIGITS if small else GREY if train.images.shape[-1] == 1 else COLOUR
        for name in FAMILIES if small else ("tiny_se_resnet",):
            runs = [trained(name, train, test, seed, settings) for seed in range(3 if small else 1)]
            values, seconds = zip(*runs, strict=True)
            median = statistics.median(values)
            print(
                f"  {name:20} median {median:.2%} of {np.round(values, 4)}, at most "
                f"{max(seconds):.0f} s, ahead of both: {median > max(found.values())}",
                flush=True,
            )


if __name__ == "__main__":
    main()
