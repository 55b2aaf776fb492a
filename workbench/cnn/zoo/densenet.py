"""DenseNet-121.

Source: G. Huang et al. 2017 (arXiv:1608.06993), table 1; followed is torchvision.
"""

from __future__ import annotations

from workbench.cnn.blocks import Classifier, Conv, GlobalPool, MaxPool
from workbench.cnn.blocks.densely_connected import Activated, DenselyConnected, Transition
from workbench.cnn.spec import ZOO, Architecture, Rows

GROWTH = 32
REPEATS = (6, 12, 24, 16)
STEM: Rows = (
    ("features.conv0", Conv(2 * GROWTH, 7, stride=2)),
    ("features.pool0", MaxPool(3, 2, padding=1)),
)
HEAD: Rows = (("avgpool", GlobalPool()), ("classifier", Classifier()))
NAMES = (
    (r"\.(norm|conv)\.(\d)$", r".\1\2"),  # as torchvision's published files spell them
    (r"^features\.norm0$", "features.conv0.norm"),
    (r"\.norm2$", ".conv1.norm"),
)


@ZOO.register("densenet121")
def densenet121() -> Architecture:
    """Return the table."""
    body = STEM
    for number, repeats in enumerate(REPEATS, start=1):
        body += tuple(
            (f"features.denseblock{number}.denselayer{layer}", DenselyConnected(GROWTH))
            for layer in range(1, repeats + 1)
        )
        if number < len(REPEATS):
            body += ((f"features.transition{number}", Transition()),)
    body += (("features.norm5", Activated()),)
    source = "Huang et al. 2017; torchvision densenet121"
    return Architecture("densenet121", body, HEAD, source, names=NAMES)
