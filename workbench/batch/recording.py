"""How a notebook hands its results to whoever executes it.

``record(test_mse=3.2e-7)`` in a cell displays the value under a MIME type of our own, which
Jupyter shows as plain text and the runner reads from the executed notebook. (The library made
for this, scrapbook, is no longer maintained.)
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from workbench.errors import ArgumentError

MIME = "application/vnd.workbench.record+json"
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def record(**values: object) -> None:
    """Hand over named results; a name used again replaces what it stood for.

    Three names have a meaning: ``summary`` is the table printed at the end of a run (a list
    of rows, the first one the headings, or a DataFrame), ``data`` says which data were used
    (name and SHA-256), and ``times`` is a mapping of everything measured by a clock, which is
    kept apart so that all else is the same in every run with the same seeds.

    Args:
        **values: None, booleans, numbers, strings, arrays, DataFrames, and lists and mappings
            of these. Floats keep all their digits.

    Raises:
        ArgumentError: A value is of another kind, or ``times`` is not a mapping.
    """
    from IPython.display import display

    encoded = {name: encode(name, value) for name, value in values.items()}
    if not isinstance(encoded.get("times", {}), dict):
        raise ArgumentError("times", "be a mapping of names to seconds", values["times"])
    display(record_bundle(encoded), raw=True)


def record_bundle(encoded: dict[str, Json]) -> dict[str, Json]:
    """Return encoded values as the MIME bundle that a notebook holds and Jupyter shows."""
    shown = "\n".join(f"{name} = {_shortened(value)}" for name, value in encoded.items())
    return {MIME: encoded, "text/plain": shown}


def encode(name: str, value: object) -> Json:
    """Return ``value`` as JSON can hold it.

    NumPy's scalars become Python's, arrays nested lists, a DataFrame a list of mappings, one
    a row. JSON has no NaN and no infinity: they become "NaN", "Infinity" and "-Infinity".

    Args:
        name: What to call it in an error.
        value: The thing to convert.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else json.dumps(value)
    if hasattr(value, "columns") and hasattr(value, "to_dict"):
        value = value.to_dict("records")
    if isinstance(value, Mapping):
        return {str(key): encode(f"{name}[{key!r}]", item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(f"{name}[{i}]", item) for i, item in enumerate(value)]
    raise ArgumentError(
        name,
        "be a number, string, array, DataFrame, or a list or mapping of these",
        f"an object of type {type(value).__name__}",
        "Record its numbers one by one.",
    )


def recorded(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that the cells of an executed notebook recorded, later ones winning."""
    found: dict[str, Any] = {}
    for _, output in outputs(notebook):
        found.update(output.get("data", {}).get(MIME, {}))
    return found


def outputs(notebook: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield every output of a notebook with the index of its cell, in order."""
    for index, cell in enumerate(notebook["cells"]):
        for output in cell.get("outputs", []):
            yield index, output


def _shortened(value: Json, length: int = 70) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= length else f"{text[:length]}..."
