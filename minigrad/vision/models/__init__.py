"""Networks for images: the book's, and the ones that made history under torchvision's names.

Where torchvision has the network, constructors, parameter names and counts are its own, so that its published weights
can be read: `model.load_state_dict(minigrad.load("resnet18-f37072fd.pth"))`.
"""

from minigrad.vision.models.alexnet import AlexNet, OriginalAlexNet, alexnet
from minigrad.vision.models.book import DeepConvNet, MultiLayerNet, SimpleConvNet, TwoLayerNet
from minigrad.vision.models.cifar import CifarResNet, resnet8, resnet20, resnet32, resnet44, resnet56, resnet110
from minigrad.vision.models.googlenet import GoogLeNet, GoogLeNetOutputs, googlenet
from minigrad.vision.models.lenet import LeNet5
from minigrad.vision.models.resnet import ResNet, resnet18, resnet34, resnet50, resnet101, resnet152
from minigrad.vision.models.vgg import VGG, vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn

__all__ = [
    "VGG",
    "AlexNet",
    "CifarResNet",
    "DeepConvNet",
    "GoogLeNet",
    "GoogLeNetOutputs",
    "LeNet5",
    "MultiLayerNet",
    "OriginalAlexNet",
    "ResNet",
    "SimpleConvNet",
    "TwoLayerNet",
    "alexnet",
    "googlenet",
    "resnet8",
    "resnet18",
    "resnet20",
    "resnet32",
    "resnet34",
    "resnet44",
    "resnet50",
    "resnet56",
    "resnet101",
    "resnet110",
    "resnet152",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]
