"""`minimize`: one door to every search method, with SciPy's result object."""

from __future__ import annotations

import contextlib
import difflib
import os
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench import progress as progress_bar
from workbench.checks import Seed
from workbench.errors import ArgumentError
from workbench.evolve import annealing as annealing
from workbench.evolve import ant_system as ant_system
from workbench.evolve import ants as ants
from workbench.evolve import covariance as covariance
from workbench.evolve import differential as differential
from workbench.evolve import genetic as genetic
from workbench.evolve import memetic as memetic
from workbench.evolve import multistart as multistart
from workbench.evolve import swarm as swarm
from workbench.evolve.checkpoint import Checkpoint
from workbench.evolve.ledger import STOP_MESSAGES, Ledger, Limits, Objective
from workbench.evolve.loop import METHODS as METHODS
from workbench.evolve.loop import Method, kinds_of, run
from workbench.evolve.polytope import polytope_of
from workbench.evolve.space import Space, gene_kinds

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

Floats = NDArray[np.float64]


def minimize(
    objective: Objective,
    bounds: ArrayLike,
    method: str = "ga",
    *,
    population: int = 50,
    generations: int = 100,
    initial: ArrayLike | None = None,
    sample: Callable[[np.random.Generator, int], Floats] | None = None,
    evaluations: int | None = None,
    target: float | None = None,
    stall: int | None = None,
    time: float | None = None,
    callback: Callable[[OptimizeResult], object] | None = None,
    genes: str | Sequence[str] = "real",
    constraints: Any = (),
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 10,
    workers: int | None = None,
    cluster: Any = None,
    seed: Seed = None,
    progress: bool = True,
    pad: bool = False,
    **options: Any,
) -> OptimizeResult:
    """Minimise a function of a whole population.

    Args:
        objective: Maps members (n, genes) to values (n,), lower is better; infinity is the
            worst value there is. n varies from call to call. An objective that improves its
            members, by training them for example, returns a pair (members, values).
        bounds: One row (low, high) a gene, or `scipy.optimize.Bounds`.
        method: ``"ga"``, ``"pso"``, ``"de"``, ``"cmaes"``, ``"aco"``, ``"sa"``, ``"memetic"``;
            ``"ga"`` or ``"ant-system"`` for permutations; ``"multistart"``, the control.
        population: Members of a generation, at least 2.
        generations: Populations in all, the first included, as GAOT's maxGenTerm counts them:
            100 are the first and 99 further ones.
        initial: Members to begin with, shape (n, genes) with n up to ``population``; the others
            are drawn uniformly within the bounds.
        sample: Draw members by ``sample(generator, n)``, shape (n, genes), and not uniformly.
            Neither they nor improved members need to lie within the bounds.
        evaluations: Stop after exactly so many evaluated members, if not before. Members of the
            last generation that come too late have the value infinity.
        target: Stop once a value is as low as this.
        stall: Stop after so many generations in a row without a better member.
        time: Stop after the first generation that ends later than so many seconds.
        callback: Called after each generation with an OptimizeResult of what is known by then;
            StopIteration ends the search.
        genes: What a gene is: ``"real"``, ``"integer"`` or ``"binary"`` for all or one by one,
            or ``"permutation"`` of 0 ... genes - 1 for all, with bounds (0, genes - 1). The
            objective is given whole numbers, held in floats.
        constraints: A `scipy.optimize.LinearConstraint`, or a sequence of them, inequalities on
            real genes. Members beyond one are pulled in before they are evaluated.
        checkpoint: A file to keep the search in. If it is there, the search goes on from it, and
            ends with the bits of one that never stopped; it must be the same search, and may
            have other limits.
        checkpoint_every: Generations between two writes.
        workers: Processes of this machine to evaluate members in, -1 for one a core. It pays for
            an objective of milliseconds a member, which must be picklable.
        cluster: Address of a Dask scheduler, or a ``distributed.Client``, to evaluate members on.
        seed: Generator, or seed for one.
        progress: Show a bar when it takes longer than a second.
        pad: Pad members to one of few heights by repeating the last, for an objective that is
            compiled for each shape. The repetitions are not counted.
        **options: Options of the method; for ``"ga"`` those of `workbench.evolve.Genetic`, for
            ``"memetic"`` those of `workbench.evolve.Memetic`.

    Returns:
        Best member ``x``, its value ``fun``, ``nfev`` members evaluated, ``nit`` generations,
        ``stop`` (a key of STOP_MESSAGES) with ``message``, ``history`` (a `History`), the last
        ``population`` with ``population_values``, ``method``, and the ``seed`` that repeats the
        search (None for a passed generator). ``success`` is False if Ctrl-C ended it, or if
        there was a target and it was not reached.

    Raises:
        UnknownNameError: No such method, or name of an option's value.
        ArgumentError: A wrong argument or option, or an objective that returns another shape
            than (n,), NaN or -inf.
        KeyboardInterrupt: Ctrl-C before the first generation was complete.

    Example:
        >>> result = minimize(lambda x: (x**2).sum(axis=1), [(-1, 1), (-1, 1)], seed=1)
        >>> bool(result.fun < 1e-3)
        True
    """
    box: Floats = checks.bounds("bounds", bounds).astype(np.float64)
    size = checks.integer("population", population, minimum=2)
    limits = _limits(generations, evaluations, target, stall, time)
    for name, function in {"objective": objective, "callback": callback}.items():
        if not (callable(function) or (name == "callback" and function is None)):
            raise ArgumentError(name, "be a function", function)
    searching = _configured(method, options)
    space = _space(box, sample, genes, constraints, method, searching)
    first = _given(initial, space, size)
    every = checks.integer("checkpoint_every", checkpoint_every)
    keeper, saved = None, None
    if checkpoint is not None:
        facts = {"method": method, "options": vars(searching), "population": size}
        facts |= {"bounds": box, "genes": space.kinds, "initial": first}
        facts |= {"constraints": space.polytope and vars(space.polytope)}
        keeper = Checkpoint(checkpoint, every, facts)
        saved = keeper.read(seed)
    if saved is not None and not isinstance(seed, np.random.Generator):
        seed = saved.header["seed"]
    if seed is None:
        seed = np.random.SeedSequence().entropy  # type: ignore[assignment]
    rng = checks.generator(seed)
    known = None if isinstance(seed, np.random.Generator) else seed

    with (
        progress_bar.bar(limits.generations, method, "generation", enabled=progress) as bar,
        _spread(objective, workers, cluster) as spread_objective,
    ):

        def heard(ledger: Ledger) -> None:
            assert ledger.best is not None
            bar.set_postfix(best=ledger.best[1])
            bar.update()
            if callback is not None:
                callback(_known(ledger))

        hooks: dict[str, Any] = {"heard": heard}
        if keeper is not None:
            hooks["kept"] = partial(keeper.write, rng=rng, seed=known)
        ledger = Ledger(spread_objective, space, limits, pad=size if pad else 0, **hooks)
        if saved is None:
            members = _first_population(space, size, first, rng)
            run(searching, ledger, members, rng)
        else:
            saved.restore(ledger, rng)
            bar.update(ledger.generation)
            if ledger.goes_on():
                run(searching, ledger, ledger.population[0], rng, saved.memory)  # type: ignore[index]
    return _result(ledger, method, known)


