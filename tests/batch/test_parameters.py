import math
from pathlib import Path

import pytest

from workbench.batch.parameters import (
    checked_values,
    declared_parameters,
    read_value,
    values_from_text,
)
from workbench.errors import ArgumentError, UnknownNameError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("50", 50),
        ("-3", -3),
        ("1e-6", 1e-6),
        ("0.5", 0.5),
        ("-inf", -math.inf),
        ("true", True),
        ("False", False),
        ("None", None),
        ("null", None),
        ("[2, 5, 1]", [2, 5, 1]),
        ("trainlm", "trainlm"),
        ("no", "no"),
        ("'50'", "50"),
        ("a, b", "a, b"),
    ],
)
def test_text_is_read_as_the_literal_it_is(text: str, value: object) -> None:
    read = read_value(text)
    assert read == value
    assert type(read) is type(value)


def test_nan_is_a_number() -> None:
    assert math.isnan(read_value("nan"))  # type: ignore[arg-type]


def test_declared_parameters_have_defaults_and_help(sample: Path) -> None:
    declared = declared_parameters(sample)
    assert list(declared) == ["epochs", "rate", "method", "sizes", "goal", "seed"]
    assert declared["epochs"].default == 10
    assert declared["epochs"].help == "training epochs"
    assert declared["goal"].default is None


def test_values_take_the_kind_of_their_default(sample: Path) -> None:
    pairs = [("epochs", "1e2"), ("rate", "1"), ("method", "50"), ("sizes", "(2, 1)"), ("goal", "0")]
    values = values_from_text(declared_parameters(sample), pairs)
    assert values == {"epochs": 100, "rate": 1.0, "method": "50", "sizes": [2, 1], "goal": 0}
    assert isinstance(values["epochs"], int)
    assert isinstance(values["rate"], float)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("epochs", "2.5", "epochs must be an integer, as its default 10 is. Received: epochs=2.5"),
        ("epochs", "true", "epochs must be an integer"),
        ("rate", "fast", "rate must be a number"),
        ("sizes", "5", "sizes must be a list such as its default"),
    ],
)
def test_a_value_of_another_kind_is_refused(
    sample: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        values_from_text(declared_parameters(sample), [(name, text)])


def test_an_unknown_parameter_is_told_with_the_nearest(sample: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"parameter 'epoch'\. Did you mean 'epochs'"):
        checked_values(declared_parameters(sample), {"epoch": 3})
