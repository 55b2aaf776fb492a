"""compare_initialisers: pairs are fair, the statistics right, and interruption loses nothing."""

import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import workbench.study as study
from workbench import Comparison, compare_initialisers, load_dataset
from workbench.errors import ArgumentError, UnknownNameError
from workbench.study import CLASSICAL

DATA = load_dataset("quadratic")
X, Y = DATA.X[:200], DATA.y[:200]


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare_initialisers(X, Y, (2, 3, 1), seeds=3, epochs=10, progress=False)


def test_every_seed_runs_every_initialiser(comparison: Comparison) -> None:
    pairs = set(zip(comparison.runs["seed"], comparison.runs["initialiser"], strict=True))
    assert pairs == set(itertools.product(range(3), CLASSICAL))
    assert not comparison.interrupted


def test_a_multistart_spends_what_its_genetic_algorithm_spent(comparison: Comparison) -> None:
    spent = comparison.runs.pivot(index="seed", columns="initialiser", values="evaluations")
    assert (spent["multistart"] == spent["ga"]).all()
    assert (spent["multistart-trained"] == spent["ga-trained"]).all()
    assert (spent["ga"] <= 644).all()
    assert (spent["nguyen-widrow"] == 0).all()


def test_curves_begin_and_end_at_the_recorded_errors(comparison: Comparison) -> None:
    for name, curve in comparison.curves.items():
        rows = comparison.runs[comparison.runs["initialiser"] == name]
        assert curve.shape == (3, 11)
        np.testing.assert_array_equal(curve[:, 0], rows["start_mse"])
        ended_normally = (rows["epochs"] == 10).to_numpy()
        np.testing.assert_array_equal(curve[ended_normally, -1], rows["test_mse"][ended_normally])


def test_an_initialiser_does_the_same_whoever_it_is_compared_with(comparison: Comparison) -> None:
    alone = compare_initialisers(
        X, Y, (2, 3, 1), seeds=[2], initialisers=["multistart"], epochs=10, progress=False
    )
    before = comparison.runs.query("seed == 2 and initialiser == 'multistart'")
    assert alone.runs["test_mse"].item() == before["test_mse"].item()
    assert list(alone.curves) == ["multistart"]


def test_test_rows_do_not_shape_the_scale() -> None:
    (train_x, train_y), (test_x, _) = study._scaled_split(DATA.X, DATA.y, 0.25, seed=4)
    assert (len(train_x), len(test_x)) == (1500, 500)
    np.testing.assert_array_equal(train_x.min(axis=0), -1)
    np.testing.assert_array_equal(train_y.max(axis=0), 1)
    assert abs(test_x).max() != 1


def made_up(errors: dict[str, list[float]]) -> Comparison:
    rows = [
        {"seed": seed, "initialiser": name, "evaluations": 0, "start_mse": 1.0, "test_mse": error}
        for name, column in errors.items()
        for seed, error in enumerate(column)
    ]
    return Comparison(pd.DataFrame(rows), {name: np.ones((1, 1)) for name in errors}, "a")


def test_paired_statistics_agree_with_scipy_on_the_logarithms() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.lognormal(size=(2, 15))
    pair = made_up({"a": a.tolist(), "b": b.tolist()}).paired("b", "a")
    assert pair.ratio == pytest.approx(np.median(b / a), rel=1e-12)
    assert pair.wins == (b < a).sum()
    assert pair.p == pytest.approx(stats.wilcoxon(np.log(b), np.log(a)).pvalue)
    assert pair.low < pair.ratio < pair.high


def test_the_bootstrap_interval_covers_the_median_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(60):
        pair = study._paired(rng.normal(size=20))
        covered += pair.low < 1 < pair.high
    # Binomial(60, 0.95) is below 52 with a probability of 0.4 %.
    assert covered >= 52


def test_equal_errors_show_no_difference() -> None:
    pair = made_up({"a": [1.0, 2.0], "b": [1.0, 2.0]}).paired("b", "a")
    assert (pair.ratio, pair.wins, pair.p) == (1, 0, 1)


