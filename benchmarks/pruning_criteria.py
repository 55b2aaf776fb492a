"""Which channels to take: pruning criteria compared on digits, over seeds, in pairs.

For each seed: other images to train with, other weights, one training; then the network is cut to
a third of its MACs by each criterion, at once or in three steps, and trained further. All get the
same number of epochs, whether at the end or in parts between the steps. Beside them stands a
network of the same size with new weights and the same epochs: what the weights that were kept are
worth.

    python benchmarks/pruning_criteria.py [--network tiny_se_resnet] [--seeds 5] [--stepwise l1]

Columns: accuracy on the test images in percent, behind pruning and behind fine-tuning (with steps:
behind the last of them), and the loss against the network that was pruned, in percentage points.
Then the paired differences between "se" and the others, between old weights and new ones, and
between steps and none, with 95 % intervals of Student's t; as the seeds' images overlap, their
variance is that of C. Nadeau and Y. Bengio, 2003, which makes them wide. A difference whose
interval has zero in it is none that was shown.

What five seeds gave, in twelve minutes of the processor: medians of 98.5 % before, 10 % (guessing)
behind the cut, and 98.2 to 98.8 % behind nine further epochs. That is a loss of 0.3 to 0.4 points
for every criterion and for random channels alike, and of 1.7 points in the worst case. No
difference between "se" and any other, "random" among them, was shown. New weights lost 1.4 points
(median) in the same nine epochs, and were behind in four seeds of five, which is no difference
shown either. Three steps of three epochs lost 2.8 to 4.3 points, more than nine epochs at once in
14 of 15 pairs: three epochs are too few to come back from a cut.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
from scipy.stats import t as students_t

from workbench import build_cnn, load_images, profile, prune_channels, train_classifier
from workbench.compress import CRITERIA

TRAIN = 0.6  # share of the images
EPOCHS, FURTHER, STEPS = 30, 9, 3
STEPWISE = ["l1", "taylor", "se"]  # each takes as long as three others
RATE = 0.1  # of SGD in fine-tuning: what pruning leaves is far from any minimum
SEEN = 512  # training images that criteria look at
NEW = "new weights"


class Digits:
    """The images of a seed.

    Args:
        seed: Of the split.
    """

    def __init__(self, seed: int):
        images = load_images("digits", progress=False)
        self.train, _, self.test = images.split(
            train=TRAIN, validation=0, test=1 - TRAIN, seed=seed
        )

    @property
    def ratio(self) -> float:
        """Test images for each training image."""
        return len(self.test) / len(self.train)

    def right(self, model: Any) -> float:
        """Return the share of test images that are classified rightly, in percent."""
        outputs = np.asarray(model(model.preprocessing.normalise(self.test.images), training=False))
        return 100 * float(np.mean(outputs.argmax(axis=1) == self.test.labels))

    def school(self, model: Any, epochs: int, seed: int, **recipe: Any) -> None:
        """Train a model."""
        train_classifier(
            model,
            self.train,
            epochs=epochs,
            augment=("crop",),
            seed=seed,
            progress=False,
            **recipe,
        )


def pruned(
    model: Any, digits: Digits, criterion: str, steps: int, seed: int, asked: Any
) -> tuple[Any, float, float]:
    """Return a smaller network, and its accuracy before and after the last fine-tuning."""
    before: list[float] = []

    def fine_tune(smaller: Any, step: int) -> None:
        before.append(digits.right(smaller))
        digits.school(
            smaller,
            asked.further // steps,
            1000 * seed + step,
            optimizer="sgd",
            learning_rate=asked.rate,
        )

    small = prune_channels(
        model,
        target_macs=asked.macs,
        criterion=criterion,
        data=model.preprocessing.normalise(digits.train.images[:SEEN]),
        labels=digits.train.labels[:SEEN],
        steps=steps,
        fine_tune=fine_tune,
        seed=seed,
    )
    return small, before[-1], digits.right(small)


def rows_of(seed: int, asked: Any) -> list[dict[str, Any]]:
    """Return what one seed gives, a row a setting."""
    digits = Digits(seed)
    build = {"name": asked.network, "input_shape": (8, 8, 1), "classes": 10}
    model: Any = build_cnn(**build, seed=seed)
    digits.school(model, asked.epochs, seed)
    fresh: Any = build_cnn(**build, seed=1000 + seed)
    fresh.preprocessing = model.preprocessing
    full, whole = digits.right(model), profile(model)
    settings = [(model, name, 1) for name in asked.criteria]
    settings += [(model, name, STEPS) for name in asked.stepwise]
    rows = []
    for start, name, steps in [*settings, (fresh, NEW, 1)]:
        small, cut, tuned = pruned(
            start, digits, "random" if name == NEW else name, steps, seed, asked
        )
        cost = profile(small)
        rows.append(
            {
                "seed": seed,
                "criterion": name,
                "steps": steps,
                "MACs": cost.macs / whole.macs,
                "parameters": cost.parameters / whole.parameters,
                "before": full,
                "pruned": cut,
                "tuned": tuned,
                "loss": full - tuned,
                "ratio": digits.ratio,
            }
        )
        print(
            f"seed {seed} {name:12}{steps} steps: {full:6.2f} -> {cut:6.2f} -> {tuned:6.2f}",
            flush=True,
        )
        keras.backend.clear_session()
    return rows


def difference(one: Any, other: Any, ratio: float) -> str:
    """Return mean and interval of the paired differences of two columns, and what they show."""
    apart = (one - other).to_numpy()
    count, mean = len(apart), float(apart.mean())
    spread = float(apart.std(ddof=1)) * (1 / count + ratio) ** 0.5
    half = float(students_t.ppf(0.975, count - 1)) * spread
    shown = "no difference shown" if abs(mean) <= half else "better" if mean > 0 else "worse"
    ahead = f"ahead in {(apart > 0).sum()}, behind in {(apart < 0).sum()} of {count}"
    return f"{mean:+.2f} [{mean - half:+.2f}, {mean + half:+.2f}]  {ahead}: {shown}"


def report(frame: pd.DataFrame) -> None:
    """Print medians and paired differences."""
    groups = frame.groupby(["criterion", "steps"], sort=False)
    table: Any = groups[["MACs", "parameters", "before", "pruned", "tuned", "loss"]].median()
    table["worst loss"] = groups["loss"].max()
    print("\nmedians over the seeds:")
    print(table.to_string(float_format=lambda value: f"{value:.2f}"))
    best: Any = table["loss"].idxmin()
    print(f"\nleast median loss: {best[0]} in {best[1]} step(s), {table['loss'].min():+.2f} points")
    if frame["seed"].nunique() < 2:
        return
    wide: Any = frame.pivot(index="seed", columns=["criterion", "steps"], values="tuned")
    ratio = float(frame["ratio"].mean())
    print("\npaired differences behind fine-tuning, in percentage points:")
    for name, steps in wide.columns:
        if name not in ("se", NEW) and ("se", steps) in wide:
            apart = difference(wide["se", steps], wide[name, steps], ratio)
            print(f"se - {name:12}in {steps} step(s): {apart}")
    for name, steps in wide.columns:
        if name != NEW and steps == 1:
            apart = difference(wide[name, steps], wide[NEW, steps], ratio)
            print(f"{name:10}- {NEW}: {apart}")
    for name, steps in wide.columns:
        if steps > 1 and (name, 1) in wide:
            apart = difference(wide[name, steps], wide[name, 1], ratio)
            print(f"{name:10}{steps} steps - 1: {apart}")


def main() -> None:
    """Print a line a network, then the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--network", default="tiny_se_resnet")
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--criteria", nargs="+", choices=list(CRITERIA), default=list(CRITERIA))
    parser.add_argument(
        "--stepwise", nargs="*", choices=list(CRITERIA), default=STEPWISE, help="in steps too"
    )
    parser.add_argument("--macs", type=float, default=1 / 3, help="share that remains")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of the first training")
    parser.add_argument("--further", type=int, default=FURTHER, help="epochs of fine-tuning")
    parser.add_argument("--rate", type=float, default=RATE, help="learning rate of fine-tuning")
    asked = parser.parse_args()
    if asked.further % STEPS:
        parser.error(f"--further must be a multiple of {STEPS}, the number of steps")
    frame = pd.DataFrame([row for seed in range(asked.seeds) for row in rows_of(seed, asked)])
    report(frame)
    print(f"\n{time.process_time():.0f} seconds of the processor")


if __name__ == "__main__":
    main()
