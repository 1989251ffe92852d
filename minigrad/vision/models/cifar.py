"""The small ResNets for 32x32 images: 6 n + 2 layers. He, Zhang, Ren, Sun 2016, section 4.2."""

from __future__ import annotations

from typing import Any

import minigrad
from minigrad import nn
from minigrad.tensor import Tensor
from minigrad.vision.models.resnet import BasicBlock, conv1x1, conv3x3


class Subsample(nn.Module):
    """Every second pixel, and channels of zeros behind: the way around a block that has no parameters (option A)."""

    def __init__(self, more_channels: int) -> None:
        super().__init__()
        self.more_channels = more_channels

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, ::2, ::2]
        zeros = minigrad.zeros(x.shape[0], self.more_channels, *x.shape[2:], dtype=x.dtype)
        return minigrad.cat([x, zeros], 1)

    def extra_repr(self) -> str:
        return f"more_channels={self.more_channels}"


class CifarResNet(nn.Module):
    """(N, in_channels, H, W) -> (N, num_classes): three stages of `blocks` blocks with 16, 32 and 64 channels.

    Where a stage begins with half the size, the way around is without parameters (`shortcut` 'A', the paper's choice
    here) or a 1x1 convolution with batch normalisation ('B').
    """

    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential

    def __init__(self, blocks: int, num_classes: int = 10, in_channels: int = 3, shortcut: str = "A") -> None:
        super().__init__()
        if shortcut not in ("A", "B"):
            raise ValueError(f"shortcut is 'A' or 'B', got {shortcut!r}")
        self.conv1 = conv3x3(in_channels, 16)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU(inplace=True)
        channels = 16
        for i, planes in enumerate((16, 32, 64)):
            around: nn.Module | None = None
            if i > 0 and shortcut == "A":
                around = Subsample(planes - channels)
            elif i > 0:
                around = nn.Sequential(conv1x1(channels, planes, 2), nn.BatchNorm2d(planes))
            first = BasicBlock(channels, planes, 1 if i == 0 else 2, around)
            rest = [BasicBlock(planes, planes) for _ in range(1, blocks)]
            setattr(self, f"layer{i + 1}", nn.Sequential(first, *rest))
            channels = planes
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(64, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(self.avgpool(x).flatten(1))


def resnet8(**kwargs: Any) -> CifarResNet:
    """ResNet-8 with the options of `CifarResNet`: 75,290 parameters."""
    return CifarResNet(1, **kwargs)


def resnet20(**kwargs: Any) -> CifarResNet:
    """ResNet-20: 269,722 parameters."""
    return CifarResNet(3, **kwargs)


def resnet32(**kwargs: Any) -> CifarResNet:
    """ResNet-32: 464,154 parameters."""
    return CifarResNet(5, **kwargs)


def resnet44(**kwargs: Any) -> CifarResNet:
    """ResNet-44: 658,586 parameters."""
    return CifarResNet(7, **kwargs)


def resnet56(**kwargs: Any) -> CifarResNet:
    """ResNet-56: 853,018 parameters."""
    return CifarResNet(9, **kwargs)


def resnet110(**kwargs: Any) -> CifarResNet:
    """ResNet-110: 1,727,962 parameters."""
    return CifarResNet(18, **kwargs)
