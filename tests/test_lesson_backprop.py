"""The lesson on backpropagation: it runs with small parameters, and its figures are right."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import linregress

from workbench import feedforward, load_dataset, train
from workbench.batch.lesson import run_lesson
from workbench.data import MapMinMax, split
from workbench.network import population_loss, vector_to_weights, weights_to_vector

LESSON = "backprop"
SMALL = {
    "learning_rates": [0.1, 3.0],
    "gd_epochs": 30,
    "lm_epochs": 8,
    "starts": 2,
    "train_rows": 200,
    "hidden": 3,
    "seed": 1,
}


@pytest.fixture(scope="module")
def samples() -> tuple[np.ndarray, np.ndarray]:
    """The rows the notebook trains on, scaled as it scales them."""
    data = load_dataset("quadratic")
    rows = split(2000, train=1500, validation=0, test=500, seed=0).train
    return MapMinMax().fit_transform(data.X[rows]), MapMinMax().fit_transform(data.y[rows])


@pytest.mark.slow
def test_it_runs_with_small_parameters_and_leaves_what_it_should(tmp_path: Path) -> None:
    run = run_lesson(LESSON, SMALL, tmp_path, progress=False)
    assert {name: run.results["parameters"][name] for name in SMALL} == SMALL
    assert [path.name for path in run.figures] == [
        "01-the-chain-rule-in-one-neuron.png",
        "02-gradient-descent-on-one-variable.png",
        "03-gradient-descent-on-two-variables.png",
        "04-the-line-on-its-way.png",
        "05-learning-curves.png",
        "06-curvatures-of-the-loss.png",
    ]
    summary = {row[0]: row[1:] for row in run.results["summary"][1:]}
    assert list(summary) == ["η = 0.1", "η = 3", "trainlm"]
    assert summary["η = 3"] == [30, "Infinity", "Infinity", "Infinity", "2 of 2"]
    assert summary["trainlm"][1] < summary["η = 0.1"][1] < 1
    found = run.results["results"]
    assert found["gradient_difference"] < 1e-13
    assert len(found["curvatures"]) == 3 * 4 + 1
    assert "η = 3 blew up from 2 of 2 initial weights." in found["verdict"]
    assert run.results["data"]["sha256"] == load_dataset("quadratic").sha256


def test_its_gradient_is_the_automatic_one_to_rounding(results: dict[str, Any]) -> None:
    assert 0 <= results["gradient_difference"] < 1e-13


def test_its_line_is_scipys(results: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0, 2, 40))
    y = 2 * x - 1 + rng.normal(0, 0.3, 40)
    line = linregress(x, y)
    assert results["normal_equations"] == pytest.approx([line.slope, line.intercept], rel=1e-9)
    # The curvatures of the loss by hand: roots of the characteristic polynomial of 2/n A'A.
    trace, determinant = 2 * np.mean(x**2) + 2, 4 * np.mean(x**2) - 4 * np.mean(x) ** 2
    steepest = (trace + np.sqrt(trace**2 - 4 * determinant)) / 2
    assert results["limit"] == pytest.approx(2 / steepest, rel=1e-9)
    # With half the limit the steep direction is gone after one step; the flat one decides.
    flattest = determinant / steepest
    factor = 1 - flattest / steepest
    by_hand = np.log(1e-6 / np.hypot(line.slope, line.intercept)) / np.log(factor)
    assert results["steps_needed"] == pytest.approx(by_hand, abs=5)


def test_gradient_descent_by_differences_ends_where_the_lesson_says(
    results: dict[str, Any], samples: tuple[np.ndarray, np.ndarray]
) -> None:
    """The slope here is from central differences, and so from no formula of the lesson."""
    X, y = samples
    summary = {row[0]: row[1:] for row in results["summary"][1:]}
    ends = []
    for seed in range(5):
        model = feedforward([2, 5, 1], initial="uniform", seed=seed)
        vector = weights_to_vector(model)
        loss = population_loss(model, X, y)
        around = 1e-5 * np.vstack([np.eye(len(vector)), -np.eye(len(vector))])
        for _ in range(1000):
            ahead, behind = np.split(np.asarray(loss(vector + around)), 2)
            vector = vector - 0.2 * (ahead - behind) / 2e-5
        vector_to_weights(model, vector)
        ends.append(float(np.mean((model(X).numpy() - y) ** 2)))
    stated = summary["η = 0.2"][1:4]
    assert [np.median(ends), min(ends), max(ends)] == pytest.approx(stated, rel=1e-3)


def test_trainlm_ends_far_below_as_recorded(
    results: dict[str, Any], samples: tuple[np.ndarray, np.ndarray]
) -> None:
    summary = {row[0]: row[1:] for row in results["summary"][1:]}
    ends = [
        train(
            feedforward([2, 5, 1], initial="uniform", seed=seed),
            *samples,
            epochs=100,
            progress=False,
        ).best_perf
        for seed in range(5)
    ]
    # Another processor rounds otherwise, and a hundred steps amplify it.
    assert np.log10(np.median(ends) / summary["trainlm"][1]) == pytest.approx(0, abs=0.5)
    assert np.median(ends) < summary["η = 0.2"][1] / 100


def test_its_conclusion_follows_from_its_figures(results: dict[str, Any]) -> None:
    rows = {row[0]: row[1:] for row in results["summary"][1:]}
    for method, (_, median, lowest, highest, blown) in rows.items():
        count = int(blown.split()[0])
        said = f"{method} blew up from {blown} initial weights." in results["verdict"]
        assert said == (count > 0)
        if count == 0:
            assert lowest <= median <= highest
    finite = {m: r[1] for m, r in rows.items() if m != "trainlm" and r[1] != "Infinity"}
    best = min(finite, key=lambda method: finite[method])
    (line,) = [line for line in results["verdict"] if line.startswith("The best of these")]
    assert f"was {best}: a median error of {finite[best]:.2g}" in line
