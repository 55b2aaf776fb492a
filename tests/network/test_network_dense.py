"""feedforward: parameter counts, outputs by hand, initial weights by their formulas."""

from itertools import pairwise
from typing import Any

import keras
import numpy as np
import pytest

from workbench import feedforward
from workbench.errors import ArgumentError, UnknownNameError
from workbench.network import INITIALISERS, TRANSFER_FUNCTIONS
from workbench.network.initialise import nguyen_widrow


@pytest.mark.parametrize(
    ("sizes", "count"), [([2, 5, 1], 21), ([3, 4, 4, 2], 46), ([19, 25, 1], 526), ([4, 1], 5)]
)
def test_the_number_of_weights_is_that_of_a_hand_count(sizes: list[int], count: int) -> None:
    assert feedforward(sizes, seed=0).count_params() == count


def test_it_is_a_keras_model_in_float64_that_computes_tansig_and_purelin() -> None:
    model = feedforward([2, 5, 1], seed=0)
    W1, b1, W2, b2 = model.get_weights()
    X = np.random.default_rng(0).uniform(-1, 1, (7, 2))
    assert isinstance(model, keras.Model)
    assert {w.dtype for w in model.weights} == {"float64"}
    tansig = 2 / (1 + np.exp(-2 * (X @ W1 + b1))) - 1  # MATLAB's formula
    np.testing.assert_allclose(model(X).numpy(), tansig @ W2 + b2, rtol=1e-12)


FORMULAS = {
    "tansig": lambda n: 2 / (1 + np.exp(-2 * n)) - 1,
    "logsig": lambda n: 1 / (1 + np.exp(-n)),
    "poslin": lambda n: np.maximum(n, 0),
    "purelin": lambda n: n,
}


@pytest.mark.parametrize("name", list(FORMULAS))
def test_transfer_functions_follow_matlabs_formulas_and_ranges(name: str) -> None:
    model = feedforward([1, 1], transfer=(name,), seed=0)
    model.set_weights([np.ones((1, 1)), np.zeros(1)])
    n = np.linspace(-6, 6, 25)[:, None]
    values = model(n).numpy()
    np.testing.assert_allclose(values, FORMULAS[name](n), rtol=1e-12, atol=1e-15)
    low, high = TRANSFER_FUNCTIONS[name].output
    assert low <= values.min() <= values.max() <= high


def test_the_same_seed_gives_the_same_weights_and_another_one_others() -> None:
    one, same, other = (
        np.concatenate([w.ravel() for w in feedforward([2, 5, 1], seed=s).get_weights()])
        for s in (4, np.random.default_rng(4), 5)
    )
    assert (one == same).all()
    assert (one != other).any()


@pytest.mark.usefixtures("untouched_generators")
def test_building_a_network_leaves_pythons_generator_alone() -> None:
    feedforward([2, 5, 1], seed=0)


def test_uniform_weights_fill_the_unit_interval() -> None:
    weights = feedforward([50, 50, 1], initial="uniform", seed=0).get_weights()
    values = np.concatenate([w.ravel() for w in weights])
    assert abs(values).max() <= 1
    assert np.isclose(values.std(), 3**-0.5, rtol=0.02)


def test_nguyen_widrow_has_the_papers_magnitude_on_the_active_range() -> None:
    kernel, bias, *_ = feedforward([3, 8, 1], seed=0).get_weights()
    magnitude = 0.7 * 8 ** (1 / 3) * 2  # the active range of tansig, [-2, 2], is twice [-1, 1]
    np.testing.assert_allclose(np.linalg.norm(kernel, axis=0), magnitude, rtol=1e-12)
    np.testing.assert_allclose(abs(bias), magnitude * abs(np.linspace(-1, 1, 8)), rtol=1e-12)
    np.testing.assert_allclose(bias * np.sign(kernel[0]), magnitude * np.linspace(-1, 1, 8))


def test_nguyen_widrow_follows_the_range_of_the_inputs() -> None:
    """A network on [-1, 1] and one on [10, 30] compute the same of the same place in there."""
    places = np.random.default_rng(0).uniform(-1, 1, (9, 2))
    near = feedforward([2, 5, 1], seed=3)
    far = feedforward([2, 5, 1], seed=3, input_range=(10.0, 30.0))
    np.testing.assert_allclose(far(20 + 10 * places).numpy(), near(places).numpy(), rtol=1e-10)


def test_nguyen_widrow_of_one_neuron_goes_through_the_middle() -> None:
    kernel, bias = nguyen_widrow(1, 1, (-1.0, 1.0), (-4.0, 4.0), np.random.default_rng(0))
    assert abs(kernel[0, 0]) == pytest.approx(0.7 * 4)
    assert bias[0] == 0


def test_logsig_neurons_respond_around_their_own_centres() -> None:
    """Every neuron's net input crosses the middle of the active range within the input square."""
    model = feedforward([2, 6, 1], transfer=("logsig", "purelin"), seed=0)
    kernel, bias = model.get_weights()[:2]
    corners = np.array([[a, b] for a in (-1, 1) for b in (-1, 1)])
    net = corners @ kernel + bias
    assert (net.min(axis=0) < 0).all()
    assert (net.max(axis=0) > 0).all()


@pytest.mark.parametrize("initial", list(INITIALISERS))
@pytest.mark.parametrize("sizes", [(1, 1), (2, 5, 1), (4, 3, 3, 2)])
def test_every_initialiser_gives_finite_weights_of_the_right_shapes(
    initial: str, sizes: tuple[int, ...]
) -> None:
    weights = feedforward(sizes, initial=initial, seed=0).get_weights()
    shapes = [s for a, b in pairwise(sizes) for s in ((a, b), (b,))]
    assert [w.shape for w in weights] == shapes
    assert all(np.isfinite(w).all() for w in weights)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sizes": [2, 0, 1]}, r"sizes\[1\] must be a positive integer. Received: sizes\[1\]=0"),
        ({"sizes": [2, 2.5, 1]}, r"sizes\[1\] must be a positive integer"),
        ({"sizes": [2]}, "at least 2 layers"),
        ({"sizes": "251"}, "sequence of positive integers"),
        ({"transfer": ("tansig",)}, "one transfer function for each of the 2 layers"),
        ({"transfer": "tansig"}, "single name 'tansig'"),
        ({"dtype": "float16"}, '"float64" or "float32"'),
        ({"input_range": (1.0, -1.0)}, "low < high"),
        ({"seed": -1}, "seed must be a non-negative integer"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        feedforward(**{"sizes": [2, 5, 1], "seed": 0, **arguments})


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        ({"transfer": ("tansg", "purelin")}, "tansig"),
        ({"initial": "nguyen-widow"}, "nguyen-widrow"),
    ],
)
def test_unknown_names_come_with_the_nearest_known_one(
    arguments: dict[str, Any], nearest: str
) -> None:
    with pytest.raises(UnknownNameError, match=nearest):
        feedforward([2, 5, 1], **arguments)
