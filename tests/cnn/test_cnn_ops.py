"""Squeeze-excite, shuffle, split and the activations of light networks, against NumPy."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from workbench.cnn.ops import (
    BatchNorm,
    ChannelShuffle,
    ChannelSplit,
    GroupedConv2D,
    IntegerLeakyReLU,
    SqueezeExcite,
)
from workbench.cnn.ops.integer_leaky_relu import integer_leaky_relu
from workbench.errors import ArgumentError
from workbench.network import backend


def drawn(*shape: int, seed: int = 1, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def relu6(x: np.ndarray) -> np.ndarray:
    return np.minimum(np.maximum(x, 0), 6)


# The definitions of torch.nn: ReLU6, Hardsigmoid, Hardswish.
@pytest.mark.parametrize(
    ("name", "written_out"),
    [
        ("relu6", relu6),
        ("hard_sigmoid", lambda x: relu6(x + 3) / 6),
        ("hard_silu", lambda x: x * relu6(x + 3) / 6),
        ("hard_swish", lambda x: x * relu6(x + 3) / 6),
    ],
)
def test_the_activations_of_keras_are_those_of_torch(
    name: str, written_out: Callable[[np.ndarray], np.ndarray]
) -> None:
    x = np.linspace(-8, 8, 321)
    activation = keras.activations.get(name)
    np.testing.assert_allclose(activation(backend.tensor(x)), written_out(x), rtol=0, atol=1e-12)


GATES = {"sigmoid": sigmoid, "hard_sigmoid": lambda x: relu6(x + 3) / 6}


def started(layer: Any, channels: int, seed: int = 2) -> Any:
    """The layer with weights large enough for its gates to open and close."""
    layer.build((None, None, None, channels))
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(scale=2, size=w.shape) for w in layer.weights])
    return layer


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("channels", [1, 3, 8])
def test_squeeze_excite_is_the_formula_of_its_paper(
    channels: int, gate: str, use_bias: bool
) -> None:
    x = drawn(3, 5, 4, channels)
    layer = started(SqueezeExcite(2, gate=gate, use_bias=use_bias, dtype="float64"), channels)
    named = {w.path.split("/", 1)[1]: np.asarray(w.numpy()) for w in layer.weights}
    names = ["reduce/kernel", "expand/kernel"] + ["reduce/bias", "expand/bias"] * use_bias
    assert sorted(named) == sorted(names)
    hidden = x.mean((1, 2)) @ named["reduce/kernel"] + named.get("reduce/bias", 0)
    shown = np.maximum(hidden, 0) @ named["expand/kernel"] + named.get("expand/bias", 0)
    weights = GATES[gate](shown)
    assert layer.excitation(backend.tensor(x, "float64")).shape == (3, channels)
    np.testing.assert_allclose(layer.excitation(backend.tensor(x, "float64")), weights, rtol=1e-6)
    np.testing.assert_allclose(layer(x), x * weights[:, None, None], rtol=1e-6)
    assert layer.compute_output_shape(x.shape) == x.shape


def test_squeeze_excite_takes_other_activations_and_a_seed() -> None:
    start = keras.initializers.HeNormal(seed=3)
    one, two = (
        SqueezeExcite(4, activation="silu", kernel_initializer=start, name="se") for _ in range(2)
    )
    x = drawn(2, 3, 3, 8)
    np.testing.assert_array_equal(one(x), two(x))
    assert one.reduce.activation is keras.activations.silu
    again = SqueezeExcite.from_config(one.get_config())
    assert again.get_config() == one.get_config()
    np.testing.assert_array_equal(again(x), one(x))


def test_gradients_of_squeeze_excite_are_finite_differences() -> None:
    x, weights = drawn(2, 3, 4, 3, dtype="float64"), drawn(2, 3, 4, 3, seed=4, dtype="float64")
    layer = started(SqueezeExcite(2, dtype="float64"), 3)

    def loss(at: Any) -> Any:
        return backend.total(layer(at[0]) * weights)

    _, (found,) = backend.gradient(loss, [backend.tensor(x)])
    for place in [(0, 0, 0, 0), (1, 2, 3, 2), (0, 1, 2, 1)]:
        step = np.zeros(x.shape)
        step[place] = 1e-6
        more, less = (float(loss([backend.tensor(x + by)])) for by in (step, -step))
        assert found.numpy()[place] == pytest.approx((more - less) / 2e-6, rel=1e-6)


@pytest.mark.parametrize(
    ("groups", "order"),
    [
        (1, [0, 1, 2, 3, 4, 5]),
        (2, [0, 3, 1, 4, 2, 5]),
        (3, [0, 2, 4, 1, 3, 5]),
        (6, [0, 1, 2, 3, 4, 5]),
    ],
)
@pytest.mark.parametrize("shape", [(2, 3, 5, 6), (4, 6), (1, 2, 3, 2, 6)])
def test_shuffling_is_the_permutation_written_by_hand(
    groups: int, order: list[int], shape: tuple[int, ...]
) -> None:
    x = drawn(*shape)
    layer = ChannelShuffle(groups)
    np.testing.assert_array_equal(layer(x), x[..., order])
    assert layer.compute_output_shape(shape) == shape


def test_shuffling_by_the_other_factor_undoes_it_and_so_does_the_gradient() -> None:
    x, weights = drawn(2, 3, 3, 12), drawn(2, 3, 3, 12, seed=2)
    np.testing.assert_array_equal(ChannelShuffle(4)(ChannelShuffle(3)(x)), x)

    def loss(at: Any) -> Any:
        return backend.total(ChannelShuffle(3)(at[0]) * weights)

    _, (found,) = backend.gradient(loss, [backend.tensor(x)])
    np.testing.assert_array_equal(found, ChannelShuffle(4)(weights))


@pytest.mark.parametrize(
    ("parts", "ends"), [(2, [0, 3, 6]), (1, [0, 6]), ((1, 5), [0, 1, 6]), ([3, 1, 2], [0, 3, 4, 6])]
)
def test_splitting_gives_runs_of_channels(parts: Any, ends: list[int]) -> None:
    x = drawn(2, 3, 5, 6)
    layer = ChannelSplit(parts)
    runs, shapes = layer(x), layer.compute_output_shape(x.shape)
    expected = [x[..., a:b] for a, b in pairwise(ends)]
    assert isinstance(runs, list)
    assert shapes == [run.shape for run in expected]
    for run, right in zip(runs, expected, strict=True):
        np.testing.assert_array_equal(run, right)


def test_the_integer_leaky_relu_multiplies_by_13_and_shifts_by_7() -> None:
    x = np.array([-1000, -129, -128, -127, -10, -1, 0, 1, 127, 1000], "int32")
    # By hand, rounded down: -13000 / 128 = -101.6, -1677 / 128 = -13.1, -1651 / 128 = -12.9
    expected = [-102, -14, -13, -13, -2, -1, 0, 1, 127, 1000]
    np.testing.assert_array_equal(IntegerLeakyReLU()(x), expected)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32"])
def test_integers_are_at_most_one_below_the_floats(dtype: str) -> None:
    bounds = np.iinfo(dtype)
    x = np.unique(np.linspace(bounds.min, bounds.max, 1000).round().astype(dtype))
    y = IntegerLeakyReLU()(x)
    assert keras.backend.standardize_dtype(y.dtype) == dtype
    exact = np.where(x < 0, x * (13 / 128), x.astype(float))
    np.testing.assert_array_equal(y, np.floor(exact))
    floats = backend.numpy(IntegerLeakyReLU(dtype="float64")(x.astype("float64")))
    np.testing.assert_allclose(floats, exact, rtol=1e-15)


def test_the_integer_leaky_relu_has_the_gradient_of_its_slope() -> None:
    x = backend.tensor(np.array([-3.0, -0.5, 0.25, 7.0]))
    layer = IntegerLeakyReLU(dtype="float64")
    _, (found,) = backend.gradient(lambda at: backend.total(layer(at[0])), [x])
    np.testing.assert_array_equal(found, [0.1015625, 0.1015625, 1, 1])


def test_integers_stay_integers_through_a_functional_model() -> None:
    numbers = keras.Input((3,), dtype="int16")
    model = keras.Model(numbers, IntegerLeakyReLU()(numbers))
    y = model(backend.tensor(np.array([[-100, 0, 5]], "int16")))
    assert keras.backend.standardize_dtype(y.dtype) == "int16"
    np.testing.assert_array_equal(y, [[-11, 0, 5]])  # -1300 / 128 = -10.2


LAYERS: dict[str, Callable[[], Any]] = {
    "BatchNorm": lambda: BatchNorm(epsilon=1e-5, momentum=0.9),
    "ChannelShuffle": lambda: ChannelShuffle(2),
    "ChannelSplit": lambda: ChannelSplit((1, 3)),
    "GroupedConv2D": lambda: GroupedConv2D(6, 3, 2, padding="same", groups=2),
    "IntegerLeakyReLU": IntegerLeakyReLU,
    "SqueezeExcite": lambda: SqueezeExcite(2, gate="hard_sigmoid", activation="relu6"),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_model_with_the_layer_saves_loads_and_predicts_the_same_bits(
    name: str, tmp_path: Path
) -> None:
    image = keras.Input((7, 5, 4))
    layer = LAYERS[name]()
    model = keras.Model(image, layer(image))
    x = drawn(3, 7, 5, 4)
    model.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    assert loaded.layers[1].get_config() == layer.get_config()
    before, after = model.predict(x, verbose=0), loaded.predict(x, verbose=0)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", LAYERS)
def test_xla_gives_the_same_numbers(name: str) -> None:
    layer, x = LAYERS[name](), backend.tensor(drawn(3, 7, 5, 4))
    expected, compiled = layer(x), backend.xla(layer)(x)
    for one, other in zip(expected, compiled, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "channels", "complaint"),
    [
        (lambda: ChannelShuffle(0), None, "groups must be a positive integer"),
        (lambda: ChannelShuffle(3), 4, r"multiple of groups=3\. Received: 4 channels"),
        (lambda: ChannelSplit(0), None, "parts must be a positive integer"),
        (lambda: ChannelSplit((1, 0)), None, r"parts\[1\] must be a positive integer"),
        (lambda: ChannelSplit(()), None, "parts must name at least one size"),
        (lambda: ChannelSplit(3), 4, "parts must divide the number of channels"),
        (lambda: ChannelSplit((1, 2)), 4, "parts must add up to the number of channels"),
        (lambda: SqueezeExcite(0), None, "squeeze must be a positive integer"),
        (lambda: SqueezeExcite(2, gate="tanhh"), None, "gate must be one of sigmoid, hard_sigmoid"),
    ],
)
def test_a_wrong_argument_is_named(
    make: Callable[[], Any], channels: int | None, complaint: str
) -> None:
    with pytest.raises(ArgumentError, match=complaint):
        make()(drawn(1, 3, 3, channels or 1))


def test_squeeze_excite_wants_images() -> None:
    with pytest.raises(ArgumentError, match=r"shape \(batch, height, width, channels\)"):
        SqueezeExcite(2)(drawn(3, 4))


def test_the_integer_leaky_relu_refuses_other_types() -> None:
    numbers = np.zeros((1, 2), "uint8")
    complaint = "x must be of floats or of signed integers of 8, 16 or 32 bits"
    with pytest.raises(ArgumentError, match=complaint):
        integer_leaky_relu(numbers)
    with pytest.raises(RuntimeError, match=complaint):  # Keras wraps what a call raises
        IntegerLeakyReLU()(numbers)
