"""
Figure 4.9: from an image to a loss
===================================

Affine, ReLU, Affine and Softmax-with-Loss as modules, for images of 784 pixels and ten classes.
"""

from collections import OrderedDict

import minigrad
from minigrad import nn


class TwoLayerNet(nn.Module):
    def __init__(self):
        super().__init__()
        layers = OrderedDict(affine1=nn.Linear(784, 50), relu1=nn.ReLU(), affine2=nn.Linear(50, 10))
        self.layers = nn.Sequential(layers)
        self.loss = nn.CrossEntropyLoss()

    def forward(self, images, labels):
        return self.loss(self.layers(images), labels)


picture = TwoLayerNet().graph(minigrad.randn(100, 784), minigrad.randint(0, 10, (100,)))
