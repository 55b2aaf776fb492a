"""BN-Inception and SE-BN-Inception.

Sources: S. Ioffe and C. Szegedy 2015 (arXiv:1502.03167), figure 5; J. Hu et al. 2018
(arXiv:1709.01507). Followed is the SENet authors' SE-BN-Inception.prototxt, whose names the rows
have (with a point for each slash), and for the network without SE the same without it: no
convolution has a bias, as the paper's section 3.2 has it. Two known implementations for torch,
Cadene's and pytorchcv's, keep a bias in each convolution, before batch norm: ``conv_bias``.

Poolings of modules with a stride. Caffe begins such a window at the first pixel, where the
convolutions beside it have a zero; so the branches agree on even images only, and the reference
fails on others. TensorFlow's "same" means Caffe's windows for even images and those of the
convolutions for odd ones, and is used here.
"""

from __future__ import annotations

from dataclasses import replace

from workbench import checks
from workbench.cnn.blocks import (
    AveragePool,
    Classifier,
    Conv,
    Dropout,
    GlobalPool,
    MaxPool,
    Squeeze,
)
from workbench.cnn.blocks.inception import Inception, each_conv, squeezed, widened
from workbench.cnn.blocks.squeeze import Position
from workbench.cnn.preprocessing import Preprocessing
from workbench.cnn.spec import ZOO, Architecture, Block, Origin, Rows


def _threes(reduce: int, threes: int) -> Rows:
    return ("3x3_reduce", Conv(reduce)), ("3x3", Conv(threes, 3))


def _double(reduce: int, threes: int) -> Rows:
    return (
        ("double3x3_reduce", Conv(reduce)),
        ("double3x3a", Conv(threes, 3)),
        ("double3x3b", Conv(threes, 3)),
    )


AVERAGE, MAX = AveragePool(3, 1, padding=1), MaxPool(3, 1, padding=1)


def _module(
    ones: int,
    threes: tuple[int, int],
    double: tuple[int, int],
    pooled: int,
    pool: Block = AVERAGE,
) -> Inception:
    """Return a module by a line of the paper's table: channels of its convolutions."""
    last: Rows = (("pool", pool), ("pool_proj", Conv(pooled)))
    return Inception(((("1x1", Conv(ones)),), _threes(*threes), _double(*double), last))


def _reduction(threes: tuple[int, int], double: tuple[int, int]) -> Inception:
    """Return a module that halves rows and columns."""
    pool: Rows = (("pool", MaxPool(3, padding="same")),)
    return Inception((_threes(*threes), _double(*double), pool), stride=2)


BODY: Rows = (
    ("conv1.7x7_s2", Conv(64, 7, stride=2)),
    ("pool1.3x3_s2", MaxPool(3, ceil=True)),
    ("conv2.3x3_reduce", Conv(64)),
    ("conv2.3x3", Conv(192, 3)),
    ("pool2.3x3_s2", MaxPool(3, ceil=True)),
    ("inception_3a", _module(64, (64, 64), (64, 96), 32)),
    ("inception_3b", _module(64, (64, 96), (64, 96), 64)),
    ("inception_3c", _reduction((128, 160), (64, 96))),
    ("inception_4a", _module(224, (64, 96), (96, 128), 128)),
    ("inception_4b", _module(192, (96, 128), (96, 128), 128)),
    ("inception_4c", _module(160, (128, 160), (128, 160), 128)),
    ("inception_4d", _module(96, (128, 192), (160, 192), 128)),
    ("inception_4e", _reduction((128, 192), (192, 256))),
    ("inception_5a", _module(352, (192, 320), (160, 224), 128)),
    ("inception_5b", _module(352, (192, 320), (192, 224), 128, MAX)),
)
# Nothing is dropped as published; the layer is there for those who want it.
HEAD: Rows = (("pool5", GlobalPool()), ("dropout", Dropout(0.0)), ("classifier", Classifier()))

