"""Normalisation. PyTorch: `torch.nn.functional`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.errors import ShapeError, describe
from minigrad.kernels.normalization import moments
from minigrad.memory import wrote
from minigrad.nn.functional.sizes import one_floating_dtype
from minigrad.ops.norm import BatchNorm
from minigrad.tensor import Tensor, wrap


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """(x - mean) / sqrt(variance + eps) * weight + bias for each channel of (N, C, ...). Book 6.3.

    In training with the moments of the batch, of which the running ones take in `momentum` (the variance's unbiased);
    else with the running ones. Raises ValueError in training if a channel has one element, ShapeError if sizes differ.
    Ioffe and Szegedy 2015.
    """
    one_floating_dtype("batch_norm", input, weight, bias)
    if input.ndim < 2:
        raise ShapeError(f"batch_norm: expected at least 2 dimensions (N, C), got {describe(input)}")
    channels = input.shape[1]
    parts = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for name, part in parts.items():
        if part is not None and tuple(part.shape) != (channels,):
            raise ShapeError(
                f"batch_norm: {name} should contain {channels} elements not {part.numel()}, {describe(part)}"
            )
    if training:
        count = input.numel() // max(1, channels)
        if count == 1:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
        found = moments(input._data)
        for running, now, factor in ((running_mean, found[0], 1), (running_var, found[1], count / max(1, count - 1))):
            if running is not None:
                buffer = running._buffer()
                buffer *= 1 - momentum
                buffer += momentum * factor * now
                wrote(running)
        out: Tensor = BatchNorm.apply(input, weight, bias, eps, found)
        return out
    if running_mean is None or running_var is None:
        raise RuntimeError("batch_norm: Expected running_mean and running_var to be defined when training=False")
    scale = (running_var + eps) ** -0.5
    if weight is not None:
        scale = scale * weight
    shift = -running_mean * scale
    if bias is not None:
        shift = shift + bias
    along = (channels, *(1,) * (input.ndim - 2))
    return input * scale.reshape(along) + shift.reshape(along)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-05,
) -> Tensor:
    """Each sample normalised over its last dimensions, which must be `normalized_shape`. Ba et al. 2016."""
    shape = tuple(normalized_shape)
    one_floating_dtype("layer_norm", input, weight, bias)
    if not shape or tuple(input.shape[-len(shape) :]) != shape:
        raise ShapeError(
            f"layer_norm: Given normalized_shape={list(shape)}, expected input with shape [*, {str(list(shape))[1:-1]}], "
            f"but got input of size {list(input.shape)}"
        )
    for name, part in (("weight", weight), ("bias", bias)):
        if part is not None and tuple(part.shape) != shape:
            raise ShapeError(f"layer_norm: expected {name} to be of the shape {shape}, got {describe(part)}")
    out = _standard(input, tuple(range(-len(shape), 0)), eps)
    if weight is not None:
        out = out * weight
    return out if bias is None else out + bias


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-05,
) -> Tensor:
    """Each sample (C, ...) of (N, C, ...) normalised over groups of C / num_groups channels. Wu and He 2018."""
    one_floating_dtype("group_norm", input, weight, bias)
    if input.ndim < 2 or num_groups < 1 or input.shape[1] % num_groups:
        raise ShapeError(
            f"group_norm: Expected number of channels in input to be divisible by num_groups, got {describe(input)} and "
            f"num_groups={num_groups}"
        )
    n, channels = input.shape[:2]
    for name, part in (("weight", weight), ("bias", bias)):
        if part is not None and tuple(part.shape) != (channels,):
            raise ShapeError(f"group_norm: Expected {name} to be a vector of size {channels}, got {describe(part)}")
    grouped = input.reshape(n, num_groups, input.numel() // max(1, n * num_groups))
    out = _standard(grouped, (2,), eps).reshape(input.shape)
    along = (channels, *(1,) * (input.ndim - 2))
    if weight is not None:
        out = out * weight.reshape(along)
    return out if bias is None else out + bias.reshape(along)


def _standard(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    """x with mean 0 and variance 1 over dims."""
    centred = x - x.mean(dims, keepdim=True)
    return centred * ((centred * centred).mean(dims, keepdim=True) + eps) ** -0.5


def local_response_norm(input: Tensor, size: int, alpha: float = 0.0001, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x / (k + alpha * mean of x^2 over `size` neighbouring channels)^beta for (N, C, ...). Krizhevsky et al. 2012.

    Raises ValueError for fewer than 3 dimensions.
    """
    if input.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)")
    if not input.numel():
        return input
    channels = np.arange(input.shape[1])
    distance = channels - channels[:, None]  # of the result's channel from the summed one's
    near = (-((size - 1) // 2) <= distance) & (distance <= size // 2)
    band: Any = wrap((near / size).astype(input._data.dtype))
    mean = ((input * input).movedim(1, -1) @ band).movedim(-1, 1)
    out: Tensor = input / (mean * alpha + k) ** beta
    return out
