"""GoogLeNet.

Source: C. Szegedy et al. 2015 (arXiv:1409.4842), table 1. Followed is torchvision, which differs
from the paper: batch norm behind each convolution and no local response normalisation; 3x3
convolutions where the paper has 5x5 (a slip that its weights keep); a last pooling of 2x2. The two
auxiliary classifiers, of use in training only, are left out, and their weights passed over.
"""

from __future__ import annotations

from workbench import checks
from workbench.cnn.blocks import Classifier, Conv, Dropout, GlobalPool, MaxPool
from workbench.cnn.blocks.inception import Inception, branch, widened
from workbench.cnn.preprocessing import Preprocessing
from workbench.cnn.spec import ZOO, Architecture, Conventions, Rows


def _module(
    ones: int, reduce_first: int, first: int, reduce_second: int, second: int, pooled: int
) -> Inception:
    """Return a module by a line of the paper's table: channels of its convolutions."""
    return Inception(
        (
            branch("branch1", Conv(ones)),
            branch("branch2", Conv(reduce_first), Conv(first, 3)),
            branch("branch3", Conv(reduce_second), Conv(second, 3)),
            branch("branch4", MaxPool(3, 1, padding=1), Conv(pooled)),
        )
    )


BODY: Rows = (
    ("conv1", Conv(64, 7, stride=2)),
    ("maxpool1", MaxPool(3, ceil=True)),
    ("conv2", Conv(64)),
    ("conv3", Conv(192, 3)),
    ("maxpool2", MaxPool(3, ceil=True)),
    ("inception3a", _module(64, 96, 128, 16, 32, 32)),
    ("inception3b", _module(128, 128, 192, 32, 96, 64)),
    ("maxpool3", MaxPool(3, ceil=True)),
    ("inception4a", _module(192, 96, 208, 16, 48, 64)),
    ("inception4b", _module(160, 112, 224, 24, 64, 64)),
    ("inception4c", _module(128, 128, 256, 24, 64, 64)),
    ("inception4d", _module(112, 144, 288, 32, 64, 64)),
    ("inception4e", _module(256, 160, 320, 32, 128, 128)),
    ("maxpool4", MaxPool(2, ceil=True)),
    ("inception5a", _module(256, 160, 320, 32, 128, 128)),
    ("inception5b", _module(384, 192, 384, 48, 128, 128)),
)
HEAD: Rows = (("avgpool", GlobalPool()), ("dropout", Dropout(0.2)), ("fc", Classifier()))
NAMES = ((r"^aux\d.*", ""), (r"\.conv$", ""), (r"\.bn$", ".norm"))
# torchvision's weights come from TensorFlow and want values from -1 to 1, which its model makes of
# images normalised the usual way ("transform_input").
PREPROCESSING = Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


@ZOO.register("googlenet")
def googlenet(*, width: float = 1.0) -> Architecture:
    """Return the table.

    Args:
        width: By which all channels are multiplied; the results are rounded to multiples of 8.
    """
    width = checks.real("width", width, 0, 100, open_low=True)
    return Architecture(
        "googlenet",
        widened(BODY, width),
        HEAD,
        "Szegedy et al. 2015; torchvision googlenet without auxiliary classifiers",
        Conventions(epsilon=1e-3),
        preprocessing=PREPROCESSING,
        names=NAMES,
    )
