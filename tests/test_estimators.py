"""The estimators: scikit-learn's contract holds, and what they do is scale, train and unscale."""

import io
import json
import os
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError, SkipTestWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from workbench import BPClassifier, BPRegressor, estimators, feedforward, load_dataset, train
from workbench.data import MapMinMax
from workbench.errors import ArgumentError, DataFileError, UnknownNameError
from workbench.estimators import rows
from workbench.network import predict as prediction

DATA = load_dataset("quadratic")
X, Y = DATA.X[:120], DATA.y[:120, 0]
# Three rings around the origin, by name.
RINGS = np.array(["inner", "middle", "outer"])[np.digitize(np.hypot(*X.T), [2.5, 4.5])]
REGRESSOR: dict[str, Any] = {"hidden": (4,), "epochs": 15, "random_state": 0}
CLASSIFIER: dict[str, Any] = {"hidden": (4,), "epochs": 40, "random_state": 0}

KERAS_READS_ARRAYS = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)


@pytest.fixture(scope="module")
def regressor() -> BPRegressor:
    return BPRegressor(**REGRESSOR).fit(X, Y)


@pytest.fixture(scope="module")
def classifier() -> BPClassifier:
    return BPClassifier(**CLASSIFIER).fit(X, RINGS)


# What scikit-learn asks of every estimator ----------------------------------------------------

CHECKED = [
    (estimator, check)
    for made in (BPRegressor(hidden=(3,), epochs=50), BPClassifier(hidden=(3,), epochs=50))
    for estimator, check in estimator_checks_generator(made)
]


def named(part: object) -> str:
    return str(getattr(getattr(part, "func", None), "__name__", type(part).__name__))


@pytest.mark.parametrize(("estimator", "check"), CHECKED, ids=named)
def test_scikit_learns_checks_pass(estimator: Any, check: Callable[[Any], None]) -> None:
    with warnings.catch_warnings():
        # Some checks provoke warnings, and look at them themselves.
        warnings.simplefilter("ignore", DataConversionWarning)
        warnings.simplefilter("ignore", SkipTestWarning)
        state = np.random.get_state()  # noqa: NPY002
        check(estimator)
    if named(check) == "check_methods_sample_order_invariance":
        np.random.set_state(state)  # noqa: NPY002  this check itself draws from it


# What they compute -----------------------------------------------------------------------------


def test_a_regressor_is_scale_feedforward_train_unscale() -> None:
    hidden, seed = (5,), 7
    made = BPRegressor(hidden, epochs=20, random_state=seed).fit(X, Y)
    scale_x, scale_y = MapMinMax().fit(X), MapMinMax().fit(Y[:, None])
    model = feedforward([2, *hidden, 1], seed=seed)
    record = train(
        model, scale_x.transform(X), scale_y.transform(Y[:, None]), epochs=20, progress=False
    )
    np.testing.assert_array_equal(made.loss_curve_, record.perf)
    np.testing.assert_array_equal(made.record_.weights, record.weights)
    outputs = prediction.predict(model, scale_x.transform(X))
    np.testing.assert_array_equal(made.predict(X), scale_y.inverse_transform(outputs)[:, 0])
    np.testing.assert_allclose(
        made.predict(X),
        scale_y.inverse_transform(model(scale_x.transform(X)).numpy())[:, 0],
        rtol=1e-12,
    )


def test_a_classifier_is_scale_feedforward_train() -> None:
    made = BPClassifier((5,), epochs=20, random_state=7).fit(X, RINGS)
    inputs = MapMinMax().fit_transform(X)
    model = feedforward([2, 5, 3], ["tansig", "softmax"], seed=7)
    targets = pd.get_dummies(RINGS).to_numpy(float)
    train(model, inputs, targets, "trainscg", epochs=20, loss="crossentropy", progress=False)
    np.testing.assert_array_equal(made.predict_proba(X), prediction.predict(model, inputs))


def test_a_regressor_learns_a_parabola(regressor: BPRegressor) -> None:
    assert regressor.score(X, Y) > 0.99
    assert regressor.predict(X).shape == (120,)
    assert regressor.n_iter_ == regressor.record_.num_epochs <= 15
    assert regressor.loss_curve_[-1] < regressor.loss_curve_[0]


