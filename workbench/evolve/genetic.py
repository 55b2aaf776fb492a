"""A genetic algorithm: PyGAD's loop around whole-population operators.

PyGAD (A. F. Gad, arXiv:2106.06158) drives: select, cross, mutate, replace. The operators are
those of `workbench.evolve.gaot`, which work on the population at once, and only members that
differ from their parents are evaluated. Elitism is GAOT's: the best of a generation overwrites
the worst of the next.

Between two generations nothing is remembered but members, values and the state of the generator.

PyGAD's class, `engine`, also drives the search for fronts in `workbench.evolve.pareto`.
"""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ArgumentError
from workbench.evolve.fronts import front_ranks
from workbench.evolve.gaot_presets import PRESETS as PRESETS
from workbench.evolve.gaot_presets import Operators, bound_operators, checked_options
from workbench.evolve.gaot_whole import crossed_whole, inner, mutated_whole, widened
from workbench.evolve.ledger import Ledger, Memory
from workbench.evolve.loop import METHODS
from workbench.evolve.space import KINDS

Floats = NDArray[np.float64]


@METHODS.register("ga")
@dataclass(frozen=True)
class Genetic:
    """Options of the genetic algorithm; None leaves the preset's.

    GAOT's maxGenTerm and optMaxGenTerm are ``generations`` and ``target`` of `minimize`.

    Operators serve real, integer and binary genes, also mixed, or permutations; the wrong ones
    are refused with the names of those that fit. Operators for real genes serve integer and binary
    ones as `workbench.evolve.gaot_whole` says. Members that are all bits, or permutations, get
    other operators from the presets: simpleXover and binaryMutation, or orderbasedXover and
    inversionMutation. The latter suits round trips; for schedules take shiftMutation.

    Attributes:
        preset: ``"standard"`` is GAOT's operators with as many operations a generation as suit
            an objective that is evaluated in batches; ``"gaot"`` is the call that programs for
            MATLAB commonly copy, of at most 6 evaluations a generation, and the better choice
            where each evaluation is dear; ``"textbook"`` is the genetic algorithm of "MATLAB
            Neural Networks: 30 cases" (there with 30 members, 10 generations).
        selection: ``"normGeomSelect"``, ``"roulette"`` or ``"tournSelect"``.
        crossover: ``"arithXover"``, ``"simpleXover"``, ``"geneXover"`` for real, integer and
            binary genes, ``"heuristicXover"`` for real and integer ones. For permutations
            ``"cyclicXover"``, ``"erXover"``, ``"enhancederXover"``, ``"linerorderXover"``,
            ``"orderbasedXover"``, ``"partmapXover"``, ``"singleptXover"`` or ``"uniformXover"``.
        mutation: ``"nonUnifMutation"``, ``"unifMutation"``, ``"boundaryMutation"``,
            ``"geneMutation"`` for real, integer and binary genes, ``"multiNonUnifMutation"`` for
            real ones, ``"binaryMutation"`` for bits. For permutations ``"adjswapMutation"``,
            ``"shiftMutation"``, ``"swapMutation"``, ``"threeswapMutation"`` or, for bits as well,
            ``"inversionMutation"``.
        q: Probability of selecting the best, of normGeomSelect. GAOT's own default is 0.08.
        crossovers: Pairs crossed a generation, of all crossovers but geneXover.
        mutations: Genes or members mutated a generation, of all mutations but geneMutation.
        shape: Exponent of the steps of the non-uniform mutations.
        crossover_probability: Of crossing a pair, of geneXover.
        mutation_probability: Of mutating a member, of geneMutation.
        tournament: Members in a tournament, of tournSelect; 2 if not given.
        retries: Steps tried to stay within the bounds, of heuristicXover; 3 if not given.
        bit_probability: Of flipping a bit of a mutated member, of binaryMutation; 1/genes if not
            given.

    Raises:
        UnknownNameError: No such preset or operator.
        ArgumentError: A value out of range, operators that fit no kind of gene, or a parameter
            that no operator in use has.
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
    tournament: int | None = None
    retries: int | None = None
    bit_probability: float | None = None

    kinds: ClassVar[frozenset[str]] = frozenset(KINDS)

    def __post_init__(self) -> None:
        # The genes are not known yet: what suits none of their kinds is refused now.
        refusals = []
        for kind in KINDS:
            try:
                self.operators((kind,))
            except ArgumentError as error:
                refusals.append(error)
        if len(refusals) == len(KINDS):
            raise refusals[0]

    def operators(self, kinds: tuple[str, ...] | None = None) -> Operators:
        """Return the operators for genes of these kinds, each with those parameters it has.

        Args:
            kinds: What each gene is; None if all are real.

        Raises:
            ArgumentError: An operator that does not serve these genes, or a parameter that no
                operator in use has.
        """
        options = {f.name: getattr(self, f.name) for f in fields(self)}
        return bound_operators(checked_options(options), frozenset(kinds or ("real",)))

    def search(
        self,
        ledger: Ledger,
        members: Floats,
        rng: np.random.Generator,
        memory: Memory | None = None,
    ) -> None:
        """Search from ``members`` (members, genes) until the ledger says to stop.

        Args:
            ledger: Evaluates and records.
            members: The first population; or the last one that was recorded.
            rng: Source of all random numbers.
            memory: Has the ``"values"`` of the last population, to go on from there.
        """
        operators = self.operators(ledger.space.kinds)
        if memory is not None:
            values = memory["values"]
        else:
            members = ledger.space.legal(members)
            ledger.space.check("initial", members)
            values = ledger.evaluate(members)
            if not ledger.record(members, values, {"values": values}):
                return
        breeding = _Breeding(operators, ledger, members, values, rng)
        engine()(
            breeding,
            num_generations=ledger.limits.generations - ledger.generation,
            num_parents_mating=len(members),
            initial_population=members,
            parent_selection_type=breeding.select,
            keep_parents=0,
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
        self.space = ledger.space
        self.bounds, self.reach = inner(self.space), widened(self.space)
        self.low, self.high = self.bounds.T
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
        children = self.operators.cross(parents, self.rng, self.values, self.bounds)
        return crossed_whole(children, self.space, self.rng)

    def mutate(self, offspring: Floats, engine: Any) -> Floats:
        """Return the offspring with some of them mutated."""
        elapsed = self.ledger.elapsed
        children = self.operators.mutate(offspring, self.reach, elapsed, self.rng)
        mutated_whole(offspring, children, self.space)
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

    def best(self, fitness: Floats) -> int:
        """Return the number of the best member, for PyGAD's own account."""
        return int(fitness.argmax())

    def conclude(self, engine: Any) -> str | None:
        """Let the previous best overwrite the worst, and ask the ledger whether to go on."""
        worst = self.values.argmax()
        engine.population[worst], self.values[worst] = self.elite
        engine.last_generation_fitness = -self.values
        self._keep_elite(engine.population)
        memory = {"values": self.values}
        return None if self.ledger.record(engine.population, self.values, memory) else "stop"

    def _keep_elite(self, members: Floats) -> None:
        best = self.values.argmin()
        self.elite = members[best].copy(), self.values[best]


