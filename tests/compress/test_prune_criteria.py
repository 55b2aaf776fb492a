"""What channels are worth, against the definitions written out."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from zeroed import leaves, randomise

from workbench import build_cnn
from workbench.cnn.ops import SqueezeExcite
from workbench.compress import CRITERIA, channel_graph, prune_channels
from workbench.compress.criteria import Subject, score

IMAGES = np.random.default_rng(3).standard_normal((40, 6, 6, 2)).astype("float32")
LABELS = np.random.default_rng(4).integers(3, size=40)


def classifier(norm: bool, softmax: bool = True) -> Any:
    x = layers.Conv2D(6, 3, name="conv")(inputs := keras.Input((6, 6, 2)))
    if norm:
        x = layers.BatchNormalization(name="norm")(x)
    x = layers.GlobalAveragePooling2D()(layers.Activation("tanh")(x))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax" if softmax else None)(x))
    randomise(model, 1)
    return model


def scores(model: Any, criterion: Any, **given: Any) -> np.ndarray:
    """Return the scores of the channels that the layer "conv" makes."""
    graph = channel_graph(model)
    subject = Subject(graph, given.get("data"), given.get("labels"), np.random.default_rng(5))
    made = next(use.made for use in graph.uses if use.layer.name == "conv" and use.birth)
    return score(criterion, subject)[graph.units[made]]


def losses(model: Any) -> list[float]:
    """Return the mean cross-entropy of each batch of 32."""
    found = []
    for start in (0, 32):
        rows, labels = np.asarray(model(IMAGES[start : start + 32])), LABELS[start : start + 32]
        found.append(-np.log(rows[np.arange(len(labels)), labels].astype(float)).mean())
    return found


@pytest.mark.parametrize("norm", [True, False])
def test_taylor_is_the_squared_slope_of_the_loss_by_a_factor_on_the_channel(norm: bool) -> None:
    model, step = classifier(norm), 1e-2
    found = scores(model, "taylor", data=IMAGES, labels=LABELS)
    weights = leaves(model)["norm"].weights[:2] if norm else leaves(model)["conv"].weights
    expected = np.zeros(6)
    for channel in range(6):
        sides = []
        for factor in (1 + step, 1 - step):
            before = [weight.numpy() for weight in weights]
            for weight, values in zip(weights, before, strict=True):
                scaled = values.copy()
                scaled[..., channel] *= factor
                weight.assign(scaled)
            sides.append(losses(model))
            for weight, values in zip(weights, before, strict=True):
                weight.assign(values)
        slopes = [(up - down) / (2 * step) for up, down in zip(*sides, strict=True)]
        expected[channel] = np.mean(np.square(slopes))
    np.testing.assert_allclose(found, expected, rtol=2e-2, atol=1e-8)


def test_taylor_takes_logits_rows_of_labels_and_the_loss_of_a_compiled_model() -> None:
    model, logits = classifier(True), classifier(True, softmax=False)
    rows = np.eye(3)[LABELS]
    found = scores(model, "taylor", data=IMAGES, labels=LABELS)
    given = {"data": IMAGES, "labels": rows}
    np.testing.assert_allclose(scores(logits, "taylor", **given), found, rtol=1e-3)
    logits.compile(loss=keras.losses.CategoricalCrossentropy(from_logits=True))
    np.testing.assert_allclose(scores(logits, "taylor", **given), found, rtol=1e-3)


def test_bn_scale_is_the_absolute_scale_over_its_mean() -> None:
    model = classifier(True)
    leaves(model)["norm"].gamma.assign([1, -4, 0.5, 2, -0.25, 4.25])
    np.testing.assert_allclose(
        scores(model, "bn_scale"), np.array([1, 4, 0.5, 2, 0.25, 4.25]) / 2, rtol=1e-6
    )


def test_se_is_the_mean_of_what_the_gate_multiplies_by() -> None:
    x = layers.Conv2D(6, 3, name="conv")(inputs := keras.Input((6, 6, 2)))
    gate = SqueezeExcite(3, name="gate")
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(gate(x))))
    randomise(model, 2)
    weights = [gate.excitation(leaves(model)["conv"](image[None])) for image in IMAGES]
    mean = np.mean([np.asarray(each)[0] for each in weights], axis=0)
    np.testing.assert_allclose(scores(model, "se", data=IMAGES), mean / mean.mean(), rtol=1e-5)


def test_se_takes_a_product_with_one_pixel_for_a_gate_in_nested_models_too() -> None:
    x = layers.Conv2D(6, 3, name="conv")(inputs := keras.Input((6, 6, 2)))
    inner = keras.Input((4, 4, 6))
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(inner)
    weights = layers.Conv2D(6, 1, activation="sigmoid", name="weights")(pooled)
    block = keras.Model(inner, layers.Multiply()([inner, weights]), name="block")
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(block(x))))
    randomise(model, 2)
    layer, convolution = leaves(model)["block/weights"], leaves(model)["conv"]
    pixels = np.asarray(convolution(IMAGES)).mean((1, 2)) @ layer.kernel.numpy()[0, 0]
    mean = (1 / (1 + np.exp(-(pixels + layer.bias.numpy())))).mean(0)
    np.testing.assert_allclose(scores(model, "se", data=IMAGES), mean / mean.mean(), rtol=1e-5)


def test_random_is_drawn_from_the_seed() -> None:
    model = build_cnn("tiny_vgg", (8, 8, 3), 3, seed=1)

    def stem(seed: int) -> np.ndarray:
        return prune_channels(model, criterion="random", seed=seed).layers[1].kernel.numpy()

    np.testing.assert_array_equal(stem(1), stem(1))
    assert not np.array_equal(stem(1), stem(2))


def test_a_function_of_layers_is_a_criterion() -> None:
    model = classifier(False)
    pruned = prune_channels(model, criterion=lambda layer: np.arange(layer.kernel.shape[-1]))
    np.testing.assert_array_equal(
        leaves(pruned)["conv"].kernel, leaves(model)["conv"].kernel.numpy()[..., 3:]
    )


@pytest.mark.parametrize("name", sorted(CRITERIA))
@pytest.mark.parametrize("scope", ["layer", "global"])
def test_every_criterion_prunes_a_network_with_gates(name: str, scope: Any) -> None:
    model = build_cnn("tiny_se_resnet", (8, 8, 3), 3, seed=1)
    images = np.random.default_rng(1).standard_normal((8, 8, 8, 3)).astype("float32")
    labels = np.arange(8) % 3
    pruned = prune_channels(
        model, target_macs=0.4, criterion=name, scope=scope, data=images, labels=labels, seed=1
    )
    assert np.isfinite(np.asarray(pruned(images))).all()
    assert pruned.count_params() < 0.75 * model.count_params()
