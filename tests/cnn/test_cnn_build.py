"""Building: arguments, the rule for small images, seeds; and the model that comes out."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from workbench import load_model
from workbench.cnn import CNN, Preprocessing, build_cnn
from workbench.cnn.blocks import MaxPool
from workbench.cnn.blocks.pool import Skip
from workbench.cnn.spec import ZOO, Architecture, Block
from workbench.errors import ArgumentError, UnknownNameError

# Keras copies arrays of TensorFlow by an old protocol when it saves.
SAVING = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def tiny(name: str = "tiny_resnet", side: int = 8, **options: Any) -> CNN:
    return build_cnn(name, (side, side, 3), **{"classes": 3, "seed": 0, **options})


def weights(model: keras.Model) -> list[bytes]:
    return [np.asarray(weight).tobytes() for weight in model.weights]


def images(model: CNN, seed: int = 0) -> np.ndarray:
    shape = (2, *(side or 8 for side in model.input_shape[1:]))
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


# Arguments.


def test_an_unknown_network_is_told_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown network 'resnet_18'. Did you mean 'resne"):
        build_cnn("resnet_18")
    with pytest.raises(UnknownNameError, match="Did you mean 'mobilenet_v2'"):
        build_cnn("MobileNetV2")


def test_an_unknown_option_is_told_with_those_there_are() -> None:
    with pytest.raises(
        ArgumentError, match=r"widht must be an option of 'mobilenet_v2'.*has width"
    ):
        build_cnn("mobilenet_v2", widht=0.5)
    with pytest.raises(ArgumentError, match=r"width must be an option of 'vgg16'.*It has none"):
        build_cnn("vgg16", width=0.5)
    # What the family is asked for is no option.
    with pytest.raises(ArgumentError, match=r"family must be an option of 'tiny_vgg'"):
        tiny("tiny_vgg", family="resnet")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((8, 8), r"input_shape must be \(rows, columns, channels\)"),
        (8, r"input_shape must be \(rows, columns, channels\)"),
        (None, r"input_shape must be \(rows, columns, channels\)"),
        ("8x8", r"input_shape must be \(rows, columns, channels\)"),
        ((1, 8, 8, 3), r"input_shape must be \(rows, columns, channels\)"),
        ((0, 8, 3), r"input_shape\[0\] must be a positive integer"),
        ((8, 8.5, 3), r"input_shape\[1\] must be a positive integer"),
        ((8, 8, None), r"input_shape\[2\] must be a positive integer"),
        ((8, True, 3), r"input_shape\[1\] must be a positive integer"),
    ],
)
def test_wrong_shapes_are_told(shape: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        build_cnn("tiny_resnet", shape)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 0}, "classes must be a positive integer"),
        ({"classes": 2.0}, "classes must be a positive integer"),
        ({"classes": True}, "classes must be a positive integer"),
        ({"dropout": 1}, r"dropout must be a real number in \[0, 0.99\]"),
        ({"dropout": -0.1}, "dropout must be a real number"),
        ({"dropout": "half"}, "dropout must be a real number"),
        ({"total_stride": 0}, "total_stride must be a positive integer"),
        ({"total_stride": 3}, r'total_stride must be "auto", "reference", or 4 divided by a power'),
        ({"total_stride": 8}, "total_stride must be"),
        ({"total_stride": "small"}, "total_stride must be"),
        ({"seed": -1}, "seed must be a non-negative integer"),
        ({"width": 0}, "width must be a real number"),
    ],
)
def test_wrong_arguments_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        build_cnn("tiny_resnet", (8, 8, 3), **{"classes": 3, **options})


def test_lists_and_numpys_integers_are_shapes_too() -> None:
    shape: Any = [np.int64(8), np.int32(9), 1]
    assert build_cnn("tiny_resnet", shape, np.int64(3), seed=0).input_shape == (None, 8, 9, 1)  # type: ignore[arg-type]


# The rule for small images.


@pytest.mark.parametrize(
    ("side", "map_"),
    # From 64 on the stride is 32 as published. Below, the largest stride that leaves 4 pixels:
    # 8 for 63 and 32, 16 would leave 3 of 63 whole ones; 2 for 8 and 15; 1 for 7.
    [
        (65, 3),
        (64, 2),
        (63, 8),
        (33, 5),
        (32, 4),
        (31, 8),
        (16, 4),
        (15, 8),
        (8, 4),
        (7, 7),
        (1, 1),
    ],
)
def test_the_last_map_of_small_images_has_four_pixels_or_more(side: int, map_: int) -> None:
    model = build_cnn("resnet18", (side, side, 3), None, seed=0)
    assert model.output_shape == (None, map_, map_, 512)


def test_the_shorter_side_decides() -> None:
    wide, high = (build_cnn("resnet18", (*s, 3), None, seed=0) for s in ((32, 200), (200, 32)))
    assert wide.output_shape[1:3] == (4, 25)
    assert high.output_shape[1:3] == (25, 4)
    known = build_cnn("resnet18", (None, 32, 3), None, seed=0)
    assert known.output_shape[1:3] == (None, 4)


def test_the_total_stride_can_be_set() -> None:
    sides = {}
    for stride in ("reference", 32, 16, 4, 1):
        model = build_cnn("resnet18", (32, 32, 3), None, total_stride=stride, seed=0)
        sides[stride] = model.output_shape[1]
    assert sides == {"reference": 1, 32: 1, 16: 2, 4: 8, 1: 32}


def strides(table: Architecture) -> dict[str, int]:
    return {name: block.stride for name, block in table.body if block.stride > 1}


def test_the_earliest_strides_give_way_first() -> None:
    table = ZOO["resnet18"]()
    assert strides(table) == {
        "conv1": 2,
        "maxpool": 2,
        "layer2.0": 2,
        "layer3.0": 2,
        "layer4.0": 2,
    }
    assert strides(table.with_total_stride(8)) == {"layer2.0": 2, "layer3.0": 2, "layer4.0": 2}
    assert strides(table.with_total_stride(2)) == {"layer4.0": 2}
    assert isinstance(dict(table.with_total_stride(8).body)["maxpool"], Skip)
    # Four becomes two before the next one is touched.
    assert strides(ZOO["alexnet"]().with_total_stride(16))["features.0"] == 2


def test_a_smaller_stride_changes_no_weights() -> None:
    small, large = (build_cnn("resnet18", (side, side, 3), 5, seed=3) for side in (32, 96))
    assert [weight.path for weight in small.weights] == [weight.path for weight in large.weights]
    assert weights(small) == weights(large)


def test_a_pooling_without_its_stride_falls_away() -> None:
    pool: Block = MaxPool(3, 2)
    assert pool.with_stride(1) == Skip()
    assert pool.with_stride(3) == MaxPool(3, 3)


# What comes out.


def test_without_classes_the_last_feature_map_comes_out() -> None:
    body, whole = tiny(classes=None), tiny()
    assert body.output_shape == (None, 4, 4, 64)
    assert {w.path for w in whole.weights} - {w.path for w in body.weights} == {
        "classes/kernel",
        "classes/bias",
    }
    maps = np.asarray(body(images(body)))
    logits = maps.mean((1, 2)) @ np.asarray(whole.get_layer("classes").kernel)
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(whole(images(body)), expected, rtol=1e-4)


def test_classes_come_as_probabilities_or_as_logits() -> None:
    probable, logits = tiny(), tiny(classifier_activation=None)
    found = np.asarray(logits(images(logits)))
    expected = np.exp(found) / np.exp(found).sum(-1, keepdims=True)
    np.testing.assert_allclose(probable(images(logits)), expected, rtol=1e-5)


def test_images_of_any_size_go_through_where_the_head_averages() -> None:
    free = build_cnn("tiny_resnet", (None, None, 3), 3, seed=0)
    for side in (17, 32):
        fixed = tiny(side=side, total_stride="reference")
        x = images(fixed)
        np.testing.assert_allclose(free(x), fixed(x), rtol=1e-4, atol=1e-6)


def test_dropout_is_the_published_one_or_what_is_asked_for() -> None:
    def rates(**options: Any) -> list[float]:
        model = build_cnn("mobilenet_v2", (32, 32, 3), 3, width=0.25, seed=0, **options)
        return [each.rate for each in model.layers if isinstance(each, keras.layers.Dropout)]

    assert rates() == [0.2]
    assert rates(dropout=0.6) == [0.6]
    assert rates(dropout=0) == []


def test_an_image_that_is_too_small_is_told_with_a_way_out() -> None:
    with pytest.raises(
        ArgumentError, match=r"input_shape must leave 3 pixels or more for 'features"
    ):
        build_cnn("squeezenet1_1", (8, 8, 3), total_stride="reference")


# Seeds.


@pytest.mark.usefixtures("untouched_generators")
@pytest.mark.parametrize("name", [name for name in ZOO if name.startswith("tiny_")])
def test_a_seed_makes_the_weights_and_no_global_generator_is_touched(name: str) -> None:
    first, again, other = tiny(name), tiny(name), tiny(name, seed=1)
    assert weights(first) == weights(again)
    kernels = [w.path for w in first.weights if w.path.endswith("kernel")]
    for path in kernels:
        one, two = (next(w for w in m.weights if w.path == path) for m in (first, other))
        assert (np.asarray(one) != np.asarray(two)).any()


@pytest.mark.usefixtures("untouched_generators")
def test_dropout_draws_from_the_seed_too() -> None:
    def dropped() -> np.ndarray:
        model = build_cnn("mobilenet_v2", (32, 32, 3), 3, width=0.25, dropout=0.5, seed=4)
        return np.asarray(model(images(model), training=True))

    np.testing.assert_array_equal(dropped(), dropped())


def test_a_generator_goes_on_from_network_to_network() -> None:
    rng = np.random.default_rng(0)
    first, second = tiny(seed=rng), tiny(seed=rng)
    assert weights(first) == weights(tiny(seed=0))
    assert weights(first) != weights(second)


def test_first_weights_have_the_variance_of_he() -> None:
    kernel = np.asarray(
        build_cnn("resnet18", (32, 32, 3), 10, seed=0).get_layer("layer4.1.conv1").kernel
    )
    inputs = 3 * 3 * 512
    assert kernel.mean() == pytest.approx(0, abs=4 * np.sqrt(2 / inputs / kernel.size))
    assert kernel.var() == pytest.approx(2 / inputs, rel=0.01)


# The model.


@SAVING
def test_a_saved_network_knows_what_it_is(tmp_path: Path) -> None:
    options = {"repeats": (1, 1, 1), "width": 0.25}
    model = build_cnn("inception_resnet_v2", (75, 75, 3), 3, seed=0, **options)
    model.preprocessing = Preprocessing(
        75, None, "bicubic", (0.5,) * 3, (0.25,) * 3, channels="bgr"
    )
    model.save(tmp_path / "net.keras")
    again = load_model(tmp_path / "net.keras")
    assert isinstance(again, CNN)
    assert again.architecture == "inception_resnet_v2"
    assert dict(again.options) == options
    assert again.preprocessing == model.preprocessing
    np.testing.assert_array_equal(again(images(model)), model(images(model)))
    assert ZOO[again.architecture](**again.options) == ZOO["inception_resnet_v2"](**options)


@SAVING
def test_options_that_are_numpys_numbers_are_saved(tmp_path: Path) -> None:
    model = tiny(width=np.float64(1))
    model.save(tmp_path / "net.keras")
    assert dict(load_model(tmp_path / "net.keras").options) == {"width": 1.0}


def test_a_model_made_of_its_configuration_knows_what_it_is_and_has_new_weights() -> None:
    model = tiny()
    model.preprocessing = Preprocessing(8, 9)
    again = CNN.from_config(model.get_config())
    assert (again.architecture, again.options) == ("tiny_resnet", {})
    assert again.preprocessing == Preprocessing(8, 9)
    assert [w.path for w in again.weights] == [w.path for w in model.weights]
    # The configuration is still whole.
    assert CNN.from_config(model.get_config()).architecture == "tiny_resnet"


def test_a_clone_computes_the_same_and_has_forgotten_what_it_is() -> None:
    model = tiny()
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone(images(model)), model(images(model)))
    assert isinstance(clone, CNN)
    assert (clone.architecture, clone.options, clone.preprocessing) == (None, {}, None)


@SAVING
def test_what_is_cut_out_is_a_plain_model_that_saves(tmp_path: Path) -> None:
    model = tiny()
    part = keras.Model(model.input, model.layers[7].output)
    assert not isinstance(part, CNN)
    part.save(tmp_path / "part.keras")
    again = load_model(tmp_path / "part.keras")
    np.testing.assert_array_equal(again(images(model)), part(images(model)))


def test_it_trains_as_any_model_does() -> None:
    model = tiny()
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = weights(model)
    model.fit(images(model), np.array([0, 1]), epochs=1, verbose=0, shuffle=False)
    assert weights(model) != before
    assert np.isfinite(model.evaluate(images(model), np.array([0, 1]), verbose=0))


def test_no_two_kernels_of_a_network_start_from_the_same_numbers() -> None:
    model = build_cnn("tiny_se_resnet", (8, 8, 1), 3, seed=0)
    kernels = [np.ravel(v)[:8].tolist() for v in model.trainable_variables if "kernel" in v.path]
    assert len({tuple(first) for first in kernels}) == len(kernels)
