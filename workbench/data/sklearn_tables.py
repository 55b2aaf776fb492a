"""The real tables that come with scikit-learn, each under its own name.

scikit-learn's distribution is BSD-3-Clause; the descriptions inside it name no licence of the
measurements themselves, so what is known about that is stated set by set.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import partial

import numpy as np

from workbench.data.checksum import sha256_of_values, verify
from workbench.data.dataset import DATASETS, Dataset
from workbench.errors import DataFileError

_SHIPPED = "The copy comes with scikit-learn (BSD-3-Clause)"
_UCI = f"CC BY 4.0 at the UCI Machine Learning Repository. {_SHIPPED}."
_UNSTATED = f"No licence stated by the source. {_SHIPPED}."


@dataclass(frozen=True)
class _Table:
    """What is known of a table beforehand.

    Attributes:
        loader: Function of `sklearn.datasets` that reads it.
        target: Name of its target.
        sha256: Of its values, see `sha256_of_values`.
        source: Who measured it, and where it was published.
        licence: As far as it is stated anywhere.
        description: What was measured.
    """

    loader: str
    target: str
    sha256: str
    source: str
    licence: str
    description: str


_TABLES = {
    "diabetes": _Table(
        "load_diabetes",
        "disease progression",
        "e9c1f7559552854a24dc45b41c446ce5f79f96e5da081bcce24b57492720b3f7",
        "B. Efron, T. Hastie, I. Johnstone, R. Tibshirani: Least angle regression, Annals of "
        "Statistics 32 (2004) 407-499; https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html",
        _UNSTATED,
        "Age, sex, body mass index, blood pressure and six serum values (in their own units, not "
        "scaled) of 442 patients, and the progression of their diabetes a year later.",
    ),
    "breast_cancer": _Table(
        "load_breast_cancer",
        "diagnosis",
        "cdd5f37c36cbdfc2e5ee074cec7540fac54340874afb25917a673e446270d0d0",
        "W. H. Wolberg, W. N. Street, O. L. Mangasarian: Breast Cancer Wisconsin (Diagnostic), "
        "1995; UCI Machine Learning Repository",
        _UCI,
        "Mean, standard error and worst value of ten features of cell nuclei in 569 images of "
        "breast masses, and whether the mass was malignant.",
    ),
    "wine": _Table(
        "load_wine",
        "cultivator",
        "c7e84e8e03b2b5a354287416d84d08945318450658a22a63c39973d8306c2ca4",
        "M. Forina et al.: PARVUS, Institute of Pharmaceutical and Food Analysis and "
        "Technologies, Genoa, 1988; UCI Machine Learning Repository",
        _UCI,
        "Thirteen chemical constituents of 178 wines of one region in Italy, and which of three "
        "cultivators grew them.",
    ),
    "iris": _Table(
        "load_iris",
        "species",
        "18565d0da72dafd52595fe48b03ca9b06dfc2c05d0c4c155576631d0aae8eb7e",
        "R. A. Fisher: The use of multiple measurements in taxonomic problems, Annals of "
        "Eugenics 7 (1936) 179-188; the values of the paper, not UCI's, of which two are wrong",
        _UNSTATED,
        "Length and width of sepals and petals of 150 irises, and their species.",
    ),
    "digits": _Table(
        "load_digits",
        "digit",
        "f19a7d92591ca0a1ffc65ec172e8149afdff995e0d2c4cb0afd151f38471ff90",
        "E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits (its test set), 1998; "
        "UCI Machine Learning Repository",
        _UCI,
        "1797 handwritten digits as images of 8 x 8 pixels with values from 0 to 16, row by row.",
    ),
}


def _load(name: str) -> Dataset:
    from sklearn import __version__, datasets

    table = _TABLES[name]
    # The scaled form of diabetes hides the units, and its scaling saw all rows.
    options = {"scaled": False} if name == "diabetes" else {}
    remedy = (
        f"Install scikit-learn anew (this is version {__version__}); for another version of "
        "scikit-learn, one of workbench that knows it."
    )
    try:
        bunch = getattr(datasets, table.loader)(**options)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataFileError(
            f"scikit-learn cannot read its table {name!r}: {error}. {remedy}"
        ) from error
    X, y = np.asarray(bunch.data, dtype=float), np.asarray(bunch.target, dtype=float)[:, None]
    verify(f"scikit-learn's table {name!r}", sha256_of_values(X, y), table.sha256, remedy)
    classes = bunch.get("target_names")
    return Dataset(
        name=name,
        X=X,
        y=y,
        feature_names=tuple(map(str, bunch.feature_names)),
        target_names=(table.target,),
        classes=None if classes is None else tuple(map(str, classes)),
        source=table.source,
        licence=table.licence,
        sha256=table.sha256,
        description=table.description,
    )


for _name in _TABLES:
    DATASETS.register(_name)(partial(_load, _name))
