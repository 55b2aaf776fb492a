"""A small network with a head behind a flattened image, and torch's weights for it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from workbench.cnn import CNN, Preprocessing, build_cnn, load_state_dict
from workbench.cnn.blocks import Classifier, Conv, Dense, Dropout, Flatten
from workbench.cnn.blocks.adaptive_pool import AdaptivePool
from workbench.cnn.spec import Architecture, Origin
from workbench.errors import WorkbenchError

BGR = Preprocessing(16, 20, mean=(1, 2, 3), std=(1, 1, 1), scale=1, channels="bgr")
SMALL = Architecture(
    "small",
    # The second is depthwise, two filters to a channel.
    body=(("stem", Conv(4, 3, stride=2)), ("depth", Conv(8, 3, groups=4))),
    head=(
        ("avgpool", AdaptivePool(2)),
        ("flatten", Flatten()),
        ("drop", Dropout(0.5)),
        ("fc1", Dense(5)),
        ("fc2", Classifier()),
    ),
    source="nobody; torchvision",
    names=(
        (r"^aux.*", ""),
        (r"^conv1$", "stem"),
        (r"^conv2$", "depth"),
        (r"^bn1$", "stem.norm"),
        (r"^bn2$", "depth.norm"),
    ),
    others=(
        Origin("caffe", ((r"^first", "stem"), (r"^second", "depth"), (r"_bn$", ".norm")), BGR),
    ),
)
SHAPES = {
    "conv1.weight": (4, 3, 3, 3),
    "conv2.weight": (8, 1, 3, 3),
    **{f"bn1.{part}": (4,) for part in ("weight", "bias", "running_mean", "running_var")},
    **{f"bn2.{part}": (8,) for part in ("weight", "bias", "running_mean", "running_var")},
    "fc1.weight": (5, 32),
    "fc1.bias": (5,),
    "fc2.weight": (7, 5),
    "fc2.bias": (7,),
}


def small(classes: int | None = 7, side: int = 8) -> CNN:
    """Return the network; the test has to have entered the table under its name."""
    return build_cnn("small", (side, side, 3), classes, classifier_activation=None, seed=0)


def state(seed: int = 0) -> dict[str, np.ndarray]:
    """Draw a torch state dictionary of the small network."""
    rng = np.random.default_rng(seed)
    return {key: rng.uniform(0.5, 1.5, shape).astype("float32") for key, shape in SHAPES.items()}


def bits(model: keras.Model) -> list[bytes]:
    """Return all weights."""
    return [np.asarray(weight).tobytes() for weight in model.weights]


def refused(model: CNN, weights: Any, **options: Any) -> str:
    """Return the message, after a look that nothing was loaded."""
    before, steps = bits(model), model.preprocessing
    with pytest.raises(WorkbenchError) as caught:
        load_state_dict(model, weights, **options)
    assert bits(model) == before
    assert model.preprocessing == steps
    return str(caught.value)


def images(side: int = 8) -> np.ndarray:
    """Draw two images."""
    return np.random.default_rng(1).normal(size=(2, side, side, 3)).astype("float32")
