"""The networks, one table a family; each module enters its names into `workbench.cnn.spec.ZOO`."""

from workbench.cnn.zoo import alexnet as alexnet
from workbench.cnn.zoo import bn_inception as bn_inception
from workbench.cnn.zoo import densenet as densenet
from workbench.cnn.zoo import ghostnet as ghostnet
from workbench.cnn.zoo import googlenet as googlenet
from workbench.cnn.zoo import inception_resnet_v2 as inception_resnet_v2
from workbench.cnn.zoo import lraspp as lraspp
from workbench.cnn.zoo import mobilenet_v1 as mobilenet_v1
from workbench.cnn.zoo import mobilenet_v2 as mobilenet_v2
from workbench.cnn.zoo import mobilenet_v3 as mobilenet_v3
from workbench.cnn.zoo import resnet as resnet
from workbench.cnn.zoo import shufflenet_v1 as shufflenet_v1
from workbench.cnn.zoo import shufflenet_v2 as shufflenet_v2
from workbench.cnn.zoo import squeezenet as squeezenet
from workbench.cnn.zoo import tiny as tiny
from workbench.cnn.zoo import vgg as vgg
