"""The truth of pruning: the large model with zeros where channels were removed.

Which channels those are is read off the pruned model's numbers alone: weights are drawn at random,
so a filter that is still there is recognised by its values. Nothing is asked of the channel graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np


def leaves(model: Any) -> dict[str, Any]:
    """Return the layers of a model and of those nested in it, by path."""
    found = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found |= {f"{layer.name}/{name}": each for name, each in leaves(layer).items()}
        else:
            found[layer.name] = layer
    return found


def randomise(model: Any, seed: int) -> None:
    """Give all weights random values, no two of a weight equal, so that each is recognised."""
    rng = np.random.default_rng(seed)
    for layer in leaves(model).values():
        for weight in layer.weights:
            count = int(np.prod(weight.shape))
            values = rng.permutation(np.linspace(-1.7, 1.7, count)).reshape(weight.shape)
            if "variance" in weight.path or "gamma" in weight.path:
                values = 1 + values / 4
            elif len(weight.shape) > 1 and "alpha" not in weight.path:
                fan = np.prod(weight.shape[:-1])
                values *= np.sqrt(2 / (fan if weight.shape[-1] > 1 else np.prod(weight.shape[:2])))
            weight.assign(values)


def _made(layer: Any) -> Iterator[tuple[Any, int, int]]:
    """Yield the weights that make channels; the axis of those; how many axes they are."""
    kind = type(layer).__name__
    if kind == "SqueezeExcite":
        yield from ((weight, -1, 1) for weight in layer.reduce.weights)
        return
    # A channel of zeros stays zero behind a batch norm that has no mean to take off, either.
    for name in ("kernel", "pointwise_kernel", "bias", "gamma", "beta", "moving_mean"):
        weight = getattr(layer, name, None)
        if weight is not None:
            several = len(weight.shape) > 1
            yield (
                weight,
                -2 if several and kind.endswith("Transpose") else -1,
                2 if several and kind.startswith("Depthwise") else 1,
            )


def _columns(values: Any, axis: int, axes: int) -> Any:
    """Return a view, or a copy, with one column for each channel."""
    values = np.moveaxis(values, axis, -1)
    return values.reshape(-1, np.prod(values.shape[-axes:]))


def _zero(model: Any, pruned: Any) -> None:
    """Set to zero what makes channels that ``pruned`` does not have."""
    small = leaves(pruned)
    for name, layer in leaves(model).items():
        if not layer.weights:
            continue
        for (weight, *how), (left, *_) in zip(_made(layer), _made(small[name]), strict=True):
            values, left = weight.numpy(), left.numpy()
            gone = ~np.isin(_columns(values, *how), left).any(axis=0)
            assert (~gone).sum() == _columns(left, *how).shape[1], weight.path
            place = _columns(np.arange(values.size).reshape(values.shape), *how)[:, gone]
            values.reshape(-1)[place] = 0
            weight.assign(values)


def difference(model: Any, pruned: Any, seed: int = 0) -> float:
    """Return the largest difference to the truth, as a share of the largest output."""
    rng = np.random.default_rng(seed)
    inputs = [rng.standard_normal((2, *x.shape[1:])).astype("float32") for x in model.inputs]
    fed = inputs[0] if len(inputs) == 1 else inputs
    weights = model.get_weights()
    large = _outputs(model, fed)
    _zero(model, pruned)
    truth, found = _outputs(model, fed), _outputs(pruned, fed)
    model.set_weights(weights)
    assert all(np.isfinite(x).all() for x in found)
    # Otherwise the test would be blind: the removed channels must have mattered.
    assert max(_relative(one, other) for one, other in zip(large, truth, strict=True)) > 1e-2
    return max(_relative(one, other) for one, other in zip(truth, found, strict=True))


def _outputs(model: Any, fed: Any) -> list[Any]:
    return [np.asarray(x) for x in keras.tree.flatten(model(fed))]


def _relative(one: Any, other: Any) -> float:
    return float(np.abs(one - other).max() / np.abs(one).max())
