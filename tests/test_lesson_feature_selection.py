"""The lesson on feature selection: it runs with small parameters, and its figures are right."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as students_t
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score

from workbench import load_dataset
from workbench.batch.lesson import run_lesson
from workbench.data import split

LESSON = "feature-selection"
SMALL = {
    "seed": 1,
    "splits": 2,
    "folds": 3,
    "population": 8,
    "generations": 4,
    "neurons": 2,
}
FIGURES = [
    "01-a-search-for-a-subset.png",
    "02-what-the-search-saw-and-what-is-true.png",
    "03-the-harder-the-search.png",
    "04-which-inputs-are-chosen.png",
]
WAYS = ["ga", "multistart", "forward", "all"]
PARTS = StratifiedKFold(5, shuffle=True, random_state=0)


@pytest.fixture(scope="module")
def scores(results: dict[str, Any]) -> Any:
    return pd.DataFrame(results["scores"])


def division(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and test rows of a division, scaled by the training rows."""
    data = load_dataset("breast_cancer")
    rows = split(569, train=0.5, validation=0, test=0.5, seed=number)
    X, malignant = data.X[rows.train], data.y[:, 0] == 0
    scaled = (data.X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    return scaled[rows.train], malignant[rows.train], scaled[rows.test], malignant[rows.test]


def chosen(bits: str) -> np.ndarray:
    return np.array([bit == "1" for bit in bits])


@pytest.mark.slow
def test_it_runs_with_small_parameters_and_leaves_what_it_should(tmp_path: Path) -> None:
    run = run_lesson(LESSON, SMALL, tmp_path, progress=False)
    assert {name: run.results["parameters"][name] for name in SMALL} == SMALL
    assert [path.name for path in run.figures] == FIGURES
    found = run.results["results"]
    assert [row["way"] for row in found["scores"]] == 2 * WAYS
    assert {row["split"] for row in found["network_errors"]} == {1, 2}
    heading, *rows = run.results["summary"]
    assert heading == ["way", "inputs", "error in cross-validation", "test error"]
    assert [row[0] for row in rows[:4]] == WAYS
    assert all(0 < row[3] < 0.5 for row in rows)
    assert "networks" in run.results["times"]
    assert run.results["data"]["sha256"] == load_dataset("breast_cancer").sha256


@pytest.mark.parametrize("way", WAYS)
def test_its_errors_are_those_of_scikit_learn(scores: Any, way: str) -> None:
    for number in (0, 7, 19):
        (row,) = scores[(scores.split == number) & (scores.way == way)].itertuples()
        X, truth, X_test, truth_test = division(number)
        kept, line = chosen(row.subset), RidgeClassifier(alpha=1.0)
        assert row.inputs == kept.sum()
        inside = 1 - cross_val_score(line, X[:, kept], truth, cv=PARTS).mean()
        # A mass on the very boundary may fall to either side on another processor.
        assert scores.loc[row.Index, "cross-validation"] == pytest.approx(inside, abs=0.004)
        assert row.value == pytest.approx(inside + 0.001 * kept.sum(), abs=0.004)
        outside = 1 - line.fit(X[:, kept], truth).score(X_test[:, kept], truth_test)
        assert row.test == pytest.approx(outside, abs=0.004)


def test_its_forward_selection_is_scikit_learns(results: dict[str, Any], scores: Any) -> None:
    X, truth, _, _ = division(0)
    selector = SequentialFeatureSelector(
        RidgeClassifier(alpha=1.0), n_features_to_select="auto", tol=0.001, cv=PARTS
    ).fit(X, truth)
    (bits,) = scores[(scores.split == 0) & (scores.way == "forward")].subset
    assert results["forward_is_scikit_learns"]
    np.testing.assert_array_equal(chosen(bits), selector.get_support())


def test_evolving_finds_lower_values_than_as_many_random_subsets(
    results: dict[str, Any], scores: Any
) -> None:
    values = scores.pivot(index="split", columns="way", values="value")
    assert (values.ga < values.multistart).all()
    assert results["computed"] < results["asked"], "what was asked for again is looked up"
    first = results["first"]
    assert first["ga"] < first["forward"] < first["multistart"], "as the text has it"


def test_what_it_gains_is_not_there_on_the_test_rows(results: dict[str, Any], scores: Any) -> None:
    means = scores.groupby("way")[["cross-validation", "test"]].mean()
    assert means["cross-validation"].idxmin() == "ga"
    assert means["cross-validation"].idxmax() == "all"
    assert means.test["all"] <= means.test.min() + 1e-12
    seen, true = np.array(results["path"]).T
    assert seen[-1] < seen[0] - 0.01
    assert true[-1] > true[0] - 0.005


def test_the_agreement_is_counted_right(results: dict[str, Any], scores: Any) -> None:
    for row in results["overlap"]:
        subsets = [
            set(np.flatnonzero(chosen(b)).tolist()) for b in scores[scores.way == row["way"]].subset
        ]
        common = np.mean([len(one & other) for one, other in combinations(subsets, 2)])
        share = np.mean(
            [len(one & other) / len(one | other) for one, other in combinations(subsets, 2)]
        )
        assert (row["in common"], row["share in common"]) == pytest.approx((common, share))
    for row in results["frequency"]:
        place = load_dataset("breast_cancer").feature_names.index(row["input"])
        times = [bits[place] == "1" for bits in scores[scores.way == "ga"].subset]
        assert row["ga"] == pytest.approx(np.mean(times))


def test_forward_selection_keeps_less_noise(results: dict[str, Any]) -> None:
    means = pd.DataFrame(results["noisy_scores"]).groupby("way")[["true inputs", "noise"]].mean()
    assert means["noise"]["forward"] < means["noise"]["ga"] < means["true inputs"]["ga"]


def test_its_conclusion_follows_from_its_figures(results: dict[str, Any], scores: Any) -> None:
    errors = {"line": scores.rename(columns={"way": "set"})}
    errors["network"] = pd.DataFrame(results["network_errors"]).rename(columns={"inputs": "set"})
    errors["noise"] = pd.DataFrame(results["noisy_scores"]).rename(columns={"way": "set"})
    said = results["verdict"]
    for table, one, other, begin in (
        ("line", "ga", "all", "**ga** ("),
        ("line", "forward", "all", "**forward** ("),
        ("network", "ga", "all", "**The network**"),
        ("noise", "ga", "all 60", "**With noise**, ga against all 60"),
    ):
        by = errors[table].pivot(index="split", columns="set", values="test")
        difference = 100 * (by[one] - by[other])
        assert len(difference) == 20
        width = students_t.ppf(0.975, 19) * difference.std() * np.sqrt(1 / 20 + 1)
        low, high = difference.mean() - width, difference.mean() + width
        (line,) = [each for each in said if each.startswith(begin)]
        assert f"95 % from {low:.2f} to {high:.2f}" in line
        assert ("no difference shown" in line) == (low <= 0 <= high)
        assert f"fewer in {(difference < 0).sum()} and more in {(difference > 0).sum()} of" in line
        assert low < 0 < high, "the text says that no difference is shown"
