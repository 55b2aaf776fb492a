"""Grouped convolution: against NumPy written out, finite differences, and Keras's own layer."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from workbench.cnn import native
from workbench.cnn.ops import GroupedConv2D
from workbench.errors import ArgumentError
from workbench.network import backend

Pair = tuple[int, int]


def placed(size: int, window: int, stride: int, dilation: int, padding: str) -> tuple[int, int]:
    """Number of outputs along an axis, and of zeros in front of it (TensorFlow's rule)."""
    reach = dilation * (window - 1) + 1
    if padding == "valid":
        return (size - reach) // stride + 1, 0
    outputs = -(-size // stride)
    return outputs, max((outputs - 1) * stride + reach - size, 0) // 2


def written_out(
    x: np.ndarray, kernel: np.ndarray, strides: Pair, padding: str, dilations: Pair
) -> np.ndarray:
    """The sum over taps and channels of the group, output by output, in float64."""
    x, kernel = x.astype(float), kernel.astype(float)
    groups, run = x.shape[-1] // kernel.shape[2], kernel.shape[2]
    high, top = placed(x.shape[1], kernel.shape[0], strides[0], dilations[0], padding)
    wide, left = placed(x.shape[2], kernel.shape[1], strides[1], dilations[1], padding)
    y = np.zeros((len(x), high, wide, kernel.shape[3]))
    for row, column, filter_, a, b in np.ndindex(high, wide, kernel.shape[3], *kernel.shape[:2]):
        group = filter_ * groups // kernel.shape[3]
        i = row * strides[0] + a * dilations[0] - top
        j = column * strides[1] + b * dilations[1] - left
        if 0 <= i < x.shape[1] and 0 <= j < x.shape[2]:
            channels = x[:, i, j, group * run : (group + 1) * run]
            y[:, row, column, filter_] += channels @ kernel[a, b, :, filter_]
    return y


def drawn(
    seed: int,
    groups: int,
    filters: int,
    window: Pair = (3, 3),
    run: int = 2,
    dtype: str = "float32",
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, 9, 7, groups * run)).astype(dtype)
    return x, rng.normal(size=(*window, run, filters)).astype(dtype)


def layer_with(kernel: np.ndarray, groups: int, **options: Any) -> GroupedConv2D:
    layer = GroupedConv2D(kernel.shape[-1], kernel.shape[:2], groups=groups, **options)
    layer.build((None, None, None, groups * kernel.shape[2]))
    layer.kernel.assign(kernel)
    return layer


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("strides", "dilations"),
    [
        ((1, 1), (1, 1)),
        ((2, 2), (1, 1)),
        ((1, 1), (2, 2)),
        ((2, 2), (2, 2)),
        ((2, 2), (3, 3)),
        ((4, 4), (2, 2)),
        ((1, 2), (2, 1)),
        ((3, 2), (1, 2)),
    ],
)
def test_it_equals_the_sums_written_out(
    strides: Pair, dilations: Pair, padding: str, dtype: str
) -> None:
    x, kernel = drawn(1, groups=3, filters=6, dtype=dtype)
    layer = layer_with(
        kernel, 3, strides=strides, dilation_rate=dilations, padding=padding, dtype=dtype
    )
    expected = written_out(x, kernel, strides, padding, dilations)
    assert layer.compute_output_shape(x.shape) == expected.shape
    tolerance = {"float32": 1e-5, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(backend.numpy(layer(x)), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("window", [(1, 1), (2, 3), (5, 1)])
@pytest.mark.parametrize(("groups", "run", "filters"), [(1, 3, 4), (4, 1, 4), (4, 1, 8), (2, 3, 2)])
def test_groups_of_any_size_and_windows_of_any_form_are_right(
    window: Pair, groups: int, run: int, filters: int
) -> None:
    x, kernel = drawn(2, groups, filters, window, run)
    y = layer_with(kernel, groups, padding="same")(x)
    expected = written_out(x, kernel, (1, 1), "same", (1, 1))
    np.testing.assert_allclose(backend.numpy(y), expected, rtol=0, atol=1e-5)


def gradients(x: Any, kernel: Any, weights: Any, **placing: Any) -> list[np.ndarray]:
    at = {"strides": (1, 1), "padding": "same", "dilations": (1, 1), **placing}

    def loss(both: Any) -> Any:
        return backend.total(native.convolution(*both, **at) * weights)

    _, found = backend.gradient(loss, [backend.tensor(x), backend.tensor(kernel)])
    return backend.numpy(found)


@pytest.mark.parametrize(("strides", "dilations"), [((1, 1), (1, 1)), ((2, 2), (3, 3))])
def test_gradients_are_finite_differences_in_both_number_types(
    strides: Pair, dilations: Pair
) -> None:
    x, kernel = drawn(3, groups=2, filters=4, dtype="float64")
    at: dict[str, Any] = {"strides": strides, "dilations": dilations, "padding": "same"}
    shape = native.convolution(backend.tensor(x), backend.tensor(kernel), **at).shape
    weights = np.random.default_rng(4).normal(size=shape)
    found = gradients(x, kernel, weights, **at)
    # The output is linear in each, so a difference of any width is exact.
    for which, array in enumerate((x, kernel)):
        for place in [(0, 0, 0, 0), (1, 1, 1, 1), (0, 2, 2, 1), (1, 2, 0, 0)]:
            moved = [x.copy(), kernel.copy()]
            place = tuple(min(i, n - 1) for i, n in zip(place, array.shape, strict=True))
            moved[which][place] += 1
            change = written_out(*moved, strides, "same", dilations) - written_out(
                x, kernel, strides, "same", dilations
            )
            assert found[which][place] == pytest.approx((change * weights).sum(), rel=1e-9)
    single = gradients(*(a.astype("float32") for a in (x, kernel, weights)), **at)
    for ours, exact in zip(single, found, strict=True):
        np.testing.assert_allclose(ours, exact, rtol=0, atol=1e-4)


def test_the_ways_apart_and_direct_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x, kernel = drawn(5, groups=4, filters=8)
    weights = np.random.default_rng(6).normal(size=(2, 9, 7, 8)).astype("float32")
    direct = gradients(x, kernel, weights)
    monkeypatch.setattr(native, "_direct_has_gradient", lambda dtype: False)
    for ours, other in zip(direct, gradients(x, kernel, weights), strict=True):
        np.testing.assert_allclose(ours, other, rtol=0, atol=1e-5)


def test_weights_config_and_outputs_are_those_of_keras() -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(2, 8, 5, 6)).astype("float32")
    options: dict[str, Any] = {"padding": "same", "groups": 3, "activation": "relu", "name": "g"}
    theirs, ours = keras.layers.Conv2D(6, 3, 2, **options), GroupedConv2D(6, 3, 2, **options)
    expected = theirs(x)
    ours.build(x.shape)
    assert [(w.path, w.shape) for w in ours.weights] == [(w.path, w.shape) for w in theirs.weights]
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(x), expected, rtol=1e-5, atol=1e-6)
    mine = ours.get_config()
    named = {"kernel_initializer"}  # each has its own seed
    assert {k: v for k, v in mine.items() if k not in named} == {
        k: v for k, v in theirs.get_config().items() if k not in named
    }
    assert GroupedConv2D.from_config(mine).get_config() == mine


