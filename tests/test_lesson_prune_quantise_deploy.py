"""The lesson on pruning and quantising: it runs with small parameters, and its counts are right."""

import json
import re
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as students_t

from workbench import build_cnn, profile, prune_channels
from workbench.batch.lesson import run_lesson

LESSON = "prune-quantise-deploy"
SMALL = {
    "network": "tiny_vgg",
    "epochs": 1,
    "shares": [],
    "criteria": ["l1"],
    "further": 1,
    "repeats": 1,
    "sample": 32,
    "compared": 50,
    "runs": 3,
}
FIGURES = [
    "01-cost-by-layer.png",
    "02-channels-that-go-together.png",
    "03-accuracy-against-macs.png",
    "04-weights-as-int8.png",
    "05-signal-and-noise-by-layer.png",
    "06-four-versions.png",
    "07-where-they-differ.png",
]
VERSIONS = ["original", "pruned", "quantised", "both"]
TESTED = 719


def table(results: dict[str, Any], name: str, index: str) -> pd.DataFrame:
    return pd.DataFrame(results[name]).set_index(index)


@pytest.mark.slow
def test_it_runs_with_small_parameters_and_leaves_what_it_should(tmp_path: Path) -> None:
    for package in ("ai_edge_litert", "onnxruntime", "tf2onnx"):
        pytest.importorskip(package, reason=f"{package} of workbench[deploy] is missing")
    run = run_lesson(LESSON, SMALL, tmp_path, progress=False)
    assert {name: run.results["parameters"][name] for name in SMALL} == SMALL
    assert [path.name for path in run.figures] == FIGURES
    heading, *rows = run.results["summary"]
    assert heading == ["version", "accuracy, %", "parameters", "MACs", "file, kB"]
    assert [row[0] for row in rows] == VERSIONS
    assert all(0 <= row[1] <= 100 for row in rows)
    cost = profile(build_cnn("tiny_vgg", (8, 8, 1), 10, seed=0))
    assert rows[0][2:4] == rows[2][2:4] == [cost.parameters, cost.macs]
    assert rows[1][3] == rows[3][3] <= 0.333 * cost.macs
    assert rows[3][4] == min(row[4] for row in rows)
    found = run.results["results"]
    assert [row["images"] for row in found["exports"]] == [50] * 3
    assert max(row["largest difference"] for row in found["exports"]) < 1e-4
    assert all(run.results["times"][f"version {name}"] > 0 for name in VERSIONS)


