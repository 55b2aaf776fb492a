"""Pooling with indices and unpooling: torch's results, by hand, there and back, saved, trained."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from peer_cases import FIXTURES, POOLING, Pooling

from workbench.cnn.ops import MaxPoolingWithIndices2D, MaxUnpooling2D
from workbench.errors import ArgumentError
from workbench.network import backend

CASES = pytest.mark.parametrize("name", POOLING)
COMPILED = pytest.mark.parametrize("compiled", [lambda f: f, backend.graph, backend.xla])
DISJOINT = ("2x2", "3x3 by 3, padded")


@pytest.fixture(scope="module")
def torchs() -> dict[str, np.ndarray]:
    with np.load(FIXTURES / "max_unpool2d.npz") as file:
        return dict(file)


def pair_of(
    case: Pooling, dtype: str = "float64"
) -> tuple[MaxPoolingWithIndices2D, MaxUnpooling2D]:
    window = (case.size, case.stride, case.padding)
    return (
        MaxPoolingWithIndices2D(*window, dtype=dtype),
        MaxUnpooling2D(*window, output_size=(7, 9), dtype=dtype),
    )


def by_hand(
    x: np.ndarray,
    size: tuple[int, int],
    stride: tuple[int, int],
    before: tuple[int, int],
    count: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Go through every window, pixel by pixel."""
    _, rows, columns, _ = x.shape
    maxima = np.full((len(x), *count, x.shape[3]), -np.inf)
    indices = np.full(maxima.shape, -1)
    for n, i, j, c in np.ndindex(*maxima.shape):
        for k, m in np.ndindex(*size):
            r, s = i * stride[0] - before[0] + k, j * stride[1] - before[1] + m
            if 0 <= r < rows and 0 <= s < columns:
                first = indices[n, i, j, c] < 0
                if first or x[n, r, s, c] > maxima[n, i, j, c]:
                    maxima[n, i, j, c], indices[n, i, j, c] = x[n, r, s, c], r * columns + s
    return maxima, indices


@CASES
@COMPILED
def test_maxima_and_indices_are_torchs(
    name: str, compiled: Any, torchs: dict[str, np.ndarray]
) -> None:
    pool, _ = pair_of(POOLING[name])
    x = backend.tensor(POOLING[name].images())
    pool.build(x.shape)
    maxima, indices = compiled(lambda x: tuple(pool.call(x)))(x)
    np.testing.assert_array_equal(maxima, torchs[f"{name}: maxima"])
    np.testing.assert_array_equal(indices, torchs[f"{name}: indices"])


@CASES
@COMPILED
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_gradient_goes_to_the_indices_as_in_torch(
    name: str, compiled: Any, dtype: str, torchs: dict[str, np.ndarray]
) -> None:
    # The images have many equal maxima; only the first of them may have a slope. TensorFlow has
    # another pooling for each type.
    pool, _ = pair_of(POOLING[name], dtype)
    x = backend.tensor(POOLING[name].images(), dtype)
    pool.build(x.shape)

    def slope(x: Any) -> Any:
        return backend.gradient(lambda at: backend.total(pool.call(at[0])[0] ** 2), [x])[1][0]

    np.testing.assert_array_equal(compiled(slope)(x), torchs[f"{name}: by x"])


@CASES
@COMPILED
def test_unpooling_restores_what_torch_restores(
    name: str, compiled: Any, torchs: dict[str, np.ndarray]
) -> None:
    pool, unpool = pair_of(POOLING[name])
    x = backend.tensor(POOLING[name].images())
    pool.build(x.shape)
    restored = compiled(lambda x: unpool.call(pool.call(x)))(x)
    np.testing.assert_array_equal(restored, torchs[f"{name}: restored"])


@pytest.mark.parametrize("name", DISJOINT)
def test_other_values_are_unpooled_as_by_torch(name: str, torchs: dict[str, np.ndarray]) -> None:
    _, unpool = pair_of(POOLING[name])
    indices = torchs[f"{name}: indices"]
    values = POOLING[name].unpooled_values(indices.shape)
    np.testing.assert_allclose(unpool([values, indices]), torchs[f"{name}: unpooled"], rtol=1e-6)


@pytest.mark.parametrize("size", [(2, 2), (3, 2), (3, 3)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (2, 3), (4, 4)])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_windows_of_every_kind_are_those_by_hand(
    size: tuple[int, int], stride: tuple[int, int], padding: str
) -> None:
    x = np.random.default_rng(3).integers(-3, 4, (1, 7, 8, 2)).astype("float32")
    keras_maxima = keras.layers.MaxPooling2D(size, stride, padding)(x)
    count = keras_maxima.shape[1:3]
    before = [
        max((n - 1) * s + k - pixels, 0) // 2 if padding == "same" else 0
        for n, s, k, pixels in zip(count, stride, size, (7, 8), strict=True)
    ]
    wanted = by_hand(x, size, stride, (before[0], before[1]), count)
    maxima, indices = MaxPoolingWithIndices2D(size, stride, padding)(x)
    np.testing.assert_array_equal(maxima, keras_maxima)
    np.testing.assert_array_equal(maxima, wanted[0])
    np.testing.assert_array_equal(indices, wanted[1])


