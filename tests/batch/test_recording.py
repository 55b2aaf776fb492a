import json
import math

import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from workbench.batch.recording import MIME, encode, record, recorded
from workbench.errors import ArgumentError


@pytest.mark.parametrize("number", [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 4e-7])
def test_floats_keep_every_digit(number: float) -> None:
    assert json.loads(json.dumps(encode("x", number))) == number
    assert json.loads(json.dumps(encode("x", np.float64(number)))) == number


def test_single_precision_keeps_its_value() -> None:
    assert encode("x", np.float32(0.1)) == float(np.float32(0.1))


@pytest.mark.parametrize(
    ("value", "text"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")]
)
def test_what_json_has_no_word_for_becomes_a_string(value: float, text: str) -> None:
    assert encode("x", value) == text
    assert encode("x", np.array([value])) == [text]


def test_arrays_scalars_and_frames_become_plain() -> None:
    frame = pd.DataFrame({"name": ["a", "b"], "mse": [1.5, math.nan]})
    assert encode("x", np.arange(4).reshape(2, 2)) == [[0, 1], [2, 3]]
    assert encode("x", (np.int64(3), np.bool_(True), None)) == [3, True, None]
    assert encode("x", frame) == [{"name": "a", "mse": 1.5}, {"name": "b", "mse": "NaN"}]
    assert encode("x", {1: {"a": np.float64(2)}}) == {"1": {"a": 2.0}}


def test_a_value_of_another_kind_is_named_with_its_place() -> None:
    with pytest.raises(ArgumentError, match=r"x\['a'\]\[1\] must be a number.*type complex"):
        encode("x", {"a": [1, 2j]})


def test_times_have_to_be_named() -> None:
    with pytest.raises(ArgumentError, match="times must be a mapping"):
        record(times=3.0)


def test_what_is_displayed_can_be_read_back() -> None:
    InteractiveShell.instance()
    try:
        with capture_output() as captured:
            record(mse=0.25, name="trainlm")
    finally:
        InteractiveShell.clear_instance()
    (output,) = captured.outputs
    assert output.data["text/plain"] == 'mse = 0.25\nname = "trainlm"'
    assert output.data[MIME] == {"mse": 0.25, "name": "trainlm"}


def test_later_cells_win() -> None:
    def cell(**values: float) -> dict[str, object]:
        return {"outputs": [{"data": {MIME: values}}, {"name": "stdout"}]}

    notebook = {"cells": [cell(a=1, b=2), {"source": "words"}, cell(b=3)]}
    assert recorded(notebook) == {"a": 1, "b": 3}
