"""The lesson on convolutions: it runs with small parameters, and its counts are right."""

import json
import re
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.signal import convolve2d
from sklearn.datasets import load_sample_image

from workbench.batch.lesson import run_lesson

LESSON = "convolutions"
SMALL = {
    "side": 8,
    "channels": 8,
    "groups": 2,
    "depth": 3,
    "blocks": 2,
    "batch": 1,
    "rounds": 1,
    "repeats": 3,
}
FIGURES = [
    "01-eight-convolutions.png",
    "02-macs-and-time.png",
    "03-receptive-fields-grow.png",
    "04-what-is-inside-the-field.png",
    "05-the-fields-of-mobilenet.png",
    "06-down-and-up.png",
    "07-add-or-concatenate.png",
]
KINDS = [
    *("standard", "pointwise", "depthwise", "separable"),
    *("grouped", "dilated", "transposed", "deformable"),
]
# A. Howard et al. 2017, arXiv:1704.04861, tables 6 and 7: millions of mult-adds.
PAPER = {
    ("width 1", "224"): 569,
    ("width 0.75", "224"): 325,
    ("width 0.5", "224"): 149,
    ("width 0.25", "224"): 41,
    ("width 1", "192"): 418,
    ("width 1", "160"): 290,
    ("width 1", "128"): 186,
}


def table(results: dict[str, Any], name: str, index: str) -> pd.DataFrame:
    return pd.DataFrame(results[name]).set_index(index)


@pytest.mark.slow
def test_it_runs_with_small_parameters_and_leaves_what_it_should(tmp_path: Path) -> None:
    run = run_lesson(LESSON, SMALL, tmp_path, progress=False)
    assert {name: run.results["parameters"][name] for name in SMALL} == SMALL
    assert [path.name for path in run.figures] == FIGURES
    heading, *rows = run.results["summary"]
    assert heading == ["convolution", "field", "parameters", "MACs"]
    assert [row[0] for row in rows] == KINDS
    costs = table(run.results["results"], "costs", "convolution")
    assert (costs["parameters, formula"] == costs["parameters, profile"]).all()
    assert (costs["MACs, formula"] == costs["MACs, profile"]).all()
    assert costs["MACs, formula"]["grouped"] == 64 * 9 * 8 * 4  # positions, taps, filters, inputs
    assert all(run.results["times"][name] > 0 for name in KINDS)


def test_formulas_and_profile_agree_with_a_count_by_hand(results: dict[str, Any]) -> None:
    costs = table(results, "costs", "convolution")
    assert list(costs.index) == KINDS
    # 3x3 taps and 64 channels on 32x32 positions; a weight for each tap, input and output.
    weights = {
        "standard": 9 * 64 * 64,
        "pointwise": 64 * 64,
        "depthwise": 9 * 64,
        "separable": 9 * 64 + 64 * 64,
        "grouped": 4 * (9 * 16 * 16),
        "dilated": 9 * 64 * 64,
        "transposed": 9 * 64 * 64,
        "deformable": 9 * 64 * 64 + 9 * 64 * 27,
    }
    for way in ("formula", "profile"):
        parameters = costs[f"parameters, {way}"] - np.where(costs.index == "deformable", 27, 0)
        assert parameters.to_dict() == weights
        assert costs[f"MACs, {way}"].to_dict() == {n: 1024 * w for n, w in weights.items()}
    assert costs.field.to_dict() == {
        **dict.fromkeys(KINDS, 3),
        "pointwise": 1,
        "dilated": 5,
        "transposed": 2,
    }
    assert costs.output.to_dict() == {**dict.fromkeys(KINDS, "32x32"), "transposed": "64x64"}


def test_small_windows_see_as_much_as_a_large_one_for_fewer_weights(
    results: dict[str, Any],
) -> None:
    factors = table(results, "factors", "stack")
    assert list(factors.field) == [5, 5, 7, 7]
    assert list(factors.parameters / 64**2) == [25, 18, 49, 27]
    assert list(factors.MACs / 64**2 / 32**2) == [25, 18, 49, 27]
    assert results["ratios"] == {"two 3x3": "25:18", "three 3x3": "49:27"}


def test_dilated_and_strided_fields_grow_alike_and_plain_ones_by_two(
    results: dict[str, Any],
) -> None:
    assert results["fields"] == {
        "plain": [3, 5, 7, 9, 11],
        "dilated": [3, 7, 15, 31, 63],
        "strided": [3, 7, 15, 31, 63],
    }
    growth = table(results, "growth", "stack")
    assert growth.resolution.to_dict() == {"plain": "64x64", "dilated": "64x64", "strided": "2x2"}
    by_layer = 9 * 64**2
    assert growth.MACs["dilated"] == growth.MACs["plain"] == 5 * 64**2 * by_layer
    assert growth.MACs["strided"] == sum(side**2 for side in (32, 16, 8, 4, 2)) * by_layer
    assert set(growth.parameters) == {5 * by_layer}
    assert results["mobilenet_field"] == 315  # by Google's tool


