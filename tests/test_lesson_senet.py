"""The lesson on squeeze and excitation: it runs with small parameters, and its counts are right."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as students_t
from sklearn.datasets import load_sample_image

from workbench import build_cnn
from workbench.batch.lesson import run_lesson
from workbench.complexity import se_cost, se_cost_by_stage

LESSON = "senet"
SMALL = {
    "network": "resnet18",
    "size": 64,
    "ratios": [16],
    "train_rows": 200,
    "epochs": 1,
    "repeats": 2,
}
FIGURES = [
    "01-the-block-step-by-step.png",
    "02-the-ratio.png",
    "03-four-positions.png",
    "04-cost-by-stage.png",
    "05-with-and-without-se.png",
    "06-channel-weights-by-class.png",
    "07-early-and-late-blocks.png",
]
REFERENCE = json.loads(
    (Path(__file__).parent / "cnn" / "fixtures" / "reference_figures.json").read_text(
        encoding="utf-8"
    )
)
# Of ResNet-50: the channels that come into each residual block, and those that it puts out.
OUT = [256] * 3 + [512] * 4 + [1024] * 6 + [2048] * 3
IN = [64, *OUT[:-1]]
PLAIN, MACS = 25_557_032, 4_089_184_256


def gate(channels: int, ratio: int = 16) -> tuple[int, int]:
    """Return weights and biases of two dense layers, the middle a multiple of 8."""
    middle = max(channels // ratio, 8)
    return 2 * channels * middle, channels + middle


def table(results: dict[str, Any], name: str, index: str) -> pd.DataFrame:
    return pd.DataFrame(results[name]).set_index(index)


def accuracies(results: dict[str, Any]) -> pd.DataFrame:
    scores = pd.DataFrame(results["scores"])
    return 100 * scores.pivot(index="repeat", columns="network", values="accuracy")


@pytest.mark.slow
def test_it_runs_with_small_parameters_and_leaves_what_it_should(tmp_path: Path) -> None:
    run = run_lesson(LESSON, SMALL, tmp_path, progress=False)
    assert {name: run.results["parameters"][name] for name in SMALL} == SMALL
    assert [path.name for path in run.figures] == FIGURES
    heading, *rows = run.results["summary"]
    assert heading == ["network", "parameters", "added, %", "MACs"]
    assert [row[1] for row in rows[:2]] == [
        REFERENCE[name]["parameters"] for name in ("resnet18", "se_resnet18")
    ]
    found = run.results["results"]
    assert len(found["scores"]) == 4
    assert all(0 <= row["accuracy"] <= 1 for row in found["scores"])
    # A basic block has two convolutions.
    ways = [["in", "conv1"], ["conv1", "conv2"], ["conv2", "se"], ["in", "add"], ["se", "add"]]
    assert sorted(found["wirings"]["standard"]) == sorted([*ways, ["add", "relu"]])
    assert all(run.results["times"][f"trainings, {kind}"] > 0 for kind in ("plain", "SE"))


def test_the_block_in_numpy_and_the_layer_agree(results: dict[str, Any]) -> None:
    block = results["block"]
    assert block["agree"] == {"weights of the channels": True, "output": True}
    assert block["parameters"] == 8 * 2 + 2 + 2 * 8 + 8
    for number, name in enumerate(("china.jpg", "flower.jpg")):
        photo = load_sample_image(name)[100:388, 180:468] / 255
        # Averages of averages of equal parts are the average of all.
        assert block["squeezed"][number][:3] == pytest.approx(photo.mean(axis=(0, 1)))
        assert block["squeezed"][number][3] == pytest.approx(1 - photo.mean())
    # The dense layers of the lesson, neuron by neuron.
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 2, (8, 2)), rng.normal(0, 2, (2, 8))
    for squeezed, weights in zip(block["squeezed"], block["weights"], strict=True):
        neurons = [sum(squeezed[c] * first[c, k] for c in range(8)) for k in (0, 1)]
        hidden = [max(neuron + 0.2, 0) for neuron in neurons]
        for c in range(8):
            logit = hidden[0] * second[0, c] + hidden[1] * second[1, c]
            assert weights[c] == pytest.approx(1 / (1 + np.exp(-logit)))
    apart = np.abs(np.subtract(block["weights"][0], block["weights"][1]))
    assert apart.max() > 0.05, "the weights depend on the image"


def test_each_ratio_costs_what_the_formula_says(results: dict[str, Any]) -> None:
    assert results["plain"] == {"parameters": PLAIN, "MACs": MACS}
    for r, row in zip((2, 4, 8, 16, 32), results["ratios"], strict=True):
        assert row["r"] == r
        by_hand = 2 * (3 * 256**2 + 4 * 512**2 + 6 * 1024**2 + 3 * 2048**2) // r
        assert row["formula"] == row["weights"] == row["MACs"] - MACS == by_hand
        assert row["biases"] == sum(c + c // r for c in OUT)
        assert row["parameters"] == PLAIN + by_hand + row["biases"]
        assert row["MACs"] < 1.005 * MACS, "the text: hardly any multiplications"
    parameters = table(results, "ratios", "r").parameters
    assert parameters[16] == REFERENCE["se_resnet50"]["parameters"] == 28_088_024


def test_positions_cost_as_a_count_by_hand_and_errors_are_the_papers(
    results: dict[str, Any],
) -> None:
    positions = table(results, "positions", "position")
    for row in results["positions"]:
        gates = [gate(c) for c in (IN if row["position"] == "pre" else OUT)]
        assert row["parameters"] == PLAIN + sum(map(sum, gates))
        assert row["MACs"] == MACS + sum(weights for weights, _ in gates)
    assert positions["error in the paper, %"].to_dict() == {
        "standard": 22.28,
        "pre": 22.23,
        "post": 22.78,
        "identity": 22.20,
    }


def test_the_drawings_show_where_the_paper_puts_the_block(results: dict[str, Any]) -> None:
    branch = ["conv1", "conv2", "conv3"]
    ways = {
        "standard": (["in", *branch, "se", "add", "relu"], ["in", "add"]),
        "pre": (["in", "se", *branch, "add", "relu"], ["in", "add"]),
        "post": (["in", *branch, "add", "relu", "se"], ["in", "add"]),
        "identity": (["in", *branch, "add", "relu"], ["in", "se", "add"]),
    }
    for position, paths in ways.items():
        edges = [[a, b] for path in paths for a, b in pairwise(path)]
        assert sorted(results["wirings"][position]) == sorted(edges)


def test_most_of_the_cost_is_in_the_last_stage(results: dict[str, Any]) -> None:
    stages = table(results, "stages", "channels")
    assert stages.blocks.to_dict() == {256: 3, 512: 4, 1024: 6, 2048: 3}
    for row in results["stages"]:
        weights, biases = gate(row["channels"])
        by_hand = row["blocks"] * weights
        assert row["formula"] == row["weights"] == row["macs"] == by_hand
        assert row["biases"] == row["blocks"] * biases
    assert stages.parameters[2048] > 0.6 * stages.parameters.sum()
    left = results["last_left_out"]["parameters"]
    assert left == PLAIN + sum(sum(gate(c)) for c in OUT if c < 2048)
    # About 4 % instead of 10 %, as in the paper.
    assert round(100 * (left / PLAIN - 1)) == 4
    assert round(100 * results["plus"]["all stages"]) == 10
    assert results["plus"]["without the last"] == pytest.approx(left / PLAIN - 1)


def test_memory_is_added_where_the_maps_are_large(results: dict[str, Any]) -> None:
    access = table(results, "access", "resolution")
    assert list(access.index) == ["56x56", "28x28", "14x14", "7x7"]
    assert list(access.added) == sorted(access.added, reverse=True)
    total = results["total_access"]
    assert total["SE"] - total["plain"] == access.added.sum()


def test_no_difference_is_shown_on_digits(results: dict[str, Any]) -> None:
    found = accuracies(results)
    difference = found["SE"] - found["plain"]
    paired, pairs = results["paired"], len(found)
    assert pairs == 8
    assert paired["median"] == pytest.approx(difference.median())
    assert paired["SE ahead"] == (difference > 0).sum()
    assert paired["plain ahead"] == (difference < 0).sum()
    # Nadeau and Bengio 2003: 897 images for testing, 900 for training.
    spread = difference.std(ddof=1) * (1 / pairs + 897 / 900) ** 0.5
    low, high = students_t.interval(0.95, pairs - 1, difference.mean(), spread)
    assert (paired["from"], paired["to"]) == pytest.approx((low, high))
    # What the text says of it.
    assert paired["shown"] == "no difference shown"
    assert low < -1 < 1 < high
    assert min(paired["SE ahead"], paired["plain ahead"]) > 0
    assert found.median().min() > 95


def test_late_blocks_depend_more_on_the_digit_than_early_ones(results: dict[str, Any]) -> None:
    spreads = pd.DataFrame(results["spreads"])
    medians = spreads.groupby("block")[["spread", "share"]].median()
    assert list(medians.index) == [f"stage{s}.{b}" for s in (1, 2, 3) for b in (0, 1)]
    for column in medians:
        assert medians[column].is_monotonic_increasing
        wide = spreads.pivot(index="repeat", columns="block", values=column)
        assert (wide["stage3.1"] > wide["stage1.0"]).sum() == results["larger_late"][column] == 8
    assert (medians.spread[4:] > 3 * medians.spread[:4].max()).all(), "the last stage stands out"
    # The spread of the network that is drawn, from the means that are drawn.
    drawn = spreads[spreads["repeat"] == 0].set_index("block").spread
    for block, channels in (("stage1.0", 16), ("stage3.1", 64)):
        means = np.array(results["by_class"][block])
        assert means.shape == (10, channels)
        assert means.min() > 0
        assert means.max() < 1
        # Digits are about equally many among the images.
        assert means.var(axis=0).mean() ** 0.5 == pytest.approx(drawn[block], rel=0.05)


def test_fixed_weights_lose_little(results: dict[str, Any]) -> None:
    fixed = pd.DataFrame(results["fixed"]).pivot(index="repeat", columns="fixed", values="change")
    assert fixed.shape == (8, 4)
    assert fixed["stage3"].median() == fixed[["stage1", "stage2", "stage3"]].median().min() < 0
    assert fixed.min().min() > -1
    # Changes are whole test images.
    assert np.allclose(fixed * 8.97, (fixed * 8.97).round(), atol=1e-6)


def test_its_answer_follows_from_its_figures(results: dict[str, Any]) -> None:
    said = "\n".join(results["verdict"])
    found = accuracies(results)
    assert "2,530,992 parameters in resnet50 for r = 16, +9.9%, and +0.06% MACs" in said
    assert "62% of it is in the last stage. Without SE there, it is +3.7%" in said
    assert f"{found.plain.median():.1f} % of the test images are right without" in said
    assert f"ahead in {results['paired']['SE ahead']} of 8 pairs" in said
    assert "no difference shown" in said
    assert not re.search(r"\bms\b|seconds", json.dumps(results)), "a clock's figures"


def test_the_first_exercise_has_an_answer() -> None:
    cost = se_cost((256, 512, 1024, 2048), (3, 4, 23, 3), 16)
    added = REFERENCE["se_resnet101"]["parameters"] - REFERENCE["resnet101"]["parameters"]
    assert cost.weights + cost.biases == added
    stages = se_cost_by_stage(build_cnn("se_resnet18", (64, 64, 3), 10, seed=0))
    predicted = [se_cost([c], [n], 16).weights for c, n in ((64, 2), (128, 2), (256, 2), (512, 2))]
    assert list(stages["weights"] != predicted) == [True, False, False, False]
    assert list(stages["squeeze"]) == [8, 8, 16, 32]
