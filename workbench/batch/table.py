"""A table as plain text, for terminals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def format_table(rows: Sequence[Sequence[object] | Mapping[str, object]]) -> str:
    """Return rows as lines of aligned columns, the first row being the headings.

    Args:
        rows: Lists of cells, headings first, or mappings from heading to cell.
    """
    lines = [[_cell(cell) for cell in row] for row in _with_headings(rows)]
    columns = max((len(line) for line in lines), default=0)
    lines = [line + [""] * (columns - len(line)) for line in lines]
    numeric = [
        all(_is_number(line[column]) for line in lines[1:]) and len(lines) > 1
        for column in range(columns)
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(columns)]
    text = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in lines
    ]
    if text:
        text.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(text)


def _with_headings(
    rows: Sequence[Sequence[object] | Mapping[str, object]],
) -> list[Sequence[object]]:
    listed: list[Sequence[object]] = []
    for row in rows:
        if not isinstance(row, Mapping):
            listed.append(row)
            continue
        if not listed:
            listed.append(list(row))
        listed.append([row.get(str(heading), "") for heading in listed[0]])
    return listed


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


def _is_number(text: str) -> bool:
    try:
        float(text.rstrip("%") or "nan")
    except ValueError:
        return False
    return True
