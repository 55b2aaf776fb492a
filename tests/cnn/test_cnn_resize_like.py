"""Resizing to the size of another image, against NumPy written out."""

from pathlib import Path

import keras
import numpy as np
import pytest

from workbench.cnn.ops import ResizeLike
from workbench.errors import ArgumentError


def weights(pixels: int, wanted: int) -> np.ndarray:
    """Shares (wanted, pixels) of each pixel, whose centres lie at (i + 1/2) / n of the way."""
    shares = np.zeros((wanted, pixels))
    for row in range(wanted):
        place = min(max((row + 0.5) * pixels / wanted - 0.5, 0), pixels - 1)
        below = int(place)
        shares[row, below] += 1 - (place - below)
        shares[row, min(below + 1, pixels - 1)] += place - below
    return shares


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("size", [(10, 14), (7, 11), (5, 7), (1, 3)])
def test_it_is_the_bilinear_rule_written_out(size: tuple[int, int]) -> None:
    x = images(2, 5, 7, 3)
    rows, columns = weights(5, size[0]), weights(7, size[1])
    expected = np.einsum("ir,jc,brcd->bijd", rows, columns, x)
    y = ResizeLike()([x, np.zeros((2, *size, 4), dtype="float32")])
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_size_that_only_a_run_tells_gives_the_same_and_survives_saving(tmp_path: Path) -> None:
    inputs = [keras.Input((None, None, 3)), keras.Input((None, None, 1))]
    y = ResizeLike()(inputs)
    assert y.shape == (None, None, None, 3)
    model = keras.Model(inputs, y)
    model.save(tmp_path / "resize.keras")
    again = keras.models.load_model(tmp_path / "resize.keras")
    pair = [images(2, 4, 6, 3), images(2, 9, 8, 1)]
    np.testing.assert_array_equal(again(pair), ResizeLike()(pair))


def test_anything_but_two_images_is_refused() -> None:
    with pytest.raises(ArgumentError, match="input must be two images"):
        ResizeLike()([images(2, 4, 6, 3), images(2, 4)])
