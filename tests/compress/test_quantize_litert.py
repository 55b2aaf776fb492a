"""Quantised LiteRT files against the arithmetic that they stand for, written out in NumPy."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from deployed import SHAPE, drawn, images, network, said
from keras import layers

from workbench.cnn import build_cnn, list_cnns
from workbench.cnn.ops import DeformableConv2D
from workbench.compress.exports import export
from workbench.compress.fold import fold_batch_norm
from workbench.compress.litert_model import LiteRTModel
from workbench.compress.noise import layer_outputs, signal_to_noise
from workbench.compress.quantization import Quantized, quantize
from workbench.errors import ArgumentError, DataFileError, ModelError

TINY = [name for name in list_cnns() if name.startswith("tiny_")]


@pytest.fixture(scope="module")
def net() -> keras.Model:
    return network()


@pytest.fixture(scope="module")
def whole(net: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Quantized:
    """The network in int8."""
    return quantize(net, tmp_path_factory.mktemp("int8") / "net.tflite", images(100))


def in_litert(layer: keras.layers.Layer) -> np.ndarray:
    """Return a kernel in the order that LiteRT keeps it in: filters first, depthwise last."""
    kernel = np.asarray(layer.get_weights()[0])
    if isinstance(layer, layers.DepthwiseConv2D):
        return kernel.reshape(1, *kernel.shape[:2], -1)
    return kernel.T if kernel.ndim == 2 else np.moveaxis(kernel, 3, 0)


@pytest.mark.parametrize("name", ["stem", "depth", "mix", "classes"])
def test_int8_weights_are_the_float_ones_to_half_a_step(
    name: str, net: keras.Model, whole: Quantized
) -> None:
    kernel = in_litert(fold_batch_norm(net).get_layer(name))
    same = [
        (stored, real)
        for tensor, (stored, real) in whole.network.constants().items()
        if f"/{name}" in tensor and stored.dtype == np.int8 and stored.shape == kernel.shape
    ]
    assert len(same) == 1
    (stored, real), filters = same[0], -1 if name == "depth" else 0
    others = tuple(axis for axis in range(kernel.ndim) if axis != filters % kernel.ndim)
    steps = np.abs(kernel).max(axis=others, keepdims=True) / 127
    assert (np.abs(real - kernel) <= steps * 0.5001).all()
    assert np.abs(stored).max() == 127


def test_int8_is_the_integer_arithmetic_of_jacob_et_al(tmp_path: Path) -> None:
    image = keras.Input((6,), name="image")
    model = drawn(keras.Model(image, layers.Dense(4, name="dense")(image)))
    x = images(64, (6,))
    made = quantize(model, tmp_path / "net.tflite", x, inputs="int8")
    (z1, s1), (z3, s3) = (
        (zero, scale)
        for scale, zero in (
            made.network._input["quantization"],
            made.network._output["quantization"],
        )
    )
    stored = {array.dtype.name: array for array, _ in made.network.constants().values()}
    s2 = np.abs(model.get_weights()[0]).max(axis=0) / 127
    q1 = np.clip(np.rint(x / s1) + z1, -128, 127)
    # Equation 7: q3 = Z3 + M (sum of (q1 - Z1) q2 + bias), with M = S1 S2 / S3 and Z2 = 0.
    total = (q1 - z1) @ stored["int8"].T.astype(float) + stored["int32"]
    q3 = np.clip(np.rint(z3 + total * s1 * s2 / s3), -128, 127)
    # The runtime multiplies by M in fixed point and may round a half the other way.
    assert np.abs(made.predict(x) - s3 * (q3 - z3)).max() <= 1.01 * s3
    assert np.mean(np.abs(made.predict(x) - s3 * (q3 - z3)) < 0.01 * s3) > 0.95


def test_input_and_output_of_any_type_stand_for_the_same_numbers(
    net: keras.Model, whole: Quantized, tmp_path: Path
) -> None:
    x = images(20)
    for kind in ("int8", "uint8"):
        made = quantize(net, tmp_path / "net.tflite", images(100), inputs=kind)
        assert (made.network.input_dtype, made.network.output_dtype) == (kind, kind)
        assert np.abs(made.predict(x) - whole.predict(x)).max() <= 1 / 255  # a step of softmax
    assert whole.network.input_dtype == "float32"


def test_float16_keeps_the_weights_rounded_to_half_precision(
    net: keras.Model, tmp_path: Path
) -> None:
    made = quantize(net, tmp_path / "net.tflite", images(), mode="float16")
    kernel = in_litert(fold_batch_norm(net).get_layer("classes"))
    stored = [array for array, _ in made.network.constants().values()]
    halves = [array for array in stored if array.dtype == np.float16]
    assert any(np.array_equal(array, kernel.astype(np.float16)) for array in halves)
    assert {array.dtype.kind for array in stored} <= set("fi")
    assert made.snr > 50
    assert made.bytes < made.float_bytes


def test_dynamic_quantises_only_large_weights(tmp_path: Path) -> None:
    image = keras.Input((32,), name="image")
    x = layers.Dense(64, activation="relu", name="large")(image)
    model = drawn(keras.Model(image, layers.Dense(8, name="small")(x)))
    made = quantize(model, tmp_path / "net.tflite", images(50, (32,)), mode="dynamic")
    types = {array.shape: array.dtype.name for array, _ in made.network.constants().values()}
    assert (types[64, 32], types[8, 64]) == ("int8", "float32")
    assert made.snr > 30


def test_the_result_compares_the_file_with_keras(net: keras.Model, tmp_path: Path) -> None:
    x, others = images(100), images(30, seed=2)
    made = quantize(net, tmp_path / "net.tflite", x, compare=others)
    expected, came = said(net, others), made.predict(others)
    assert made.snr == pytest.approx(
        10 * np.log10((expected**2).sum() / ((expected - came) ** 2).sum()), rel=1e-5
    )
    same = expected.argmax(axis=1) == came.argmax(axis=1)
    assert made.agreement == same.mean()
    assert made.accuracy(others, expected.argmax(axis=1)) == same.mean()
    assert made.bytes == len(made.path.read_bytes())
    float_file = export(net, tmp_path / "float.tflite", check=False)
    assert (made.float_bytes, made.ratio) == (float_file.bytes, made.bytes / float_file.bytes)


def test_a_tenth_of_noise_is_twenty_decibels() -> None:
    signal = np.array([3.0, -4.0])
    assert signal_to_noise(signal, signal * 1.1) == pytest.approx(20)
    assert signal_to_noise(signal, signal) == np.inf
    assert np.isnan(signal_to_noise(0 * signal, signal))


def test_rows_of_layers_are_the_errors_of_their_outputs(net: keras.Model, whole: Quantized) -> None:
    x = images(100)[:64]
    outputs = {layer.name: output for layer, output in layer_outputs(net, x)}
    tensors = LiteRTModel(whole.path, keep=True).tensors(x)
    exact = whole.layers[whole.layers["exact"]]
    assert list(exact["layer"]) == [
        *("stem.relu", "depth.relu6", "mix.norm", "shuffle", "se", "add", "silu"),
        *("pool", "classes", "softmax"),
    ]
    for _, row in exact.iterrows():
        expected = signal_to_noise(outputs[row["layer"]], tensors[row["tensor"]])
        assert row["snr"] == pytest.approx(expected, abs=0.1)
    inner = whole.layers[~whole.layers["exact"]]
    assert set(inner["layer"]) == {"se", "shuffle"}
    assert whole.merged == ("stem", "stem.norm", "depth", "depth.norm", "mix", "drop")


def test_a_layer_that_loses_its_signal_stands_out(tmp_path: Path) -> None:
    # Channels of a thousandth and of one: a scale for both leaves nothing of the first. Their
    # sum has each channel's signal again, but the first one's is gone.
    image = keras.Input(SHAPE, name="image")
    x = layers.Conv2D(8, 3, name="uneven")(image)
    x = layers.Conv2D(4, 3, name="reader")(x)
    model = drawn(keras.Model(image, x))
    kernel, bias = model.get_layer("uneven").get_weights()
    size = np.array([1e-3] * 7 + [1])
    model.get_layer("uneven").set_weights([kernel * size, bias * size])
    kernel, bias = model.get_layer("reader").get_weights()
    model.get_layer("reader").set_weights([kernel / size[:, None], bias])
    with pytest.warns(UserWarning, match="no more than .* dB are left in int8"):
        made = quantize(model, tmp_path / "net.tflite", images(50))
    rows = made.layers.set_index("layer")["snr"]
    assert rows["uneven"] > 30
    assert rows["reader"] < 10


def test_images_go_through_in_any_batches(whole: Quantized) -> None:
    x = images(11)
    together = whole.predict(x)
    assert np.array_equal(whole.predict(x, batch=4), together)
    assert np.array_equal(whole.predict(x[:1]), together[:1])


def test_a_file_of_a_fixed_batch_is_filled_up() -> None:
    import tensorflow as tf

    doubled = tf.function(lambda x: 2 * x).get_concrete_function(tf.TensorSpec((4, 3)))
    content = tf.lite.TFLiteConverter.from_concrete_functions([doubled], tf.Module()).convert()
    network = LiteRTModel(content)
    assert network.input_shape == (4, 3)
    x = images(6, (3,))
    assert np.array_equal(network.predict(x), 2 * x)


def test_operations_that_cannot_be_calibrated_are_told(tmp_path: Path) -> None:
    image = keras.Input((8, 8, 4), name="image")
    model = drawn(keras.Model(image, DeformableConv2D(4, 3)(image)))
    x, path = images(4, (8, 8, 4)), tmp_path / "net.tflite"
    path.write_text("old")
    with pytest.raises(ModelError, match=r"cannot convert the model as int8.*mode='float16'"):
        quantize(model, path, x)
    assert path.read_text() == "old"
    assert quantize(model, path, x, mode="float16").snr > 40


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mode": "int4"}, "mode must be one of 'int8', 'float16', 'dynamic'"),
        ({"inputs": "int16"}, "inputs must be one of"),
        ({"inputs": "int8", "mode": "float16"}, "inputs must be 'float32' for mode='float16'"),
        ({"path": "net.onnx"}, "path must be a file that ends in .tflite"),
        ({"images": None}, "images must be representative images"),
        ({"images": np.zeros((2, 4, 4, 3))}, "images must have shape"),
        ({"compare": np.full((1, *SHAPE), np.nan)}, "compare must be finite"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    options: dict, said: str, net: keras.Model, tmp_path: Path
) -> None:
    arguments = {"path": "net.tflite", "images": images(2)} | options
    path = tmp_path / arguments.pop("path")
    with pytest.raises(ArgumentError) as caught:
        quantize(net, path, **arguments)
    assert str(caught.value).startswith(said)
    assert list(tmp_path.iterdir()) == []


def test_labels_are_class_numbers(whole: Quantized) -> None:
    x = images(4)
    for labels in (np.eye(4, 10), np.arange(3), np.ones(4)):
        with pytest.raises(ArgumentError, match="labels must be class numbers"):
            whole.accuracy(x, labels)


def test_files_of_something_else_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    with pytest.raises(DataFileError, match="cannot be read"):
        LiteRTModel(path)
    path.write_text("no flatbuffer")
    with pytest.raises(DataFileError, match="none of LiteRT"):
        LiteRTModel(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_all_families_become_int8(name: str, tmp_path: Path) -> None:
    model = build_cnn(name, (8, 8, 1), 10, classifier_activation=None, seed=0)
    made = quantize(model, tmp_path / "net.tflite", images(64, (8, 8, 1)))
    types = {array.dtype.name for array, _ in made.network.constants().values()}
    assert types <= {"int8", "int32"}
    assert made.layers["exact"].any()
    assert made.snr > 20
