"""Totals of whole networks against published figures and against TensorFlow's own graph."""

from math import prod

import keras
import numpy as np
import pytest
import tensorflow as tf

from workbench import build_cnn
from workbench.complexity import Profile, profile

# MACs in millions, receptive field, depth. MACs are those of the papers (569 M, 15.5 G, 300 M, and
# 3.86 G with the stride in the first 1 x 1) and of torchvision (DenseNet: 2.83 G). Fields are those
# of Google's receptive-field tool; None where none is at hand. Depths are in the names, or in the
# tables of the MobileNets' papers.
PUBLISHED = {
    "MobileNet": (568.7, 315, 28),
    "VGG16": (15470.3, 212, 16),
    "ResNet50": (3858.0, 483, 50),
    "MobileNetV2": (300.8, None, 53),
    "DenseNet121": (2834.2, None, 121),
}


def built(name: str, size: int) -> keras.Model:
    return getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3))


@pytest.fixture(scope="module", params=list(PUBLISHED))
def named(request: pytest.FixtureRequest) -> tuple[str, keras.Model, Profile]:
    model = built(request.param, 224)
    return request.param, model, profile(model)


def test_networks_of_keras_have_their_published_costs(
    named: tuple[str, keras.Model, Profile],
) -> None:
    name, _, cost = named
    macs, field, depth = PUBLISHED[name]
    assert cost.macs / 1e6 == pytest.approx(macs, rel=1e-4)
    assert field is None or cost.receptive_field == field
    assert cost.depth == depth
    assert not cost.unknown


def test_parameters_are_those_that_keras_counts(named: tuple[str, keras.Model, Profile]) -> None:
    _, model, cost = named
    assert cost.parameters + cost.non_trainable == model.count_params()
    trainable = sum(prod(weight.shape) for weight in model.trainable_weights)
    assert cost.parameters == trainable


def test_macs_are_those_of_tensorflows_graph(named: tuple[str, keras.Model, Profile]) -> None:
    _, model, cost = named
    assert cost.macs == macs_in_tensorflow(model, (224, 224, 3))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("se_resnext50", {}),
        ("mobilenet_v3_small", {}),
        ("shufflenet_v1_g3", {}),
        ("ghostnet", {"width": 0.5}),
        ("lraspp_mobilenet_v3_large", {}),
    ],
)
def test_macs_of_our_networks_are_those_of_tensorflows_graph(name: str, options: dict) -> None:
    model = build_cnn(name, (64, 96, 3), 10, seed=0, **options)
    assert profile(model).macs == macs_in_tensorflow(model, (64, 96, 3))


def macs_in_tensorflow(model: keras.Model, shape: tuple[int, ...]) -> int:
    """Count the MACs of the operations that TensorFlow is going to run."""
    run = tf.function(lambda x: model(x, training=False), autograph=False)
    graph = run.get_concrete_function(tf.TensorSpec((1, *shape))).graph
    total = 0
    for operation in graph.get_operations():
        kernel = operation.inputs[1].shape if len(operation.inputs) > 1 else None
        places = np.prod(operation.outputs[0].shape[:-1]) if operation.outputs else 0
        if operation.type in ("Conv2D", "DepthwiseConv2dNative", "MatMul"):
            total += int(places) * prod(kernel)
        else:
            assert not any(word in operation.type for word in ("Conv", "Einsum", "Partitioned"))
    return total


@pytest.mark.parametrize(
    ("name", "options", "parameters", "macs"),
    [
        ("resnet50", {}, 25_557_032, 4089.2),
        ("resnext50", {}, 25_028_904, 4230.5),
        ("se_resnet50", {}, 28_088_024, 4091.7),
        ("squeezenet1_0", {}, 1_248_424, 818.9),
        ("mobilenet_v1", {}, 4_231_976, 568.7),
        ("mobilenet_v2", {}, 3_504_872, 300.8),
        ("mobilenet_v3_large", {}, 5_483_032, 216.6),
        ("shufflenet_v1_g3", {}, 1_865_728, 137.5),
        ("shufflenet_v2_x1_0", {}, 2_278_604, 144.9),
        ("ghostnet", {}, 5_182_508, 141.2),
    ],
)
def test_every_row_of_the_reference_table_comes_out(
    name: str, options: dict, parameters: int, macs: float
) -> None:
    cost = profile(build_cnn(name, seed=0, **options))
    assert cost.parameters == parameters
    assert cost.macs / 1e6 == pytest.approx(macs, rel=1e-3)
    assert not cost.unknown


@pytest.mark.parametrize(
    ("name", "options", "field"),
    [
        ("mobilenet_v1", {}, 315),
        ("vgg16", {}, 212),
        ("alexnet", {}, 195),
        ("resnet50", {}, 427),
        ("resnet50", {"stride_first": True}, 483),
    ],
)
def test_receptive_fields_are_googles(name: str, options: dict, field: int) -> None:
    cost = profile(build_cnn(name, seed=0, classes=None, **options), None)
    assert cost.receptive_field.size == (field, field)
    assert cost.receptive_field.stride == (32, 32)
