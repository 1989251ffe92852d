"""
Figure 7.7: an Inception module
===============================

Four ways in parallel, joined along the channels: 192 to 64 + 128 + 32 + 32 = 256.
"""

import minigrad
from minigrad import nn


class Inception(nn.Module):
    def __init__(self):
        super().__init__()
        self.way1 = nn.Conv2d(192, 64, 1)
        self.way2 = nn.Sequential(nn.Conv2d(192, 96, 1), nn.Conv2d(96, 128, 3, padding=1))
        self.way3 = nn.Sequential(nn.Conv2d(192, 16, 1), nn.Conv2d(16, 32, 5, padding=2))
        self.way4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), nn.Conv2d(192, 32, 1))

    def forward(self, x):
        return minigrad.cat([self.way1(x), self.way2(x), self.way3(x), self.way4(x)], 1)


picture = Inception().graph(minigrad.randn(1, 192, 28, 28))
