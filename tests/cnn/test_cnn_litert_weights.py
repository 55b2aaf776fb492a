"""Weights of LiteRT files in our networks: what is computed, heads, and all that does not fit."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="pip install workbench[deploy]")

from ai_edge_litert.interpreter import Interpreter
from litert_files import (
    SIDE,
    add_operator,
    add_tensor,
    changed,
    converted,
    images,
    network,
    operators,
    table,
)
from small_network import refused

from workbench.cnn import Preprocessing, build_cnn, load_state_dict, recalibrate
from workbench.cnn.blocks import Conv
from workbench.cnn.litert_file import read_litert
from workbench.cnn.ops import BatchNorm
from workbench.cnn.preprocessing import IMAGENET
from workbench.cnn.spec import ZOO

MUL, DEQUANTIZE, FLOAT16 = 18, 6, 1


@pytest.fixture(autouse=True)
def _a_small_network_is_in_the_zoo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ZOO._members, "small", table)


@pytest.fixture
def float_file(tmp_path: Path) -> Path:
    (tmp_path / "float.tflite").write_bytes(converted(False))
    return tmp_path / "float.tflite"


@pytest.fixture
def int8_file(tmp_path: Path) -> Path:
    (tmp_path / "int8.tflite").write_bytes(converted(True))
    return tmp_path / "int8.tflite"


def norms(model: keras.Model) -> list[BatchNorm]:
    return [layer for layer in model.layers if isinstance(layer, BatchNorm)]


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * abs(expected).max())


# What is computed.


def test_a_float_file_gives_the_outputs_of_the_network_it_was_made_of(float_file: Path) -> None:
    found, expected = network(seed=1), np.asarray(network()(images()))
    assert not np.allclose(found(images()), expected, atol=0.1)
    assert load_state_dict(found, float_file) == []
    close(found(images()), expected)
    assert found.preprocessing == IMAGENET.resized(SIDE)
    for norm in norms(found):
        np.testing.assert_array_equal(norm.moving_mean, 0)
        np.testing.assert_array_equal(norm.moving_variance, 1)


def test_dequantised_weights_are_half_a_step_from_the_folded_ones(int8_file: Path) -> None:
    reference, found = network(), network(seed=1)
    load_state_dict(found, int8_file)
    norm = reference.get_layer("stem.norm")
    factor = np.asarray(norm.gamma) / np.sqrt(np.asarray(norm.moving_variance) + norm.epsilon)
    folded = np.asarray(reference.get_layer("stem").kernel) * factor
    steps = abs(folded).max(axis=(0, 1, 2)) / 127  # int8 without its lowest number
    apart = abs(np.asarray(found.get_layer("stem").kernel) - folded)
    assert (apart <= 0.5001 * steps).all()
    assert apart.max() > 0.2 * steps.min()
    offset = np.asarray(norm.beta) - factor * np.asarray(norm.moving_mean)
    np.testing.assert_allclose(found.get_layer("stem.norm").beta, offset, atol=1e-4)


def test_an_int8_file_gives_the_outputs_of_its_runtime_but_for_rounding(int8_file: Path) -> None:
    model = network(seed=1)
    load_state_dict(model, int8_file)
    assert model.preprocessing is not None
    steps = model.preprocessing
    numbers = (images(8) + steps.mean[0]) / steps.scale  # as those that it was calibrated with
    photos = np.clip(np.rint(numbers), 0, 255).astype("uint8")
    runtime = Interpreter(str(int8_file))
    runtime.allocate_tensors()
    (given,), (made,) = runtime.get_input_details(), runtime.get_output_details()
    expected = []
    for photo in photos:
        runtime.set_tensor(given["index"], photo[None])
        runtime.invoke()
        expected.append(runtime.get_tensor(made["index"])[0])
    found = np.asarray(model(steps(photos)))
    noise = np.std(found - np.asarray(expected)) / np.std(found)
    assert noise < 0.05


def test_a_file_of_bytes_tells_the_preprocessing(tmp_path: Path) -> None:
    def as_published(model: Any) -> None:
        quantised = model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].quantization
        quantised.scale, quantised.zeroPoint = [1 / 128], [128]

    model = network(side=16)
    load_state_dict(model, changed(tmp_path, as_published, whole_numbers=True))
    assert model.preprocessing == Preprocessing(16, 16, mean=(1,) * 3, std=(1,) * 3, scale=1 / 128)
    photo = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype="uint8")
    np.testing.assert_array_equal(model.preprocessing(photo)[0], photo / 128 - 1)
    own = Preprocessing(16, 20)
    load_state_dict(model, tmp_path / "net.tflite", preprocessing=own)
    assert model.preprocessing == own


def test_halves_of_16_bits_are_read_through_their_conversion(tmp_path: Path) -> None:
    def halve(model: Any) -> None:
        graph = model.subgraphs[0]
        number = operators(model, "CONV_2D")[0].inputs[1]
        buffer = model.buffers[graph.tensors[number].buffer]
        half = np.frombuffer(buffer.data.tobytes(), "f4").astype("f2")
        half = half.reshape(graph.tensors[number].shape)
        buffer.data = None
        added = add_tensor(model, number, half, FLOAT16)
        graph.operators.insert(0, add_operator(model, DEQUANTIZE, [added], [number]))

    whole, half = network(seed=1), network(seed=1)
    load_state_dict(half, changed(tmp_path, halve))
    load_state_dict(whole, changed(tmp_path, lambda model: None))
    kernel = np.asarray(whole.get_layer("stem").kernel)
    expected = kernel.astype("f2").astype("f4")
    np.testing.assert_array_equal(half.get_layer("stem").kernel, expected)
    assert not np.array_equal(kernel, expected)


def test_terms_of_sums_and_products_may_be_swapped(tmp_path: Path) -> None:
    def swap(model: Any) -> None:
        for each in (*operators(model, "ADD"), *operators(model, "MUL")):
            each.inputs = each.inputs[::-1]

    model, expected = network(seed=1), np.asarray(network()(images()))
    load_state_dict(model, changed(tmp_path, swap))
    close(model(images()), expected)


def test_images_may_have_another_size_than_the_files(float_file: Path) -> None:
    for side in (13, 20):
        model, reference = network(side=side, seed=1), network(side=side)
        load_state_dict(model, float_file)
        close(model(images(side=side)), np.asarray(reference(images(side=side))))


def test_a_network_is_built_with_the_weights_of_a_file(float_file: Path) -> None:
    model = build_cnn("small", (SIDE, SIDE, 3), 5, weights=float_file, classifier_activation=None)
    close(model(images()), np.asarray(network()(images())))


def test_recalibrated_a_files_network_trains_from_what_it_computes(float_file: Path) -> None:
    model, x = network(seed=1), images(256)
    load_state_dict(model, float_file)
    kept, spread = np.asarray(model(x)), np.std(np.asarray(model(x)))
    weights = model.get_weights()
    assert np.std(np.asarray(model(x, training=True)) - kept) > 0.5 * spread
    model.set_weights(weights)
    recalibrate(model, x)
    close(model(x), kept)
    assert np.std(np.asarray(model(x, training=True)) - kept) < 1e-3 * spread


# The head.


def imagenet(tmp_path: Path) -> Path:
    """The file with 1,001 classes."""

    def widen(model: Any) -> None:
        last = operators(model, "FULLY_CONNECTED")[-1]
        channels = model.subgraphs[0].tensors[last.inputs[1]].shape[1]
        rng = np.random.default_rng(3)
        for place, shape in ((1, (1001, channels)), (2, (1001,))):
            numbers = rng.normal(size=shape).astype("float32")
            last.inputs[place] = add_tensor(model, 0, numbers)

    return changed(tmp_path, widen)


def test_of_1001_classes_the_background_is_left_out_for_1000(tmp_path: Path) -> None:
    path, whole, cut = imagenet(tmp_path), network(1001), network(1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_state_dict(whole, path)
    with pytest.warns(UserWarning, match="first class of 1,001 is the background") as caught:
        load_state_dict(cut, path)
    assert caught[0].filename == __file__
    logits = np.asarray(whole(images()))
    close(np.asarray(cut(images())), logits[:, 1:])


def test_of_other_numbers_of_classes_none_is_left_out(tmp_path: Path) -> None:
    path = imagenet(tmp_path)
    for classes in (999, 1002, 4):
        message = refused(network(classes), path)
        assert f"1001) in Keras's order, the network (8, {classes})" in message
        assert "Only the head differs. Build it with classes=1001" in message


def test_without_the_head_the_body_is_loaded_and_the_head_stays(tmp_path: Path) -> None:
    path = imagenet(tmp_path)
    for classes in (1000, 4):
        model = network(classes, seed=1)
        head = np.asarray(model.get_layer("classes").kernel)
        left = load_state_dict(model, path, head=False)
        assert left == ["classes.weight", "classes.bias"]
        np.testing.assert_array_equal(model.get_layer("classes").kernel, head)
        maps, expected = network(None), network(None)(images())
        load_state_dict(maps, path)
        close(maps(images()), np.asarray(expected))
        inner = keras.Model(model.input, model.get_layer("pool").input)
        close(inner(images()), np.asarray(expected))


def test_a_file_without_head_is_told(tmp_path: Path) -> None:
    def behead(model: Any) -> None:
        graph = model.subgraphs[0]
        graph.outputs = [operators(model, "FULLY_CONNECTED")[-1].inputs[0]]

    path = changed(tmp_path, behead)
    assert "Only the head differs" in refused(network(), path)
    assert load_state_dict(network(), path, head=False) == ["classes.weight", "classes.bias"]


# What does not fit.


def test_another_number_of_layers_is_told(float_file: Path) -> None:
    model = build_cnn("tiny_mobilenet_v1", (16, 16, 3), 5, seed=0)
    layers = sum(hasattr(layer, "kernel") for layer in model.layers)
    message = refused(model, float_file)
    assert "float.tflite must be of tiny_mobilenet_v1; nothing was loaded" in message
    assert f"layers with weights, the network {layers}." in message


def test_another_width_is_told_layer_by_layer(
    float_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = table()
    wider = replace(usual, body=(("stem", Conv(24, 3, stride=2)), *usual.body[1:]))
    monkeypatch.setitem(ZOO._members, "small", lambda: wider)
    message = refused(network(), float_file)
    assert "stem/kernel has (3, 3, 3, 8) in Keras's order, the network (3, 3, 3, 24)" in message


@pytest.mark.parametrize(
    ("conventions", "message"),
    [
        (
            {"padding": "symmetric"},
            "another padding: stem has (0, 0) zeros above and left there, (1, 1) here",
        ),
        ({"activation": "relu"}, "another activation: stem has relu6 there, relu here"),
    ],
)
def test_a_network_that_computes_something_else_is_refused(
    conventions: dict[str, str],
    message: str,
    float_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ZOO._members, "small", lambda: table(**conventions))
    told = refused(network(), float_file)
    assert message in told
    assert 'follow="keras"' in told


def test_where_both_paddings_are_the_same_either_will_do(
    float_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of a file for 12 pixels the windows of stride 2 begin at the first pixel; of one for 13 they
    # would begin a pixel before it, as torch's always do.
    def one_more(model: Any) -> None:
        stem = operators(model, "CONV_2D")[0]
        model.subgraphs[0].tensors[stem.inputs[0]].shape = [1, 13, 13, 3]

    monkeypatch.setitem(ZOO._members, "small", lambda: table("symmetric"))
    path = changed(float_file.parent, one_more)
    model = network(side=13, seed=1)
    load_state_dict(model, path)
    close(model(images(side=13)), np.asarray(network(side=13)(images(side=13))))


def test_factors_outside_of_layers_are_refused(tmp_path: Path) -> None:
    def scale(model: Any) -> None:
        graph = model.subgraphs[0]
        numbers = np.full(5, 2, "float32")
        inputs = [graph.outputs[0], add_tensor(model, 0, numbers)]
        outputs = [add_tensor(model, graph.outputs[0], None)]
        graph.operators.append(add_operator(model, MUL, inputs, outputs))
        graph.outputs = outputs

    message = refused(network(), changed(tmp_path, scale))
    assert "batch norm folded into them; nothing was loaded. MUL at added has some too" in message


@pytest.mark.parametrize("missing", ["scale", "bias"])
def test_whole_numbers_without_a_scale_are_refused(missing: str, tmp_path: Path) -> None:
    def forget(model: Any) -> None:
        number = operators(model, "CONV_2D")[0].inputs[1 if missing == "scale" else 2]
        model.subgraphs[0].tensors[number].quantization = None

    message = refused(network(), changed(tmp_path, forget, whole_numbers=True))
    assert "packed, sparse, without a scale, or computed" in message


def test_a_layer_without_bias_has_zeros_for_one(tmp_path: Path) -> None:
    def drop(model: Any) -> None:
        stem = operators(model, "CONV_2D")[0]
        stem.inputs = [*stem.inputs[:2], -1]

    model = network(seed=1)
    load_state_dict(model, changed(tmp_path, drop))
    np.testing.assert_array_equal(model.get_layer("stem.norm").beta, 0)


def test_a_bias_of_another_length_is_told(tmp_path: Path) -> None:
    def lengthen(model: Any) -> None:
        stem = operators(model, "CONV_2D")[0]
        stem.inputs[2] = add_tensor(model, 0, np.zeros(9, "float32"))

    message = refused(network(), changed(tmp_path, lengthen))
    assert "has shape (3, 3, 3, 8), and its bias (9,)" in message


def test_a_file_has_no_other_names_than_its_own(float_file: Path) -> None:
    message = refused(network(), float_file, origin="torchvision")
    assert "origin must be one of 'litert'" in message


def test_the_file_that_is_read_is_the_one_that_was_written(int8_file: Path) -> None:
    kinds = [operator.kind for operator in read_litert(int8_file).operators]
    assert kinds.count("DEPTHWISE_CONV_2D") == 1
    assert {"ADD", "MUL", "CONCATENATION", "FULLY_CONNECTED"} <= set(kinds)
