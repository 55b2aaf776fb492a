"""MATLAB's transfer functions that Keras has no activation for.

Sources: MATLAB's reference pages of the functions; M. T. Hagan, H. B. Demuth and M. H. Beale,
"Neural Network Design", table 2.1.

Importing this module registers them with Keras, so that a saved model with one of them can be
loaded. Keras does not look for them by itself: `workbench.load_model` imports this module
and then loads.

The last axis holds the neurons of a layer. Steps and `compet` have the derivative zero
everywhere, as MATLAB has it: what lies before such a layer is not trained by gradients.
"""

from __future__ import annotations

import keras
from keras import ops

from workbench.network.backend import Tensor

PACKAGE = "workbench"  # what Keras registers them under: "workbench>radbas"

_registered = keras.saving.register_keras_serializable(package=PACKAGE)


@_registered
def hardlim(n: Tensor) -> Tensor:
    """Return 1 from 0 on, and 0 below."""
    return ops.cast(n >= 0, n.dtype)


@_registered
def hardlims(n: Tensor) -> Tensor:
    """Return 1 from 0 on, and -1 below."""
    return 2 * hardlim(n) - 1


@_registered
def satlin(n: Tensor) -> Tensor:
    """Return n, cut off at 0 and 1."""
    return ops.clip(n, 0, 1)


@_registered
def netinv(n: Tensor) -> Tensor:
    """Return 1 / n, infinite at 0."""
    return 1 / n


@_registered
def radbas(n: Tensor) -> Tensor:
    """Return exp(-n^2)."""
    return ops.exp(-n * n)


@_registered
def radbasn(n: Tensor) -> Tensor:
    """Return exp(-n^2) as a share of the sum over the layer."""
    # By logarithms, so as not to divide 0 by 0 where all neurons are far away. Keras's softmax
    # would do, but advises against a layer of a single neuron.
    exponent = -n * n
    return ops.exp(exponent - ops.logsumexp(exponent, axis=-1, keepdims=True))


@_registered
def tribas(n: Tensor) -> Tensor:
    """Return 1 - |n|, and 0 where that is negative."""
    return ops.relu(1 - ops.abs(n))


@_registered
def compet(n: Tensor) -> Tensor:
    """Return 1 for the neuron with the largest net input, the first of equals, and 0 for others."""
    return ops.one_hot(ops.argmax(n, axis=-1), n.shape[-1], dtype=n.dtype)
