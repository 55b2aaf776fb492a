"""VGG-16.

Source: K. Simonyan and A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
Recognition", 2015 (arXiv:1409.1556), table 1, configuration D; followed is torchvision, without
batch norm. Two 3x3 convolutions see what one 5x5 sees, and three what one 7x7 does.
"""

from __future__ import annotations

from workbench.cnn.blocks import Classifier, Conv, Dense, Dropout, Flatten, MaxPool
from workbench.cnn.blocks.adaptive_pool import AdaptivePool
from workbench.cnn.spec import ZOO, Architecture, Rows

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels and convolutions
HEAD: Rows = (
    ("avgpool", AdaptivePool(7)),
    ("flatten", Flatten()),
    ("classifier.0", Dense(4096)),
    ("classifier.2", Dropout(0.5)),
    ("classifier.3", Dense(4096)),
    ("classifier.5", Dropout(0.5)),
    ("classifier.6", Classifier()),
)


@ZOO.register("vgg16")
def vgg16() -> Architecture:
    """Return the table; torchvision counts the ReLUs, so every second number is missing."""
    body: Rows = ()
    number = 0
    for channels, convolutions in STAGES:
        for _ in range(convolutions):
            body += ((f"features.{number}", Conv(channels, 3, norm=False)),)
            number += 2
        body += ((f"features.{number}", MaxPool(2, 2)),)
        number += 1
    source = "Simonyan and Zisserman 2015, D; torchvision vgg16"
    return Architecture("vgg16", body, HEAD, source)
