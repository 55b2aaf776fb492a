"""The scalers against MATLAB's documentation, exact arithmetic and scikit-learn."""

from collections.abc import Iterator
from fractions import Fraction
from statistics import fmean, stdev

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from workbench.data import (
    SCALERS,
    FixUnknowns,
    MapMinMax,
    MapStd,
    NoScaling,
    RemoveConstantColumns,
    load_dataset,
)
from workbench.errors import ArgumentError, UnknownNameError

# MATLAB's documented example of mapminmax, turned: rows there are columns here.
X1 = np.array([[1.0, 2, 4], [1, 1, 1], [3, 2, 2], [0, 0, 0]]).T
X2 = np.array([[5.0, 2, 3], [1, 1, 1], [6, 7, 3], [0, 0, 0]]).T
ALL = [MapMinMax(), MapStd(), NoScaling(), FixUnknowns(), RemoveConstantColumns()]


@pytest.fixture(params=sorted(SCALERS))
def scaler(request: pytest.FixtureRequest):
    return SCALERS[request.param]()


def wild_columns(seed: int, samples: int = 200) -> np.ndarray:
    """Columns of very different size and offset, and two constant ones."""
    rng = np.random.default_rng(seed)
    varying = rng.normal(size=(samples, 8)) * 10.0 ** rng.integers(-9, 9, 8)
    shifted = 10.0 ** rng.integers(0, 6, 4) + rng.normal(size=(samples, 4))
    constant = np.broadcast_to(rng.normal(size=2) * [1, 1e9], (samples, 2))
    return np.hstack([varying, shifted, constant])


@pytest.fixture
def kept_state() -> Iterator[None]:
    """Restore the global generator, which one of scikit-learn's checks shuffles with."""
    state = np.random.get_state()  # noqa: NPY002
    yield
    np.random.set_state(state)  # noqa: NPY002


@pytest.mark.usefixtures("kept_state")
@parametrize_with_checks(ALL)
def test_scikit_learns_own_checks_hold(estimator, check) -> None:
    check(estimator)


def test_the_registry_has_the_three_names() -> None:
    assert sorted(SCALERS) == ["mapminmax", "mapstd", "none"]
    with pytest.raises(UnknownNameError, match="'mapminmax'"):
        SCALERS["minmax"]


def test_mapminmax_gives_the_documented_example() -> None:
    scaler = MapMinMax().fit(X1)
    # y = (ymax - ymin) * (x - xmin) / (xmax - xmin) + ymin; constant rows unchanged.
    expected = np.array([[-1, -1 / 3, 1], [1, 1, 1], [1, -1, -1], [0, 0, 0]]).T
    np.testing.assert_allclose(scaler.transform(X1), expected, rtol=0, atol=1e-16)
    applied = np.array([[5 / 3, -1 / 3, 1 / 3], [1, 1, 1], [7, 9, 1], [0, 0, 0]]).T
    np.testing.assert_allclose(scaler.transform(X2), applied, rtol=1e-15)
    np.testing.assert_array_equal(scaler.inverse_transform(scaler.transform(X1)), X1)


@pytest.mark.parametrize("feature_range", [(-1, 1), (0, 1), (0.1, 0.3), (-7.3, 1e3)])
def test_the_ends_of_the_range_are_met_exactly(feature_range: tuple[float, float]) -> None:
    for seed in range(20):
        X = wild_columns(seed)[:, :12]
        scaler = MapMinMax(feature_range)
        Y = scaler.fit_transform(X)
        assert (Y.min(axis=0) == feature_range[0]).all()
        assert (Y.max(axis=0) == feature_range[1]).all()
        back = scaler.inverse_transform(np.array([feature_range] * 12).T)
        np.testing.assert_array_equal(back, [X.min(axis=0), X.max(axis=0)])


def test_mapminmax_agrees_with_exact_arithmetic() -> None:
    x = 1e6 + np.random.default_rng(4).random(50)
    low, high = Fraction(x.min()), Fraction(x.max())
    exact = [float(2 * (Fraction(value) - low) / (high - low) - 1) for value in x]
    ours = MapMinMax().fit_transform(x[:, None])[:, 0]
    np.testing.assert_allclose(ours, exact, rtol=0, atol=4e-16)
    theirs = MinMaxScaler((-1, 1)).fit_transform(x[:, None])[:, 0]
    assert np.abs(theirs - exact).max() > 1e-11  # X * scale + min cancels


