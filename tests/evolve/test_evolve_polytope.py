"""Linear constraints: what the objective is shown keeps to them, whatever the method."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint
from scipy.optimize import minimize as scipy_minimize

from workbench.errors import ArgumentError
from workbench.evolve import minimize
from workbench.evolve.loop import METHODS, kinds_of
from workbench.evolve.polytope import polytope_of

BOX = np.array([(-2.0, 2.0)] * 3)
PLANE = LinearConstraint(np.array([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0]]), [-np.inf, -0.5], [1.0, 0.5])
GOAL = np.array([1.5, 0.0, 1.2])
REAL = [name for name in METHODS if "real" in kinds_of(METHODS[name])]


def distance(members: NDArray[np.float64]) -> NDArray[np.float64]:
    return ((members - GOAL) ** 2).sum(axis=1)


@pytest.mark.parametrize("method", REAL)
def test_no_member_that_is_forbidden_is_evaluated(method: str) -> None:
    seen = []

    def watched(members: NDArray[np.float64]) -> NDArray[np.float64]:
        seen.append(members)
        return distance(members)

    result = minimize(
        watched, BOX, method, constraints=PLANE, generations=60, seed=1, progress=False
    )
    for members in [*seen, result.population, result.x[None]]:
        rows = members @ PLANE.A.T
        assert (rows <= PLANE.ub).all()
        assert (rows >= PLANE.lb).all()
        assert (members >= BOX[:, 0]).all()
        assert (members <= BOX[:, 1]).all()
    np.testing.assert_array_equal(distance(result.population), result.population_values)


def test_the_minimum_on_a_face_is_that_of_a_solver_for_convex_problems() -> None:
    exact = scipy_minimize(
        lambda x: distance(x[None])[0], np.zeros(3), method="SLSQP", constraints=PLANE, tol=1e-12
    )
    result = minimize(
        distance, BOX, constraints=PLANE, population=60, generations=400, seed=1, progress=False
    )
    assert result.fun == pytest.approx(exact.fun, rel=1e-3)
    np.testing.assert_allclose(result.x, exact.x, atol=0.02)


def test_pulling_leads_to_the_face_on_the_way_to_the_centre() -> None:
    polytope = polytope_of(LinearConstraint([1.0, 0.0], -np.inf, 0.5), np.array([(0, 1), (0, 1)]))
    assert polytope is not None
    np.testing.assert_allclose(polytope.centre[0], 0.25)
    outside, inside = np.array([1.0, polytope.centre[1]]), np.array([0.2, 0.9])
    pulled = polytope.pulled(np.array([outside, inside]))
    np.testing.assert_allclose(pulled[0], [0.5, polytope.centre[1]])
    np.testing.assert_array_equal(pulled[1], inside)


def test_draws_fill_the_polytope_evenly() -> None:
    triangle = polytope_of(LinearConstraint([1.0, 1.0], -np.inf, 1.0), np.array([(0, 1), (0, 1)]))
    assert triangle is not None
    drawn = triangle.draw(np.array([(0.0, 1.0)] * 2), 20_000, np.random.default_rng(0))
    assert triangle.holds(drawn).all()
    # Of a uniform distribution on the triangle: means 1/3, variances 1/18.
    np.testing.assert_allclose(drawn.mean(axis=0), 1 / 3, atol=0.01)
    np.testing.assert_allclose(drawn.var(axis=0), 1 / 18, atol=0.002)


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ("x < 1", "be scipy.optimize.LinearConstraint"),
        (LinearConstraint([1.0, 1.0], 0, 1), "finite rows of 3 genes"),
        (LinearConstraint([1.0, 1.0, 1.0], 1, 1), "leave room within the bounds"),
        (LinearConstraint([1.0, 1.0, 1.0], 7, 8), "leave room within the bounds"),
    ],
)
def test_constraints_that_cannot_be_kept_are_refused(constraints, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        minimize(distance, BOX, constraints=constraints, progress=False)


def test_a_first_member_that_is_forbidden_is_refused() -> None:
    with pytest.raises(ArgumentError, match="keep to the constraints"):
        minimize(distance, BOX, constraints=PLANE, initial=[1.9, 1.9, 1.9], progress=False)


def test_whole_numbers_cannot_be_pulled() -> None:
    with pytest.raises(ArgumentError, match='"real" where there are constraints'):
        minimize(distance, BOX, constraints=PLANE, genes="integer", progress=False)
