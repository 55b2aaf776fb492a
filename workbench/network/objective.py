"""What training and search minimise: a performance of weights on data, and its derivatives.

Everything here is pure: a weight vector and data in, numbers out, in `keras.ops` and `backend`,
to be compiled by its caller together with the loop around it. The Jacobian comes from one
reverse pass for each sample and output, vectorised over all of them (measured for 1500 x 21:
0.2 ms; forward mode 0.7 ms; ``GradientTape.jacobian`` 23 ms).

Rows go through in blocks of equal size, padded with rows of weight zero, so that no array
grows with the number of samples but the data themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from keras import ops
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.errors import ArgumentError
from workbench.heights import rounded_height
from workbench.network import backend
from workbench.network.architecture import architecture_key
from workbench.network.backend import Tensor
from workbench.network.dense_chain import Chain, dense_chain
from workbench.network.device import FEW_WEIGHTS, Device, on, resolve
from workbench.network.performance import Performance
from workbench.network.weights import Layout, layout_of, weights_to_vector

if TYPE_CHECKING:
    import keras

# Entries of a block of the Jacobian: 16 MiB in float64, which the outer caches still hold.
_BLOCK_ENTRIES = 2**21


class Blocks(NamedTuple):
    """Data on the device, cut into blocks of equal height.

    Attributes:
        X: Inputs ``(blocks, rows, ...)``.
        y: Targets ``(blocks, rows, outputs)``.
        weight: Of each sample, or each of its outputs, and 0 for padding:
            ``(blocks, rows, 1)`` or ``(blocks, rows, outputs)``.
        samples: Number of samples in all, a float scalar.
    """

    X: Tensor
    y: Tensor
    weight: Tensor
    samples: Tensor


@dataclass(frozen=True, eq=False)
class Network:
    """An architecture as a pure function of its weight vector.

    Attributes:
        key: Equal for models of one architecture, which therefore share compiled functions.
        layout: Where each weight lies in the vector.
        model: The first model of this architecture that came along.
        outputs: Number of outputs.
        compile: How to compile the mathematics of a block: `backend.xla` or `backend.graph`.
        chain: What `forward` calls if the network is a chain of Dense layers.
    """

    key: Hashable
    layout: Layout
    model: keras.Model
    outputs: int
    compile: Callable[[Callable[..., Any]], Callable[..., Any]]
    chain: Chain | None = None

    def device(self, asked: str | Device) -> Device:
        """Return the device that an argument means for this network; see `network.device`."""
        rows = len(self.model.input_shape) == 2
        few = rows and self.layout.size < FEW_WEIGHTS
        return resolve(asked, small=few or self.layout.dtype == "float64")

    def call(self, arrays: list[Tensor], frozen: list[Tensor], X: Tensor) -> Tensor:
        """Return the outputs ``(rows, outputs)`` from the weights as arrays, Keras's way."""
        return self.model.stateless_call(arrays, frozen, X, training=False)[0]

    def forward(self, vector: Tensor, frozen: list[Tensor], X: Tensor) -> Tensor:
        """Return the outputs ``(rows, outputs)`` the fastest way there is."""
        return (self.chain or self.call)(self.layout.unpack(vector), frozen, X)


def network_of(model: keras.Model) -> Network:
    """Return the pure form of a model, the same one for all models of its architecture.

    Raises:
        ArgumentError: It is no Keras model, or not one from one array to rows of outputs.
        ModelError: It is not built or has no trainable weights.
    """
    layout = layout_of(model)
    shapes = (model.input_shape, model.output_shape)
    if not all(isinstance(shape, tuple) and len(shape) >= 2 for shape in shapes) or (
        len(shapes[1]) != 2
    ):
        raise ArgumentError(
            "model",
            "have one input and one output of shape (samples, outputs)",
            f"input {shapes[0]} and output {shapes[1]}",
        )
    key = (architecture_key(model), layout)
    # Only rows of features: XLA makes convolutions on a CPU slower (see backend).
    compiler = backend.xla if len(shapes[0]) == 2 else backend.graph
    return backend.cached(
        key, lambda: Network(key, layout, model, shapes[1][1], compiler, dense_chain(model))
    )


def frozen_values(model: keras.Model) -> list[Tensor]:
    """Return the values of everything in a model that is not trained."""
    return [backend.tensor(variable.value) for variable in model.non_trainable_variables]


