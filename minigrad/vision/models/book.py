"""The book's networks: chapters 4 to 8, with its names and options. They give logits: the loss does the softmax."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from minigrad import nn
from minigrad.tensor import Tensor
from minigrad.vision.models.common import draw, windows

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


class TwoLayerNet(nn.Sequential):
    """Affine, activation, affine (book, 4.5.1 with sigmoid, 5.7 with relu): weights from N(0, std), biases 0.

    (N, input_size) -> (N, output_size).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        weight_init_std: float = 0.01,
        activation: str = "relu",
    ) -> None:
        super().__init__(
            nn.Linear(input_size, hidden_size), ACTIVATIONS[activation](), nn.Linear(hidden_size, output_size)
        )
        draw(self[0], weight_init_std)
        draw(self[2], weight_init_std)


class MultiLayerNet(nn.Module):
    """Affine layers with an activation between, (N, input_size) -> (N, output_size). Book, chapter 6 (also its
    MultiLayerNetExtend).

    `weight_init_std` is a number, 'relu' or 'he' (sqrt(2 / inputs)), or 'sigmoid' or 'xavier' (sqrt(1 / inputs)).
    `use_batchnorm` normalises before each activation, `use_dropout` drops after it with probability `dropout_ratio`.
    `weight_decay_lambda` counts in `loss` only.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: Sequence[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: float | str = "relu",
        weight_decay_lambda: float = 0.0,
        use_dropout: bool = False,
        dropout_ratio: float = 0.5,
        use_batchnorm: bool = False,
    ) -> None:
        super().__init__()
        self.weight_decay_lambda = weight_decay_lambda
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        sizes = [input_size, *hidden_size_list, output_size]
        for i in range(1, len(sizes)):
            affine = nn.Linear(sizes[i - 1], sizes[i])
            draw(affine, _deviation(weight_init_std, sizes[i - 1]))
            layers[f"affine{i}"] = affine
            if i < len(sizes) - 1:
                if use_batchnorm:
                    layers[f"batchnorm{i}"] = nn.BatchNorm1d(sizes[i])
                layers[f"activation{i}"] = ACTIVATIONS[activation]()
                if use_dropout:
                    layers[f"dropout{i}"] = nn.Dropout(dropout_ratio)
        self.layers = nn.Sequential(layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out

    def loss(self, x: Tensor, t: Tensor) -> Tensor:
        """Cross entropy with the labels `t` plus weight decay, lambda / 2 times the sum of all squared weights."""
        loss = nn.functional.cross_entropy(self(x), t)
        for layer in self.layers:
            if self.weight_decay_lambda and isinstance(layer, nn.Linear):
                loss = loss + 0.5 * self.weight_decay_lambda * (layer.weight**2).sum()
        return loss


def _deviation(weight_init_std: float | str, inputs: int) -> float:
    gains = {"relu": 2, "he": 2, "sigmoid": 1, "xavier": 1}
    if isinstance(weight_init_std, str):
        return math.sqrt(gains[weight_init_std.lower()] / inputs)
    return weight_init_std


class SimpleConvNet(nn.Sequential):
    """Convolution, relu, pooling, affine, relu, affine. Book 7.5: 433,890 parameters.

    (N, *input_dim) -> (N, output_size). `conv_param` has the book's 'filter_num', 'filter_size', 'pad' and 'stride'.
    """

    def __init__(
        self,
        input_dim: tuple[int, int, int] = (1, 28, 28),
        conv_param: dict[str, int] | None = None,
        hidden_size: int = 100,
        output_size: int = 10,
        weight_init_std: float = 0.01,
    ) -> None:
        conv = {"filter_num": 30, "filter_size": 5, "pad": 0, "stride": 1} | (conv_param or {})
        count, kernel, pad, stride = (conv[key] for key in ("filter_num", "filter_size", "pad", "stride"))
        channels, *sides = input_dim
        height, width = (windows(windows(side, kernel, stride, pad), 2, 2) for side in sides)
        layers: dict[str, nn.Module] = {
            "conv1": nn.Conv2d(channels, count, kernel, stride, pad),
            "relu1": nn.ReLU(),
            "pool1": nn.MaxPool2d(2),
            "flatten": nn.Flatten(),
            "affine1": nn.Linear(count * height * width, hidden_size),
            "relu2": nn.ReLU(),
            "affine2": nn.Linear(hidden_size, output_size),
        }
        super().__init__(OrderedDict(layers))
        for layer in self:
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                draw(layer, weight_init_std)


class DeepConvNet(nn.Sequential):
    """Three times two 3x3 convolutions with relu and a pooling, then two affine layers with dropout. Book 8.1:
    123,552 parameters.

    (N, *input_dim) -> (N, output_size). Weights start as He's, which this depth needs. As in the book the fourth
    convolution is padded by 2, and dropout follows the last layer too.
    """

    def __init__(
        self,
        input_dim: tuple[int, int, int] = (1, 28, 28),
        filter_nums: Sequence[int] = (16, 16, 32, 32, 64, 64),
        hidden_size: int = 50,
        output_size: int = 10,
        dropout_ratio: float = 0.5,
    ) -> None:
        channels, *sides = input_dim
        layers: dict[str, Any] = {}
        for i, (count, pad) in enumerate(zip(filter_nums, (1, 1, 1, 2, 1, 1), strict=True), 1):
            layers[f"conv{i}"], layers[f"relu{i}"] = nn.Conv2d(channels, count, 3, padding=pad), nn.ReLU()
            channels, sides = count, [windows(side, 3, 1, pad) for side in sides]
            if i % 2 == 0:
                layers[f"pool{i // 2}"], sides = nn.MaxPool2d(2), [windows(side, 2, 2) for side in sides]
        layers |= {
            "flatten": nn.Flatten(),
            "affine1": nn.Linear(channels * math.prod(sides), hidden_size),
            "relu7": nn.ReLU(),
            "dropout1": nn.Dropout(dropout_ratio),
            "affine2": nn.Linear(hidden_size, output_size),
            "dropout2": nn.Dropout(dropout_ratio),
        }
        super().__init__(OrderedDict(layers))
        for layer in self:
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                draw(layer)
