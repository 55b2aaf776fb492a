"""Weights from elsewhere: names, axes, origins, heads, and everything that does not fit."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from small_network import BGR, SHAPES, SMALL, bits, images, refused, small, state

from workbench import load_model
from workbench.cnn import CNN, load_state_dict
from workbench.cnn.preprocessing import IMAGENET
from workbench.cnn.spec import ZOO
from workbench.cnn.weight_axes import turned
from workbench.errors import ModelError

CAFFE = {"conv1": "first", "conv2": "second", "bn1": "first_bn", "bn2": "second_bn"}


@pytest.fixture(autouse=True)
def _a_small_network_is_in_the_zoo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ZOO._members, "small", lambda: SMALL)


# Axes and names.


def test_every_array_comes_to_its_place_and_axes() -> None:
    model, weights = small(), state()
    assert load_state_dict(model, weights) == []
    kernel, depth = (np.asarray(model.get_layer(n).kernel) for n in ("stem", "depth"))
    for row, column in np.ndindex(3, 3):
        for channel, filter_ in np.ndindex(3, 4):
            assert (
                kernel[row, column, channel, filter_]
                == (weights["conv1.weight"][filter_, channel, row, column])
            )
        for channel, copy in np.ndindex(4, 2):
            assert (
                depth[row, column, channel, copy]
                == (weights["conv2.weight"][2 * channel + copy, 0, row, column])
            )
    for name, layer in (("bn1", "stem.norm"), ("bn2", "depth.norm")):
        norm = model.get_layer(layer)
        theirs = ("weight", "bias", "running_mean", "running_var")
        ours = (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
        for part, variable in zip(theirs, ours, strict=True):
            np.testing.assert_array_equal(variable, weights[f"{name}.{part}"])


def test_a_depthwise_convolution_of_two_filters_a_channel_is_torchs() -> None:
    model, weights = small(None), state()
    load_state_dict(model, weights)
    stem = keras.Model(model.input, model.get_layer("stem.relu").output)(images())
    found = np.asarray(keras.Model(model.input, model.get_layer("depth").output)(images()))
    padded = np.pad(np.asarray(stem), ((0, 0), (1, 1), (1, 1), (0, 0)))
    for filter_ in range(8):  # torch: filter f sees the channel f // (filters / channels)
        windows = np.lib.stride_tricks.sliding_window_view(
            padded[..., filter_ // 2], (3, 3), (1, 2)
        )
        expected = (windows * weights["conv2.weight"][filter_, 0]).sum((-2, -1))
        np.testing.assert_allclose(found[..., filter_], expected, rtol=1e-4, atol=1e-5)


def test_a_matrix_behind_a_flattened_image_has_torchs_order() -> None:
    model, weights = small(), state()
    load_state_dict(model, weights)
    maps = np.asarray(keras.Model(model.input, model.get_layer("avgpool").output)(images()))
    flat = maps.transpose(0, 3, 1, 2).reshape(2, -1)  # torch.flatten of (batch, channels, ...)
    hidden = np.maximum(flat @ weights["fc1.weight"].T + weights["fc1.bias"], 0)
    expected = hidden @ weights["fc2.weight"].T + weights["fc2.bias"]
    np.testing.assert_allclose(model(images()), expected, rtol=1e-5)
    # With another order of the inputs, this is not so.
    assert (
        abs(maps.reshape(2, -1) @ weights["fc1.weight"].T - flat @ weights["fc1.weight"].T).max()
        > 0.01
    )


def test_a_convolution_over_the_whole_image_is_a_dense_layer() -> None:
    weights = state()
    as_convolutions = {
        **weights,
        "fc1.weight": weights["fc1.weight"].reshape(5, 8, 2, 2),
        "fc2.weight": weights["fc2.weight"][:, :, None, None],
    }
    in_keras_order = {key: array for key, array in weights.items() if key != "fc2.weight"}
    in_keras_order["fc2/kernel"] = weights["fc2.weight"].T[None, None]
    expected, *found = small(), small(), small()
    load_state_dict(expected, weights)
    for model, same in zip(found, (as_convolutions, in_keras_order), strict=True):
        load_state_dict(model, same)
        assert bits(model) == bits(expected)


def test_a_convolution_over_a_part_of_the_image_is_none() -> None:
    weights = state()
    weights["fc2.weight"] = np.zeros((7, 5, 3, 3), "float32")
    assert "another shape: fc2.weight has (3, 3, 5, 7)" in refused(small(), weights)


def test_depthwise_weights_are_not_taken_for_those_of_a_convolution() -> None:
    # As many numbers as (3, 3, 4, 2), but each filter sees one channel.
    layer = keras.layers.Conv2D(2, 3)
    layer.build((None, 8, 8, 4))
    depthwise = np.zeros((8, 1, 3, 3))
    assert turned(depthwise, layer, (3, 3, 4, 2), keras_order=False).shape == (3, 3, 1, 8)


def test_keras_names_have_keras_axes() -> None:
    expected, found = small(), small()
    load_state_dict(expected, state())
    load_state_dict(found, {weight.path: np.asarray(weight) for weight in expected.weights})
    assert bits(found) == bits(expected)


def test_counters_and_what_the_rules_drop_are_of_no_use() -> None:
    extra = {"bn1.num_batches_tracked": np.array(3), "aux1.conv.weight": np.zeros((2, 2))}
    model = small()
    assert load_state_dict(model, {**state(), **extra}) == []


# What does not fit.


def test_all_that_does_not_fit_is_listed() -> None:
    weights = state()
    del weights["bn1.running_mean"]
    weights["conv1.weight"] = np.zeros((4, 3, 5, 5), "float32")
    weights["conv3.weight"] = np.zeros((4, 3, 5, 5), "float32")
    weights["epoch"] = np.zeros(1)
    weights["conv2.kernel"] = np.zeros((3, 3, 4, 2))
    weights["bn2.bias"] = np.array([1, 2, np.nan, np.inf, 5, 6, 7, 8])
    weights["bn2.weight"] = np.full(8, 1e39)  # infinite in 32 bits
    weights["fc1.bias"] = np.array(["a"] * 5)
    message = refused(small(), weights)
    assert "weights must fit small, by the names of 'torchvision'" in message
    assert set(message.splitlines()[1:]) == {
        "  missing: stem.norm.running_mean (4,)",
        "  another shape: conv1.weight has (5, 5, 3, 4) in Keras's order, the network (3, 3, 3, 4)",
        "  left over: conv3.weight",
        "  left over: epoch",
        "  twice: conv2.weight and conv2.kernel mean depth.weight",
        "  not finite: 2 of the 8 numbers of bn2.bias, in 32 bits",
        "  not finite: 8 of the 8 numbers of bn2.weight, in 32 bits",
        "  no numbers: fc1.bias has the type <U1",
    }
    assert "nothing was loaded. 8 differences:" in message


def test_of_many_differences_twelve_of_a_kind_are_listed() -> None:
    weights = {**state(), **{f"more.{i}.weight": np.zeros(1) for i in range(20)}}
    del weights["conv1.weight"]
    lines = refused(small(), weights).splitlines()
    assert sum(line.startswith("  left over: more.") for line in lines) == 12
    assert "  left over: 8 more" in lines
    assert "  missing: stem.weight (3, 3, 3, 3)" not in lines
    assert "  missing: stem.weight (3, 3, 3, 4)" in lines


def test_tensors_that_numpy_does_not_know_are_told() -> None:
    class Tensor:
        def __array__(self, *arguments: Any, **options: Any) -> np.ndarray:
            raise TypeError("Got unsupported ScalarType BFloat16")

    message = refused(small(), {**state(), "fc1.bias": Tensor()})
    assert "no numbers: fc1.bias: Got unsupported ScalarType BFloat16" in message


@pytest.mark.parametrize("kind", ["plain", "made by hand", "cloned"])
def test_only_networks_of_the_zoo_know_the_names(kind: str) -> None:
    model = small()
    if kind == "plain":
        model = keras.Model(model.input, model.output)
    elif kind == "made by hand":
        model = CNN(model.input, model.output)
    else:
        model = keras.models.clone_model(model)
    with pytest.raises(ModelError, match=r"model must be from build_cnn.*load_weights"):
        load_state_dict(model, state())


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_network_from_a_file_can_be_given_weights(tmp_path: Path) -> None:
    small().save(tmp_path / "small.keras")
    found, expected = load_model(tmp_path / "small.keras"), small()
    load_state_dict(found, state())
    load_state_dict(expected, state())
    assert bits(found) == bits(expected)


# Origins.


def caffe() -> dict[str, np.ndarray]:
    parts = {key: key.split(".") for key in SHAPES}
    return {
        ".".join((CAFFE.get(module, module), part)): state()[key]
        for key, (module, part) in parts.items()
    }


def test_the_origin_that_fits_best_is_found_and_its_preprocessing_taken() -> None:
    found, expected = small(), small()
    load_state_dict(found, caffe())
    load_state_dict(expected, state())
    assert bits(found) == bits(expected)
    assert found.preprocessing == BGR.resized(8)
    assert expected.preprocessing == IMAGENET.resized(8)


def test_an_origin_that_is_none_is_refused_with_those_there_are() -> None:
    message = refused(small(), state(), origin="timm")
    assert "origin must be one of 'torchvision', 'caffe'" in message


def test_the_wrong_origin_is_told_of_the_right_one() -> None:
    message = refused(small(), state(), origin="caffe")
    assert "missing: stem.weight (3, 3, 3, 4)" in message
    assert "left over: conv1.weight" in message
    assert "By the names of 'torchvision' 14 of 14 weights are there" in message


def test_weights_of_another_network_are_told_by_names_of_both() -> None:
    other = {f"blocks.{i}.weight": np.zeros(2) for i in range(9)}
    message = refused(small(), other)
    assert "not one of the 9 arrays is a weight of it; nothing was loaded" in message
    assert "called blocks.0.weight, blocks.1.weight, blocks.2.weight and 6 more" in message
    assert "it has stem.weight, stem.norm.weight, stem.norm.bias and 11 more" in message
    assert "reads the names of 'torchvision', 'caffe'" in message
    assert "not one of the 0 arrays" in refused(small(), {})


# The head.


def test_a_head_of_other_classes_is_told_with_two_ways_out() -> None:
    message = refused(small(3), state())
    assert "another shape: fc2.weight has (5, 7) in Keras's order, the network (5, 3)" in message
    assert "2 differences" in message
    assert "Only the head differs. Build it with classes=7" in message
    assert "load_state_dict(model, weights, head=False)" in message


def test_a_head_without_bias_is_told_without_a_number_of_classes() -> None:
    weights = state()
    del weights["fc2.bias"]
    message = refused(small(), weights)
    assert "missing: fc2.bias (7,)" in message
    assert "Only the head differs. load_state_dict(model, weights, head=False)" in message


def test_where_the_body_differs_too_the_head_is_not_blamed() -> None:
    weights = state()
    del weights["bn1.bias"]
    assert "Only the head" not in refused(small(3), weights)


def test_without_the_head_the_body_is_loaded_and_the_head_stays() -> None:
    model, whole = small(3), small()
    before = {weight.path: np.asarray(weight) for weight in model.weights}
    left = load_state_dict(model, state(), head=False)
    assert left == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    load_state_dict(whole, state())
    for weight, loaded in zip(model.weights, whole.weights, strict=True):
        expected = before[weight.path] if weight.path.startswith("fc") else loaded
        np.testing.assert_array_equal(weight, expected)


def test_without_the_head_the_body_has_to_fit_all_the_same() -> None:
    weights = state()
    del weights["bn1.bias"], weights["fc1.bias"]
    message = refused(small(3), weights, head=False)
    assert "1 differences" not in message
    assert "1 difference:" in message
    assert "missing: stem.norm.bias (4,)" in message


def test_a_network_without_head_takes_the_weights_of_one_with_it() -> None:
    body, whole = small(None), small()
    assert load_state_dict(body, state()) == []
    load_state_dict(whole, state())
    maps = keras.Model(whole.input, whole.get_layer("depth.relu").output)(images())
    np.testing.assert_array_equal(body(images()), maps)
