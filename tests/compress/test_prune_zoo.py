"""Half of the channels of networks of the zoo: what is left of their costs."""

import numpy as np
import pytest

from workbench import build_cnn, list_cnns, profile
from workbench.compress import channel_graph, prune_channels
from workbench.compress.selection import select, sizes_by_layer

TINY = [name for name in list_cnns() if name.startswith("tiny_")]
# Depthwise convolutions and the first layer can only be halved, and here they weigh more.
ABOVE = {"tiny_mobilenet_v1": 0.36, "tiny_shufflenet_v1": 0.40}
FAST = ["squeezenet1_1", "mobilenet_v1", "shufflenet_v2_x0_5", "resnet18"]
# What tiny networks do not have; benchmarks/pruning.py goes through all of the zoo.
SLOW = ["ghostnet", "mobilenet_v3_small", "resnext50", "shufflenet_v1_g3"]
SLOW += ["lraspp_mobilenet_v3_large"]


@pytest.mark.parametrize("name", TINY)
def test_at_most_35_percent_of_the_macs_of_a_tiny_network_are_left(name: str) -> None:
    graph = channel_graph(build_cnn(name, (32, 32, 3), 10, seed=1))
    stays = select(graph, np.ones(len(graph.stuck)), sizes_by_layer(graph, 0.5, 1, 1))
    everything = graph.kept(np.ones(len(graph.stuck), dtype=bool))
    share = graph.macs(graph.kept(stays)) / graph.macs(everything)
    assert 0.25 <= share <= ABOVE.get(name, 0.35)


def shares(name: str) -> float:
    model = build_cnn(name, (64, 64, 3), 100, seed=1)
    pruned = prune_channels(model, 0.5)
    images = np.random.default_rng(1).standard_normal((1, 64, 64, 3), dtype=np.float32)
    assert np.isfinite(np.asarray(pruned(images))).all()
    return profile(pruned).macs / profile(model).macs


@pytest.mark.parametrize("name", FAST)
def test_at_most_35_percent_of_the_macs_of_a_large_network_are_left(name: str) -> None:
    assert 0.25 <= shares(name) <= 0.35


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_at_most_35_percent_of_the_macs_are_left_of_larger_networks(name: str) -> None:
    assert 0.25 <= shares(name) <= 0.35
