"""view draws every layer and connection there is; the SVG is read back with an XML parser."""

import xml.etree.ElementTree as ElementTree

import keras
import numpy as np
import pytest

from workbench import feedforward
from workbench.errors import ArgumentError, ModelError
from workbench.network.transfer import TRANSFER_FUNCTIONS
from workbench.plot import view
from workbench.plot.wiring import activation_name, wiring_of

SVG = "{http://www.w3.org/2000/svg}"


def cascade() -> keras.Model:
    """Return 2-4-3-1 in which every layer is fed by all before it."""
    inputs = keras.Input((2,))
    fed = [inputs]
    for neurons in (4, 3, 1):
        joined = keras.layers.Concatenate()(fed) if len(fed) > 1 else inputs
        fed.append(keras.layers.Dense(neurons, "tanh" if neurons > 1 else None)(joined))
    return keras.Model(inputs, fed[-1])


def drawn(model: keras.Model) -> ElementTree.Element:
    return ElementTree.fromstring(view(model).svg)


def words(svg: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()) for text in svg.iter(f"{SVG}text")]


def sizes_beneath(svg: ElementTree.Element) -> list[str]:
    """Return the words of the lowest line, from left to right."""
    texts = list(svg.iter(f"{SVG}text"))
    lowest = max(float(text.get("y", 0)) for text in texts)
    row = [text for text in texts if float(text.get("y", 0)) == lowest]
    return [str(text.text) for text in sorted(row, key=lambda text: float(text.get("x", 0)))]


def test_the_sizes_of_2_5_1_stand_beneath_inputs_layers_and_outputs() -> None:
    svg = drawn(feedforward([2, 5, 1], seed=0))
    assert sizes_beneath(svg) == ["2", "5", "1", "1"]
    found = words(svg)
    assert [w for w in found if "put" in w or "layer" in w] == [
        "Input",
        "Hidden layer",
        "Output layer",
        "Output",
    ]
    assert (found.count("W"), found.count("b")) == (2, 2)
    assert [w for w in found if w in TRANSFER_FUNCTIONS] == ["tansig", "purelin"]


def test_its_title_says_what_is_drawn() -> None:
    svg = drawn(feedforward([2, 5, 1], seed=0))
    said = (
        "Network of 2 inputs; hidden layer of 5 neurons (tansig); output layer of 1 neuron "
        "(purelin)"
    )
    assert svg[0].tag == f"{SVG}title"
    assert svg[0].text == said
    assert (svg.get("role"), svg.get("aria-label")) == ("img", said)


def test_a_white_panel_lies_below_everything() -> None:
    panel = drawn(feedforward([2, 5, 1], seed=0))[1]
    assert (panel.tag, panel.get("fill")) == (f"{SVG}rect", "#ffffff")


def test_a_layer_without_biases_has_none() -> None:
    layers = [keras.layers.Dense(3, use_bias=False), keras.layers.Dense(1)]
    found = words(drawn(keras.Sequential([keras.Input((2,)), *layers])))
    assert (found.count("W"), found.count("b")) == (2, 1)


def test_weights_tell_their_shape() -> None:
    model = cascade()
    tips = [str(title.text) for title in drawn(model).iter(f"{SVG}title")]
    told = sum(int(np.prod([int(n) for n in tip.split()[:3:2]])) for tip in tips if " × " in tip)
    assert told == model.count_params()


def test_every_connection_of_a_cascade_ends_in_an_arrow() -> None:
    svg = drawn(cascade())
    # 1 + 2 + 3 into the layers, and one to the outputs.
    assert len(list(svg.iter(f"{SVG}polygon"))) == 7
    assert words(svg).count("W") == 6
    assert [layer.sources for layer in wiring_of(cascade()).layers] == [(0,), (0, 1), (0, 1, 2)]
    assert [layer.widths for layer in wiring_of(cascade()).layers] == [(2,), (2, 4), (2, 4, 3)]


def test_no_arrow_leads_to_a_layer_from_one_that_does_not_feed_it() -> None:
    inputs = keras.Input((2,))
    sides = [keras.layers.Dense(3)(inputs), keras.layers.Dense(4)(inputs)]
    output = keras.layers.Dense(1)(keras.layers.Concatenate()(sides))
    model = keras.Model(inputs, output)
    assert [layer.sources for layer in wiring_of(model).layers] == [(0,), (0,), (1, 2)]
    assert len(list(drawn(model).iter(f"{SVG}polygon"))) == 5


