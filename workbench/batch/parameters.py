"""What may be set in a notebook: the assignments in its cell tagged ``parameters``."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ArgumentError, UnknownNameError

# Words that people write for Python's constants, as YAML and papermill have them.
_CONSTANTS = {"true": True, "false": False, "null": None, "none": None}
_KINDS = {bool: "True or False", int: "an integer", float: "a number", str: "a string"}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook.

    Attributes:
        name: The variable it sets.
        source: The default as it is written in the notebook.
        default: The default's value, or the source if that is no literal.
        help: The comment behind it.
    """

    name: str
    source: str
    default: object
    help: str

    @property
    def is_literal(self) -> bool:
        """Whether the default is a literal, so that values can be checked against it."""
        return _literal(self.source)[0]


def declared_parameters(notebook: Path) -> dict[str, Parameter]:
    """Return the parameters of a notebook in their order.

    Args:
        notebook: Path of the .ipynb file.
    """
    from papermill import inspect_notebook

    # papermill takes braces in a path for a template to fill in.
    path = str(notebook).replace("{", "{{").replace("}", "}}")
    return {
        name: Parameter(name, found["default"], _literal(found["default"])[1], found["help"])
        for name, found in inspect_notebook(path).items()
    }


def read_value(text: str) -> object:
    """Return what ``text`` from a command line stands for: a literal, or itself.

    ``50``, ``1e-6``, ``nan``, ``-inf``, ``true``, ``None``, ``[2, 5, 1]`` are read as such, and
    ``trainlm`` is a string.
    """
    stripped = text.strip()
    if stripped.lower() in _CONSTANTS:
        return _CONSTANTS[stripped.lower()]
    for read in (int, float):
        try:
            return read(stripped)
        except ValueError:
            continue
    return _literal(text)[1]


def checked_values(
    declared: Mapping[str, Parameter], given: Mapping[str, object]
) -> dict[str, object]:
    """Return ``given`` as the notebook takes it.

    A value has to be of its default's kind. An integral float is welcome for an integer, an
    integer for a float, and any sequence for a list; a default of None takes everything.

    Raises:
        UnknownNameError: The notebook has no parameter of that name.
        ArgumentError: A value is of another kind than its default.
    """
    values = {}
    for name, value in given.items():
        if name not in declared:
            raise UnknownNameError("parameter", name, declared)
        values[name] = _converted(declared[name], value)
    return values


def values_from_text(
    declared: Mapping[str, Parameter], pairs: Sequence[tuple[str, str]]
) -> dict[str, object]:
    """Return the values that pairs of name and text, from a command line, stand for."""
    given: dict[str, object] = {}
    for name, text in pairs:
        verbatim = name in declared and isinstance(declared[name].default, str)
        given[name] = text if verbatim and declared[name].is_literal else read_value(text)
    return checked_values(declared, given)


def _converted(parameter: Parameter, value: object) -> object:
    default = parameter.default
    if default is None or not parameter.is_literal:
        return value
    if isinstance(default, list | tuple):
        if isinstance(value, list | tuple):
            return type(default)(value)
        raise ArgumentError(
            parameter.name, f"be a list such as its default {parameter.source}", value
        )
    kind = type(default)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is float and number:
        return float(value)  # type: ignore[arg-type]
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    wanted = _KINDS.get(kind, f"a {kind.__name__}")
    raise ArgumentError(parameter.name, f"be {wanted}, as its default {parameter.source} is", value)


def _literal(source: str) -> tuple[bool, object]:
    try:
        return True, ast.literal_eval(source.strip())
    except (ValueError, SyntaxError):
        return False, source
