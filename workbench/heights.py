"""Heights of arrays for compiled functions, which are compiled anew for each shape."""

from __future__ import annotations


def rounded_height(count: int, least: int = 8, parts: int = 8) -> int:
    """Return one of few heights, at least ``count``.

    The heights are the powers of two, and above ``parts * least`` their multiples by whole
    ``parts``-ths: little is padded, and the folds of a cross-validation share one program.

    Args:
        count: Rows there are, positive.
        least: Steps are no smaller.
        parts: Steps between a power of two and the next, half as many.
    """
    above = 1 << (count - 1).bit_length()
    step = min(above, max(least, above // parts))
    return -(-count // step) * step
