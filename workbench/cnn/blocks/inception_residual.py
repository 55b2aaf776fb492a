"""The residual inception block: a module as the branch of a residual block, scaled down.

Source: C. Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on
Learning", 2017 (arXiv:1602.07261), figures 16, 17, 19 and 20: the channels of all branches are
brought to those of the shortcut by a 1x1 convolution with a bias and without batch norm, and
multiplied by a constant (section 3.3), or training would break down in wide networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.cnn.blocks.inception import Inception
from workbench.cnn.blocks.squeeze import weighing
from workbench.cnn.spec import USUAL, Activation, Tensor

if TYPE_CHECKING:
    from workbench.cnn.builder import Builder


@dataclass(frozen=True)
class InceptionResidual(Inception):
    """``activation(x + scale * branch(x))``, SE in any of its four positions.

    "standard" weighs the channels of the branch before they are scaled. Names of layers are timm's.

    Attributes:
        scale: See above; 1 leaves the layer away.
        activation: Behind the sum.
    """

    scale: float = 1.0
    activation: Activation = USUAL

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add module, 1x1 convolution, scale, sum and activation; the shape stays."""
        weighed = weighing(self.se, at)
        mixed = self.mixed(weighed("pre", x), at)
        mixed = at.conv(mixed, "conv2d", x.shape[-1], norm=False, activation=None)
        mixed = weighed("standard", mixed)
        if self.scale != 1:
            mixed = at.rescale(mixed, "scale", self.scale)
        return weighed(
            "post", at.activate(at.add([weighed("identity", x), mixed]), self.activation)
        )
