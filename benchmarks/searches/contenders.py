"""Our searches and those of others, each as a function from a problem to what it found."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.evolve import minimize

Floats = NDArray[np.float64]


class Problem(NamedTuple):
    """What to minimise, and how long.

    Attributes:
        objective: Maps members (n, genes) to values (n,).
        bounds: Rows (low, high), shape (genes, 2).
        first: The first population, the same for all contenders.
        generations: Populations in all; with as many members as the first they are the budget.
        to_the_last: Whether a search that evaluates fewer members a generation ("ga" does not
            evaluate those that have not changed) goes on until it has spent the budget.
        seed: Of everything random.
    """

    objective: Callable[[Floats], Floats]
    bounds: Floats
    first: Floats
    generations: int
    to_the_last: bool
    seed: int


Search = Callable[[Problem], float]  # returns the lowest value


class Contender(NamedTuple):
    """A search, and the algorithm it is an instance of."""

    algorithm: str
    name: str
    search: Search


def ours(method: str) -> Search:
    def search(p: Problem) -> float:
        size = len(p.first)
        limits: dict[str, Any] = {"generations": p.generations}
        if p.to_the_last:
            budget = p.generations * size
            limits = {"generations": budget, "evaluations": budget}
        return minimize(
            p.objective,
            p.bounds,
            method,
            population=size,
            initial=p.first,
            seed=p.seed,
            progress=False,
            **limits,
        ).fun

    return search


def scipy_de(p: Problem) -> float:
    from scipy.optimize import differential_evolution

    return differential_evolution(
        lambda x: p.objective(x.T),
        p.bounds,
        maxiter=p.generations - 1,
        init=p.first,
        rng=p.seed,
        tol=0,
        polish=False,
        vectorized=True,
        updating="deferred",
    ).fun


def cmaes_alone(p: Problem) -> float:
    """The loop of the package's own documentation, with one call of the objective."""
    from cmaes import CMA

    low, high = p.bounds.T
    best = int(p.objective(p.first).argmin())
    # Steps of 0.3 of the range; the package has one step size for all genes.
    strategy = CMA(
        mean=p.first[best],
        sigma=0.3 * float((high - low).mean()),
        bounds=p.bounds,
        population_size=len(p.first),
        seed=p.seed,
    )
    lowest = np.inf
    for _ in range(1, p.generations):
        members = np.array([strategy.ask() for _ in range(len(p.first))])
        values = p.objective(members)
        strategy.tell(list(zip(members, values.tolist(), strict=True)))
        lowest = min(lowest, float(values.min()))
    return lowest


def pyswarms_pso(handling: str) -> Search:
    """Return the swarm with the weights of Clerc and Kennedy's constriction, our default too."""
    import pyswarms

    def search(p: Problem) -> float:
        np.random.seed(p.seed)  # noqa: NPY002 (it has no other generator)
        swarm = pyswarms.single.GlobalBestPSO(
            n_particles=len(p.first),
            dimensions=len(p.bounds),
            options={"w": 0.7298, "c1": 1.49618, "c2": 1.49618},
            bounds=tuple(p.bounds.T),
            bh_strategy=handling,
            init_pos=p.first,
        )
        swarm.rep.logger.setLevel(logging.CRITICAL)
        return float(swarm.optimize(p.objective, iters=p.generations, verbose=False)[0])

    return search


def pymoo_search(algorithm: Callable[[Problem], Any]) -> Search:
    def search(p: Problem) -> float:
        from pymoo.core.problem import Problem as Base
        from pymoo.optimize import minimize as pymoo_minimize

        class Wrapped(Base):
            def _evaluate(self, x: Floats, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
                out["F"] = p.objective(x)

        low, high = p.bounds.T
        wrapped = Wrapped(n_var=len(low), n_obj=1, xl=low, xu=high)
        ending = ("n_gen", p.generations)
        found = pymoo_minimize(
            wrapped, algorithm(p), ending, seed=p.seed, copy_algorithm=False, verbose=False
        )
        return float(found.F[0])

    return search


def pygad_defaults(p: Problem) -> float:
    """PyGAD with its own operators and one call of the fitness function a generation."""
    import pygad

    low, high = p.bounds.T
    search = pygad.GA(
        num_generations=p.generations - 1,
        num_parents_mating=len(p.first) // 2,
        initial_population=p.first,
        fitness_func=lambda ga, members, indices: -p.objective(members),
        fitness_batch_size=len(p.first),
        gene_space=[{"low": a, "high": b} for a, b in zip(low, high, strict=True)],
        random_seed=p.seed,
        suppress_warnings=True,
    )
    search.run()
    return -float(search.best_solution(search.last_generation_fitness)[1])


def _pymoo(name: str) -> Callable[[Problem], Any]:
    if name == "PSO":
        from pymoo.algorithms.soo.nonconvex.pso import PSO

        return lambda p: PSO(pop_size=len(p.first), sampling=p.first)
    if name == "DE":
        from pymoo.algorithms.soo.nonconvex.de import DE

        return lambda p: DE(pop_size=len(p.first), sampling=p.first, variant="DE/best/1/bin")
    if name == "GA":
        from pymoo.algorithms.soo.nonconvex.ga import GA

        return lambda p: GA(pop_size=len(p.first), sampling=p.first)
    from pymoo.algorithms.soo.nonconvex.cmaes import CMAES

    return lambda p: CMAES(
        x0=p.first[p.objective(p.first).argmin()],
        sigma=0.3,
        popsize=len(p.first),
        restarts=0,
        tolfun=0,
        tolx=0,
        bipop=False,
    )


def contenders() -> Iterator[Contender]:
    """Yield ours, and those of the others that are installed."""
    yield Contender("pso", "ours", ours("pso"))
    # Its default way with bounds, and the one that was best of its six.
    for handling in ("periodic", "reflective"):
        made = partial(pyswarms_pso, handling)
        yield from _installed("pso", f"pyswarms, {handling}", made)
    yield from _installed("pso", "pymoo PSO", lambda: pymoo_search(_pymoo("PSO")))
    yield Contender("de", "ours", ours("de"))
    yield Contender("de", "SciPy", scipy_de)
    yield from _installed("de", "pymoo DE", lambda: pymoo_search(_pymoo("DE")))
    yield Contender("cmaes", "ours", ours("cmaes"))
    yield Contender("cmaes", "cmaes alone", cmaes_alone)
    yield from _installed("cmaes", "pymoo CMAES", lambda: pymoo_search(_pymoo("CMAES")))
    yield Contender("ga", "ours", ours("ga"))
    yield Contender("ga", "PyGAD, its own operators", pygad_defaults)
    yield from _installed("ga", "pymoo GA", lambda: pymoo_search(_pymoo("GA")))
    for other in ("aco", "sa", "multistart"):
        yield Contender(other, "ours", ours(other))


def _installed(algorithm: str, name: str, made: Callable[[], Search]) -> Iterator[Contender]:
    try:
        # What a package prints or warns about when it is imported is no result.
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            search = made()
    except ImportError as error:
        print(f"{name} is left out: {error}")
    else:
        yield Contender(algorithm, name, search)
