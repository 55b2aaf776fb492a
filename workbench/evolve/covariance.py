"""CMA-ES: a normal distribution that learns where the good members are.

Sources: N. Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv:1604.00772 (the equations
named below), as the package cmaes has it (M. Nomura and M. Shibata, arXiv:2402.01373).

The package supplies the strategy's parameters and the rules for when it has converged. Drawing
and updating are its formulas on the whole population: it draws member by member, and adds up one
matrix a member, which takes 100 members of 30 genes seven times as long. The tests hold both to the
package. It keeps a generator of its own and is resumed by pickling; here the state is arrays and
numbers, and the numbers are drawn from the generator that is passed.

Genes are counted in ranges of their bounds, so that unequal ranges are no matter. The first
population, which is not drawn from the distribution, gives its mean by its best member, which
may be a good ``initial``: the mean of all, or of the better half, took up to 6 % fewer generations
to the minimum of the sphere and of Griewank's function of 30 genes, and would not begin there.
Once it has converged it starts again at a new random mean, the population as large as before.

Out of bounds the package draws anew and then clips. That fails where the best lies on several
bounds, with the package alone as well: of a stretched quadratic of 10 genes, 5 of them best at
their bound, 20 members found no minimum in 600 generations, and with ``repair="mirror"`` 6 of 6
in 326. With the best inside, mirroring took up to 18 % more generations to the same value, and
was at 7e-3 in Rosenbrock's valley of 10 genes when clipping was at 9e-5.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench import checks
from workbench.errors import UnknownNameError
from workbench.evolve.loop import METHODS, AskTell, Space

Floats = NDArray[np.float64]

REPAIRS = ("clip", "mirror")
_EPS, _SIGMA_MAX = 1e-8, 1e32  # the package's


@dataclass(frozen=True)
class Distribution:
    """The normal distribution N(mean, sigma^2 C), and what it remembers.

    Attributes:
        members: The last population, shape (n, genes).
        values: Its values, shape (n,).
        asked: The candidates that await their values, shape (n, genes).
        drawn: The points in ranges that they stand for, shape (n, genes).
        ranges: Width of each gene's bounds, shape (genes,); the unit of all that follows.
        mean: Shape (genes,).
        sigma: Step size.
        covariance: C, shape (genes, genes).
        axes: Its eigenvectors B, one a column.
        lengths: Roots D of its eigenvalues, shape (genes,).
        path: Evolution path of C, shape (genes,).
        sigma_path: Evolution path of sigma, shape (genes,).
        extremes: Best and worst value of each of the last generations, one after the other.
        generation: Updates since the last start.
        restarts: How often it has started again.
        placed: Whether the mean has its place; the first values that are told give it.
        converged: Whether to start again.
    """

    members: Floats
    values: Floats
    asked: Floats
    drawn: Floats
    ranges: Floats
    mean: Floats
    sigma: float
    covariance: Floats
    axes: Floats
    lengths: Floats
    path: Floats
    sigma_path: Floats
    extremes: Floats
    generation: int = 0
    restarts: int = 0
    placed: bool = False
    converged: bool = False


# The package, and all that is read from and written to its private attributes


class Parameters(NamedTuple):
    """The strategy's parameters for a number of genes and members; names as in the tutorial."""

    weights: Floats
    mu: int
    mu_eff: float
    cc: float
    c1: float
    cmu: float
    c_sigma: float
    d_sigma: float
    chi_n: float
    funhist_term: int


@functools.cache
def package(genes: int, size: int, sigma: float) -> Any:
    """Return a new ``cmaes.CMA``; it is read, never changed. The first call imports cmaes."""
    from cmaes import CMA

    # Of 2 or 3 members one is selected: cmu is zero then, and the package divides by it.
    with np.errstate(divide="ignore"):
        new = CMA(mean=np.zeros(genes), sigma=sigma, population_size=size)
    del new._rng  # it was seeded from entropy; nothing may draw from it
    return new


@functools.cache
def parameters(genes: int, size: int) -> Parameters:
    """Return the package's parameters."""
    new = package(genes, size, 1.0)
    return Parameters(*(getattr(new, f"_{name}") for name in Parameters._fields))


