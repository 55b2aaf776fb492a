"""Packages that only deployment needs: what to say where one is missing.

They are the extra ``workbench[deploy]`` and are imported by the call that needs them, so that
everything else works without.
"""

from __future__ import annotations

from importlib.util import find_spec

from workbench.errors import WorkbenchError


class MissingPackageError(WorkbenchError, ImportError):
    """An optional package is not installed.

    Args:
        purpose: What cannot be done without, as the beginning of a sentence: ``"LiteRT files"``.
        missing: Names of the packages, as pip knows them.
    """

    def __init__(self, purpose: str, missing: list[str]):
        self.purpose, self.missing = purpose, missing
        super().__init__(
            f"{purpose} need the package{'s' if len(missing) > 1 else ''} "
            f"{' and '.join(missing)}. Install what deployment needs with: "
            'pip install "workbench[deploy]"'
        )


def require(purpose: str, *modules: str) -> None:
    """Raise unless all modules can be found; they are not imported.

    Args:
        purpose: What they are for; see `MissingPackageError`.
        modules: Their names; pip's are the same, but for hyphens.

    Raises:
        MissingPackageError: Some are not installed.
    """
    missing = [name.replace("_", "-") for name in modules if find_spec(name) is None]
    if missing:
        raise MissingPackageError(purpose, missing)
