"""The lesson on searches: it runs with small parameters, and its figures are right."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench import feedforward, load_dataset, minimize
from workbench.batch.lesson import run_lesson
from workbench.data import MapMinMax, split
from workbench.evolve import METHODS
from workbench.evolve.functions import TEST_FUNCTIONS
from workbench.evolve.loop import kinds_of
from workbench.network import population_loss

LESSON = "searches"
SMALL = {
    "seed": 1,
    "population": 4,
    "generations": 5,
    "genes": [2, 3],
    "places": 1,
    "tolerances": [0.1],
    "moments": [1, 3],
    "table": "diabetes",
    "neurons": 2,
    "starts": 1,
    "weight_tolerances": [0.2],
    "epochs": 3,
}
FIGURES = [
    "01-five-functions.png",
    "02-populations-by-generation.png",
    "03-profiles-on-test-functions.png",
    "04-profiles-on-weights.png",
    "05-errors-of-the-networks.png",
]
CONTROL = "multistart"
REAL = {name for name in METHODS if "real" in kinds_of(METHODS[name])}
SEARCHES = sorted(REAL - {CONTROL})


@pytest.fixture(scope="module")
def ends(results: dict[str, Any]) -> Any:
    return pd.DataFrame(results["ends"])


@pytest.fixture(scope="module")
def weight_ends(results: dict[str, Any]) -> Any:
    return pd.DataFrame(results["weight_ends"])


@pytest.mark.slow
def test_it_runs_with_small_parameters_and_leaves_what_it_should(tmp_path: Path) -> None:
    run = run_lesson(LESSON, SMALL, tmp_path, progress=False)
    assert {name: run.results["parameters"][name] for name in SMALL} == SMALL
    assert [path.name for path in run.figures] == FIGURES
    found = run.results["results"]
    assert len(found["ends"]) == len(TEST_FUNCTIONS) * 2
    assert {row["network"] for row in found["weight_ends"]} == {"quadratic", "diabetes"}
    assert found["weights"] == {"quadratic": 21, "diabetes": 10 * 2 + 2 + 2 + 1}
    heading, *rows = run.results["summary"]
    assert heading == ["search", "functions, τ = 0.1", "networks, τ = 0.2"]
    assert {row[0] for row in rows} == REAL
    assert all(0 <= share <= 1 for row in rows for share in row[1:])
    assert set(run.results["times"]) >= REAL
    hashes = {data["name"]: data["sha256"] for data in run.results["data"]}
    assert hashes == {name: load_dataset(name).sha256 for name in ("quadratic", "diabetes")}


def test_every_search_ran_on_every_problem(ends: Any, weight_ends: Any) -> None:
    assert {*ends.columns} == {"function", "genes", "place", *REAL}
    assert {*weight_ends.columns} == {"network", "start", "trainlm", *REAL}
    assert set(ends.groupby(["function", "genes"]).size()) == {3}
    assert {*ends.function} == {*TEST_FUNCTIONS}
    assert {*ends.genes} == {2, 10, 30}
    assert (ends[[*REAL]] >= 0).to_numpy().all()


@pytest.mark.parametrize("method", ["de", "pso", CONTROL])
def test_a_race_ends_as_recorded(ends: Any, results: dict[str, Any], method: str) -> None:
    """Whole numbers of generations of 50, with the notebook's parameters."""
    row = ends[(ends.function == "rastrigin") & (ends.genes == 10) & (ends.place == 1)]
    landscape = TEST_FUNCTIONS["rastrigin"]
    place = landscape.draw_minimum(10, np.random.default_rng([0, 1]))
    again = minimize(
        landscape.moved(place),
        landscape.bounds(10),
        method,
        generations=results["budget"] // 50,
        seed=1,
        progress=False,
    )
    # Another processor rounds otherwise, and a search may then end in another hollow.
    assert again.nfev == results["budget"] == 10_000
    assert again.fun == pytest.approx(row[method].item(), rel=0.5)


def test_the_control_reaches_the_recorded_error_of_the_network(weight_ends: Any) -> None:
    data = load_dataset("quadratic")
    rows = split(2000, train=0.75, validation=0, test=0.25, seed=0).train
    X, y = (MapMinMax().fit_transform(part[rows]) for part in (data.X, data.y))
    rng = np.random.default_rng(0)
    loss = population_loss(feedforward([2, 5, 1], seed=0), X, y)
    members = rng.uniform(-3, 3, (10_000, 21))  # what the control draws, all at once
    lowest = min(float(loss(part).min()) for part in np.split(members, 20))
    control = weight_ends[(weight_ends.network == "quadratic") & (weight_ends.start == 0)]
    assert lowest == pytest.approx(control[CONTROL].item(), rel=1e-5)


def test_its_table_follows_from_the_final_values_where_it_can(
    results: dict[str, Any], ends: Any
) -> None:
    """A search that ended lowest has solved its problem; one above the first value has not."""
    heading, *rows = results["summary"]
    stated = {row[0]: dict(zip(heading[1:], row[1:], strict=True)) for row in rows}
    strictest = [name for name in heading if name.startswith("functions")][-1]
    lowest = ends[[*REAL]].min(axis=1)
    for method in REAL:
        least = (ends[method] == lowest).mean()
        assert stated[method][strictest] >= least - 1e-12
    loosest = next(name for name in heading if name.startswith("functions"))
    assert all(row[loosest] >= row[strictest] for row in stated.values())


def test_its_sentences_follow_from_its_final_values(
    results: dict[str, Any], ends: Any, weight_ends: Any
) -> None:
    said = results["verdict"]
    medians = ends.groupby(["function", "genes"])[[*REAL]].median()
    for genes in (2, 10, 30):
        (line,) = [line for line in said if line.startswith(f"**{genes} genes**")]
        values = medians.xs(genes, level="genes")[SEARCHES].to_numpy()
        first = (values == values.min(axis=1, keepdims=True)) | (values <= 1e-12)
        for method, wins in zip(SEARCHES, first.sum(axis=0), strict=True):
            assert (f"{method} on {wins}" in line) == (wins > 0)
    for network, rows in weight_ends.groupby("network"):
        (line,) = [line for line in said if line.startswith(f"**{network}**")]
        middle = rows[[*REAL, "trainlm"]].median()
        best = middle[SEARCHES].idxmin()
        assert f"is that of {best}, {middle[best]:.2g}, " in line
        assert f"trainlm reaches {middle['trainlm']:.2g} " in line
        beating = sum((rows[m] < rows[CONTROL]).all() for m in SEARCHES)
        assert f"{beating} of {len(SEARCHES)} searches beat the control from every start" in line
    for method in SEARCHES:
        count = (medians[method] < medians[CONTROL]).sum()
        assert f"{method} {count}" in said[-1]
