"""Weights from elsewhere: files, names, axes, and everything that does not fit."""

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from workbench import load_model
from workbench.cnn import CNN, Preprocessing, build_cnn, load_state_dict
from workbench.cnn.blocks import Classifier, Conv, Dense, Dropout, Flatten
from workbench.cnn.blocks.adaptive_pool import AdaptivePool
from workbench.cnn.preprocessing import IMAGENET
from workbench.cnn.spec import ZOO, Architecture, Origin
from workbench.cnn.weight_axes import turned
from workbench.cnn.weight_file import read_arrays
from workbench.errors import ArgumentError, DataFileError, ModelError, WorkbenchError

BGR = Preprocessing(16, 20, mean=(1, 2, 3), std=(1, 1, 1), scale=1, channels="bgr")
SMALL = Architecture(
    "small",
    # The second is depthwise, two filters to a channel.
    body=(("stem", Conv(4, 3, stride=2)), ("depth", Conv(8, 3, groups=4))),
    head=(
        ("avgpool", AdaptivePool(2)),
        ("flatten", Flatten()),
        ("drop", Dropout(0.5)),
        ("fc1", Dense(5)),
        ("fc2", Classifier()),
    ),
    source="hand-made",
    names=(
        (r"^aux.*", ""),
        (r"^conv1$", "stem"),
        (r"^conv2$", "depth"),
        (r"^bn1$", "stem.norm"),
        (r"^bn2$", "depth.norm"),
    ),
    others=(
        Origin("caffe", ((r"^first", "stem"), (r"^second", "depth"), (r"_bn$", ".norm")), BGR),
    ),
)
SHAPES = {
    "conv1.weight": (4, 3, 3, 3),
    "conv2.weight": (8, 1, 3, 3),
    **{f"bn1.{part}": (4,) for part in ("weight", "bias", "running_mean", "running_var")},
    **{f"bn2.{part}": (8,) for part in ("weight", "bias", "running_mean", "running_var")},
    "fc1.weight": (5, 32),
    "fc1.bias": (5,),
    "fc2.weight": (7, 5),
    "fc2.bias": (7,),
}
CAFFE = {"conv1": "first", "conv2": "second", "bn1": "first_bn", "bn2": "second_bn"}


@pytest.fixture(autouse=True)
def _a_small_network_is_in_the_zoo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ZOO._members, "small", lambda: SMALL)


def small(classes: int | None = 7, side: int = 8) -> CNN:
    return build_cnn("small", (side, side, 3), classes, classifier_activation=None, seed=0)


def state(seed: int = 0) -> dict[str, np.ndarray]:
    """Draw a torch state dictionary of the small network."""
    rng = np.random.default_rng(seed)
    return {key: rng.uniform(0.5, 1.5, shape).astype("float32") for key, shape in SHAPES.items()}


def bits(model: keras.Model) -> list[bytes]:
    return [np.asarray(weight).tobytes() for weight in model.weights]


def refused(model: CNN, weights: Any, **options: Any) -> str:
    """Return the message, after a look that nothing was loaded."""
    before, steps = bits(model), model.preprocessing
    with pytest.raises(WorkbenchError) as caught:
        load_state_dict(model, weights, **options)
    assert bits(model) == before
    assert model.preprocessing == steps
    return str(caught.value)


def images(side: int = 8) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(2, side, side, 3)).astype("float32")


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


# Files.


PRECISIONS = ("float64", "float32", "float16", "bfloat16")


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (ending, kind)
        for ending in ("npz", "safetensors", "mapping")
        for kind in PRECISIONS
        if (ending, kind) != ("npz", "bfloat16")  # that has a test of its own
    ],
)
def test_files_and_mappings_of_any_precision_load(ending: str, kind: str, tmp_path: Path) -> None:
    dtype = np.dtype(ml_dtypes.bfloat16 if kind == "bfloat16" else kind)
    weights = {key: array.astype(dtype) for key, array in state().items()}
    path = tmp_path / f"net.{ending}"
    if ending == "npz":
        np.savez(path, **weights)  # type: ignore[arg-type]
    elif ending == "safetensors":
        save_file(weights, path)
    found, expected = small(), small()
    load_state_dict(found, weights if ending == "mapping" else path)
    load_state_dict(expected, {key: array.astype("float32") for key, array in weights.items()})
    assert bits(found) == bits(expected)
    assert found.preprocessing == IMAGENET.resized(8)


