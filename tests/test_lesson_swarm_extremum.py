"""The lesson on swarms and the extremum: it runs with small parameters, and is right."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize as descend
from scipy.stats import wilcoxon

from workbench import BPRegressor, evolve_weights, feedforward, find_extremum, load_dataset, train
from workbench.batch.lesson import run_lesson
from workbench.data import MapMinMax, sample_quadratic, split

SEARCHES = ["pso", "de", "aco", "cmaes", "ga"]
LESSON = "swarm-extremum"
SMALL = {
    "seed": 1,
    "searches": ["pso"],
    "hidden": 3,
    "epochs": 8,
    "population": 6,
    "generations": 3,
    "evaluations": 200,
    "comparison_seeds": 2,
    "learning_seeds": 1,
    "restarts": 2,
    "draws": 1,
    "trials": 7,
    "most_neurons": 2,
    "extremum_seeds": 1,
}
FIGURES = [
    "01-bp-and-pso-bp.png",
    "02-a-race-on-raw-weights.png",
    "03-before-and-after-training.png",
    "04-training-parameters.png",
    "05-populations-over-the-fitted-surface.png",
    "06-distances-from-the-minimum.png",
]


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    """Scaled training rows of the lesson's first division."""
    data = load_dataset("quadratic")
    part = split(2000, train=0.75, validation=0, test=0.25, seed=0).train
    X, y = (MapMinMax().fit_transform(values[part]) for values in (data.X, data.y))
    return X, y


@pytest.mark.slow
def test_it_runs_with_small_parameters_and_leaves_what_it_should(tmp_path: Path) -> None:
    run = run_lesson(LESSON, SMALL, tmp_path, progress=False)
    assert {name: run.results["parameters"][name] for name in SMALL} == SMALL
    assert [path.name for path in run.figures] == FIGURES
    names = [row[0] for row in run.results["summary"][1:]]
    assert names[:3] == ["nguyen-widrow", "textbook's swarm", "its multistart"]
    assert names[3:] == ["pso", "multistart-pso", "learning swarm", "learning multistart"]
    found = run.results["results"]
    assert set(found["race"]) == {"pso", "multistart"}
    assert {row["way"] for row in found["choices"]} == {"as it comes", "pso", "multistart"}
    assert {row["neurons"] for row in found["choices"]} <= {1, 2}
    assert len(found["corners"]) == 4
    assert set(run.results["times"]) >= {"comparison", "learning members", "restarts", "extremum"}
    assert run.results["data"]["sha256"] == load_dataset("quadratic").sha256


def test_the_textbooks_swarm_ends_as_recorded(
    results: dict[str, Any], rows: tuple[np.ndarray, np.ndarray]
) -> None:
    model = feedforward([2, 5, 1], seed=0)
    settings = {"variant": "textbook", "loss": "sae", "bounds": (-5, 5), "population": 30}
    found = evolve_weights(model, *rows, "pso", generations=10, seed=0, progress=False, **settings)
    assert found.nfev == 300
    assert found.fun == pytest.approx(results["textbook_sae"], rel=1e-6)
    by_hand = np.abs(model(rows[0]).numpy() - rows[1]).sum()
    assert by_hand == pytest.approx(results["textbook_sae"], rel=1e-6)


@pytest.mark.parametrize("method", ["aco", "multistart"])
def test_a_race_ends_as_recorded(
    results: dict[str, Any], rows: tuple[np.ndarray, np.ndarray], method: str
) -> None:
    model = feedforward([2, 5, 1], seed=0)
    found = evolve_weights(
        model, *rows, method, generations=3000, evaluations=3000, seed=0, progress=False
    )
    assert found.nfev == 3000
    # Another processor rounds otherwise, and sixty generations may amplify it.
    assert found.fun == pytest.approx(results["race"][method], rel=0.3)


def test_no_search_comes_near_what_ten_epochs_of_trainlm_reach(
    results: dict[str, Any], rows: tuple[np.ndarray, np.ndarray]
) -> None:
    record = train(feedforward([2, 5, 1], seed=0), *rows, epochs=10, progress=False)
    assert min(results["race"].values()) > 20 * record.best_perf
    assert min(results["race"], key=results["race"].get) != "multistart"
    assert max(results["race"], key=results["race"].get) == "multistart"


def test_its_comparisons_follow_from_its_errors(results: dict[str, Any]) -> None:
    errors = {name: np.array(each) for name, each in results["errors"].items()}
    assert len(errors) == 13
    control = {name: f"multistart-{name}" for name in SEARCHES} | {
        "ga": "multistart",
        "textbook's swarm": "its multistart",
    }
    assert {row["search"] for row in results["against"]} == set(control)
    for row in results["against"]:
        when = ["before training", "after training"].index(row["test error"])
        logs = np.log(errors[row["search"]][when] / errors[control[row["search"]]][when])
        assert len(logs) == 12
        assert row["ratio"] == pytest.approx(np.exp(np.median(logs)))
        assert row["wins"] == (logs < 0).sum()
        assert row["p"] == pytest.approx(wilcoxon(logs).pvalue)


