"""How a classifier learns: loss, optimizer, learning rate over time and over depth.

Sources: linear scaling of the rate with the batch and a linear warm-up, P. Goyal et al., 2017,
arXiv:1706.02677; by the square root for optimizers that divide by the gradient's size, S. Malladi
et al., 2022, arXiv:2205.10287; half a cosine down to nothing, I. Loshchilov and F. Hutter, 2016,
arXiv:1608.03983; no decay of biases and batch norms, T. He et al., 2018, arXiv:1812.01187.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras

from workbench import checks
from workbench.errors import ArgumentError
from workbench.registry import Registry

REFERENCE_BATCH = 256
SCHEDULES = ("cosine", "constant")


class Kind(NamedTuple):
    """A loss.

    Attributes:
        many: Of a probability (or logit) for each class.
        single: Of one, of the second of two classes.
        probabilities: Whether it takes label smoothing and can be told of logits.
    """

    many: type[keras.losses.Loss]
    single: type[keras.losses.Loss]
    probabilities: bool


losses = keras.losses
LOSSES: Registry[Kind] = Registry("loss of a classifier")
for _name, _kind in {
    "crossentropy": Kind(losses.CategoricalCrossentropy, losses.BinaryCrossentropy, True),
    # Easy images weigh less: T.-Y. Lin et al., 2017, arXiv:1708.02002.
    "focal": Kind(losses.CategoricalFocalCrossentropy, losses.BinaryFocalCrossentropy, True),
    "hinge": Kind(losses.CategoricalHinge, losses.Hinge, False),
    "mse": Kind(losses.MeanSquaredError, losses.MeanSquaredError, False),
}.items():
    LOSSES.register(_name)(_kind)


def loss_for(
    name: str, outputs: int, *, logits: bool, smoothing: float = 0.0, reduce: bool = True
) -> keras.losses.Loss:
    """Return a loss of rows of class shares and outputs.

    Args:
        name: One of `LOSSES`.
        outputs: Of the network; 1 where it tells the second of two classes.
        logits: Whether they are logits.
        smoothing: Share of each label that is spread over all classes.
        reduce: Whether to take the mean over the rows.

    Raises:
        ArgumentError: The smoothing is no share, or is asked of a loss that has none.
    """
    kind = LOSSES[name]
    smoothing = checks.real("label_smoothing", smoothing, 0, 1)
    settings: dict[str, Any] = {} if reduce else {"reduction": None}
    if kind.probabilities:
        settings |= {"from_logits": logits, "label_smoothing": smoothing}
    elif smoothing:
        raise ArgumentError("label_smoothing", f"be 0 with loss {name!r}", smoothing)
    return (kind.single if outputs == 1 else kind.many)(**settings)


@dataclass(frozen=True)
class Base:
    """What an optimizer is made with.

    Attributes:
        rate: Learning rate for a batch of `REFERENCE_BATCH`.
        power: Of the batch's size, by which the rate grows.
        settings: Further arguments.
    """

    rate: float
    power: float
    settings: Mapping[str, Any]


ADAPTIVE = Base(4e-3, 0.5, {})
OPTIMIZERS: Mapping[str, Base] = {
    "sgd": Base(0.1, 1.0, {"momentum": 0.9, "nesterov": True}),
    "rmsprop": Base(2e-3, 0.5, {"momentum": 0.9}),
    "lion": Base(4e-4, 0.5, {}),
    **dict.fromkeys(("adam", "adamw", "nadam", "adamax"), ADAPTIVE),
}


@dataclass(frozen=True)
class Recipe:
    """How the weights follow the gradient.

    Attributes:
        optimizer: One of `OPTIMIZERS`, or an optimizer of Keras, which has its own rate.
        learning_rate: The highest; None takes the optimizer's usual one for the batch.
        schedule: One of `SCHEDULES`, behind the warm-up.
        warmup: Share of the updates in which the rate grows.
        weight_decay: Share of the weights that an update of rate 1 takes off; decoupled, and not
            of biases and batch norms. None is what Keras has for the optimizer.
        clip_norm: Most the norm of the whole gradient may be; None for any.
        layer_decay: See `rates_by_depth`.
        accumulate: Batches whose gradients make one update.
    """

    optimizer: str | keras.optimizers.Optimizer = "adamw"
    learning_rate: float | None = None
    schedule: str = "cosine"
    warmup: float = 0.05
    weight_decay: float | None = None
    clip_norm: float | None = None
    layer_decay: float = 1.0
    accumulate: int = 1

    def __post_init__(self) -> None:
        """Check the settings."""
        if isinstance(self.optimizer, keras.optimizers.Optimizer):
            for name in ("learning_rate", "weight_decay", "clip_norm"):
                if getattr(self, name) is not None:
                    raise ArgumentError(
                        name,
                        "be None beside an optimizer of Keras, which has its own",
                        getattr(self, name),
                    )
        elif self.optimizer not in OPTIMIZERS:
            names = ", ".join(map(repr, OPTIMIZERS))
            raise ArgumentError(
                "optimizer", f"be one of {names}, or an optimizer of Keras", self.optimizer
            )
        if self.schedule not in SCHEDULES:
            names = ", ".join(map(repr, SCHEDULES))
            raise ArgumentError("schedule", f"be one of {names}", self.schedule)
        checks.integer("accumulate", self.accumulate)
        checks.real("warmup", self.warmup, 0, 1)
        for name, open_low in (
            ("learning_rate", True),
            ("weight_decay", False),
            ("clip_norm", True),
        ):
            if getattr(self, name) is not None:
                checks.real(name, getattr(self, name), 0, open_low=open_low)

    def rate(self, batch: int) -> float:
        """Return the highest learning rate for batches of that many images."""
        if self.learning_rate is not None:
            return float(self.learning_rate)
        base = OPTIMIZERS[self.optimizer]
        return base.rate * (batch * self.accumulate / REFERENCE_BATCH) ** base.power

    def built(
        self, variables: Sequence[keras.Variable], rates: Sequence[float], batch: int, steps: int
    ) -> keras.optimizers.Optimizer:
        """Return an optimizer that has its variables.

        Args:
            variables: All trainable weights.
            rates: What each of them multiplies the learning rate with.
            batch: Images in a step.
            steps: In the whole training.
        """
        if isinstance(self.optimizer, keras.optimizers.Optimizer):
            kind, settings = type(self.optimizer), self.optimizer.get_config()
        else:
            kind = type(keras.optimizers.get(self.optimizer))
            updates = max(steps // self.accumulate, 1)
            warmup = round(self.warmup * updates)
            settings = {
                **OPTIMIZERS[self.optimizer].settings,
                "learning_rate": WarmUp(self.rate(batch), warmup, updates, self.schedule),
            }
            if self.weight_decay is not None:
                settings["weight_decay"] = float(self.weight_decay)
            if self.clip_norm is not None:
                settings["global_clipnorm"] = float(self.clip_norm)
        if self.accumulate > 1:
            settings["gradient_accumulation_steps"] = self.accumulate
        optimizer = (kind if set(rates) == {1.0} else _by_depth(kind, rates)).from_config(settings)
        if optimizer.weight_decay:
            optimizer.exclude_from_weight_decay([v for v in variables if len(v.shape) < 2])
        optimizer.build(variables)
        return optimizer


@keras.saving.register_keras_serializable("workbench")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up, then half a cosine down to zero, or a constant.

    The update with number n, from 0, has rate * (n + 1) / (warmup + 1) while n < warmup, so that
    the first is not lost on a rate of zero (Keras's own CosineDecay begins there).

    Args:
        rate: The highest.
        warmup: Number of updates until it is reached.
        updates: In the whole training.
        kind: One of `SCHEDULES`.
    """

    def __init__(self, rate: float, warmup: int, updates: int, kind: str):
        self.rate, self.warmup, self.updates, self.kind = rate, warmup, updates, kind

    def __call__(self, step: Any) -> Any:
        """Return the rate at an update."""
        ops = keras.ops
        n = ops.cast(step, "float32")
        growing = self.rate * (n + 1) / (self.warmup + 1)
        if self.kind == "constant":
            return ops.where(n < self.warmup, growing, self.rate)
        left = max(self.updates - self.warmup, 1)
        share = ops.clip((n - self.warmup) / left, 0.0, 1.0)
        falling = self.rate * 0.5 * (1 + ops.cos(math.pi * share))
        return ops.where(n < self.warmup, growing, falling)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "rate": self.rate,
            "warmup": self.warmup,
            "updates": self.updates,
            "kind": self.kind,
        }


def _by_depth(kind: type[Any], rates: Sequence[float]) -> type[Any]:
    """Return the kind of optimizer with a learning rate for each weight."""

    class ByDepth(kind):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            rate = rates[self._get_variable_index(variable)]
            super().update_step(gradient, variable, learning_rate * rate)

    return ByDepth
