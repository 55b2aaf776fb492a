"""What a profile shows: totals, table, stages, figures and times."""

import keras
import numpy as np
import pytest
from keras import layers

from workbench import build_cnn
from workbench.complexity import Latency, Profile, measure_latency, profile
from workbench.errors import ArgumentError

COSTS = ["parameters", "non_trainable", "macs", "flops", "read", "written", "access"]


@pytest.fixture(scope="module")
def cost() -> Profile:
    return profile(build_cnn("tiny_se_resnet", (32, 32, 3), 10, seed=0))


def test_totals_are_sums_of_the_frame(cost: Profile) -> None:
    attributes = [*COSTS[:4], "memory_read", "memory_written", "memory_access"]
    for column, attribute in zip(COSTS, attributes, strict=True):
        assert getattr(cost, attribute) == cost.frame[column].sum() > 0


def test_the_frame_says_where_each_layer_stands(cost: Profile) -> None:
    rows = cost.frame.set_index("name")
    row = rows.loc["stage2.0.conv1"]
    assert (row["output_shape"], row["resolution"]) == ((16, 16, 32), "16x16")
    assert (row["field"], row["stride"]) == (13, 2)
    # Centres: 3 x 3 windows around pixel 0, whatever the stride is.
    assert row["centre"] == (0, 0)
    assert not rows.loc["stem", "global"]
    assert rows.loc["stage1.0.se", "global"]
    assert np.isnan(rows.loc["classes", "field"])


def test_the_table_is_aligned_and_no_wider_than_100_columns(cost: Profile) -> None:
    head, rule, *rest = cost.table().splitlines()
    end = rest.index(rule)
    assert rule == "-" * 100
    assert end == len(cost.frame)
    assert max(map(len, (head, *rest))) <= 100
    assert all(line[-1:].isdigit() for line in rest[: end - 3])  # strides, before the head
    edge = head.index("parameters") + len("parameters")
    for line, row in zip(rest[:end], cost.frame.to_dict("records"), strict=True):
        weights = line[:edge].split()[-1].replace(",", "")
        assert int(weights) == row["parameters"] + row["non_trainable"]
    totals = "\n".join(rest[end:])
    assert f"{cost.parameters:,} trainable" in totals
    assert "no biases" in totals
    assert str(cost) == cost.table()


def test_long_names_keep_both_ends() -> None:
    name = "a_name_of_a_layer_that_is_much_too_long_for_the_column_7"
    text = str(profile(keras.Sequential([keras.Input((4,)), layers.Dense(2, name=name)])))
    line = text.splitlines()[2]
    assert line.startswith("a_name")
    assert "column_7 " in line
    assert "none: no feature map" in text


def test_stages_are_resolutions_and_add_up(cost: Profile) -> None:
    stages = cost.stages()
    assert list(stages["stage"]) == ["32x32", "16x16", "8x8", "head"]
    assert list(stages[COSTS].sum()) == list(cost.frame[COSTS].sum())
    assert stages["layers"].sum() == len(cost.frame)
    head = cost.frame["output_shape"].map(len) == 1
    assert stages["macs"].iloc[-1] == cost.frame.loc[head, "macs"].sum()


def test_gates_that_are_written_out_stay_in_their_stage() -> None:
    x = keras.Input((8, 8, 4))
    gate = layers.Dense(4)(layers.GlobalAveragePooling2D(keepdims=True)(x))
    y = layers.GlobalAveragePooling2D()(layers.Multiply()([x, gate]))
    stages = profile(keras.Model(x, layers.Dense(3)(y))).stages()
    assert list(stages["stage"]) == ["8x8", "head"]
    assert list(stages["macs"]) == [16, 12]


def test_a_receptive_field_is_a_number_with_its_sides() -> None:
    stack = [keras.Input((33, 20, 1)), layers.Conv2D(2, (5, 1), strides=(2, 1), name="c")]
    field = profile(keras.Sequential([*stack, layers.Flatten(), layers.Dense(1)])).receptive_field
    assert field == 5
    assert (field.size, field.stride, field.centre) == ((5, 1), (2, 1), (2, 0))
    assert (field.layer, field.whole) == ("c", False)


def test_figures_draw_the_frame(cost: Profile) -> None:
    by_stage = cost.plot("macs", by="stage")
    assert [bar.get_width() for bar in by_stage.patches] == list(cost.stages()["macs"])
    by_layer = cost.plot("parameters")
    costly = cost.frame["parameters"][cost.frame["parameters"] > 0]
    assert sum(max(b.get_width(), b.get_height()) >= 1 for b in by_layer.patches) == len(costly)
    (line,) = cost.plot_receptive_field().lines
    np.testing.assert_array_equal(line.get_ydata(), cost.frame["field"].dropna())
    boxes = cost.plot_receptive_field(image=np.zeros((32, 32))).patches
    assert max(box.get_width() for box in boxes) == cost.receptive_field == 53


def test_figures_of_something_else_are_refused(cost: Profile) -> None:
    with pytest.raises(ArgumentError, match="what must be one of parameters"):
        cost.plot("colour")
    with pytest.raises(ArgumentError, match="'layer' or 'stage'"):
        cost.plot(by="block")


def test_latency_is_the_median_of_the_runs_with_its_quartiles(cost: Profile) -> None:
    found = cost.latency(batch=2, repeats=5, warmup=1)
    assert found.seconds.shape == (5,)
    assert (found.seconds > 0).all()
    assert found.median == sorted(found.seconds)[2]
    assert found.spread == (sorted(found.seconds)[1], sorted(found.seconds)[3])
    assert found.throughput == 2 / found.median
    words = repr(Latency(np.array([0.001, 0.002, 0.004]), 8))
    assert words.startswith("Latency(2.00 ms, quartiles 1.50 to 3.00, batch 8, 4000.0 images/s")


def test_every_run_computes_and_none_trains() -> None:
    calls = []

    class Counting(layers.Layer):
        def call(self, inputs, training=None):
            calls.append(training)
            return keras.ops.relu(inputs)

    model = keras.Sequential([keras.Input((None, 3)), Counting()])
    measure_latency(model, (4, 3), repeats=2, warmup=1)
    assert calls[-1] is False  # traced once, in inference
    with pytest.raises(ArgumentError, match="repeats"):
        measure_latency(model, (4, 3), repeats=0)
    with pytest.raises(ArgumentError, match="input_shape"):
        measure_latency(model)