def test_bfloat16_that_npz_has_forgotten_is_told(tmp_path: Path) -> None:
    weights = {key: array.astype(ml_dtypes.bfloat16) for key, array in state().items()}
    np.savez(tmp_path / "net.npz", **weights)  # type: ignore[arg-type]
    message = refused(small(), tmp_path / "net.npz")
    assert "no numbers: conv1.weight has the type |V2" in message


def test_a_network_is_built_with_the_weights_of_a_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "net.npz", **state())  # type: ignore[arg-type]
    model = build_cnn("small", (8, 8, 3), 7, weights=tmp_path / "net.npz")
    np.testing.assert_array_equal(model.get_layer("fc2").bias, state()["fc2.bias"])


@pytest.fixture
def damaged(tmp_path: Path) -> dict[str, Path]:
    """Files that are not what their ending says."""
    save_file(state(), tmp_path / "net.safetensors")
    whole = (tmp_path / "net.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-5])
    (tmp_path / "head.safetensors").write_bytes(whole[:20])
    (tmp_path / "empty.safetensors").write_bytes(b"")
    save_file({"a.weight": np.zeros(2, ml_dtypes.float8_e4m3fn)}, tmp_path / "eight.safetensors")
    np.savez_compressed(tmp_path / "net.npz", **state())  # type: ignore[arg-type]
    whole = (tmp_path / "net.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "garbage.npz").write_bytes(b"no zip at all" * 9)
    (tmp_path / "crc.npz").write_bytes(whole[:90] + b"\xff" * 20 + whole[110:])
    np.savez(tmp_path / "pickle.npz", a=np.array([{}], object))
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    (tmp_path / "folder.npz").mkdir()
    return {path.name: path for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cut.safetensors", "cannot be read: .*file not fully covered"),
        ("head.safetensors", "cannot be read: .*invalid header"),
        ("empty.safetensors", "cannot be read: .*header too small"),
        ("eight.safetensors", "cannot be read: a.weight has numbers of the type F8_E4M3"),
        ("cut.npz", "cannot be read: it is no .npz file, or only a part of one"),
        ("garbage.npz", "cannot be read: it is no .npz file"),
        ("array.npz", "cannot be read: it is no .npz file"),
        ("crc.npz", "cannot be read: .*Make or fetch the file anew"),
        ("pickle.npz", "cannot be read: Object arrays cannot be loaded"),
        ("folder.npz", "There is no file"),
    ],
)
def test_damaged_files_are_told(name: str, message: str, damaged: dict[str, Path]) -> None:
    with pytest.raises(DataFileError, match=message) as caught:
        read_arrays(damaged[name])
    assert name in str(caught.value)


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_whatever_byte_is_wrong_it_is_a_data_file_error_or_none(
    ending: str, damaged: dict[str, Path], tmp_path: Path
) -> None:
    whole, rng = damaged[f"net.{ending}"].read_bytes(), np.random.default_rng(0)
    path, errors = tmp_path / f"one.{ending}", 0
    for place in rng.integers(0, len(whole), 300):
        byte = bytes([whole[place] ^ int(rng.integers(1, 256))])
        path.write_bytes(whole[:place] + byte + whole[place + 1 :])
        try:
            read_arrays(path)
        except DataFileError:
            errors += 1
    assert errors > 10  # safetensors has no sums, so that a wrong number is a number


def test_a_zip_of_anything_else_has_no_weights(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "net.npz", "w") as file:
        file.writestr("conv1.weight", "hello")
    assert "no numbers: conv1.weight has the type |S5" in refused(small(), tmp_path / "net.npz")


@pytest.mark.parametrize("name", ["net.pth", "net.h5", "net"])
def test_another_ending_is_refused_with_a_way_out(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ArgumentError, match=r"be a .safetensors or .npz file.*save_file"):
        load_state_dict(small(), tmp_path / name)


@pytest.mark.parametrize("weights", [None, 3, [np.zeros(3)], {1: np.zeros(3)}])
def test_weights_are_a_file_or_arrays_by_name(weights: Any) -> None:
    assert "weights must be a file, or arrays by name" in refused(small(), weights)


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
    assert "weights must fit small, by the names of 'the followed implementation'" in message
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
    assert "origin must be one of 'the followed implementation', 'caffe'" in message


def test_the_wrong_origin_is_told_of_the_right_one() -> None:
    message = refused(small(), state(), origin="caffe")
    assert "missing: stem.weight (3, 3, 3, 4)" in message
    assert "left over: conv1.weight" in message
    assert "By the names of 'the followed implementation' 14 of 14 weights are there" in message


def test_weights_of_another_network_are_told_by_names_of_both() -> None:
    other = {f"blocks.{i}.weight": np.zeros(2) for i in range(9)}
    message = refused(small(), other)
    assert "not one of the 9 arrays is a weight of it; nothing was loaded" in message
    assert "called blocks.0.weight, blocks.1.weight, blocks.2.weight and 6 more" in message
    assert "it has stem.weight, stem.norm.weight, stem.norm.bias and 11 more" in message
    assert "reads the names of 'the followed implementation', 'caffe'" in message
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


# Preprocessing.


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_preprocessing_travels_with_a_file(tmp_path: Path) -> None:
    metadata = {"preprocessing": json.dumps(BGR.settings()), "format": "pt"}
    save_file(state(), tmp_path / "net.safetensors", metadata=metadata)
    model = small(side=16)
    load_state_dict(model, tmp_path / "net.safetensors")
    assert model.preprocessing == BGR
    model.save(tmp_path / "net.keras")
    assert load_model(tmp_path / "net.keras").preprocessing == BGR


def test_what_is_handed_over_goes_before_what_the_file_tells(tmp_path: Path) -> None:
    metadata = {"preprocessing": json.dumps(BGR.settings())}
    save_file(state(), tmp_path / "net.safetensors", metadata=metadata)
    own = Preprocessing(8, None)
    model = small()
    load_state_dict(model, tmp_path / "net.safetensors", preprocessing=own)
    assert model.preprocessing == own


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        ("{size: 8}", "Expecting property name"),
        ('{"size": 8, "zoom": 2}', "unexpected keyword argument 'zoom'"),
        ('{"size": -8}', "size must be a positive integer"),
        ("[8]", "must be a mapping"),
        ("null", "must be a mapping"),
    ],
)
def test_metadata_that_are_no_preprocessing_are_told(
    kept: str, message: str, tmp_path: Path
) -> None:
    save_file(state(), tmp_path / "net.safetensors", metadata={"preprocessing": kept})
    with pytest.raises(DataFileError, match=r'The metadata "preprocessing"'):
        load_state_dict(small(), tmp_path / "net.safetensors")
    assert message in refused(small(), tmp_path / "net.safetensors")


