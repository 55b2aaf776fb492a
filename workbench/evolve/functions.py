"""Five functions that searches are tested on, of as many genes as one likes.

Sources: K. A. De Jong, "An analysis of the behavior of a class of genetic adaptive systems",
University of Michigan, 1975, for the sphere and the bounds of H. H. Rosenbrock's valley (The
Computer Journal 3, 1960); T. Bäck and H.-P. Schwefel, "An overview of evolutionary algorithms for
parameter optimization", Evolutionary Computation 1(1), 1993, for D. H. Ackley's function of n
genes; H. Mühlenbein, M. Schomisch and J. Born, "The parallel genetic algorithm as function
optimizer", Parallel Computing 17, 1991, for L. A. Rastrigin's of n genes; A. O. Griewank,
"Generalized descent for global optimization", J. Optimization Theory and Applications 34, 1981.

All have their only global minimum, 0, at equal genes, four of them in the middle of the bounds.
A search that is drawn to the middle would look better there than it is: `Landscape.moved` puts
the minimum elsewhere (J. J. Liang, P. N. Suganthan and K. Deb, "Novel composition test functions
for numerical global optimization", SIS 2005, who show what that does to some searches).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.errors import ArgumentError
from workbench.registry import Registry

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Landscape:
    """A function of members ``(n, genes)``, for any number of genes.

    Attributes:
        function: Maps members (n, genes) to values (n,); its lowest value is 0.
        low: Lower bound of every gene.
        high: Upper bound.
        lowest: What every gene of the minimum is.
        source: Where it comes from.
    """

    function: Callable[[Floats], Floats]
    low: float
    high: float
    lowest: float
    source: str

    def __call__(self, members: Floats) -> Floats:
        """Return the values ``(n,)`` of members ``(n, genes)``."""
        return self.function(members)

    def bounds(self, genes: int) -> Floats:
        """Return one row (low, high) a gene."""
        return np.tile([self.low, self.high], (checks.integer("genes", genes), 1))

    def minimum(self, genes: int) -> Floats:
        """Return the member whose value is 0, shape (genes,)."""
        return np.full(checks.integer("genes", genes), self.lowest)

    def moved(self, minimum: ArrayLike) -> Callable[[Floats], Floats]:
        """Return the function with its minimum elsewhere.

        Args:
            minimum: Where to, shape (genes,).

        Raises:
            ArgumentError: It is no vector, or out of bounds.
        """
        place = np.asarray(minimum, dtype=float)
        inside = (place >= self.low) & (place <= self.high)  # false for NaN
        if place.ndim != 1 or not inside.all():
            requirement = f"be a vector of genes from {self.low:g} to {self.high:g}"
            raise ArgumentError("minimum", requirement, minimum)
        return partial(_moved, self.function, place - self.lowest)

    def draw_minimum(self, genes: int, rng: np.random.Generator) -> Floats:
        """Draw a place for the minimum, shape (genes,): from the middle half of the bounds."""
        quarter = (self.high - self.low) / 4
        return rng.uniform(self.low + quarter, self.high - quarter, checks.integer("genes", genes))


TEST_FUNCTIONS: Registry[Landscape] = Registry("test function")


def sphere(x: Floats) -> Floats:
    """Return the sum of squares: what every search must be good at."""
    return np.einsum("ij,ij->i", x, x)


def rosenbrock(x: Floats) -> Floats:
    """Return the values of a bent valley: easy to get into, slow to go along."""
    return (100.0 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1.0 - x[:, :-1]) ** 2).sum(axis=1)


def ackley(x: Floats) -> Floats:
    """Return the values of a needle's eye in a plain of small hollows."""
    distance = np.sqrt(sphere(x) / x.shape[1])
    waves = np.cos(2.0 * np.pi * x).mean(axis=1)
    return -20.0 * np.exp(-0.2 * distance) - np.exp(waves) + 20.0 + np.e


def rastrigin(x: Floats) -> Floats:
    """Return the values of a bowl with a deep hollow at every whole number."""
    return sphere(x) + 10.0 * (1.0 - np.cos(2.0 * np.pi * x)).sum(axis=1)


def griewank(x: Floats) -> Floats:
    """Return the values of a wide bowl whose ripples hang together across genes."""
    roots = np.sqrt(np.arange(1.0, x.shape[1] + 1.0))
    return sphere(x) / 4000.0 - np.cos(x / roots).prod(axis=1) + 1.0


def _moved(function: Callable[[Floats], Floats], by: Floats, members: Floats) -> Floats:
    return function(members - by)


for _name, _landscape in {
    "sphere": Landscape(sphere, -5.12, 5.12, 0.0, "De Jong, 1975"),
    "rosenbrock": Landscape(rosenbrock, -2.048, 2.048, 1.0, "Rosenbrock, 1960; De Jong, 1975"),
    "ackley": Landscape(ackley, -32.768, 32.768, 0.0, "Ackley, 1987; Bäck and Schwefel, 1993"),
    "rastrigin": Landscape(
        rastrigin, -5.12, 5.12, 0.0, "Rastrigin, 1974; Mühlenbein, Schomisch and Born, 1991"
    ),
    "griewank": Landscape(griewank, -600.0, 600.0, 0.0, "Griewank, 1981"),
}.items():
    TEST_FUNCTIONS.register(_name)(_landscape)
