"""The order of layers that equal graphs share."""

from workbench.cnn.weight_order import Call, in_order


def block(x: str, y: str, *names: str) -> list[Call[str]]:
    """Layers in a line from one tensor to another."""
    places = [x, *names[:-1], y]
    return [
        Call([source], [made], [name])
        for source, made, name in zip(places, places[1:], names, strict=False)
    ]


def test_layers_in_a_line_stand_as_they_run() -> None:
    assert in_order(block("x", "y", "a", "b", "c"), ["y"]) == ["a", "b", "c"]


def test_parts_of_a_concatenation_stand_as_it_takes_them_however_they_run() -> None:
    one, two = block("x", "p", "a", "b"), block("x", "q", "c")
    for calls in (one + two, two + one):
        joined = [*calls, Call(["p", "q"], ["y"])]
        assert in_order(joined, ["y"]) == ["a", "b", "c"]
        assert in_order([*calls, Call(["q", "p"], ["y"])], ["y"]) == ["c", "a", "b"]


def test_terms_of_a_sum_stand_by_the_layers_before_them() -> None:
    calls = [*block("x", "p", "a", "b"), *block("x", "q", "c")]
    for terms in (["p", "q"], ["q", "p"]):
        total: Call[str] = Call(terms, ["y"], commutes=True)
        assert in_order([*calls, total, *block("y", "z", "d")], ["z"]) == ["a", "b", "c", "d"]


def test_terms_with_as_many_layers_stay_as_they_are() -> None:
    calls = [*block("x", "p", "a"), *block("x", "q", "b")]
    assert in_order([*calls, Call(["q", "p"], ["y"], commutes=True)], ["y"]) == ["b", "a"]


def test_a_shortcut_counts_its_layers_once() -> None:
    calls = [*block("x", "p", "a"), *block("p", "q", "b", "c")]
    for terms in (["p", "q"], ["q", "p"]):
        assert in_order([*calls, Call(terms, ["y"], commutes=True)], ["y"]) == ["a", "b", "c"]


def test_what_the_outputs_do_not_depend_on_is_left_out() -> None:
    calls = [*block("x", "y", "a"), *block("x", "unused", "b")]
    assert in_order(calls, ["y"]) == ["a"]


def test_a_layer_of_several_parts_keeps_their_order_and_depth_is_no_limit() -> None:
    calls = [Call([number], [number + 1], [(number, 0), (number, 1)]) for number in range(5000)]
    assert in_order(calls, [5000]) == [(n, part) for n in range(5000) for part in (0, 1)]
