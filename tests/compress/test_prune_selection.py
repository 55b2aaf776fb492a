"""Which channels stay where grouped convolutions want equal groups, against trying all choices."""

from itertools import combinations
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from zeroed import difference, leaves, randomise

from workbench.cnn.ops import ChannelShuffle, ChannelSplit, GroupedConv2D
from workbench.compress import channel_graph, prune_channels
from workbench.compress.selection import select, sizes_by_layer


def between_groups(channels: int, groups: int, shuffle: int) -> Any:
    """Return a model whose layer "first" makes channels in groups that others mix."""
    x = layers.Conv2D(2 * groups, 1, name="stem")(inputs := keras.Input((4, 4, 3)))
    x = GroupedConv2D(channels, 1, groups=groups, name="first")(x)
    x = GroupedConv2D(groups, 1, groups=groups, name="second")(ChannelShuffle(shuffle)(x))
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))


def best_by_trying(worth: np.ndarray, count: int, tables: list[np.ndarray]) -> float:
    """Return the largest sum of ``count`` numbers, equally many from each row of each table."""
    found = -np.inf
    for chosen in combinations(range(len(worth)), count):
        counts = [np.isin(table, chosen).sum(1) for table in tables]
        if all(len(set(each)) == 1 for each in counts):
            found = max(found, worth[list(chosen)].sum())
    return float(found)


@pytest.mark.parametrize(("channels", "groups", "shuffle"), [(12, 2, 6), (12, 3, 4), (15, 3, 5)])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_best_choice_between_two_grouped_convolutions_is_found(
    channels: int, groups: int, shuffle: int, seed: int
) -> None:
    model = between_groups(channels, groups, shuffle)
    graph = channel_graph(model)
    made = next(use.made for use in graph.uses if use.layer.name == "first" and use.birth)
    worth = np.random.default_rng(seed).random(channels)
    scores = np.ones(len(graph.stuck))
    scores[graph.units[made]] = worth
    wanted = channels // 2 // groups * groups
    amount = 1 - wanted / channels
    stays = select(graph, scores, sizes_by_layer(graph, amount, groups, 1))
    kept = np.flatnonzero(stays[graph.units[made]])
    place = np.arange(channels)
    tables = [place.reshape(groups, -1), place.reshape(shuffle, -1).T.reshape(groups, -1)]
    assert len(kept) == wanted
    for table in tables:
        assert len(set(np.isin(table, kept).sum(1))) == 1
    np.testing.assert_allclose(worth[kept].sum(), best_by_trying(worth, wanted, tables), rtol=2e-3)


def test_one_grouped_convolution_keeps_the_best_of_each_of_its_groups() -> None:
    x = layers.Conv2D(8, 1, name="first")(inputs := keras.Input((4, 4, 3)))
    x = GroupedConv2D(6, 1, groups=2, name="second")(x)
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
    randomise(model, 1)
    kernel = leaves(model)["first"].kernel.numpy()
    worth = np.abs(kernel).sum((0, 1, 2)).reshape(2, 4)
    best = np.sort(np.argsort(-worth, axis=1)[:, :2], axis=1) + np.array([[0], [4]])
    pruned = prune_channels(model, 0.5)
    np.testing.assert_array_equal(leaves(pruned)["first"].kernel, kernel[..., best.ravel()])


def test_a_part_of_a_split_keeps_its_best_channel_even_if_all_are_the_worst() -> None:
    x = layers.Conv2D(8, 1, name="first", use_bias=False)(inputs := keras.Input((4, 4, 3)))
    parts = ChannelSplit((2, 6), name="split")(x)
    x = layers.Concatenate()(
        [layers.Conv2D(4, 1, name=f"seen{i}")(each) for i, each in enumerate(parts)]
    )
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
    randomise(model, 1)
    kernel = leaves(model)["first"].kernel
    kernel.assign(kernel.numpy() * np.array([0.01, 0.02, 1, 2, 3, 4, 5, 6], "float32"))
    pruned = prune_channels(model, 0.5)
    assert leaves(pruned)["split"].parts == (1, 3)
    assert difference(model, pruned) < 1e-5
