"""Segmentation with Lite R-ASPP on MobileNet V3-Large.

Source: A. Howard et al. 2019 (arXiv:1905.02244), section 6.4. Followed is torchvision's
``lraspp_mobilenet_v3_large``: the last stride becomes a dilation, so that the last feature map is
16 times smaller than the image, and details come from the first block that is 8 times smaller.
"""

from __future__ import annotations

from workbench import checks
from workbench.cnn.blocks import LiteRASPP
from workbench.cnn.preprocessing import Preprocessing
from workbench.cnn.spec import ZOO, Architecture
from workbench.cnn.zoo.mobilenet_v3 import CONVENTIONS, body, names

BACKBONE = "mobilenet_v3_large"
LOW = "backbone.4"
NAMES = (
    (r"^classifier\.cbr\.0$", "classifier.cbr"),
    (r"^classifier\.cbr\.1$", "classifier.cbr.norm"),
    (r"^classifier\.scale\.1$", "classifier.scale"),
)
# torchvision's evaluation crops nothing; a batch of photographs needs one size.
PREPROCESSING = Preprocessing(520, 520)


@ZOO.register("lraspp_mobilenet_v3_large")
def lraspp_mobilenet_v3_large(*, width: float = 1.0) -> Architecture:
    """Return the table; the network gives every pixel a class, torchvision's one of 21.

    Args:
        width: By which the channels of the body are multiplied.
    """
    width = checks.real("width", width, 0, 100, open_low=True)
    blocks = body(BACKBONE, width, "backbone", dilated=True)
    return Architecture(
        "lraspp_mobilenet_v3_large",
        blocks,
        (("classifier", LiteRASPP(LOW)),),
        "Howard et al. 2019; torchvision lraspp_mobilenet_v3_large",
        CONVENTIONS,
        preprocessing=PREPROCESSING,
        names=(*names(blocks), *NAMES),
    )