def restored(state: Distribution, sigma: float) -> Any:
    """Return a ``cmaes.CMA`` that stands where ``state`` stands, without a generator.

    Args:
        state: Where to stand; the arrays are shared, not copied.
        sigma: Step size of the start.
    """
    new = package(len(state.mean), len(state.members), sigma)
    twin = object.__new__(type(new))
    vars(twin).update(
        vars(new),
        _mean=state.mean,
        _sigma=state.sigma,
        _C=state.covariance,
        _B=state.axes,
        _D=state.lengths,
        _pc=state.path,
        _p_sigma=state.sigma_path,
        _funhist_values=state.extremes,
        _g=state.generation,
    )
    return twin


# The formulas, on the whole population


def draw(state: Distribution, bounds: Floats, attempts: int, rng: np.random.Generator) -> Floats:
    """Draw a population in ranges, shape (n, genes).

    Members out of bounds are drawn anew, all of them at once, up to so many times.

    Args:
        state: The distribution.
        bounds: Rows (low, high) in ranges, shape (genes, 2).
        attempts: How often to draw anew; the last members drawn may be out of bounds.
        rng: Source of the normal numbers, a row a member.
    """
    n, genes = state.members.shape
    low, high = bounds.T
    to_steps = state.sigma * (state.axes * state.lengths).T
    x = state.mean + rng.standard_normal((n, genes)) @ to_steps
    for _ in range(attempts):
        outside = ((x < low) | (x > high)).any(axis=1).nonzero()[0]
        if not len(outside):
            break
        x[outside] = state.mean + rng.standard_normal((len(outside), genes)) @ to_steps
    return x


def mirrored(x: Floats, bounds: Floats) -> Floats:
    """Return ``x`` (n, genes) with genes out of bounds mirrored at them, as often as it takes."""
    low, high = bounds.T
    width = high - low
    along = np.mod(x - low, 2 * width)
    return np.where((x < low) | (x > high), low + np.minimum(along, 2 * width - along), x)


def update(state: Distribution, x: Floats, values: Floats) -> Distribution:
    """Return the distribution that has learned the values ``(n,)`` of ``x`` (n, genes)."""
    n, genes = x.shape
    p = parameters(genes, n)
    generation = state.generation + 1
    order = values.argsort(kind="stable")
    extremes = state.extremes.copy()
    place = 2 * (generation % p.funhist_term)
    extremes[place : place + 2] = values[order[[0, -1]]]

    y = (x[order] - state.mean) / state.sigma
    step = p.weights[: p.mu] @ y[: p.mu]  # eq. 41
    whiten = (state.axes / state.lengths) @ state.axes.T  # C^(-1/2)
    fresh = math.sqrt(p.c_sigma * (2 - p.c_sigma) * p.mu_eff)
    sigma_path = (1 - p.c_sigma) * state.sigma_path + fresh * (whiten @ step)  # eq. 43
    length = math.sqrt(sigma_path @ sigma_path)
    # The limit of 1 is that of Hansen's own programs. Members drawn here stay far below it; those
    # that an objective has moved may not.
    growth = min((p.c_sigma / p.d_sigma) * (length / p.chi_n - 1), 1.0)  # eq. 44
    usual = (1.4 + 2 / (genes + 1)) * p.chi_n
    h_sigma = length < usual * math.sqrt(1 - (1 - p.c_sigma) ** (2 * (generation + 1)))
    path = (1 - p.cc) * state.path  # eq. 45
    if h_sigma:
        path = path + math.sqrt(p.cc * (2 - p.cc) * p.mu_eff) * step

    covariance = _learned(state.covariance, y, y @ whiten, path, h_sigma, p)
    covariance, axes, lengths = _decomposed(covariance)
    return replace(
        state,
        mean=state.mean + state.sigma * step,
        sigma=min(state.sigma * math.exp(growth), _SIGMA_MAX),
        covariance=covariance,
        axes=axes,
        lengths=lengths,
        path=path,
        sigma_path=sigma_path,
        extremes=extremes,
        generation=generation,
    )


def _learned(
    C: Floats, y: Floats, whitened: Floats, path: Floats, h_sigma: bool, p: Parameters
) -> Floats:
    """Return the covariance after eqs. 46 and 47; ``y`` are sorted steps, the best first."""
    squares = (whitened**2).sum(axis=1)
    weights = np.where(p.weights >= 0, p.weights, p.weights * len(path) / (squares + _EPS))
    missed = 0.0 if h_sigma else p.cc * (2 - p.cc)
    kept = 1 + p.c1 * missed - p.c1 - p.cmu * p.weights.sum()
    return kept * C + p.c1 * np.outer(path, path) + p.cmu * ((weights * y.T) @ y)


