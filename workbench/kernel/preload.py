"""Names that are bound when a cell first uses them.

Writing ``load_dataset("quadratic")`` in a fresh notebook works without an import, and a
notebook that never trains never loads Keras. The names a cell reads are taken from its
compiled code, so that a parameter or a local variable of the same name costs nothing.

Rejected: a namespace with ``__missing__`` (functions look their globals up in a real dict
only), lazy proxies (they spoil ``repr``, ``isinstance`` and tooltips) and importing
everything at start (seconds, for every notebook).
"""

from __future__ import annotations

import ast
import builtins
import dis
import importlib
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from types import CodeType
from typing import Any

import workbench

_MODULES = {"np": "numpy", "plt": "matplotlib.pyplot", "workbench": "workbench"}
# Line magics that look their argument up by themselves, past `Preload.visit`.
_INSPECTING = {"pinfo", "pinfo2", "pdef", "pdoc", "pfile", "psource", "prun"}
_IDENTIFIER = re.compile(r"(?<![\w.])[^\W\d]\w*")


def offered_names() -> tuple[str, ...]:
    """Return the names a cell may use without an import."""
    public = (name for name in dir(workbench) if not name.startswith("_"))
    return (*public, *_MODULES)


class Preload:
    """Bind offered names into a namespace just in time; a transformer of cells for IPython.

    A name the user has bound is never touched, and one that was deleted is offered again.

    Args:
        namespace: Where to bind, the shell's ``user_ns``.
        bound: Called with each name and value bound.
    """

    def __init__(
        self,
        namespace: Callable[[], MutableMapping[str, Any]],
        bound: Callable[[str, object], None] = lambda name, value: None,
    ):
        self._namespace, self._bound = namespace, bound
        self._offered = frozenset(offered_names())

    def visit(self, tree: ast.AST) -> ast.AST:
        """Bind what ``tree`` is going to read, and return it unchanged (IPython's protocol)."""
        self.bind(global_names(tree))
        return tree

    def bind(self, names: Iterable[str]) -> None:
        """Bind those of ``names`` that are offered and free."""
        for name in dict.fromkeys(names):
            namespace = self._namespace()
            if name not in self._offered or name in namespace or hasattr(builtins, name):
                continue
            try:
                value = _load(name)
            except ImportError as error:
                # Raising here would make IPython drop the transformer for good.
                warnings.warn(f"{name} could not be loaded: {error}", stacklevel=2)
                continue
            namespace[name] = value
            self._bound(name, value)


def global_names(tree: ast.AST) -> Iterator[str]:
    """Yield the names that running ``tree`` looks up as globals, in any of its functions."""
    yield from _inspected(tree)
    match tree:
        case ast.Module():
            mode = "exec"
        case ast.Expression():
            mode = "eval"
        case ast.Interactive():
            mode = "single"
        case _:
            return
    try:
        code = compile(
            tree,
            "<cell>",
            mode,
            flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            dont_inherit=True,
        )
    except (SyntaxError, ValueError, TypeError):
        return  # IPython compiles the same tree next and tells the user.
    yield from _loads(code)


def identifiers(text: str) -> list[str]:
    """Return the identifiers in ``text`` that are not attributes."""
    return _IDENTIFIER.findall(text)


def _loads(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        # LOAD_NAME, LOAD_GLOBAL and, from 3.12 on, LOAD_FROM_DICT_OR_GLOBALS.
        if instruction.opname.startswith("LOAD_") and instruction.opname.endswith(
            ("_NAME", "_GLOBAL", "_GLOBALS")
        ):
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _loads(constant)


def _inspected(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="run_line_magic"),
                args=[ast.Constant(value=str(magic)), ast.Constant(value=str(line)), *_],
            ) if magic in _INSPECTING:
                yield from identifiers(line)


def _load(name: str) -> object:
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    return getattr(workbench, name)
