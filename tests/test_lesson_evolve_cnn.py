"""The lesson on evolving a CNN: it runs with small parameters, and its comparisons are fair."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench import build_cnn, load_images, profile
from workbench.batch.lesson import run_lesson

LESSON = "evolve-cnn"
SMALL = {
    "members": 100,
    "gradient_epochs": 2,
    "head_members": 100,
    "clothes": 200,
    "clothes_epochs": 1,
    "blocks": ["conv"],
    "population": 4,
    "generations": 1,
    "epochs": 1,
    "hand_made": ["tiny_vgg"],
    "anew_epochs": 1,
    "anew_seeds": 1,
}
FIGURES = [
    "01-evolution-from-nothing.png",
    "02-passes-of-both.png",
    "03-only-the-head.png",
    "04-the-front.png",
    "05-trained-anew.png",
]
TRAIN, TEST = 1347, 450  # three quarters of 1797 images, and the rest
HAND_MADE = ["tiny_vgg", "tiny_resnet", "tiny_alexnet", "tiny_mobilenet_v2"]


def table(results: dict[str, Any], name: str) -> Any:
    return pd.DataFrame(results[name])


def first(course: Any, level: float, column: str = "passes") -> Any:
    """Return where a course first reaches a test accuracy."""
    for at, reached in zip(course[column], course["test accuracy"], strict=True):
        if reached >= level:
            return int(at)
    return None


@pytest.mark.slow
def test_it_runs_with_small_parameters_and_leaves_what_it_should(tmp_path: Path) -> None:
    run = run_lesson(LESSON, SMALL, tmp_path, progress=False)
    assert {name: run.results["parameters"][name] for name in SMALL} == SMALL
    assert [path.name for path in run.figures] == FIGURES
    heading, *rows = run.results["summary"]
    assert heading[:2] == ["what is evolved", "evaluated"]
    assert [row[0] for row in rows[:3]] == ["all weights", "the head", "the architecture"]
    found = run.results["results"]
    # The search ends with the generation in which it has evaluated what it may.
    assert 100 <= found["evolved"]["members"] < 150
    assert 1 <= len(found["candidates"]) <= 4
    clocks = run.results["times"]
    assert clocks["a head, features kept"] < clocks["a head, whole network"]


def test_the_small_network_has_as_many_weights_as_a_count_by_hand(results: dict[str, Any]) -> None:
    # 4 filters of 3 x 3 leave 6 x 6, pooled to 3 x 3.
    assert results["evolved"]["weights"] == 4 * (9 + 1) + 10 * (3 * 3 * 4 + 1) == 410


def test_passes_are_members_or_three_an_image_of_an_epoch(results: dict[str, Any]) -> None:
    course, gradient = table(results, "course"), table(results, "gradient")
    assert list(course.passes) == list(course.members * TRAIN)
    assert list(gradient.passes) == [3 * TRAIN * epoch for epoch in range(1, len(gradient) + 1)]
    assert course.members.is_monotonic_increasing
    assert course.loss.is_monotonic_decreasing
    for accuracy in (course["test accuracy"], gradient["test accuracy"]):
        assert np.allclose(accuracy * TEST, (accuracy * TEST).round(), atol=1e-6)
    assert course["test accuracy"].iloc[-1] == results["evolved"]["val_accuracy"]


def test_evolution_reaches_90_percent_and_the_gradient_with_far_fewer_passes(
    results: dict[str, Any],
) -> None:
    course, gradient = table(results, "course"), table(results, "gradient")
    assert results["evolved"]["val_accuracy"] >= 0.9
    assert gradient["test accuracy"].iloc[-1] > results["evolved"]["val_accuracy"]
    for row in results["levels"]:
        assert row["evolution"] == first(course, row["level"])
        assert row["gradient"] == first(gradient, row["level"])
    shared = [row for row in results["levels"] if row["evolution"] and row["gradient"]]
    assert shared[-1]["level"] >= 0.9
    assert all(row["evolution"] > 50 * row["gradient"] for row in shared)
    # The text: each step up takes more members than the one before.
    steps = [first(course, level, "members") for level in (0.5, 0.7, 0.9)]
    assert steps[2] - steps[1] > steps[1] - steps[0]


def test_the_head_is_nearly_free_and_stays_behind_logistic_regression(
    results: dict[str, Any],
) -> None:
    head = results["head"]
    assert head["weights"] == 10 * (32 + 1)
    assert head["MACs of the head"] == 32 * 10
    # 16 filters leave 6 x 6, 32 filters on them 4 x 4.
    convolutions = 6 * 6 * 9 * 1 * 16 + 4 * 4 * 9 * 16 * 32
    assert head["MACs of the network"] == convolutions + 320
    assert results["head_losses"]["largest relative difference"] < 1e-5
    scores = head["scores"]
    assert scores["logistic regression"][1] > scores["evolved"][1] > 0.7


def test_the_front_and_what_it_dominates_follow_from_the_scores(results: dict[str, Any]) -> None:
    candidates, theirs = table(results, "candidates"), table(results, "hand_made")
    assert candidates.name.is_unique
    assert candidates.macs.max() <= 2_000_000
    rows = list(candidates.itertuples(index=False))
    front = [
        a.name
        for a in rows
        if not any(
            b.accuracy >= a.accuracy
            and b.macs <= a.macs
            and (b.accuracy > a.accuracy or b.macs < a.macs)
            for b in rows
        )
    ]
    assert set(results["front"]) <= set(front)
    assert {(r.accuracy, r.macs) for r in rows if r.name in front} == {
        (r.accuracy, r.macs) for r in rows if r.name in results["front"]
    }
    assert list(theirs.name) == HAND_MADE
    for hand in theirs.itertuples(index=False):
        model = profile(build_cnn(hand.name, (8, 8, 1), 10, seed=0))
        assert (hand.macs, hand.parameters) == (model.macs, model.parameters)
        better = {
            r.name
            for r in rows
            if r.accuracy >= hand.accuracy
            and r.macs <= hand.macs
            and (r.accuracy > hand.accuracy or r.macs < hand.macs)
        }
        assert set(results["dominated_by"][hand.name]) == better
    assert sum(map(bool, results["dominated_by"].values())) >= 2


def test_the_chosen_one_is_tried_on_images_kept_back(results: dict[str, Any]) -> None:
    kept, candidates = table(results, "kept_back"), table(results, "candidates")
    chosen = candidates[candidates.name == results["chosen"]].iloc[0]
    assert chosen.accuracy == candidates.accuracy.max()
    dominated = results["dominated_by"]
    assert results["beaten"] == [name for name in HAND_MADE if chosen["name"] in dominated[name]]
    assert list(dict.fromkeys(kept.name)) == [chosen["name"], *results["beaten"]]
    assert list(kept.groupby("name").size().unique()) == [3]
    assert np.allclose(kept.accuracy * TEST, (kept.accuracy * TEST).round(), atol=1e-6)


def test_its_answer_follows_from_its_figures(results: dict[str, Any]) -> None:
    said = "\n".join(results["verdict"])
    last = [row for row in results["levels"] if row["evolution"] and row["gradient"]][-1]
    assert f"needs {last['evolution'] / last['gradient']:.0f} times fewer passes" in said
    medians = table(results, "kept_back").groupby("name").accuracy.median()
    for name in (results["chosen"], *results["beaten"]):
        assert f"{name} {medians[name]:.1%}" in said
    assert [each["sha256"] for each in results["data"]] == [
        load_images("digits").sha256,
        load_images("fashion_mnist", 8).sha256,
    ]
    assert not re.search(r"\bms\b|seconds", json.dumps(results)), "a clock's figures"


def test_what_the_text_says_of_the_trainings_anew(results: dict[str, Any]) -> None:
    spread = table(results, "kept_back").groupby("name").accuracy.agg(["median", "min", "max"])
    ours, rest = spread.loc[results["chosen"]], spread.drop(results["chosen"])
    macs = table(results, "hand_made").set_index("name").macs
    candidates = table(results, "candidates").set_index("name")
    assert set(rest.index) == set(HAND_MADE)
    for name in ("tiny_vgg", "tiny_mobilenet_v2"):
        assert ours["min"] > rest["max"][name]
    for name in ("tiny_resnet", "tiny_alexnet"):
        assert ours["min"] <= rest["max"][name], "the dots overlap"
        assert candidates.macs[results["chosen"]] < macs[name] / 2
    assert ours["median"] - rest["median"]["tiny_vgg"] < 0.01
