"""Pooling layers. PyTorch: `torch.nn.modules.pooling`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from minigrad.errors import ShapeError
from minigrad.nn import functional
from minigrad.nn.functional.sizes import Shape, Sizes, per_dim, repeated
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class _MaxPool(Module):
    """Base of max pools."""

    dims: ClassVar[int]
    _pool: Callable[..., Any]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )

    def forward(self, input: Tensor) -> Any:
        sizes = self.kernel_size, self.stride, self.padding, self.dilation
        return self._pool(input, *sizes, self.ceil_mode, self.return_indices)

    def tile(self) -> Shape | None:
        """The window if windows lie side by side over the images and nothing but the largest elements is wanted."""
        sizes = self.kernel_size, self.stride, self.padding, self.dilation
        try:
            window, stride, padding, dilation = (per_dim("max_pool", "sizes", n, self.dims) for n in sizes)
        except (TypeError, ShapeError):  # the pool itself says what is wrong
            return None
        is_tile = stride == window and min(window) > 0 and not any(padding) and set(dilation) == {1}
        return window if is_tile and not self.ceil_mode and not self.return_indices else None


class MaxPool1d(_MaxPool):
    """The largest element of each window of signals (N, C, L). PyTorch: `nn.MaxPool1d`."""

    dims, _pool = 1, staticmethod(functional.max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest element of each window of images (N, C, H, W). Book 7.3. PyTorch: `nn.MaxPool2d`."""

    dims, _pool = 2, staticmethod(functional.max_pool2d)


class MaxPool3d(_MaxPool):
    """The largest element of each window of volumes (N, C, D, H, W). PyTorch: `nn.MaxPool3d`."""

    dims, _pool = 3, staticmethod(functional.max_pool3d)


class AvgPool1d(Module):
    """The mean of each window of signals (N, C, L). PyTorch: `nn.AvgPool1d`."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = repeated(kernel_size, 1)
        self.stride = repeated(stride if stride is not None else kernel_size, 1)
        self.padding = repeated(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return functional.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPool(Module):
    """Base of the average pools of images and volumes."""

    _pool: Callable[..., Tensor]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        sizes = self.kernel_size, self.stride, self.padding
        return self._pool(input, *sizes, self.ceil_mode, self.count_include_pad, self.divisor_override)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """The mean of each window of images (N, C, H, W). PyTorch: `nn.AvgPool2d`."""

    _pool = staticmethod(functional.avg_pool2d)


class AvgPool3d(_AvgPool):
    """The mean of each window of volumes (N, C, D, H, W). PyTorch: `nn.AvgPool3d`."""

    _pool = staticmethod(functional.avg_pool3d)


class _AdaptivePool(Module):
    """Base of pools that are told the size of their result."""

    _pool: Callable[..., Any]

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class _AdaptiveAvgPool(_AdaptivePool):
    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        out: Tensor = self._pool(input, self.output_size)
        return out


class _AdaptiveMaxPool(_AdaptivePool):
    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        return self._pool(input, self.output_size, self.return_indices)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The mean over evenly spread windows of signals (N, C, L): a result of that size. PyTorch: `nn.AdaptiveAvgPool1d`."""

    _pool = staticmethod(functional.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The mean over evenly spread windows of images (N, C, H, W): a result of that size. PyTorch: `nn.AdaptiveAvgPool2d`."""

    _pool = staticmethod(functional.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The mean over evenly spread windows of volumes (N, C, D, H, W): a result of that size. PyTorch: `nn.AdaptiveAvgPool3d`."""

    _pool = staticmethod(functional.adaptive_avg_pool3d)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest elements of evenly spread windows of signals (N, C, L). PyTorch: `nn.AdaptiveMaxPool1d`."""

    _pool = staticmethod(functional.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest elements of evenly spread windows of images (N, C, H, W). PyTorch: `nn.AdaptiveMaxPool2d`."""

    _pool = staticmethod(functional.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest elements of evenly spread windows of volumes (N, C, D, H, W). PyTorch: `nn.AdaptiveMaxPool3d`."""

    _pool = staticmethod(functional.adaptive_max_pool3d)


class _MaxUnpool(Module):
    """Base of the partial inverses of max pools."""

    dims: int
    _unpool: Callable[..., Tensor]

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        self.kernel_size = repeated(kernel_size, self.dims)
        self.stride = repeated(stride if stride is not None else kernel_size, self.dims)
        self.padding = repeated(padding, self.dims)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return self._unpool(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Elements put back where `MaxPool1d` with return_indices found them. PyTorch: `nn.MaxUnpool1d`."""

    dims, _unpool = 1, staticmethod(functional.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """Elements put back where `MaxPool2d` with return_indices found them. PyTorch: `nn.MaxUnpool2d`."""

    dims, _unpool = 2, staticmethod(functional.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """Elements put back where `MaxPool3d` with return_indices found them. PyTorch: `nn.MaxUnpool3d`."""

    dims, _unpool = 3, staticmethod(functional.max_unpool3d)
