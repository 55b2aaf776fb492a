"""What stands between the last feature map and the classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.cnn.spec import USUAL, Activation, Block, Tensor

if TYPE_CHECKING:
    from workbench.cnn.builder import Builder


@dataclass(frozen=True)
class Dropout(Block):
    """Dropout of a share of what comes in, while training."""

    rate: float

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add the dropout, unless its rate is zero."""
        return at.drop(x, "", self.rate)


@dataclass(frozen=True)
class Flatten(Block):
    """The image as one vector, for networks that do not average over pixels."""

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add the layer; rows, columns, channels follow each other as in TensorFlow."""
        return at.flatten(x, "")


@dataclass(frozen=True)
class Dense(Block):
    """A fully connected layer and its activation."""

    units: int
    activation: Activation = USUAL

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add the layer."""
        return at.dense(x, "", self.units, self.activation)


@dataclass(frozen=True)
class Classifier(Block):
    """The fully connected layer of the classes, whose number the user names."""

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add the layer and the activation that the user wants behind it."""
        return at.classify(x, "")


@dataclass(frozen=True)
class ClassifierConv(Block):
    """Classes by a 1x1 convolution with a ReLU, averaged over the pixels (SqueezeNet)."""

    activation: Activation = USUAL

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add convolution, pooling and the activation that the user wants."""
        x = at.conv(x, "", at.classes, norm=False, activation=self.activation)
        return at.finish(at.global_pool(x, "pool"), "classes")
