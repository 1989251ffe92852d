"""Dropout. PyTorch: `torch.nn.functional`."""

from __future__ import annotations

import warnings

import minigrad
from minigrad.errors import ShapeError, describe
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


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero whole channels of (N, C, L) or (C, L). As `dropout2d`."""
    return _channels("dropout1d", (2, 3), 3, input, p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero whole channels of (N, C, H, W) with probability `p` and scale the others by 1 / (1 - p).

    Three dimensions are (N, C, L), as in PyTorch. Raises ValueError unless 0 <= p <= 1. Tompson et al. 2015.
    """
    return _channels("dropout2d", (3, 4), None, input, p, training, inplace)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero whole channels of (N, C, D, H, W) or (C, D, H, W). As `dropout2d`."""
    return _channels("dropout3d", (4, 5), 5, input, p, training, inplace)


def _channels(
    name: str, usual: tuple[int, int], batched: int | None, input: Tensor, p: float, training: bool, inplace: bool
) -> Tensor:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if input.ndim not in usual:
        if name == "dropout1d":
            raise ShapeError(f"dropout1d: Expected 2D or 3D input, but received {describe(input)}")
        warnings.warn(
            f"{name}: Received a {input.ndim}-D input to {name}, which is deprecated: use dropout instead", stacklevel=3
        )
    if input.ndim < 2:
        raise ShapeError("Feature dropout requires at least 2 dimensions in the input")
    if name == "dropout2d" and input.ndim == 3:
        warnings.warn("dropout2d: Received a 3D input to dropout2d, interpreted as shape (N, C, L)", stacklevel=3)
    lead = 1 if batched is not None and input.ndim == batched - 1 else 2  # dimensions that are the batch and channels
    if not training or p == 0 or input.numel() == 0:
        return input
    if p == 1:
        return input.mul_(0) if inplace else input * 0
    need_floating(name, input)
    shape = (*input.shape[:lead], *(1,) * (input.ndim - lead))
    noise = minigrad.empty(shape, dtype=input.dtype).bernoulli_(1 - p).div_(1 - p)
    return input.mul_(noise) if inplace else input * noise
