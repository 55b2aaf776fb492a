"""File descriptor 2 without known chatter.

TensorFlow's libraries, its converter and the LiteRT runtime report settings straight to file
descriptor 2, past Python's ``sys.stderr`` and every log level. What is known to be such a report is
dropped; everything else, what other threads write meanwhile included, comes through at the end,
and all of it if what ran has failed.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# Abseil's format: severity and date, time, thread, file.cc:line. Errors are kept.
ABSEIL = rb"WARNING: All log messages before absl::InitializeLog|[IW]\d{4} \S+ +\d+ \S+:\d+\]"


@contextmanager
def muted(chatter: re.Pattern[bytes]) -> Iterator[None]:
    """Hold back what is written to file descriptor 2, and let all but the chatter through.

    Args:
        chatter: Matches the beginning of a line that is to be dropped.
    """
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
                if failed or not chatter.match(line):
                    os.write(2, line)