@pytest.mark.parametrize("outputs", [1, 2])
def test_predictions_have_the_form_of_the_targets(outputs: int) -> None:
    targets = np.c_[Y, X[:, 0]][:, :outputs]
    made = BPRegressor(**REGRESSOR).fit(X, targets)
    assert made.predict(X).shape == targets.shape
    assert made.n_outputs_ == outputs
    assert made.score(X, targets) > 0.99


@pytest.mark.parametrize("labels", [RINGS, RINGS == "inner", np.digitize(Y, [5, 20]) * 10])
@pytest.mark.parametrize("more", [{}, {"train_fn": "trainlm", "loss": "mse", "epochs": 15}])
def test_a_classifier_knows_its_classes(labels: np.ndarray, more: dict[str, Any]) -> None:
    made = BPClassifier(**CLASSIFIER | more).fit(X, labels)
    np.testing.assert_array_equal(made.classes_, np.unique(labels))
    probabilities = made.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert probabilities.min() >= 0
    assert made.predict(X).dtype == labels.dtype
    np.testing.assert_array_equal(made.predict(X), made.classes_[probabilities.argmax(axis=1)])
    assert made.score(X, labels) > 0.9
    assert made.n_outputs_ == (1 if len(made.classes_) == 2 else 3)


def test_two_classes_may_have_a_neuron_each() -> None:
    made = BPClassifier((4,), random_state=0, transfer=["tansig", "softmax"])
    made.fit(X, RINGS == "inner")
    assert made.n_outputs_ == 2
    assert made.score(X, RINGS == "inner") > 0.9


def test_a_constant_column_changes_nothing_and_a_constant_target_comes_back() -> None:
    wide = np.c_[X, np.full(len(X), 1e6)]
    made = BPRegressor(**REGRESSOR).fit(wide, np.c_[Y, np.full(len(X), -3e5)])
    assert made.score(X=wide, y=np.c_[Y, np.full(len(X), -3e5)]) > 0.99
    np.testing.assert_array_equal(made.predict(wide)[:, 1], -3e5)
    moved = np.c_[X, np.full(len(X), 2e6)]
    np.testing.assert_array_equal(made.predict(moved), made.predict(wide))
    again = made.input_scaler_.transform(wide)
    np.testing.assert_array_equal(again[:, 2], 0)
    assert made.target_scaler_.inverse_transform(np.ones((1, 2)))[0].tolist() == [Y.max(), -3e5]


def test_weights_are_as_good_as_repetitions_to_the_last_bit() -> None:
    counts = np.random.default_rng(1).integers(0, 4, len(X))
    order = np.random.default_rng(2).permutation(len(X))
    for made, target in ((BPRegressor(**REGRESSOR), Y), (BPClassifier(**CLASSIFIER), RINGS)):
        weighted = clone(made).fit(X[order], target[order], sample_weight=counts[order])
        repeated = clone(made).fit(X.repeat(counts, axis=0), target.repeat(counts))
        np.testing.assert_array_equal(weighted.record_.weights, repeated.record_.weights)


def test_different_rows_of_equal_weight_are_not_reordered() -> None:
    for weight in (np.ones(120), np.full(120, 2.5)):
        same = rows.merged(X, Y[:, None], weight)
        assert same[0] is X
    doubled = rows.merged(np.r_[X, X[:3]], np.r_[Y, Y[:3]][:, None], np.ones(123))
    assert len(doubled[0]) == 120
    assert doubled[2].sum() == 123
    negative = rows.merged(np.array([[0.0], [-0.0]]), np.zeros((2, 1)), np.ones(2))
    assert negative[2].tolist() == [2]


