"""What was found: local optima with what speaks for and against each, and the warnings."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from workbench.extremum.box import Box
from workbench.extremum.support import Support

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


class ExtremumWarning(UserWarning):
    """An extremum of the surface that need not be one of what it was fitted on."""


@dataclass(frozen=True, eq=False)
class Extremum:
    """A local optimum of a surface.

    Attributes:
        x: The inputs ``(inputs,)``.
        value: Value of the surface there.
        gradient: Norm of the gradient there, without what leads out of the bounds: value by
            scaled inputs.
        at_bound: An input lies at a bound.
        outside: An input lies beyond the range of the data, if that is known, by more than a
            hundredth of it.
        distance: To the nearest sample, in scaled inputs; NaN where no samples are known.
        far: That is more than the largest distance from a sample to its nearest neighbour.
        true: Value of the true function there; NaN if it is not known.
    """

    x: Floats
    value: float
    gradient: float
    at_bound: bool
    outside: bool
    distance: float
    far: bool
    true: float = np.nan

    @property
    def error(self) -> float:
        """Value of the surface minus the true one; NaN if that is not known."""
        return self.value - self.true


@dataclass(frozen=True, eq=False)
class Optima(Sequence[Extremum]):
    """Distinct local optima, the best first.

    Attributes:
        found: The optima.
        names: Names of the inputs.
    """

    found: tuple[Extremum, ...]
    names: tuple[str, ...]

    @property
    def frame(self) -> pd.DataFrame:
        """One row an optimum, its inputs first, as a DataFrame."""
        import pandas as pd

        inputs = pd.DataFrame(np.stack([each.x for each in self.found]), columns=list(self.names))
        columns = ("value", "gradient", "at_bound", "outside", "distance", "far", "true", "error")
        rest = {name: [getattr(each, name) for each in self.found] for name in columns}
        return pd.concat([inputs, pd.DataFrame(rest)], axis=1)

    @overload
    def __getitem__(self, index: int) -> Extremum: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Extremum, ...]: ...
    def __getitem__(self, index: int | slice) -> Extremum | tuple[Extremum, ...]:
        return self.found[index]

    def __len__(self) -> int:
        return len(self.found)

    def __repr__(self) -> str:
        return f"Optima({len(self)}, the best {self[0].value:.6g} at {self[0].x.round(6).tolist()})"


def warn_of(
    best: Extremum, word: str, names: tuple[str, ...], box: Box, support: Support, stacklevel: int
) -> None:
    """Warn if the best optimum is at a bound, outside the data, or far from any sample.

    Args:
        best: The optimum.
        word: What it is, ``"minimum"`` or ``"maximum"``.
        names: Names of the inputs.
        box: Bounds.
        support: The data.
        stacklevel: Frames up to the caller to blame, as `warnings.warn` counts them.
    """
    where = ", ".join(f"{name} = {x:.6g}" for name, x in zip(names, best.x, strict=True))
    begin = f"The {word} of the surface, at {where}, lies"

    def listed(which: NDArray[np.bool_]) -> str:
        return ", ".join(name for name, there in zip(names, which, strict=True) if there)

    if best.at_bound:
        warnings.warn(
            f"{begin} at a bound of {listed(box.at_bound(best.x))}: the surface may go on beyond. "
            "Widen the bounds as far as there are data, or take it for what it is.",
            ExtremumWarning,
            stacklevel=stacklevel + 1,
        )
    if best.outside:
        warnings.warn(
            f"{begin} outside the data in {listed(support.outside(best.x))}, where the model "
            "extrapolates. Narrow the bounds to the range of the data, or add samples there.",
            ExtremumWarning,
            stacklevel=stacklevel + 1,
        )
    elif best.far:
        warnings.warn(
            f"{begin} far from the data: {best.distance:.3g} from the nearest sample, in scaled "
            f"inputs, and no two neighbours among them are more than {support.gap:.3g} apart. "
            "Add samples there.",
            ExtremumWarning,
            stacklevel=stacklevel + 1,
        )
