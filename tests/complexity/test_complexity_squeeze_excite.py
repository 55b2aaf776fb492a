"""The paper's formula for squeeze-and-excitation, and what is counted."""

import keras
import pytest
from keras import layers

from workbench import build_cnn
from workbench.cnn.ops import SqueezeExcite
from workbench.complexity import profile, se_cost, se_cost_by_stage
from workbench.errors import ArgumentError

STAGES = ((256, 3), (512, 4), (1024, 6), (2048, 3))  # channels and blocks of ResNet-50


def test_the_formula_gives_the_papers_two_and_a_half_millions() -> None:
    found = se_cost((256, 512, 1024, 2048), (3, 4, 6, 3), 16)
    by_hand = 2 * (3 * 256**2 + 4 * 512**2 + 6 * 1024**2 + 3 * 2048**2) // 16
    assert found.weights == by_hand == 2_514_944
    assert found.biases == sum(n * (c // 16 + c) for c, n in STAGES)


def test_formula_and_biases_are_the_difference_between_two_networks() -> None:
    plain = profile(build_cnn("resnet50", (64, 64, 3), seed=0))
    gated = profile(build_cnn("se_resnet50", (64, 64, 3), seed=0))
    formula = se_cost((256, 512, 1024, 2048), (3, 4, 6, 3), 16)
    assert gated.parameters - plain.parameters == formula.weights + formula.biases
    assert gated.macs - plain.macs == formula.weights
    stages = se_cost_by_stage(gated)
    assert list(stages["blocks"]) == [3, 4, 6, 3]
    assert list(stages["channels"]) == [256, 512, 1024, 2048]
    assert list(stages["formula"]) == list(stages["weights"]) == list(stages["macs"])
    assert stages["parameters"].sum() == formula.weights + formula.biases
    assert stages["share"].sum() == pytest.approx(1 - plain.parameters / gated.parameters)


def test_the_last_stage_has_six_of_the_ten_percent() -> None:
    # Section 6.4 of the paper: without it, 4 % instead of 10 % are added.
    formula = [int(se_cost([c], [n]).weights) for c, n in STAGES]
    plain = 25_557_032
    assert round(100 * sum(formula) / plain) == 10
    assert round(100 * sum(formula[:3]) / plain) == 4


def test_squeezed_channels_that_are_no_divisor_have_a_fraction_for_their_reduction() -> None:
    x = keras.Input((4, 4, 10))
    y = SqueezeExcite(4)(SqueezeExcite(4)(SqueezeExcite(3, use_bias=False)(x)))
    stages = se_cost_by_stage(keras.Model(x, y))
    assert list(stages["blocks"]) == [1, 2]
    assert list(stages["formula"]) == list(stages["weights"]) == [60, 160]
    assert list(stages["biases"]) == [0, 28]


def test_blocks_in_nested_models_are_found_and_other_networks_have_none() -> None:
    inner = keras.Sequential([keras.Input((4, 4, 8)), SqueezeExcite(2)], name="inner")
    x = keras.Input((4, 4, 8))
    (row,) = se_cost_by_stage(keras.Model(x, inner(x))).to_dict("records")
    assert (row["resolution"], row["blocks"], row["weights"]) == ("4x4", 1, 32)
    none = se_cost_by_stage(keras.Sequential([keras.Input((4, 4, 8)), layers.Conv2D(2, 1)]))
    assert len(none) == 0
    assert "formula" in none.columns


def test_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ArgumentError, match="repeats must be 2 numbers"):
        se_cost((1, 2), (3,))
    with pytest.raises(ArgumentError, match="reduction"):
        se_cost((1,), (3,), 0)
