"""VGG. Simonyan and Zisserman 2014; book 8.2.2. `torchvision.models.vgg`."""

from __future__ import annotations

from typing import Any, TypeAlias

from minigrad import nn
from minigrad.tensor import Tensor
from minigrad.vision.models.common import refuse_weights

Layout: TypeAlias = "tuple[int | str, ...]"

# The channels of each 3x3 convolution; M is a pooling.
A: Layout = (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")
B: Layout = (64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")
D: Layout = (64, 64, "M", 128, 128, "M", *[256] * 3, "M", *[512] * 3, "M", *[512] * 3, "M")
E: Layout = (64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M")


class VGG(nn.Module):
    """(N, 3, H, W), best 224x224, -> (N, num_classes). VGG-16 has 138,357,544 parameters for 1000 classes."""

    def __init__(
        self, features: nn.Module, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        for module in self.modules() if init_weights else ():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01)
            if isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return out


def make_layers(cfg: Layout, batch_norm: bool = False) -> nn.Sequential:
    """The convolutions and poolings that a tuple such as `A` stands for."""
    layers: list[nn.Module] = []
    channels = 3
    for entry in cfg:
        if isinstance(entry, str):
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
        else:
            norm = [nn.BatchNorm2d(entry)] if batch_norm else []
            layers += [nn.Conv2d(channels, entry, kernel_size=3, padding=1), *norm, nn.ReLU(inplace=True)]
            channels = entry
    return nn.Sequential(*layers)


def _vgg(cfg: Layout, batch_norm: bool, weights: Any, kwargs: dict[str, Any]) -> VGG:
    refuse_weights(weights)
    return VGG(make_layers(cfg, batch_norm), **kwargs)


def vgg11(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-11 with the options of `VGG`. Raises ValueError if `weights` are asked for."""
    return _vgg(A, False, weights, kwargs)


def vgg11_bn(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-11 with batch normalisation after every convolution."""
    return _vgg(A, True, weights, kwargs)


def vgg13(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-13."""
    return _vgg(B, False, weights, kwargs)


def vgg13_bn(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-13 with batch normalisation."""
    return _vgg(B, True, weights, kwargs)


def vgg16(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-16."""
    return _vgg(D, False, weights, kwargs)


def vgg16_bn(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-16 with batch normalisation."""
    return _vgg(D, True, weights, kwargs)


def vgg19(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-19."""
    return _vgg(E, False, weights, kwargs)


def vgg19_bn(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-19 with batch normalisation."""
    return _vgg(E, True, weights, kwargs)
