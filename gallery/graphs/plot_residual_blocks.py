"""
A residual network by its modules
=================================

Twelve like blocks are drawn once.
"""

import minigrad
from minigrad import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(16, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.norm1, self.norm2 = nn.BatchNorm2d(16), nn.BatchNorm2d(16)
        self.relu = nn.ReLU()

    def forward(self, x):
        return x + self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))


class ResidualNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.blocks = nn.Sequential(*[Block() for _ in range(12)])
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


picture = ResidualNet().graph(minigrad.randn(2, 3, 8, 8))