def samples_for(
    model: keras.Model, X: ArrayLike, y: ArrayLike, names: tuple[str, str] = ("X", "y")
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Check data against a model's inputs and outputs and return them in its number type.

    Args:
        model: A built Keras model.
        X: Inputs ``(samples, inputs)`` or whatever shape the model takes.
        y: Targets ``(samples, outputs)``, or ``(samples,)`` for one output.
        names: What the two are called in messages.

    Raises:
        ArgumentError: Wrong shapes, no finite numbers, or different numbers of rows.
    """
    dtype = layout_of(model).dtype
    wanted = tuple(model.input_shape[1:])
    X = checks.samples(names[0], X, wanted, "the model's input")
    y = checks.samples(names[1], y, tuple(model.output_shape[1:]), "the model's output")
    checks.same_rows(X, y, names)
    return X.astype(dtype), y.astype(dtype)


def blocks_of(
    network: Network,
    X: NDArray[np.floating],
    y: NDArray[np.floating],
    sample_weight: NDArray[np.floating] | None = None,
    *,
    entries: int | None = None,
) -> Blocks:
    """Put checked data onto the device in blocks for which nothing that is computed grows large.

    Args:
        network: What they are for.
        X: Inputs ``(samples, ...)``.
        y: Targets ``(samples, outputs)``.
        sample_weight: Weights ``(samples, 1)`` or ``(samples, outputs)``; None for ones.
        entries: Numbers of a sample in what is computed; None for those of its Jacobian.
    """
    limit = max(1, _BLOCK_ENTRIES // (entries or network.layout.size * network.outputs))
    count = -(-len(X) // limit)
    # Rounded up within the limit: one program then serves data of nearly the same size.
    height = min(rounded_height(-(-len(X) // count), parts=64), limit)
    count = -(-len(X) // height)
    cut = (count, height)
    dtype = network.layout.dtype

    def blocks(array: NDArray[np.floating], padding: NDArray[np.floating]) -> Tensor:
        whole = np.empty((count * height, *array.shape[1:]), dtype)
        whole[: len(array)], whole[len(array) :] = array, padding
        return backend.tensor(whole.reshape(cut + array.shape[1:]))

    weight = np.ones((len(X), 1)) if sample_weight is None else sample_weight
    # The last sample again, since zeros may be no legal input (a logarithm, a division).
    return Blocks(
        blocks(X, X[-1]),
        blocks(y, y[-1]),
        blocks(weight, np.zeros(1)),
        backend.tensor(float(len(X)), dtype),
    )


@dataclass(frozen=True)
class Problem:
    """A performance of the weights of a network on some rows, to be minimised.

    Attributes:
        network: The network.
        performance: What is measured.
        frozen: Values of everything in the network that is not trained.
        rows: The data.
        regularization: Share of the mean squared weight in what is minimised, in [0, 1): MATLAB's
            ``performParam.regularization``.
    """

    network: Network
    performance: Performance
    frozen: list[Tensor]
    rows: Blocks
    regularization: Tensor

    @property
    def count(self) -> Tensor:
        """Number of errors, samples x outputs."""
        return self.rows.samples * self.network.outputs

    def perf(self, vector: Tensor) -> Tensor:
        """Return the performance of weights, a scalar."""
        (total,) = self._sum(lambda vector, *block: (self._total(vector, *block),), vector)
        return self._regularized(total, ops.mean(vector * vector))

    def perf_and_gradient(self, vector: Tensor) -> tuple[Tensor, Tensor]:
        """Return the performance of weights, and its gradient ``(weights,)``."""

        def block(vector, frozen, X, y, weight):
            def total(vectors: list[Tensor]) -> Tensor:
                # Keras's way: a written-out chain takes twice as long in reverse (1500 rows of
                # 2-5-1: 57 instead of 35 µs, of 8-20-1: 210 instead of 105).
                outputs = self.network.call(self.network.layout.unpack(vectors[0]), frozen, X)
                return self._measured(outputs, y, weight)

            value, (gradient,) = backend.gradient(total, [vector])
            return value, gradient

        total, gradient = self._sum(block, vector)
        perf = self._regularized(total, ops.mean(vector * vector))
        return perf, self._regularized(gradient, 2 * vector / self.network.layout.size)

    def normal_equations(self, vector: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return H and g of the Gauss-Newton model, and the performance.

        With ``J'J`` and ``J'e`` scaled as the performance scales squared errors, ``2 g`` is its
        gradient, and ``2 H`` its Hessian but for the curvature of the network.
        """
        JJ, Je, ee = self.squares(vector)
        size = self.network.layout.size
        identity = ops.eye(size, dtype=self.network.layout.dtype) / size
        return (
            self._regularized(JJ, identity),
            self._regularized(Je, vector / size),
            self._regularized(ee, ops.mean(vector * vector)),
        )

    def squares(self, vector: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return ``J'J``, ``J'e`` and ``e'e``, summed block by block, each row by its weight.

        ``e`` is output minus target, and J its derivative by the weights.
        """
        return self._sum(self._squares_of_block, vector)

    def sum_of_squares(self, vector: Tensor) -> Tensor:
        """Return ``e'e`` alone."""

        def block(vector, frozen, X, y, weight):
            error = self.network.forward(vector, frozen, X) - y
            return (backend.total(error * error * weight),)

        return self._sum(block, vector)[0]

    def _squares_of_block(self, vector, frozen, X, y, weight):
        # What each sample and output counts, in the order of the Jacobian's rows.
        root = ops.sqrt(weight)
        e = ops.reshape((self.network.forward(vector, frozen, X) - y) * root, (-1, 1))
        J = jacobian_of_block(self.network, vector, frozen, X, root)
        return backend.gram(J, J), backend.gram(J, e)[:, 0], backend.gram(e, e)[0, 0]

    def _total(self, vector, frozen, X, y, weight) -> Tensor:
        return self._measured(self.network.forward(vector, frozen, X), y, weight)

    def _measured(self, outputs: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        return backend.total(self.performance.of(outputs, y) * weight)

    def _sum(self, block, vector: Tensor):
        compiled = self.network.compile(block)
        return sum_over_blocks(compiled, vector, self.frozen, self.rows)

    def _regularized(self, total: Tensor, of_weights: Tensor) -> Tensor:
        value = total / self.count if self.performance.mean else total
        return (1 - self.regularization) * value + self.regularization * of_weights


def jacobian_of_block(
    network: Network, vector: Tensor, frozen: list[Tensor], X: Tensor, factor: Tensor
) -> Tensor:
    """Return the derivative of every output by every weight, ``(rows * outputs, weights)``.

    Row ``i * outputs + k`` is that of output ``k`` of sample ``i``, times its factor out of
    ``(rows, 1)`` or ``(rows, outputs)``.
    """
    arrays = network.layout.unpack(vector)
    rows = X.shape[0]
    X = ops.repeat(X, network.outputs, axis=0)
    chosen = ops.eye(network.outputs, dtype=network.layout.dtype) * factor[:, :, None]
    chosen = ops.reshape(chosen, (rows * network.outputs, network.outputs))

    def row(sample: tuple[Tensor, Tensor]) -> Tensor:
        x, seed = sample
        # Differentiating by the arrays and not by the vector spares a scatter for each of them.
        _, gradients = backend.gradient(
            lambda arrays: ops.sum(network.call(arrays, frozen, x[None])[0] * seed), arrays
        )
        return ops.concatenate([ops.reshape(gradient, (-1,)) for gradient in gradients])

    return backend.map_rows(row, (X, chosen))


def sum_over_blocks(block, vector, frozen, data):
    """Return the sums over all blocks of what ``block`` returns for each, a tuple."""
    first = block(vector, frozen, data.X[0], data.y[0], data.weight[0])
    count = data.X.shape[0]
    if count == 1:
        return first

    def add(state):
        number, total = state
        X, y, weight = data.X[number], data.y[number], data.weight[number]
        more = block(vector, frozen, X, y, weight)
        return number + 1, tuple(a + b for a, b in zip(total, more, strict=True))

    return backend.while_loop(lambda state: state[0] < count, add, (1, tuple(first)))[1]


def jacobian(model: keras.Model, X: ArrayLike) -> NDArray[np.floating]:
    """Return the derivative of a model's outputs by its trainable weights.

    Args:
        model: Any Keras model from one array to rows of outputs.
        X: Inputs ``(samples, inputs)``.

    Returns:
        Array ``(samples, outputs, weights)``; the weights in the order of
        `weights_to_vector`.
    """
    network = network_of(model)
    X = checks.samples("X", X, tuple(model.input_shape[1:]), "the model's input")
    dtype = network.layout.dtype
    with on(network.device("auto")):
        compiled = backend.cached(
            (network.key, "jacobian", X.shape),
            lambda: network.compile(lambda *arguments: jacobian_of_block(network, *arguments)),
        )
        rows = compiled(
            backend.tensor(weights_to_vector(model), dtype),
            frozen_values(model),
            backend.tensor(X, dtype),
            backend.tensor(np.ones((len(X), 1)), dtype),
        )
    return rows.numpy().reshape(len(X), network.outputs, network.layout.size)
