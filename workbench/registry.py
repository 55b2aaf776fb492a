"""One mechanism for every family of named things: data sets, methods, blocks, networks.

A family is a `Registry`; its members enter by decorator, under the name their users type,
and looking up a name that is not there raises an error with the nearest one that is.

Example:
    >>> SHAPES = Registry("shape")
    >>> @SHAPES.register("square")
    ... def square(side):
    ...     return side * side
    >>> SHAPES["square"](3)
    9
    >>> SHAPES["sqare"]
    Traceback (most recent call last):
        ...
    workbench.errors.UnknownNameError: Unknown shape 'sqare'. Did you mean 'square'? Known: square.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from workbench.errors import UnknownNameError

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """A read-only mapping from names to things, filled by `register`.

    Args:
        kind: What its members are called in messages, singular: ``"training function"``.
    """

    def __init__(self, kind: str):
        self.kind = kind
        self._members: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that enters a thing under ``name``.

        Raises:
            ValueError: If the name is taken; two things of one name are a programming error.
        """

        def enter(thing: T) -> T:
            if name in self._members:
                raise ValueError(f"{self.kind} {name!r} is registered twice.")
            self._members[name] = thing
            return thing

        return enter

    def __getitem__(self, name: str) -> T:
        try:
            return self._members[name]
        except (KeyError, TypeError):
            raise UnknownNameError(self.kind, name, self._members) from None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)
