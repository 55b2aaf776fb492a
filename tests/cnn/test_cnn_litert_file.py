"""LiteRT files read as data: what the generated reader finds, and damage of every kind."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="pip install workbench[deploy]")

from ai_edge_litert import schema_py_generated as schema
from litert_files import changed, converted, kind, network, operators, packed, table, unpacked

from workbench.cnn import load_state_dict
from workbench.cnn.litert_file import KINDS, TYPES, LiteRTTensor, Quantisation, read_litert
from workbench.cnn.spec import ZOO
from workbench.errors import DataFileError, WorkbenchError


@pytest.fixture(autouse=True)
def _a_small_network_is_in_the_zoo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ZOO._members, "small", table)


@pytest.fixture(params=[False, True], ids=["float", "int8"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Any]:
    path = tmp_path / "net.tflite"
    path.write_bytes(converted(request.param))
    return path, unpacked(converted(request.param))


def test_tensors_are_those_that_the_generated_reader_finds(file: tuple[Path, Any]) -> None:
    path, model = file
    graph, expected = read_litert(path), model.subgraphs[0]
    assert len(graph.tensors) == len(expected.tensors) > 50
    assert (graph.inputs, graph.outputs) == (tuple(expected.inputs), tuple(expected.outputs))
    for ours, theirs in zip(graph.tensors, expected.tensors, strict=True):
        assert ours.name == theirs.name.decode()
        assert ours.shape == tuple(theirs.shape if theirs.shape is not None else ())
        assert ours.dtype == TYPES[theirs.type]
        data = model.buffers[theirs.buffer].data
        assert (ours.data is None) == (data is None)
        if ours.data is not None:
            assert ours.data.tobytes() == data.tobytes()
        quantised = theirs.quantization is not None and theirs.quantization.scale is not None
        assert (ours.quantisation is not None) == quantised
        if ours.quantisation is not None:
            np.testing.assert_array_equal(ours.quantisation.scale, theirs.quantization.scale)
            np.testing.assert_array_equal(
                ours.quantisation.zero_point, theirs.quantization.zeroPoint
            )
            assert ours.quantisation.axis == theirs.quantization.quantizedDimension


def test_operators_are_those_that_the_generated_reader_finds(file: tuple[Path, Any]) -> None:
    path, model = file
    graph, seen = read_litert(path), set()
    words = {0: None, 1: "relu", 3: "relu6"}
    for ours, theirs in zip(graph.operators, model.subgraphs[0].operators, strict=True):
        name = kind(model, theirs)
        assert ours.kind in (name, f"BUILTIN {getattr(schema.BuiltinOperator, name)}")
        assert ours.inputs == tuple(theirs.inputs)
        assert ours.outputs == tuple(theirs.outputs)
        if name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            options = theirs.builtinOptions
            assert ours.padding == ("same", "valid")[options.padding]
            assert ours.strides == (options.strideH, options.strideW)
            assert ours.dilations == (options.dilationHFactor, options.dilationWFactor)
        if name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD"):
            assert ours.activation == words[theirs.builtinOptions.fusedActivationFunction]
            seen.add((name, ours.activation, ours.strides))
    assert ("CONV_2D", "relu6", (2, 2)) in seen
    assert ("CONV_2D", None, (1, 1)) in seen


def test_kinds_and_types_have_the_numbers_of_the_schema() -> None:
    assert all(getattr(schema.BuiltinOperator, name) == number for number, name in KINDS.items())
    for number, type_ in TYPES.items():
        name = np.dtype(type_).name.upper()
        assert getattr(schema.TensorType, name) == number


def test_whole_numbers_mean_what_scale_and_zero_point_say() -> None:
    data = np.array([[-128, 0, 127], [1, 2, 3]], np.int8)
    one = Quantisation(np.array([0.5], "float32"), np.array([-1]))
    rows = Quantisation(np.array([0.5, 2], "float32"), np.array([0, 1]), 0)
    kept = LiteRTTensor("a", (2, 3), data.dtype, data, one)
    each = LiteRTTensor("a", (2, 3), data.dtype, data, rows)
    np.testing.assert_array_equal(kept.real, [[-63.5, 0.5, 64], [1, 1.5, 2]])
    np.testing.assert_array_equal(each.real, [[-64, 0, 63.5], [0, 2, 4]])
    bias = np.array([2**31 - 1], np.int32)
    scale = Quantisation(np.array([2**-20], "float32"), np.array([0]))
    found = LiteRTTensor("b", (1,), bias.dtype, bias, scale).real
    assert found[0] == np.float32((2**31 - 1) / 2**20)
    with pytest.raises(ValueError, match="c is not a constant"):
        LiteRTTensor("c", (1,), bias.dtype).real  # noqa: B018


def test_numbers_behind_all_tables_are_found(tmp_path: Path) -> None:
    def move(model: Any) -> None:
        buffer = model.buffers[tensor.buffer]
        buffer.data, buffer.offset, buffer.size = None, place, len(numbers)

    model = unpacked(converted(False))
    graph = model.subgraphs[0]
    number = next(
        n for n, t in enumerate(graph.tensors) if model.buffers[t.buffer].data is not None
    )
    tensor, place = graph.tensors[number], 1 << 40
    numbers = model.buffers[tensor.buffer].data.tobytes()
    move(model)
    place = len(packed(model))
    move(model)
    path = tmp_path / "net.tflite"
    path.write_bytes(packed(model))
    with pytest.raises(DataFileError, match="something in it lies outside of it"):
        read_litert(path)
    path.write_bytes(packed(model) + numbers)
    found = read_litert(path).tensors[number].data
    assert found is not None
    assert found.tobytes() == numbers


def test_packed_and_unknown_types_are_left_alone(tmp_path: Path) -> None:
    def pack(model: Any) -> None:
        for tensor in model.subgraphs[0].tensors:
            if tensor.type == schema.TensorType.INT8:
                tensor.type = schema.TensorType.INT4

    graph = read_litert(changed(tmp_path, pack, whole_numbers=True))
    assert sum(tensor.dtype is None and tensor.data is None for tensor in graph.tensors) > 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: b"", "its bytes 5 to 8 must be TFL3, and are b''"),
        (lambda file: file[:5], "its bytes 5 to 8 must be TFL3"),
        (lambda file: b"no LiteRT file at all", "its bytes 5 to 8 must be TFL3"),
        (lambda file: file[:8], "something in it lies outside of it"),
        (lambda file: file[: len(file) // 2], "something in it lies outside of it"),
        (lambda file: b"\xff\xff\xff\xff" + file[4:], "something in it lies outside of it"),
    ],
)
def test_damaged_files_are_told(change: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(change(converted(False)))
    with pytest.raises(DataFileError, match=f"net.tflite cannot be read: {message}.*anew"):
        read_litert(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="There is no file"):
        read_litert(tmp_path / "net.tflite")


def broken(what: str) -> Any:
    """Return a change that leaves a file which no converter writes."""

    def change(model: Any) -> None:
        graph = model.subgraphs[0]
        first = operators(model, "CONV_2D")[0]
        if what == "graph":
            model.subgraphs = []
        elif what == "tensor":
            first.inputs = [*first.inputs[:-1], len(graph.tensors)]
        elif what == "buffer":
            graph.tensors[0].buffer = len(model.buffers)
        elif what == "kind":
            first.opcodeIndex = len(model.operatorCodes)
        elif what == "shape":
            graph.tensors[first.inputs[1]].shape = [8, 3, 3, 4]
        elif what == "scales":
            graph.tensors[first.inputs[1]].quantization.scale = [1.0, 2.0]
        elif what == "padding":
            first.builtinOptions.padding = 7
        elif what == "stride":
            first.builtinOptions.strideH = 0
        elif what == "inputs":
            first.inputs = first.inputs[:1]
        else:
            first.inputs = [first.inputs[0], -1]

    return change


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("graph", "there is no graph in it"),
        ("tensor", "it names tensor [0-9]+ of [0-9]+"),
        ("buffer", "names buffer [0-9]+ of [0-9]+"),
        ("kind", "it names kind [0-9]+ of [0-9]+ operators"),
        ("shape", r"of shape \(8, 3, 3, 4\) has 216 bytes"),
        ("scales", r"of shape \(8, 3, 3, 3\) has 2 scales"),
        ("padding", "an operator has setting 7 of 2"),
        ("stride", r"a convolution has strides \(0, 2\)"),
        ("inputs", "CONV_2D has 1 inputs"),
        ("left away", "CONV_2D has an input that is left away"),
    ],
)
def test_what_contradicts_itself_is_told(what: str, message: str, tmp_path: Path) -> None:
    path = changed(tmp_path, broken(what), whole_numbers=True)
    with pytest.raises(DataFileError, match=message):
        read_litert(path)


def test_whatever_byte_is_wrong_it_is_an_error_of_ours_or_none(file: tuple[Path, Any]) -> None:
    path, _ = file
    whole, rng, errors = path.read_bytes(), np.random.default_rng(0), 0
    model = network()
    for place in rng.integers(0, len(whole), 80):
        byte = bytes([whole[place] ^ int(rng.integers(1, 256))])
        path.write_bytes(whole[:place] + byte + whole[place + 1 :])
        try:
            load_state_dict(model, path)
        except WorkbenchError:
            errors += 1
    assert errors > 5  # there are no sums, so that a wrong number is a number
