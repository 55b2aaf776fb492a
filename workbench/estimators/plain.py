"""Values as plain JSON and back, exactly: what JSON lacks is an object with one key that says it.

NumPy's arrays are ``{"$array": [dtype, shape, values]}``, tuples ``{"$tuple": [...]}``, mappings
whose keys are no plain names ``{"$map": [[key, value], ...]}``, infinities and NaN
``{"$float": "inf"}``. Floats keep all their bits, since Python writes the shortest decimals that
read back the same. Nothing that is read can name code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ArgumentError


def to_plain(name: str, value: Any) -> Any:
    """Return a value in JSON's types.

    Args:
        name: What it is called in the error.
        value: None, booleans, numbers, strings, arrays of such, and sequences and mappings of it.

    Raises:
        ArgumentError: It is something else.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return {"$float": repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        return {"$array": _array_to_plain(name, value)}
    if isinstance(value, tuple):
        return {"$tuple": [to_plain(name, each) for each in value]}
    if isinstance(value, list | range):
        return [to_plain(name, each) for each in value]
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {str(key): to_plain(name, each) for key, each in value.items()}
        pairs = [[to_plain(name, key), to_plain(name, each)] for key, each in value.items()]
        return {"$map": pairs}
    raise ArgumentError(
        name,
        "be made of numbers, strings, arrays, sequences and mappings to be saved",
        f"a {type(value).__name__}",
        "Replace it: an estimator that is fitted needs no generator as random_state any more, for "
        "example, and does with set_params(random_state=None).",
    )


def from_plain(value: Any) -> Any:
    """Return the value that `to_plain` got.

    Raises:
        ValueError: It is not of that form.
        TypeError: Likewise.
        KeyError: Likewise.
    """
    if isinstance(value, list):
        return [from_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    kind: str
    content: Any
    kind, content = next(iter(value.items()), ("", None))
    if not kind.startswith("$"):
        return {key: from_plain(each) for key, each in value.items()}
    if kind == "$float":
        return float(content)
    if kind == "$tuple":
        return tuple(from_plain(each) for each in content)
    if kind == "$map":
        return {from_plain(key): from_plain(each) for key, each in content}
    if kind == "$array":
        return _array_from_plain(content)
    raise ValueError(f"There is no kind of value {kind!r}.")


def _array_to_plain(name: str, array: NDArray[Any]) -> list[Any]:
    values = array.ravel().tolist()
    strings = array.dtype.kind == "O" and all(isinstance(each, str) for each in values)
    if array.dtype.kind not in "biufU" and not strings:
        requirement = "be numbers, strings or booleans to be saved"
        raise ArgumentError(name, requirement, f"an array of dtype {array.dtype}")
    kind = "O" if strings else array.dtype.str
    return [kind, list(array.shape), [to_plain(name, each) for each in values]]


def _array_from_plain(content: list[Any]) -> NDArray[Any]:
    kind, shape, values = content
    dtype = np.dtype(kind)
    if dtype.kind not in "biufUO":
        raise ValueError(f"Arrays of dtype {kind!r} are not read.")
    values = [from_plain(each) for each in values]
    if dtype.kind in "UO" and not all(isinstance(each, str) for each in values):
        raise ValueError("An array of strings holds something else.")
    return np.array(values, dtype=dtype).reshape(shape)
