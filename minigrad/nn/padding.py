"""Borders as layers. PyTorch: `torch.nn.modules.padding`."""

from __future__ import annotations

from typing import Any

from minigrad.nn import functional
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class _Pad(Module):
    """Base of paddings: an int stands for all sides, a tuple has (before, after) of the last dimension first."""

    dims: int
    mode: str

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = tuple(padding) if isinstance(padding, (tuple, list)) else (padding,) * (2 * self.dims)

    def forward(self, input: Tensor) -> Tensor:
        return functional.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    """Base of paddings with a value."""

    mode = "constant"

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return functional.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    """Base of paddings with zeros."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad):
    """Zeros around the last dimension. PyTorch: `nn.ZeroPad1d`."""

    dims = 1


class ZeroPad2d(_ZeroPad):
    """Zeros around the last two dimensions. PyTorch: `nn.ZeroPad2d`."""

    dims = 2


class ZeroPad3d(_ZeroPad):
    """Zeros around the last three dimensions. PyTorch: `nn.ZeroPad3d`."""

    dims = 3


class ConstantPad1d(_ConstantPad):
    """One value around the last dimension. PyTorch: `nn.ConstantPad1d`."""

    dims = 1


class ConstantPad2d(_ConstantPad):
    """One value around the last two dimensions. PyTorch: `nn.ConstantPad2d`."""

    dims = 2


class ConstantPad3d(_ConstantPad):
    """One value around the last three dimensions. PyTorch: `nn.ConstantPad3d`."""

    dims = 3


class ReflectionPad1d(_Pad):
    """Mirrored elements around the last dimension. PyTorch: `nn.ReflectionPad1d`."""

    dims, mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """Mirrored elements around the last two dimensions. PyTorch: `nn.ReflectionPad2d`."""

    dims, mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """Mirrored elements around the last three dimensions. PyTorch: `nn.ReflectionPad3d`."""

    dims, mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """Repeated edges around the last dimension. PyTorch: `nn.ReplicationPad1d`."""

    dims, mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """Repeated edges around the last two dimensions. PyTorch: `nn.ReplicationPad2d`."""

    dims, mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """Repeated edges around the last three dimensions. PyTorch: `nn.ReplicationPad3d`."""

    dims, mode = 3, "replicate"


class CircularPad1d(_Pad):
    """Elements of the other end around the last dimension. PyTorch: `nn.CircularPad1d`."""

    dims, mode = 1, "circular"


class CircularPad2d(_Pad):
    """Elements of the other end around the last two dimensions. PyTorch: `nn.CircularPad2d`."""

    dims, mode = 2, "circular"


class CircularPad3d(_Pad):
    """Elements of the other end around the last three dimensions. PyTorch: `nn.CircularPad3d`."""

    dims, mode = 3, "circular"
