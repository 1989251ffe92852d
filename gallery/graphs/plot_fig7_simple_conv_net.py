"""
Chapter 7: SimpleConvNet by its modules
=======================================

Convolution, ReLU, max-pooling and two affine layers: 433,890 parameters.
"""

from collections import OrderedDict

import minigrad
from minigrad import nn


class SimpleConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        features = OrderedDict(conv1=nn.Conv2d(1, 30, 5), relu1=nn.ReLU(), pool1=nn.MaxPool2d(2))
        self.features = nn.Sequential(features)
        classifier = OrderedDict(affine1=nn.Linear(4320, 100), relu2=nn.ReLU(), affine2=nn.Linear(100, 10))
        self.classifier = nn.Sequential(classifier)
        self.loss = nn.CrossEntropyLoss()

    def forward(self, images, labels):
        return self.loss(self.classifier(self.features(images).flatten(1)), labels)


picture = SimpleConvNet().graph(minigrad.randn(2, 1, 28, 28), minigrad.tensor([3, 7]))
