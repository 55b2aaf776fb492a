"""The lesson on the light zoo: it runs with small parameters, and its counts are right."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from workbench import build_cnn, list_cnns, profile
from workbench.batch.lesson import run_lesson

LESSON = "light-zoo"
SMALL = {
    "networks": ["squeezenet1_1", "mobilenet_v2", "shufflenet_v2_x0_5"],
    "size": 64,
    "compared": ["mobilenet_v2"],
    "blocks": ["vgg", "resnet", "shufflenet_v2"],
    "train_rows": 200,
    "epochs": 1,
    "repeats": 2,
    "runs": 2,
}
FIGURES = json.loads(
    (Path(__file__).parent / "cnn" / "fixtures" / "reference_figures.json").read_text(
        encoding="utf-8"
    )
)


@pytest.mark.slow
def test_it_runs_with_small_parameters_and_leaves_what_it_should(tmp_path: Path) -> None:
    run = run_lesson(LESSON, SMALL, tmp_path, progress=False)
    assert {name: run.results["parameters"][name] for name in SMALL} == SMALL
    found = run.results["results"]
    assert [row["network"] for row in found["networks"]] == SMALL["networks"]
    assert [row["block"] for row in found["tiny"]] == SMALL["blocks"]
    assert len(found["scores"]) == 2 * len(SMALL["blocks"])
    assert all(0 <= row["accuracy"] <= 1 for row in found["scores"])
    assert len(run.results["summary"]) == 1 + len(SMALL["blocks"])
    assert len(run.figures) == 8


def counted(results: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(results["networks"]).set_index("network")


def test_all_published_networks_are_counted_as_their_references_are(
    results: dict[str, Any],
) -> None:
    table = counted(results)
    assert list(table.index) == [name for name in list_cnns() if not name.startswith("tiny_")]
    for name, row in table.iterrows():
        assert row["parameters"] == FIGURES[name]["parameters"]
        macs = FIGURES[name].get("macs_224", FIGURES[name]["macs"])
        assert row["MACs"] == pytest.approx(macs, rel=1e-3)


def test_fields_and_the_lightest_are_what_the_table_says(results: dict[str, Any]) -> None:
    table = counted(results)
    assert table.field[["mobilenet_v1", "vgg16", "alexnet", "resnet50"]].tolist() == [
        315,
        212,
        195,
        427,
    ]
    assert results["sees_less_than_the_image"] == list(table.index[table.field < 224])
    assert results["lightest"] == {
        column: table[column].idxmin() for column in ("MACs", "memory access", "parameters", "peak")
    }


def test_shares_of_the_macs_add_up(results: dict[str, Any]) -> None:
    shares = pd.DataFrame(results["shares"]["MACs"]).set_index("index")
    assert shares.sum(axis=1).to_dict() == counted(results).MACs.to_dict()
    # What lesson and paper say of MobileNet V1: nearly all is in the 1 x 1 convolutions.
    assert shares.loc["mobilenet_v1", "1 x 1"] > 0.9 * shares.loc["mobilenet_v1"].sum()


def test_the_small_networks_are_counted_at_the_size_of_the_digits(results: dict[str, Any]) -> None:
    row = next(row for row in results["tiny"] if row["block"] == "shufflenet_v2")
    cost = profile(build_cnn("tiny_shufflenet_v2", (8, 8, 1), 10, total_stride=4, seed=0))
    assert (row["parameters"], row["MACs"], row["depth"]) == (
        cost.parameters,
        cost.macs,
        cost.depth,
    )


def test_verdicts_follow_from_the_scores(results: dict[str, Any]) -> None:
    scores = pd.DataFrame(results["scores"]).pivot(index="repeat", columns="block")["accuracy"]
    for row in results["against_base"]:
        difference = 100 * (scores[row["block"]] - scores["resnet"]).mean()
        assert row["difference"] == pytest.approx(difference)
        shown = {True: "worse", False: "no difference shown"}[row["to"] < 0]
        assert row["shown"] == ("better" if row["from"] > 0 else shown)