def _spread(
    objective: Objective, workers: int | None, cluster: Any
) -> contextlib.AbstractContextManager[Objective]:
    if workers is None and cluster is None:
        return contextlib.nullcontext(objective)
    from workbench.evolve.workers import spread

    return spread(objective, workers=workers, cluster=cluster)


def _limits(
    generations: int,
    evaluations: int | None,
    target: float | None,
    stall: int | None,
    time: float | None,
) -> Limits:
    return Limits(
        generations=checks.integer("generations", generations),
        evaluations=None if evaluations is None else checks.integer("evaluations", evaluations),
        target=None if target is None else checks.real("target", target),
        stall=None if stall is None else checks.integer("stall", stall),
        time=None if time is None else checks.real("time", time, low=0, open_low=True),
    )


def _configured(name: str, options: dict[str, Any]) -> Method:
    method: Any = METHODS[name]
    known = [field.name for field in fields(method)]
    for option, value in options.items():
        if option not in known:
            near = difflib.get_close_matches(option, known, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            listed = f"Options: {', '.join(known)}." if known else "It has none."
            raise ArgumentError(option, f"be an option of {name!r}", value, hint + listed)
    return method(**options)


def _space(
    box: Floats,
    sample: Callable[[np.random.Generator, int], Floats] | None,
    genes: str | Sequence[str],
    constraints: Any,
    name: str,
    method: Any,
) -> Space:
    kinds = gene_kinds(genes, box)
    served = kinds_of(method)
    for kind in set(kinds or ("real",)) - served:
        can = [other for other in METHODS if kind in kinds_of(METHODS[other])]
        raise ArgumentError(
            "genes",
            f"be {' or '.join(sorted(served))} for the method {name!r}",
            kind,
            f"For {kind} genes there are: {', '.join(can)}.",
        )
    polytope = polytope_of(constraints, box)
    if polytope is not None and kinds is not None:
        raise ArgumentError("genes", 'be "real" where there are constraints', genes)
    return Space(box, sample, kinds, polytope)


def _given(initial: ArrayLike | None, space: Space, size: int) -> Floats:
    """Return the members that were given, shape (n, genes) with n from 0 to ``size``."""
    bounds = space.bounds
    if initial is None:
        return np.empty((0, len(bounds)))
    given = np.asarray(initial)
    given = checks.samples(
        "initial", given[None] if given.ndim == 1 else given, (len(bounds),), "bounds"
    )
    if len(given) > size:
        raise ArgumentError("initial", f"have at most population={size} rows", f"{len(given)} rows")
    outside = np.argwhere((given < bounds[:, 0]) | (given > bounds[:, 1]))
    if outside.size:
        row, gene = outside[0].tolist()
        low, high = bounds[gene]
        raise ArgumentError(
            "initial",
            "lie within the bounds",
            f"{given[row, gene]:g} for gene {gene} of row {row}, bounds ({low:g}, {high:g})",
            "Widen the bounds, or clip it with numpy.clip.",
        )
    given = given.astype(np.float64)
    forbidden = space.polytope is not None and ~space.polytope.holds(given)
    if np.any(forbidden):
        raise ArgumentError(
            "initial", "keep to the constraints", f"row {int(np.argmax(forbidden))}, which does not"
        )
    return given


def _first_population(space: Space, size: int, given: Floats, rng: np.random.Generator) -> Floats:
    members = space.draw(size, rng)
    members[: len(given)] = given
    return members


def _known(ledger: Ledger) -> OptimizeResult:
    from scipy.optimize import OptimizeResult

    assert ledger.best is not None
    assert ledger.population is not None
    (x, fun), (members, values) = ledger.best, ledger.population
    result = OptimizeResult()
    result.update(
        x=x.copy(),
        fun=fun,
        nfev=ledger.evaluations,
        nit=ledger.generation,
        population=ledger.space.legal(members).copy(),
        population_values=values.copy(),
    )
    return result


def _result(ledger: Ledger, method: str, seed: int | None) -> OptimizeResult:
    result = _known(ledger)
    stop, target = ledger.stop or "interrupted", ledger.limits.target
    missed = target is not None and result.fun > target
    result.update(
        success=stop != "interrupted" and not missed,
        message=STOP_MESSAGES[stop],
        stop=stop,
        history=ledger.history(),
        method=method,
        seed=seed,
    )
    return result
