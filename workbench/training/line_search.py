"""Line searches under MATLAB's names: how far to go where the performance falls.

``srchcha``: C. Charalambous, "Conjugate gradient algorithm for efficient training of artificial
neural networks", IEE Proceedings G 139 (1992), pp. 301-310: cubic interpolation with sectioning,
until the performance is lower (Armijo) and its slope nearly level (strong Wolfe).
``srchbac``: J. E. Dennis and R. B. Schnabel, Numerical Methods for Unconstrained Optimization and
Nonlinear Equations, 1983, algorithms A6.3.1 and A6.3.1mod: the full step first, then back along a
parabola and cubics, or on by doubling while the slope is still steep.

Both are one search with two rules, one that proposes the next step and one that accepts. It keeps
the best step so far and the other end of an interval that holds a better one, as J. Nocedal and
S. J. Wright, Numerical Optimization, 2nd ed., algorithms 3.5 and 3.6, do. Each trial costs one
performance and gradient, together 37 µs where the performance alone takes 21 (2-5-1, 1500 rows).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from keras import ops

from workbench.network import backend
from workbench.network.backend import Tensor
from workbench.network.objective import Problem
from workbench.registry import Registry

# Trials of one search; the intervals shrink long before.
_MOST = 30
# Bounds of an extrapolation, in widths of the last interval (J. J. Moré and D. J. Thuente, ACM
# TOMS 20 (1994), p. 302).
_NEAR, _FAR = 1.1, 4.0

Parameters = dict[str, Tensor]


class Point(NamedTuple):
    """A place on the line: the step that leads there, the performance and its slope."""

    step: Tensor
    perf: Tensor
    slope: Tensor


@dataclass(frozen=True)
class LineSearch:
    """The two rules in which searches differ.

    Attributes:
        propose: Maps the best point, the other end of the interval (its step is infinite while
            there is none), the end that was replaced last and the parameters to the next step.
        levels: Maps the slope at the start, that at a lower point and the parameters to whether
            that point will do.
    """

    propose: Callable[[Point, Point, Point, Parameters], Tensor]
    levels: Callable[[Tensor, Tensor, Parameters], Tensor]


class Found(NamedTuple):
    """Where a search ended.

    Attributes:
        step: The step in units of the direction; 0 if none lowered the performance enough.
        perf: The performance there.
        gradient: Its gradient there ``(weights,)``.
        slope: Its slope along the direction there.
        evaluations: How often performance and gradient were evaluated.
    """

    step: Tensor
    perf: Tensor
    gradient: Tensor
    slope: Tensor
    evaluations: Tensor


LINE_SEARCHES: Registry[LineSearch] = Registry("line search")


class _State(NamedTuple):
    """The interval from ``best`` to ``end``, and the next step to try."""

    trial: Tensor
    best: Point
    end: Point
    before: Point
    gradient: Tensor
    evaluations: Tensor
    done: Tensor


def search(
    rules: LineSearch,
    problem: Problem,
    vector: Tensor,
    direction: Tensor,
    perf: Tensor,
    gradient: Tensor,
    first: Tensor,
    parameters: Parameters,
) -> Found:
    """Return a step along a direction, by one of the `LINE_SEARCHES`.

    The step satisfies ``perf(step) <= perf + alpha step slope`` and the rule on slopes, or it is
    the best one that satisfies the former when the interval has become small, its end reached
    or the trials used up.

    Args:
        rules: The search.
        problem: What is minimised.
        vector: The weights ``(weights,)``.
        direction: Where to, ``(weights,)``; the performance must fall there.
        perf: The performance of the weights.
        gradient: Its gradient ``(weights,)``.
        first: The first step to try.
        parameters: ``alpha``, ``beta``, ``scale_tol``, ``max_step``, ``min_step`` and those of
            the rules.
    """
    start = Point(ops.zeros_like(perf), perf, backend.total(gradient * direction))
    nowhere = Point(start.step + np.inf, start.step, start.step)
    most = parameters["max_step"] / ops.norm(direction)
    first = ops.minimum(first, most)
    tolerance = first / parameters["scale_tol"]

    def trial(state: _State) -> _State:
        perf, gradient = problem.perf_and_gradient(vector + state.trial * direction)
        here = Point(state.trial, perf, backend.total(gradient * direction))
        line = start.perf + parameters["alpha"] * here.step * start.slope
        # False for NaN and infinity too: an overflow is a step too far.
        lower = ops.logical_and(perf <= line, perf < state.best.perf)
        best, end, before = _shrunk(state, here, lower)
        proposal = ops.minimum(rules.propose(best, end, before, parameters), most)
        enough = ops.logical_and(lower, rules.levels(start.slope, here.slope, parameters))
        done = enough | _exhausted(best, end, proposal, first, tolerance, most, parameters)
        count = state.evaluations + 1
        kept = ops.where(lower, gradient, state.gradient)
        return _State(proposal, best, end, before, kept, count, done | (count >= _MOST))

    none = ops.zeros((), "int32")
    state = _State(first, start, nowhere, nowhere, gradient, none, none > 0)
    state = backend.while_loop(lambda state: ops.logical_not(state.done), trial, state)
    return Found(
        state.best.step, state.best.perf, state.gradient, state.best.slope, state.evaluations
    )


def _shrunk(state: _State, here: Point, lower: Tensor) -> tuple[Point, Point, Point]:
    """Return the best point, the end of the interval, and the one of both that was replaced."""
    # Up the hill again: the lower point lies between here and the best until now.
    passed = here.slope * (state.end.step - state.best.step) >= 0
    end = _choice(lower, _choice(passed, state.best, state.end), here)
    return _choice(lower, here, state.best), end, _choice(lower, state.best, state.end)


def _exhausted(
    best: Point,
    end: Point,
    proposal: Tensor,
    first: Tensor,
    tolerance: Tensor,
    most: Tensor,
    parameters: Parameters,
) -> Tensor:
    """Return whether no better step is to be had, or none worth the trials."""
    found = best.step > 0
    narrow = found & (abs(end.step - best.step) <= tolerance)
    too_short = ops.logical_not(found) & (proposal <= parameters["min_step"] * first)
    return narrow | too_short | (best.step >= most)


def _choice(condition: Tensor, one: Point, other: Point) -> Point:
    return Point(*(ops.where(condition, a, b) for a, b in zip(one, other, strict=True)))


def _charalambous(best: Point, end: Point, before: Point, parameters: Parameters) -> Tensor:
    """Return the lowest point of a cubic, away from the ends by ``gama`` of the interval."""
    open_end = ops.logical_not(ops.isfinite(end.step))
    other = _choice(open_end, before, end)
    width = ops.where(open_end, best.step - before.step, end.step - best.step)
    ahead = (_lowest_of_cubic(best, other) - best.step) / width
    gama = parameters["gama"]
    inside = ops.clip(_finite(ahead, ops.where(ops.isfinite(end.perf), 0.5, gama)), gama, 1 - gama)
    # A cubic without a lowest point ahead falls on and on.
    beyond = ops.clip(ops.where(ahead > 0, ahead, _FAR), _NEAR, _FAR)
    return best.step + width * ops.where(open_end, beyond, inside)


def _lowest_of_cubic(one: Point, other: Point) -> Tensor:
    """Return where the cubic with two points' values and slopes is lowest; NaN if nowhere.

    Nocedal and Wright, eq. 3.59.
    """
    width = other.step - one.step
    d1 = one.slope + other.slope - 3 * (one.perf - other.perf) / (one.step - other.step)
    d2 = ops.sign(width) * ops.sqrt(d1 * d1 - one.slope * other.slope)
    return other.step - width * (other.slope + d2 - d1) / (other.slope - one.slope + 2 * d2)


def _backtracking(best: Point, end: Point, before: Point, parameters: Parameters) -> Tensor:
    """Return a step back within the limits, or twice the step while there is no end."""
    width = end.step - best.step
    parabola = -best.slope * width / (2 * (end.perf - best.perf - best.slope * width))
    # Dennis and Schnabel know the slope at the start only, and use the last two trials.
    cubic = _lowest_of_two_trials(best, end, before) / end.step
    share = ops.where((best.step == 0) & ops.isfinite(before.step), cubic, parabola)
    share = _finite(share, parameters["low_lim"])
    share = ops.clip(share, parameters["low_lim"], parameters["up_lim"])
    return ops.where(ops.isfinite(end.step), best.step + share * width, 2 * best.step)


def _lowest_of_two_trials(start: Point, last: Point, before: Point) -> Tensor:
    """Return where the cubic with a start's value and slope and two values is lowest (A6.3.1)."""
    rise = (last.perf - start.perf - start.slope * last.step) / last.step**2
    rise_before = (before.perf - start.perf - start.slope * before.step) / before.step**2
    width = last.step - before.step
    a = (rise - rise_before) / width
    b = (last.step * rise_before - before.step * rise) / width
    root = ops.sqrt(b * b - 3 * a * start.slope)
    # The form without cancellation, which holds for a = 0 as well.
    return -start.slope / (b + root)


def _finite(value: Tensor, otherwise: Tensor) -> Tensor:
    return ops.where(ops.isfinite(value), value, otherwise)


LINE_SEARCHES.register("srchcha")(
    LineSearch(_charalambous, lambda start, slope, p: abs(slope) <= p["beta"] * abs(start))
)
LINE_SEARCHES.register("srchbac")(
    LineSearch(_backtracking, lambda start, slope, p: slope >= p["beta"] * start)
)
