"""Devices: what an argument means, and that arrays and programs lie where they are asked to."""

import json
import threading
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from two_cpus import answers

from workbench import feedforward
from workbench.errors import ArgumentError
from workbench.network import backend
from workbench.network import device as devices
from workbench.network.device import Device, DeviceWarning, deterministic, on, resolve
from workbench.network.objective import network_of

CARDS = {"A card": (7, 5), "Another": (8, 6)}


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two GPUs, as far as TensorFlow's answers go; nothing can be computed on them."""
    gpus = [SimpleNamespace(name=name) for name in CARDS]

    def details(gpu: Any) -> dict[str, Any]:
        return {"device_name": gpu.name, "compute_capability": CARDS[gpu.name]}

    for place, name in (
        (tf.config, "list_physical_devices"),
        (tf.config, "list_logical_devices"),
        (tf.config, "get_visible_devices"),
    ):
        plain = getattr(place, name)
        monkeypatch.setattr(
            place, name, lambda kind, plain=plain: gpus if kind == "GPU" else plain(kind)
        )
    monkeypatch.setattr(tf.config.experimental, "get_device_details", details)
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda gpu, grows: None)


@pytest.fixture
def no_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = tf.config.list_physical_devices
    monkeypatch.setattr(
        tf.config, "list_physical_devices", lambda kind: [] if kind == "GPU" else plain(kind)
    )


@pytest.mark.parametrize("name", ["cpu", "CPU", "cpu:0", "/CPU:0", Device("cpu")])
def test_the_cpu_has_many_names(name: str | Device) -> None:
    assert resolve(name).name == "/CPU:0"


def test_auto_is_the_first_gpu_but_not_for_small_work(cards: None) -> None:
    assert resolve() == Device("gpu", 0, "A card", (7, 5))
    assert resolve("gpu") == resolve("gpu:0") == resolve()
    assert resolve("gpu:1").name == "/GPU:1"
    assert resolve(small=True) == Device("cpu")
    assert resolve("gpu:1", small=True).description == "Another"


def test_auto_without_a_gpu_is_the_cpu(no_cards: None) -> None:
    assert resolve() == Device("cpu")


@pytest.mark.parametrize("wrong", ["tpu", "gpu:x", "gpu:-1", "gpu1", "", 0, None])
def test_other_names_are_refused(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match='must be "auto", "cpu", "gpu" or one by number'):
        resolve(wrong)


def test_a_gpu_that_is_not_there_comes_with_a_remedy(no_cards: None) -> None:
    with pytest.raises(ArgumentError) as caught:
        resolve("gpu")
    for words in ("device='gpu'", "no GPU", "pip install 'workbench[gpu]'", "workbench doctor"):
        assert words in str(caught.value)


def test_a_number_too_high_tells_what_there_is(cards: None) -> None:
    with pytest.raises(ArgumentError, match=r"gpu:0 \(A card\), gpu:1 \(Another\)"):
        resolve("gpu:2")
    with pytest.raises(ArgumentError, match=r"there is cpu:0"):
        resolve("cpu:7")


@pytest.mark.parametrize(
    ("capability", "has"), [((7, 5), False), ((8, 0), True), ((10, 0), True), (None, False)]
)
def test_bfloat16_comes_with_compute_capability_8(
    capability: tuple[int, int] | None, has: bool
) -> None:
    assert Device("gpu", 0, "", capability).bfloat16 is has


def test_a_gpu_whose_memory_is_taken_already_is_warned_of(
    cards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(gpu: Any, grows: bool) -> None:
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", too_late)
    monkeypatch.delenv("TF_FORCE_GPU_ALLOW_GROWTH", raising=False)
    with pytest.warns(DeviceWarning, match="TF_FORCE_GPU_ALLOW_GROWTH=true"):
        resolve("gpu")
    assert resolve("cpu") == Device("cpu")  # without a word
    monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    assert resolve("gpu").kind == "gpu"


def test_the_survey_says_what_each_gpu_can(cards: None, monkeypatch: pytest.MonkeyPatch) -> None:
    local = [SimpleNamespace(name=f"/device:GPU:{k}", memory_limit=k * 2**30) for k in (1, 0)]
    monkeypatch.setattr(devices.device_lib, "list_local_devices", lambda: local)
    monkeypatch.setattr(devices, "_trouble_with_xla", lambda gpu: "")
    first, second = devices.survey()
    assert first["compute_capability"] == "7.5"
    assert (first["bfloat16"], second["bfloat16"]) == (False, True)
    assert (first["memory"], second["memory"]) == (0, 2**30)
    assert json.loads(json.dumps([first, second])) == [first, second]


def test_without_a_gpu_the_survey_is_empty(no_cards: None) -> None:
    assert devices.survey() == []


def test_trouble_with_xla_is_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(function: Any) -> Any:
        raise tf.errors.InternalError(None, None, "libdevice not found\nat ./libdevice.10.bc")

    assert devices._trouble_with_xla(Device("cpu")) == ""
    monkeypatch.setattr(backend, "xla", broken)
    assert devices._trouble_with_xla(Device("cpu")) == "libdevice not found"


def test_networks_of_float64_or_few_weights_stay_on_the_cpu(cards: None) -> None:
    def kind(model: keras.Model) -> str:
        return network_of(model).device("auto").kind

    layers = keras.layers
    image = keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(2)])
    assert kind(feedforward([2, 5, 1], seed=0)) == "cpu"
    assert kind(feedforward([100, 100, 1], seed=0)) == "cpu"
    assert kind(feedforward([2, 5, 1], seed=0, dtype="float32")) == "cpu"
    assert kind(feedforward([100, 100, 1], seed=0, dtype="float32")) == "gpu"
    assert kind(image) == "gpu"
    assert network_of(feedforward([2, 5, 1], seed=0)).device("gpu").kind == "gpu"


