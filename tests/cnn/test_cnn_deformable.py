"""Deformable convolution: torchvision's values and slopes, and a layer that trains and is saved."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from peer_cases import DEFORMABLE, FIXTURES, Deformable
from scipy.ndimage import map_coordinates

from workbench.cnn.ops import DeformableConv2D, deformable_conv2d
from workbench.cnn.ops.placement import windows, zeros
from workbench.errors import ArgumentError
from workbench.network import backend

CASES = pytest.mark.parametrize("name", DEFORMABLE)


@pytest.fixture(scope="module")
def torchvisions() -> dict[str, np.ndarray]:
    with np.load(FIXTURES / "deform_conv2d.npz") as file:
        return dict(file)


def ours(case: Deformable, **arrays: Any) -> Any:
    return deformable_conv2d(
        **arrays, strides=case.stride, padding=case.padding, dilation=case.dilation
    )


def tensors(case: Deformable, dtype: str) -> tuple[dict[str, Any], np.ndarray]:
    arrays = {name: backend.tensor(array, dtype) for name, array in case.arrays().items()}
    return arrays, arrays.pop("upstream")


def slopes(case: Deformable, dtype: str) -> tuple[Any, dict[str, Any]]:
    """Return the sum of outputs times ``upstream``, and its gradient by every array."""
    arrays, upstream = tensors(case, dtype)

    def total(at: Any) -> Any:
        return backend.total(upstream * ours(case, **dict(zip(arrays, at, strict=True))))

    value, gradients = backend.gradient(total, list(arrays.values()))
    return value, dict(zip(arrays, gradients, strict=True))


def assert_close(found: Any, wanted: np.ndarray, tolerance: float) -> None:
    """Compare with the largest number of ``wanted`` as the measure."""
    found = keras.ops.convert_to_numpy(found)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * abs(wanted).max())


@CASES
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-7), ("float32", 1e-5)])
def test_outputs_are_torchvisions(
    name: str, dtype: str, tolerance: float, torchvisions: dict[str, np.ndarray]
) -> None:
    arrays, _ = tensors(DEFORMABLE[name], dtype)
    assert_close(ours(DEFORMABLE[name], **arrays), torchvisions[f"{name}: y"], tolerance)


@CASES
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-7), ("float32", 1e-5)])
def test_all_gradients_are_torchvisions(
    name: str, dtype: str, tolerance: float, torchvisions: dict[str, np.ndarray]
) -> None:
    _, gradients = slopes(DEFORMABLE[name], dtype)
    for array, gradient in gradients.items():
        assert_close(gradient, torchvisions[f"{name}: by {array}"], tolerance)


@CASES
def test_all_gradients_are_those_of_finite_differences(name: str) -> None:
    case, step = DEFORMABLE[name], 1e-6
    arrays, upstream = tensors(case, "float64")
    _, gradients = slopes(case, "float64")
    rng = np.random.default_rng(0)
    for array, gradient in gradients.items():
        for _ in range(3):
            direction = rng.normal(size=gradient.shape)
            if array == "offsets":  # its slopes jump where a point crosses a pixel
                near = abs(case.arrays()[array] - np.round(case.arrays()[array])) < 1e-4
                direction[near] = 0
            ends = [
                float(
                    backend.total(
                        upstream * ours(case, **{**arrays, array: arrays[array] + sign * direction})
                    )
                )
                for sign in (step, -step)
            ]
            slope = float(np.sum(keras.ops.convert_to_numpy(gradient) * direction))
            assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(slope, rel=1e-6, abs=1e-6)


def test_samples_are_those_of_scipys_map_coordinates() -> None:
    # A kernel that picks one point shows its samples; SciPy interpolates beyond the edge likewise
    # with "grid-constant".
    rng = np.random.default_rng(3)
    x, offsets = rng.normal(size=(1, 6, 5, 1)), rng.normal(scale=3, size=(1, 4, 3, 18))
    for point in range(9):
        kernel = np.zeros((9, 1, 1))
        kernel[point] = 1
        i, j = np.indices((4, 3)) + np.array(divmod(point, 3))[:, None, None]
        places = np.stack([i, j]) + offsets[0, :, :, 2 * point : 2 * point + 2].transpose(2, 0, 1)
        wanted = map_coordinates(x[0, :, :, 0], places, order=1, mode="grid-constant")
        y = deformable_conv2d(
            *(backend.tensor(a) for a in (x, offsets, kernel.reshape(3, 3, 1, 1)))
        )
        np.testing.assert_allclose(np.asarray(y)[0, :, :, 0], wanted, atol=1e-14)


def test_at_offset_zero_slopes_are_torchvisions_to_the_lower_right() -> None:
    # Every layer starts there. A point on the row above the image (-1) sees the first row coming,
    # one on the row below it sees nothing; so torchvision's get_coordinate_weight.
    x = np.arange(1.0, 10).reshape(1, 3, 3, 1)
    kernel = np.ones((3, 3, 1, 1))

    def total(at: Any) -> Any:
        return backend.total(
            deformable_conv2d(backend.tensor(x), at[0], backend.tensor(kernel), padding=1)
        )

    slope = backend.gradient(total, [backend.tensor(np.zeros((1, 3, 3, 18)))])[1][0]
    framed = np.pad(x[0, :, :, 0], ((1, 2), (1, 2)))
    wanted = np.zeros((3, 3, 9, 2))
    for i, j in np.ndindex(3, 3):
        for point in range(9):
            a, b = i + point // 3, j + point % 3
            wanted[i, j, point] = framed[a + 1, b] - framed[a, b], framed[a, b + 1] - framed[a, b]
    np.testing.assert_array_equal(np.asarray(slope), wanted.reshape(1, 3, 3, 18))


def test_points_far_outside_are_zero_and_have_no_slope() -> None:
    x, kernel = (backend.tensor(np.ones(shape)) for shape in ((1, 4, 4, 2), (1, 1, 2, 3)))
    for far in (1e3, -1e3, 1e30, -1e30):
        offsets = backend.tensor(np.full((1, 4, 4, 2), far))
        value, (slope,) = backend.gradient(
            lambda at: backend.total(deformable_conv2d(x, at[0], kernel)), [offsets]
        )
        assert float(value) == 0
        assert not np.asarray(slope).any()


def test_a_point_that_is_not_a_number_spoils_its_own_output_only() -> None:
    x, kernel = (backend.tensor(np.ones(shape)) for shape in ((1, 4, 4, 2), (1, 1, 2, 3)))
    offsets = np.zeros((1, 4, 4, 2))
    offsets[0, 1, 2] = np.nan
    y = np.asarray(deformable_conv2d(x, backend.tensor(offsets), kernel))
    assert np.isnan(y[0, 1, 2]).all()
    assert np.isnan(y).sum() == 3


@pytest.mark.parametrize("compiled", [backend.graph, backend.xla])
def test_compiled_it_gives_the_same(compiled: Any) -> None:
    case = DEFORMABLE["v2 everything"]
    value, gradients = slopes(case, "float64")
    arrays, upstream = tensors(case, "float64")
    names = list(arrays)

    def program(at: Any) -> Any:
        return backend.gradient(
            lambda at: backend.total(upstream * ours(case, **dict(zip(names, at, strict=True)))), at
        )

    found, slope = compiled(program)(list(arrays.values()))
    assert float(found) == pytest.approx(float(value), rel=1e-12)
    for name, gradient in zip(names, slope, strict=True):
        assert_close(gradient, np.asarray(gradients[name]), 1e-12)


def test_the_gradient_has_a_gradient() -> None:
    case = DEFORMABLE["v2"]
    arrays, upstream = tensors(case, "float64")
    names = list(arrays)
    rng = np.random.default_rng(1)
    along = [backend.tensor(rng.normal(size=array.shape)) for array in arrays.values()]

    def slope(at: Any) -> Any:
        def total(at: Any) -> Any:
            y = ours(case, **dict(zip(names, at, strict=True)))
            return backend.total(upstream * y * y)

        gradients = backend.gradient(total, at)[1]
        return sum(backend.total(g * d) for g, d in zip(gradients, along, strict=True))

    at, step = list(arrays.values()), 1e-6
    _, second = backend.gradient(slope, at)
    ends = [
        float(slope([a + sign * d for a, d in zip(at, along, strict=True)]))
        for sign in (step, -step)
    ]
    wanted = sum(float(backend.total(s * d)) for s, d in zip(second, along, strict=True))
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(wanted, rel=1e-6)


LAYERS = {
    "v1": {"modulated": False},
    "v2": {},
    "same, stride 2": {"padding": "same", "strides": 2},
    "stride and dilation": {"padding": 2, "strides": 2, "dilation_rate": (2, 1)},
    "groups": {"padding": (1, 0), "groups": 2, "deformable_groups": 4, "use_bias": False},
}


def layer(name: str, **options: Any) -> DeformableConv2D:
    start = keras.initializers.GlorotUniform(seed=1)
    return DeformableConv2D(6, 3, kernel_initializer=start, **LAYERS[name], **options)


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(9).normal(size=shape).astype("float32")


def set_offsets(model: keras.Model) -> None:
    """Give the offsets' convolution weights, so that points move."""
    rng = np.random.default_rng(2)
    for each in model.layers:
        if isinstance(each, DeformableConv2D):
            for weight in (each.offset_kernel, each.offset_bias):
                weight.assign(rng.normal(scale=0.3, size=weight.shape))


