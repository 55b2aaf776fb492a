"""Exports against the outputs of Keras, in the runtime of each format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from deployed import SHAPE, drawn, images, network, said
from keras import layers

from workbench.cnn import build_cnn, list_cnns
from workbench.cnn import ops as our
from workbench.compress import extras
from workbench.compress.exports import export
from workbench.compress.extras import MissingPackageError
from workbench.compress.formats import FORMATS, Format
from workbench.errors import ArgumentError, ModelError, UnknownNameError

PATHS = {"litert": "net.tflite", "onnx": "net.onnx", "saved_model": "net", "keras": "net.keras"}
TINY = [name for name in list_cnns() if name.startswith("tiny_")]


@pytest.fixture(scope="module")
def net() -> keras.Model:
    return network()


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", PATHS)
def test_each_format_says_what_keras_says(name: str, net: keras.Model, tmp_path: Path) -> None:
    x = images()
    made = export(net, tmp_path / PATHS[name], images=x[:30])
    expected, came = said(net, x), made.load()(x)
    assert np.abs(came - expected).max() <= 1e-5 * np.abs(expected).max()
    first = np.abs(made.load()(x[:30]) - expected[:30]).max()
    assert made.max_difference == pytest.approx(first, abs=1e-9)
    assert (made.format, made.images, made.noise, made.agreement) == (name, 30, False, 1.0)
    files = [path for path in made.path.rglob("*") if path.is_file()] or [made.path]
    assert made.bytes == sum(len(path.read_bytes()) for path in files)
    assert left_in(tmp_path) == [PATHS[name]]


def test_tflite_is_another_name_of_litert(net: keras.Model, tmp_path: Path) -> None:
    made = export(net, tmp_path / "net.tflite", format="tflite")
    assert (made.format, made.noise, made.images) == ("litert", True, 32)


def test_an_export_that_is_not_checked_says_so(net: keras.Model, tmp_path: Path) -> None:
    made = export(net, tmp_path / "net.tflite", check=False)
    assert np.isnan([made.max_difference, made.relative_difference, made.agreement]).all()
    assert (made.images, made.noise) == (0, False)


@pytest.mark.parametrize(
    ("path", "format"),
    [("net.h5", None), ("net.onnx", "litert"), ("net.keras", "saved_model"), ("net", "keras")],
)
def test_a_path_that_does_not_fit_the_format_is_refused(
    path: str, format: str | None, net: keras.Model, tmp_path: Path
) -> None:
    with pytest.raises(ArgumentError, match=r"path must"):
        export(net, tmp_path / path, format)
    assert left_in(tmp_path) == []


def test_an_unknown_format_is_told_with_the_nearest(net: keras.Model, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'onnx'"):
        export(net, tmp_path / "net.onnx", "onx")


@pytest.fixture
def wrong(net: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enter a format whose runtime is off by a thousandth."""

    def write(model: keras.Model, path: Path) -> None:
        path.write_text("new")

    def load(path: Path) -> Callable[[Any], Any]:
        return lambda x: said(net, x) * 1.001

    monkeypatch.setitem(FORMATS._members, "wrong", Format("wrong", ".wrong", write, load))


