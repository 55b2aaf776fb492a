"""Keep TensorFlow's start-up chatter out of notebooks.

TensorFlow's libraries write several lines about oneDNN and absent GPUs straight to file
descriptor 2 while they are loaded, before any of its settings is looked at. They would stand
in red above the first result of every lesson. Whatever else is written in that time, and
everything if the import fails, comes through.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

# Abseil's format: severity and date, time, thread, file.cc:line. Errors are kept.
_CHATTER = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog|[IW]\d{4} \S+ +\d+ \S+:\d+\]"
    rb"|To enable the following instructions:"
)


class QuietImport(MetaPathFinder):
    """Load one module with `muted` around it.

    Args:
        module: Its name.
    """

    def __init__(self, module: str = "tensorflow"):
        self.module = module

    def install(self) -> None:
        """Take effect for the rest of the process."""
        sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module's usual spec with a loader that is quiet (the import protocol)."""
        if fullname != self.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _QuietLoader(spec.loader)
        return spec


class _QuietLoader(Loader):
    def __init__(self, loader: Loader):
        self._loader = loader

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)  # get_source, resources: what inspection asks for

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        with muted():
            self._loader.exec_module(module)


@contextmanager
def muted() -> Iterator[None]:
    """Hold back what is written to file descriptor 2 and let all but the chatter through."""
    sys.stderr.flush()
    outlet = os.dup(2)
    failed = True
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
            failed = False
        finally:
            sys.stderr.flush()
            os.dup2(outlet, 2)
            os.close(outlet)
            held.seek(0)
            for line in held:
                if failed or not _CHATTER.match(line):
                    os.write(2, line)
