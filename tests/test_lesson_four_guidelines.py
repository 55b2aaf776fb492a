"""The lesson on the four guidelines: it runs with small parameters, and its counts are right."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.batch.lesson import run_lesson

LESSON = "four-guidelines"
SMALL = {
    "side": 14,
    "widths": [32],
    "blocks": 2,
    "ratios": [1, 4],
    "groups": [1, 2],
    "fragments": [1, 4],
    "units": ["mobilenet_v2", "shufflenet_v2_x1_0"],
    "rounds": 2,
    "repeats": 2,
}
FIGURES = [
    "01-the-bound-on-memory-access.png",
    "02-g1-equal-widths.png",
    "03-the-width-alone.png",
    "04-g2-groups.png",
    "05-g3-fragments.png",
    "06-g4-operations-without-macs.png",
    "07-time-macs-and-memory-access.png",
    "08-units-of-the-zoo.png",
]
PIXELS = 56 * 56
BLOCKS = 10
WIDTHS = [64, 128]


def rows(results: dict[str, Any], experiment: str) -> pd.DataFrame:
    table = pd.DataFrame(results["networks"])
    return table[table.experiment == experiment]


def pointwise(c1: Any, c2: Any, groups: Any = 1, pixels: int = PIXELS) -> tuple[Any, Any]:
    """Return MACs and memory access of a 1x1 convolution by the paper's equations (1) and (2)."""
    return pixels * c1 * c2 // groups, pixels * (c1 + c2) + c1 * c2 // groups


def least(macs: Any, pixels: int = PIXELS) -> Any:
    """Return the paper's bound on the memory access of a 1x1 convolution."""
    return 2 * np.sqrt(pixels * macs) + macs / pixels


@pytest.mark.slow
def test_it_runs_with_small_parameters_and_leaves_what_it_should(tmp_path: Path) -> None:
    run = run_lesson(LESSON, SMALL, tmp_path, progress=False)
    assert {name: run.results["parameters"][name] for name in SMALL} == SMALL
    assert [path.name for path in run.figures] == FIGURES
    found = run.results["results"]
    assert [row["unit of"] for row in found["units"]] == SMALL["units"]
    for row in rows(found, "G2").to_dict("records"):
        groups = int(row["network"].removeprefix("g = "))
        c = groups * row["channels"][0]
        macs, access = pointwise(c, c, groups, pixels=14 * 14)
        assert (row["MACs"], row["memory access"]) == (2 * macs, 2 * access)
    assert [row[2] for row in run.results["summary"][1:]] == [
        *("1:4", "g = 2", "4 in series", "4 in parallel", "both", "both")
    ]
    times = run.results["times"]
    for row in found["networks"]:
        rounds = times[f"{row['experiment']}, {row['width']}, {row['network']}"]
        assert len(rounds) == SMALL["rounds"]
        assert min(rounds) > 0


def test_unequal_widths_move_what_the_formula_says_and_equal_ones_reach_the_bound(
    results: dict[str, Any],
) -> None:
    table = pd.DataFrame(results["g1"])
    assert list(table.network) == ["1:1", "1:2", "1:4", "1:6", "1:12", "1:16"] * 2
    narrow, wide = np.array(table.channels.tolist()).T
    macs, access = pointwise(narrow, wide)  # there and back are alike
    assert list(table.MACs) == list(2 * BLOCKS * macs)
    assert list(table["memory access"]) == list(2 * BLOCKS * access)
    np.testing.assert_allclose(table.bound, 2 * BLOCKS * least(macs), rtol=1e-12)
    np.testing.assert_allclose(macs, PIXELS * table.width**2, rtol=5e-3)
    over = table["memory access"] / table.bound
    assert over[narrow == wide].to_numpy() == pytest.approx(1, abs=1e-12)
    assert (over[narrow < wide] > 1).all()
    for _, some in over.groupby(table.width):
        assert some.is_monotonic_increasing


def test_groups_move_what_the_formula_says(results: dict[str, Any]) -> None:
    table = rows(results, "G2")
    assert sorted(set(table.width)) == WIDTHS
    groups = table.network.str.removeprefix("g = ").astype(int).to_numpy()
    channels = groups * np.array([each[0] for each in table.channels])
    macs, access = pointwise(channels, channels, groups)
    assert list(table.MACs) == list(BLOCKS * macs)
    assert list(table["memory access"]) == list(BLOCKS * access)
    second = PIXELS * channels + macs * groups / channels + macs / PIXELS  # equation (2), B put in
    np.testing.assert_allclose(table["memory access"], BLOCKS * second)
    np.testing.assert_allclose(macs, PIXELS * table.width**2, rtol=0.05)
    for _, some in table.groupby("width"):
        assert some["memory access"].is_monotonic_increasing


def test_fragments_move_what_the_formula_says(results: dict[str, Any]) -> None:
    table = rows(results, "G3")
    assert len(table) == 2 * 5
    for row in table.to_dict("records"):
        number, way = int(row["network"][0]), row["network"].split()[-1]
        c = row["channels"][0]
        macs, access = (number * each for each in pointwise(c, c))
        if way == "parallel":
            access += (number + 1) * PIXELS * c  # the sum reads each, and writes one
        assert (row["MACs"], row["memory access"]) == (BLOCKS * macs, BLOCKS * access)
        assert macs == pytest.approx(PIXELS * row["width"] ** 2, rel=0.015)