def test_xla_is_noticed_where_it_compiles_and_only_there() -> None:
    seen = []

    def notice(x: Any) -> Any:
        seen.append(native.within_xla())
        return x

    x = backend.tensor(np.zeros(2))
    backend.xla(notice)(x)
    backend.graph(notice)(x)
    backend.xla(lambda x: backend.while_loop(lambda x: x[0] > 0, notice, x))(x)
    notice(x)
    assert seen == [True, False, True, False]


def network(jit_compile: bool) -> keras.Model:
    image = keras.Input((8, 7, 4))
    x = GroupedConv2D(8, 3, padding="same", groups=2, kernel_initializer=_he(1))(image)
    x = GroupedConv2D(4, 3, 2, dilation_rate=2, groups=4, kernel_initializer=_he(2))(x)
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))
    model.compile("sgd", "mse", jit_compile=jit_compile)
    return model


def _he(seed: int) -> keras.Initializer:
    return keras.initializers.HeNormal(seed)


def test_training_is_the_same_with_and_without_xla() -> None:
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(6, 8, 7, 4)), rng.normal(size=(6, 4))
    plain, compiled = network(False), network(True)
    before = plain.get_weights()
    for model in (plain, compiled):
        model.fit(x, y, epochs=3, batch_size=6, shuffle=False, verbose=0)
    assert not np.allclose(plain.get_weights()[0], before[0], atol=1e-5)
    for ours, other in zip(compiled.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, other, rtol=0, atol=1e-6)


def test_a_population_of_filters_has_the_gradients_of_its_members() -> None:
    # TensorFlow vectorises this wrongly for the direct operation.
    x, _ = drawn(9, groups=3, filters=6)
    kernels = np.random.default_rng(10).normal(size=(4, 3, 3, 2, 6)).astype("float32")
    image = backend.tensor(x)

    def gradient(kernel: Any) -> Any:
        def loss(at: Any) -> Any:
            y = native.convolution(image, at[0], (1, 1), "same", (1, 1))
            return backend.total(y * y)

        return backend.gradient(loss, [kernel])[1][0]

    together = backend.numpy(backend.map_rows(gradient, backend.tensor(kernels)))
    for found, kernel in zip(together, kernels, strict=True):
        alone = backend.numpy(gradient(backend.tensor(kernel)))
        np.testing.assert_allclose(found, alone, rtol=1e-4, atol=1e-3)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_saved_network_predicts_the_same_bits(tmp_path: Path) -> None:
    model = network(False)
    x = np.random.default_rng(11).normal(size=(3, 8, 7, 4))
    model.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_images_of_unknown_size_are_convolved() -> None:
    x, kernel = drawn(12, groups=3, filters=6)
    image = keras.Input((None, None, 6))
    layer = layer_with(kernel, 3, strides=2, dilation_rate=3, padding="same")
    model = keras.Model(image, layer(image))
    expected = written_out(x, kernel, (2, 2), "same", (3, 3))
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"filters": 7, "groups": 2}, "filters must be a multiple of groups=2"),
        ({"filters": 0}, "filters must be a positive integer"),
        ({"filters": 4, "groups": 0}, "groups must be a positive integer"),
        ({"filters": 4, "dilation_rate": 0}, r"dilation_rate must be a positive integer"),
        ({"filters": 4, "dilation_rate": (1, 2, 3)}, "dilation_rate must be a positive integer or"),
        ({"filters": 4, "data_format": "channels_first"}, "data_format must be 'channels_last'"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ArgumentError, match=complaint):
        GroupedConv2D(kernel_size=3, **arguments)


def test_channels_that_do_not_fall_into_groups_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"multiple of groups=3\. Received: 8 input channels"):
        GroupedConv2D(6, 3, groups=3)(np.zeros((1, 5, 5, 8), "float32"))
