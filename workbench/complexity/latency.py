"""How long a network takes: measured, with a warm-up and its spread.

Idea: one compiled graph runs on images that lie on the device already, again and again; what the
first runs pay once (tracing, allocating, a clock that speeds up) is thrown away, and the median is
kept, for other programs only ever make a run slower. ShuffleNet V2 (arXiv:1807.11164) measured
this way what MACs do not tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import tree
from numpy.typing import NDArray

from workbench import checks
from workbench.complexity.graph import symbolic_inputs
from workbench.network import backend

if TYPE_CHECKING:
    from workbench.complexity.step import Symbol


@dataclass(frozen=True, repr=False)
class Latency:
    """What a clock said.

    Attributes:
        seconds: Wall-clock time of each run, shape (repeats,).
        batch: Images in a run.
    """

    seconds: NDArray[np.float64]
    batch: int

    @property
    def median(self) -> float:
        """Seconds of the run in the middle."""
        return float(np.median(self.seconds))

    @property
    def spread(self) -> tuple[float, float]:
        """Lower and upper quartile of the seconds."""
        low, high = np.quantile(self.seconds, (0.25, 0.75))
        return float(low), float(high)

    @property
    def throughput(self) -> float:
        """Images a second, by the median."""
        return self.batch / self.median

    def __repr__(self) -> str:
        low, high = self.spread
        return (
            f"Latency({1e3 * self.median:.2f} ms, quartiles {1e3 * low:.2f} to {1e3 * high:.2f}, "
            f"batch {self.batch}, {self.throughput:.1f} images/s, {len(self.seconds)} runs)"
        )


def measure_latency(
    model: keras.Model,
    input_shape: Any = None,
    *,
    batch: int = 1,
    repeats: int = 20,
    warmup: int = 3,
    seed: checks.Seed = 0,
) -> Latency:
    """Time the forward pass in inference, compiled into a TensorFlow graph.

    Args:
        model: Any Keras model that can be called with its input alone.
        input_shape: Shape without the batch, as for `profile`; needed if the model has none.
        batch: Images in a run.
        repeats: Runs that count.
        warmup: Runs before them that do not; the first compiles.
        seed: Of the random images, uniform in [0, 1).

    Returns:
        Times of the runs, with median, quartiles and throughput.

    Raises:
        ArgumentError: No model, no shape, or numbers that are not positive.
        ModelError: The model cannot be run.
    """
    repeats = checks.integer("repeats", repeats)
    warmup = checks.integer("warmup", warmup)
    rng = checks.generator(seed)
    symbols = symbolic_inputs(model, input_shape, batch)
    images = tree.map_structure(lambda x: _image(x, rng), symbols)
    run = backend.graph(lambda x: model(x, training=False))
    for _ in range(warmup):
        backend.numpy(run(images))
    seconds = np.empty(repeats)
    for i in range(repeats):
        start = perf_counter()
        outputs = run(images)
        backend.numpy(outputs)  # waits for a device that computes on its own
        seconds[i] = perf_counter() - start
    return Latency(seconds, checks.integer("batch", batch))


def _image(symbol: Symbol, rng: np.random.Generator) -> Any:
    return keras.ops.cast(rng.random(symbol.shape), symbol.dtype)