@pytest.mark.parametrize("name", LAYERS)
def test_a_new_layer_is_the_ordinary_convolution(name: str) -> None:
    deformable = layer(name, mask_range=2.0)
    x = images(2, 9, 8, 4)
    y = deformable(x)
    options = dict(LAYERS[name])
    step, spread = options.get("strides", 1), options.get("dilation_rate", (1, 1))
    padding = options.get("padding", "valid")
    if padding == "same":  # TensorFlow's for 9 x 8 pixels, a window of 3 and a stride of 2
        edges = ((1, 1), (0, 1))
    else:
        sides = (0, 0) if padding == "valid" else np.broadcast_to(padding, 2)
        edges = tuple((side, side) for side in sides)
    # By hand: ordinary convolution, then every step-th of its outputs.
    plain = keras.ops.conv(
        np.pad(x, ((0, 0), *edges, (0, 0))),
        np.concatenate(
            [
                np.pad(part, ((0, 0), (0, 0), (4 // deformable.groups * i, 0), (0, 0)))
                if i
                else np.pad(part, ((0, 0), (0, 0), (0, 4 - part.shape[2]), (0, 0)))
                for i, part in enumerate(
                    np.split(np.asarray(deformable.kernel), deformable.groups, axis=-1)
                )
            ],
            axis=-1,
        ),
        dilation_rate=spread,
    )[:, ::step, ::step]
    np.testing.assert_allclose(np.asarray(y), np.asarray(plain), atol=1e-5)


def test_by_the_papers_mask_version_2_starts_at_half_of_it() -> None:
    x = images(1, 6, 6, 4)
    np.testing.assert_allclose(
        np.asarray(layer("v2")(x)), np.asarray(layer("v1")(x)) / 2, atol=1e-6
    )


@pytest.mark.parametrize("name", LAYERS)
def test_shapes_are_known_beforehand(name: str) -> None:
    for size in ((9, 8), (10, 11)):
        x = images(2, *size, 4)
        shape = layer(name).compute_output_shape((None, *size, 4))
        assert layer(name)(x).shape[1:] == shape[1:]


def test_images_of_any_size_fit_one_model() -> None:
    inputs = keras.Input((None, None, 4))
    hidden = layer("v2")(inputs)
    model = keras.Model(inputs, layer("stride and dilation")(hidden))
    assert model.output_shape == (None, None, None, 6)
    set_offsets(model)
    for shape in ((2, 9, 8, 4), (1, 12, 7, 4)):
        one = keras.Sequential([keras.Input(shape[1:]), *model.layers[1:]])
        x = images(*shape)
        np.testing.assert_allclose(
            model.predict(x, verbose=0), one.predict(x, verbose=0), atol=1e-6
        )


@pytest.mark.parametrize("jit", [False, True])
def test_training_moves_the_points(jit: bool) -> None:
    # The target is the image, shifted: offsets can learn that where a 1x1 kernel cannot.
    model = keras.Sequential(
        [
            keras.Input((9, 8, 1)),
            DeformableConv2D(1, 1, mask_range=2.0),
            keras.layers.Cropping2D(((0, 1), (0, 0))),
        ]
    )
    weights = model.layers[0]
    weights.kernel.assign(np.ones((1, 1, 1, 1)))
    rows, columns = np.mgrid[:10, :8]
    phases = np.random.default_rng(4).uniform(0, 6, (8, 1, 1))
    picture = np.sin(rows / 1.5 + phases) + np.cos(columns / 2 + phases)
    x, y = picture[:, :9, :, None], picture[:, 1:9, :, None]
    model.compile(keras.optimizers.SGD(0.3), "mse", jit_compile=jit)
    before, *_, after = model.fit(x, y, epochs=40, batch_size=8, verbose=0, shuffle=False).history[
        "loss"
    ]
    assert after < before / 5
    assert float(weights.offset_bias.numpy()[0]) > 0.5  # down


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_saved_model_predicts_the_same_in_a_fresh_process(tmp_path: Path) -> None:
    inputs = keras.Input((9, 8, 4))
    model = keras.Model(inputs, [layer(name, activation="relu")(inputs) for name in LAYERS])
    set_offsets(model)
    x = images(2, 9, 8, 4)
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


def test_a_layers_copy_has_its_arguments() -> None:
    for name in LAYERS:
        made = layer(name, mask_range=1.5, kernel_regularizer="l2", activation="relu")
        assert DeformableConv2D.from_config(made.get_config()).get_config() == made.get_config()


def test_in_half_precision_it_is_near_the_full_one() -> None:
    x = images(2, 9, 8, 4)
    full, half = layer("v2"), layer("v2", dtype="mixed_float16")
    for each in (full, half):
        each.build(x.shape)
        rng = np.random.default_rng(2)
        each.offset_kernel.assign(rng.normal(scale=0.1, size=each.offset_kernel.shape))
    y = half(x)
    assert keras.backend.standardize_dtype(y.dtype) == "float16"
    np.testing.assert_allclose(np.asarray(y, float), np.asarray(full(x)), atol=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filters": 0}, "filters must be a positive integer"),
        ({"kernel_size": (3, 3, 3)}, "kernel_size must be an integer or two of them"),
        ({"padding": "full"}, "padding must be 'valid', 'same', an integer"),
        ({"padding": -1}, "padding must be a non-negative integer"),
        ({"groups": 4}, "filters must be a multiple of groups=4. Received: 6 filters"),
        ({"groups": 3}, "input channels must be a multiple of groups=3"),
        ({"deformable_groups": 3}, "input channels must be a multiple of deformable_groups=3"),
        ({"mask_range": 0}, "mask_range must be a real number"),
        ({"dilation_rate": 5}, "input rows must be at least 11"),
    ],
)
def test_wrong_arguments_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message.replace("(", "\\(")):
        DeformableConv2D(**{"filters": 6, "kernel_size": 3, **options})(images(1, 8, 8, 4))


def test_same_padding_with_strides_asks_for_the_size() -> None:
    window, _ = windows((3, 3), (2, 2), "same")
    with pytest.raises(ArgumentError, match="known rows and columns"):
        zeros(window, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"offsets": (1, 6, 6, 17)}, "offsets must have 2 channels a point"),
        ({"offsets": (1, 6, 6, 54)}, "offsets must have 2 channels a point"),
        ({"offsets": (1, 8, 6, 18)}, "offsets must have 6 rows"),
        ({"mask": (1, 6, 6, 18)}, "mask must have 9 channels"),
        ({"kernel": (3, 3, 3, 6)}, "kernel must have a divisor of the 4 channels"),
        ({"kernel": (3, 3, 1, 6)}, "kernel must have a divisor of the 4 channels"),
    ],
)
def test_shapes_that_do_not_fit_are_told(change: dict[str, Any], message: str) -> None:
    shapes: dict[str, tuple[int, ...]] = {
        "x": (1, 8, 8, 4),
        "offsets": (1, 6, 6, 18),
        "kernel": (3, 3, 4, 6),
        **change,
    }
    with pytest.raises(ArgumentError, match=message):
        deformable_conv2d(**{name: np.ones(shape) for name, shape in shapes.items()})