def test_twice_the_size_costs_what_the_text_says(results: dict[str, Any]) -> None:
    scaled = table(results, "scaled", "doubled")
    assert scaled[["parameters", "MACs", "activations"]].T.to_dict("list") == {
        "resolution": [1, 4, 4],
        "depth": [2, 2, 2],
        "width": [4, 4, 2],
    }
    assert list(scaled.field) == ["9 to 9", "9 to 17", "9 to 9"]


def test_the_dials_of_mobilenet_are_the_papers(results: dict[str, Any]) -> None:
    for (width, size), millions in PAPER.items():
        assert results["dials"][width][size] == pytest.approx(millions, abs=1)


def test_averaging_keeps_most_of_the_photo(results: dict[str, Any]) -> None:
    photo = load_sample_image("china.jpg")[150:374, 300:524]
    grey = photo[110:206, :96].mean(axis=2) / 255
    cells = grey.reshape(48, 2, 48, 2)
    down = {
        "every second pixel": grey[::2, ::2],
        "max pooling": cells.max(axis=(1, 3)),
        "average pooling": cells.mean(axis=(1, 3)),
    }
    wrong = pd.DataFrame(results["wrong"])
    for name, little in down.items():
        back = little.repeat(2, axis=0).repeat(2, axis=1)
        error = np.sqrt(np.mean((back - grey) ** 2))
        assert wrong.nearest[name] == pytest.approx(error, rel=1e-3)
    assert (wrong.idxmin() == "average pooling").all()


def test_a_window_that_is_no_multiple_of_the_stride_leaves_a_checkerboard(
    results: dict[str, Any],
) -> None:
    spread = np.zeros((24, 24))
    spread[::2, ::2] = 1
    for size in (3, 4):
        inside = convolve2d(spread, np.ones((size, size)), mode="valid")
        assert results["overlap"][f"{size}x{size}"] == np.unique(inside).tolist()
    assert results["overlap"] == {"3x3": [1, 2, 4], "4x4": [4]}


def test_only_convolutions_have_weights_on_the_way_down_and_up(results: dict[str, Any]) -> None:
    rows = table(results, "resizing", "layer")
    assert set(rows.index[rows.parameters > 0]) == {"stride 2", "transposed"}
    assert (rows.parameters > 0).equals(rows.MACs > 0)
    assert rows.FLOPs["average pooling"] == rows.FLOPs["max pooling"] == 32 * 32 * 64


def test_concatenating_makes_each_block_dearer(results: dict[str, Any]) -> None:
    joins = table(results, "joins", "way")
    assert list(joins.channels) == [64, 64 * 5, 64 + 4 * 16]
    inputs = {
        "add": (64, [64] * 4),
        "concatenate": (64, [64, 128, 192, 256]),
        "concatenate a quarter": (16, [64, 80, 96, 112]),
    }
    for way, (filters, widths) in inputs.items():
        assert joins.parameters[way] == 9 * filters * sum(widths)
        assert joins.MACs[way] == 1024 * joins.parameters[way]
    # The last block's input, output and their union are alive at once; the sum's operands and it.
    assert joins["peak, MB"]["add"] == pytest.approx(3 * 64 * 1024 * 4 / 1e6)
    assert joins["peak, MB"]["concatenate"] == pytest.approx((256 + 64 + 320) * 1024 * 4 / 1e6)


def test_the_heads_are_counted_right(results: dict[str, Any]) -> None:
    heads = table(results, "heads", "map")
    for way in ("formula", "profile"):
        assert list(heads[f"dense, {way}"]) == [10 * (64 * n * n + 1) for n in (4, 8, 16)]
        assert list(heads[f"average, {way}"]) == [650] * 3
    vgg = results["vgg"]
    assert vgg["body"] + vgg["head"] == 138_357_544  # torchvision's
    assert vgg["pooled"] == 513 * 1000


def test_its_answer_follows_from_its_figures(results: dict[str, Any]) -> None:
    said = "\n".join(results["verdict"])
    costs = table(results, "costs", "convolution")
    share = costs["MACs, profile"] / costs["MACs, profile"]["standard"]
    for name in ("separable", "grouped", "depthwise"):
        assert re.search(rf"{name}( has)? {share[name]:.1%}", said)
    assert "agree in 8 of 8 kinds" in said
    assert "25:18 (5x5) and 49:27 (7x7)" in said
    assert "11 pixels by 5 plain layers, 63 dilated and 63 strided" in said
    assert "4 times the MACs, twice the depth 2, twice the width 4" in said
    assert "leaves 64 channels, concatenating 320, for 2.5 times" in said
    assert not re.search(r"\bms\b|seconds", json.dumps(results)), "a clock's figures"


def test_the_second_exercise_has_an_answer() -> None:
    def whole(rates: tuple[int, ...]) -> bool:
        line = np.ones(1)
        for rate in rates:
            taps = np.zeros(2 * rate + 1)
            taps[::rate] = 1
            line = np.convolve(line, taps)
        return len(line) == 15 and bool(line.all())

    rates = [r for r in combinations_with_replacement(range(1, 6), 3) if sum(r) == 7]
    assert whole((1, 2, 4))
    assert [each for each in rates if not whole(each)] == [(2, 2, 3)]