@pytest.mark.parametrize("lowest", [-np.inf, np.nan])
@COMPILED
def test_indices_are_inside_even_where_there_is_no_maximum(lowest: float, compiled: Any) -> None:
    x = backend.tensor(np.full((1, 4, 5, 1), lowest, "float32"))
    for padding, before in (("same", (0, 1)), ((1, 1), (1, 1))):
        pool = MaxPoolingWithIndices2D(3, 2, padding)
        pool.build(x.shape)
        _, indices = compiled(lambda x, pool=pool: tuple(pool.call(x)))(x)
        count = indices.shape[1:3]
        for i, j in np.ndindex(*count):
            row, column = divmod(int(indices[0, i, j, 0]), 5)
            assert 0 <= row - (2 * i - before[0]) < 3
            assert 0 <= column - (2 * j - before[1]) < 3
            assert row < 4


def test_of_equal_maxima_the_first_has_the_slope_in_large_images_too() -> None:
    x = np.random.default_rng(5).integers(0, 4, (8, 28, 28, 48)).astype("float32")
    pool = MaxPoolingWithIndices2D(3, 2, "same")
    _, (slope,) = backend.gradient(lambda at: backend.total(pool(at[0])[0]), [backend.tensor(x)])
    indices = np.asarray(pool(x)[1]).reshape(8, -1, 48)
    wanted = np.zeros((8, 28 * 28, 48))
    image, _, channel = np.indices(indices.shape)
    np.add.at(wanted, (image, indices, channel), 1)
    np.testing.assert_array_equal(slope, wanted.reshape(x.shape))


def test_indices_pick_the_maxima() -> None:
    x = np.random.default_rng(1).normal(size=(2, 9, 7, 3)).astype("float32")
    maxima, indices = MaxPoolingWithIndices2D(3, 2, "same")(x)
    flat = x.reshape(2, 63, 3)
    picked = np.take_along_axis(flat, np.asarray(indices).reshape(2, -1, 3), axis=1)
    np.testing.assert_array_equal(picked.reshape(maxima.shape), maxima)


@pytest.mark.parametrize(
    ("size", "stride", "padding"), [(2, 2, "valid"), (3, 2, "same"), (3, 1, 1), (2, 3, "same")]
)
def test_pooling_what_was_unpooled_gives_the_same_maxima_and_indices(
    size: int, stride: int, padding: Any
) -> None:
    # Positive images: the zeros that unpooling puts in do not win.
    x = np.random.default_rng(2).uniform(1, 2, (2, 9, 7, 3)).astype("float32")
    pool = MaxPoolingWithIndices2D(size, stride, padding)
    maxima, indices = pool(x)
    restored = MaxUnpooling2D(size, stride, padding)([maxima, indices, x])
    kept = np.asarray(restored) != 0
    np.testing.assert_allclose(np.asarray(restored)[kept], x[kept], rtol=1e-6)
    again = pool(restored)
    np.testing.assert_allclose(again[0], maxima, rtol=1e-6)
    np.testing.assert_array_equal(again[1], indices)


def test_values_with_one_place_leave_their_mean_there() -> None:
    # Both windows of 2 pixels have their maximum in the middle one.
    x = np.array([1.0, 3.0, 2.0], "float32").reshape(1, 1, 3, 1)
    _, indices = MaxPoolingWithIndices2D((1, 2), 1)(x)
    np.testing.assert_array_equal(np.ravel(indices), [1, 1])
    values = np.array([10.0, 20.0], "float32").reshape(1, 1, 2, 1)
    unpool = MaxUnpooling2D((1, 2), 1)
    np.testing.assert_array_equal(np.ravel(unpool([values, indices])), [0, 15, 0])
    _, (slope,) = backend.gradient(
        lambda at: backend.total(unpool([at[0], indices]) ** 2), [backend.tensor(values)]
    )
    np.testing.assert_array_equal(np.ravel(slope), [15, 15])  # 2 * 15 / 2


@CASES
def test_the_gradient_of_unpooling_is_that_of_finite_differences(name: str) -> None:
    pool, unpool = pair_of(POOLING[name])
    maxima, indices = pool(POOLING[name].images())
    rng = np.random.default_rng(7)
    values, along = (rng.normal(size=maxima.shape) for _ in range(2))

    def total(at: Any) -> Any:
        return backend.total(keras.ops.sin(unpool([at[0], indices])))

    _, (slope,) = backend.gradient(total, [backend.tensor(values)])
    ends = [float(total([backend.tensor(values + sign * along)])) for sign in (1e-6, -1e-6)]
    wanted = (ends[0] - ends[1]) / 2e-6
    assert float(np.sum(np.asarray(slope) * along)) == pytest.approx(wanted, rel=1e-6)


