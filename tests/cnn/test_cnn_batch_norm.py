"""Batch norm: against NumPy written out, finite differences, and Keras's layer."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from workbench.cnn import native
from workbench.cnn.ops import BatchNorm
from workbench.network import backend

EPSILON = 1e-5
SHAPES = {"images": (3, 5, 4, 3), "rows": (7, 3), "volumes": (2, 3, 2, 2, 3)}


def drawn(shape: tuple[int, ...], seed: int = 1, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(seed).normal(1.5, 2, size=shape).astype(dtype)


def with_weights(layer: Any, shape: tuple[int, ...], seed: int = 2) -> Any:
    layer.build((None, *shape[1:]))
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.uniform(0.5, 2, size=w.shape) for w in layer.weights])
    return layer


def normalised(x: np.ndarray, gamma: Any, beta: Any, epsilon: float = EPSILON) -> np.ndarray:
    x, axes = x.astype(float), tuple(range(x.ndim - 1))
    centred = x - x.mean(axes)
    return gamma * centred / np.sqrt((centred**2).mean(axes) + epsilon) + beta


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", SHAPES)
def test_a_batch_is_normalised_and_taken_up_as_torch_does(kind: str, dtype: str) -> None:
    x = drawn(SHAPES[kind], dtype=dtype)
    layer = with_weights(BatchNorm(momentum=0.9, epsilon=EPSILON, dtype=dtype), x.shape)
    gamma, beta, mean, variance = layer.get_weights()
    y = backend.numpy(layer(x, training=True))
    tolerance = {"float32": 2e-6, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(y, normalised(x, gamma, beta), rtol=tolerance, atol=tolerance)
    rows = x.reshape(-1, 3).astype(float)
    expected = 0.9 * mean + 0.1 * rows.mean(0), 0.9 * variance + 0.1 * rows.var(0, ddof=1)
    for moved, right in zip(layer.get_weights()[2:], expected, strict=True):
        np.testing.assert_allclose(moved, right, rtol=tolerance)


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("center", [True, False])
def test_prediction_equals_keras(scale: bool, center: bool) -> None:
    x = drawn(SHAPES["images"])
    options = {"scale": scale, "center": center, "epsilon": EPSILON}
    ours = with_weights(BatchNorm(**options), x.shape)
    theirs = with_weights(keras.layers.BatchNormalization(**options), x.shape)
    assert len(ours.weights) == 2 + scale + center
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-6, atol=1e-6)
    before = ours.get_weights()
    ours(x, training=True)
    gamma = before[0] if scale else 1
    beta = before[scale] if center else 0
    for layer in (ours, theirs):
        layer.set_weights(before)
        y = layer(x, training=True)
        np.testing.assert_allclose(y, normalised(x, gamma, beta), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_are_finite_differences(dtype: str) -> None:
    x = drawn((2, 3, 3, 2), dtype=dtype)
    weights = drawn(x.shape, seed=3)
    layer = with_weights(BatchNorm(epsilon=EPSILON, dtype=dtype), x.shape)
    gamma, beta = layer.get_weights()[:2]

    def loss(at: Any) -> Any:
        return backend.total(layer(at[0], training=True) * weights.astype(dtype))

    _, (found,) = backend.gradient(loss, [backend.tensor(x)])
    for place in [(0, 0, 0, 0), (1, 2, 1, 1), (0, 1, 2, 1)]:
        step = np.zeros(x.shape)
        step[place] = 1e-5
        more, less = (normalised(x + by, gamma, beta) for by in (step, -step))
        slope = ((more - less) * weights).sum() / 2e-5
        assert found.numpy()[place] == pytest.approx(slope, rel=1e-4, abs=1e-5)


def test_gradients_by_scale_and_offset_are_sums_over_the_batch() -> None:
    x, weights = drawn(SHAPES["images"]), drawn(SHAPES["images"], seed=3)
    layer = with_weights(BatchNorm(epsilon=EPSILON), x.shape)

    def loss(at: Any) -> Any:
        y, _, _ = native.fused_batch_norm(backend.tensor(x), at[0], at[1], None, EPSILON)
        return backend.total(y * weights)

    _, found = backend.gradient(loss, [backend.tensor(w) for w in layer.get_weights()[:2]])
    by_scale = (normalised(x, 1, 0) * weights).sum((0, 1, 2))
    np.testing.assert_allclose(found[0], by_scale, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[1], weights.sum((0, 1, 2)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_frozen_layer_predicts_and_learns_nothing_in_training(dtype: str) -> None:
    x = drawn(SHAPES["images"], dtype=dtype)
    layer = with_weights(BatchNorm(dtype=dtype), x.shape)
    layer.trainable = False
    before, predicted = layer.get_weights(), backend.numpy(layer(x, training=False))
    trained = backend.numpy(layer(x, training=True))
    np.testing.assert_allclose(trained, predicted, rtol=1e-5, atol=1e-6)
    for now, then in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_single_value_a_channel_becomes_the_offset(compiled: bool, dtype: str) -> None:
    layer = with_weights(BatchNorm(momentum=0.75, dtype=dtype), (1, 1, 1, 3))
    _, beta, _, variance = layer.get_weights()
    run = backend.xla if compiled else lambda function: function
    y = run(lambda x: layer(x, training=True))(backend.tensor(drawn((1, 1, 1, 3), dtype=dtype)))
    np.testing.assert_allclose(backend.numpy(y)[0, 0, 0], beta, rtol=1e-6)
    np.testing.assert_allclose(layer.get_weights()[3], 0.75 * variance, rtol=1e-6)


def test_an_epsilon_below_that_of_cudnn_is_kept() -> None:
    x = drawn(SHAPES["images"]) * 1e-3
    y = BatchNorm(epsilon=1e-7)(x, training=True)
    np.testing.assert_allclose(y, normalised(x, 1, 0, 1e-7), rtol=1e-4, atol=1e-4)
    assert not np.allclose(y, normalised(x, 1, 0, 1.001e-5), rtol=0.1)


def test_half_precision_keeps_its_statistics_in_single() -> None:
    x = drawn(SHAPES["images"])
    layer = with_weights(BatchNorm(momentum=0.0, dtype="mixed_float16"), x.shape)
    gamma, beta = layer.get_weights()[:2]
    y = layer(x, training=True)
    assert keras.backend.standardize_dtype(y.dtype) == "float16"
    np.testing.assert_allclose(y, normalised(x, gamma, beta, 1e-3), rtol=0, atol=1e-2)
    assert layer.moving_mean.dtype == "float32"
    np.testing.assert_allclose(layer.moving_mean, x.mean((0, 1, 2)), rtol=1e-3)


@pytest.mark.parametrize(
    ("options", "mask"),
    [({"renorm": True}, None), ({}, np.arange(60).reshape(3, 5, 4) % 3 > 0)],
)
def test_with_a_mask_or_renormalisation_all_is_as_in_keras(options: Any, mask: Any) -> None:
    x = drawn(SHAPES["images"])
    ours, theirs = (
        with_weights(layer(momentum=0.9, **options), x.shape)
        for layer in (BatchNorm, keras.layers.BatchNormalization)
    )
    y, expected = (layer(x, training=True, mask=mask) for layer in (ours, theirs))
    np.testing.assert_allclose(y, expected, rtol=1e-6)
    for now, right in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(now, right, rtol=1e-6)


def test_another_axis_is_normalised_as_well() -> None:
    x = drawn((3, 4, 5, 2))
    y = BatchNorm(axis=1, epsilon=EPSILON)(x, training=True)
    expected = np.moveaxis(normalised(np.moveaxis(x, 1, -1), 1, 0), -1, 1)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_training_is_the_same_with_and_without_xla_and_after_loading(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(8, 6, 5, 2)), rng.normal(size=(8, 4))
    trained = []
    for jit_compile in (False, True):
        image = keras.Input((6, 5, 2))
        start = keras.initializers.HeNormal(3)
        features = BatchNorm(momentum=0.9)(
            keras.layers.Conv2D(4, 3, kernel_initializer=start)(image)
        )
        model = keras.Model(image, keras.layers.GlobalMaxPooling2D()(features))
        model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=jit_compile)
        model.fit(x, y, epochs=3, batch_size=4, shuffle=False, verbose=0)
        trained.append(model)
    for ours, other in zip(trained[0].get_weights(), trained[1].get_weights(), strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-4, atol=1e-5)
    trained[0].save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    assert loaded.layers[2].get_config() == trained[0].layers[2].get_config()
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), trained[0].predict(x, verbose=0))


def test_a_population_of_scales_has_the_gradients_of_its_members() -> None:
    x, weights = backend.tensor(drawn((3, 5, 4, 3))), drawn((3, 5, 4, 3), seed=3)
    offset = backend.tensor(np.zeros(3, "float32"))

    def gradient(scale: Any) -> Any:
        def loss(at: Any) -> Any:
            y, _, _ = native.fused_batch_norm(x * scale, at[0], offset, None, EPSILON)
            return backend.total(y * y * weights)

        return backend.gradient(loss, [scale])[1][0]

    scales = backend.tensor(drawn((4, 3), seed=6))
    together, apart = backend.map_rows(gradient, scales), backend.map_each(gradient, scales)
    np.testing.assert_allclose(together, apart, rtol=1e-4, atol=1e-3)
