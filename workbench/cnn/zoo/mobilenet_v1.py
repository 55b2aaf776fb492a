"""MobileNet V1: depthwise separable convolutions in a straight line.

Source: A. Howard et al. 2017 (arXiv:1704.04861), table 1; the paper's width multiplier is
``width``, its resolution multiplier the size of the images. Followed are the authors' TF-slim code
and `keras.applications.MobileNet`: TensorFlow's "same" padding, epsilon 1e-3, ReLU6. Keras pads
odd images as if they had one pixel less; here and in TF-slim the last pixel counts. Both cut other
widths than 0.25, 0.5, 0.75 and 1 off to whole channels; here as in timm they become multiples of 8.

timm's ``mobilenetv1_100`` is the same table with the padding and epsilon of torch, which
``follow="timm"`` takes: with the weights of one and the padding of the other, every stride would be
off by a pixel.
"""

from __future__ import annotations

from typing import Literal

from workbench import checks
from workbench.cnn.blocks import Classifier, Conv, DepthwiseSeparable, Dropout, GlobalPool
from workbench.cnn.preprocessing import Preprocessing
from workbench.cnn.spec import ZOO, Architecture, Conventions, Rows, make_divisible, stage
from workbench.errors import ArgumentError

STAGES = (
    (64, 1, 1),
    (128, 2, 2),
    (256, 2, 2),
    (512, 6, 2),
    (1024, 2, 2),
)  # channels, blocks, stride
CONVENTIONS = {
    "keras": Conventions(epsilon=1e-3, momentum=0.99, padding="same", activation="relu6"),
    "timm": Conventions(activation="relu6"),
}
SOURCES = {"keras": "keras.applications.MobileNet", "timm": "timm mobilenetv1_100"}
HEAD: Rows = (
    ("avgpool", GlobalPool()),
    ("dropout", Dropout(0.001)),
    ("classifier", Classifier()),
)
SYMMETRIC = (0.5, 0.5, 0.5)  # values from -1 to 1
PREPROCESSING = {
    "keras": Preprocessing(mean=SYMMETRIC, std=SYMMETRIC),
    "timm": Preprocessing(interpolation="bicubic", mean=SYMMETRIC, std=SYMMETRIC),
}
TIMM_NAMES = (
    (r"^bn1$", "conv_stem.norm"),
    (r"\.bn1$", ".depthwise.norm"),
    (r"\.bn2$", ".pointwise.norm"),
    (r"\.conv_dw$", ".depthwise"),
    (r"\.conv_pw$", ".pointwise"),
)


def _keras_names() -> tuple[tuple[str, str], ...]:
    """Return the rules for names such as ``conv_dw_3_bn``, which number the blocks through."""
    rules = [(r"^conv1", "conv_stem"), (r"^conv_preds$", "classifier")]
    places = [(s, i) for s, (_, repeats, _) in enumerate(STAGES) for i in range(repeats)]
    for number, (s, i) in enumerate(places, start=1):
        rules.append((rf"^conv_dw_{number}(?=_|$)", f"blocks.{s}.{i}.depthwise"))
        rules.append((rf"^conv_pw_{number}(?=_|$)", f"blocks.{s}.{i}.pointwise"))
    return (*rules, (r"_bn$", ".norm"))


@ZOO.register("mobilenet_v1")
def mobilenet_v1(*, width: float = 1.0, follow: Literal["keras", "timm"] = "keras") -> Architecture:
    """Return the table.

    Args:
        width: The paper's alpha, by which all channels are multiplied.
        follow: Whose padding, epsilon and names.

    Raises:
        ArgumentError: ``width`` is not positive, or ``follow`` another name.
    """
    if follow not in CONVENTIONS:
        raise ArgumentError("follow", f"be one of {', '.join(CONVENTIONS)}", follow)
    width = checks.real("width", width, 0, 100, open_low=True)
    body: Rows = (("conv_stem", Conv(make_divisible(32 * width), 3, stride=2)),)
    for number, (channels, repeats, stride) in enumerate(STAGES):
        block = DepthwiseSeparable(make_divisible(channels * width))
        body += stage(f"blocks.{number}", block, repeats, first=block.with_stride(stride))
    return Architecture(
        "mobilenet_v1",
        body,
        HEAD,
        f"Howard et al. 2017; {SOURCES[follow]}",
        CONVENTIONS[follow],
        preprocessing=PREPROCESSING[follow],
        names=_keras_names() if follow == "keras" else TIMM_NAMES,
    )
