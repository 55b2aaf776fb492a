"""`minimize`: one door to every search method, with SciPy's result object."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
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
from workbench.evolve.checkpoint import Checkpoint, Saved
from workbench.evolve.ledger import STOP_MESSAGES, Ledger, Objective
from workbench.evolve.loop import METHODS as METHODS
from workbench.evolve.loop import run
from workbench.evolve.request import Request, limits_of

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
    for name, function in {"objective": objective, "callback": callback}.items():
        if not (callable(function) or (name == "callback" and function is None)):
            raise ArgumentError(name, "be a function", function)
    request = Request.of(
        method,
        options,
        bounds=bounds,
        genes=genes,
        constraints=constraints,
        sample=sample,
        population=population,
        initial=initial,
    )
    limits = limits_of(generations, evaluations, target, stall, time)
    keeper = None
    if checkpoint is not None:
        keeper = Checkpoint(checkpoint, checkpoint_every, request.facts)
    saved = None if keeper is None else keeper.read(seed)
    rng, repeats = _generator(seed, saved)

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
            hooks["kept"] = partial(keeper.write, rng=rng, seed=repeats)
        alone = workers is None and cluster is None  # what is sent is not compiled here
        height = request.population if pad and alone else 0
        ledger = Ledger(spread_objective, request.space, limits, pad=height, **hooks)
        if saved is None:
            run(request.searching, ledger, request.first_population(rng), rng)
        else:
            saved.restore(ledger, rng)
            bar.update(ledger.generation)
            if ledger.goes_on():
                run(request.searching, ledger, saved.arrays["members"], rng, saved.memory)
    return _result(ledger, method, repeats)


def _generator(seed: Seed, saved: Saved | None) -> tuple[np.random.Generator, int | None]:
    """Return the generator of a search, and the seed that repeats it if that is known."""
    if isinstance(seed, np.random.Generator):
        return seed, None
    if saved is not None:
        seed = saved.header["seed"]
    if seed is None:
        seed = np.random.SeedSequence().entropy  # type: ignore[assignment]
    return checks.generator(seed), seed  # type: ignore[return-value]


def _spread(
    objective: Objective, workers: int | None, cluster: Any
) -> contextlib.AbstractContextManager[Objective]:
    if workers is None and cluster is None:
        return contextlib.nullcontext(objective)
    from workbench.evolve.workers import spread

    return spread(objective, workers=workers, cluster=cluster)


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