def test_class_weights_shift_the_balance() -> None:
    noisy = np.where(np.random.default_rng(3).random(120) < 0.15, 1, 0)
    plain = BPClassifier(**CLASSIFIER).fit(X, noisy).predict_proba(X)[:, 1].mean()
    balanced = BPClassifier(**CLASSIFIER, class_weight="balanced").fit(X, noisy)
    assert balanced.predict_proba(X)[:, 1].mean() > plain + 0.1
    factor = 120 / 2 / np.bincount(noisy)
    by_hand = BPClassifier(**CLASSIFIER, class_weight=dict(enumerate(factor))).fit(X, noisy)
    np.testing.assert_array_equal(by_hand.predict_proba(X), balanced.predict_proba(X))
    as_samples = BPClassifier(**CLASSIFIER).fit(X, noisy, sample_weight=factor[noisy])
    np.testing.assert_array_equal(as_samples.predict_proba(X), balanced.predict_proba(X))


def test_early_stopping_holds_out_the_same_share_of_each_class() -> None:
    made = BPClassifier(**CLASSIFIER, early_stopping=True, validation_fraction=0.25, max_fail=3)
    made.fit(X, RINGS)
    record = made.record_
    assert record.train_rows is not None
    assert record.val_rows is not None
    assert sorted([*record.train_rows, *record.val_rows]) == list(range(120))
    everywhere = pd.Series(RINGS).value_counts(normalize=True)
    held = pd.Series(RINGS[record.val_rows]).value_counts(normalize=True)
    assert (everywhere - held).abs().max() < 0.02
    assert np.isfinite(record.vperf).all()
    assert record.val_fail.max() <= 3
    # Rows held out do not shape the scale.
    np.testing.assert_array_equal(made.input_scaler_.data_max_, X[record.train_rows].max(axis=0))


def test_restarts_keep_the_best() -> None:
    one = BPRegressor(**REGRESSOR).fit(X, Y)
    best = BPRegressor(**REGRESSOR, restarts=4).fit(X, Y)
    assert len(best.record_.members) == 4
    assert best.record_.best_perf <= one.record_.best_perf


# Randomness and starts -------------------------------------------------------------------------


@pytest.mark.parametrize("init", ["nguyen-widrow", "uniform", "ga"])
def test_an_integer_gives_the_same_fit_each_time(init: str, untouched_generators: None) -> None:
    options = {"generations": 3} if init == "ga" else None
    made = BPRegressor(**REGRESSOR | {"epochs": 3}, init=init, init_options=options)
    first, second = (clone(made).fit(X, Y).record_.weights for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other = clone(made).set_params(random_state=1).fit(X, Y).record_.weights
    assert (first != other).any()


@pytest.mark.parametrize("kind", [np.random.RandomState, np.random.default_rng])
def test_a_generator_is_drawn_from(kind: Callable[[int], Any], untouched_generators: None) -> None:
    settings: dict[str, Any] = {"hidden": (4,), "epochs": 3}
    twice = [BPRegressor(**settings, random_state=kind(5)).fit(X, Y) for _ in range(2)]
    np.testing.assert_array_equal(twice[0].record_.weights, twice[1].record_.weights)
    again = twice[1].record_.weights
    assert (twice[1].fit(X, Y).record_.weights != again).any()
    entropy = [BPRegressor(**settings).fit(X, Y).record_.weights for _ in range(2)]
    assert (entropy[0] != entropy[1]).any()


def test_a_search_may_find_the_initial_weights() -> None:
    settings = {**REGRESSOR, "epochs": 0}
    few = BPRegressor(**settings, init="ga", init_options={"generations": 3}).fit(X, Y)
    many = BPRegressor(**settings, init="ga", init_options={"generations": 30}).fit(X, Y)
    assert many.record_.perf[0] < few.record_.perf[0]
    budget = {"evaluations": 60}
    made = BPRegressor(**settings, init="multistart", init_options=budget).fit(X, Y)
    assert np.isfinite(made.record_.perf[0])


# With the rest of scikit-learn -----------------------------------------------------------------


def test_a_grid_search_finds_that_one_neuron_is_too_few() -> None:
    grid = {"bpregressor__hidden": [(1,), (6,)], "bpregressor__train_fn": ["trainlm"]}
    pipeline = make_pipeline(StandardScaler(), BPRegressor(**REGRESSOR))
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, Y)
    assert search.best_params_["bpregressor__hidden"] == (6,)
    assert search.score(X, Y) > 0.99


