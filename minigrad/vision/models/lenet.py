"""LeNet-5. LeCun, Bottou, Bengio, Haffner 1998; book 7.6.1."""

from __future__ import annotations

from collections import OrderedDict

from minigrad import nn
from minigrad.vision.models.book import ACTIVATIONS


class LeNet5(nn.Sequential):
    """(N, in_channels, 28, 28) -> (N, num_classes): 61,706 parameters.

    As of 1998 with `activation` 'tanh' or 'sigmoid' and `pooling` 'avg'; as one would build it today with 'relu' and
    'max'. The images are padded to 32x32, as the paper has them.
    """

    def __init__(
        self, num_classes: int = 10, in_channels: int = 1, activation: str = "tanh", pooling: str = "avg"
    ) -> None:
        active, pool = ACTIVATIONS[activation], {"avg": nn.AvgPool2d, "max": nn.MaxPool2d}[pooling]
        layers: dict[str, nn.Module] = {
            "conv1": nn.Conv2d(in_channels, 6, 5, padding=2),
            "activation1": active(),
            "pool1": pool(2),
            "conv2": nn.Conv2d(6, 16, 5),
            "activation2": active(),
            "pool2": pool(2),
            "flatten": nn.Flatten(),
            "fc1": nn.Linear(400, 120),
            "activation3": active(),
            "fc2": nn.Linear(120, 84),
            "activation4": active(),
            "fc3": nn.Linear(84, num_classes),
        }
        super().__init__(OrderedDict(layers))
