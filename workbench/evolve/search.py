"""`minimize`: one door to every search method, with SciPy's result object."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench import progress as progress_bar
from workbench.checks import Seed
from workbench.errors import ArgumentError
from workbench.evolve import genetic as genetic
from workbench.evolve import memetic as memetic
from workbench.evolve import multistart as multistart
from workbench.evolve.ledger import STOP_MESSAGES, Ledger, Limits, Objective
from workbench.evolve.loop import METHODS as METHODS
from workbench.evolve.loop import Method, run
from workbench.evolve.space import Space

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
        method: ``"ga"``, ``"memetic"`` or ``"multistart"``.
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
    if seed is None:
        seed = np.random.SeedSequence().entropy  # type: ignore[assignment]
    rng = checks.generator(seed)
    space = Space(box, sample)
    members = _first_population(space, size, initial, rng)

    with progress_bar.bar(limits.generations, method, "generation", enabled=progress) as bar:

        def heard(ledger: Ledger) -> None:
            assert ledger.best is not None
            bar.set_postfix(best=ledger.best[1])
            bar.update()
            if callback is not None:
                callback(_known(ledger))

        ledger = Ledger(objective, space, limits, pad=size if pad else 0, heard=heard)
        run(searching, ledger, members, rng)
    return _result(ledger, method, None if isinstance(seed, np.random.Generator) else seed)


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


def _first_population(
    space: Space, size: int, initial: ArrayLike | None, rng: np.random.Generator
) -> Floats:
    members, bounds = space.draw(size, rng), space.bounds
    if initial is None:
        return members
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
        population=members.copy(),
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
