"""Every kind of Keras model is walked through, and left as it was."""

from typing import Any

import keras
import pytest
from keras import layers, ops

from workbench.cnn.ops import SqueezeExcite
from workbench.complexity import Rule, profile, register
from workbench.complexity.rules import flops, macs
from workbench.errors import ArgumentError, ModelError

SHAPE = (8, 8, 3)
KERNEL = 9 * 3 * 4  # weights of a 3 x 3 convolution from 3 to 4 channels


class Written(keras.Model):
    """A subclass with two parts of one name."""

    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Conv2D(4, 3, name="part")
        self.second = layers.Dense(5, name="part")
        self.unused = layers.Dense(7)
        self.unused.build((None, 2))

    def call(self, inputs: Any) -> Any:
        return self.second(ops.mean(ops.relu(self.first(inputs)), axis=(1, 2)))


class Opaque(layers.Layer):
    """A layer that cannot be run on symbols, as those that call TensorFlow."""

    def call(self, inputs: Any) -> Any:
        if isinstance(inputs, keras.KerasTensor):
            raise TypeError("not for symbols")
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class OpaqueConv(layers.Layer):
    """A foreign convolution with an attribute for each of its settings."""

    kernel_size, strides, padding = (3, 3), (2, 2), "same"

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(3, 3, input_shape[-1], 4))

    def call(self, inputs: Any) -> Any:
        if isinstance(inputs, keras.KerasTensor):
            raise TypeError("not for symbols")
        return ops.conv(inputs, self.kernel, self.strides, self.padding)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], -(-input_shape[1] // 2), -(-input_shape[2] // 2), 4)


def chain(*stack: layers.Layer) -> keras.Sequential:
    return keras.Sequential([keras.Input(SHAPE), *stack])


def test_nested_models_are_spread_out_and_weights_counted_once() -> None:
    core = chain(layers.Conv2D(3, 3, padding="same", use_bias=False, name="conv"))
    core.name = "core"
    x = keras.Input(SHAPE)
    cost = profile(keras.Model(x, core(core(x))))
    assert list(cost.frame["name"]) == ["core/conv", "core/conv"]
    assert list(cost.frame["parameters"]) == [81, 0]
    assert list(cost.frame["macs"]) == [64 * 81] * 2
    assert cost.receptive_field == 5


def test_a_functional_model_within_another_keeps_its_branches() -> None:
    x = keras.Input(SHAPE)
    inner = keras.Model(x, layers.Add()([layers.Conv2D(3, 3, padding="same")(x), x]), name="in")
    y = keras.Input(SHAPE)
    cost = profile(keras.Model(y, layers.Conv2D(4, 3)(inner(y))))
    assert cost.macs == 64 * 81 + 36 * KERNEL
    assert cost.receptive_field == 5


def test_a_subclass_is_counted_by_what_it_calls() -> None:
    cost = profile(Written(), SHAPE)
    assert list(cost.frame["kind"]) == ["Conv2D", "Relu", "Mean", "Dense", ""]
    assert cost.macs == 36 * KERNEL + 4 * 5
    # What no step reads has a row of its own, so that the total is the model's.
    assert cost.frame["name"].iloc[-1] == "(not in the graph)"
    assert cost.parameters == KERNEL + 4 + 25 + 21


def test_a_subclass_within_a_functional_model_is_spread_out_too() -> None:
    x = keras.Input(SHAPE)
    inner = Written()
    cost = profile(keras.Model(x, inner(x)))
    assert cost.macs == 36 * KERNEL + 20
    assert cost.frame["name"].iloc[0] == f"{inner.name}/part"


def test_operations_and_lambdas_are_counted() -> None:
    x = keras.Input((4, 6))
    y = layers.Lambda(lambda t: ops.matmul(t, ops.transpose(t, (0, 2, 1))))(x + 1.0)
    cost = profile(keras.Model(x, y))
    assert cost.macs == 4 * 4 * 6
    assert cost.flops == 2 * cost.macs + 4 * 6
    assert not cost.unknown


@pytest.mark.parametrize("layer", [Opaque(), layers.LSTM(3), layers.Bidirectional(layers.GRU(3))])
def test_what_is_unknown_is_named_and_its_weights_still_count(layer: layers.Layer) -> None:
    x = keras.Input((5, 4))
    model = keras.Model(x, layer(x))
    cost = profile(model)
    (unknown,) = cost.unknown
    assert unknown.startswith(layer.name)
    assert cost.macs == 0
    assert cost.parameters == model.count_params()
    assert "unknown cost" in str(cost)


def test_a_field_behind_an_unknown_layer_is_lost() -> None:
    known = profile(chain(layers.Conv2D(4, 3)))
    lost = profile(chain(Opaque(), layers.Conv2D(4, 3)))
    assert known.receptive_field == 3
    assert lost.receptive_field is None
    assert lost.macs == known.macs
    assert "lost" in str(lost)


def test_a_foreign_kernel_tells_macs_and_field() -> None:
    cost = profile(chain(OpaqueConv()))
    assert cost.macs == 16 * KERNEL
    assert (cost.receptive_field, cost.receptive_field.stride) == (3, (2, 2))
    assert not cost.unknown


def test_a_registered_rule_is_used_for_the_class_and_its_children() -> None:
    @keras.saving.register_keras_serializable("complexity_test")
    class Known(Opaque):
        pass

    class Child(Known):
        pass

    register(Known, Rule(macs=lambda step: 42, flops=flops.an_output))
    cost = profile(chain(Known(), Child()))
    assert cost.macs == 84
    assert cost.flops == 2 * (84 + 192)
    assert not cost.unknown
    with pytest.raises(ValueError, match="twice"):
        register(Known, Rule(macs=macs.none))


def test_the_model_is_left_as_it_was() -> None:
    x = keras.Input(SHAPE)
    gate = SqueezeExcite(2)
    model = keras.Model(x, layers.Conv2D(4, 3)(gate(x)))
    profile(model)
    profile(model)
    assert gate.output.shape == (None, *SHAPE)
    assert [len(part._inbound_nodes) for part in (gate.reduce, gate.expand)] == [0, 0]
    assert len(keras.Model(x, gate.output).layers) == 2


def test_open_sizes_are_filled_in() -> None:
    x = keras.Input((None, None, 3))
    model = keras.Model(x, layers.Conv2D(4, 3, strides=2, padding="same")(x))
    assert profile(model, (9, 6, 3)).macs == 5 * 3 * KERNEL
    with pytest.raises(ArgumentError, match="input_shape must be given"):
        profile(model)


def test_an_unbuilt_model_is_built() -> None:
    model = keras.Sequential([layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2)])
    assert profile(model, SHAPE).macs == 36 * KERNEL + 144 * 2
    assert model.built