def test_the_network_costs_what_a_count_by_hand_says(results: dict[str, Any]) -> None:
    stages = ((16, 16, 64), (16, 32, 64), (32, 64, 16))  # channels in and out, positions
    macs = 64 * 9 * 16  # the first convolution
    for before, after, positions in stages:
        macs += positions * 9 * (before * after + 3 * after * after)
        macs += positions * before * after if before != after else 0  # on the shortcut
        macs += 2 * 2 * after * max(after // 4, 8)  # two gates of two layers
    versions = table(results, "versions", "version")
    assert versions.MACs["original"] == versions.MACs["quantised"] == macs + 64 * 10
    assert results["images"] == [1078, TESTED]
    cost = profile(build_cnn("tiny_se_resnet", (8, 8, 1), 10, seed=0))
    assert versions.parameters["original"] == cost.parameters


def test_shortcuts_tie_the_channels_of_a_stage(results: dict[str, Any]) -> None:
    made = [group["made by"].split(", ") for group in results["groups"]]
    assert [layers for layers in made if len(layers) > 1] == [
        ["stem", "stage1.0.conv2", "stage1.1.conv2"],
        ["stage2.0.conv2", "stage2.0.downsample", "stage2.1.conv2"],
        ["stage3.0.conv2", "stage3.0.downsample", "stage3.1.conv2"],
    ]
    sizes = [group["units"] for group in results["groups"] if "," in group["made by"]]
    assert sizes == [16, 32, 64]
    # The first group is read by the next convolutions, its gates, and the stage behind it.
    marks = pd.DataFrame(results["marks"])
    along = set(marks[(marks.group == 0) & ~marks.makes].layer)
    first, second = ("stage1.0", "stage1.1"), ("stage2.0.conv1", "stage2.0.downsample")
    assert along == {f"{b}.{part}" for b in first for part in ("conv1", "se")} | {*second}


def test_one_channel_takes_what_a_count_by_hand_says(results: dict[str, Any]) -> None:
    lost = pd.DataFrame(results["one_channel"]).groupby("layer")["numbers that go"].sum()
    norm, window = 4, 9 * 16
    assert lost["stem"] == 9
    for block in ("stage1.0", "stage1.1"):
        assert lost[f"{block}.conv1"] == lost[f"{block}.conv2"] == window
        assert lost[f"{block}.conv2.norm"] == norm
        assert lost[f"{block}.se"] == 8 + 8 + 1  # squeezed to 8, expanded with a bias
    assert lost["stage2.0.conv1"] == 9 * 32
    assert lost["stage2.0.downsample"] == 32
    assert lost.sum() == 9 + norm + 4 * window + 2 * norm + 2 * 17 + 10 * 32


def test_after_the_cut_no_criterion_is_best_and_at_a_third_all_guess(
    results: dict[str, Any],
) -> None:
    cut = pd.DataFrame(results["cut"])
    assert (cut.MACs <= cut.asked).all()
    assert (cut.groupby("asked").MACs.nunique() == 1).all(), "all take equally many"
    assert cut[cut.asked < 0.34].accuracy.max() < 15
    wide = cut.pivot(index="criterion", columns="asked", values="accuracy")
    assert wide[0.8].max() < 60
    assert wide[0.8].idxmax() != wide[0.6].idxmax(), "the criterion ahead changes"
    assert wide[0.8].idxmin() != "random"


def test_further_epochs_bring_all_sizes_back(results: dict[str, Any]) -> None:
    tuned = table(results, "tuned", "asked")
    base = table(results, "versions", "version")["accuracy, %"]["original"]
    assert sorted(tuned.index) == [0.1, 0.2, 0.333, 0.6, 0.8]
    chance = 196 * (base / 100 * (1 - base / 100) / TESTED) ** 0.5
    assert (tuned.accuracy - base).abs().max() <= chance
    assert tuned.accuracy[0.333] >= base - 1, "at a third of the MACs at most a point is lost"
    assert tuned.MACs[0.333] <= 0.333


def test_no_difference_between_old_and_new_weights_is_shown(results: dict[str, Any]) -> None:
    trained = pd.DataFrame(results["trained"])
    old, new = trained["old weights"], trained["new weights"]
    found = results["old_and_new"]
    assert len(trained) == 5
    assert old[0] == table(results, "tuned", "asked").accuracy[0.333], "the pruned network itself"
    low, high = students_t.interval(0.95, 4, (old - new).mean(), (old - new).std() / 5**0.5)
    assert (found["from"], found["to"]) == pytest.approx((low, high))
    assert low < 0 < high
    assert found["shown"] == "no difference shown"
    assert (found["old ahead"], found["new ahead"]) == ((old > new).sum(), (old < new).sum())


def test_the_sign_tests_are_right(results: dict[str, Any]) -> None:
    versions = table(results, "versions", "version")["accuracy, %"]
    for row in results["against"]:
        n, k = row["wins"] + row["loses"], min(row["wins"], row["loses"])
        by_hand = min(1, 2 * sum(comb(n, i) for i in range(k + 1)) / 2**n)
        assert row["p"] == pytest.approx(by_hand)
        assert by_hand >= 0.05
        assert row["shown"] == "no difference shown"
        apart = TESTED * (versions[row["version"]] - versions["original"]) / 100
        assert round(apart) == row["wins"] - row["loses"]


def test_weights_are_rounded_as_by_hand(results: dict[str, Any]) -> None:
    weights = results["weights"]
    assert weights["layer"] == "stage3.1.conv2"
    assert weights["weights"] == 9 * 64 * 64
    assert weights["same"] > 0.999
    assert weights["largest error"] <= 0.501
    assert 0 < weights["smallest scale"] < weights["largest scale"]


def test_noise_stays_small_and_shortcuts_lower_it(results: dict[str, Any]) -> None:
    noise = table(results, "noise", "layer")
    assert noise.min().min() > 20
    for block in (f"stage{s}.{b}" for s in (1, 2, 3) for b in (0, 1)):
        assert (noise.loc[f"{block}.relu"] > noise.loc[f"{block}.se"]).all()
    assert (noise.loc["pool"] > noise.loc["stage3.1.relu"]).all()
    assert all(row["agreement"] > 0.99 for row in results["outputs"].values())


def test_each_file_says_what_keras_says_and_int8_is_small(results: dict[str, Any]) -> None:
    exports = table(results, "exports", "format")
    assert list(exports.index) == ["litert", "onnx", "saved_model"]
    assert (exports.images == 500).all()
    assert exports["largest difference"].max() < 1e-5
    assert (exports.agreement == 1).all()
    file = table(results, "versions", "version")["file, kB"]
    # More than a quarter, and the more the smaller the network is.
    assert 0.25 < file["quantised"] / file["original"] < file["both"] / file["pruned"] < 0.4


def test_its_answer_follows_from_its_figures(results: dict[str, Any]) -> None:
    said = "\n".join(results["verdict"])
    versions = table(results, "versions", "version")
    accuracy, file = versions["accuracy, %"], versions["file, kB"]
    assert f"it is {accuracy['pruned']:.2f} %, and was {accuracy['original']:.2f} %" in said
    assert f"{file['both']:.0f} kB instead of {file['original']:.0f} kB" in said
    assert said.count("no difference shown") == 4
    apart = results["disagree"]
    assert apart["both right"] - apart["original right"] == round(
        TESTED * (accuracy["both"] - accuracy["original"]) / 100
    )
    assert not re.search(r"\bms\b|seconds", json.dumps(results)), "a clock's figures"


def test_the_first_exercise_has_an_answer() -> None:
    model = build_cnn("tiny_se_resnet", (8, 8, 1), 10, seed=0)
    before, after = (
        profile(each).frame.query("macs > 0").set_index("name").macs
        for each in (model, prune_channels(model, 0.5))
    )
    ratio = after / before
    halves = ["stem", "classes"]  # one reads the image, one makes the classes
    assert (ratio[halves] == 0.5).all()
    assert np.allclose(ratio.drop(halves), 0.25)
