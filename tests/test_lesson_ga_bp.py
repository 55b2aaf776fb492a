"""The first lesson: it runs with small parameters, and its recorded figures are right."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench import evolve_weights, feedforward, load_dataset, train
from workbench.batch.lesson import run_lesson
from workbench.batch.recording import recorded
from workbench.data import MapMinMax, split

LESSON = "ga-bp"
SMALL = {
    "epochs": 5,
    "train_rows": 200,
    "population": 6,
    "generations": 3,
    "comparison_seeds": 2,
    "seed": 3,
}


@pytest.mark.slow
def test_it_runs_with_small_parameters_and_leaves_what_it_should(tmp_path: Path) -> None:
    run = run_lesson(LESSON, SMALL, tmp_path, progress=False)
    results = run.results
    assert {name: results["parameters"][name] for name in SMALL} == SMALL
    assert [path.name for path in run.figures] == [
        "01-the-function.png",
        "02-ga-trace.png",
        "03-convergence.png",
        "04-predicted-against-true.png",
        "05-error-per-test-sample.png",
        "06-paired-comparison.png",
    ]
    names = [row[0] for row in results["summary"]]
    assert names[1:3] == ["BP (Nguyen-Widrow)", "GA-BP"]
    assert names[-1] == "multistart-trained, median of 2 seeds"
    before, after = np.array([row[1:] for row in results["summary"][1:]], float).T
    assert (after < before).all()
    assert results["data"]["sha256"] == load_dataset("quadratic").sha256
    assert results["seeds"] == {"seed": 3, "comparison_seeds": 2}
    assert set(results["times"]) >= {"started", "seconds", "bp_training", "comparison"}


def test_its_two_trainings_come_out_as_recorded(committed: Any) -> None:
    """Cheap enough to do again, with the notebook's parameters."""
    data, results = load_dataset("quadratic"), recorded(committed)
    rows = split(2000, train=1500, validation=0, test=500, seed=0)
    scale_x, scale_y = MapMinMax().fit(data.X[rows.train]), MapMinMax().fit(data.y[rows.train])
    X, y = scale_x.transform(data.X[rows.train]), scale_y.transform(data.y[rows.train])
    test = scale_x.transform(data.X[rows.test]), scale_y.transform(data.y[rows.test])
    summary = {row[0]: row[1:] for row in results["summary"][1:]}

    record = train(feedforward([2, 5, 1], seed=0), X, y, epochs=100, test=test, progress=False)
    # Another processor rounds otherwise, and a hundred steps amplify it.
    assert record.tperf[0] == pytest.approx(summary["BP (Nguyen-Widrow)"][0], rel=1e-9)
    assert np.log10(record.best_tperf / summary["BP (Nguyen-Widrow)"][1]) == pytest.approx(
        0, abs=0.5
    )
    model = feedforward([2, 5, 1], initial="uniform", seed=0)
    settings = {"loss": "sse", "bounds": (-1, 1), "preset": "gaot"}
    search = evolve_weights(model, X, y, seed=0, progress=False, **settings)
    assert search.nfev == results["evaluations"]
    assert search.fun == pytest.approx(results["ga_sse"], rel=1e-6)
    assert summary["GA-BP"][0] == pytest.approx(
        float(((model(test[0]).numpy() - test[1]) ** 2).mean()), rel=1e-6
    )


def test_its_conclusion_follows_from_its_figures(committed: Any) -> None:
    results = recorded(committed)
    frame = {row["initialiser"]: row for row in results["comparison"]}
    for line in results["verdict"]:
        if "against nguyen-widrow" not in line:
            continue
        row = frame[line.split(" against ")[0]]
        shown = "no difference shown"
        if row["p"] < 0.05:
            shown = "it ends lower" if row["ratio"] < 1 else "it ends higher"
        assert shown in line
        assert f"lower for {row['wins']:.0f} of 20 seeds" in line
