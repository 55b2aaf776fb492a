"""Search for architectures that are accurate for few multiply-accumulates.

Sources: Z. Lu et al., "NSGA-Net: neural architecture search using multi-objective genetic
algorithm", 2019 (arXiv:1810.03522), for the genetic search of a front; M. Tan et al., "MnasNet",
2019 (arXiv:1807.11626), for candidates that are trained for a few epochs only, and for a search
space of a few choices a stage.

A candidate is built, its MACs are counted, and it is narrowed until they are within the budget,
all before anything is trained. Then it is trained from the same seed and for the same epochs as all
others, and scored on the same held-out images. Each is scored once, however often it comes up. The
fronts are those of NSGA-II (`workbench.evolve.pareto_search`).

A short training is a noisy and partial judge: the order of two neighbours on the front means
little, and the accuracies are lower than after a full training. And the best of many candidates on
held-out images is flattered by the choice: measure the chosen ones on images kept back from it all.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench import progress as progress_bar
from workbench.architecture.candidate import Candidate, SearchSpace
from workbench.architecture.result import ArchitectureResult as ArchitectureResult
from workbench.architecture.scores import Score, Scores
from workbench.checks import Seed
from workbench.complexity import profile
from workbench.errors import ArgumentError
from workbench.evolve import pareto_search

if TYPE_CHECKING:
    import pandas as pd

    from workbench.cnn.model import CNN

Scorer = Callable[["CNN", Candidate], float]

# A candidate that even at its smallest is beyond the budget: worse than guessing.
_REFUSED = 1.0


def search_architecture(
    images: ArrayLike,
    labels: ArrayLike,
    *,
    macs_budget: int | None = None,
    population: int = 12,
    generations: int = 5,
    epochs_per_candidate: int = 8,
    validation: float = 0.25,
    space: SearchSpace | None = None,
    score: Scorer | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    device: str = "auto",
    seed: Seed = None,
    progress: bool = True,
) -> ArchitectureResult:
    """Search for the front of accuracy against MACs.

    Args:
        images: Images (n, rows, columns, channels), bytes or numbers, as `train_classifier` takes
            them.
        labels: Class numbers (n,), integers from 0.
        macs_budget: Most multiply-accumulates of an image; None sets no limit.
        population: Candidates of a generation, an even number from 4.
        generations: Generations, the first included: at most their product is trained.
        epochs_per_candidate: Epochs that each candidate is trained.
        validation: Share of the images, of each class in proportion, that candidates are scored
            on and none is trained on.
        space: What may be chosen; None for all blocks, 4 to 32 channels in the first stage, 1 to 3
            blocks a stage, and squeeze-and-excitation of the ratios 4 and 8 or none.
        score: Another judge: ``score(model, candidate)`` is given the network with new weights and
            returns an accuracy between 0 and 1. ``epochs_per_candidate`` and ``validation`` are
            then its own affair.
        checkpoint: A JSON file to keep the scores in. If it is there, they are taken from it, so
            that a killed search called again goes on to the same result. It must be the same
            search, but may have another budget, population or number of generations.
        device: Where to train, as for `train_classifier`.
        seed: Generator, or seed for one, of the search, of all initial weights and trainings. With
            a checkpoint and no seed it is that of the checkpoint.
        progress: Show a bar when it takes longer than a second.

    Returns:
        All scored candidates, their front, and how it came about.

    Raises:
        ArgumentError: A wrong argument, a budget that no candidate of the space keeps to, a file
            of another search, or a score that is no accuracy.
        KeyboardInterrupt: Ctrl-C before the first generation was complete. Later it ends the
            search, and the result is what is known by then.
    """
    pictures, numbers = _checked(images, labels)
    epochs = checks.integer("epochs_per_candidate", epochs_per_candidate)
    share = checks.real("validation", validation, 0.01, 0.99)
    budget = None if macs_budget is None else checks.integer("macs_budget", macs_budget)
    space = SearchSpace() if space is None else space
    facts: dict[str, Any] = {
        "data": _digest(pictures, numbers),
        "score": "training" if score is None else getattr(score, "__name__", type(score).__name__),
        "epochs": epochs if score is None else None,
        "validation": share if score is None else None,
        "seed": _number(seed),
    }
    scores = Scores(checkpoint, facts)
    if facts["seed"] is None:
        facts["seed"] = int(np.random.SeedSequence().generate_state(1)[0])
    start = int(facts["seed"])
    if score is None:
        score = trained_accuracy(pictures, numbers, share, epochs, start, device)
    shape, classes = pictures.shape[1:], int(numbers.max()) + 1
    most = checks.integer("population", population) * checks.integer("generations", generations)
    with progress_bar.bar(most, "architectures", "candidate", enabled=progress) as bar:
        judge = Judge(space, shape, classes, budget, score, scores, start, bar)
        judge.check_budget()
        found = pareto_search(
            judge,
            space.bounds,
            population=population,
            generations=generations,
            genes="integer",
            seed=start,
            progress=False,
        )
    return ArchitectureResult(
        _frame(scores, budget), shape, classes, found.history, found.stop, start
    )


class Judge:
    """From genes to (1 - accuracy, log10 of the MACs), each candidate scored once."""

    def __init__(
        self,
        space: SearchSpace,
        shape: tuple[int, int, int],
        classes: int,
        budget: int | None,
        score: Scorer,
        scores: Scores,
        seed: int,
        bar: Any,
    ):
        self.space, self.shape, self.classes, self.budget = space, shape, classes, budget
        self.score, self.scores, self.seed, self.bar = score, scores, seed, bar

    def __call__(self, members: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the objectives ``(members, 2)``."""
        values = []
        for genes in members:
            candidate, macs = self.within_budget(self.space.candidate(genes))
            error = _REFUSED if candidate is None else 1 - self.scored(candidate).accuracy
            values.append((error, np.log10(macs)))
            self.bar.set_postfix(scored=len(self.scores))
            self.bar.update()
        return np.array(values)

    def within_budget(self, candidate: Candidate) -> tuple[Candidate | None, int]:
        """Return the candidate, narrowed as far as needed, and its MACs.

        One that is beyond the budget at its smallest is None, with the MACs that it has then.
        """
        narrowed: Candidate | None = candidate
        while narrowed is not None:
            candidate, (macs, _) = narrowed, self.costs(narrowed)
            if self.budget is None or macs <= self.budget:
                return candidate, macs
            narrowed = self.space.smaller(candidate)
        return None, macs

    def scored(self, candidate: Candidate) -> Score:
        """Return the score of a candidate, by training it if that is not known yet."""
        if candidate not in self.scores:
            model = candidate.build(self.shape, self.classes, seed=self.seed)
            accuracy = checks.real("score", self.score(model, candidate), 0, 1)
            self.scores.enter(candidate, Score(accuracy, *self.costs(candidate)))
        return self.scores[candidate]

    def costs(self, candidate: Candidate) -> tuple[int, int]:
        """Return MACs and parameters."""
        if candidate in self.scores:
            return self.scores[candidate].macs, self.scores[candidate].parameters
        return counted(candidate, self.shape, self.classes)

    def check_budget(self) -> None:
        """Raise if the smallest candidate of every block is beyond the budget."""
        if self.budget is None:
            return
        blocks, widths, depths, ratios = self.space
        least = {
            block: self.costs(Candidate(block, widths[0], (depths[0],) * 3, min(ratios)))[0]
            for block in blocks
        }
        if min(least.values()) > self.budget:
            raise ArgumentError(
                "macs_budget",
                f"be {min(least.values())} or more, what {min(least, key=lambda b: least[b])!r} "
                "costs at its smallest",
                self.budget,
            )


