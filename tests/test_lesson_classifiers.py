"""The lesson on classifiers: it runs with small parameters, and its figures are right."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from workbench import BPClassifier, load_dataset
from workbench.batch.lesson import run_lesson
from workbench.data import load_mails, split

LESSON = "classifiers"
SMALL = {
    "seed": 1,
    "hidden": 2,
    "words": 60,
    "splits": 2,
    "epochs": 15,
    "digit_neurons": 8,
    "table_neurons": 3,
    "folds": 3,
    "bootstraps": 40,
    "sizes": [100, 300],
    "repeats": 1,
    "shuffles": 3,
}
FIGURES = [
    "01-a-network-learns-to-tell-spam.png",
    "02-three-classifiers-on-the-same-splits.png",
    "03-words-that-speak-for-spam.png",
    "04-threshold-and-base-rate.png",
    "05-digits-taken-for-each-other.png",
    "06-misread-digits.png",
    "07-breast-masses.png",
    "08-wines.png",
    "09-errors-by-number-of-training-mails.png",
]
KINDS = ["network", "logistic regression", "naive Bayes"]


@pytest.fixture(scope="module")
def summary(results: dict[str, Any]) -> dict[tuple[str, str], list[Any]]:
    return {tuple(row[:2]): row[2:] for row in results["summary"][1:]}


@pytest.fixture(scope="module")
def mails() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vectors and labels of the lesson's first division, training and test."""
    table = load_mails()
    rows = split(table, train=0.7, validation=0, test=0.3, seed=0)
    counter = CountVectorizer(binary=True, max_features=1000).fit(table.words[rows.train])
    X, X_test = (counter.transform(table.words[r]).toarray() for r in (rows.train, rows.test))
    spam = (table.label == "spam").to_numpy()
    return X, spam[rows.train], X_test, spam[rows.test]


@pytest.mark.slow
def test_it_runs_with_small_parameters_and_leaves_what_it_should(tmp_path: Path) -> None:
    run = run_lesson(LESSON, SMALL, tmp_path, progress=False)
    assert {name: run.results["parameters"][name] for name in SMALL} == SMALL
    assert [path.name for path in run.figures] == FIGURES
    found = run.results["results"]
    assert [row["classifier"] for row in found["spam_scores"]] == 2 * KINDS
    assert {row["training mails"] for row in found["learning_curve"]} == {100, 300}
    assert len(found["verdict"]) == 8
    assert all(0 < row["error"] < 0.5 for row in found["spam_scores"])
    hashes = {data["name"]: data["sha256"] for data in run.results["data"]}
    assert hashes == {
        name: load_dataset(name).sha256 for name in ("spam", "digits", "breast_cancer", "wine")
    }


def test_naive_bayes_by_hand_has_the_recorded_error(
    summary: dict[tuple[str, str], list[Any]], mails: tuple[np.ndarray, ...]
) -> None:
    X, spam, X_test, truth = mails
    odds = np.full(len(X_test), np.log(spam.mean() / (1 - spam.mean())))
    for sign, own in ((1, X[spam]), (-1, X[~spam])):
        share = (own.sum(axis=0) + 1) / (len(own) + 2)  # one mail more with each word, one without
        odds += sign * (X_test @ np.log(share) + (1 - X_test) @ np.log(1 - share))
    tested, wrong, *_ = summary["spam", "naive Bayes"]
    assert tested == len(truth)
    # Which of equally frequent words is in the dictionary depends on the processor.
    assert np.sum((odds > 0) != truth) == pytest.approx(wrong, abs=3)


def test_the_network_and_logistic_regression_err_as_recorded(
    summary: dict[tuple[str, str], list[Any]], mails: tuple[np.ndarray, ...]
) -> None:
    X, spam, X_test, truth = mails
    made = {
        "logistic regression": LogisticRegression(max_iter=2000),
        "network": BPClassifier(8, epochs=200, early_stopping=True, random_state=0),
    }
    for (name, classifier), tolerance in zip(made.items(), (3, 12), strict=True):
        wrong = np.sum(classifier.fit(X, spam).predict(X_test) != truth)
        assert wrong == pytest.approx(summary["spam", name][1], abs=tolerance)


