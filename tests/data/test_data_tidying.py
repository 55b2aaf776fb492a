"""Missing values and constant columns, as MATLAB's documentation treats them."""

import numpy as np
import pytest
from sklearn.impute import MissingIndicator, SimpleImputer

from workbench.data import FixUnknowns, RemoveConstantColumns, load_dataset
from workbench.errors import ArgumentError

NAN = np.nan
# MATLAB's documented example of fixunknowns, turned: rows there are columns here.
X1 = np.array([[1, 2, 3, 4], [4, NAN, 6, 5], [NAN, 2, 3, NAN]]).T
X2 = np.array([[4, 5, 3, 2], [NAN, 9, NAN, 2], [4, 9, 5, 2]]).T


def holes(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 7))
    X[:, ::2][rng.random((60, 4)) < 0.3] = NAN
    return X


def test_fixunknowns_gives_the_documented_example() -> None:
    fixer = FixUnknowns().fit(X1)
    expected = [[1, 2, 3, 4], [4, 5, 6, 5], [1, 0, 1, 1], [2.5, 2, 3, 2.5], [0, 1, 1, 0]]
    np.testing.assert_array_equal(fixer.transform(X1).T, expected)
    applied = [[4, 5, 3, 2], [5, 9, 5, 2], [0, 1, 0, 1], [4, 9, 5, 2], [1, 1, 1, 1]]
    np.testing.assert_array_equal(fixer.transform(X2).T, applied)
    np.testing.assert_array_equal(fixer.inverse_transform(fixer.transform(X1)), X1)


@pytest.mark.parametrize("seed", range(5))
def test_fixunknowns_agrees_with_scikit_learns_imputer_and_indicator(seed: int) -> None:
    X = holes(seed)
    fixer = FixUnknowns()
    Y = fixer.fit_transform(X)
    values, flags = fixer._places()
    np.testing.assert_array_equal(Y[:, values], SimpleImputer().fit_transform(X))
    np.testing.assert_array_equal(Y[:, flags] == 0, MissingIndicator().fit_transform(X))
    np.testing.assert_array_equal(fixer.inverse_transform(Y), X)


def test_fixunknowns_names_a_flag_after_its_column() -> None:
    fixer = FixUnknowns().fit(X1)
    assert fixer.get_feature_names_out().tolist() == ["x0", "x1", "x1_known", "x2", "x2_known"]
    named = fixer.get_feature_names_out(["a", "b", "c"])
    assert named.tolist() == ["a", "b", "b_known", "c", "c_known"]


def test_fixunknowns_makes_data_frames() -> None:
    frame = load_dataset("iris").frame.iloc[:, :4]
    frame.iloc[3, 1] = NAN
    fixed = FixUnknowns().set_output(transform="pandas").fit_transform(frame)
    assert list(fixed.columns)[1:3] == ["sepal width (cm)", "sepal width (cm)_known"]
    assert fixed.iloc[3, 2] == 0


def test_whole_data_pass_fixunknowns_unchanged() -> None:
    X = load_dataset("wine").X
    np.testing.assert_array_equal(FixUnknowns().fit_transform(X), X)


def test_fixunknowns_refuses_a_gap_it_has_no_flag_for() -> None:
    fixer = FixUnknowns().fit(X1)
    with pytest.raises(ArgumentError, match=r"NaN in column\(s\) 0"):
        fixer.transform([[NAN, 1.0, 1.0]])


def test_fixunknowns_refuses_a_column_without_a_known_value() -> None:
    with pytest.raises(ArgumentError, match=r"nothing but NaN in column\(s\) 1"):
        FixUnknowns().fit([[1.0, NAN], [2.0, NAN]])


def test_fixunknowns_refuses_infinities() -> None:
    with pytest.raises(ArgumentError, match="free of infinite values"):
        FixUnknowns().fit([[1.0, np.inf], [2.0, NAN]])
    with pytest.raises(ArgumentError, match="free of infinite values"):
        FixUnknowns().fit(X1).transform([[np.inf, 1.0, 1.0]])


def test_removeconstantrows_gives_the_documented_example() -> None:
    rng = np.random.default_rng(0)
    x1 = np.array([rng.random(20) * 5 - 1, np.ones(20) + 6, rng.random(20) - 1]).T
    remover = RemoveConstantColumns()
    np.testing.assert_array_equal(remover.fit_transform(x1), x1[:, [0, 2]])
    assert remover.constants_.tolist() == [7.0]
    np.testing.assert_array_equal(remover.inverse_transform(x1[:, [0, 2]]), x1)


def test_max_range_is_included_and_the_middle_comes_back() -> None:
    X = np.array([[0.0, 2.0, 0.0], [0.5, 2.25, 4.0], [1.0, 2.5, 2.0]])
    remover = RemoveConstantColumns(max_range=0.5).fit(X)
    assert remover.removed_.tolist() == [False, True, False]
    assert remover.inverse_transform(remover.transform(X))[:, 1].tolist() == [2.25] * 3
    assert RemoveConstantColumns(max_range=1.0).fit(X).removed_.tolist() == [True, True, False]


def test_the_columns_of_the_fit_are_removed_whatever_comes_later() -> None:
    remover = RemoveConstantColumns().fit([[1.0, 7.0], [2.0, 7.0]])
    assert remover.transform([[5.0, 8.0]]).tolist() == [[5.0]]


def test_digits_lose_their_three_blank_pixels() -> None:
    remover = RemoveConstantColumns().fit(load_dataset("digits").X)
    assert np.flatnonzero(remover.removed_).tolist() == [0, 32, 39]


def test_removed_columns_lose_their_names() -> None:
    frame = load_dataset("iris").frame.iloc[:, :4].assign(planet=3.0)
    kept = RemoveConstantColumns().set_output(transform="pandas").fit_transform(frame)
    assert list(kept.columns) == list(frame.columns)[:4]


@pytest.mark.parametrize(
    ("max_range", "X", "message"),
    [
        (-1, [[1.0], [2.0]], "max_range must be a real number in"),
        (0, [[1.0, 2.0], [1.0, 2.0]], "X must have a column that varies by more"),
        (5, [[1.0], [2.0]], "X must have a column that varies by more"),
        (0, [[1.0, NAN], [1.0, 2.0]], "X must be finite"),
    ],
)
def test_bad_input_to_removeconstantrows_is_told(max_range: float, X: list, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        RemoveConstantColumns(max_range).fit(X)