# pytorchcv counts the modules by stages that begin with a stride, and branches from 1 on.
STAGES = (("3a", "3b"), ("3c", "4a", "4b", "4c", "4d"), ("4e", "5a", "5b"))
PYTORCHCV = (
    (r"\.conv$", ""),
    (r"\.bn$", ".norm"),
    (r"^features\.init_block\.conv1", "conv1.7x7_s2"),
    (r"^features\.init_block\.conv2\.conv1", "conv2.3x3_reduce"),
    (r"^features\.init_block\.conv2\.conv2", "conv2.3x3"),
    *(
        (rf"^features\.stage{number}\.unit{unit}\.", f"inception_{name}.")
        for number, names in enumerate(STAGES, start=1)
        for unit, name in enumerate(names, start=1)
    ),
    (r"(3c|4e)\.branches\.branch2", r"\1.branches.branch3"),
    (r"(3c|4e)\.branches\.branch1", r"\1.branches.branch2"),
    (r"\.branches\.branch1", ".1x1"),
    (r"\.branches\.branch2\.conv1", ".3x3_reduce"),
    (r"\.branches\.branch2\.conv2", ".3x3"),
    (r"\.branches\.branch3\.conv1", ".double3x3_reduce"),
    (r"\.branches\.branch3\.conv2", ".double3x3a"),
    (r"\.branches\.branch3\.conv3", ".double3x3b"),
    (r"\.branches\.branch4\.conv", ".pool_proj"),
    (r"\.se\.fc1$", ".se.reduce"),
    (r"\.se\.fc2$", ".se.expand"),
    (r"^output$", "classifier"),
)
# Caffe's batch norm is two layers, one with the moving statistics, one with scale and offset.
AUTHORS = Origin(
    "the SENet authors' prototxt",
    (
        (r"\.bn(\.scale)?$", ".norm"),
        (r"_1x1_down$", ".se.reduce"),
        (r"_1x1_up$", ".se.expand"),
    ),
    Preprocessing(mean=(104, 117, 123), std=(1, 1, 1), scale=1, channels="bgr"),
)
CADENE = Origin(
    "Cadene's pretrainedmodels",
    (
        (r"_bn$", ".norm"),
        (r"^(conv\d|inception_\d\w)_", r"\1."),
        (r"\.double_3x3_1", ".double3x3a"),
        (r"\.double_3x3_2", ".double3x3b"),
        (r"\.double_3x3_reduce", ".double3x3_reduce"),
        (r"^last_linear$", "classifier"),
    ),
    Preprocessing(mean=(104, 117, 128), std=(1, 1, 1), scale=1, channels="bgr"),
)


def _with_bias(conv: Conv) -> Conv:
    return replace(conv, bias=True)


def _table(name: str, body: Rows, width: float, source: str) -> Architecture:
    width = checks.real("width", width, 0, 100, open_low=True)
    return Architecture(
        name, widened(body, width), HEAD, source, names=PYTORCHCV, others=(AUTHORS, CADENE)
    )


@ZOO.register("bn_inception")
def bn_inception(*, width: float = 1.0, conv_bias: bool = False) -> Architecture:
    """Return the table.

    Args:
        width: By which all channels are multiplied; the results are rounded to multiples of 8.
        conv_bias: Biases before batch norm too, as in Cadene's and pytorchcv's implementations.
    """
    body = each_conv(BODY, _with_bias) if conv_bias else BODY
    followed = "pytorchcv bninception" if conv_bias else "SENet authors' prototxt without SE"
    return _table("bn_inception", body, width, f"Ioffe and Szegedy 2015; {followed}")


@ZOO.register("se_inception")
def se_inception(
    *, reduction: int = 16, position: Position = "standard", width: float = 1.0
) -> Architecture:
    """Return the table with SE around every module.

    Args:
        reduction: Channels to one channel in the middle of SE, not rounded to multiples of 8.
        position: "pre", or "standard", which is the same as "post" here.
        width: By which all channels are multiplied; the results are rounded to multiples of 8.
    """
    body = squeezed(BODY, Squeeze(reduction, position, divisor=1))
    return _table("se_inception", body, width, "Hu et al. 2018; SENet authors' prototxt")
