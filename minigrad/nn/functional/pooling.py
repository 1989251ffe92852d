"""Pooling. PyTorch: `torch.nn.functional`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import minigrad
from minigrad import modes
from minigrad.errors import DtypeError, ShapeError, describe
from minigrad.function import is_recording
from minigrad.kernels.images import Geometry
from minigrad.kernels.pooling import Winners, adaptive_max_indices, adaptive_windows, max_pool_indices
from minigrad.nn.functional.sizes import Shape, Sizes, batched, per_dim
from minigrad.ops.conv import check_division
from minigrad.ops.getitem import Getitem
from minigrad.ops.pool import AvgPool, MaxPool, places, pooled_size
from minigrad.tensor import Tensor, wrap


def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of signals (N, C, L). As `max_pool2d`."""
    return _largest("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of images (N, C, H, W) -> (N, C, OH, OW). Book 7.3.

    OH = floor((H + 2 P - D (FH - 1) - 1) / S) + 1, rounded up with `ceil_mode`; the stride is the window's size unless
    given. With `return_indices` also where the elements are in the flattened images, for `max_unpool2d`. The gradient
    goes to the first of equal elements. Raises ShapeError if the window does not fit.
    """
    return _largest("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of volumes (N, C, D, H, W). As `max_pool2d`."""
    return _largest("max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _largest(
    name: str,
    dims: int,
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    images, has_batch = batched(name, input, dims)
    window, geometry, size = _read(name, images, kernel_size, stride, padding, dilation, ceil_mode)
    winners = Winners() if images.requires_grad and is_recording() else None
    out: Tensor = MaxPool.apply(images, window, geometry, size, winners)
    if not return_indices:
        return out if has_batch else out.squeeze(0)
    index = wrap(max_pool_indices(images._data, window, size, geometry))
    return (out, index) if has_batch else (out.squeeze(0), index.squeeze(0))


def _read(
    name: str,
    images: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
) -> tuple[Shape, Geometry, Shape]:
    """Window, geometry and the size of the result. Raises ShapeError if the window does not fit."""
    dims = images.ndim - 2
    window = per_dim(name, "kernel_size", kernel_size, dims, 1)
    steps = window if stride is None or stride == () or stride == [] else per_dim(name, "stride", stride, dims, 1)
    geometry = Geometry(steps, per_dim(name, "padding", padding, dims), per_dim(name, "dilation", dilation, dims, 1))
    if images._data.dtype.kind == "b":
        raise DtypeError(f"{name}: not defined for booleans, got {describe(images)}")
    if any(2 * p > f for p, f in zip(geometry.padding, geometry.spans(window), strict=True)):
        raise ShapeError(
            f"{name}: pad should be at most half of effective kernel size, but got padding {geometry.padding} for a "
            f"window of {geometry.spans(window)}"
        )
    size = pooled_size(images.shape[2:], window, geometry, bool(ceil_mode))
    if any(n < 1 for n in size) or 0 in images.shape[1:]:
        raise ShapeError(
            f"{name}: Given {describe(images)} and a window of {geometry.spans(window)} with padding {geometry.padding}, the "
            f"output size {size} is too small"
        )
    if modes.strict.get() and not ceil_mode:
        check_division(name, images.shape[2:], geometry.spans(window), geometry.stride, geometry.padding)
    return window, geometry, size


def avg_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of signals (N, C, L). As `avg_pool2d`."""
    return _mean("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of images (N, C, H, W); sizes as in `max_pool2d`.

    The zeros of `padding` count as elements unless `count_include_pad=False`; `divisor_override` divides the sum
    instead of the number of elements. Raises ShapeError if the window does not fit.
    """
    return _mean("avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of volumes (N, C, D, H, W). As `avg_pool2d`."""
    return _mean("avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _mean(
    name: str,
    dims: int,
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    images, has_batch = batched(name, input, dims)
    if not images.is_floating_point():
        raise DtypeError(f"{name}: expected a floating-point tensor, got {describe(input)}")
    window, geometry, size = _read(name, images, kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override is not None and divisor_override == 0:
        raise ShapeError(f"{name}: divisor must be not zero")
    divisor = divisor_override or _counts(images.shape[2:], window, geometry, size, count_include_pad)
    out: Tensor = AvgPool.apply(images, window, geometry, size, divisor)
    return out if has_batch else out.squeeze(0)


def _counts(sizes: Shape, window: Shape, geometry: Geometry, size: Shape, with_padding: bool) -> Any:
    """How many elements each window has: one number if all have the same."""
    total = np.ones((), int)
    for n, f, s, p, o in zip(sizes, window, geometry.stride, geometry.padding, size, strict=True):
        start = np.arange(o) * s - p
        end = np.minimum(start + f, n + p)
        if not with_padding:
            start, end = np.maximum(start, 0), np.minimum(end, n)
        total = total[..., None] * (end - start)
    return int(total.flat[0]) if (total == total.flat[0]).all() else total


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The mean over evenly spread windows of signals (N, C, L). As `adaptive_avg_pool2d`."""
    return _adaptive_mean("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The mean over windows that cover the image as evenly as can be: (N, C, H, W) -> (N, C, *output_size).

    None in output_size keeps that size. He et al. 2014.
    """
    return _adaptive_mean("adaptive_avg_pool2d", 2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """The mean over evenly spread windows of volumes (N, C, D, H, W). As `adaptive_avg_pool2d`."""
    return _adaptive_mean("adaptive_avg_pool3d", 3, input, output_size)


def _adaptive_mean(name: str, dims: int, input: Tensor, output_size: Any) -> Tensor:
    images, has_batch = batched(name, input, dims)
    size = _adaptive_size(name, images, output_size)
    if all(o == 1 for o in size):
        out = images.mean(tuple(range(2, images.ndim)), keepdim=True)
    elif all(n % o == 0 for n, o in zip(images.shape[2:], size, strict=True)) and images.numel():
        window = tuple(n // o for n, o in zip(images.shape[2:], size, strict=True))
        out = _mean(name, dims, images, window, None, 0, False, True, None)
    else:
        out = images
        for d, (n, o) in enumerate(zip(images.shape[2:], size, strict=True), 2):
            weights = np.zeros((n, o), images._data.dtype)
            for i, (start, end) in enumerate(adaptive_windows(n, o)):
                weights[start:end, i] = 1 / (end - start)
            out = (out.transpose(d, -1) @ wrap(weights)).transpose(d, -1)
    return out if has_batch else out.squeeze(0)


def _adaptive_size(name: str, images: Tensor, output_size: Any) -> Shape:
    dims = images.ndim - 2
    sizes = list(output_size) if isinstance(output_size, (tuple, list)) else [output_size] * dims
    if 0 in images.shape[1:]:
        raise ShapeError(
            f"{name}: Expected input to have non-zero size for non-batch dimensions, got {describe(images)}"
        )
    if len(sizes) != dims:
        raise ShapeError(f"{name}: 'output_size' must be an int or {dims} of them, got {output_size!r:.60}")
    chosen = [n if o is None else o for n, o in zip(images.shape[2:], sizes, strict=True)]
    return per_dim(name, "output_size", chosen, dims)


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of evenly spread windows of signals (N, C, L); see `adaptive_avg_pool1d`."""
    return _adaptive_largest("adaptive_max_pool1d", 1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of evenly spread windows of images (N, C, H, W); see `adaptive_avg_pool2d`."""
    return _adaptive_largest("adaptive_max_pool2d", 2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of evenly spread windows of volumes (N, C, D, H, W); see `adaptive_avg_pool3d`."""
    return _adaptive_largest("adaptive_max_pool3d", 3, input, output_size, return_indices)


def _adaptive_largest(name: str, dims: int, input: Tensor, output_size: Any, return_indices: bool) -> Any:
    images, has_batch = batched(name, input, dims)
    size = _adaptive_size(name, images, output_size)
    index = adaptive_max_indices(images._data, size)
    flat = images.reshape(*images.shape[:2], math.prod(images.shape[2:]))
    out = Getitem.apply(flat, places(index)).reshape(index.shape)
    found = (out, wrap(index)) if has_batch else (out.squeeze(0), wrap(index[0]))
    return found if return_indices else found[0]


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The partial inverse of `max_pool1d`. As `max_unpool2d`."""
    return _unpooled("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Elements of `input` put where `indices` of `max_pool2d` say, zeros elsewhere: its partial inverse.

    `output_size` picks one of the sizes that pool to the input's. Raises ShapeError if it is none of them.
    """
    return _unpooled("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The partial inverse of `max_pool3d`. As `max_unpool2d`."""
    return _unpooled("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)


def _unpooled(
    name: str,
    dims: int,
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    output_size: Sequence[int] | None,
) -> Tensor:
    images, has_batch = batched(name, input, dims)
    window = per_dim(name, "kernel_size", kernel_size, dims, 1)
    steps = window if stride is None else per_dim(name, "stride", stride, dims, 1)
    around = per_dim(name, "padding", padding, dims)
    size = tuple((n - 1) * s - 2 * p + f for n, s, p, f in zip(images.shape[2:], steps, around, window, strict=True))
    if output_size is not None:
        given = tuple(output_size)[-dims:]
        if len(output_size) < dims or not all(n - s < m < n + s for n, s, m in zip(size, steps, given, strict=True)):
            raise ValueError(
                f"{name}: invalid output_size {tuple(output_size)}: each must be less than the stride {steps} away from {size}"
            )
        size = given
    if indices.shape != input.shape:
        raise ShapeError(
            f"{name}: Expected shape of indices to be same as that of the input, got {describe(indices)}, {describe(input)}"
        )
    where = indices.reshape(*images.shape[:2], math.prod(images.shape[2:]))
    if where.numel() and not 0 <= int(where.min()) <= int(where.max()) < math.prod(size):
        raise ShapeError(
            f"{name}: found an invalid index: they must be in [0, {math.prod(size)}), the output size {size}"
        )
    zeros = minigrad.zeros((*images.shape[:2], math.prod(size)), dtype=images.dtype)
    out = zeros.scatter(2, where, images.reshape(where.shape)).reshape(*images.shape[:2], *size)
    return out if has_batch else out.squeeze(0)
