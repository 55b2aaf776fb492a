"""The lesson on training functions: it runs with small parameters, and its figures are right."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from workbench import feedforward, load_dataset, train
from workbench.batch.lesson import run_lesson
from workbench.data import MapMinMax, split
from workbench.network import jacobian, weights_to_vector
from workbench.training.loop import TRAINING_FUNCTIONS

TABLES = ("concrete", "auto_mpg", "diabetes")
LESSON = "training-functions"
SMALL = {
    "tables": ["diabetes"],
    "hidden": 2,
    "starts": 2,
    "epochs": 15,
    "patience": 5,
    "sine_rows": 15,
    "sine_hidden": 3,
    "sine_epochs": 15,
    "seed": 1,
}
FIGURES = [
    "01-performance-by-method.png",
    "02-test-error-by-method.png",
    "03-error-against-epochs.png",
    "04-a-noisy-sine.png",
    "05-training-and-test-error.png",
    "06-state-of-trainbr.png",
    "07-effective-parameters.png",
]


@pytest.fixture(scope="module")
def trainings(results: dict[str, Any]) -> Any:
    return pd.DataFrame(results["trainings"])


def parts(name: str, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training, validation and test rows, scaled as the notebook scales them."""
    data = load_dataset(name)
    rows = split(len(data.X), seed=seed)
    scale_x, scale_y = MapMinMax().fit(data.X[rows.train]), MapMinMax().fit(data.y[rows.train])
    return [(scale_x.transform(data.X[r]), scale_y.transform(data.y[r])) for r in rows]


@pytest.mark.slow
def test_it_runs_with_small_parameters_and_leaves_what_it_should(tmp_path: Path) -> None:
    run = run_lesson(LESSON, SMALL, tmp_path, progress=False)
    assert {name: run.results["parameters"][name] for name in SMALL} == SMALL
    assert [path.name for path in run.figures] == FIGURES
    heading, *rows = run.results["summary"]
    assert heading == ["method", "diabetes: epochs", "diabetes: test error"]
    assert {row[0] for row in rows} == set(TRAINING_FUNCTIONS)
    found = run.results["results"]
    assert len(found["trainings"]) == len(TRAINING_FUNCTIONS) * 2
    assert len(found["sine_errors"]["trainbr"]) == 2
    assert all(-1e-9 < gamma <= 10 for gamma in found["effective_parameters"])
    assert {f"diabetes, {method}" for method in TRAINING_FUNCTIONS} <= set(run.results["times"])
    assert [d["sha256"] for d in run.results["data"]] == [load_dataset("diabetes").sha256]


def test_it_keeps_no_times(results: dict[str, Any]) -> None:
    assert "times" not in results


def test_every_training_function_trained_on_every_table(trainings: Any) -> None:
    counts = trainings.groupby(["table", "method"]).size()
    assert set(counts) == {5}
    assert set(counts.index) == {(table, m) for table in TABLES for m in TRAINING_FUNCTIONS}


def test_its_straight_lines_are_scikit_learns(results: dict[str, Any]) -> None:
    for name in TABLES:
        training, _, (X, y) = parts(name)
        error = np.mean((LinearRegression().fit(*training).predict(X) - y) ** 2)
        assert results["line_error"][name] == pytest.approx(error, rel=1e-9)


def test_trainlm_and_trainscg_end_where_the_lesson_says(trainings: Any) -> None:
    training, validation, (X, y) = parts("diabetes")
    for method in ("trainlm", "trainscg"):
        chosen = trainings[(trainings.table == "diabetes") & (trainings.method == method)]
        errors = []
        for number in chosen.start:
            model = feedforward([10, 10, 1], seed=int(number))
            train(
                model,
                *training,
                method,
                epochs=500,
                validation=validation,
                max_fail=20,
                progress=False,
            )
            errors.append(np.mean((model(X).numpy() - y) ** 2))
        # Another processor rounds otherwise, and may keep another epoch.
        assert np.median(errors) == pytest.approx(chosen.test_error.median(), rel=0.05)


def test_its_tables_and_sentences_follow_from_its_trainings(
    results: dict[str, Any], trainings: Any
) -> None:
    medians = trainings.groupby(["table", "method"])[["epochs", "test_error"]].median()
    heading, *rows = results["summary"]
    for method, *numbers in rows:
        stated = dict(zip(heading[1:], numbers, strict=True))
        for table in TABLES:
            epochs, error = medians.loc[(table, method)]
            assert stated[f"{table}: epochs"] == pytest.approx(epochs)
            assert stated[f"{table}: test error"] == pytest.approx(error)
    for table in TABLES:
        best = medians.loc[table].test_error.idxmin()
        (line,) = [line for line in results["verdict"] if line.startswith(f"**{table}**")]
        assert f"is that of {best}, {medians.loc[(table, best)].test_error:.3g} " in line
        assert f"against {results['line_error'][table]:.3g} " in line


def test_trainbr_counts_the_parameters_that_its_weights_have(results: dict[str, Any]) -> None:
    """At the end, gamma is a fixed point: MacKay's two formulas from J, weights and errors."""
    rng = np.random.default_rng(0)
    x = np.linspace(-1, 1, 41)[:, None]
    t = np.sin(2 * np.pi * x) + 0.2 * rng.standard_normal(x.shape)
    model = feedforward([1, 20, 1], seed=0)
    found = train(model, x, t, "trainbr", epochs=500, progress=False)
    J, weights = jacobian(model, x)[:, 0], weights_to_vector(model)
    curvatures = np.linalg.eigvalsh(J.T @ J)
    gamma = found.effective_parameters
    alpha = gamma / (2 * np.sum(weights**2))
    beta = (41 - gamma) / (2 * np.sum((model(x).numpy() - t) ** 2))
    by_hand = np.sum(beta * curvatures / (beta * curvatures + alpha))
    assert gamma == pytest.approx(by_hand, rel=1e-2)
    assert results["effective_parameters"][0] == pytest.approx(by_hand, rel=1e-2)


def test_trainbr_uses_far_fewer_weights_and_comes_nearer_to_the_sine(
    results: dict[str, Any],
) -> None:
    assert results["sine_weights"] == 61
    assert np.median(results["effective_parameters"]) < 61 / 3
    medians = {method: np.median(errors) for method, errors in results["sine_errors"].items()}
    assert medians["trainbr"] < medians["trainlm"] / 2
