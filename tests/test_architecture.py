"""search_architecture: candidates are what they say, each is scored once, killed searches go on."""

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from workbench import build_cnn, load_dataset, profile
from workbench.architecture import BLOCKS, Candidate, SearchSpace, search_architecture
from workbench.errors import ArgumentError, UnknownNameError

RNG = np.random.default_rng(5)
IMAGES = RNG.uniform(-1, 1, (20, 8, 8, 1)).astype("float32")
LABELS = np.arange(20) % 4
# Few candidates, for each is built to count its MACs.
SMALL = SearchSpace(("conv", "separable"), (4, 8), (1, 2), (0,))
QUIET: dict[str, Any] = {"seed": 3, "progress": False}


class Judge:
    """A cheap score: more weights are better, the more of a block the less so."""

    def __init__(self, stop_after: int | None = None):
        self.asked: list[Candidate] = []
        self.stop_after = stop_after

    def __call__(self, model: Any, candidate: Candidate) -> float:
        if self.stop_after is not None and len(self.asked) >= self.stop_after:
            raise RuntimeError("killed")
        self.asked.append(candidate)
        weights = model.count_params()
        return float(weights / (weights + (500 if candidate.block == "separable" else 3000)))


def search(judge: Any = None, **settings: Any) -> Any:
    settings = {"population": 4, "generations": 3, "space": SMALL, **QUIET, **settings}
    return search_architecture(IMAGES, LABELS, score=judge or Judge(), **settings)


@pytest.fixture(scope="module")
def found() -> Any:
    return search()


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_makes_a_network_with_and_without_se(block: str) -> None:
    plain = Candidate(block, 4, (1, 1, 2)).build((8, 8, 1), 4, seed=0)
    weighed = Candidate(block, 4, (1, 1, 2), 4).build((8, 8, 1), 4, seed=0)
    outputs = np.asarray(weighed(IMAGES[:2]))
    assert outputs.shape == (2, 4)
    np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-5)
    kinds = [type(layer).__name__ for layer in weighed.layers]
    assert kinds.count("SqueezeExcite") == 4
    assert plain.count_params() < weighed.count_params()


def test_a_candidate_with_the_choices_of_a_tiny_network_is_that_network() -> None:
    ours = profile(Candidate("residual", 16, (2, 2, 2)).build((8, 8, 1), 10, seed=0))
    theirs = profile(build_cnn("tiny_resnet", (8, 8, 1), 10, seed=0))
    assert (ours.macs, ours.parameters) == (theirs.macs, theirs.parameters)


def test_macs_of_a_candidate_are_those_counted_by_hand() -> None:
    model = Candidate("conv", 4, (1, 1, 1)).build((16, 16, 1), 3, seed=0)
    maps = 16 * 16 * 9 * (1 * 4 + 4 * 4) + 8 * 8 * 9 * 4 * 8 + 4 * 4 * 9 * 8 * 16
    assert profile(model).macs == maps + 16 * 3


def test_names_tell_candidates_apart() -> None:
    assert Candidate("residual", 16, (1, 2, 1), 4).name == "residual-16-121-se4"
    assert Candidate("residual", 16, (1, 2, 1)).name == "residual-16-121"


def test_genes_are_places_among_the_options() -> None:
    space = SearchSpace(("conv", "ghost"), (4, 8, 12), (1, 3), (0, 8))
    assert space.bounds == [(0, 1), (0, 2), (0, 1), (0, 1), (0, 1), (0, 1)]
    assert space.candidate([1, 2, 0, 1, 0, 1]) == Candidate("ghost", 12, (1, 3, 1), 8)
    # What has one option needs no gene.
    assert SMALL.bounds == [(0, 1)] * 5
    assert SMALL.candidate([0, 1, 1, 0, 0]) == Candidate("conv", 8, (2, 1, 1))


def test_a_candidate_is_narrowed_before_it_is_shortened() -> None:
    space = SearchSpace(("conv",), (4, 8), (1, 2, 3), (0,))
    steps = [Candidate("conv", 8, (2, 3, 3))]
    while (smaller := space.smaller(steps[-1])) is not None:
        steps.append(smaller)
    assert [(one.width, one.depths) for one in steps[:4]] == [
        (8, (2, 3, 3)),
        (4, (2, 3, 3)),
        (4, (2, 3, 2)),
        (4, (2, 2, 2)),
    ]
    assert steps[-1] == Candidate("conv", 4, (1, 1, 1))


def test_every_candidate_is_scored_once() -> None:
    judge = Judge()
    result = search(judge)
    assert len(judge.asked) == len(set(judge.asked)) == len(result.frame) <= 12
    assert [one.name for one in judge.asked] == result.frame["name"].tolist()


def test_the_front_is_what_no_other_candidate_beats(found: Any) -> None:
    frame = found.frame
    beaten = [
        ((frame["accuracy"] >= one.accuracy) & (frame["macs"] <= one.macs)).sum() > 1
        for one in frame.itertuples()
    ]
    assert set(found.front.index) == set(frame.index[~np.array(beaten)])
    assert found.front["macs"].is_monotonic_increasing
    assert found.front["accuracy"].is_monotonic_increasing
    one = found.front.iloc[0]
    assert found.dominates(one["accuracy"], one["macs"]).empty
    assert one["name"] in found.dominates(one["accuracy"], one["macs"] + 1)["name"].tolist()


def test_the_network_of_a_row_has_its_macs_and_parameters(found: Any) -> None:
    for row in (0, found.front.iloc[-1]):
        model = found.build(row, seed=1)
        counted, told = profile(model), found.frame.loc[row] if isinstance(row, int) else row
        assert (counted.macs, counted.parameters) == (told["macs"], told["parameters"])
        assert model.input_shape == (None, 8, 8, 1)
        assert model.output_shape == (None, 4)
    with pytest.raises(ArgumentError, match="row must be from 0"):
        found.build(99)


