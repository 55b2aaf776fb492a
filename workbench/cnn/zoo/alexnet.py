"""AlexNet.

Sources: A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet Classification with Deep
Convolutional Neural Networks", 2012; A. Krizhevsky, "One weird trick for parallelizing
convolutional neural networks", 2014 (arXiv:1404.5997), whose single tower torchvision has, and
with it we: no groups and no local response normalisation.
"""

from __future__ import annotations

from workbench.cnn.blocks import Classifier, Conv, Dense, Dropout, Flatten, MaxPool
from workbench.cnn.blocks.adaptive_pool import AdaptivePool
from workbench.cnn.spec import ZOO, Architecture, Rows

BODY: Rows = (
    ("features.0", Conv(64, 11, stride=4, padding=2, norm=False)),
    ("features.2", MaxPool(3, 2)),
    ("features.3", Conv(192, 5, norm=False)),
    ("features.5", MaxPool(3, 2)),
    ("features.6", Conv(384, 3, norm=False)),
    ("features.8", Conv(256, 3, norm=False)),
    ("features.10", Conv(256, 3, norm=False)),
    ("features.12", MaxPool(3, 2)),
)
HEAD: Rows = (
    ("avgpool", AdaptivePool(6)),
    ("flatten", Flatten()),
    ("classifier.0", Dropout(0.5)),
    ("classifier.1", Dense(4096)),
    ("classifier.3", Dropout(0.5)),
    ("classifier.4", Dense(4096)),
    ("classifier.6", Classifier()),
)


@ZOO.register("alexnet")
def alexnet() -> Architecture:
    """Return the table."""
    return Architecture("alexnet", BODY, HEAD, "Krizhevsky 2014; torchvision alexnet")
