"""A training as it goes: a panel in notebooks, after MATLAB's ``nntraintool``, elsewhere a bar.

The panel shows where each quantity started, where it is and where it would end the training,
and the curve of the performance. It needs someone who looks: a front end that lets a cell ask
its user for input. One that executes a notebook in a batch (papermill, nbconvert) does not, and
gets the bar. An environment variable for batches was rejected: only our own would set it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from html import escape
from time import perf_counter
from types import TracebackType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.progress import Bar
from workbench.training.curve import curve_svg

_PATIENCE = 1.0  # seconds before the panel shows; what ends sooner leaves no trace
_INTERVAL = 0.25  # seconds between two changes of it

_NAMES = {"perf": "Performance", "gradient": "Gradient", "val_fail": "Validation checks"}
_CELL = "padding:2px 10px;border:none;text-align:right;white-space:nowrap;"


def panel_or_bar(
    limits: Mapping[str, float],
    total: int | None,
    description: str,
    unit: str,
    *,
    enabled: bool,
    steps: int | None = None,
) -> Panel | PlainBar:
    """Return what shows a training, to be used in a ``with`` statement.

    Both have ``update(n)`` and ``set_postfix(...)`` as `workbench.progress.Bar`, and
    ``show(values)``, which is to be called before ``update``.

    Args:
        limits: Values that end the training, by the names that are shown; ``"seconds"`` for the
            time. Names may be missing, and infinite values mean no limit.
        total: Most units of work, if known.
        description: What is going on, such as the method.
        unit: What is counted: ``"epoch"``.
        enabled: False shows nothing.
        steps: Parts of a unit, where one takes so long that the bar is to move within it:
            ``update`` then counts these.
    """
    request = _request()
    if request is None or not enabled:
        settings: dict[str, Any] = {"total": total, "desc": description, "unit": f" {unit}s"}
        if steps is not None:
            settings |= {"total": None if total is None else total * steps, "unit": " steps"}
        return PlainBar(settings, enabled)
    return Panel(limits, total, description, unit, str(request["header"]["msg_id"]))


class PlainBar(Bar):
    """A bar with the performance behind it."""

    def show(self, values: Mapping[str, ArrayLike]) -> None:
        """Take the values of further epochs; see `Panel.show`."""
        if "perf" in values:
            self.set_postfix(perf=f"{np.ravel(values['perf'])[-1]:.3g}")


class Panel:
    """A panel below the cell, updated in place and left there in its last state.

    A further training of the same cell takes its place, as in MATLAB's one window.

    Args:
        limits: As of `panel_or_bar`.
        total: As of `panel_or_bar`.
        description: As of `panel_or_bar`.
        unit: As of `panel_or_bar`.
        cell: What tells the executions of cells apart.
    """

    _displayed: ClassVar[str] = ""  # the cell that has a panel

    def __init__(
        self,
        limits: Mapping[str, float],
        total: int | None,
        description: str,
        unit: str,
        cell: str,
    ):
        self._limits, self._total = dict(limits), total
        self._description, self._unit, self._cell = description, unit, cell
        self._began = perf_counter()
        self._due = self._began + _PATIENCE
        self._count = 0
        self._note = ""
        self._shown = False
        self._pieces: list[Mapping[str, ArrayLike]] = []

    def __enter__(self) -> Panel:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            self._draw(perf_counter())

    def show(self, values: Mapping[str, ArrayLike]) -> None:
        """Take the values of further epochs; never redraws by itself.

        Args:
            values: By name a number, or an array of the numbers of all epochs since the last
                call, epoch 0 included: ``perf``, ``vperf``, ``tperf``, ``gradient``,
                ``val_fail`` and the traces of the method; the same names each time.
        """
        self._pieces.append(values)

    def set_postfix(self, refresh: bool = False, **postfix: object) -> None:
        """Set what stands behind the description from the next change on."""
        self._note = ", ".join(f"{name}={value}" for name, value in postfix.items())

    def update(self, n: int = 1) -> None:
        """Count ``n`` more units as done, and show everything when it is due."""
        self._count += n
        now = perf_counter()
        if now >= self._due:
            self._draw(now)
            self._due = perf_counter() + _INTERVAL  # a slow front end may not slow the training

    def _draw(self, now: float) -> None:
        from IPython.display import display, update_display

        history = _merged(self._pieces)
        self._pieces = [history] if history else []
        # Epoch 0 is the untrained network, and a step that was taken but not looked at yet
        # does not count.
        count = len(next(iter(history.values()))) - 1 if history else self._count
        html = panel_html(
            self._description + (f" ({self._note})" if self._note else ""),
            history,
            {f"{self._unit}s": self._total or math.inf, **self._limits},
            count,
            now - self._began,
            self._unit,
        )
        plain = f"{self._description}: {count} {self._unit}s"
        bundle = {"text/html": html, "text/plain": plain}
        identity = f"workbench-training-{self._cell}"
        if Panel._displayed == self._cell:
            update_display(bundle, display_id=identity, raw=True)
        else:
            display(bundle, display_id=identity, raw=True)
            Panel._displayed = self._cell
        self._shown = True


def _merged(pieces: list[Mapping[str, ArrayLike]]) -> dict[str, NDArray[Any]]:
    """Return the values of several calls of `Panel.show` as one array for each name."""
    names = list(pieces[0]) if pieces else []
    return {name: np.concatenate([np.ravel(p[name]) for p in pieces]) for name in names}


def panel_html(
    description: str,
    history: Mapping[str, NDArray[Any]],
    limits: Mapping[str, float],
    count: int,
    seconds: float,
    unit: str = "epoch",
) -> str:
    """Return the panel: a table of all quantities beside the curve of the performance.

    Styles are given with each cell, since the rules of the page for tables (dark stripes in a
    dark theme) would be stronger than inherited ones.

    Args:
        description: What stands above.
        history: Values of all epochs by name, as of `Panel.show`.
        limits: Values that end the training, by name; ``"epochs"`` and ``"seconds"`` as well.
        count: Epochs done.
        seconds: Time since the start.
        unit: What is counted.
    """
    white = "background:#ffffff;color:#222222;"
    head = "".join(
        f'<th scope="col" style="{_CELL}{white}font-weight:normal;color:#666666">{word}</th>'
        for word in ("", "Start", "Now", "Stop")
    )
    rows = "".join(
        f'<tr style="{white}">'
        f'<th scope="row" style="{_CELL}{white}text-align:left;font-weight:normal">'
        f"{escape(name)}</th>"
        f'<td style="{_CELL}{white}">{start}</td>'
        f'<td style="{_CELL}{white}min-width:84px;font-weight:bold;{_meter(fraction)}">{now}</td>'
        f'<td style="{_CELL}{white}">{stop}</td></tr>'
        for name, start, now, stop, fraction in _rows(history, limits, count, seconds, unit)
    )
    curves = {name: history[name] for name in ("perf", "vperf", "tperf") if name in history}
    return (
        f'<div style="display:inline-block;{white}border:1px solid #cccccc;border-radius:6px;'
        'padding:8px 10px;font:13px Helvetica,Arial,sans-serif">'
        f'<div style="font-weight:bold;padding:0 10px 4px">Training: {escape(description)}</div>'
        '<div style="display:flex;flex-wrap:wrap;align-items:center;gap:12px">'
        f'<table style="border-collapse:collapse;margin:0;{white}font-size:13px">'
        f'<thead style="border:none"><tr style="{white}">{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
        f"{curve_svg(curves, limits.get('perf', 0), f'{unit}s')}</div></div>"
    )


def _rows(
    history: Mapping[str, NDArray[Any]],
    limits: Mapping[str, float],
    count: int,
    seconds: float,
    unit: str,
) -> Iterator[tuple[str, str, str, str, float]]:
    """Yield name, start, current and stop value of each quantity, and how far it has come."""
    names = [name for name in history if name not in ("vperf", "tperf", "val_fail")]
    names += ["val_fail"] if "val_fail" in history else []
    quantities: list[tuple[str, str, float, float]] = [
        (f"{unit}s", unit.capitalize(), 0, count),
        ("seconds", "Elapsed time", 0, seconds),
        *(
            (name, _NAMES.get(name, name), _first(history[name]), history[name][-1])
            for name in names
        ),
    ]
    even = (f"{unit}s", "seconds", "val_fail")  # the others go through decades
    for name, words, start, now in quantities:
        stop = limits.get(name, math.nan)
        write = _clock if name == "seconds" else _number
        fraction = _fraction(start, now, stop, even=name in even)
        yield words, write(start), write(now), write(stop), fraction


def _first(values: NDArray[Any]) -> float:
    """Return the first value that there is: an untrained network may not have been measured."""
    known = values[np.isfinite(values)]
    return known[0] if len(known) else math.nan


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e6 else f"{value:.3g}"


def _clock(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "–"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _fraction(start: float, now: float, stop: float, *, even: bool) -> float:
    """Return how much of the way from start to stop is done, NaN if that has no meaning."""
    if not even:
        if not (start > 0 and now > 0 and stop > 0):
            return math.nan
        start, now, stop = math.log(start), math.log(now), math.log(stop)
    if not math.isfinite(stop) or start == stop:
        return math.nan
    return min(max((now - start) / (stop - start), 0.0), 1.0)


def _meter(fraction: float) -> str:
    if math.isnan(fraction):
        return ""
    end = f"{100 * fraction:.1f}%"
    bar = f"linear-gradient(to right,#cfe6f5 {end},#ffffff {end})"
    return f"background:#ffffff {bar} center/100% 80% no-repeat;"


def _request() -> dict[str, Any] | None:
    """Return the message that asked for the running cell, if its sender can be shown a panel."""
    # Without IPython loaded there is no notebook, and nothing is worth loading it for.
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    parent_of = getattr(getattr(shell, "kernel", None), "get_parent", None)
    request = parent_of("shell") if parent_of else {}
    return request if request.get("content", {}).get("allow_stdin") else None
