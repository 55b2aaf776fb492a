"""Operations of convolutional networks that Keras lacks or does poorly, one layer a file."""

from workbench.cnn.ops.adaptive_average_pool import AdaptiveAveragePool2D
from workbench.cnn.ops.batch_norm import BatchNorm
from workbench.cnn.ops.channel_shuffle import ChannelShuffle
from workbench.cnn.ops.channel_split import ChannelSplit
from workbench.cnn.ops.deformable_conv import DeformableConv2D
from workbench.cnn.ops.deformable_sampling import deformable_conv2d
from workbench.cnn.ops.grouped_conv import GroupedConv2D
from workbench.cnn.ops.integer_leaky_relu import IntegerLeakyReLU
from workbench.cnn.ops.max_unpooling import MaxPoolingWithIndices2D, MaxUnpooling2D
from workbench.cnn.ops.resize_like import ResizeLike
from workbench.cnn.ops.squeeze_excite import SqueezeExcite

__all__ = [
    "AdaptiveAveragePool2D",
    "BatchNorm",
    "ChannelShuffle",
    "ChannelSplit",
    "DeformableConv2D",
    "GroupedConv2D",
    "IntegerLeakyReLU",
    "MaxPoolingWithIndices2D",
    "MaxUnpooling2D",
    "ResizeLike",
    "SqueezeExcite",
    "deformable_conv2d",
]
