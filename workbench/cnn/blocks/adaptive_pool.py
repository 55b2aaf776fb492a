"""Average pooling to a map of a given size, in front of a head that flattens.

Source: the heads of torchvision's AlexNet (6 x 6) and VGG (7 x 7), which so take images of any
size: the first dense layer always sees the same number of values, and the published weights fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.cnn.spec import Block, Tensor

if TYPE_CHECKING:
    from workbench.cnn.builder import Builder


@dataclass(frozen=True)
class AdaptivePool(Block):
    """Averages over equal shares of the map, ``size`` a side, as torch has them.

    No layer is added where the map has that size already, and a smaller map is repeated to it: what
    comes out has ``size`` rows and columns for every image.
    """

    size: int

    def build(self, x: Tensor, at: Builder) -> Tensor:
        """Add the pooling, if the map has another size."""
        return at.adaptive_pool(x, "", self.size)
