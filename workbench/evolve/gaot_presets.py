"""Which operators a genetic algorithm uses, by preset and by the kinds of its genes.

The presets name GAOT's operators (NCSU-IE TR 95-09) and those of "MATLAB Neural Networks: 30
cases"; parameters of an operator are its keyword arguments, so that a new operator needs no entry
here.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench import checks
from workbench.errors import ArgumentError, UnknownNameError
from workbench.evolve.gaot import CROSSOVERS, MUTATIONS, SELECTIONS
from workbench.evolve.gaot_families import check_fits
from workbench.registry import Registry

Floats = NDArray[np.float64]

_GAOT: dict[str, object] = {
    "selection": "normGeomSelect",
    "q": 0.09,
    "crossover": "arithXover",
    "crossovers": 2,
    "mutation": "nonUnifMutation",
    "mutations": 2,
    "shape": 3.0,
}
PRESETS: dict[str, dict[str, object]] = {
    # Measured at 50 x 100 on five functions of 2 to 21 genes, medians of 15 seeds: values 2 to
    # 1e6 times lower than GAOT's two and two, for 34 instead of 4 evaluations a generation.
    "standard": _GAOT | {"crossovers": 10, "mutations": 40},
    "gaot": _GAOT,
    "textbook": {
        "selection": "roulette",
        "crossover": "geneXover",
        "crossover_probability": 0.3,
        "mutation": "geneMutation",
        "mutation_probability": 0.1,
        "shape": 2.0,
    },
}
# What a preset changes for members that are all bits, or permutations. Measured at 100 x 200 on a
# round trip of 30 towns, medians of 5 seeds: orderbasedXover with inversionMutation ends shortest,
# 0.5 % before the recombination of edges at a quarter of its time. On 30 jobs with due dates
# shiftMutation beats inversionMutation with every crossover.
_BITS: dict[str, object] = {"crossover": "simpleXover", "mutation": "binaryMutation"}
_ORDER: dict[str, object] = {"crossover": "orderbasedXover", "mutation": "inversionMutation"}
_CHANGES: dict[str, dict[str, dict[str, object]]] = {
    "binary": {"standard": _BITS, "gaot": _BITS},
    "permutation": {
        "standard": _ORDER,
        "gaot": _ORDER,
        "textbook": _ORDER | {"crossovers": 2, "mutations": 2},
    },
}
_FAMILIES: dict[str, Registry[Any]] = {
    "selection": SELECTIONS,
    "crossover": CROSSOVERS,
    "mutation": MUTATIONS,
}
_CHECKS: dict[str, Callable[[str, Any], object]] = {
    "q": functools.partial(checks.real, low=0, high=1, open_low=True),
    "tournament": checks.integer,
    "crossovers": functools.partial(checks.integer, minimum=0),
    "retries": checks.integer,
    "mutations": functools.partial(checks.integer, minimum=0),
    "shape": functools.partial(checks.real, low=0, open_low=True),
    "bit_probability": functools.partial(checks.real, low=0, high=1),
    "crossover_probability": functools.partial(checks.real, low=0, high=1),
    "mutation_probability": functools.partial(checks.real, low=0, high=1),
}
# What an operator may ask for besides its parameters.
_CONTEXT = frozenset({"values", "bounds"})


class Operators(NamedTuple):
    """The three operators of a generation, with their parameters bound.

    ``cross`` takes members, generator, values and bounds, whatever it needs of them.
    """

    select: Callable[..., NDArray[np.intp]]
    cross: Callable[..., Floats]
    mutate: Callable[..., Floats]


def checked_options(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a genetic algorithm that are not None, within their ranges.

    Raises:
        UnknownNameError: No such preset or operator.
        ArgumentError: A value out of range.
    """
    options = {name: value for name, value in given.items() if value is not None}
    if options["preset"] not in PRESETS:
        raise UnknownNameError("preset", options["preset"], PRESETS)
    for family, registry in _FAMILIES.items():
        if family in options:
            registry[options[family]]
    for name in options.keys() & _CHECKS.keys():
        options[name] = _CHECKS[name](name, options[name])
    return options


def bound_operators(options: dict[str, Any], kinds: Collection[str]) -> Operators:
    """Return the operators that a preset and further options name, with their parameters.

    Args:
        options: ``"preset"``, operators by family, parameters by name; checked.
        kinds: Kinds of the genes.

    Raises:
        ArgumentError: An operator that does not serve these kinds, or a parameter that no
            operator in use has.
    """
    preset, given = options["preset"], options.keys() - {"preset"}
    changes = _CHANGES.get(next(iter(kinds)), {}) if len(set(kinds)) == 1 else {}
    settings: dict[str, Any] = PRESETS[preset] | changes.get(preset, {}) | options
    used: set[str] = set(_FAMILIES)
    bound: dict[str, Any] = {}
    for family, registry in _FAMILIES.items():
        check_fits(registry, settings[family], kinds)
        operator = registry[settings[family]]
        names = _keywords(operator)
        used |= names - _CONTEXT
        known = {name: settings[name] for name in names & settings.keys()}
        bound[family] = functools.partial(operator, **known)
    for stray in given - used:
        raise ArgumentError(
            stray,
            "be a parameter of an operator in use",
            options[stray],
            f"In use: {', '.join(str(settings[family]) for family in _FAMILIES)}.",
        )
    cross = bound["crossover"]
    needed = _keywords(cross.func) & _CONTEXT
    return Operators(bound["selection"], _with_context(cross, needed), bound["mutation"])


def _with_context(cross: Callable[..., Floats], needed: Collection[str]) -> Callable[..., Floats]:
    def crossed(
        members: Floats, rng: np.random.Generator, values: Floats, bounds: Floats
    ) -> Floats:
        known = {"values": values, "bounds": bounds}
        return cross(members, rng, **{name: known[name] for name in needed})

    return crossed


def _keywords(operator: Callable[..., object]) -> frozenset[str]:
    signature = inspect.signature(operator)
    return frozenset(name for name, p in signature.parameters.items() if p.kind is p.KEYWORD_ONLY)