def test_operations_without_macs_move_memory_and_a_bias_changes_no_count(
    results: dict[str, Any],
) -> None:
    apart, joined = rows(results, "G4 apart"), rows(results, "G4 joined")
    for row in apart.to_dict("records"):
        c = row["width"]
        m = c // 4
        macs = PIXELS * (c * m + 9 * m * m + m * c)
        access = 2 * pointwise(c, m)[1] + PIXELS * 2 * m + 9 * m * m
        if row["network"] in ("ReLU", "both"):
            access += 2 * PIXELS * (m + m + c)
        if row["network"] in ("shortcut", "both"):
            access += 3 * PIXELS * c
        assert (row["MACs"], row["memory access"]) == (BLOCKS * macs, BLOCKS * access)
    same = ["width", "network", "MACs", "memory access", "operations"]
    assert apart[same].to_numpy().tolist() == joined[same].to_numpy().tolist()


def test_the_control_differs_in_nothing_but_the_number_of_channels(results: dict[str, Any]) -> None:
    table = rows(results, "control")
    channels = np.array([each[0] for each in table.channels])
    assert sorted(channels) == [112, 120, 124, 127, 128, 129, 132, 136, 144]
    assert list(table.MACs) == list(BLOCKS * PIXELS * channels**2)
    assert set(table.operations) == {BLOCKS}
    assert list(table["multiple"]) == [c % 16 == 0 for c in channels]


def test_units_obey_and_break_the_guidelines_that_the_text_says(results: dict[str, Any]) -> None:
    units = pd.DataFrame(results["units"]).set_index("unit of")
    obeys = (
        (units["G1: wide to narrow"] == 1)
        & (units["G2: groups"] == 1)
        & (units["G3: operations"] <= 3)
    )
    assert list(units.index[obeys]) == ["mobilenet_v1", "shufflenet_v2_x1_0"]
    assert units["G1: wide to narrow"][["shufflenet_v1_g3", "mobilenet_v2"]].tolist() == [4, 6]
    assert units["G2: groups"][["shufflenet_v1_g3", "shufflenet_v1_g8"]].tolist() == [3, 8]
    assert units["G3: operations"].idxmax() == "googlenet"
    assert units["G3: operations"]["googlenet"] == 7  # six convolutions and a pooling
    share = units["G4: share"]
    assert share["shufflenet_v2_x1_0"] > share[["shufflenet_v1_g3", "mobilenet_v2"]].max()


def test_units_are_counted_as_by_hand(results: dict[str, Any]) -> None:
    units = pd.DataFrame(results["units"]).set_index("unit of")
    pixels = 28 * 28
    # 1x1 of 32 to 192 and back, a depthwise 3x3 between, ReLU6 twice, a sum.
    macs, access = pointwise(32, 192, pixels=pixels)
    single = pixels * 2 * 192 + 9 * 192 + 2 * (2 * pixels * 192) + 3 * pixels * 32
    row = units.loc["mobilenet_v2"]
    assert row.MACs == 2 * macs + 9 * pixels * 192
    assert row["memory access"] == 2 * access + single
    assert row["G1: over the bound"] == pytest.approx(access / least(macs, pixels))
    assert row["G4: share"] == pytest.approx(single / (2 * access + single))
    # Half of 116 channels: 1x1, depthwise 3x3, 1x1, ReLU twice; split, concatenation, shuffle.
    macs, access = pointwise(58, 58, pixels=pixels)
    single = pixels * 2 * 58 + 9 * 58 + 2 * (2 * pixels * 58) + 3 * (2 * pixels * 116)
    row = units.loc["shufflenet_v2_x1_0"]
    assert row.MACs == 2 * macs + 9 * pixels * 58
    assert row["memory access"] == 2 * access + single
    assert row["G1: over the bound"] == pytest.approx(1)
    assert row["G4: share"] == pytest.approx(single / (2 * access + single))
    # In groups the bound is for as many MACs without groups.
    macs, access = pointwise(240, 60, 3, pixels=pixels)
    over = units["G1: over the bound"]["shufflenet_v1_g3"]
    assert over == pytest.approx(access / least(macs, pixels))


def test_verdicts_are_drawn_from_networks_without_odd_channels(results: dict[str, Any]) -> None:
    table = pd.DataFrame(results["networks"]).set_index("network")
    said = dict(
        re.findall(
            r"\*\*(.+?)\*\*: .* move ([^ ]+(?: to [^ ]+)?) times", "\n".join(results["verdict"])
        )
    )
    found: dict[str, list[float]] = {}
    heading, *lines = results["summary"]
    assert len(heading) == 5
    for experiment, width, network, macs, access in lines:
        some = table[(table.experiment == experiment) & (table.width == width)]
        row, first = some.loc[network], some.iloc[0]
        assert row["multiple"]
        assert macs == row["MACs"] / first["MACs"] == 1  # to the digit
        assert access == pytest.approx(row["memory access"] / first["memory access"])
        found.setdefault(experiment, []).append(access)
    assert [line[2] for line in lines[::2]] == [
        "1:16",
        "g = 16",
        *["4 in series"] * 2,
        *["both"] * 2,
    ]
    for experiment, values in found.items():
        ends = dict.fromkeys(f"{value:.2f}" for value in (min(values), max(values)))
        assert said[experiment] == " to ".join(ends)
    assert not re.search(r"\bms\b|seconds|agrees", json.dumps(results)), "a clock's figures"


def test_the_exercises_have_answers() -> None:
    def over(narrow: int, wide: int, pixels: int) -> float:
        macs, access = pointwise(narrow, wide, pixels=pixels)
        return float(access / least(macs, pixels))

    assert over(32, 512, 7 * 7) < 1.5 < 2.1 < over(32, 512, 56 * 56)
    equal = round(np.sqrt(32 * 192))
    assert pointwise(equal, equal)[0] == pytest.approx(pointwise(32, 192)[0], rel=0.02)
    saved = pointwise(equal, equal, pixels=784)[1] / pointwise(32, 192, pixels=784)[1]
    assert saved == pytest.approx(1 / 1.41, rel=0.01)