@pytest.mark.parametrize("make", [lambda: feedforward([3, 20, 7, 2], seed=0), cascade])
def test_nothing_sticks_out(make) -> None:
    svg = drawn(make())
    width, height = (float(svg.get(side, 0)) for side in ("width", "height"))
    for line in [*svg.iter(f"{SVG}polyline"), *svg.iter(f"{SVG}polygon")]:
        points = np.array([pair.split(",") for pair in line.get("points", "").split()], float)
        assert (points >= 5).all()
        assert (points <= [width - 5, height - 5]).all()
    for text in svg.iter(f"{SVG}text"):
        assert 0 < float(text.get("x", 0)) < width
        assert 0 < float(text.get("y", 0)) < height


def curve(model: keras.Model) -> np.ndarray:
    """Return the points of the first transfer function, the thick line."""
    lines = [e for e in drawn(model).iter(f"{SVG}polyline") if e.get("stroke-width") == "2"]
    pairs = [pair.split(",") for pair in lines[0].get("points", "").split()]
    return np.array(pairs, float)


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("tanh", np.tanh),
        ("relu", lambda x: np.maximum(x, 0)),
        ("softmax", lambda x: 1 / (1 + np.exp(-x))),  # beside a neuron at rest
    ],
)
def test_the_little_curve_is_the_transfer_function(activation: str, function) -> None:
    x, y = curve(keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, activation)])).T
    expected = function(np.linspace(-3, 3, len(x)))
    # Up is less in an SVG.
    slope, offset = np.polyfit(expected, y, 1)
    assert slope < 0
    np.testing.assert_allclose(slope * expected + offset, y, atol=0.02)
    np.testing.assert_allclose(np.diff(x), np.diff(x)[0], atol=0.02)


def test_transfer_functions_have_matlabs_names_and_others_that_of_keras() -> None:
    for name, function in TRANSFER_FUNCTIONS.items():
        assert activation_name(function.function) == name
    assert activation_name(keras.activations.gelu) == "gelu"


def test_a_transfer_function_of_our_own_is_found() -> None:
    model = feedforward([1, 2, 1], transfer=("radbas", "purelin"), seed=0)
    assert "radbas" in words(drawn(model))


def test_a_notebook_shows_it_and_print_gives_the_text() -> None:
    shown = view(feedforward([2, 5, 1], seed=0))
    assert shown._repr_svg_() == shown.svg == str(shown)
    assert repr(shown) == "NetworkView(2-5-1)"


def test_names_are_escaped() -> None:
    def odd(x):
        return x

    odd.__name__ = '<"&>'
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, odd)])
    assert '<"&>' in words(drawn(model))


def shared() -> keras.Model:
    inputs, layer = keras.Input((2,)), keras.layers.Dense(2)
    return keras.Model(inputs, keras.layers.Dense(1)(layer(layer(inputs))))


def two_inputs() -> keras.Model:
    inputs = [keras.Input((2,)), keras.Input((3,))]
    return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Concatenate()(inputs)))


def two_outputs() -> keras.Model:
    inputs = keras.Input((2,))
    return keras.Model(inputs, [keras.layers.Dense(1)(inputs), keras.layers.Dense(1)(inputs)])


def joined_outputs() -> keras.Model:
    inputs = keras.Input((2,))
    sides = [keras.layers.Dense(1)(inputs), keras.layers.Dense(1)(inputs)]
    return keras.Model(inputs, keras.layers.Concatenate()(sides))


class Subclassed(keras.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: keras.Sequential([keras.layers.Dense(1)]), "does not tell how .* keras.Input"),
        (Subclassed, "does not tell how"),
        (
            lambda: keras.Sequential(
                [keras.Input((2,)), keras.layers.Dropout(0.5, seed=0, name="d")]
            ),
            "its layer 'd' is a Dropout",
        ),
        (
            lambda: keras.Sequential([keras.Input((4, 2)), keras.layers.Dense(1)]),
            r"its inputs have the shape \(None, 4, 2\)",
        ),
        (shared, "is used twice"),
        (two_inputs, "it has 2 inputs"),
        (two_outputs, "it has 2 outputs"),
        (joined_outputs, "its outputs are not those of its last Dense layer"),
    ],
)
def test_a_model_that_cannot_be_drawn_is_told_why(make, why: str) -> None:
    with pytest.raises(ModelError, match=f"cannot be drawn: .*{why}"):
        view(make())


def test_what_is_no_model_is_told() -> None:
    with pytest.raises(ArgumentError, match="model must be a Keras model"):
        view([2, 5, 1])


def test_the_name_is_the_function_even_after_its_file_was_imported() -> None:
    import workbench.plot
    import workbench.plot.view

    assert callable(workbench.plot.view)
