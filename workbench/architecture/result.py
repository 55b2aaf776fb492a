"""What an architecture search has found: a table, its front, a figure, and the networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.architecture.candidate import Candidate
from workbench.errors import ArgumentError
from workbench.evolve import ParetoHistory, pareto_set
from workbench.plot import plot_accuracy_cost

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from workbench.checks import Seed
    from workbench.cnn.model import CNN


@dataclass(frozen=True, eq=False)
class ArchitectureResult:
    """What `search_architecture` found.

    Attributes:
        frame: A row a candidate, in the order of their scores: ``name``, ``block``, ``width``,
            ``depths``, ``se_ratio``, ``accuracy``, ``macs`` and ``parameters``.
        input_shape: Rows, columns and channels of the images.
        classes: Number of classes.
        history: The fronts of the generations, of (1 - accuracy, log10 of the MACs); see
            `workbench.evolve.ParetoHistory`.
        stop: ``"generations"`` or ``"interrupted"``.
        seed: What repeats the search.
    """

    frame: pd.DataFrame
    input_shape: tuple[int, int, int]
    classes: int
    history: ParetoHistory
    stop: str
    seed: int

    @property
    def front(self) -> pd.DataFrame:
        """The rows that no other beats in accuracy and MACs, from the cheapest."""
        return self.frame.iloc[self._front()]

    def dominates(self, accuracy: float, macs: float) -> pd.DataFrame:
        """Return the rows that are as good in both as a network elsewhere, and better in one.

        Args:
            accuracy: Its accuracy, measured in the same way.
            macs: Its multiply-accumulates.
        """
        ours = self.frame
        as_good = (ours["accuracy"] >= accuracy) & (ours["macs"] <= macs)
        return ours[as_good & ((ours["accuracy"] > accuracy) | (ours["macs"] < macs))]

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw accuracy against MACs with the front, whose members are named."""
        named = set(self._front().tolist())
        labels = [name if i in named else "" for i, name in enumerate(self.frame["name"])]
        return plot_accuracy_cost(self.frame["macs"], self.frame["accuracy"], labels, ax)

    def candidate(self, row: int | pd.Series[Any]) -> Candidate:
        """Return the candidate of a row, or of its number in the index of ``frame``.

        Raises:
            ArgumentError: There is no such row.
        """
        found: Any = row
        if isinstance(row, int | np.integer):
            if row not in self.frame.index:
                raise ArgumentError("row", f"be from 0 to {len(self.frame) - 1}", row)
            found = self.frame.loc[row]
        return Candidate(
            str(found["block"]), int(found["width"]), tuple(found["depths"]), int(found["se_ratio"])
        )

    def build(self, row: int | pd.Series[Any], *, seed: Seed = None, **settings: Any) -> CNN:
        """Return the network of a row, its weights new: train it as any other.

        Args:
            row: A row of ``frame`` or ``front``, or its number in their index.
            seed: Of the initial weights; the search took its own.
            **settings: As of `Candidate.build`.

        Raises:
            ArgumentError: There is no such row.
        """
        return self.candidate(row).build(self.input_shape, self.classes, seed=seed, **settings)

    def _front(self) -> np.ndarray:
        return pareto_set(np.stack([self.frame["macs"], 1 - self.frame["accuracy"]], axis=1))

    def __repr__(self) -> str:
        best = self.frame["accuracy"].max()
        return (
            f"ArchitectureResult({len(self.frame)} candidates, {len(self._front())} on the front, "
            f"best accuracy {best:.4f})"
        )
