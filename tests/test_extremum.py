"""`find_extremum`: it finds what is known by algebra, and says when not to trust it."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.optimize import Bounds, approx_fprime
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from workbench import BPClassifier, BPRegressor, feedforward, load_dataset
from workbench.errors import ArgumentError, ModelError, UnknownNameError
from workbench.evolve import METHODS
from workbench.extremum import ExtremumWarning, find_extremum
from workbench.extremum.box import box_of
from workbench.extremum.polish import starts
from workbench.extremum.surface import surface_of

Floats = NDArray[np.float64]


def network(
    first: list[list[float]], bias: list[float], activation: Callable[..., Any], **last: Any
) -> keras.Model:
    """A hidden layer and a sum, so that the extrema are known by algebra."""
    layers = [
        keras.layers.Dense(len(bias), activation=activation, dtype=last.get("dtype", "float64")),
        keras.layers.Dense(1, use_bias=False, dtype=last.get("dtype", "float64")),
    ]
    model = keras.Sequential([keras.Input((len(first),), dtype="float64"), *layers])
    model.set_weights([np.array(first), np.array(bias), np.array(last["out"])[:, None]])
    return model


@pytest.fixture(scope="module")
def bowl() -> keras.Model:
    """(x1 - 0.3)² + 4 (x2 + 0.5)², least at (0.3, -0.5)."""
    return network([[1, 0], [0, 2]], [-0.3, 1.0], keras.ops.square, out=[1, 1])


@pytest.fixture(scope="module")
def quadratic() -> tuple[BPRegressor, Floats]:
    data = load_dataset("quadratic")
    model = BPRegressor((10,), random_state=0, epochs=300).fit(data.X, data.y[:, 0])
    return model, data.X


def squares(rows: Floats) -> Floats:
    return (rows**2).sum(axis=1)


# Where it is


REAL = [name for name in METHODS if "real" in getattr(METHODS[name], "kinds", {"real"})]


@pytest.mark.parametrize("method", REAL)
def test_every_method_leads_to_the_minimum_of_a_bowl(bowl, method) -> None:
    found = find_extremum(bowl, (-1, 1), method=method, generations=20, seed=1)
    np.testing.assert_allclose(found.x, [0.3, -0.5], atol=1e-6)
    assert found.fun == pytest.approx(0, abs=1e-12)
    assert found.gradient < 1e-5


def test_a_network_in_single_precision_is_polished_as_far_as_its_digits_go() -> None:
    layers = [[1, 0], [0, 2]], [-0.3, 1.0], keras.ops.square
    found = find_extremum(
        network(*layers, out=[1, 1], dtype="float32"), (-1, 1), generations=20, seed=1
    )
    np.testing.assert_allclose(found.x, [0.3, -0.5], atol=1e-4)


def test_a_maximum_has_the_sign_of_the_surface(bowl) -> None:
    with pytest.warns(ExtremumWarning, match="at a bound of x1, x2"):
        found = find_extremum(bowl, [(-1, 1), (-1, 2)], "max", seed=1)
    np.testing.assert_array_equal(found.x, [-1, 2])
    assert found.fun == pytest.approx(1.3**2 + 4 * 2.5**2)
    assert found.search.fun == pytest.approx(-found.fun, rel=1e-3)
    assert found.gradient == 0  # what is left of it points out of the bounds


def test_the_textbooks_minimum_is_found_within_a_twentieth() -> None:
    data = load_dataset("quadratic")
    for seed in range(4):
        model = BPRegressor((10,), random_state=seed, epochs=200).fit(data.X, data.y[:, 0])
        found = find_extremum(model, (-5, 5), X=data.X, true=squares, seed=seed)
        assert np.linalg.norm(found.x) < 0.05
        assert found.true == pytest.approx(found.x @ found.x)
        assert found.error == found.fun - found.true


def test_the_value_is_the_models_own_in_the_users_units(quadratic) -> None:
    model, _ = quadratic
    found = find_extremum(model, (-5, 5), seed=1)
    assert found.fun == pytest.approx(model.predict(found.x[None])[0], rel=1e-9)


def test_the_polish_goes_below_the_search_and_never_above(quadratic) -> None:
    model, _ = quadratic
    few = {"generations": 5, "population": 10, "seed": 2}
    raw = find_extremum(model, (-5, 5), polish=False, **few)
    found = find_extremum(model, (-5, 5), **few)
    assert raw.fun == raw.search.fun == found.search.fun > found.fun
    np.testing.assert_array_equal(raw.x, found.search.x)
    assert raw.nfev < found.nfev
    assert np.isnan(raw.gradient)


def test_a_regressor_of_scikit_learn_is_descended_by_differences() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.uniform(-100, 300, (50, 2)), columns=["width", "height"])
    y = (table["width"] - 50) ** 2 + (table["height"] - 80) ** 2
    model = make_pipeline(PolynomialFeatures(2), LinearRegression()).fit(table, y)
    found = find_extremum(model, (-100, 300), generations=20, seed=1)
    np.testing.assert_allclose(found.x, [50, 80], atol=1e-3)
    assert list(found.optima.frame.columns[:2]) == ["width", "height"]


def test_the_steps_of_a_forest_are_searched_and_left_as_they_are() -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    model = RandomForestRegressor(5, random_state=0).fit(X, squares(X))
    found = find_extremum(model, (-1, 1), generations=20, seed=1)
    assert found.fun <= found.search.fun
    assert np.linalg.norm(found.x) < 0.3


class Partial(RegressorMixin, BaseEstimator):
    """(x - 0.5)² where x > 0, and no number elsewhere."""

    def fit(self, X: Floats, y: Floats) -> "Partial":
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X: Floats) -> Floats:
        return np.where(X[:, 0] > 0, (X[:, 0] - 0.5) ** 2, np.nan)


@pytest.mark.parametrize(("kind", "x"), [("min", 0.5), ("max", 2.0)])
@pytest.mark.filterwarnings("ignore::workbench.extremum.ExtremumWarning")
def test_where_a_model_gives_no_number_is_no_extremum(kind, x) -> None:
    model = Partial().fit(np.zeros((1, 1)), np.zeros(1))
    found = find_extremum(model, [(-9, 2)], kind, optima=3, generations=10, seed=1)
    assert found.x[0] == pytest.approx(x, abs=1e-6)
    assert all(np.isfinite(each.value) for each in found.optima)
    with pytest.raises(ArgumentError, match="model must give finite values"):
        find_extremum(model, [(-9, -1)], kind, generations=3, seed=1)


def test_an_input_with_equal_bounds_stays_there(bowl) -> None:
    found = find_extremum(bowl, [(0.7, 0.7), (-1, 1)], generations=20, seed=1)
    assert found.x[0] == 0.7
    assert found.x[1] == pytest.approx(-0.5, abs=1e-6)
    assert found.fun == pytest.approx(0.16)


def test_an_input_constant_in_the_data_does_no_harm() -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (100, 2)) * [1, 0] + [0, 7]
    model = BPRegressor((5,), random_state=0, epochs=100).fit(X, (X[:, 0] - 0.2) ** 2)
    found = find_extremum(model, [(-1, 1), (7, 7)], X=X, generations=20, seed=1)
    assert found.x[0] == pytest.approx(0.2, abs=0.05)
    with pytest.warns(ExtremumWarning, match="outside the data in x2"):
        find_extremum(model, [(-1, 1), (8, 9)], X=X, generations=20, seed=1)


@pytest.mark.parametrize(("kind", "target"), [("min", -3.9), ("max", 3.9)])
def test_a_target_is_a_value_of_the_surface(kind, target) -> None:
    wave = network([[1]], [0.0], keras.ops.cos, out=[4])  # 4 cos(x)
    found = find_extremum(wave, [(-2, 6)], kind, target=target, polish=False, seed=1)
    assert found.search.stop == "target"
    assert found.fun <= target if kind == "min" else found.fun >= target


def test_the_same_seed_gives_the_same_bits(quadratic, untouched_generators: None) -> None:
    model, X = quadratic
    one, again = (find_extremum(model, (-5, 5), X=X, optima=3, seed=4) for _ in range(2))
    pd.testing.assert_frame_equal(one.optima.frame, again.optima.frame, check_exact=True)
    unseeded = find_extremum(model, (-5, 5), generations=5)
    repeated = find_extremum(model, (-5, 5), generations=5, seed=unseeded.seed)
    np.testing.assert_array_equal(unseeded.x, repeated.x)


# Several


def test_all_minima_of_a_cosine_are_found_the_best_first() -> None:
    # cos(pi x) + x / 10: one minimum near each odd number, each by 0.2 higher than the last.
    inputs = keras.Input((1,), dtype="float64")
    wave = keras.layers.Dense(1, activation=keras.ops.cos, dtype="float64")
    out = keras.layers.Dense(1, use_bias=False, dtype="float64")
    joined = keras.layers.Concatenate(dtype="float64")([wave(inputs), inputs])
    model = keras.Model(inputs, out(joined))
    wave.set_weights([np.array([[np.pi]]), np.zeros(1)])
    out.set_weights([np.array([[1.0], [0.1]])])
    found = find_extremum(model, (-6, 6), optima=9, seed=1)
    odd = np.arange(-5, 7, 2)
    offset = -np.arcsin(0.1 / np.pi) / np.pi  # sin(pi x) = 0.1 / pi near each of them
    x = [each.x[0] for each in found.optima]
    np.testing.assert_allclose(x, odd + offset, atol=1e-6)
    assert [each.value for each in found.optima] == sorted(each.value for each in found.optima)
    assert len(find_extremum(model, (-6, 6), optima=2, seed=1).optima) == 2
    # The box is 12 wide and counts as 2, so that minima 2 apart are 1/3 apart.
    assert len(find_extremum(model, (-6, 6), optima=9, apart=0.34, seed=1).optima) == 3


def test_a_start_is_taken_in_each_basin_and_not_all_in_the_deepest() -> None:
    points = np.linspace(0, 1, 101)[:, None]
    heights = np.abs(points[:, 0] - 0.25) * 0.01
    right = points[:, 0] > 0.6
    heights[right] = 5 + np.abs(points[right, 0] - 0.8)
    found = starts(points, heights, 10, np.array([0.05]))
    np.testing.assert_allclose(found, [[0.25], [0.8]])


def test_the_four_corners_are_the_maxima_of_the_bowl_over_a_square(quadratic) -> None:
    model, X = quadratic
    with pytest.warns(ExtremumWarning, match="bound"):
        found = find_extremum(model, (-4, 4), "max", X=X, optima=6, seed=1)
    corners = sorted(tuple(each.x) for each in found.optima)
    assert corners == [(-4, -4), (-4, 4), (4, -4), (4, 4)]
    assert all(each.at_bound and not each.outside for each in found.optima)


# What speaks against it


def test_the_distance_is_that_to_the_nearest_sample_in_scaled_inputs(quadratic) -> None:
    model, X = quadratic
    found = find_extremum(model, (-5, 5), X=X, seed=1).optima[0]
    scaled = (np.vstack([X, found.x]) - X.min(axis=0)) / np.ptp(X, axis=0) * 2 - 1
    assert found.distance == pytest.approx(
        np.sqrt(((scaled[:-1] - scaled[-1]) ** 2).sum(axis=1)).min()
    )
    assert not found.far
    assert np.isnan(find_extremum(model, (-5, 5), seed=1).optima[0].distance)


def test_a_hole_in_the_data_is_told(quadratic) -> None:
    model, X = quadratic
    with pytest.warns(ExtremumWarning, match="far from the data"):
        found = find_extremum(model, (-5, 5), X=X[squares(X) > 1], seed=1)
    assert found.optima[0].far
    assert not found.optima[0].outside


def test_an_estimator_knows_the_range_of_its_data_by_itself(quadratic) -> None:
    model, _ = quadratic
    with pytest.warns(ExtremumWarning) as told:
        found = find_extremum(model, [(6, 7), (-1, 1)], seed=1)
    assert found.optima[0].outside
    messages = [str(each.message) for each in told]
    assert any("outside the data in x1, where" in message for message in messages)
    assert any("at a bound of x1:" in message for message in messages)
    assert all(each.filename == __file__ for each in told)


def test_a_gaussian_process_hands_over_its_samples() -> None:
    X = np.linspace(-1, 1, 9)[:, None]
    model = GaussianProcessRegressor(optimizer=None).fit(X, X[:, 0] ** 2)
    found = find_extremum(model, [(-0.9, 0.9)], generations=20, seed=1).optima[0]
    assert found.distance == pytest.approx(np.abs(X - found.x).min())


# The surface


@pytest.mark.parametrize("outputs", [1, 2])
def test_the_slope_is_that_of_finite_differences(outputs) -> None:
    rng = np.random.default_rng(3)
    X = rng.uniform([-3, 1000, 5], [4, 5000, 6], (60, 3))
    y = np.stack([X[:, 0] * X[:, 1], X[:, 2] ** 2], axis=1)[:, :outputs]
    model = BPRegressor((4,), random_state=0, epochs=20).fit(X, y)
    surface = surface_of(model, outputs - 1, X[0])
    row = np.array([1.0, 2345.0, 5.5])
    assert surface.slope is not None
    value, gradient = surface.slope(row)

    def function(scaled: Floats) -> float:
        return float(surface.values((scaled * [1, 1000, 1])[None])[0])

    expected = approx_fprime(row / [1, 1000, 1], function, 1e-6) / [1, 1000, 1]
    np.testing.assert_allclose(gradient, expected, rtol=1e-4)
    predicted = np.reshape(model.predict(row[None]), (1, -1))[0, outputs - 1]
    assert value == pytest.approx(predicted, rel=1e-12)
    assert surface.values(row[None])[0] == pytest.approx(predicted, rel=1e-12)


def test_one_of_several_outputs_is_chosen() -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (80, 1))
    y = np.hstack([(X - 0.5) ** 2, (X + 0.5) ** 2])
    for model in (
        BPRegressor((6,), random_state=0, epochs=200).fit(X, y),
        make_pipeline(PolynomialFeatures(2), LinearRegression()).fit(X, y),
    ):
        for output, least in ((0, 0.5), (1, -0.5)):
            found = find_extremum(model, [(-1, 1)], output=output, generations=10, seed=1)
            assert found.x[0] == pytest.approx(least, abs=0.02)
        with pytest.raises(ArgumentError, match="output must say which of the 2"):
            find_extremum(model, [(-1, 1)])
        with pytest.raises(ArgumentError, match="output must be less than the 2"):
            find_extremum(model, [(-1, 1)], output=2)


def test_both_ends_of_a_box_are_met_to_the_last_bit() -> None:
    box = box_of(Bounds([0.1, -1 / 3], [0.7, 1e9]), 2)
    np.testing.assert_array_equal(box.member(np.zeros((1, 2))), [[0.1, -1 / 3]])
    np.testing.assert_array_equal(box.member(np.ones((1, 2))), [[0.7, 1e9]])


# Bad input


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"bounds": [(-1, 1)] * 3}, r"bounds must have shape \(2, 2\)"),
        ({"bounds": [(1, -1), (0, 0)]}, "bounds must have low < high"),
        ({"bounds": [(1, 1), (0, 0)]}, "bounds must leave an input free"),
        ({"bounds": [(0, np.inf), (0, 1)]}, "bounds must be finite"),
        ({"kind": "least"}, 'kind must be "min" or "max"'),
        ({"optima": 0}, "optima must be a positive integer"),
        ({"apart": 0}, "apart must be a real number"),
        ({"X": np.zeros((5, 3))}, r"X must have shape \(samples, 2\)"),
        ({"true": 3}, "true must be a function"),
        ({"true": lambda rows: rows}, "true must return one real number"),
        ({"output": 1}, "output must be less than"),
        ({"genes": "integer"}, "genes must be left out"),
        ({"preset": 1, "method": "multistart"}, "preset must be an option of 'multistart'"),
        ({"model": feedforward}, "model must be a fitted regressor"),
        ({"model": BPRegressor}, "model must be a fitted regressor"),
        ({"model": BPClassifier()}, "model must be a regressor"),
        ({"model": LogisticRegression()}, "model must be a regressor"),
    ],
)
def test_a_wrong_argument_is_named(bowl, wrong, message) -> None:
    arguments = {"model": bowl, "bounds": (-1, 1), "generations": 3, "seed": 1} | wrong
    with pytest.raises(ArgumentError, match=message):
        find_extremum(**arguments)


def test_what_is_not_fitted_or_known_or_built_is_told(bowl) -> None:
    for model in (BPRegressor(), LinearRegression()):
        with pytest.raises(NotFittedError):
            find_extremum(model, (-1, 1))
    with pytest.raises(UnknownNameError, match="search method"):
        find_extremum(bowl, (-1, 1), method="gaa")
    with pytest.raises(ModelError, match="no weights yet"):
        find_extremum(keras.Sequential([keras.layers.Dense(1)]), [(-1, 1)])
    images = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    with pytest.raises(ArgumentError, match="take rows of a fixed number of inputs"):
        find_extremum(images, [(-1, 1)])
