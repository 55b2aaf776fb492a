"""`train` and its relatives on a second device: the same bits, and everything lies there."""

from typing import Any

import numpy as np
import pytest
from two_cpus import answers

from workbench import feedforward, train
from workbench.errors import ArgumentError
from workbench.network import weights_to_vector
from workbench.network.device import Device

X = np.random.default_rng(0).uniform(-1, 1, (30, 2))
Y = (X**2).sum(axis=1)

PROGRAM = """
from workbench import feedforward, train
from workbench.network import weights_to_vector
from workbench.network.device import on
from workbench.training import population_trainer

X = np.random.default_rng(0).uniform(-1, 1, (30, 2))
Y = (X**2).sum(axis=1)

def trained(device, **options):
    model = feedforward([2, 5, 1], seed=1)
    train(model, X, Y, seed=0, device=device, progress=False, **options)
    return weights_to_vector(model)

def by_surroundings(device):
    with on(device):
        return trained("auto", epochs=5)

def population(device):
    model = feedforward([2, 5, 1], seed=1)
    every = population_trainer(model, X, Y, epochs=3, device=device)
    return every(np.random.default_rng(1).uniform(-1, 1, (5, 21))).members

watched, answer = Watched(), {}
for name, compute in {
    "one": lambda device: trained(device, epochs=8, validation=0.2, test=(X, Y)),
    "restarts": lambda device: trained(device, epochs=4, restarts=3),
    "surroundings": by_surroundings,
    "population": population,
}.items():
    results = {}
    for device in CPUS:
        results[device] = compute(device)
        answer[f"{name} on {device}"] = watched.taken()
    answer[name] = results["cpu:0"].tolist()
    answer[f"{name} again"] = results["cpu:1"].tolist()
"""
TRAININGS = ("one", "restarts", "surroundings", "population")


@pytest.fixture(scope="module")
def two_cpus() -> Any:
    return answers(PROGRAM)


@pytest.mark.parametrize("name", TRAININGS)
def test_the_second_device_trains_to_the_same_bits(two_cpus: Any, name: str) -> None:
    assert two_cpus[name] == two_cpus[f"{name} again"]


@pytest.mark.parametrize("name", TRAININGS)
@pytest.mark.parametrize("number", [0, 1])
def test_data_weights_and_records_lie_on_the_device_asked_for(
    two_cpus: Any, name: str, number: int
) -> None:
    there = [f"CPU:{number}"]
    assert two_cpus[f"{name} on cpu:{number}"] == {"given": there, "found": there}


def test_a_divided_cpu_trains_to_the_bits_of_a_whole_one(two_cpus: Any) -> None:
    model = feedforward([2, 5, 1], seed=1)
    train(model, X, Y, epochs=8, validation=0.2, test=(X, Y), seed=0, progress=False)
    assert weights_to_vector(model).tolist() == two_cpus["one"]


@pytest.mark.parametrize("device", ["cpu", Device("cpu")])
def test_auto_of_a_small_network_is_the_cpu(device: str | Device) -> None:
    ends = []
    for asked in ("auto", device):
        model = feedforward([2, 5, 1], seed=1)
        train(model, X, Y, epochs=3, device=asked, progress=False)
        ends.append(weights_to_vector(model).tolist())
    assert ends[0] == ends[1]


def test_a_device_that_is_not_there_leaves_the_model_alone() -> None:
    model = feedforward([2, 5, 1], seed=1)
    before = weights_to_vector(model)
    with pytest.raises(ArgumentError, match="name a device that is there"):
        train(model, X, Y, epochs=3, device="cpu:9", progress=False)
    assert (weights_to_vector(model) == before).all()
