"""Dropout. PyTorch: `torch.nn.functional`."""

from __future__ import annotations

import minigrad
from minigrad.nn.functional.activation import need_floating
from minigrad.tensor import Tensor


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each element with probability `p` and scale the others by 1 / (1 - p); in evaluation, the input itself.

    The book (6.4.3) scales by 1 - p in evaluation instead: the same network, up to the scale of its weights.
    Raises ValueError unless 0 <= p <= 1. Srivastava et al. 2014.
    """
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0 or input.numel() == 0:
        return input
    if p == 1:
        return input.mul_(0) if inplace else input * 0
    need_floating("dropout", input)
    noise = minigrad.empty_like(input).bernoulli_(1 - p).div_(1 - p)
    return input.mul_(noise) if inplace else input * noise