@pytest.mark.usefixtures("wrong")
def test_a_file_that_says_something_else_is_not_kept(net: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "net.wrong"
    path.write_text("old")
    with pytest.raises(ModelError, match=r"0\.001 of the largest one, and 0\.0001 is allowed"):
        export(net, path)
    assert path.read_text() == "old"
    assert left_in(tmp_path) == ["net.wrong"]
    assert export(net, path, tolerance=0.01).relative_difference == pytest.approx(0.001, rel=0.01)
    assert path.read_text() == "new"


def test_a_saved_model_replaces_an_older_one_and_no_other_folder(
    net: keras.Model, tmp_path: Path
) -> None:
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(ArgumentError, match="another folder"):
        export(net, folder)
    assert left_in(folder) == ["thesis.txt"]
    (folder / "thesis.txt").rename(folder / "saved_model.pb")
    export(net, folder, check=False)
    assert "variables" in left_in(folder)


@pytest.mark.parametrize("name", ["litert", "onnx"])
def test_a_missing_package_is_named_with_what_installs_it(
    name: str, net: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda module: None)
    with pytest.raises(MissingPackageError, match=r'pip install "workbench\[deploy\]"') as caught:
        export(net, tmp_path / PATHS[name])
    wanted = {"litert": ["ai-edge-litert"], "onnx": ["tf2onnx", "onnx", "onnxruntime"]}
    assert caught.value.missing == wanted[name]
    assert isinstance(caught.value, ImportError)


def test_models_that_cannot_leave_keras_are_told_why(tmp_path: Path) -> None:
    image = keras.Input(SHAPE)
    two = keras.Model(image, [layers.ReLU()(image), layers.Softmax()(image)])
    free = keras.Input((None, None, 3))
    half = layers.Conv2D(2, 1, dtype="mixed_bfloat16")(image)
    for model, why in [
        (two, "1 inputs and 2 outputs"),
        (keras.Model(free, layers.ReLU()(free)), "not wholly known"),
        (keras.Model(image, half), "only float32"),
        (keras.Sequential([layers.Dense(2)]), "no graph"),
    ]:
        with pytest.raises(ModelError, match=why):
            export(model, tmp_path / "net.tflite")
    with pytest.raises(ArgumentError, match=r"be a keras\.Model"):
        export("net.keras", tmp_path / "net.tflite")


def test_groups_of_keras_are_refused_for_onnx_with_what_to_take_instead(tmp_path: Path) -> None:
    image = keras.Input((8, 8, 4))
    model = keras.Model(image, layers.Conv2D(4, 3, groups=2, name="apart")(image))
    with pytest.raises(ModelError, match=r"'apart' is Keras's convolution in 2 groups.*Grouped"):
        export(model, tmp_path / "net.onnx")


def one(layer: keras.Layer, shape: tuple[int, ...] = (12, 12, 8)) -> keras.Model:
    image = keras.Input(shape, name="image")
    return drawn(keras.Model(image, layer(image)))


def split() -> keras.Model:
    image = keras.Input((12, 12, 8))
    first, second = our.ChannelSplit(2)(image)
    return keras.Model(image, layers.Concatenate()([second, first]))


def resized() -> keras.Model:
    image = keras.Input((12, 12, 8))
    return keras.Model(image, our.ResizeLike()([layers.AveragePooling2D(2)(image), image]))


def unpooled() -> keras.Model:
    image = keras.Input((12, 12, 8))
    largest, places = our.MaxPoolingWithIndices2D(2)(image)
    return keras.Model(image, our.MaxUnpooling2D(2)([largest, places]))


OURS: dict[str, Callable[[], Any]] = {
    "AdaptiveAveragePool2D": lambda: one(our.AdaptiveAveragePool2D(5)),
    "BatchNorm": lambda: one(our.BatchNorm()),
    "ChannelShuffle": lambda: one(our.ChannelShuffle(4)),
    "ChannelSplit": split,
    "DeformableConv2D": lambda: one(our.DeformableConv2D(4, 3)),
    "GroupedConv2D": lambda: one(our.GroupedConv2D(8, 3, strides=2, dilation_rate=2, groups=4)),
    "IntegerLeakyReLU": lambda: one(our.IntegerLeakyReLU()),
    "MaxPoolingWithIndices2D": unpooled,
    "MaxUnpooling2D": unpooled,
    "ResizeLike": resized,
    "SqueezeExcite": lambda: one(our.SqueezeExcite(2)),
}


def test_all_layers_of_ours_are_tried() -> None:
    assert {name for name in our.__all__ if name[0].isupper()} == OURS.keys()


@pytest.mark.parametrize("name", OURS)
def test_layers_of_ours_go_to_litert(name: str, tmp_path: Path) -> None:
    x = images(8, (12, 12, 8))
    assert export(OURS[name](), tmp_path / "net.tflite", images=x).relative_difference <= 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", OURS)
def test_layers_of_ours_go_to_onnx(name: str, tmp_path: Path) -> None:
    x = images(8, (12, 12, 8))
    assert export(OURS[name](), tmp_path / "net.onnx", images=x).relative_difference <= 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["tflite", "onnx"])
@pytest.mark.parametrize("name", TINY)
def test_all_families_say_what_keras_says(name: str, ending: str, tmp_path: Path) -> None:
    model = build_cnn(name, (8, 8, 1), 10, seed=0)
    made = export(model, tmp_path / f"net.{ending}", images=images(16, (8, 8, 1)))
    assert made.relative_difference <= 2e-5
    assert made.agreement == 1


def test_conversions_print_nothing(
    net: keras.Model, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for path in PATHS.values():
        export(net, tmp_path / path)
    assert capfd.readouterr() == ("", "")
