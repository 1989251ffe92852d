"""Convolution layers. PyTorch: `torch.nn.modules.conv`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import minigrad
from minigrad.kernels.images import Geometry
from minigrad.nn import functional, init
from minigrad.nn.functional.convolution import convolved
from minigrad.nn.functional.sizes import Shape, Sizes, repeated
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.nn.pooling import _MaxPool
from minigrad.ops.conv import Convolution
from minigrad.ops.fused import pooled_convolution, rectified_convolution
from minigrad.tensor import Tensor


class _Convolution(Module):
    """Base of all convolutions: parameters, their starting values, and what is printed."""

    dims: int
    _convolve: Callable[..., Tensor]
    weight: Parameter
    bias: Parameter | None
    padding: Shape | str

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes,
        padding: Sizes | str,
        dilation: Sizes,
        transposed: bool,
        output_padding: Sizes,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        dims = self.dims
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups or out_channels % groups:
            name = "in_channels" if in_channels % groups else "out_channels"
            raise ValueError(
                f"{name} must be divisible by groups, got {in_channels}, {out_channels} and groups={groups}"
            )
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of 'same', 'valid'")
            if padding == "same" and any(s != 1 for s in repeated(stride, dims)):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError(
                f"padding_mode must be one of 'zeros', 'reflect', 'replicate', 'circular', but got padding_mode={padding_mode!r}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = repeated(kernel_size, dims)
        self.stride = repeated(stride, dims)
        self.padding = padding if isinstance(padding, str) else repeated(padding, dims)
        self.dilation = repeated(dilation, dims)
        self.transposed = transposed
        self.output_padding = repeated(output_padding, dims)
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = self._border()
        first, second = (in_channels, out_channels) if transposed else (out_channels, in_channels)
        shape = (first, second // groups, *self.kernel_size)
        self.weight = Parameter(minigrad.empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(minigrad.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _border(self) -> list[int]:
        """The widths of `functional.pad` for padding modes other than zeros."""
        if self.padding == "valid":
            return [0] * (2 * self.dims)
        if self.padding == "same":
            total = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            return [k for n in reversed(total) for k in (n // 2, n - n // 2)]
        return [n for p in reversed(self.padding) for n in (p, p)]  # type: ignore[misc]

    def reset_parameters(self) -> None:
        """Draw weight and bias anew: uniform within +-1/sqrt(inputs of one result)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = math.prod(self.weight.shape[1:])
            if fan_in:
                init.uniform_(self.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        zeros, ones = (0,) * self.dims, (1,) * self.dims
        if self.padding != zeros:
            text += f", padding={self.padding}"
        if self.dilation != ones:
            text += f", dilation={self.dilation}"
        if self.output_padding != zeros:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _Correlation(_Convolution):
    """Base of the convolutions that are not transposed."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            False,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor) -> Tensor:
        return self._apply_to(input, self._convolve)

    def followed(self, input: Tensor, rectified: bool, pool: _MaxPool | None) -> Tensor:
        """pool(relu(self(input))), or without one of them, for `Sequential`: a batch passes once through the cache."""

        def convolve(images: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
            tile = None if pool is None or pool.dims != self.dims else pool.tile()
            out: Tensor | None = None
            if tile is not None:
                out = pooled_convolution(images, weight, bias, geometry, rectified, tile)
            if out is None:
                out = (rectified_convolution if rectified else Convolution.apply)(images, weight, bias, geometry)
                out = out if pool is None else pool(out)
            return out

        if isinstance(input, Tensor) and input.ndim == self.dims + 2:
            return self._apply_to(input, partial(convolved, f"conv{self.dims}d", self.dims, operation=convolve))
        out = self.forward(input)
        out = functional.relu(out) if rectified else out
        return out if pool is None else pool(out)

    def _apply_to(self, input: Tensor, convolve: Callable[..., Tensor]) -> Tensor:
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input = functional.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = 0
        return convolve(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(_Correlation):
    """Correlation of signals (N, C, L) with learnt filters. As `Conv2d`."""

    dims, _convolve = 1, staticmethod(functional.conv1d)


class Conv2d(_Correlation):
    """Correlation of images (N, C, H, W) with learnt filters -> (N, K, OH, OW). Book 7.2. PyTorch: `nn.Conv2d`.

    `weight` (K, C / groups, FH, FW) and `bias` (K) start uniform within +-1/sqrt(C / groups * FH * FW). `padding` may be
    'same' or 'valid', `padding_mode` reflect, replicate or circular. Raises ValueError for groups that do not divide.
    """

    dims, _convolve = 2, staticmethod(functional.conv2d)


class Conv3d(_Correlation):
    """Correlation of volumes (N, C, D, H, W) with learnt filters. As `Conv2d`."""

    dims, _convolve = 3, staticmethod(functional.conv3d)


class _Transposed(_Convolution):
    """Base of transposed convolutions."""

    padding: Shape

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            True,
            output_padding,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self._extra(input, output_size)
        return self._convolve(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            extra,
            self.groups,
            self.dilation,
        )

    def _extra(self, input: Tensor, output_size: Sequence[int] | None) -> Shape:
        """The output padding that gives the size asked for."""
        if output_size is None:
            return self.output_padding  # type: ignore[no-any-return]
        lead = 2 if input.ndim == self.dims + 2 else 1
        wanted = list(output_size)[lead:] if len(output_size) == lead + self.dims else list(output_size)
        if len(wanted) != self.dims:
            raise ValueError(
                f"ConvTranspose{self.dims}D: for {input.ndim}D input, output_size must have {self.dims} or {lead + self.dims} "
                f"elements (got {len(wanted)})"
            )
        sizes = zip(input.shape[lead:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True)
        least = [(n - 1) * s - 2 * p + d * (f - 1) + 1 for n, s, p, d, f in sizes]
        most = [n + s - 1 for n, s in zip(least, self.stride, strict=True)]
        if any(not low <= n <= high for low, n, high in zip(least, wanted, most, strict=True)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {least} to {most} (for an input of "
                f"{tuple(input.shape[lead:])})"
            )
        return tuple(n - low for n, low in zip(wanted, least, strict=True))


class ConvTranspose1d(_Transposed):
    """The transposed convolution of signals (N, C, L). As `ConvTranspose2d`."""

    dims, _convolve = 1, staticmethod(functional.conv_transpose1d)


class ConvTranspose2d(_Transposed):
    """The transposed convolution, which is the gradient of `Conv2d` by its input. PyTorch: `nn.ConvTranspose2d`.

    `weight` is (C, K / groups, FH, FW). `output_padding`, or `output_size` in the call, picks one of the sizes that a
    strided convolution maps to the input's. Raises ValueError for a size that is none of them.
    """

    dims, _convolve = 2, staticmethod(functional.conv_transpose2d)


class ConvTranspose3d(_Transposed):
    """The transposed convolution of volumes (N, C, D, H, W). As `ConvTranspose2d`."""

    dims, _convolve = 3, staticmethod(functional.conv_transpose3d)


class Unfold(Module):
    """The windows of images as columns: `functional.unfold`. Book 7.4.2 (im2col)."""

    def __init__(self, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return functional.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """Columns added up into images: `functional.fold`. Book 7.4.2 (col2im)."""

    def __init__(
        self, output_size: Sizes, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return functional.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )
