"""Does the front of an architecture search dominate tiny networks made by hand?

Digits of 8 x 8; a quarter is kept back from everything. The search trains each candidate for
--epochs epochs on three quarters of the rest and scores it on the last quarter. The hand-made
networks are trained and scored in the very same way. The best of many is flattered by the choice;
so each hand-made network and the candidate that dominates it at the highest accuracy are then
trained anew, from other seeds and just as long, and measured on the digits kept back.

Seen: a candidate takes 10 s of one core, so the search 5 to 10 minutes on two (28 minutes for 56
candidates, where others used the cores as well). Within 2 million MACs the front dominates tiny_vgg
(0.985 for 1.75 M against 0.923 for 2.07 M; kept back, medians of 3 seeds: 0.987 against 0.976) and
tiny_resnet (0.985 for 1.75 M against 0.985 for 4.79 M; kept back 0.987 each). Within 4.5 million
tiny_alexnet as well (0.991 for 3.62 M against 0.988 for 5.74 M). It does not dominate
tiny_mobilenet_v2, 0.991 for 2.80 M.

    python benchmarks/architecture_search.py [--population 12] [--generations 5] [--epochs 8]
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from sklearn.model_selection import train_test_split

from workbench import build_cnn, load_dataset, profile
from workbench.architecture import search_architecture
from workbench.architecture.search import trained_accuracy
from workbench.classification import accuracy, train_classifier

HAND_MADE = ("tiny_vgg", "tiny_alexnet", "tiny_resnet", "tiny_mobilenet_v2")
SHAPE, CLASSES, VALIDATION = (8, 8, 1), 10, 0.25


def digits(seed: int) -> tuple[np.ndarray, ...]:
    data = load_dataset("digits")
    images = (data.X.reshape(-1, *SHAPE) / 8 - 1).astype("float32")
    numbers = data.y[:, 0].astype(int)
    return tuple(
        train_test_split(images, numbers, test_size=0.25, stratify=numbers, random_state=seed)
    )


def anew(model: keras.Model, seed: int, epochs: int, data: tuple[np.ndarray, ...]) -> float:
    """Return the test accuracy of a network that is trained on all training images."""
    train, test, train_y, test_y = data
    train_classifier(model, train, train_y, epochs=epochs, seed=seed, progress=False)
    return accuracy(model, test, test_y)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--population", type=int, default=12)
    parser.add_argument("--generations", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--budget", type=int, default=4_500_000, help="MACs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=3, help="trainings anew")
    parser.add_argument("--checkpoint", help="JSON file of the scores")
    given = parser.parse_args()
    data = digits(given.seed)
    train, _, train_y, _ = data
    began = time.perf_counter()
    found = search_architecture(
        train,
        train_y,
        macs_budget=given.budget,
        population=given.population,
        generations=given.generations,
        epochs_per_candidate=given.epochs,
        validation=VALIDATION,
        checkpoint=given.checkpoint,
        seed=given.seed,
        progress=False,
    )
    print(
        f"{len(found.frame)} candidates in {time.perf_counter() - began:.0f} s, "
        f"{time.process_time():.0f} s of one core; the front:"
    )
    columns = ["name", "accuracy", "macs", "parameters"]
    print(found.front[columns].to_string(index=False), flush=True)
    judge = trained_accuracy(train, train_y, VALIDATION, given.epochs, given.seed, "auto")
    for name in HAND_MADE:
        model = build_cnn(name, SHAPE, CLASSES, seed=given.seed)
        score, macs = judge(model, None), profile(model).macs  # type: ignore[arg-type]
        better = found.dominates(score, macs)
        print(f"{name}: {score:.4f}, {macs:,} MACs; dominated by {len(better)} candidates")
        if better.empty:
            continue
        best = better.sort_values(["accuracy", "macs"], ascending=[False, True]).iloc[0]
        seeds = range(given.seed + 100, given.seed + 100 + given.seeds)
        theirs = [
            anew(build_cnn(name, SHAPE, CLASSES, seed=s), s, given.epochs, data) for s in seeds
        ]
        ours = [anew(found.build(best, seed=s), s, given.epochs, data) for s in seeds]
        print(
            f"  {best['name']}: {best['accuracy']:.4f}, {best['macs']:,} MACs "
            f"({macs / best['macs']:.1f} times fewer); kept back, medians of {given.seeds}: "
            f"{np.median(ours):.4f} against {np.median(theirs):.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