@pytest.mark.slow
def test_cross_validation_in_processes_gives_the_same_scores() -> None:
    made = BPClassifier(**CLASSIFIER)
    alone = cross_val_score(made, X, RINGS, cv=2)
    np.testing.assert_array_equal(cross_val_score(made, X, RINGS, cv=2, n_jobs=2), alone)


def test_names_of_columns_are_kept_and_asked_for() -> None:
    frame = pd.DataFrame(X, columns=["first", "second"])
    made = BPRegressor(**REGRESSOR).fit(frame, pd.Series(Y))
    assert made.feature_names_in_.tolist() == ["first", "second"]
    with pytest.raises(ArgumentError, match="feature names should match"):
        made.predict(frame[["second", "first"]])


class Reading(pickle.Unpickler):
    """Notes which packages the objects in a pickle are of."""

    def __init__(self, file: io.BytesIO):
        super().__init__(file)
        self.packages: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        self.packages.add(module.partition(".")[0])
        return super().find_class(module, name)


@pytest.mark.parametrize("kind", ["regressor", "classifier"])
def test_a_pickled_estimator_predicts_the_same_bits(
    kind: str, request: pytest.FixtureRequest
) -> None:
    made = request.getfixturevalue(kind)
    reading = Reading(io.BytesIO(pickle.dumps(made)))
    back = reading.load()
    assert not reading.packages & {"keras", "tensorflow"}
    np.testing.assert_array_equal(back.predict(X), made.predict(X))
    np.testing.assert_array_equal(back.loss_curve_, made.loss_curve_)
    assert back.get_params() == made.get_params()


def test_an_unfitted_estimator_travels_too() -> None:
    back = pickle.loads(pickle.dumps(BPRegressor(hidden=3)))  # noqa: S301  our own bytes
    assert back.hidden == 3
    with pytest.raises(NotFittedError):
        back.predict(X)


# Files -----------------------------------------------------------------------------------------


@KERAS_READS_ARRAYS
@pytest.mark.parametrize("labels", [RINGS, RINGS == "inner", np.digitize(Y, [5, 20]) * 10])
def test_a_saved_classifier_predicts_the_same_bits(labels: np.ndarray, tmp_path: Path) -> None:
    weights = {labels[0]: 2.0}
    made = BPClassifier(**CLASSIFIER, class_weight=weights, transfer="radbas").fit(X, labels)
    back = estimators.load(made.save(tmp_path / "new" / "one"))
    assert isinstance(back, BPClassifier)
    np.testing.assert_array_equal(back.predict_proba(X), made.predict_proba(X))
    np.testing.assert_array_equal(back.predict(X), made.predict(X))
    assert back.classes_.dtype == made.classes_.dtype
    assert back.get_params() == made.get_params()


@KERAS_READS_ARRAYS
def test_a_saved_regressor_is_whole(tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=["first", "second"])
    options = {"mu": np.float64(0.01), "time": np.inf}
    made = BPRegressor(**REGRESSOR, train_options=options).fit(frame, np.c_[Y, Y])
    made.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["estimator.json", "model.keras"]
    back = BPRegressor.load(tmp_path)
    np.testing.assert_array_equal(back.predict(frame), made.predict(frame))
    assert back.get_params() == made.get_params()
    assert back.feature_names_in_.tolist() == ["first", "second"]
    assert back.n_features_in_ == back.n_outputs_ == 2
    pd.testing.assert_frame_equal(back.record_.frame, made.record_.frame, check_exact=True)
    assert back.record_.stop == made.record_.stop
    np.testing.assert_array_equal(back.fit(frame, np.c_[Y, Y]).predict(frame), made.predict(frame))