def autoencoder(rows: int, columns: int) -> keras.Model:
    """Two levels of pooling, undone by their indices, as in SegNet."""
    x = inputs = keras.Input((rows, columns, 2))
    kept = []
    for level, padding in enumerate(("same", "valid")):
        start = keras.initializers.GlorotUniform(seed=level)
        x = keras.layers.Conv2D(4, 3, padding="same", kernel_initializer=start)(x)
        pooled, indices = MaxPoolingWithIndices2D(2, padding=padding)(x)
        kept.append((indices, x, padding))
        x = pooled
    for indices, like, padding in reversed(kept):
        x = MaxUnpooling2D(2, padding=padding)([x, indices, like])
        start = keras.initializers.GlorotUniform(seed=7)
        x = keras.layers.Conv2D(4, 3, padding="same", kernel_initializer=start)(x)
    return keras.Model(inputs, [x, kept[0][0]])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_saved_model_predicts_the_same_in_a_fresh_process(tmp_path: Path) -> None:
    model = autoencoder(9, 7)
    assert [each.dtype for each in model.outputs] == ["float32", "int32"]
    assert model.output_shape == [(None, 9, 7, 4), (None, 5, 4, 4)]
    x = np.random.default_rng(1).normal(size=(3, 9, 7, 2)).astype("float32")
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", x)
    program = (
        "import keras, numpy as np, workbench.cnn.ops, sys\n"
        "model = keras.models.load_model(sys.argv[1] + '/model.keras')\n"
        "y = model.predict(np.load(sys.argv[1] + '/x.npy'), verbose=0)\n"
        "np.savez(sys.argv[1] + '/y.npz', *y)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    with np.load(tmp_path / "y.npz") as file:
        for wanted, found in zip(model.predict(x, verbose=0), file.values(), strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_a_network_with_both_learns_and_with_xla_alike() -> None:
    x = np.random.default_rng(1).normal(size=(16, 8, 8, 2)).astype("float32")
    losses = []
    for jit in (False, True):
        both = autoencoder(8, 8)
        model = keras.Model(both.input, both.outputs[0])
        model.compile(keras.optimizers.Adam(0.01), "mse", jit_compile=jit)
        record = model.fit(x, np.repeat(x, 2, axis=3), epochs=15, verbose=0, shuffle=False)
        losses.append(record.history["loss"])
    assert losses[0][-1] < 0.9 * losses[0][0]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_without_a_size_the_result_is_the_smallest_image_with_so_many_windows() -> None:
    values = np.ones((1, 3, 4, 1), "float32")
    indices = np.arange(12, dtype="int32").reshape(values.shape)
    for options, size in (
        ({}, (6, 8)),
        ({"pool_size": 3, "strides": 2}, (7, 9)),
        ({"pool_size": 3, "strides": 2, "padding": 1}, (5, 7)),
        ({"pool_size": 3, "strides": 2, "padding": "same"}, (6, 8)),
    ):
        unpool = MaxUnpooling2D(**options)
        assert unpool.compute_output_shape([values.shape, indices.shape]) == (1, *size, 1)
        assert unpool([values, indices]).shape == (1, *size, 1)


def test_a_layers_copy_has_its_arguments() -> None:
    options: dict[str, Any] = {"pool_size": (3, 2), "strides": (2, 3), "padding": (1, 0)}
    pool, unpool = MaxPoolingWithIndices2D(**options), MaxUnpooling2D(**options, output_size=7)
    assert options.items() <= pool.get_config().items()
    assert unpool.get_config()["output_size"] == (7, 7)
    for layer in (pool, unpool):
        assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pool_size": 0}, "pool_size must be a positive integer"),
        ({"strides": (1, 2, 3)}, "strides must be an integer or two"),
        ({"padding": "mirror"}, "padding must be 'valid', 'same', an integer"),
        ({"padding": 2}, "padding must be at most half of pool_size"),
    ],
)
def test_wrong_arguments_are_told(options: dict[str, Any], message: str) -> None:
    for kind in (MaxPoolingWithIndices2D, MaxUnpooling2D):
        with pytest.raises(ArgumentError, match=message):
            kind(**{"pool_size": 2, **options})


def test_images_that_cannot_be_pooled_or_unpooled_are_told() -> None:
    with pytest.raises(ArgumentError, match="input rows must be at least 3"):
        MaxPoolingWithIndices2D(3)(np.ones((1, 2, 5, 1), "float32"))
    with pytest.raises(ArgumentError, match="input must have known rows, columns and channels"):
        MaxPoolingWithIndices2D(3)(keras.Input((None, 8, 1)))
    ones = np.ones((1, 2, 2, 1), "float32")
    with pytest.raises(ArgumentError, match=r"output_size must have 2 x 2 windows.*3 x 3"):
        MaxUnpooling2D(2, output_size=7)([ones, ones.astype("int32")])
    with pytest.raises(ArgumentError, match="indices must have the shape of values"):
        MaxUnpooling2D(2)([ones, ones[:, :1].astype("int32")])
    with pytest.raises(ArgumentError, match="inputs must be"):
        MaxUnpooling2D(2)([ones])