def test_candidates_beyond_the_budget_are_narrowed_before_they_are_scored(found: Any) -> None:
    budget = int(found.frame["macs"].median())
    judge = Judge()
    result = search(judge, macs_budget=budget)
    assert len(judge.asked) == len(result.frame) > 2
    assert (result.frame["macs"] <= budget).all()
    assert (found.frame["macs"] > budget).any()  # which the same genes without a budget exceed


def test_a_block_that_never_keeps_to_the_budget_is_not_scored() -> None:
    cheap = profile(Candidate("separable", 4, (1, 1, 1)).build((8, 8, 1), 4, seed=0)).macs
    judge = Judge()
    search(judge, macs_budget=cheap)
    assert judge.asked == [Candidate("separable", 4, (1, 1, 1))]


def test_a_budget_that_nothing_keeps_to_is_told_with_the_least_there_is() -> None:
    with pytest.raises(ArgumentError, match=r"macs_budget must be \d+ or more.*'separable'"):
        search(macs_budget=100)


def test_a_killed_search_goes_on_to_the_same_result(found: Any, tmp_path: Path) -> None:
    file = tmp_path / "scores.json"
    with pytest.raises(RuntimeError, match="killed"):
        search(Judge(stop_after=5), checkpoint=file)
    assert len(json.loads(file.read_text())["candidates"]) == 5
    rest = Judge()
    # The seed is in the file as well.
    result = search(rest, checkpoint=file, seed=None)
    assert len(rest.asked) == len(found.frame) - 5
    assert result.frame.equals(found.frame)
    assert result.seed == 3
    for ours, theirs in zip(result.history.fronts, found.history.fronts, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    again = Judge()
    assert search(again, checkpoint=file).frame.equals(found.frame)
    assert again.asked == []


def test_a_checkpoint_of_another_search_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "scores.json"
    search(generations=1, checkpoint=file)
    before = file.read_bytes()
    with pytest.raises(ArgumentError, match="with seed = 3, where this search has 4"):
        search(checkpoint=file, seed=4)
    with pytest.raises(ArgumentError, match="with data = "):
        search_architecture(IMAGES + 1, LABELS, score=Judge(), checkpoint=file, **QUIET)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "content", ["no JSON", "[]", '{"format": 2}', '{"format": 1, "search": {}, "candidates": [{}]}']
)
def test_a_file_that_is_no_checkpoint_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "scores.json"
    file.write_text(content)
    with pytest.raises(ArgumentError, match=r"be a file of an architecture search.*scores\.json"):
        search(checkpoint=file)
    assert file.read_text() == content


def test_a_candidate_of_a_file_is_checked_as_any_other(tmp_path: Path) -> None:
    file = tmp_path / "scores.json"
    search(generations=1, checkpoint=file)
    file.write_text(file.read_text().replace('"block": "conv"', '"block": "none"'))
    with pytest.raises(ArgumentError, match="Unknown searched block 'none'"):
        search(checkpoint=file)


def test_the_figure_names_the_front_and_nothing_else(found: Any) -> None:
    ax = found.plot()
    texts = {text.get_text() for text in ax.texts} - {""}
    assert texts == set(found.front["name"])
    plt.close(ax.figure)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"population": 5}, "population"),
        ({"epochs_per_candidate": 0}, "epochs_per_candidate"),
        ({"validation": 1.0}, "validation"),
        ({"macs_budget": 0}, "macs_budget"),
        ({"checkpoint": "nowhere/at/all.json"}, "checkpoint must lie in a folder"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        search(**settings)


def test_a_score_that_is_no_accuracy_is_told() -> None:
    with pytest.raises(ArgumentError, match=r"score must be a real number in \[0, 1\]"):
        search(lambda model, candidate: 98.5)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES[..., 0], LABELS, r"images\[\.\.\., None\]"),
        (IMAGES, LABELS[:5], "20 class numbers"),
        (IMAGES, LABELS / 2, "class numbers"),
        (IMAGES, LABELS * 0, "two classes or more"),
    ],
)
def test_data_of_another_form_are_told(images: Any, labels: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        search_architecture(images, labels, score=Judge(), **QUIET)


def test_a_space_without_options_or_with_unknown_ones_is_refused() -> None:
    with pytest.raises(ArgumentError, match="widths must be options"):
        SearchSpace(widths=())
    with pytest.raises(ArgumentError, match="widths must be ascending"):
        SearchSpace(widths=(8, 4))
    with pytest.raises(ArgumentError, match="multiple of 4"):
        SearchSpace(widths=(4, 6))
    with pytest.raises(UnknownNameError, match="Did you mean 'separable'"):
        SearchSpace(("separabel",))


def test_by_itself_it_trains_candidates_and_measures_them_on_held_out_images() -> None:
    digits = load_dataset("digits")
    images = (digits.X[:240].reshape(-1, 8, 8, 1) / 8 - 1).astype("float32")
    labels = digits.y[:240, 0].astype(int)
    space = SearchSpace(("conv",), (8,), (1,), (0, 4))
    result = search_architecture(
        images,
        labels,
        population=4,
        generations=1,
        epochs_per_candidate=20,
        space=space,
        **QUIET,
    )
    assert len(result.frame) == 2
    # A quarter of 240 is held out: accuracies are whole 60ths.
    np.testing.assert_allclose(result.frame["accuracy"] * 60 % 1, 0, atol=1e-9)
    assert result.frame["accuracy"].max() > 0.5  # 0.1 is guessing
