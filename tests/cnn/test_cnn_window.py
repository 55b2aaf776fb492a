"""Windows against torch's formula, TensorFlow's operations, and windows counted one by one."""

from itertools import product

import numpy as np
import pytest
import tensorflow as tf

from workbench.cnn import build_cnn
from workbench.cnn.window import SAME, VALID, Window
from workbench.errors import ArgumentError

SIZES, KERNELS, STRIDES = range(1, 41), range(1, 8), range(1, 5)
GRID = list(product(KERNELS, STRIDES))


def torchs(pixels: int, size: int, stride: int, padding: int, ceil: bool) -> int:
    """PyTorch's pooling_output_shape_pad_lr, line by line."""
    slack = stride - 1 if ceil else 0
    count = (pixels + 2 * padding - (size - 1) - 1 + slack) // stride + 1
    if ceil and (count - 1) * stride >= pixels + padding:
        count -= 1
    return count


def fitting(pixels: int, zeros: tuple[int, int], size: int, stride: int) -> list[int]:
    """First pixels of all windows that lie in the padded image, one after the other."""
    return [at for at in range(-zeros[0], pixels + zeros[1] - size + 1, stride)]


def tensorflows(pixels: int, size: int, stride: int) -> list[int]:
    """First pixels of TensorFlow's own "same" windows.

    Each image has a single pixel that is not 0, and the kernel tells its place in the window.
    """
    images = np.eye(pixels, dtype="float32")[:, :, None, None]
    kernel = np.arange(1, size + 1, dtype="float32")[:, None, None, None]
    places = tf.nn.conv2d(images, kernel, [stride, 1], "SAME").numpy()[:, :, 0, 0]
    pixel = places.argmax(0)  # one that is in the window
    return list(pixel + 1 - places.max(0).astype(int))


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(("size", "stride"), GRID)
def test_outputs_are_torchs(size: int, stride: int, ceil: bool) -> None:
    for pixels, padding in product(SIZES, range(size // 2 + 1)):
        expected = torchs(pixels, size, stride, padding, ceil)
        assert Window(size, stride, padding, ceil).outputs(pixels) == expected


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(("size", "stride"), GRID)
def test_behind_the_zeros_as_many_windows_fit_as_there_are(
    size: int, stride: int, ceil: bool
) -> None:
    for pixels, padding in product(SIZES, range(size // 2 + 1)):
        window = Window(size, stride, padding, ceil)
        zeros, count = window.zeros(pixels), window.outputs(pixels)
        if count < 1:
            continue
        firsts = [-padding + number * stride for number in range(count)]
        assert fitting(pixels, zeros, size, stride) == firsts
        # None of them is to spare.
        if zeros[1]:
            assert fitting(pixels, (zeros[0], zeros[1] - 1), size, stride) != firsts


@pytest.mark.parametrize(("size", "stride"), GRID)
def test_same_windows_are_tensorflows(size: int, stride: int) -> None:
    window = Window(size, stride, SAME)
    for pixels in SIZES[::3]:
        firsts = tensorflows(pixels, size, stride)
        seen = [first + size > 0 and first < pixels for first in firsts]
        assert window.outputs(pixels) == len(firsts)
        assert fitting(pixels, window.zeros(pixels), size, stride) == firsts
        assert all(seen)


@pytest.mark.parametrize(("size", "stride"), GRID)
def test_is_same_where_and_only_where_tensorflow_has_the_same_windows(
    size: int, stride: int
) -> None:
    agreeing = set()
    for pixels in SIZES[::3]:
        theirs = tensorflows(pixels, size, stride)
        for padding, ceil in product(range(size), (False, True)):
            window = Window(size, stride, padding, ceil)
            firsts = [-padding + number * stride for number in range(window.outputs(pixels))]
            assert window.is_same(pixels) == (firsts == theirs)
            agreeing.add(window.is_same(pixels))
    # With stride 1 an even kernel wants one zero more behind than before; torch has equal ones.
    assert (True in agreeing) == (size % 2 == 1 or stride > 1)
    assert Window(size, stride, SAME).is_same(17)


@pytest.mark.parametrize(("size", "stride"), GRID)
def test_of_unknown_pixels_is_said_only_what_holds_for_any_number(size: int, stride: int) -> None:
    for padding, ceil in product((*range(size // 2 + 1), SAME, VALID), (False, True)):
        window = Window(size, stride, padding, ceil)
        if window.is_same(None):
            assert all(window.is_same(pixels) for pixels in SIZES)
        try:
            zeros = window.zeros(None)
        except ArgumentError:
            assert padding == SAME or (ceil and window.before > size - stride)
            continue
        for pixels in SIZES:
            before, count = window.zeros(pixels)[0], window.outputs(pixels)
            firsts = [-before + number * stride for number in range(count)]
            assert fitting(pixels, zeros, size, stride) == firsts


def test_zeros_that_depend_on_unknown_pixels_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"known rows and columns for windows of 3 pixels"):
        Window(3, 2, SAME).zeros(None)
    # Of 3 pixels the second window, from pixel 3, begins behind the end and does not count; of 2
    # it begins there as well, and of 4 it is inside.
    assert [Window(1, 3, 0, ceil=True).outputs(pixels) for pixels in (2, 3, 4)] == [1, 1, 2]
    with pytest.raises(ArgumentError, match="stride 3, padded by 0"):
        Window(1, 3, 0, ceil=True).zeros(None)


def test_squeezenet_for_any_size_is_the_one_for_each() -> None:
    # 113 rows leave 56 behind the stem, of which torch's last pooling window hangs over the end.
    fixed, free = (
        build_cnn("squeezenet1_1", (*s, 3), None, seed=0) for s in ((113, 117), (None,) * 2)
    )
    images = np.random.default_rng(0).normal(size=(1, 113, 117, 3)).astype("float32")
    expected = np.asarray(fixed(images))
    assert expected.shape == (1, 7, 7, 512)
    np.testing.assert_allclose(free(images), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((0,), "size must be a positive integer"),
        ((3, 0), "stride must be a positive integer"),
        ((3, 1, -1), "padding must be a non-negative integer"),
        ((3, 1, "full"), "padding must be 'same', 'valid' or an integer"),
        ((3, 1, 0.5), "padding must be a non-negative integer"),
    ],
)
def test_what_is_no_window_is_refused(settings: tuple, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Window(*settings)
