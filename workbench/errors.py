"""The errors this package raises on purpose.

Every message says which argument is wrong, what it must be, what came, and what to do about
it. Each class also derives from the built-in exception that callers of SciPy and
scikit-learn already catch, so ``except ValueError`` keeps working.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WorkbenchError(Exception):
    """Base of all errors raised on purpose by this package."""


class ArgumentError(WorkbenchError, ValueError):
    """An argument does not meet its requirement.

    Args:
        argument: Name of the offending argument.
        requirement: What it must be, as the end of the sentence "``argument`` must ...".
        received: What came instead; shown with ``repr`` unless it is already a string.
        remedy: A full sentence that says what to do, or nothing.
    """

    def __init__(self, argument: str, requirement: str, received: object, remedy: str = ""):
        self.argument, self.requirement = argument, requirement
        self.received, self.remedy = received, remedy
        shown = received if isinstance(received, str) else f"{argument}={received!r}"
        super().__init__(f"{argument} must {requirement}. Received: {shown}. {remedy}".rstrip())


class UnknownNameError(WorkbenchError, LookupError):
    """A name is not registered; the message offers the nearest known one.

    Args:
        kind: What was looked up, for example ``"data set"``.
        name: The name that came.
        known: The names there are.
    """

    def __init__(self, kind: str, name: object, known: Iterable[str]):
        self.kind, self.name, self.known = kind, name, sorted(known)
        folded = {k.lower(): k for k in self.known}
        near = difflib.get_close_matches(str(name).lower(), list(folded), n=1, cutoff=0.5)
        hint = f"Did you mean {folded[near[0]]!r}? " if near else ""
        super().__init__(f"Unknown {kind} {name!r}. {hint}Known: {', '.join(self.known)}.")


class DataFileError(WorkbenchError, OSError):
    """A data file is missing, damaged or not in the expected form."""


class ModelError(WorkbenchError, ValueError):
    """A Keras model cannot be used for what was asked of it."""