@functools.cache
def _blas() -> Any:
    """Return the controller of NumPy's linear algebra.

    LAPACK shares the decomposition out to threads, which wait for each other in loops: with 30
    genes on a busy machine of 2 cores a generation took 1.7 to 3.6 ms with them and 0.4 to 0.5
    ms with one. To limit them costs 0.006 ms.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def _decomposed(C: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the covariance with its eigenvalues made positive, B, and D."""
    with _blas().limit(limits=1):
        squares, axes = np.linalg.eigh((C + C.T) / 2)
    # In rows of memory as a checkpoint returns it: the order of a product's sums depends on it.
    axes = np.ascontiguousarray(axes)
    # The package leaves an eigenvalue of exactly zero, and divides by it.
    squares = np.where(squares <= 0, _EPS, squares)
    return (axes * squares) @ axes.T, axes, np.sqrt(squares)


@METHODS.register("cmaes")
@dataclass(frozen=True)
class CovarianceAdaptation(AskTell[Distribution]):
    """Options of CMA-ES.

    Attributes:
        sigma: Step size of the start, in ranges of the genes.
        repair: What becomes of members out of bounds. ``"clip"`` draws them anew, and clips what
            still is out, as the package does; ``"mirror"`` evaluates their mirror image, and
            learns from the point that was drawn. Choose it if the best may lie on bounds, but
            not for an objective that moves members out of them.
        attempts: How often ``"clip"`` draws anew. The package's 100 were no better with the best
            inside, and took fifteen times as long while the distribution is wide.

    Raises:
        ArgumentError: A value out of range.
        UnknownNameError: No such repair.
    """

    State: ClassVar[type] = Distribution

    sigma: float = 0.3
    repair: str = "clip"
    attempts: int = 10

    def __post_init__(self) -> None:
        checks.real("sigma", self.sigma, 1e-6, 10)
        checks.integer("attempts", self.attempts, minimum=0)
        if self.repair not in REPAIRS:
            raise UnknownNameError("repair", self.repair, REPAIRS)

    def init(self, space: Space, members: Floats, rng: np.random.Generator) -> Distribution:
        """Await the first population, for its best member to be the mean."""
        low, high = space.bounds.T
        values = np.full(len(members), np.inf)
        return self._started(members, values, high - low, np.zeros(len(low)))

    def ask(
        self, state: Distribution, space: Space, rng: np.random.Generator
    ) -> tuple[Floats, Distribution]:
        """Return a population drawn from the distribution, or from a new one."""
        bounds = space.bounds / state.ranges[:, None]
        if state.converged:
            mean = np.clip(space.draw(1, rng)[0] / state.ranges, *bounds.T)
            again = self._started(state.members, state.values, state.ranges, mean)
            state = replace(again, restarts=state.restarts + 1, placed=True)
        if self.repair == "mirror":
            x = draw(state, bounds, 0, rng)
            inside = mirrored(x, bounds)
        else:
            x = inside = np.clip(draw(state, bounds, self.attempts, rng), *bounds.T)
        # Division and product may pass a bound by their rounding error.
        candidates = np.clip(inside * state.ranges, *space.bounds.T)
        return candidates, replace(state, asked=candidates.copy(), drawn=x)

    def tell(self, state: Distribution, candidates: Floats, values: Floats) -> Distribution:
        """Learn from the points that were drawn, or from what the objective made of them."""
        told = replace(state, members=candidates, values=values)
        if not state.placed:
            return replace(told, mean=candidates[values.argmin()] / state.ranges, placed=True)
        moved = (candidates != state.asked).any(axis=1)
        x = np.where(moved[:, None], candidates / state.ranges, state.drawn)
        told = update(told, x, values)
        # Infinite values are no range of values: infinity less itself is not below a tolerance.
        with np.errstate(invalid="ignore"):
            converged = bool(restored(told, self.sigma).should_stop())
        return replace(told, converged=converged)

    def _started(
        self, members: Floats, values: Floats, ranges: Floats, mean: Floats
    ) -> Distribution:
        """Return a round distribution of the first step size, with nothing learned."""
        genes = len(ranges)
        term = parameters(genes, len(members)).funhist_term
        return Distribution(
            members=members,
            values=values,
            asked=members,
            drawn=members / ranges,
            ranges=ranges,
            mean=mean,
            sigma=float(self.sigma),
            covariance=np.eye(genes),
            axes=np.eye(genes),
            lengths=np.ones(genes),
            path=np.zeros(genes),
            sigma_path=np.zeros(genes),
            extremes=np.zeros(2 * term),
        )
