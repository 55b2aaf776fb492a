"""Batch normalisation by TensorFlow's fused operation, with running statistics as torch has them.

Source: S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by
Reducing Internal Covariate Shift", 2015, arXiv:1502.03167, algorithms 1 and 2; `torch.nn`'s
BatchNorm2d.

Beside the speed, one thing differs from `keras.layers.BatchNormalization`: the moving variance
takes up the unbiased variance of a batch, sum of squares / (n - 1), as the paper's algorithm 2 and
torch do. Keras takes the biased one. (The batch itself is normalised with the biased variance by
all of them.) For n = batch x height x width in the thousands it makes no odds; for the last, small
maps of a small batch it does.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from workbench.cnn.native import FUSED_DTYPES, fused_batch_norm, replicas
from workbench.network.backend import Tensor


@keras.saving.register_keras_serializable("workbench")
class BatchNorm(keras.layers.BatchNormalization):
    """Normalise each channel over batch, height and width.

    Arguments, weights and behaviour are those of `keras.layers.BatchNormalization`, its
    ``momentum`` included: the share that is kept, 0.9 for what torch calls 0.1. Defaults are
    Keras's too (momentum 0.99, epsilon 1e-3); torch's are 0.9 and 1e-5. With
    ``trainable=False`` the layer uses the moving statistics also in training.

    The fused operation serves images (batch, height, width, channels) in float32, float16 and
    bfloat16. Everything else goes through Keras's own code, and with a mask or renormalisation its
    statistics are Keras's as well. With ``synchronized=True`` they are those of the whole batch,
    of all replicas of a strategy together, unbiased too.

    A batch with a single value a channel is normalised to the offset and counts as variance 0;
    torch refuses it.
    """

    def call(self, inputs: Tensor, training: bool | None = None, mask: Any = None) -> Tensor:
        """Return ``inputs`` normalised; in training, take their statistics up."""
        if mask is not None or self.renorm:
            return super().call(inputs, training=training, mask=mask)
        # Frozen, Keras's two products are the sooner ones: 10 ms against 14, with the gradient.
        # In prediction TensorFlow merges the fused operation with the convolution before it.
        frozen = training and not self.trainable
        if self._fused(inputs) and not frozen:
            return self._call_fused(inputs, bool(training))
        if frozen or not training:
            return super().call(inputs, training=False)
        kept = ops.convert_to_tensor(self.moving_variance) * self.momentum
        outputs = super().call(inputs, training=True)
        self._unbias(kept, inputs)
        return outputs

    def _fused(self, inputs: Tensor) -> bool:
        last = self.axis in (-1, 3)
        images = len(inputs.shape) == 4 and last and inputs.dtype.name in FUSED_DTYPES
        return images and not self.synchronized

    def _call_fused(self, inputs: Tensor, learning: bool) -> Tensor:
        shape = self.moving_mean.shape
        scale = ops.cast(self.gamma, "float32") if self.scale else ops.ones(shape, "float32")
        offset = ops.cast(self.beta, "float32") if self.center else ops.zeros(shape, "float32")
        moving = ops.cast(self.moving_mean, "float32"), ops.cast(self.moving_variance, "float32")
        statistics = None if learning else moving
        outputs, mean, variance = fused_batch_norm(inputs, scale, offset, statistics, self.epsilon)
        if learning:
            keep, take = self.momentum, 1 - self.momentum
            self.moving_mean.assign(moving[0] * keep + mean * take)
            self.moving_variance.assign(moving[1] * keep + variance * take)
        return ops.cast(outputs, self.compute_dtype)

    def _unbias(self, kept: Tensor, inputs: Tensor) -> None:
        """Multiply what Keras has just added to the moving variance by n / (n - 1)."""
        shape = ops.shape(inputs)
        n = ops.prod([ops.cast(shape[axis], kept.dtype) for axis in self._reduction_axes])
        if self.synchronized:
            n = n * replicas()
        taken = ops.convert_to_tensor(self.moving_variance) - kept
        self.moving_variance.assign(kept + taken * n / ops.maximum(n - 1, 1))
