"""Converters and runtimes without their chatter."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from workbench.muting import ABSEIL, muted

# Beside Abseil's lines the converter's settings, and the delegate that was chosen.
_CHATTER = re.compile(ABSEIL + rb"|fully_quantize: \d|INFO: |WARNING: Attempting to use a delegate")
# By converters: of int8 input ranges that no network trained for them declares; of a patch that
# Keras applies to tf2onnx; of variables that Keras writes through NumPy's older interface.
_REMARKS = (
    (UserWarning, "Statistics for quantized inputs were expected"),
    (FutureWarning, r"In the future `np\.object` will be defined"),
    (DeprecationWarning, "__array__ implementation doesn't accept a copy keyword"),
)


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back the chatter of a conversion; errors and other warnings come through."""
    # In a notebook this logger tells of every file that it writes, on standard output.
    logger = logging.getLogger("tensorflow")
    level = logger.level
    with warnings.catch_warnings(), muted(_CHATTER):
        for category, message in _REMARKS:
            warnings.filterwarnings("ignore", message, category)
        logger.setLevel(max(level, logging.WARNING))
        try:
            yield
        finally:
            logger.setLevel(level)
