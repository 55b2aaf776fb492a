"""Training classifiers: against steps written out, against itself, and to an end that is right."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from pupils import images, network, vector

from workbench import build_cnn, load_model
from workbench.classification import (
    ClassifierRecord,
    accuracy,
    predict_classes,
    predict_proba,
    train_classifier,
)
from workbench.classification.record import COLUMNS, STOP_MESSAGES
from workbench.classification.trainer import LeakageWarning
from workbench.errors import ArgumentError

QUIET: dict[str, Any] = {"progress": False, "seed": 1}
FEW: dict[str, Any] = {"epochs": 1, **QUIET}
PLAIN: dict[str, Any] = {
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "schedule": "constant",
    "warmup": 0.0,
    **QUIET,
}


def numbers(count: int = 48) -> tuple[Any, Any]:
    X, y = images(count)
    return (X / 255).astype(np.float32), y


def by_hand(model: keras.Model, batches: Any, rate: float = 0.1, momentum: float = 0.9) -> None:
    """Take the steps of Nesterov's momentum, with gradients from TensorFlow's tape."""
    speeds = [np.zeros(w.shape, np.float32) for w in model.trainable_weights]
    for X, y in batches:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(
                keras.losses.sparse_categorical_crossentropy(y, model(X, training=True))
            )
        slopes = tape.gradient(loss, [w.value for w in model.trainable_weights])
        for i, (weight, slope) in enumerate(zip(model.trainable_weights, slopes, strict=True)):
            speeds[i] = momentum * speeds[i] - rate * slope.numpy()
            weight.assign(weight.numpy() + momentum * speeds[i] - rate * slope.numpy())


def test_full_batches_give_the_steps_of_the_textbook() -> None:
    X, y = numbers()
    ours, theirs = network(), network()
    train_classifier(ours, X, y, epochs=3, batch_size=len(X), **PLAIN)
    by_hand(theirs, [(X, y)] * 3)
    np.testing.assert_allclose(vector(ours), vector(theirs), rtol=1e-4, atol=1e-6)


def test_accumulated_steps_equal_one_of_the_whole_batch() -> None:
    X, y = numbers()
    whole, parts = network(), network()
    train_classifier(whole, X, y, epochs=4, batch_size=48, **PLAIN)
    train_classifier(parts, X, y, epochs=4, batch_size=12, accumulate=4, **PLAIN)
    np.testing.assert_allclose(vector(parts), vector(whole), rtol=1e-3, atol=1e-5)


def test_a_running_average_is_the_average_of_all_steps() -> None:
    X, y = numbers()
    model, shadow = network(), network()
    average = vector(shadow).astype(np.float64)
    own = vector(shadow)
    train_classifier(model, X, y, epochs=5, batch_size=48, average=0.6, **PLAIN)
    for step in range(5):
        keep = min(0.6, (2 + step) / (11 + step))
        replay = network()
        by_hand(replay, [(X, y)] * (step + 1))
        own = vector(replay)
        average += (own - average) * (1 - keep)
    np.testing.assert_allclose(vector(model), average, rtol=1e-4, atol=1e-6)
    assert not np.allclose(vector(model), own, atol=1e-4)


def test_an_epoch_sees_every_image_that_fills_a_batch_once() -> None:
    from workbench.classification.native import shuffled_rows

    rows = np.array([batch.numpy() for batch in shuffled_rows(50, 8, 0, 3, seed=4)])
    assert rows.shape == (18, 8)
    epochs = rows.reshape(3, 48)
    assert all(len(set(epoch.tolist())) == 48 for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    later = np.array([batch.numpy() for batch in shuffled_rows(50, 8, 2, 3, seed=4)])
    np.testing.assert_array_equal(later, rows[12:])


def test_bars_are_learned_and_the_record_says_so() -> None:
    X, y = images()
    model = network()
    record = train_classifier(
        model, X, y, validation=0.25, epochs=12, batch_size=16, learning_rate=0.01, **QUIET
    )
    assert isinstance(record, ClassifierRecord)
    assert record.best_val_accuracy == 1.0
    assert record.stop == "epochs"
    assert record.message == STOP_MESSAGES["epochs"]
    assert record.epochs == 12
    assert list(record.frame.columns) == list(COLUMNS[1:])
    assert record.train_rows is not None
    assert record.val_rows is not None
    assert not set(record.train_rows) & set(record.val_rows)
    assert len(record.train_rows) + len(record.val_rows) == len(X)
    best = record.frame.loc[record.best_epoch]
    held = X[record.val_rows], y[record.val_rows]
    found = accuracy(model, *held, preprocessing=record.preprocessing)
    assert found == best["val_accuracy"]


def test_the_weights_in_the_end_are_those_of_the_best_epoch() -> None:
    X, y = numbers(60)
    held = images(30, seed=5)
    held = ((held[0] / 255).astype(np.float32), held[1])
    model = network()
    record = train_classifier(model, X, y, validation=held, epochs=8, monitor="val_loss", **PLAIN)
    assert record.best_val_loss == record.frame["val_loss"].min()
    found = predict_proba(model, held[0])
    loss = -np.log(found[np.arange(30), held[1]]).mean()
    assert loss == pytest.approx(record.best_val_loss, rel=1e-5)


# Keras, saving.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_bytes_are_normalised_by_the_training_images_and_the_network_keeps_how(
    tmp_path: Path,
) -> None:
    X, y = images(60, channels=3)
    model = build_cnn("tiny_squeezenet", (8, 8, 3), 3, seed=0)
    record = train_classifier(model, X, y, validation=0.2, epochs=1, **QUIET)
    seen = X[record.train_rows] / 255
    assert record.preprocessing is not None
    assert record.preprocessing == model.preprocessing
    np.testing.assert_allclose(record.preprocessing.mean, seen.mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(record.preprocessing.std, seen.std(axis=(0, 1, 2)), rtol=1e-12)
    model.save(tmp_path / "bars.keras")
    again = load_model(tmp_path / "bars.keras")
    np.testing.assert_array_equal(predict_classes(again, X), predict_classes(model, X))
    later = train_classifier(model, X[:30], y[:30], epochs=1, **QUIET)
    assert later.preprocessing == record.preprocessing


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_logits_and_probabilities_learn_the_same(activation: str | None) -> None:
    X, y = numbers()
    ours, theirs = network(activation=activation), network()
    train_classifier(ours, X, y, epochs=2, batch_size=48, **PLAIN)
    by_hand(theirs, [(X, y)] * 2)
    np.testing.assert_allclose(vector(ours), vector(theirs), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(predict_proba(ours, X).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_one_output_is_the_second_of_two_classes(activation: str | None) -> None:
    X, y = images(64, classes=2)
    model = network(outputs=1, activation=activation)
    record = train_classifier(
        model, X, y, validation=0.25, epochs=10, batch_size=16, learning_rate=0.01, **QUIET
    )
    assert record.best_val_accuracy == 1.0
    proba = predict_proba(model, X, preprocessing=record.preprocessing)
    assert proba.shape == (64, 2)
    assert accuracy(model, X, y, preprocessing=record.preprocessing) == 1.0


def test_rows_with_a_one_mean_the_same_as_class_numbers() -> None:
    X, y = numbers()
    one, other = network(), network()
    train_classifier(one, X, y, epochs=1, **PLAIN)
    train_classifier(other, X, np.eye(3)[y], epochs=1, **PLAIN)
    np.testing.assert_array_equal(vector(one), vector(other))


def test_balanced_classes_weigh_as_in_scikit_learn() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    from workbench.classification.arguments import class_weights_for

    y = np.repeat([0, 1, 2], [50, 10, 5]).astype(np.int32)
    found = class_weights_for("balanced", y, 3)
    np.testing.assert_allclose(found, compute_class_weight("balanced", classes=np.arange(3), y=y))


def test_class_weights_equal_images_that_come_so_often() -> None:
    X, y = numbers(30)
    often = np.concatenate([np.flatnonzero(y == 1)] * 2 + [np.flatnonzero(y != 1)])
    weighed, repeated = network(), network()
    # The mean is over images: 30 of them, and 40.
    rate = PLAIN | {"learning_rate": 0.1 * 40 / 30}
    train_classifier(weighed, X, y, epochs=1, batch_size=30, class_weight={1: 2.0}, **PLAIN)
    train_classifier(repeated, X[often], y[often], epochs=1, batch_size=40, **rate)
    np.testing.assert_allclose(vector(weighed), vector(repeated), rtol=1e-4, atol=1e-6)


def test_label_smoothing_spreads_the_label() -> None:
    from workbench.classification.recipe import loss_for

    found = np.array([[0.7, 0.2, 0.1]])
    smoothed = 0.9 * np.array([1.0, 0, 0]) + 0.1 / 3
    loss = loss_for("crossentropy", 3, logits=False, smoothing=0.1)
    value = float(loss(np.array([[1.0, 0, 0]]), found))
    assert value == pytest.approx(float(-(smoothed * np.log(found[0])).sum()), rel=1e-6)


@pytest.mark.parametrize("loss", ["crossentropy", "focal", "hinge", "mse"])
def test_every_loss_learns(loss: str) -> None:
    X, y = images()
    record = train_classifier(
        network(), X, y, loss=loss, epochs=10, batch_size=16, learning_rate=0.01, **QUIET
    )
    assert record.frame["accuracy"].iloc[-1] > 0.9


def test_patience_ends_a_training_that_gets_no_better() -> None:
    X, y = images()
    record = train_classifier(
        network(),
        X,
        y,
        validation=0.25,
        epochs=60,
        batch_size=16,
        learning_rate=0.02,
        monitor="val_accuracy",
        patience=3,
        **QUIET,
    )
    assert record.stop == "patience"
    assert record.epochs == record.best_epoch + 3 < 60


def test_a_loss_that_is_no_number_ends_the_training_and_the_best_stays() -> None:
    X, y = numbers()
    model = network(activation=None)
    record = train_classifier(
        model, X * 1e18, y, loss="mse", epochs=5, **PLAIN | {"learning_rate": 1e18}
    )
    assert record.stop == "diverged"
    assert np.isfinite(vector(model)).all()


class Break(keras.callbacks.Callback):
    """Raise an error at the end of an epoch."""

    def __init__(self, epoch: int, error: type[BaseException]):
        super().__init__()
        self.epoch, self.error = epoch, error

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.epoch:
            raise self.error


def test_ctrl_c_leaves_the_best_weights_so_far() -> None:
    X, y = images()
    model, shorter = network(), network()
    record = train_classifier(
        model, X, y, epochs=9, callbacks=[Break(1, KeyboardInterrupt)], **PLAIN
    )
    assert record.stop == "interrupted"
    assert record.epochs == 2
    train_classifier(shorter, X, y, epochs=2, **PLAIN)
    np.testing.assert_array_equal(vector(model), vector(shorter))


def test_a_callback_may_end_it() -> None:
    stop = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=10.0)
    record = train_classifier(network(), *images(), epochs=9, callbacks=[stop], **PLAIN)
    assert record.stop == "callback"
    assert record.epochs < 9


def test_a_failure_leaves_the_weights_as_they_were() -> None:
    X, y = images()
    model = network()
    before = vector(model)
    with pytest.raises(ZeroDivisionError):
        train_classifier(model, X, y, epochs=9, callbacks=[Break(1, ZeroDivisionError)], **PLAIN)
    np.testing.assert_array_equal(vector(model), before)


def test_the_log_is_the_record(tmp_path: Path) -> None:
    X, y = images()
    file = tmp_path / "log.csv"
    record = train_classifier(network(), X, y, validation=0.25, epochs=3, log=file, **QUIET)
    found = pd.read_csv(file, index_col="epoch")
    pd.testing.assert_frame_equal(found, record.frame, check_exact=True, check_index_type=False)


def test_validating_on_training_images_is_told() -> None:
    X, y = images()
    with pytest.warns(LeakageWarning, match="12 of the 30 validation images are training images"):
        train_classifier(network(), X[:60], y[:60], validation=(X[48:78], y[48:78]), **FEW)


def test_equal_images_stay_on_one_side_of_a_fraction() -> None:
    X, y = images(48)
    twice = np.concatenate([X, X])
    record = train_classifier(network(), twice, np.concatenate([y, y]), validation=0.25, **FEW)
    assert record.train_rows is not None
    assert record.val_rows is not None
    assert not set(record.train_rows % 48) & set(record.val_rows % 48)


def test_bytes_for_a_model_that_knows_no_preprocessing_are_refused() -> None:
    X, y = images(24)
    model = network()
    record = train_classifier(model, X, y, **FEW)
    with pytest.raises(ArgumentError, match=r"preprocessing=record\.preprocessing"):
        predict_classes(model, X)
    found = predict_classes(model, X, preprocessing=record.preprocessing)
    model.trainable = False  # predicts all the same
    np.testing.assert_array_equal(
        predict_classes(model, X, preprocessing=record.preprocessing), found
    )


def test_tensorboard_gets_what_the_record_has(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    X, y = images()
    record = train_classifier(
        network(), X, y, validation=0.25, epochs=3, tensorboard=tmp_path, **QUIET
    )
    for part, column in (("train", "loss"), ("validation", "val_loss")):
        events = EventAccumulator(str(tmp_path / part)).Reload().Tensors("epoch_loss")
        found = [float(make_ndarray(event.tensor_proto)) for event in events]
        np.testing.assert_allclose(found, record.frame[column], rtol=1e-6)


def test_tensorboard_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.classification.trainer.find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match=r"workbench\[tensorboard\]"):
        train_classifier(network(), *images(), tensorboard="logs", **QUIET)


def test_an_image_set_and_a_stream_train_as_arrays_do() -> None:
    X, y = images(48)

    class Set:
        images, labels = X, y

    by_set, by_arrays = network(), network()
    train_classifier(by_set, Set, epochs=2, **PLAIN)
    train_classifier(by_arrays, X, y, epochs=2, **PLAIN)
    np.testing.assert_array_equal(vector(by_set), vector(by_arrays))
    stream = tf.data.Dataset.from_tensor_slices((X, y)).batch(48)
    by_stream, whole = network(), network()
    one = train_classifier(by_stream, stream, epochs=2, validation=stream, **PLAIN)
    two = train_classifier(whole, X, y, epochs=2, batch_size=48, **PLAIN)
    assert one.preprocessing is not None
    assert two.preprocessing is not None
    np.testing.assert_allclose(one.preprocessing.mean, two.preprocessing.mean, rtol=1e-12)
    np.testing.assert_allclose(vector(by_stream), vector(whole), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_learns_and_leaves_a_float32_network(precision: str) -> None:
    X, y = images()
    model = network(norm=True)
    record = train_classifier(
        model,
        X,
        y,
        validation=0.25,
        epochs=10,
        batch_size=16,
        learning_rate=0.01,
        precision=precision,
        **QUIET,
    )
    assert record.best_val_accuracy > 0.9
    assert {w.dtype for w in model.weights} == {"float32"}
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
