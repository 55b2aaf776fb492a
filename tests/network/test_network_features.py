"""A frozen beginning is computed once, and changes no loss."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from workbench.network import features as features_of
from workbench.network import population_loss, vector_to_weights, weights_to_vector
from workbench.network.features import Rest, without_frozen
from workbench.network.objective import network_of
from workbench.network.steps import steps_of, widest

RNG = np.random.default_rng(7)
X = RNG.uniform(-1, 1, (9, 6, 6, 1)).astype("float32")
Y = np.eye(3)[RNG.integers(3, size=9)]


def conv(filters: int, seed: int, *, trained: bool = False, **options: Any) -> keras.Layer:
    start = keras.initializers.GlorotUniform(seed)
    layer = layers.Conv2D(filters, 3, padding="same", kernel_initializer=start, **options)
    layer.trainable = trained
    return layer


def dense(units: int, seed: int, **options: Any) -> keras.Layer:
    return layers.Dense(units, kernel_initializer=keras.initializers.GlorotUniform(seed), **options)


def head(x: Any) -> Any:
    return dense(3, 0, activation="softmax")(layers.GlobalAveragePooling2D()(x))


def suffix() -> keras.Model:
    image = keras.Input((6, 6, 1))
    return keras.Model(image, head(conv(4, 2, activation="relu")(conv(2, 1)(image))))


def last_block() -> keras.Model:
    image = keras.Input((6, 6, 1))
    x = layers.BatchNormalization(trainable=False)(conv(4, 1)(image))
    return keras.Model(image, head(layers.add([x, conv(4, 2, trained=True)(x)])))


def two_branches() -> keras.Model:
    """One branch is frozen, the other is not, and the image goes to both and to the end."""
    image = keras.Input((6, 6, 1))
    frozen = conv(3, 2, activation="tanh")(conv(2, 1)(image))
    trained = conv(2, 3, trained=True)(image)
    return keras.Model(image, head(layers.concatenate([frozen, trained, image])))


def nested() -> keras.Model:
    """A model in the model, of which the first half is frozen, called twice."""
    inside = keras.Input((6, 6, 1))
    part = keras.Model(inside, conv(1, 2, trained=True)(conv(2, 1, activation="relu")(inside)))
    image = keras.Input((6, 6, 1))
    return keras.Model(image, head(layers.concatenate([part(image), part(-image)])))


def nested_sequence() -> keras.Model:
    """Keras's own way to fine-tune: a frozen backbone that is one layer, called for inference."""
    backbone = keras.Sequential(
        [keras.Input((6, 6, 1)), conv(4, 1), layers.BatchNormalization(), layers.ReLU()]
    )
    backbone.trainable = False
    image = keras.Input((6, 6, 1))
    return keras.Model(image, head(backbone(image, training=False)))


def sequence() -> keras.Model:
    return keras.Sequential(
        [keras.Input((6, 6, 1)), conv(4, 1), layers.Flatten(), dense(3, 0, activation="softmax")]
    )


SPLIT: dict[Callable[[], keras.Model], int] = {  # the widths of what is kept of a row
    suffix: 4,
    last_block: 6 * 6 * 4,
    two_branches: 6 * 6 * (3 + 1),
    nested: 6 * 6 * (2 + 2),
    nested_sequence: 4,
    sequence: 6 * 6 * 4,
}


def members(model: keras.Model, count: int = 5) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.5, (count, weights_to_vector(model).size))


def losses_of_each(model: keras.Model, population: np.ndarray) -> list[float]:
    """The squared errors, by Keras's own forward pass of every member."""
    found = []
    for member in population:
        vector_to_weights(model, member)
        found.append(float(((model(X, training=False).numpy() - Y) ** 2).mean()))
    return found


@pytest.mark.parametrize("build", SPLIT)
def test_losses_behind_a_frozen_beginning_are_those_of_the_whole_model(
    build: Callable[[], keras.Model],
) -> None:
    model = build()
    population = members(model)
    split = population_loss(model, X, Y)(population)
    whole = population_loss(model, X, Y, features=False)(population)
    np.testing.assert_allclose(split, whole, rtol=1e-6)
    np.testing.assert_allclose(split, losses_of_each(model, population), rtol=1e-5)


@pytest.mark.parametrize("build", SPLIT)
def test_what_live_layers_read_of_frozen_ones_is_kept(build: Callable[[], keras.Model]) -> None:
    model = build()
    network = network_of(model)
    rest, features = without_frozen(network, model, X)
    assert isinstance(rest, Rest)
    assert features.shape == (len(X), SPLIT[build])


def test_features_are_what_the_layers_before_put_out() -> None:
    model = suffix()
    _, found = without_frozen(network_of(model), model, X)
    cut = keras.Model(model.inputs[0], model.layers[-2].output)
    np.testing.assert_allclose(found, cut(X).numpy(), rtol=1e-5, atol=1e-7)


