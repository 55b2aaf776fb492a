"""Batch norm folded into convolutions: the same outputs, and the weights by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from deployed import drawn, images, network, said
from keras import layers

from workbench.cnn import CNN, Preprocessing, build_cnn, list_cnns
from workbench.compress.fold import fold_batch_norm
from workbench.errors import ArgumentError, ModelError

# Grouped, depthwise, gated and shuffled; densenet has batch norms that must stay.
SOME = ("tiny_shufflenet_v1", "tiny_mobilenet_v3", "tiny_densenet")
OTHERS = [name for name in list_cnns() if name.startswith("tiny_") and name not in SOME]


def norms(model: keras.Model) -> list[str]:
    return [x.name for x in model.layers if isinstance(x, layers.BatchNormalization)]


def assert_same(model: keras.Model, x: np.ndarray) -> keras.Model:
    folded = fold_batch_norm(model)
    expected, came = said(model, x), said(folded, x)
    assert np.abs(came - expected).max() <= 1e-5 * np.abs(expected).max()
    return folded


def test_the_network_says_the_same_without_its_batch_norms() -> None:
    model = network()
    before = [weight.copy() for weight in model.get_weights()]
    folded = assert_same(model, images())
    assert norms(folded) == []
    assert [layer.name for layer in folded.layers if layer.name != "image"] == [
        layer.name
        for layer in model.layers
        if layer.name not in {"image", "stem.norm", "depth.norm", "mix.norm"}
    ]
    for now, then in zip(model.get_weights(), before, strict=True):
        assert np.array_equal(now, then)


@pytest.mark.parametrize(
    "name", [*SOME, *(pytest.param(each, marks=pytest.mark.slow) for each in OTHERS)]
)
def test_all_families_say_the_same(name: str) -> None:
    model = drawn(build_cnn(name, (8, 8, 1), 10, classifier_activation=None, seed=0))
    folded = assert_same(model, images(8, (8, 8, 1)))
    assert len(norms(folded)) < max(len(norms(model)), 1)
    assert (name == "tiny_densenet") == bool(norms(folded))


def test_weights_are_those_of_the_formula() -> None:
    image = keras.Input((4, 4, 1))
    x = layers.Conv2D(1, 1, use_bias=True)(image)
    model = keras.Model(image, layers.BatchNormalization(epsilon=1.0)(x))
    # Kernel 2, bias 1; gamma 6, beta 5, mean 4, variance 8: a = 6 / sqrt(8 + 1) = 2.
    model.set_weights([np.full((1, 1, 1, 1), 2.0), *map(np.atleast_1d, (1.0, 6.0, 5.0, 4.0, 8.0))])
    kernel, bias = fold_batch_norm(model).get_weights()
    assert kernel.item() == pytest.approx(4)
    assert bias.item() == pytest.approx((1 - 4) * 2 + 5)


def test_batch_norm_without_scale_and_centre_folds_too() -> None:
    image = keras.Input((6, 6, 4))
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False)(image)
    x = layers.BatchNormalization(scale=False, center=False)(x)
    model = drawn(keras.Model(image, layers.BatchNormalization()(layers.Dense(3)(x))))
    assert norms(assert_same(model, images(4, (6, 6, 4)))) == []


def test_what_others_see_is_not_folded() -> None:
    image = keras.Input((6, 6, 3))
    seen = layers.Conv2D(4, 1, name="seen")(image)
    normal = layers.BatchNormalization(name="norm")(seen)
    active = layers.Conv2D(4, 1, activation="relu", name="active")(normal)
    after = layers.BatchNormalization(name="after")(active)
    shared = layers.Conv2D(4, 1, name="shared")
    twice = layers.BatchNormalization(name="twice")(shared(shared(after)))
    model = drawn(keras.Model(image, layers.Add()([seen, twice])))
    assert norms(assert_same(model, images(4, (6, 6, 3)))) == ["norm", "after", "twice"]


def test_nested_and_sequential_models_fold_inside() -> None:
    inner = keras.Sequential(
        [keras.Input((6, 6, 3)), layers.Conv2D(4, 3), layers.BatchNormalization()], name="inner"
    )
    image = keras.Input((6, 6, 3))
    model = drawn(keras.Model(image, layers.GlobalAveragePooling2D()(inner(image))))
    folded = assert_same(model, images(4, (6, 6, 3)))
    assert norms(folded.get_layer("inner")) == []


def test_a_network_of_the_zoo_keeps_its_preprocessing() -> None:
    model = build_cnn("tiny_mobilenet_v1", (16, 16, 3), 10, seed=0)
    model.preprocessing = Preprocessing(16, None)
    folded = fold_batch_norm(model)
    assert isinstance(folded, CNN)
    assert (folded.name, folded.preprocessing) == (model.name, model.preprocessing)


def test_models_without_a_graph_are_refused() -> None:
    with pytest.raises(ModelError, match="no graph of layers"):
        fold_batch_norm(keras.Sequential([layers.Dense(2)]))
    with pytest.raises(ArgumentError, match=r"be a keras\.Model"):
        fold_batch_norm("net")
