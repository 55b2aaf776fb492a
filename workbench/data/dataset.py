"""What a data set is, and the registry of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench import checks
from workbench.checks import FloatArray
from workbench.registry import Registry

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A table of samples with its provenance.

    Attributes:
        name: Name it is registered under.
        X: Inputs, shape (samples, inputs), float64, read-only.
        y: Targets, shape (samples, outputs), float64, read-only. For classification one column
            of class numbers: indices into ``classes``.
        feature_names: One name a column of ``X``.
        target_names: One name a column of ``y``.
        classes: Names of the classes; None for regression.
        source: Where the samples come from.
        licence: What may be done with them.
        sha256: Checksum, in hexadecimal digits: of the file where the set is a file of ours,
            otherwise of its values (see `workbench.data.checksum.sha256_of_values`).
        description: What was measured.
    """

    name: str
    X: FloatArray
    y: FloatArray
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]
    classes: tuple[str, ...] | None
    source: str
    licence: str
    sha256: str
    description: str

    def __post_init__(self) -> None:
        for field in ("X", "y"):
            table = np.array(checks.matrix(field, getattr(self, field)), dtype=np.float64)
            table.flags.writeable = False
            object.__setattr__(self, field, table)
        checks.same_rows(self.X, self.y)

    @property
    def frame(self) -> pd.DataFrame:
        """A new DataFrame, one row a sample; class numbers are shown as class names."""
        import pandas as pd

        frame = pd.DataFrame(np.array(self.X), columns=list(self.feature_names))
        for name, column in zip(self.target_names, self.y.T, strict=True):
            frame[name] = (
                column
                if self.classes is None
                else pd.Categorical.from_codes(column.astype(np.intp), pd.Index(self.classes))
            )
        return frame

    def __repr__(self) -> str:
        samples, inputs = self.X.shape
        outputs = self.y.shape[1]
        kind = f"{outputs} output{'s' * (outputs > 1)}"
        if self.classes is not None:
            kind = f"{len(self.classes)} classes"
        return f"<Dataset {self.name!r}: {samples} samples, {inputs} inputs, {kind}>"


DATASETS: Registry[Callable[[], Dataset]] = Registry("data set")
