"""An objective on its way to other processes.

cloudpickle (https://github.com/cloudpipe/cloudpickle) sends by value what the others cannot
import: lambdas, closures, and what a notebook or script defines.
"""

from __future__ import annotations

import threading
import traceback
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ArgumentError, WorkbenchError
from workbench.evolve.ledger import Objective

Floats = NDArray[np.float64]

_ONE_AT_A_TIME = threading.Lock()


def packed(objective: Objective) -> Sent:
    """Return the objective, pickled.

    Raises:
        ArgumentError: It cannot be pickled.
    """
    import cloudpickle  # type: ignore[import-untyped]

    try:
        return Sent(cloudpickle.dumps(objective))
    except Exception as error:
        raise ArgumentError(
            "objective",
            "be something that can be pickled, to be sent to other processes",
            f"{objective!r}, which cannot ({type(error).__name__}: {error})",
            "Compiled Keras functions, locks and open files cannot be sent. Write a class at the "
            "top of a module that holds arrays and settings, and builds its model when it is "
            "called for the first time; an instance of it can be sent.",
        ) from error


class Sent:
    """An objective on its way: pickled once, unpacked once in each process that calls it.

    Dask copies it from worker to worker as it sees fit. The copies in one process share what was
    unpacked there, and it goes with the last of them.
    """

    def __init__(self, packed: bytes):
        self.packed = packed
        with _ONE_AT_A_TIME:
            self._unpacked = _UNPACKED.setdefault(packed, Unpacked())

    def __reduce__(self) -> tuple[Any, ...]:
        return Sent, (self.packed,)

    def __call__(self, piece: Floats) -> Any:
        """Return what the objective makes of some rows, as arrays: one, or a pair; or `Raised`."""
        # Workers of Dask may have threads. Few objectives are safe in several of them at once,
        # none that sets the weights of a model is.
        with _ONE_AT_A_TIME:
            try:
                if self._unpacked.objective is None:
                    self._unpacked.objective = _unpacked(self.packed)
                returned: Any = self._unpacked.objective(piece)
                # Here and not at home, where a tensor's library may be missing.
                if isinstance(returned, tuple):
                    return tuple(np.asarray(part) for part in returned)
                return np.asarray(returned)
            except Exception as error:  # noqa: BLE001 - it is raised again at home
                return Raised(error)


class Unpacked:
    """What an objective was unpacked to in this process, once it has been called."""

    objective: Objective | None = None


_UNPACKED: WeakValueDictionary[bytes, Unpacked] = WeakValueDictionary()


def _unpacked(packed: bytes) -> Objective:
    import cloudpickle

    try:
        return cloudpickle.loads(packed)
    except (ImportError, AttributeError) as error:
        raise WorkbenchError(
            f"A worker could not unpack the objective: {error}. Its module must be one that every "
            "worker can import: install it there, or write the objective in the notebook or "
            "script itself."
        ) from error


class Raised:
    """An error of the objective on its way home.

    It travels as a value, for an error whose class wants other arguments than its message (most
    of this package's do) cannot be unpickled as it is, which would end the whole pool.
    """

    def __init__(self, error: Exception):
        self.packed = _packed_error(error)
        self.told = "In a worker:\n" + "".join(traceback.format_exception(error))

    def error(self) -> Exception:
        """Return the error as it was, with the traceback of the worker for a note."""
        error = _error(self.packed)
        error.add_note(self.told)
        return error


def _packed_error(error: Exception) -> bytes:
    import cloudpickle

    for form in (error, (type(error), error.args, vars(error))):
        try:
            packed: bytes = cloudpickle.dumps(form)
            if type(_error(packed)) is type(error):
                return packed
        except Exception:  # noqa: BLE001 - whatever it is, then this form cannot be sent
            continue
    return cloudpickle.dumps(WorkbenchError(f"{type(error).__name__}: {error}"))


def _error(packed: bytes) -> Exception:
    import cloudpickle

    form = cloudpickle.loads(packed)
    if not isinstance(form, tuple):
        return form
    kind, args, attributes = form
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error
