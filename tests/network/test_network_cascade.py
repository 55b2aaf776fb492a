"""cascade: parameter counts, wiring and initial weights by hand, and what training makes of it."""

from typing import Any

import keras
import numpy as np
import pytest

import workbench
from workbench import cascade, feedforward, train
from workbench.errors import ArgumentError, UnknownNameError
from workbench.network import weights_to_vector
from workbench.network.objective import network_of

RNG = np.random.default_rng(5)
X = RNG.uniform(-1, 1, (200, 2))
Y = (X**2).sum(axis=1, keepdims=True) - 1


@pytest.mark.parametrize(
    ("sizes", "count"),
    [
        ([2, 5, 1], 2 * 5 + 5 + (2 + 5) * 1 + 1),  # 23, as MATLAB's newcf has
        ([3, 4, 4, 2], 3 * 4 + 4 + (3 + 4) * 4 + 4 + (3 + 4 + 4) * 2 + 2),
        ([4, 1], 4 + 1),
    ],
)
def test_the_number_of_weights_is_that_of_a_hand_count(sizes: list[int], count: int) -> None:
    assert cascade(sizes, seed=0).count_params() == count


def test_every_layer_gets_the_inputs_and_all_earlier_layers() -> None:
    model = cascade([2, 4, 3, 1], transfer=("tansig", "logsig", "purelin"), seed=0)
    W1, b1, W2, b2, W3, b3 = model.get_weights()
    first = np.tanh(X @ W1 + b1)
    second = 1 / (1 + np.exp(-(np.c_[X, first] @ W2 + b2)))
    expected = np.c_[X, first, second] @ W3 + b3
    assert isinstance(model, keras.Model)
    assert {w.dtype for w in model.weights} == {"float64"}
    np.testing.assert_allclose(model(X).numpy(), expected, rtol=1e-12)


def test_it_is_a_public_name() -> None:
    from workbench.network import cascade_forward

    assert workbench.cascade is cascade_forward.cascade
    assert workbench.network.cascade is cascade_forward.cascade


def test_one_layer_alone_is_the_feedforward_network() -> None:
    one, other = cascade([3, 2], seed=1), feedforward([3, 2], seed=1)
    np.testing.assert_array_equal(weights_to_vector(one), weights_to_vector(other))


def test_nguyen_widrow_takes_all_sources_of_a_layer_together() -> None:
    """Second layer: 3 inputs and 6 logsig neurons, whose outputs are on [0, 1]."""
    model = cascade([3, 6, 5, 1], transfer=("logsig", "tansig", "purelin"), seed=0)
    kernel, bias = model.get_weights()[2:4]
    assert kernel.shape == (9, 5)
    scaled = kernel / np.r_[np.ones(3), np.full(6, 2.0)][:, None]  # to sources on [-1, 1]
    magnitude = 0.7 * 5 ** (1 / 9) * 2  # tansig is active on twice [-1, 1]
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=0), magnitude, rtol=1e-12)
    # In the middle of all sources the net inputs are the evenly spaced thresholds.
    middle = np.r_[np.zeros(3), np.full(6, 0.5)] @ kernel + bias
    spread = magnitude * np.linspace(-1, 1, 5) * np.sign(kernel[0])
    np.testing.assert_allclose(middle, spread, rtol=1e-10, atol=1e-12)


def test_nguyen_widrow_follows_the_range_of_the_inputs() -> None:
    """Networks with tansig throughout compute the same of the same place in either range."""
    transfer = ("tansig", "tansig", "tansig")
    places = RNG.uniform(-1, 1, (9, 2))
    near = cascade([2, 5, 4, 1], transfer, seed=3)
    far = cascade([2, 5, 4, 1], transfer, seed=3, input_range=(10.0, 30.0))
    np.testing.assert_allclose(far(20 + 10 * places).numpy(), near(places).numpy(), rtol=1e-10)


def test_a_source_without_a_finite_range_counts_as_on_the_unit_interval() -> None:
    model = cascade([2, 3, 4, 1], transfer=("purelin", "tansig", "purelin"), seed=0)
    kernel = model.get_weights()[2]
    np.testing.assert_allclose(np.linalg.norm(kernel, axis=0), 0.7 * 4 ** (1 / 5) * 2, rtol=1e-12)


@pytest.mark.parametrize("input_range", [(-1.0, 1.0), (0.0, 100.0)])
def test_uniform_weights_have_no_regard_for_ranges(input_range: tuple[float, float]) -> None:
    model = cascade([9, 30, 30, 1], initial="uniform", seed=0, input_range=input_range)
    values = weights_to_vector(model)
    assert abs(values).max() <= 1
    assert np.isclose(values.std(), 3**-0.5, rtol=0.03)


@pytest.mark.usefixtures("untouched_generators")
def test_the_same_seed_gives_the_same_weights_and_no_global_generator_is_used() -> None:
    one, same, other = (weights_to_vector(cascade([2, 5, 1], seed=s)) for s in (4, 4, 5))
    assert (one == same).all()
    assert (one != other).any()


def test_cascades_of_one_shape_share_what_is_compiled() -> None:
    one, two = cascade([2, 5, 1], seed=0), cascade([2, 5, 1], seed=1)
    assert network_of(one) is network_of(two)
    assert network_of(one) is not network_of(feedforward([2, 5, 1], seed=0))


def test_it_trains_to_a_low_error() -> None:
    model = cascade([2, 5, 1], seed=0)
    record = train(model, X, Y, epochs=60, progress=False)
    assert record.best_perf < 1e-4 * record.perf[0]
    error = model(X).numpy() - Y
    assert record.best_perf == pytest.approx((error**2).mean(), rel=1e-9)


def test_a_linear_relation_needs_no_hidden_neurons_at_work() -> None:
    """With the hidden layer switched off, the direct path alone is least squares."""
    target = X @ [[2.0], [-3.0]] + 0.5
    model = cascade([2, 1, 1], seed=0)
    model.set_weights(
        [np.zeros((2, 1)), np.zeros(1), np.array([[2.0], [-3.0], [7.0]]), np.array([0.5])]
    )
    np.testing.assert_allclose(model(X).numpy(), target, rtol=1e-12)


def test_restarts_draw_new_weights() -> None:
    model = cascade([2, 3, 1], seed=0)
    record = train(model, X, Y, epochs=2, restarts=3, seed=0, progress=False)
    starts = [member.perf[0] for member in record.members]
    assert len(set(starts)) == 3
    assert np.isfinite(starts).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sizes": [2, 0, 1]}, r"sizes\[1\] must be a positive integer"),
        ({"transfer": ("tansig",)}, "one transfer function for each of the 2 layers"),
        ({"dtype": "float16"}, '"float64" or "float32"'),
        ({"input_range": (1.0, -1.0)}, "low < high"),
        ({"seed": -1}, "seed must be a non-negative integer"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        cascade(**{"sizes": [2, 5, 1], "seed": 0, **arguments})


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        ({"transfer": ("radbass", "purelin")}, "radbas"),
        ({"initial": "nguyen-widow"}, "nguyen-widrow"),
    ],
)
def test_unknown_names_come_with_the_nearest_known_one(
    arguments: dict[str, Any], nearest: str
) -> None:
    with pytest.raises(UnknownNameError, match=nearest):
        cascade([2, 5, 1], **arguments)