def test_the_nearest_image_errs_as_recorded(results: dict[str, Any]) -> None:
    data = load_dataset("digits")
    rows = split(data.X, train=0.7, validation=0, test=0.3, seed=0)
    X, X_test = data.X[rows.train], data.X[rows.test]
    squares = (X_test**2).sum(axis=1)[:, None] - 2 * X_test @ X.T + (X**2).sum(axis=1)
    read = data.y[rows.train][squares.argmin(axis=1)]
    assert np.mean(read != data.y[rows.test]) == pytest.approx(results["nearest_error"])


def test_area_and_bootstrap_of_logistic_regression_are_those_of_single_draws(
    results: dict[str, Any],
) -> None:
    data = load_dataset("breast_cancer")
    malignant = data.y[:, 0] == 0
    p = cross_val_predict(
        make_pipeline(StandardScaler(), LogisticRegression()),
        data.X,
        data.y[:, 0].astype(int),
        cv=StratifiedKFold(5, shuffle=True, random_state=0),
        method="predict_proba",
    )[:, 0]
    recorded_area = results["areas"]["logistic regression"]
    assert roc_auc_score(malignant, p) == pytest.approx(recorded_area, abs=1e-6)
    rng = np.random.default_rng(5)
    draws = (rng.integers(len(p), size=len(p)) for _ in range(600))
    areas = [roc_auc_score(malignant[rows], p[rows]) for rows in draws]
    interval = np.quantile(areas, [0.025, 0.975])
    stated = results["area_intervals"]["logistic regression"]
    np.testing.assert_allclose(interval, stated, atol=2e-3)


def test_the_intervals_are_those_of_the_beta_distribution(
    summary: dict[tuple[str, str], list[Any]],
) -> None:
    for tested, wrong, error, low, high in summary.values():
        assert error == pytest.approx(wrong / tested)
        below = beta.ppf(0.025, wrong, tested - wrong + 1) if wrong else 0
        above = beta.ppf(0.975, wrong + 1, tested - wrong)
        assert (low, high) == pytest.approx((below, above))


def test_the_precision_elsewhere_is_bayes_rule(results: dict[str, Any]) -> None:
    for row in results["thresholds"]:
        spam, ham = 20 * row["spam found"], 980 * row["of all ham"]  # of 1000 mails, 2% spam
        assert row["precision if 2% were spam"] == pytest.approx(spam / (spam + ham))
    fixed = results["thresholds"][:3]
    assert [row["threshold"] for row in fixed] == [0.1, 0.5, 0.9]
    for less, more in pairwise(fixed):
        assert more["spam found"] <= less["spam found"]
        assert more["ham lost"] <= less["ham lost"]


def test_shuffled_labels_find_the_leak_and_no_other(results: dict[str, Any]) -> None:
    areas = results["shuffled_labels"]
    assert min(areas["20 words chosen from all mails"]) > 0.65
    for way in ("the network of this lesson", "20 words chosen from training mails"):
        assert np.mean(areas[way]) == pytest.approx(0.5, abs=0.05)


def test_its_conclusion_follows_from_its_figures(
    results: dict[str, Any], summary: dict[tuple[str, str], list[Any]]
) -> None:
    errors = {
        kind: np.mean([r["error"] for r in results["spam_scores"] if r["classifier"] == kind])
        for kind in KINDS
    }
    best = min(errors, key=lambda kind: errors[kind])
    said = results["verdict"]
    assert f"{best} had the fewest errors on average: {errors[best]:.1%}" in said[0]
    assert f"the network had {errors['network']:.1%}" in said[0]
    assert f"misread {results['digit_error']:.1%} of the digits" in said[4]
    low, high = results["area_intervals"]["difference"]
    assert ("may be as good" in said[5]) == (low < 0 < high)
    assert ("is better" in said[5]) == (high < 0)
