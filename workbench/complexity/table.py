"""A profile as text, and summed up by stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import isnan
from textwrap import wrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from workbench.complexity.profile import Profile

WIDTH = 100
_HEAD = ("layer", "kind", "output", "parameters", "MACs/M", "moved/MB", "field", "stride")
_WIDTHS = (25, 16, 13, 11, 9, 8, 5)  # the last takes the rest
_LEFT = 3  # columns of words; numbers stand on the right
COSTS = (
    "parameters",
    "non_trainable",
    "macs",
    "flops",
    "read",
    "written",
    "access",
)


def text_table(profile: Profile) -> str:
    """Return a line a layer and the totals, no wider than `WIDTH` columns."""
    lines = [_line(_HEAD), "-" * WIDTH]
    lines += [_line(_cells(row)) for row in profile.frame.to_dict("records")]
    return "\n".join([*lines, "-" * WIDTH, *totals(profile)])


def totals(profile: Profile) -> list[str]:
    """Return the totals with their conventions, a line each, or more where it is too long."""
    read, written = profile.memory_read / 1e6, profile.memory_written / 1e6
    rows = [
        ("parameters", f"{profile.parameters:,} trainable, {profile.non_trainable:,} not"),
        (
            "MACs",
            f"{profile.macs / 1e6:,.1f} M: convolution + linear, 1 a multiply-add, no biases",
        ),
        ("FLOPs", f"{profile.flops / 1e6:,.1f} M: 2 MACs + 1 an element of all else"),
        (
            "memory",
            f"{read:,.1f} MB read, {written:,.1f} MB written; {profile.memory_access / 1e6:,.1f} M "
            f"elements accessed; peak {profile.activation_peak / 1e6:,.1f} MB",
        ),
        ("depth, width", f"{profile.depth} layers with MACs on a path, {profile.width} channels"),
        ("field", _field_line(profile)),
    ]
    if profile.batch > 1:
        rows.append(("batch", f"{profile.batch} samples; all costs are for the whole batch"))
    if profile.unknown:
        rows.append(("unknown cost", ", ".join(profile.unknown) + "; not in the totals"))
    return [
        line
        for name, text in rows
        for line in wrap(f"{name:<13} {text}", WIDTH, subsequent_indent=" " * 14)
    ]


def by_stage(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the costs of a profile's frame by resolution of the output."""
    stages = _stages(list(frame["resolution"]), [_is_margin(kind) for kind in frame["kind"]])
    grouped = frame[list(COSTS)].groupby(stages, sort=False)
    summed = grouped.sum()
    summed.insert(0, "layers", grouped.size())
    return summed.rename_axis("stage").reset_index()


def _stages(resolutions: Sequence[str], margins: Sequence[bool]) -> list[str]:
    """Return the stage of every row."""
    following = ""
    sides = list(resolutions)
    for i in reversed(range(len(sides))):
        if margins[i]:
            sides[i] = following or sides[i]
        following = sides[i] or following
    last = max((i for i, side in enumerate(sides) if side), default=-1)
    current = following or "head"
    stages = []
    for i, side in enumerate(sides):
        current = side or (current if i < last else "head")
        stages.append(current)
    return stages


def _is_margin(kind: str) -> bool:
    return kind.startswith(("ZeroPadding", "Cropping"))


def _field_line(profile: Profile) -> str:
    field = profile.receptive_field
    if field is None:
        return "none: no feature map, or its field is lost on the way"
    size, stride = _sides(field.size), _sides(field.stride)
    also = ", and through gates all" if field.whole else ""
    centre = ", ".join("-" if c is None else f"{float(c):g}" for c in field.centre)
    return f"{size} pixels{also}, stride {stride}, centre ({centre}), at {_cut(field.layer, 34)}"


def _sides(sides: Sequence[int | Fraction]) -> str:
    """Return one number for equal sides, else "rows x columns"."""
    words = [f"{float(side):g}" for side in sides]
    return words[0] if len(set(words)) == 1 and len(words) > 1 else " x ".join(words)


def _cells(row: Mapping[Any, Any]) -> tuple[str, ...]:
    without = isnan(row["field"])
    moved = (row["read"] + row["written"]) / 1e6
    return (
        row["name"],
        row["kind"],
        "x".join(map(str, row["output_shape"])),
        f"{row['parameters'] + row['non_trainable']:,}",
        f"{row['macs'] / 1e6:,.2f}",
        f"{moved:,.2f}",
        "all" * row["global"] if without else f"{row['field']:g}{'+' * row['global']}",
        "" if without else f"{row['stride']:g}",
    )


def _line(cells: Sequence[str]) -> str:
    widths = (*_WIDTHS, WIDTH - sum(_WIDTHS) - len(_WIDTHS))
    parts = [
        _cut(cell, width).ljust(width) if i < _LEFT else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return " ".join(parts).rstrip()


def _cut(word: str, width: int) -> str:
    """Return the word with its middle left out where it is too long: the ends tell layers apart."""
    if len(word) <= width:
        return word
    behind = 2 * width // 3
    return f"{word[: width - behind - 1]}…{word[-behind:]}"
