"""`evolve_weights` on a second device: the same bits, and the population lies there."""

from typing import Any

import numpy as np
import pytest
from two_cpus import answers

from workbench import evolve_weights, feedforward
from workbench.errors import ArgumentError

PROGRAM = """
import keras
from workbench import evolve_weights, feedforward

rows = np.random.default_rng(0).uniform(-1, 1, (30, 2))
sums = (rows**2).sum(axis=1)
images = np.random.default_rng(1).random((12, 6, 6, 1), "float32")
numbers = np.arange(12) % 3

def convolutional():
    seed, layers = keras.initializers.GlorotUniform, keras.layers
    return keras.Sequential([
        keras.Input((6, 6, 1)),
        layers.Conv2D(2, 3, activation="relu", kernel_initializer=seed(seed=1)),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, activation="softmax", kernel_initializer=seed(seed=2)),
    ])

def head():
    model = convolutional()
    model.layers[0].trainable = False
    return model

def evolved(model, X, y, device, **options):
    found = evolve_weights(
        model, X, y, population=8, generations=3, seed=0, device=device, progress=False, **options
    )
    return [*found.x.tolist(), found.fun, *found.metrics.values()]

def small(device, **options):
    return evolved(feedforward([2, 5, 1], seed=1), rows, sums, device, **options)

told = {"loss": "crossentropy", "metrics": ("accuracy", "mse")}
watched, answer = Watched(), {}
for name, compute in {
    "rows": lambda device: small(device, validation=(rows, sums), metrics=("mae",)),
    "trained": lambda device: small(device, train_epochs=2),
    "drawn rows": lambda device: small(device, batch_size=10),
    "images": lambda device: evolved(convolutional(), images, numbers, device, **told),
    "head": lambda device: evolved(head(), images, numbers, device, **told),
}.items():
    results = {}
    for device in CPUS:
        results[device] = compute(device)
        answer[f"{name} on {device}"] = watched.taken()
    answer[name] = results["cpu:0"]
    answer[f"{name} again"] = results["cpu:1"]
"""
SEARCHES = ("rows", "trained", "drawn rows", "images", "head")


@pytest.fixture(scope="module")
def two_cpus() -> Any:
    return answers(PROGRAM)


@pytest.mark.parametrize("name", SEARCHES)
def test_the_second_device_evolves_the_same_bits(two_cpus: Any, name: str) -> None:
    assert two_cpus[name] == two_cpus[f"{name} again"]


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("number", [0, 1])
def test_populations_and_losses_lie_on_the_device_asked_for(
    two_cpus: Any, name: str, number: int
) -> None:
    there = [f"CPU:{number}"]
    assert two_cpus[f"{name} on cpu:{number}"] == {"given": there, "found": there}


def test_a_device_that_is_not_there_is_told() -> None:
    X = np.zeros((3, 2))
    with pytest.raises(ArgumentError, match="name a device that is there"):
        evolve_weights(feedforward([2, 5, 1], seed=1), X, X[:, 0], device="cpu:9", progress=False)