def test_features_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    model = last_block()
    whole = without_frozen(network_of(model), model, X)[1]
    monkeypatch.setattr(features_of, "_BLOCK", 6 * 6 * 4 * 4)  # 3 blocks of 4, the last one padded
    np.testing.assert_array_equal(without_frozen(network_of(model), model, X)[1], whole)


def trainable_at_the_start() -> keras.Model:
    """No suffix: the trained layer comes first, and all others depend on it."""
    image = keras.Input((6, 6, 1))
    model = keras.Model(image, head(conv(4, 2)(conv(2, 1, trained=True)(image))))
    model.layers[-1].trainable = False
    return model


def all_trainable() -> keras.Model:
    image = keras.Input((6, 6, 1))
    return keras.Model(image, head(layers.Rescaling(2.0)(image)))


class Own(keras.Model):
    """A model with a call of its own, which nobody can look into."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = conv(2, 1), dense(3, 0, activation="softmax")

    def call(self, image: Any) -> Any:
        return self.last(keras.ops.mean(self.first(image), axis=(1, 2)))


def masked() -> keras.Model:
    """What comes after the frozen layer needs its mask as well."""
    rows = keras.Input((6, 6))
    x = layers.Masking(0.0)(rows)
    frozen = layers.Dense(4, kernel_initializer=keras.initializers.GlorotUniform(1))
    frozen.trainable = False
    return keras.Model(
        rows, dense(3, 0, activation="softmax")(layers.GlobalAveragePooling1D()(frozen(x)))
    )


@pytest.mark.parametrize("build", [trainable_at_the_start, all_trainable])
def test_a_model_without_a_frozen_beginning_is_evaluated_whole(
    build: Callable[[], keras.Model],
) -> None:
    model = build()
    network = network_of(model)
    rest, inputs = without_frozen(network, model, X)
    assert rest is network
    assert inputs is X
    population = members(model)
    np.testing.assert_allclose(
        population_loss(model, X, Y)(population), losses_of_each(model, population), rtol=1e-5
    )


def test_a_model_whose_frozen_part_hands_a_mask_on_is_evaluated_whole() -> None:
    model = masked()
    rows = X[..., 0].copy()
    rows[:, 3:] = 0.0
    assert without_frozen(network_of(model), model, rows)[1] is rows
    population = members(model)
    found = population_loss(model, rows, Y)(population)
    for member, loss in zip(population, found, strict=True):
        vector_to_weights(model, member)
        assert loss == pytest.approx(float(((model(rows).numpy() - Y) ** 2).mean()), rel=1e-5)


def test_a_model_with_a_call_of_its_own_has_no_steps_and_is_one_step_in_another() -> None:
    own = Own()
    image = keras.Input((6, 6, 1))
    model = keras.Model(image, own(image))
    steps = steps_of(model)
    assert steps is not None
    assert [step.operation for step in steps.all] == [own]
    assert steps_of(own) is None
    assert without_frozen(network_of(model), model, X)[1] is X


def test_features_beyond_the_limit_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    model = suffix()
    monkeypatch.setattr(features_of, "LARGEST", 4 * len(X) - 1)
    assert without_frozen(network_of(model), model, X)[1] is X
    monkeypatch.setattr(features_of, "LARGEST", 4 * len(X))
    assert without_frozen(network_of(model), model, X)[1] is not X


def test_new_frozen_weights_give_new_features() -> None:
    model = suffix()
    population = members(model)
    first = population_loss(model, X, Y)(population)
    kernel, bias = model.layers[1].get_weights()
    model.layers[1].set_weights([2 * kernel, bias + 0.5])
    second = population_loss(model, X, Y)(population)
    assert (first != second).all()
    np.testing.assert_allclose(second, losses_of_each(model, population), rtol=1e-5)


def test_a_batch_is_drawn_of_the_features_as_of_the_rows() -> None:
    model = suffix()
    population = members(model)
    np.testing.assert_allclose(
        population_loss(model, X, Y, batch_size=4)(population),
        population_loss(model, X, Y, batch_size=4, features=False)(population),
        rtol=1e-6,
    )


def test_freezing_another_layer_of_the_same_shape_is_noticed() -> None:
    image = keras.Input((6, 6, 1))
    one, other = conv(1, 1, trained=True), conv(1, 2)
    x = layers.Flatten()(other(layers.Lambda(lambda x: x * 2)(one(image))))
    last = dense(3, 0)
    last.trainable = False
    model = keras.Model(image, last(x))
    population = members(model)
    for first, second in ((True, False), (False, True)):
        one.trainable, other.trainable = first, second
        start = weights_to_vector(model)
        found = population_loss(model, X, Y)(population)
        np.testing.assert_allclose(found, losses_of_each(model, population), rtol=1e-5)
        vector_to_weights(model, start)


def test_the_largest_map_is_counted_through_nested_models() -> None:
    steps = steps_of(nested())
    assert steps is not None
    assert widest(steps.all, (6, 6, 1)) == 6 * 6 * 2
    assert widest(None, (6, 6, 1)) == 64 * 36
