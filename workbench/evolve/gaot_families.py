"""The three families of genetic operators, and which genes each operator serves.

Counting and drawing follow GAOT: C. R. Houck, J. A. Joines and M. G. Kay, "A Genetic Algorithm
for Function Optimization: A Matlab Implementation", NCSU-IE TR 95-09, 1995.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ArgumentError
from workbench.registry import Registry

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

SELECTIONS: Registry[Callable[..., Indices]] = Registry("selection")
CROSSOVERS: Registry[Callable[..., Floats]] = Registry("crossover")
MUTATIONS: Registry[Callable[..., Floats]] = Registry("mutation")

F = TypeVar("F", bound=Callable[..., Any])

_SERVED: dict[Callable[..., Any], frozenset[str]] = {}


def operator(registry: Registry[Any], name: str, *kinds: str) -> Callable[[F], F]:
    """Return a decorator that registers an operator for genes of these kinds."""

    def enter(function: F) -> F:
        _SERVED[function] = frozenset(kinds)
        registered: F = registry.register(name)(function)
        return registered

    return enter


def served_kinds(registry: Registry[Any], name: str) -> frozenset[str]:
    """Return the kinds of genes that an operator serves.

    Raises:
        UnknownNameError: There is no such operator.
    """
    return _SERVED[registry[name]]


def fitting(registry: Registry[Any], kinds: Collection[str]) -> list[str]:
    """Return the names of the operators that serve members with genes of all these kinds."""
    return [name for name in registry if served_kinds(registry, name) >= set(kinds)]


def check_fits(registry: Registry[Any], name: str, kinds: Collection[str]) -> None:
    """Raise unless an operator serves genes of all these kinds.

    Raises:
        ArgumentError: It does not; the message names those that do.
        UnknownNameError: There is no such operator.
    """
    strange = sorted(set(kinds) - served_kinds(registry, name))
    if strange:
        raise ArgumentError(
            registry.kind,
            f"serve {' and '.join(sorted(set(kinds)))} genes",
            f"{name!r}, which does not serve {' and '.join(strange)} genes",
            f"Those that do: {', '.join(fitting(registry, kinds)) or 'none'}.",
        )


def rounded_draw(uniform: Floats, n: int) -> Indices:
    """Map uniform numbers to 0 ... n-1 as GAOT does, by ``round(rand*(n-1)+1)``.

    The first and the last index have half the weight of the others.
    """
    return np.rint(uniform * (n - 1)).astype(np.intp)