def test_mapminmax_is_monotonic_across_the_middle() -> None:
    x = np.linspace(-0.3, 1.1, 20001)[:, None]
    scaler = MapMinMax()
    assert (np.diff(scaler.fit_transform(x)[:, 0]) >= 0).all()
    assert (np.diff(scaler.inverse_transform(np.linspace(-1, 1, 20001)[:, None])[:, 0]) >= 0).all()


@pytest.mark.parametrize("seed", range(10))
def test_inverses_give_back_what_went_in(scaler, seed: int) -> None:
    X = wild_columns(seed)
    back = scaler.fit(X).inverse_transform(scaler.transform(X))
    # Two roundings of each map, in units of the last place of the largest value in the column.
    ulp = np.spacing(np.abs(X).max(axis=0))
    assert (np.abs(back - X) <= 2 * ulp).all()
    np.testing.assert_array_equal(back[:, -2:], X[:, -2:])


def test_new_rows_outside_the_range_come_back_too(scaler) -> None:
    X = wild_columns(1)
    new = X[:50] * 3
    back = scaler.fit(X).inverse_transform(scaler.transform(new))
    np.testing.assert_allclose(back, new, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("name", ["quadratic", "diabetes", "wine", "breast_cancer"])
def test_mapminmax_agrees_with_scikit_learn_on_real_tables(name: str) -> None:
    X = load_dataset(name).X
    theirs = MinMaxScaler((-1, 1)).fit_transform(X)
    np.testing.assert_allclose(MapMinMax().fit_transform(X), theirs, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", ["quadratic", "diabetes", "wine", "breast_cancer"])
def test_mapstd_is_scikit_learns_but_for_the_degrees_of_freedom(name: str) -> None:
    X = load_dataset(name).X
    correction = np.sqrt((len(X) - 1) / len(X))
    theirs = StandardScaler().fit_transform(X) * correction
    np.testing.assert_allclose(MapStd().fit_transform(X), theirs, rtol=0, atol=1e-12)


def test_mapstd_has_the_moments_it_is_asked_for() -> None:
    X = load_dataset("wine").X
    Y = MapStd(mean=3.0, std=0.5).fit_transform(X)
    for column in Y.T.tolist():
        assert fmean(column) == pytest.approx(3.0, abs=1e-12)
        assert stdev(column) == pytest.approx(0.5, rel=1e-12)  # N - 1


def test_mapstd_gives_a_hand_count() -> None:
    # Mean 3, squared deviations 4 + 1 + 0 + 1 + 4 = 10, divided by 4.
    Y = MapStd().fit_transform(np.arange(1.0, 6.0)[:, None])
    np.testing.assert_allclose(Y[:, 0], np.array([-2, -1, 0, 1, 2]) / np.sqrt(2.5), rtol=1e-15)


def test_constant_columns_pass_unchanged_both_ways(scaler) -> None:
    X = np.column_stack([np.full(7, 0.1), np.full(7, -3e8), np.arange(7.0)])
    scaler.fit(X)
    assert scaler.constant_[:2].all()
    np.testing.assert_array_equal(scaler.transform(X)[:, :2], X[:, :2])
    other = X + 0.5
    np.testing.assert_array_equal(scaler.transform(other)[:, :2], other[:, :2])
    np.testing.assert_array_equal(scaler.inverse_transform(other)[:, :2], other[:, :2])


def test_a_column_that_varies_by_rounding_only_counts_as_constant() -> None:
    noise = np.array([0.3, 0.1 + 0.2, 0.3, 0.3])[:, None]
    assert np.ptp(noise) > 0
    for scaler in (MapMinMax(), MapStd()):
        np.testing.assert_array_equal(scaler.fit_transform(noise), noise)
    # Ranges of 4e-14 and 1e-14 lie on either side of MATLAB's largest gain, 1e14.
    wide, narrow = np.array([[0.0], [4e-14]]), np.array([[0.0], [1e-14]])
    assert not MapMinMax().fit(wide).constant_[0]
    assert MapMinMax().fit(narrow).constant_[0]


def test_a_subnormal_range_makes_no_infinities() -> None:
    X = np.array([[0.0, 1.0], [5e-324, 2.0]])
    for scaler in (MapMinMax(), MapStd()):
        assert np.isfinite(scaler.fit_transform(X)).all()
        assert np.isfinite(scaler.transform([[1e300, 1.5]])).all()


def test_one_sample_is_constant(scaler) -> None:
    np.testing.assert_array_equal(scaler.fit_transform([[4.0, 5.0]]), [[4.0, 5.0]])


def test_single_precision_stays_single(scaler) -> None:
    X = wild_columns(2).astype(np.float32)
    Y = scaler.fit_transform(X)
    back = scaler.inverse_transform(Y)
    assert Y.dtype == back.dtype == np.float32
    assert (np.abs(back - X) <= 2 * np.spacing(np.abs(X).max(axis=0))).all()


def test_the_argument_is_left_as_it_was(scaler) -> None:
    X = wild_columns(3)
    kept = X.copy()
    scaler.fit(X).transform(X)[:] = 0
    scaler.inverse_transform(X)[:] = 0
    np.testing.assert_array_equal(X, kept)


def test_parameters_count_as_they_were_at_the_fit() -> None:
    scaler = MapMinMax().fit(X1)
    before = scaler.transform(X2)
    scaler.set_params(feature_range=(0, 1))
    np.testing.assert_array_equal(scaler.transform(X2), before)


def test_data_frames_keep_their_names(scaler) -> None:
    frame = load_dataset("iris").frame.iloc[:, :4]
    scaled = scaler.set_output(transform="pandas").fit_transform(frame)
    assert isinstance(scaled, pd.DataFrame)
    assert list(scaled.columns) == list(frame.columns)
    assert scaler.get_feature_names_out().tolist() == list(frame.columns)
    with pytest.raises(ArgumentError, match="feature names should match"):
        scaler.transform(frame[frame.columns[::-1]])


def test_a_pipeline_can_be_inverted() -> None:
    X = wild_columns(5)
    pipeline = make_pipeline(RemoveConstantColumns(), MapStd(), MapMinMax())
    assert pipeline.fit_transform(X).shape == (200, 12)
    back = pipeline.inverse_transform(pipeline.transform(X))
    np.testing.assert_allclose(back, X, rtol=1e-10, atol=1e-9)
    clone(pipeline).fit(X)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_located(scaler, bad: float) -> None:
    X = wild_columns(6)
    broken = X.copy()
    broken[3, 2] = bad
    for call in (scaler.fit, scaler.fit(X).transform, scaler.inverse_transform):
        with pytest.raises(ArgumentError, match=r"X must be finite.*\(3, 2\).*FixUnknowns"):
            call(broken)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.ones(3), "shape"),
        (np.ones((2, 2, 2)), "shape"),
        (np.empty((0, 2)), "0 sample"),
        ([["a", "b"]], "could not convert"),
    ],
)
def test_wrong_shapes_and_kinds_are_told(scaler, wrong: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        scaler.fit(wrong)


def test_other_columns_than_those_of_the_fit_are_told(scaler) -> None:
    scaler.fit(X1)
    with pytest.raises(ArgumentError, match="expecting 4 features"):
        scaler.transform(X1[:, :3])
    with pytest.raises(ArgumentError, match=r"4 column\(s\).*transpose"):
        scaler.inverse_transform(X1.T)


@pytest.mark.parametrize(
    ("scaler", "message"),
    [
        (MapMinMax((1, -1)), "feature_range must have low < high"),
        (MapMinMax((0, 0)), "feature_range must have low < high"),
        (MapMinMax((0, np.inf)), "feature_range must be finite"),
        (MapMinMax(3), "feature_range must have shape"),
        (MapStd(std=0), "std must be a real number in"),
        (MapStd(std=-1), "std must be a real number in"),
        (MapStd(mean=np.inf), "mean must be a real number in"),
        (MapStd(mean="high"), "mean must be a real number"),
    ],
)
def test_wrong_parameters_are_named_by_fit(scaler, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        scaler.fit(X1)


def test_a_range_beyond_the_floats_is_told() -> None:
    with pytest.raises(ArgumentError, match=r"range and variance.*column 1"):
        MapMinMax().fit([[0.0, -1.5e308], [1.0, 1.5e308]])
    with pytest.raises(ArgumentError, match=r"range and variance.*column 0"):
        MapStd().fit([[1e200], [-1e200], [0.0]])
