"""Particle swarms: members fly, drawn by the best each has met and the best of its neighbours.

Source: J. Kennedy and R. Eberhart, "Particle swarm optimization", ICNN 1995. All three variants
are one equation for the velocity, v = w v + c1 r1 (p - x) + c2 r2 (g - x), and x = x + s v:

- ``"constriction"``: M. Clerc and J. Kennedy, "The particle swarm: explosion, stability, and
  convergence in a multidimensional complex space", IEEE Trans. Evol. Comput. 6(1), 2002. For
  phi = c1 + c2 > 4 all three terms are multiplied by chi = 2 / |2 - phi - sqrt(phi^2 - 4 phi)|,
  which is 0.7298 for the usual 2.05 and 2.05.
- ``"inertia"``: Y. Shi and R. Eberhart, "A modified particle swarm optimizer", ICEC 1998, and
  "Empirical study of particle swarm optimization", CEC 1999: c1 = c2 = 2, and w falls in a
  straight line from 0.9 to 0.4.
- ``"textbook"``: PSO-BP of "MATLAB Neural Networks: 30 cases" and the programs copied from it:
  w = 1, c1 = c2 = 1.49445, one random number a member and term, velocities within a tenth of the
  range, s = 0.2, and with a probability of 0.05 one gene of a member is drawn anew.

A position beyond a bound is put onto it, and that component of the velocity turned and halved, as
in the standard swarm SPSO 2011 (M. Clerc, "Standard particle swarm optimisation", 2012); that of
2007 sets it to zero, and the textbook leaves it. Velocities begin as in SPSO 2007, half way to
another random point. The ring is that of J. Kennedy and R. Mendes, "Population structure and
particle swarm performance", CEC 2002: slower, and less easily trapped.

The defaults were measured with 100 members and 500 generations on five functions, medians of 5
seeds. Constriction, one best for all: sphere 2e-28 in 10 and 9e-12 in 30 dimensions, Rosenbrock
1.4 and 25, Rastrigin 3 and 45, Ackley 5e-14 and 2e-5. Inertia with horizon=500: 1e-17 and 7e-5,
4.6 and 28, 3 and 39, 5e-8 and 0.06; the textbook's recipe: 1e-3 and 0.03, 9 and 32, 6 and 44,
0.8 and 4. A ring with 8 neighbours to each side ends at 31 on Rastrigin in 30 dimensions. Limits of
velocity from 0.2 to 1, and a rebound of 0 or 0.5, hardly differ: 0.5 is half the range, Xmax in
R. Eberhart and Y. Shi, "Comparing inertia weights and constriction factors", CEC 2000.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench import checks
from workbench.errors import ArgumentError, UnknownNameError
from workbench.evolve.loop import METHODS, AskTell, Space

Floats = NDArray[np.float64]

NEIGHBOURHOODS = ("global", "ring")


class Flight(NamedTuple):
    """How members fly: the numbers of a variant.

    Attributes:
        inertia: Weight of the velocity, at the first generation and from the horizon on.
        cognitive: Weight c1 of the way to a member's own best.
        social: Weight c2 of the way to its neighbours' best.
        velocity_limit: Largest velocity, as a fraction of the range of a gene.
        rebound: What a bound makes of a velocity v is -rebound v.
        mutation: Probability that one gene of a member is drawn anew.
        step: Fraction s of the velocity that a position moves by.
        shared: Whether all genes of a member share the random numbers r1 and r2.
    """

    inertia: tuple[float, float]
    cognitive: float
    social: float
    velocity_limit: float
    rebound: float = 0.5
    mutation: float = 0.0
    step: float = 1.0
    shared: bool = False


VARIANTS: dict[str, Flight] = {
    # Of this one, `ParticleSwarm.flight` multiplies the three weights by chi.
    "constriction": Flight((1.0, 1.0), 2.05, 2.05, velocity_limit=0.5),
    "inertia": Flight((0.9, 0.4), 2.0, 2.0, velocity_limit=0.2),
    "textbook": Flight(
        (1.0, 1.0), 1.49445, 1.49445, 0.1, rebound=-1.0, mutation=0.05, step=0.2, shared=True
    ),
}


@dataclass(frozen=True)
class Swarm:
    """A swarm between generations.

    Attributes:
        members: Where the members are, shape (n, genes).
        values: Their values, (n,).
        velocities: What they move by a generation, (n, genes).
        best: The best place each member has been at, (n, genes).
        best_values: The values there, (n,).
        generation: Generations asked for so far.
    """

    members: Floats
    values: Floats
    velocities: Floats
    best: Floats
    best_values: Floats
    generation: int = 0


def constriction(cognitive: float, social: float) -> float:
    """Return Clerc and Kennedy's chi (with kappa = 1) for weights that add up to more than 4."""
    phi = cognitive + social
    return 2.0 / abs(2.0 - phi - (phi * phi - 4.0 * phi) ** 0.5)