@pytest.mark.parametrize("side", [8, 16])
def test_the_preprocessing_makes_what_the_model_takes(side: int) -> None:
    model = small(side=side)
    load_state_dict(model, state())
    assert model.preprocessing is not None
    photo = np.random.default_rng(0).integers(0, 256, (50, 40, 3), dtype="uint8")
    assert model(model.preprocessing(photo)).shape == (1, 7)


def test_a_preprocessing_for_other_images_than_the_models_is_refused() -> None:
    for steps in (Preprocessing(16), Preprocessing(8, mean=(0,), std=(1,))):
        message = refused(small(), state(), preprocessing=steps)
        assert "preprocessing must make images of the shape (8, 8, 3)" in message


def test_images_of_unknown_or_oblong_size_keep_the_usual_one() -> None:
    weights = state()
    for shape in ((None, None, 3), (8, 12, 3)):
        model = build_cnn("small", shape, None, seed=0)
        load_state_dict(model, weights)
        assert model.preprocessing == IMAGENET


def test_grey_images_have_no_usual_preprocessing_of_colours() -> None:
    model = build_cnn("small", (8, 8, 1), 7, seed=0)
    load_state_dict(model, {**state(), "conv1.weight": np.zeros((4, 1, 3, 3))})
    assert model.preprocessing is None