def test_its_sentences_on_starts_follow_from_its_comparisons(results: dict[str, Any]) -> None:
    said = results["verdict"]
    for row in results["against"]:
        shown = "no difference shown"
        if row["p"] < 0.05 / 6:
            shown = "lower" if row["ratio"] < 1 else "higher"
        begin = f"**{row['test error'].capitalize()}**, against a multistart: {shown}: "
        (line,) = [line for line in said if line.startswith(begin)]
        assert f"{row['search']} ({row['ratio']:.2g} times" in line
    shown_after = [line for line in said if line.startswith("**After training**")]
    assert len(shown_after) == 1, "the text says that little or nothing is left"
    assert "no difference shown" in shown_after[0]


def test_starts_that_learned_are_compared_right(results: dict[str, Any]) -> None:
    table = pd.DataFrame(results["learned_errors"]).set_index("seed")
    assert len(table) == 8
    for one, other, begin in (
        ("learning swarm", "nguyen-widrow", "learning swarm against nguyen-widrow"),
        ("learning swarm", "learning multistart", "learning swarm against learning multistart"),
        ("learning swarm", "restarts", "learning swarm against 13 restarts"),
    ):
        logs = np.log(table[one] / table[other])
        p = wilcoxon(logs).pvalue
        (line,) = [each for each in results["verdict"] if begin in each]
        assert f"lower for {(logs < 0).sum()} of 8, p = {p:.2g}" in line
        assert ("no difference shown" in line) == (p >= 0.05)


def test_chosen_parameters_beat_those_as_it_comes_on_every_table(results: dict[str, Any]) -> None:
    choices = pd.DataFrame(results["choices"])
    errors = choices.pivot(index="draw", columns="way", values="test error")
    assert len(errors) == 5
    for way in ("pso", "de", "aco", "ga", "multistart"):
        assert (errors[way] < errors["as it comes"]).all()
        (line,) = [each for each in results["verdict"] if f"chosen by {way}:" in each]
        assert f"median test error {errors[way].median():.2g}, as it comes" in line
    whole = choices.neurons == choices.neurons.round()
    assert whole.all()


def test_the_parameters_as_it_comes_have_the_recorded_error(results: dict[str, Any]) -> None:
    data = load_dataset("quadratic")
    parts = split(2000, train=60, validation=60, test=1880, seed=0)
    noisy = data.y + 5 * np.random.default_rng(0).standard_normal((2000, 1))
    scale_x, scale_y = MapMinMax().fit(data.X[parts.train]), MapMinMax().fit(noisy[parts.train])
    model = feedforward([2, 10, 1], seed=0)
    train(
        model,
        scale_x.transform(data.X[parts.train]),
        scale_y.transform(noisy[parts.train]),
        epochs=60,
        progress=False,
    )
    outputs = model(scale_x.transform(data.X[parts.validation])).numpy()
    error = np.mean((outputs - scale_y.transform(noisy[parts.validation])) ** 2)
    (row,) = [
        each for each in results["choices"] if each["draw"] == 0 and each["way"] == "as it comes"
    ]
    # Another processor rounds otherwise, and a net of 41 weights on 60 rows amplifies it.
    assert np.log10(error / row["validation error"]) == pytest.approx(0, abs=0.3)


def test_the_lowest_point_is_where_other_descents_end(results: dict[str, Any]) -> None:
    X, y = sample_quadratic(4000, seed=0)
    model = BPRegressor(5, epochs=100, goal=4e-7, random_state=0).fit(X[:3900], y[:3900, 0])
    found = find_extremum(model, (-5, 5), seed=0, progress=False)
    ends = [
        descend(lambda x: model.predict(x[None])[0], start, method="Nelder-Mead", tol=1e-10)
        for start in ((3, 3), (-2, 1), (0, -4))
    ]
    best = min(ends, key=lambda end: end.fun)
    np.testing.assert_allclose(found.x, best.x, atol=1e-4)
    np.testing.assert_allclose(found.x, results["lowest"], atol=0.02)


def test_its_table_of_distances_follows_from_the_distances(results: dict[str, Any]) -> None:
    distances = pd.DataFrame(results["distances"])
    for row in results["table"]:
        part = distances[
            (distances.network == row["network"]) & (distances.search == row["search"])
        ]
        assert len(part) == 20
        assert row["from its own"] == pytest.approx(part["from its own"].median())
        assert row["greatest"] == pytest.approx(part["from the origin"].max())
        assert row["within 0.05"] == (part["from the origin"] < 0.05).sum()
        assert (part.evaluations <= 2000).all() or row["search"] == "find_extremum"


def test_the_extremum_is_within_a_twentieth_of_the_origin_in_19_of_20(
    results: dict[str, Any],
) -> None:
    ours = [row for row in results["table"] if row["search"] == "find_extremum"]
    assert len(ours) == 2
    assert min(row["within 0.05"] for row in ours) >= 19
    textbook = {r["search"]: r["from its own"] for r in results["table"] if "text" in r["network"]}
    assert textbook["find_extremum"] < textbook["textbook's GA"] / 100
    assert max(textbook, key=textbook.get) == "multistart, values only"


def test_the_corners_are_found_and_said_to_be_at_a_bound(results: dict[str, Any]) -> None:
    corners = {(row["x1"], row["x2"]) for row in results["corners"]}
    assert corners == {(5, 5), (5, -5), (-5, 5), (-5, -5)}
    assert all(row["at_bound"] for row in results["corners"])
    assert all(row["true"] == 50 for row in results["corners"])
