"""Files of weights: precisions, damage, and the preprocessing that they tell."""

import json
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file
from small_network import BGR, SMALL, bits, refused, small, state

from workbench import load_model
from workbench.cnn import Preprocessing, build_cnn, load_state_dict
from workbench.cnn.preprocessing import IMAGENET
from workbench.cnn.spec import ZOO
from workbench.cnn.weight_file import read_arrays
from workbench.errors import ArgumentError, DataFileError


@pytest.fixture(autouse=True)
def _a_small_network_is_in_the_zoo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ZOO._members, "small", lambda: SMALL)


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
    with pytest.raises(ArgumentError, match=r"be a .safetensors, .npz or .tflite file.*save_file"):
        load_state_dict(small(), tmp_path / name)


@pytest.mark.parametrize("weights", [None, 3, [np.zeros(3)], {1: np.zeros(3)}])
def test_weights_are_a_file_or_arrays_by_name(weights: Any) -> None:
    assert "weights must be a file, or arrays by name" in refused(small(), weights)


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
