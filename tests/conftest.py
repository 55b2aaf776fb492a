"""What holds for all tests: no window, no chatter, and the global generators left alone."""

import os
import random
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def _numpy_state() -> tuple[object, ...]:
    name, keys, position, *rest = np.random.get_state()  # noqa: NPY002
    return (name, keys.tobytes(), position, *rest)


@pytest.fixture(autouse=True)
def _ctrl_c_interrupts() -> None:
    # A shell lets its jobs in the background ignore it, and an event loop may have left another
    # handler: a test that sends Ctrl-C would then wait for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _numpys_global_generator_is_untouched() -> Iterator[None]:
    before = _numpy_state()
    yield
    assert _numpy_state() == before, "the test used or seeded numpy.random's global generator"


@pytest.fixture(scope="module")
def committed(request: pytest.FixtureRequest) -> Any:
    """The notebook as it is committed of the lesson that the module is about, its LESSON."""
    import nbformat

    from workbench.batch.lesson import LESSONS

    return nbformat.read(LESSONS[request.module.LESSON].path, as_version=4)


@pytest.fixture(scope="module")
def results(committed: Any) -> dict[str, Any]:
    """What that notebook has recorded."""
    from workbench.batch.recording import recorded

    return recorded(committed)


@pytest.fixture
def untouched_generators() -> Iterator[None]:
    """Fail if the test changes Python's global generator; NumPy's is always watched.

    Not for every test: Keras draws the seed of any layer that is given none from it.
    """
    before = random.getstate()
    yield
    assert random.getstate() == before, "the test used or seeded Python's global generator"