@KERAS_READS_ARRAYS
def test_a_write_that_fails_leaves_the_old_files(
    regressor: BPRegressor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    regressor.save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    written = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if "estimator.json" in path.name:
            raise OSError(28, "No space left on device")
        return written(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        BPRegressor(**REGRESSOR | {"hidden": 3}).fit(X, Y).save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@KERAS_READS_ARRAYS
def test_missing_and_damaged_files_are_told(regressor: BPRegressor, tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"estimator\.json cannot be read"):
        estimators.load(tmp_path / "nowhere")
    regressor.save(tmp_path)
    model, rest = tmp_path / "model.keras", tmp_path / "estimator.json"
    with pytest.raises(DataFileError, match="holds a BPRegressor, not a BPClassifier"):
        BPClassifier.load(tmp_path)
    good = model.read_bytes(), rest.read_text()
    model.write_bytes(good[0][:-20])
    with pytest.raises(DataFileError, match="SHA-256"):
        estimators.load(tmp_path)
    model.write_bytes(good[0])
    described = json.loads(good[1])
    for part in ("format", "estimator", "parameters", "fitted", "model_sha256"):
        rest.write_text(json.dumps({k: v for k, v in described.items() if k != part}))
        with pytest.raises(DataFileError, match="damaged"):
            estimators.load(tmp_path)
    for text in (good[1][:100], "[]", json.dumps(described | {"fitted": {"n_outputs_": 1}})):
        rest.write_text(text)
        with pytest.raises(DataFileError, match="damaged"):
            estimators.load(tmp_path)
    rest.write_text(json.dumps(described | {"format": 99}))
    with pytest.raises(DataFileError, match="format 99"):
        estimators.load(tmp_path)
    os.remove(model)
    with pytest.raises(DataFileError, match=r"model\.keras cannot be read"):
        estimators.load(tmp_path)


@KERAS_READS_ARRAYS
def test_a_generator_cannot_be_saved_and_the_remedy_works(tmp_path: Path) -> None:
    made = BPRegressor((3,), epochs=2, random_state=np.random.RandomState(0)).fit(X, Y)
    with pytest.raises(ArgumentError, match=r"random_state must .* set_params"):
        made.save(tmp_path)
    assert not list(tmp_path.iterdir())
    back = estimators.load(made.set_params(random_state=None).save(tmp_path))
    np.testing.assert_array_equal(back.predict(X), made.predict(X))
    with pytest.raises(NotFittedError):
        BPRegressor().save(tmp_path)


# Wrong arguments -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"hidden": (5, 0)}, ArgumentError, r"hidden\[1\] must be a positive integer"),
        ({"hidden": (2.5,)}, ArgumentError, r"hidden\[0\] must be a positive integer"),
        ({"hidden": 0}, ArgumentError, "hidden must be a positive integer"),
        ({"hidden": "10"}, ArgumentError, "hidden must be a sequence of positive integers"),
        ({"hidden": True}, ArgumentError, "hidden must be a positive integer"),
        ({"train_fn": "trianlm"}, UnknownNameError, "Did you mean 'trainlm'"),
        ({"init": "nguyen-widow"}, UnknownNameError, "Did you mean 'nguyen-widrow'"),
        ({"transfer": "tansg"}, UnknownNameError, "Did you mean 'tansig'"),
        ({"transfer": ["tansig"]}, ArgumentError, "transfer must name one"),
        ({"transfer": 3}, ArgumentError, "transfer must be a name"),
        ({"loss": "msee"}, UnknownNameError, "Did you mean 'mse'"),
        ({"loss": "crossentropy", "train_fn": "trainscg"}, ArgumentError, "loss must be one"),
        ({"random_state": -1}, ArgumentError, "random_state must be a non-negative integer"),
        ({"random_state": "seed"}, ArgumentError, "random_state"),
        ({"epochs": -1}, ArgumentError, "epochs"),
        ({"restarts": 0}, ArgumentError, "restarts"),
        ({"regularization": 1}, ArgumentError, "regularization"),
        ({"train_options": {"mue": 1}}, UnknownNameError, "Did you mean 'mu'"),
        ({"train_options": {"epochs": 1}}, ArgumentError, "train_options must hold only"),
        ({"init_options": {"population": 5}}, ArgumentError, "does not search"),
        ({"init": "multistart"}, ArgumentError, "evaluations must be given .* 'ga' spent"),
        ({"early_stopping": True, "validation_fraction": 0}, ArgumentError, "validation_fraction"),
        ({"early_stopping": True, "validation_fraction": 1.0}, ArgumentError, "either side"),
    ],
)
def test_a_wrong_parameter_is_told_by_fit(
    parameters: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        BPRegressor(**{"epochs": 2, **parameters}).fit(X, Y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"transfer": ["tansig", "purelin"]}, "transfer must end with softmax"),
        ({"transfer": ["tansig", "logsig"]}, "transfer must end with softmax"),
        ({"class_weight": "even"}, "class_weight must be None"),
        ({"class_weight": {"huge": 1}}, "class_weight must be None"),
        ({"class_weight": {"outer": 0}}, r"class_weight\['outer'\]"),
        ({"train_fn": "trainlm"}, 'loss must be "mse" or "sse" for trainlm'),
    ],
)
def test_a_wrong_parameter_of_a_classifier_is_told(
    parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        BPClassifier(**{"epochs": 2, **parameters}).fit(X, RINGS)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_told(value: float, regressor: BPRegressor) -> None:
    bad = X.copy()
    bad[3, 1] = value
    for call in (lambda: regressor.predict(bad), lambda: clone(regressor).fit(bad, Y)):
        with pytest.raises(ArgumentError, match=r"X must be finite.*index \(3, 1\)"):
            call()
    with pytest.raises(ArgumentError, match="Input y contains"):
        clone(regressor).fit(X, np.where(np.arange(120) == 3, value, Y))


def test_wrong_data_are_told(classifier: BPClassifier) -> None:
    fresh = clone(classifier)
    with pytest.raises(ArgumentError, match=r"two classes or more.*one class, 'a'"):
        fresh.fit(X, np.full(120, "a"))
    with pytest.raises(ArgumentError, match="Unknown label type"):
        fresh.fit(X, Y)
    with pytest.raises(ArgumentError, match="inconsistent numbers of samples"):
        fresh.fit(X, RINGS[:-1])
    with pytest.raises(ArgumentError, match="expecting 2 features"):
        classifier.predict(X[:, :1])
    for weight in (np.ones(119), -np.ones(120), np.zeros(120), np.ones((120, 2))):
        with pytest.raises(ArgumentError, match="sample_weight must have shape"):
            fresh.fit(X, RINGS, sample_weight=weight)
    lonely = np.r_[RINGS[:-1], ["new"]]
    with pytest.raises(ArgumentError, match="validation_fraction must leave"):
        clone(fresh).set_params(early_stopping=True).fit(X, lonely)


# Prediction ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 15, 16, 17, 1000])
def test_any_number_of_rows_gives_what_keras_gives(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction, "_MOST", 64)  # many pieces
    model = feedforward([2, 6, 3], ["tansig", "softmax"], seed=1)
    inputs = np.random.default_rng(4).uniform(-1, 1, (count, 2))
    outputs = prediction.predict(model, inputs)
    np.testing.assert_allclose(outputs, model(inputs).numpy(), rtol=1e-12)


def test_predictions_follow_the_weights_of_the_network() -> None:
    model = feedforward([2, 3, 1], seed=1)
    predictor = prediction.Predictor(model)
    before = predictor(X)
    model.set_weights([2 * weight for weight in model.get_weights()])
    assert (predictor(X) != before).all()
    np.testing.assert_allclose(predictor(X), model(X).numpy(), rtol=1e-12)
    with pytest.raises(ArgumentError, match="model's input"):
        predictor(X[:, :1])


def test_an_evolved_start_has_learned_before_the_training_begins() -> None:
    search = {"population": 4, "generations": 2, "train_epochs": 4}
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (80, 2))
    y = (X**2).sum(axis=1)
    settings = {"hidden": (4,), "epochs": 3, "random_state": 0}
    evolved = BPRegressor(**settings, init="evolved", init_options=search).fit(X, y)
    plain = BPRegressor(**settings).fit(X, y)
    assert evolved.loss_curve_[0] < plain.loss_curve_[-1]
    again = BPRegressor(**settings, init="evolved", init_options=search).fit(X, y)
    np.testing.assert_array_equal(again.predict(X), evolved.predict(X))
