"""Convolutions and im2col. PyTorch: `torch.nn.functional`."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from minigrad.errors import ShapeError, describe
from minigrad.kernels.images import Geometry
from minigrad.nn.functional.padding import pad
from minigrad.nn.functional.sizes import Shape, Sizes, batched, one_floating_dtype, per_dim
from minigrad.ops.conv import Convolution, ConvolutionInput, Fold, Unfold
from minigrad.tensor import Tensor


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Correlation of signals (N, C, L) with filters (K, C / groups, FL) -> (N, K, OL). As `conv2d`."""
    return convolved("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Correlation of images (N, C, H, W) with filters (K, C / groups, FH, FW), plus bias (K,). Book 7.2.

    The result is (N, K, OH, OW) with OH = floor((H + 2 P - FH) / S) + 1; within `strict_sizes()` a fraction raises.
    `padding` may be 'valid' or 'same' (stride 1). An image (C, H, W) without batch gives one. Raises ShapeError if the
    filter is larger than the padded image or the channels do not fit, DtypeError unless all have one floating dtype.
    """
    return convolved("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Correlation of volumes (N, C, D, H, W) with filters (K, C / groups, FD, FH, FW). As `conv2d`."""
    return convolved("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def convolved(
    name: str,
    dims: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sizes,
    padding: Sizes | str,
    dilation: Sizes,
    groups: int,
    operation: Callable[..., Tensor] | None = None,
) -> Tensor:
    """The convolution in so many dimensions, or another operation with its arguments."""
    images, has_batch = batched(name, input, dims)
    one_floating_dtype(name, input, weight, bias)
    if weight.ndim != dims + 2:
        raise ShapeError(f"{name}: expected a weight of {dims + 2} dimensions, got {describe(weight)}")
    steps = per_dim(name, "stride", stride, dims, 1)
    spread = per_dim(name, "dilation", dilation, dims, 1)
    if isinstance(padding, str):
        images, around = named_padding(name, images, padding, tuple(weight.shape[2:]), steps, spread)
    else:
        around = per_dim(name, "padding", padding, dims)
    out = (operation or Convolution.apply)(images, weight, bias, Geometry(steps, around, spread, groups))
    return out if has_batch else out.squeeze(0)


def named_padding(
    name: str, images: Tensor, padding: str, window: Shape, stride: Shape, dilation: Shape
) -> tuple[Tensor, Shape]:
    """The images and the padding that 'same' or 'valid' stands for; an odd row or column is added at the end here."""
    if padding == "valid":
        return images, (0,) * len(window)
    if padding != "same":
        raise RuntimeError(f"{name}: Invalid padding string: {padding!r}; it is 'valid', 'same' or numbers")
    if any(s != 1 for s in stride):
        raise RuntimeError(f"{name}: padding='same' is not supported for strided convolutions, got stride {stride}")
    total = [d * (f - 1) for f, d in zip(window, dilation, strict=True)]
    if any(n % 2 for n in total):
        images = pad(images, [k for n in reversed(total) for k in (0, n % 2)])
    return images, tuple(n // 2 for n in total)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """The transposed convolution of (N, C, L) with filters (C, K / groups, FL). As `conv_transpose2d`."""
    return _transposed("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """The adjoint of `conv2d`: images (N, C, H, W), filters (C, K / groups, FH, FW) -> (N, K, OH, OW).

    OH = (H - 1) S - 2 P + D (FH - 1) + 1 + output_padding; the last picks one of the sizes that convolve to H.
    Raises ShapeError unless output_padding is smaller than the stride or the dilation.
    """
    return _transposed("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """The transposed convolution of (N, C, D, H, W) with filters (C, K / groups, FD, FH, FW). As `conv_transpose2d`."""
    return _transposed("conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def _transposed(
    name: str,
    dims: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sizes,
    padding: Sizes,
    output_padding: Sizes,
    groups: int,
    dilation: Sizes,
) -> Tensor:
    images, has_batch = batched(name, input, dims)
    one_floating_dtype(name, input, weight, bias)
    steps = per_dim(name, "stride", stride, dims, 1)
    around = per_dim(name, "padding", padding, dims)
    extra = per_dim(name, "output_padding", output_padding, dims)
    spread = per_dim(name, "dilation", dilation, dims, 1)
    if weight.ndim != dims + 2 or images.shape[1] != weight.shape[0] or groups < 1 or weight.shape[0] % groups:
        raise ShapeError(
            f"{name}: expected a weight (C, K / groups, *window) with the C channels of the input, divisible by groups = "
            f"{groups}, got input {describe(input)} and weight {describe(weight)}"
        )
    if bias is not None and tuple(bias.shape) != (weight.shape[1] * groups,):
        raise ShapeError(f"{name}: expected a bias of shape {(weight.shape[1] * groups,)}, got {describe(bias)}")
    if any(e >= s and e >= d for e, s, d in zip(extra, steps, spread, strict=True)):
        raise ShapeError(
            f"{name}: output padding {extra} must be smaller than either stride {steps} or dilation {spread}"
        )
    size = tuple(
        (n - 1) * s - 2 * p + d * (f - 1) + 1 + e
        for n, s, p, d, f, e in zip(images.shape[2:], steps, around, spread, weight.shape[2:], extra, strict=True)
    )
    if any(n < min(1, len(images)) for n in size):
        raise ShapeError(f"{name}: Output size is too small: {size} from {describe(input)} and {describe(weight)}")
    out: Tensor = ConvolutionInput.apply(images, weight, size, Geometry(steps, around, spread, groups))
    if bias is not None:
        out = out + bias.view(-1, *(1,) * dims)
    return out if has_batch else out.squeeze(0)


# ------------------------------------------------------------------ windows as columns


def unfold(input: Tensor, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1) -> Tensor:
    """The windows of images (N, C, H, W), one a column: (N, C * FH * FW, OH * OW). `im2col` has the book's layout."""
    images, has_batch = batched("unfold", input, 2)
    window = per_dim("unfold", "kernel_size", kernel_size, 2, 1)
    columns: Tensor = Unfold.apply(images, window, _geometry("unfold", dilation, padding, stride))
    return columns if has_batch else columns.squeeze(0)


def fold(
    input: Tensor,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Tensor:
    """The adjoint of `unfold`: columns (N, C * FH * FW, L) added up into images (N, C, *output_size).

    Raises ShapeError unless the columns are those of such images.
    """
    columns, has_batch = batched("fold", input, 1)
    size = per_dim("fold", "output_size", output_size, 2, 1)
    window = per_dim("fold", "kernel_size", kernel_size, 2, 1)
    images: Tensor = Fold.apply(columns, size, window, _geometry("fold", dilation, padding, stride))
    return images if has_batch else images.squeeze(0)


def _geometry(name: str, dilation: Sizes, padding: Sizes, stride: Sizes) -> Geometry:
    return Geometry(
        per_dim(name, "stride", stride, 2, 1),
        per_dim(name, "padding", padding, 2),
        per_dim(name, "dilation", dilation, 2, 1),
    )


def im2col(input_data: Tensor, filter_h: int, filter_w: int, stride: int = 1, pad: int = 0) -> Tensor:
    """The windows of images (N, C, H, W), one a row: (N * OH * OW, C * FH * FW). Book 7.4.2, its names and layout."""
    columns = unfold(input_data, (filter_h, filter_w), padding=pad, stride=stride)
    return columns.transpose(1, 2).reshape(-1, columns.shape[1])


def col2im(col: Tensor, input_shape: Any, filter_h: int, filter_w: int, stride: int = 1, pad: int = 0) -> Tensor:
    """The adjoint of `im2col`: rows added up into images of input_shape (N, C, H, W). Book 7.4.2."""
    n, channels, *size = input_shape
    positions = prod((k + 2 * pad - f) // stride + 1 for k, f in zip(size, (filter_h, filter_w), strict=True))
    columns = col.reshape(n, positions, channels * filter_h * filter_w).transpose(1, 2)
    return fold(columns, tuple(size), (filter_h, filter_w), padding=pad, stride=stride)
