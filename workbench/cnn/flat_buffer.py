"""FlatBuffers, read with every offset looked at: a damaged file is an error and no wild number.

Source: FlatBuffers' "internals". A table begins with the way back to an index, which has for each
field the way from the table to it, or 0 where it has its default. Vectors, strings and other tables
are named by the way forward to them. All numbers are little-endian.

The package ``flatbuffers`` has the same in its class Table, made for generated code, and reads
before the start of a file where an offset leads there.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Table:
    """A table: fields by their numbers, each of which may be missing.

    Every method raises ValueError where something lies outside of the file.

    Attributes:
        file: All of it.
        at: Where the table begins.
        places: Where its fields are, by their numbers.
    """

    file: bytes
    at: int
    places: Mapping[int, int] = field(init=False)

    def __post_init__(self) -> None:
        index = self.at - self._number("<i", self.at)
        size = self._number("<H", index)
        offsets = self._several("<u2", index + 4, max(size - 4, 0) // 2)
        places = {slot: self.at + int(o) for slot, o in enumerate(offsets) if o}
        object.__setattr__(self, "places", places)

    def number(self, slot: int, form: str, default: int = 0) -> int:
        """Return a number of `struct`'s format ``form``."""
        place = self.places.get(slot)
        return default if place is None else self._number(f"<{form}", place)

    def table(self, slot: int) -> Table | None:
        """Return a table, None if there is none."""
        place = self.places.get(slot)
        return None if place is None else self._table(place)

    def tables(self, slot: int) -> list[Table]:
        """Return a list of tables."""
        start, length = self._vector(slot)
        self._several("<u4", start, length)  # before any is followed: the length may be wild
        return [self._table(start + 4 * i) for i in range(length)]

    def array(self, slot: int, form: str) -> NDArray[Any]:
        """Return a vector of numbers of NumPy's type ``form``."""
        return self._several(form, *self._vector(slot))

    def text(self, slot: int) -> str:
        """Return a string."""
        return self.array(slot, "u1").tobytes().decode(errors="replace")

    def part(self, start: int, size: int) -> NDArray[np.uint8]:
        """Return bytes of the whole file."""
        return self._several("u1", start, size)

    def _table(self, place: int) -> Table:
        return Table(self.file, place + self._number("<I", place))

    def _vector(self, slot: int) -> tuple[int, int]:
        place = self.places.get(slot)
        if place is None:
            return 0, 0
        place += self._number("<I", place)
        return place + 4, self._number("<I", place)

    def _number(self, form: str, at: int) -> int:
        self._check(at, struct.calcsize(form))
        return int(struct.unpack_from(form, self.file, at)[0])

    def _several(self, form: str, at: int, count: int) -> NDArray[Any]:
        self._check(at, count * np.dtype(form).itemsize)
        return np.frombuffer(self.file, form, count, at) if count else np.empty(0, form)

    def _check(self, at: int, size: int) -> None:
        if at < 0 or at + size > len(self.file):
            raise ValueError("something in it lies outside of it.")


def root(file: bytes, identifier: bytes) -> Table:
    """Return the table that a file begins with.

    Raises:
        ValueError: The file has another identifier, or its table lies outside of it.
    """
    if file[4:8] != identifier:
        raise ValueError(f"its bytes 5 to 8 must be {identifier.decode()}, and are {file[4:8]!r}.")
    return Table(file, int.from_bytes(file[:4], "little"))
