"""A progress bar for whatever takes longer than a second, in terminals and notebooks alike."""

from __future__ import annotations

import warnings
from time import perf_counter
from types import TracebackType
from typing import Any

_PATIENCE = 1.0  # seconds before a bar shows; what ends sooner leaves no trace
_INTERVAL = 0.1  # seconds between two changes of it


def bar(total: int | None, description: str, unit: str, *, enabled: bool) -> Bar:
    """Return a bar, to be used in a ``with`` statement.

    Args:
        total: Units of work in all, if known.
        description: What is going on.
        unit: What is counted: ``"epoch"``.
        enabled: False shows nothing.
    """
    return Bar({"total": total, "desc": description, "unit": f" {unit}s"}, enabled)


class Bar:
    """The part of tqdm's interface used here, over a tqdm bar that is made when it is due.

    tqdm's own ``delay`` was rejected: a bar that never shows would still cost every short call
    the import, and in a notebook a widget.

    Args:
        settings: Arguments of tqdm.
        enabled: False shows nothing.
    """

    def __init__(self, settings: dict[str, Any], enabled: bool):
        self._settings = settings
        self._began = perf_counter()
        self._due = self._began + _PATIENCE if enabled else float("inf")
        self._count = 0
        self._postfix: dict[str, object] = {}
        self._shown: Any = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown is not None:
            self._shown.close()

    def update(self, n: int = 1) -> None:
        """Count ``n`` more units as done, and show that when it is due."""
        self._count += n
        now = perf_counter()
        if now < self._due:
            return
        if self._shown is None:
            self._shown = self._made(now - self._began)
        self._shown.set_postfix(self._postfix, refresh=False)
        self._shown.update(self._count - self._shown.n)
        self._due = now + _INTERVAL

    def set_postfix(self, refresh: bool = False, **postfix: object) -> None:
        """Set what stands behind the bar from its next change on; never redraws by itself."""
        self._postfix = postfix

    def _made(self, elapsed: float) -> Any:
        from tqdm import TqdmWarning

        with warnings.catch_warnings():
            # Without ipywidgets the bar is text, and that is fine.
            warnings.simplefilter("ignore", category=TqdmWarning)
            from tqdm.auto import tqdm

        # Its own pacing would swallow the first change, and its smoothing would take all that
        # was done before it showed for the work of an instant.
        pace: dict[str, Any] = {"mininterval": 0, "smoothing": 0}
        made = tqdm(**self._settings, **pace, leave=False, dynamic_ncols=True)
        made.start_t -= elapsed
        return made