def test_auto_within_a_device_is_that_device(cards: None) -> None:
    with on("cpu"):
        assert resolve() == Device("cpu")
        assert backend.place() == "/CPU:0"
    assert backend.place() is None


def test_a_device_holds_in_its_thread_only_and_ends_with_an_error() -> None:
    seen: list[str | None] = []

    def fail() -> None:
        with on("cpu"):
            thread = threading.Thread(target=lambda: seen.append(backend.place()))
            thread.start()
            thread.join()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert seen == [None]
    assert backend.place() is None


def test_operations_that_must_be_deterministic_are_so_for_a_while() -> None:
    with deterministic():
        with deterministic():
            pass
        with pytest.raises(RuntimeError, match="seed"):
            tf.random.uniform([2])  # TensorFlow refuses one without a seed
    assert tf.random.uniform([2]).shape == (2,)


def test_programs_are_compiled_anew_for_deterministic_operations() -> None:
    made = iter("ab")
    assert backend.cached("a test of determinism", lambda: next(made)) == "a"
    with deterministic():
        assert backend.cached("a test of determinism", lambda: next(made)) == "b"
    assert backend.cached("a test of determinism", lambda: next(made)) == "a"


def test_a_convolutional_network_learns_to_the_same_bits_twice() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.random((64, 8, 8, 1), "float32"), rng.integers(3, size=64)

    def learned() -> list[np.ndarray]:
        seed, layers = keras.initializers.GlorotUniform, keras.layers
        model = keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                layers.Conv2D(8, 3, kernel_initializer=seed(seed=1)),
                layers.DepthwiseConv2D(3, depthwise_initializer=seed(seed=2)),
                layers.BatchNormalization(),
                layers.MaxPooling2D(),
                layers.Flatten(),
                layers.Dense(3, activation="softmax", kernel_initializer=seed(seed=3)),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
        for rows in np.split(np.arange(64), 4):
            model.train_on_batch(X[rows], y[rows])
        return model.get_weights()

    with deterministic():
        one, two = learned(), learned()
    assert all((a == b).all() for a, b in zip(one, two, strict=True))


PROGRAM = """
import keras
from workbench import feedforward, find_extremum
from workbench.extremum import ExtremumWarning
from workbench.network import jacobian, population_loss
from workbench.network.device import list_devices, on
from workbench.network.predict import Predictor

warnings.simplefilter("ignore", ExtremumWarning)  # it lies at a bound
rng = np.random.default_rng(0)
rows = rng.uniform(-1, 1, (40, 2))
images = rng.random((6, 5, 5, 1), "float32")
seed = keras.initializers.GlorotUniform
dense = feedforward([2, 5, 1], seed=0)
conv = keras.Sequential([
    keras.Input((5, 5, 1)),
    keras.layers.Conv2D(2, 3, activation="relu", kernel_initializer=seed(seed=1)),
    keras.layers.BatchNormalization(),
    keras.layers.Flatten(),
    keras.layers.Dense(1, kernel_initializer=seed(seed=2)),
])
watched, answer = Watched(), {"cpus": [device.name for device in list_devices("cpu")]}

def inside(device, function):
    with on(device):
        return function()

for name, compute in {
    "predict": lambda device: Predictor(dense, device)(rows),
    "predict images": lambda device: Predictor(conv, device)(images),
    "population": lambda device: population_loss(dense, rows, rows[:, :1], device=device)(
        np.random.default_rng(1).uniform(-1, 1, (4, 21))),
    "drawn rows": lambda device: population_loss(
        dense, rows, rows[:, :1], batch_size=8, device=device)(
        np.random.default_rng(1).uniform(-1, 1, (4, 21))),
    "population of images": lambda device: population_loss(
        conv, images, images[:, 0, 0], device=device)(
        np.random.default_rng(1).uniform(-1, 1, (4, 43))),
    "jacobian": lambda device: inside(device, lambda: jacobian(dense, rows)),
    "extremum": lambda device: find_extremum(
        dense, (-1, 1), seed=0, device=device, generations=3, progress=False).x,
}.items():
    results = {}
    for device in CPUS:
        results[device] = compute(device)
        answer[f"{name} on {device}"] = watched.taken()
    answer[name] = bool(np.array_equal(results["cpu:0"], results["cpu:1"]))
"""
COMPUTED = (
    "predict",
    "predict images",
    "population",
    "drawn rows",
    "population of images",
    "jacobian",
    "extremum",
)


@pytest.fixture(scope="module")
def two_cpus() -> Any:
    return answers(PROGRAM)


def test_both_halves_of_the_cpu_are_devices(two_cpus: Any) -> None:
    assert two_cpus["cpus"] == ["/CPU:0", "/CPU:1"]


@pytest.mark.parametrize("name", COMPUTED)
def test_the_second_device_computes_the_same_bits(two_cpus: Any, name: str) -> None:
    assert two_cpus[name] is True


@pytest.mark.parametrize("name", COMPUTED)
@pytest.mark.parametrize("number", [0, 1])
def test_arrays_and_results_lie_on_the_device_asked_for(
    two_cpus: Any, name: str, number: int
) -> None:
    there = [f"CPU:{number}"]
    assert two_cpus[f"{name} on cpu:{number}"] == {"given": there, "found": there}