class Breeds(Protocol):
    """What PyGAD's loop calls; operators are handed what PyGAD hands to functions of its users."""

    def fitness(self, engine: Any, members: Floats, indices: Any) -> Floats:
        """Return what PyGAD maximises, of members (n, genes): (n,) or (n, objectives)."""

    def cross(self, parents: Floats, shape: tuple[int, int], engine: Any) -> Floats:
        """Return offspring of that shape."""

    def mutate(self, offspring: Floats, engine: Any) -> Floats:
        """Return the offspring, changed."""

    def best(self, fitness: Floats) -> int:
        """Return the number of the best member."""

    def conclude(self, engine: Any) -> str | None:
        """Hear of a generation; ``"stop"`` ends the search."""


@functools.cache
def engine() -> Any:
    """Return PyGAD's class with three methods replaced, for the sake of time.

    PyGAD looks every member up in dictionaries of tuples, and checks every value twice, one by
    one in Python: 0.3 of 0.4 ms a generation of 50 x 21. The ledger has checked them already. And
    it sorts fronts by comparing members one by one: 0.56 s for 200 members, and 2 ms by arrays.

    All randomness is in the functions of the one that breeds: of PyGAD's own operators only the
    selection of NSGA-II is used, which draws no numbers.
    """
    import pygad

    class Engine(pygad.GA):
        def __init__(self, breeding: Breeds, **settings: Any):
            self._breeding = breeding
            super().__init__(
                fitness_func=breeding.fitness,
                gene_type=float,
                crossover_type=breeding.cross,
                mutation_type=breeding.mutate,
                keep_elitism=0,
                on_generation=breeding.conclude,
                suppress_warnings=True,
                # Errors are raised; PyGAD would print them as well.
                logger=logging.Logger("pygad", level=logging.CRITICAL + 1),
                **settings,
            )

        def cal_pop_fitness(self) -> Floats:
            return self._breeding.fitness(self, self.population, None)

        def best_solution(self, pop_fitness: Floats | None = None) -> tuple[Floats, Any, int]:
            fitness = self.cal_pop_fitness() if pop_fitness is None else pop_fitness
            best = self._breeding.best(fitness)
            return self.population[best].copy(), fitness[best], best

        def non_dominated_sorting(
            self, fitness: Floats
        ) -> tuple[list[NDArray[Any]], NDArray[np.intp]]:
            ranks = front_ranks(-fitness)
            fronts = []
            for rank in range(int(ranks.max()) + 1):
                numbers = np.flatnonzero(ranks == rank)
                front = np.empty((len(numbers), 2), dtype=object)
                for row, number in enumerate(numbers):
                    front[row] = int(number), fitness[number]
                fronts.append(front)
            return fronts, ranks

    return Engine
