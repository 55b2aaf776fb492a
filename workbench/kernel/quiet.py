"""Keep TensorFlow's start-up chatter out of notebooks.

TensorFlow's libraries write several lines about oneDNN and absent GPUs straight to file
descriptor 2 while they are loaded, before any of its settings is looked at. They would stand
in red above the first result of every lesson. How they are held back is in `workbench.muting`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from workbench.muting import ABSEIL, muted

CHATTER = re.compile(ABSEIL + rb"|To enable the following instructions:")


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
        with muted(CHATTER):
            self._loader.exec_module(module)