def leaders(values: Floats, neighbours: int) -> NDArray[np.intp]:
    """Return the index of the best within ``neighbours`` to each side of each, on a ring.

    Args:
        values: Values (n,), lower is better. Of equals the first is taken, from the left.
        neighbours: How many to each side; a ring that meets itself has one best for all.
    """
    n, width = len(values), 2 * neighbours + 1
    if width >= n:
        return np.full(n, values.argmin())
    ring = np.concatenate([values[-neighbours:], values, values[:neighbours]])
    windows = np.lib.stride_tricks.sliding_window_view(ring, width)
    return (windows.argmin(axis=1) + np.arange(-neighbours, n - neighbours)) % n


@METHODS.register("pso")
@dataclass(frozen=True)
class ParticleSwarm(AskTell[Swarm]):
    """Options of the particle swarm; None leaves the variant's value.

    Attributes:
        variant: ``"constriction"``, ``"inertia"`` or ``"textbook"``.
        neighbourhood: ``"global"``: one best for all; ``"ring"``: the best of the neighbours.
        neighbours: Neighbours to each side on the ring.
        cognitive: Weight c1 of the way to a member's own best.
        social: Weight c2 of the way to its neighbours' best.
        inertia: Weight of the velocity: one number, or one at the first generation and one from
            the horizon on. The constriction variant has it from c1 and c2.
        horizon: Generations in which the inertia falls; best those of the whole search.
        velocity_limit: Largest velocity, as a fraction of the range of a gene.
        rebound: What a bound makes of a velocity v is -rebound v: 0.5 in SPSO 2011, 0 in 2007.
        mutation: Probability that one gene of a member is drawn anew in a generation.

    Raises:
        UnknownNameError: No such variant or neighbourhood.
        ArgumentError: A value out of range, or one that the variant does not have.
    """

    State: ClassVar[type] = Swarm

    variant: str = "constriction"
    neighbourhood: str = "global"
    neighbours: int = 1
    cognitive: float | None = None
    social: float | None = None
    inertia: float | tuple[float, float] | None = None
    horizon: int = 100
    velocity_limit: float | None = None
    rebound: float | None = None
    mutation: float | None = None

    def __post_init__(self) -> None:
        if self.neighbourhood not in NEIGHBOURHOODS:
            raise UnknownNameError("neighbourhood", self.neighbourhood, NEIGHBOURHOODS)
        checks.integer("neighbours", self.neighbours)
        checks.integer("horizon", self.horizon)
        self.flight()

    def flight(self) -> Flight:
        """Return the numbers to fly by: those of the variant, and those given."""
        if self.variant not in VARIANTS:
            raise UnknownNameError("variant", self.variant, VARIANTS)
        flight = VARIANTS[self.variant]._replace(**self._given())
        if self.variant != "constriction":
            return flight
        if self.inertia is not None:
            raise ArgumentError(
                "inertia",
                "be left out where variant='constriction' computes it",
                self.inertia,
                "Choose variant='inertia', or other weights cognitive and social.",
            )
        if not 4.0 < flight.cognitive + flight.social < np.inf:
            raise ArgumentError(
                "cognitive",
                "add up with social to more than 4 for variant='constriction'",
                f"{flight.cognitive:g} + {flight.social:g}",
                "Choose variant='inertia' for smaller weights.",
            )
        chi = constriction(flight.cognitive, flight.social)
        return flight._replace(
            inertia=(chi, chi), cognitive=chi * flight.cognitive, social=chi * flight.social
        )

    def init(self, space: Space, members: Floats, rng: np.random.Generator) -> Swarm:
        """Start from the given members, with random velocities."""
        flight, (low, high) = self.flight(), space.bounds.T
        most = flight.velocity_limit * (high - low)
        if flight.shared:
            velocities = rng.uniform(-most, most, size=members.shape)
        else:
            velocities = 0.5 * (rng.uniform(low, high, size=members.shape) - members)
        unknown = np.full(len(members), np.inf)
        return Swarm(members, unknown, _limit(velocities, -most, most), members, unknown)

    def ask(self, state: Swarm, space: Space, rng: np.random.Generator) -> tuple[Floats, Swarm]:
        """Return where the members fly to."""
        flight, (low, high) = self.flight(), space.bounds.T
        velocities = self._velocities(state, flight, rng)
        most = flight.velocity_limit * (high - low)
        _limit(velocities, -most, most)
        reached = flight.step * velocities
        reached += state.members
        candidates = _limit(reached.copy(), low, high)
        outside = candidates != reached
        if outside.any():
            velocities[outside] *= -flight.rebound
        if flight.mutation:
            _mutate(candidates, space.bounds, flight.mutation, rng)
        return candidates, replace(state, velocities=velocities, generation=state.generation + 1)

    def tell(self, state: Swarm, candidates: Floats, values: Floats) -> Swarm:
        """Move the members, and remember the places that are the best of a member so far."""
        better = values < state.best_values
        return replace(
            state,
            members=candidates,
            values=values,
            best=np.where(better[:, None], candidates, state.best),
            best_values=np.where(better, values, state.best_values),
        )

    def _given(self) -> dict[str, Any]:
        """Return those numbers of the flight that are given, checked."""
        ranges = {
            "cognitive": (0.0, np.inf),
            "social": (0.0, np.inf),
            "rebound": (-1.0, 1.0),
            "mutation": (0.0, 1.0),
        }
        given: dict[str, Any] = {
            name: checks.real(name, getattr(self, name), *ends)
            for name, ends in ranges.items()
            if getattr(self, name) is not None
        }
        if self.velocity_limit is not None:
            limit = checks.real("velocity_limit", self.velocity_limit, 0, 1, open_low=True)
            given["velocity_limit"] = limit
        if self.inertia is not None:
            given["inertia"] = _pair(self.inertia)
        return given

    def _velocities(self, state: Swarm, flight: Flight, rng: np.random.Generator) -> Floats:
        """Return the next velocities, not yet limited."""
        n, genes = state.members.shape
        first, last = flight.inertia
        weight = first + (last - first) * min(state.generation / self.horizon, 1.0)
        if self.neighbourhood == "global":
            leader = state.best[state.best_values.argmin()]
        else:
            leader = state.best[leaders(state.best_values, self.neighbours)]
        # In place, for that halves the time of a generation.
        uniform = rng.random((2, n, 1 if flight.shared else genes))
        uniform *= np.array([flight.cognitive, flight.social])[:, None, None]
        velocities = weight * state.velocities
        for drawn, goal in zip(uniform, (state.best, leader), strict=True):
            way = goal - state.members
            way *= drawn
            velocities += way
        return velocities


def _limit(array: Floats, low: Floats, high: Floats) -> Floats:
    # numpy.clip takes twice as long with an array of limits.
    np.maximum(array, low, out=array)
    return np.minimum(array, high, out=array)


def _pair(inertia: object) -> tuple[float, float]:
    if not isinstance(inertia, tuple | list):
        inertia = (inertia, inertia)
    if len(inertia) != 2:
        raise ArgumentError("inertia", "be one number, or a pair (first, last)", inertia)
    first, last = (checks.real("inertia", weight, 0, 1) for weight in inertia)
    return first, last


def _mutate(
    candidates: Floats, bounds: Floats, probability: float, rng: np.random.Generator
) -> None:
    """Draw one gene anew in each member that chance takes."""
    n, genes = candidates.shape
    rows = np.flatnonzero(rng.random(n) < probability)
    places = rng.integers(genes, size=len(rows))
    candidates[rows, places] = rng.uniform(bounds[places, 0], bounds[places, 1])
