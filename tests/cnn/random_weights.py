"""Random weights and images that any program draws again from a seed, without the network.

The rule for a key of a torch state dictionary: its generator is
``numpy.random.default_rng((seed, crc32(key)))``, so that neither order nor the other keys matter,
and its values are float32,

* ``*.running_mean``: normal, standard deviation 0.1;
* ``*.running_var``: uniform from 0.5 to 1.5;
* ``*.bias``, of a normalisation, a convolution or a linear layer: normal, 0.1;
* ``*.weight`` of one axis, a normalisation's scale: uniform from 0.5 to 1.5;
* ``*.weight`` of more axes ``(out, in, ...)``: normal, of variance gain / (product of all but out).

Nothing is neutral, so that a swapped mean, a forgotten bias or another epsilon shows. The gain
keeps what a network returns near 1: 2 where signals only pass ReLUs (K. He et al. 2015,
arXiv:1502.01852, equation 10), less where shortcuts add.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def random_state(
    shapes: Mapping[str, Sequence[int]], seed: int, gain: float = 2.0
) -> dict[str, Floats]:
    """Return an array for each key of ``shapes``; see above for the rule."""
    return {key: _draw(key, tuple(shape), seed, gain) for key, shape in shapes.items()}


def random_images(shape: Sequence[int], seed: int) -> Floats:
    """Return standard normal images ``(batch, height, width, channels)``."""
    return np.random.default_rng(seed).standard_normal(tuple(shape), dtype=np.float32)


def _draw(key: str, shape: tuple[int, ...], seed: int, gain: float) -> Floats:
    rng = np.random.default_rng((seed, zlib.crc32(key.encode())))
    kind = key.rpartition(".")[2]
    if kind == "running_var" or (kind == "weight" and len(shape) == 1):
        return np.float32(0.5) + rng.random(shape, dtype=np.float32)
    if kind in ("running_mean", "bias"):
        return np.float32(0.1) * rng.standard_normal(shape, dtype=np.float32)
    if kind == "weight":
        scale = np.float32(math.sqrt(gain / math.prod(shape[1:])))
        return scale * rng.standard_normal(shape, dtype=np.float32)
    raise ValueError(
        f"A key must end in weight, bias, running_mean or running_var. Received: {key!r}."
    )