@lru_cache(maxsize=4096)
def counted(candidate: Candidate, shape: tuple[int, int, int], classes: int) -> tuple[int, int]:
    """Return MACs and parameters of a candidate, which are counted once in a process."""
    found = profile(candidate.build(shape, classes, seed=0))
    return found.macs, found.parameters


def trained_accuracy(
    images: NDArray[Any],
    labels: NDArray[np.intp],
    validation: float,
    epochs: int,
    seed: int,
    device: str,
) -> Scorer:
    """Return the usual judge: a short training, and the accuracy on held-out images."""
    from workbench.classification import accuracy, train_classifier
    from workbench.data import stratified_split

    train, held, _ = stratified_split(
        labels, train=1 - validation, validation=validation, test=0.0, seed=seed
    )

    def score(model: CNN, candidate: Candidate) -> float:
        train_classifier(
            model,
            images[train],
            labels[train],
            epochs=epochs,
            device=device,
            seed=seed,
            progress=False,
        )
        return accuracy(model, images[held], labels[held])

    return score


def _checked(images: ArrayLike, labels: ArrayLike) -> tuple[NDArray[Any], NDArray[np.intp]]:
    pictures, numbers = np.asarray(images), np.asarray(labels)
    if pictures.ndim != 4 or not pictures.size or pictures.dtype.kind not in "fiub":
        raise ArgumentError(
            "images",
            "be numbers of shape (images, rows, columns, channels)",
            f"shape {pictures.shape} and dtype {pictures.dtype}",
            "Of grey images, images[..., None] has the shape.",
        )
    whole = numbers.ndim == 1 and numbers.dtype.kind in "iu" and numbers.size == len(pictures)
    if not whole or numbers.min() < 0 or numbers.max() < 1:
        raise ArgumentError(
            "labels",
            f"be {len(pictures)} class numbers from 0, of two classes or more",
            f"shape {numbers.shape} and dtype {numbers.dtype}",
        )
    return pictures, numbers.astype(np.intp)


def _number(seed: Seed) -> int | None:
    if isinstance(seed, np.random.Generator):
        return int(seed.integers(2**31))
    return None if seed is None else checks.integer("seed", seed, minimum=0)


def _digest(*arrays: NDArray[Any]) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.shape} {array.dtype}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _frame(scores: Scores, budget: int | None) -> pd.DataFrame:
    """Return a row a candidate; one of a file may be beyond the budget of this search."""
    import pandas as pd

    rows = [
        {
            "name": one.name,
            "block": one.block,
            "width": one.width,
            "depths": one.depths,
            "se_ratio": one.se_ratio,
            "accuracy": known.accuracy,
            "macs": known.macs,
            "parameters": known.parameters,
        }
        for one, known in scores
        if budget is None or known.macs <= budget
    ]
    return pd.DataFrame(rows)
