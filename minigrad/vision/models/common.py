"""What several networks need."""

from __future__ import annotations

import math
from typing import Any

from minigrad import nn


def refuse_weights(weights: Any) -> None:
    """Raise ValueError if weights are asked for: nothing is downloaded."""
    if weights is not None:
        raise ValueError(
            f"weights={weights!r}: minigrad downloads none; read torchvision's file with "
            "model.load_state_dict(minigrad.load(path))"
        )


def windows(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """How many places a kernel has along one side. Book 7.2.4. Raises ValueError if it has none."""
    if size + 2 * padding < kernel:
        raise ValueError(f"an image of size {size} with padding {padding} is smaller than the kernel of size {kernel}")
    return (size + 2 * padding - kernel) // stride + 1


def draw(layer: nn.Linear | nn.Conv2d, std: float | None = None) -> None:
    """Weights from N(0, std), biases 0; without `std` He's sqrt(2 / inputs). Book 6.2."""
    inputs = math.prod(layer.weight.shape[1:])
    nn.init.normal_(layer.weight, std=math.sqrt(2 / inputs) if std is None else std)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