def test_several_inputs_come_as_a_list_or_by_name() -> None:
    a, b = keras.Input(SHAPE, name="a"), keras.Input((None, 8, 3), name="b")
    y = layers.Concatenate()([layers.Conv2D(4, 3)(a), layers.Conv2D(4, 3)(b)])
    for inputs in ([a, b], {"a": a, "b": b}):
        assert profile(keras.Model(inputs, y), [SHAPE, SHAPE]).macs == 2 * 36 * KERNEL


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("model",), "model must be a Keras model"),
        ((chain(layers.ReLU()), (9, 9, 3)), r"fit the model's \[\(8, 8, 3\)\]"),
        ((chain(layers.ReLU()), 8), "tuple of integers"),
        ((chain(layers.ReLU()), (8, 8, 0)), "positive integer"),
    ],
)
def test_wrong_arguments_say_what_came(arguments: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        profile(*arguments)
    with pytest.raises(ArgumentError, match="batch"):
        profile(chain(layers.ReLU()), batch=0)


def test_a_subclass_that_cannot_be_run_on_symbols_is_refused() -> None:
    class Closed(keras.Model):
        def build(self, input_shape: Any) -> None:
            self.built = True

        def call(self, inputs: Any) -> Any:
            raise TypeError("not for symbols")

        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

    with pytest.raises(ModelError, match=r"cannot be run on symbolic tensors.*not for symbols"):
        profile(Closed(), SHAPE)
