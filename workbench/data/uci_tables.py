"""Tables of the UCI Machine Learning Repository that lie in ``datasets/`` as CSV files.

``tools/tables.py`` makes the files; ``datasets/README.md`` says from what, and which rows of UCI's
they lack.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import partial

import numpy as np

from workbench.data.checksum import verified_bytes
from workbench.data.dataset import DATASETS, Dataset
from workbench.data.folder import datasets_folder


@dataclass(frozen=True)
class _Table:
    """What is known of a file beforehand; its last column is the target.

    Attributes:
        sha256: Of the file.
        source: Who measured it, and where it was published.
        description: What was measured, in which units.
        words: Columns that are no numbers, and so no inputs.
    """

    sha256: str
    source: str
    description: str
    words: tuple[str, ...] = ()


_TABLES = {
    "concrete": _Table(
        "c2690f237285ede14fa54fe05dbe6a83ce510f65de6a8c5f8cafd6cefd9f38e2",
        "I-C. Yeh: Concrete Compressive Strength, 1998; UCI Machine Learning Repository, "
        "https://doi.org/10.24432/C5PK67",
        "Compressive strength of 1030 concretes (MPa), by their age (days) and what a cubic metre "
        "of them has of seven ingredients (kg). 25 rows repeat an earlier one.",
    ),
    "auto_mpg": _Table(
        "6d9cf91c547b034007b8997f8c6aa4f7bb4af660cfdd8696b7e02c1465eed6d2",
        "R. Quinlan: Auto MPG, 1993; UCI Machine Learning Repository, "
        "https://doi.org/10.24432/C5859H",
        "City-cycle fuel consumption of 392 cars (miles a US gallon), by cylinders, displacement "
        "(cubic inches), horsepower, weight (pounds), acceleration (seconds to 60 miles an hour), "
        "model year (less 1900) and origin (1 USA, 2 Europe, 3 Japan). Six cars of UCI's table "
        "whose horsepower is unknown are left out.",
        words=("car_name",),
    ),
}


def _load(name: str) -> Dataset:
    table = _TABLES[name]
    content = verified_bytes(datasets_folder() / f"{name}.csv", table.sha256)
    header, *rows = csv.reader(io.StringIO(content.decode("ascii"), newline=""))
    numeric = [place for place, column in enumerate(header) if column not in table.words]
    values = np.array([[float(row[place]) for place in numeric] for row in rows])
    names = tuple(header[place] for place in numeric)
    return Dataset(
        name=name,
        X=values[:, :-1],
        y=values[:, -1:],
        feature_names=names[:-1],
        target_names=names[-1:],
        classes=None,
        source=table.source,
        licence="CC BY 4.0",
        sha256=table.sha256,
        description=table.description,
    )


for _name in _TABLES:
    DATASETS.register(_name)(partial(_load, _name))
