"""Heights of arrays: few, never too low, and with little padding."""

import pytest

from workbench.heights import rounded_height


@pytest.mark.parametrize("parts", [8, 32])
def test_a_height_is_enough_and_not_far_above(parts: int) -> None:
    for count in range(1, 5000):
        height = rounded_height(count, parts=parts)
        assert count <= height < 2 * max(count, 1) or height == count
        assert height - count < max(8, 2 * height / parts)
        assert rounded_height(height, parts=parts) == height


def test_there_are_few_heights() -> None:
    # Up to 64 steps of 8, then four in each doubling.
    assert len({rounded_height(count) for count in range(1, 2049)}) == 3 + 8 + 5 * 4
    assert {rounded_height(count) for count in range(1, 33)} == {1, 2, 4, 8, 16, 24, 32}
