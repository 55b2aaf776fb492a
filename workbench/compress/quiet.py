"""Converters and runtimes without their chatter.

TensorFlow's converter and the LiteRT runtime report their settings straight to file descriptor 2,
past Python's ``sys.stderr`` and every log level. What is known to be such a report is held back;
the rest, and what other threads write meanwhile, comes through at the end.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# Abseil's information and warnings, the converter's settings, the delegate that was chosen.
_CHATTER = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog|[IW]\d{4} \S+ +\d+ \S+:\d+\]"
    rb"|fully_quantize: \d|INFO: |WARNING: Attempting to use a delegate"
)
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
    with warnings.catch_warnings():
        for category, message in _REMARKS:
            warnings.filterwarnings("ignore", message, category)
        with _descriptor_held():
            yield


@contextmanager
def _descriptor_held() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, and let all but the chatter through."""
    sys.stderr.flush()
    outlet = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(outlet, 2)
            held.seek(0)
            for line in held:
                if not _CHATTER.match(line):
                    os.write(outlet, line)
            os.close(outlet)