def test_the_verdict_follows_from_p_and_ratio() -> None:
    column = np.linspace(1, 2, 12)
    mixed = np.where(np.arange(12) % 2, column * 2, column / 2)
    errors = {"nguyen-widrow": column, "ga": column * 2, "multistart": mixed}
    made = made_up({name: list(values) for name, values in errors.items()})
    verdict = Comparison(made.runs, made.curves, "nguyen-widrow").verdict.splitlines()
    assert verdict[0].startswith("ga against nguyen-widrow: it ends higher.")
    assert verdict[1].startswith("multistart against nguyen-widrow: no difference shown.")
    assert verdict[2].startswith("ga against multistart: ")


def test_the_frame_has_a_row_for_each_initialiser(comparison: Comparison) -> None:
    frame = comparison.frame
    assert list(frame.index) == list(CLASSICAL)
    medians = comparison.runs.groupby("initialiser")["test_mse"].median()
    np.testing.assert_array_equal(frame["test_mse"], medians[frame.index])
    assert np.isnan(frame.loc["nguyen-widrow", "ratio"])
    ratio = comparison.paired("ga", "multistart").ratio
    assert comparison.against("multistart").loc["ga", "ratio"] == ratio


def test_the_same_seeds_give_the_same_bits(comparison: Comparison) -> None:
    again = compare_initialisers(X, Y, (2, 3, 1), seeds=3, epochs=10, progress=False)
    pd.testing.assert_frame_equal(again.runs, comparison.runs, check_exact=True)


def test_an_interruption_keeps_the_complete_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted_at(number: int) -> None:
        counter: Iterator[int] = itertools.count()
        original = study.train

        def train(*args, **settings):  # type: ignore[no-untyped-def]
            if next(counter) == number:
                raise KeyboardInterrupt
            return original(*args, **settings)

        monkeypatch.setattr(study, "train", train)

    arguments = {"initialisers": ["uniform", "nguyen-widrow"], "epochs": 2, "progress": False}
    interrupted_at(3)
    kept = compare_initialisers(X, Y, (2, 3, 1), seeds=5, **arguments)
    assert kept.interrupted
    assert kept.runs["seed"].tolist() == [0, 0]
    monkeypatch.undo()
    interrupted_at(1)
    with pytest.raises(KeyboardInterrupt):
        compare_initialisers(X, Y, (2, 3, 1), seeds=5, **arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"initialisers": ["nguyen"]}, UnknownNameError, "nguyen-widrow"),
        ({"initialisers": []}, ArgumentError, "non-empty"),
        ({"seeds": 0}, ArgumentError, "seeds"),
        ({"seeds": [1, 1]}, ArgumentError, "distinct"),
        ({"sizes": (2, 0, 1)}, ArgumentError, "positive integer"),
        ({"test": 1.5}, ArgumentError, "test"),
        ({"X": X[:1], "y": Y[:1]}, ArgumentError, "rows"),
        ({"X": np.full_like(X, np.inf)}, ArgumentError, "finite"),
        ({"sizes": (3, 2, 1)}, ArgumentError, "3"),
    ],
)
def test_bad_input_is_told(
    arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        compare_initialisers(**({"X": X, "y": Y, "progress": False} | arguments))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["pso", "de", "cmaes", "aco", "sa"])
def test_every_search_starts_a_network_beside_a_multistart_of_its_budget(name: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (40, 2))
    control = f"multistart-{name}"
    comparison = compare_initialisers(
        X,
        (X**2).sum(axis=1),
        (2, 3, 1),
        seeds=1,
        initialisers=("uniform", name, control),
        epochs=3,
        progress=False,
    )
    runs = comparison.runs.set_index("initialiser")
    assert runs.loc[name, "evaluations"] == runs.loc[control, "evaluations"] > 1000
    assert runs.loc[name, "start_mse"] < runs.loc["uniform", "start_mse"]
