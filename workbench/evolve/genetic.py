"""A real-coded genetic algorithm: PyGAD's loop around whole-population operators.

PyGAD (A. F. Gad, arXiv:2106.06158) drives: select, cross, mutate, replace. The operators are
those of `workbench.evolve.gaot`, which work on the population at once, and only members that
differ from their parents are evaluated. Elitism is GAOT's: the best of a generation overwrites
the worst of the next.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench import checks
from workbench.errors import ArgumentError, UnknownNameError
from workbench.evolve.gaot import CROSSOVERS, MUTATIONS, SELECTIONS
from workbench.evolve.ledger import Ledger
from workbench.evolve.loop import METHODS
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
_FAMILIES: dict[str, Registry[Any]] = {
    "selection": SELECTIONS,
    "crossover": CROSSOVERS,
    "mutation": MUTATIONS,
}
_CHECKS: dict[str, Callable[[str, Any], object]] = {
    "q": functools.partial(checks.real, low=0, high=1, open_low=True),
    "crossovers": functools.partial(checks.integer, minimum=0),
    "mutations": functools.partial(checks.integer, minimum=0),
    "shape": functools.partial(checks.real, low=0, open_low=True),
    "crossover_probability": functools.partial(checks.real, low=0, high=1),
    "mutation_probability": functools.partial(checks.real, low=0, high=1),
}


class Operators(NamedTuple):
    """The three operators of a generation, with their parameters bound."""

    select: Callable[..., NDArray[np.intp]]
    cross: Callable[..., Floats]
    mutate: Callable[..., Floats]


@METHODS.register("ga")
@dataclass(frozen=True)
class Genetic:
    """Options of the genetic algorithm; None leaves the preset's.

    Attributes:
        preset: ``"standard"`` is GAOT's operators with as many operations a generation as suit
            an objective that is evaluated in batches; ``"gaot"`` is the call that programs for
            MATLAB commonly copy, of at most 6 evaluations a generation, and the better choice
            where each evaluation is dear; ``"textbook"`` is the genetic algorithm of "MATLAB
            Neural Networks: 30 cases" (there with 30 members, 10 generations).
        selection: ``"normGeomSelect"`` or ``"roulette"``.
        crossover: ``"arithXover"`` or ``"geneXover"``.
        mutation: ``"nonUnifMutation"`` or ``"geneMutation"``.
        q: Probability of selecting the best, of normGeomSelect. GAOT's own default is 0.08.
        crossovers: Pairs crossed a generation, of arithXover.
        mutations: Genes mutated a generation, of nonUnifMutation.
        shape: Exponent of the mutations' steps.
        crossover_probability: Of crossing a pair, of geneXover.
        mutation_probability: Of mutating a member, of geneMutation.

    Raises:
        UnknownNameError: No such preset or operator.
        ArgumentError: A value out of range, or one that no operator in use has.
    """

    preset: str = "standard"
    selection: str | None = None
    crossover: str | None = None
    mutation: str | None = None
    q: float | None = None
    crossovers: int | None = None
    mutations: int | None = None
    shape: float | None = None
    crossover_probability: float | None = None
    mutation_probability: float | None = None

    def __post_init__(self) -> None:
        self.operators()

    def operators(self) -> Operators:
        """Return the operators, each with those parameters that it has."""
        if self.preset not in PRESETS:
            raise UnknownNameError("preset", self.preset, PRESETS)
        given = {f.name: getattr(self, f.name) for f in fields(self)[1:]}
        given = {name: value for name, value in given.items() if value is not None}
        for name in given.keys() & _CHECKS.keys():
            given[name] = _CHECKS[name](name, given[name])
        settings: dict[str, Any] = PRESETS[self.preset] | given
        used: set[str] = set(_FAMILIES)
        bound = []
        for family, registry in _FAMILIES.items():
            operator = registry[settings[family]]
            names = _parameters(operator)
            used |= names
            bound.append(
                functools.partial(operator, **{n: settings[n] for n in names & settings.keys()})
            )
        for stray in given.keys() - used:
            raise ArgumentError(
                stray,
                "be a parameter of an operator in use",
                given[stray],
                f"In use: {', '.join(str(settings[family]) for family in _FAMILIES)}.",
            )
        return Operators(*bound)

    def search(self, ledger: Ledger, members: Floats, rng: np.random.Generator) -> None:
        """Search from ``members`` (members, genes) until the ledger says to stop."""
        values = ledger.evaluate(members)
        if not ledger.record(members, values):
            return
        breeding = _Breeding(self.operators(), ledger, members, values, rng)
        _engine()(
            breeding,
            num_generations=ledger.limits.generations - 1,
            num_parents_mating=len(members),
            fitness_func=breeding.fitness,
            initial_population=members,
            gene_type=float,
            parent_selection_type=breeding.select,
            crossover_type=breeding.cross,
            mutation_type=breeding.mutate,
            keep_elitism=0,
            keep_parents=0,
            on_generation=breeding.conclude,
            suppress_warnings=True,
            # Errors are raised; PyGAD would print them as well.
            logger=logging.Logger("pygad", level=logging.CRITICAL + 1),
        ).run()


class _Breeding:
    """A population between generations, and PyGAD's callbacks that change it."""

    def __init__(
        self,
        operators: Operators,
        ledger: Ledger,
        members: Floats,
        values: Floats,
        rng: np.random.Generator,
    ):
        self.operators, self.ledger, self.rng = operators, ledger, rng
        self.low, self.high = ledger.space.bounds.T
        self.parents, self.values = members, values
        self._keep_elite(members)

    def select(self, fitness: Floats, count: int, engine: Any) -> tuple[Floats, NDArray[np.intp]]:
        """Let the parents take the places of the population."""
        if self.ledger.stop is not None:
            # PyGAD selects once more after its last generation; that must draw no numbers.
            return engine.population, np.arange(count)
        chosen = self.operators.select(self.values, self.rng)
        self.parents, self.values = engine.population[chosen], self.values[chosen]
        return self.parents, chosen

    def cross(self, parents: Floats, shape: tuple[int, int], engine: Any) -> Floats:
        """Return the parents with some of them crossed."""
        return self.operators.cross(parents, self.rng)

    def mutate(self, offspring: Floats, engine: Any) -> Floats:
        """Return the offspring with some of them mutated."""
        elapsed = self.ledger.elapsed
        children = self.operators.mutate(offspring, self.ledger.space.bounds, elapsed, self.rng)
        # A weighted mean may pass a bound by its rounding error.
        return np.clip(children, self.low, self.high, out=children)

    def fitness(self, engine: Any, members: Floats, indices: Any) -> Floats:
        """Return what PyGAD maximises; members equal to their parents are not evaluated."""
        changed = (members != self.parents).any(axis=1)
        if changed.any():
            self.values = self.values.copy()
            tried = members[changed]
            self.values[changed] = self.ledger.evaluate(tried)
            members[changed] = tried  # what an objective that improves members made of them
        return -self.values

    def conclude(self, engine: Any) -> str | None:
        """Let the previous best overwrite the worst, and ask the ledger whether to go on."""
        worst = self.values.argmax()
        engine.population[worst], self.values[worst] = self.elite
        engine.last_generation_fitness = -self.values
        self._keep_elite(engine.population)
        return None if self.ledger.record(engine.population, self.values) else "stop"

    def _keep_elite(self, members: Floats) -> None:
        best = self.values.argmin()
        self.elite = members[best].copy(), self.values[best]


@functools.cache
def _engine() -> type:
    """Return PyGAD's class with two methods replaced, for the sake of time.

    PyGAD looks every member up in dictionaries of tuples, and checks every value twice, one by
    one in Python: 0.3 of 0.4 ms a generation of 50 x 21. The ledger has checked them already.
    """
    import pygad

    class Engine(pygad.GA):
        def __init__(self, breeding: _Breeding, **settings: Any):
            self._breeding = breeding
            super().__init__(**settings)

        def cal_pop_fitness(self) -> Floats:
            return self._breeding.fitness(self, self.population, None)

        def best_solution(
            self, pop_fitness: Floats | None = None
        ) -> tuple[Floats, np.float64, int]:
            fitness = self.cal_pop_fitness() if pop_fitness is None else pop_fitness
            best = int(fitness.argmax())
            return self.population[best].copy(), fitness[best], best

    return Engine


def _parameters(operator: Callable[..., object]) -> frozenset[str]:
    signature = inspect.signature(operator)
    return frozenset(name for name, p in signature.parameters.items() if p.kind is p.KEYWORD_ONLY)
