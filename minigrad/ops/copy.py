"""Copies: other dtypes, clones, and writes of one tensor into another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from minigrad import dtypes
from minigrad.domains import OneOf, Reals
from minigrad.errors import ShapeError, describe
from minigrad.function import Extra, Function, TensorCore, edge_of, is_recording, raw, record
from minigrad.kernels.overlap import is_dense, overlaps_itself, overlaps_partly
from minigrad.memory import check_inplace, rebase, wrote
from minigrad.ops.arguments import fitting, number

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

__all__ = [
    "clone",
]

T = TypeVar("T", bound="CopyMethods")

LEGACY = {
    "float16": "HalfTensor",
    "float32": "FloatTensor",
    "float64": "DoubleTensor",
    "int8": "CharTensor",
    "int16": "ShortTensor",
    "int32": "IntTensor",
    "int64": "LongTensor",
    "uint8": "ByteTensor",
    "bool": "BoolTensor",
}  # PyTorch's older names for tensors of one dtype


class Cast(Function):
    """x in another dtype. PyTorch: `to`."""

    symbol, domain = "cast", (Reals(), OneOf(np.dtype(np.float32), np.dtype(np.float64)))

    def forward(x: Any, dtype: Any) -> Any:
        return x.astype(dtype)

    def oracle(x: Any, dtype: Any) -> Any:
        return np.array(x, dtype=dtype)

    def dx(g: Any, x: Any) -> Any:
        return Cast.apply(g, raw(x).dtype)

    def pull(self, g: Any, edges: Any) -> Any:
        return (Cast.dx(g, self.saved[0]),)


class Clone(Function):
    """A copy of x, in the graph. PyTorch: `clone`."""

    symbol, domain = "clone", (Reals(), OneOf("K", "C"))

    def forward(x: Any, order: str = "K") -> Any:
        if not x.ndim:
            return np.array(x)[()]
        return x.copy(order if order != "K" or is_dense(x) else "C")  # gaps are not kept: PyTorch

    def oracle(x: Any, order: str) -> Any:
        return +x

    def dx(g: Any) -> Any:
        return g


class Copy(Function):
    """x overwritten by source, broadcast to x: source gets the gradient, the old x none. PyTorch: `copy_`."""

    symbol, broadcasts, domain = "copy", True, (Reals(), Reals(shape=lambda source, x: x.shape))

    def forward(x: Any, source: Any) -> Any:
        if np.ndim(source) > np.ndim(x):
            raise ShapeError(f"copy_: a source of shape {np.shape(source)} does not fit into shape {np.shape(x)}")
        return np.broadcast_to(source, np.shape(x)).astype(x.dtype)[()]  # only where the write itself is differentiated

    def oracle(x: Any, source: Any) -> Any:
        return x * 0 + source

    def dx(g: Any) -> Any:
        return g * 0

    def dsource(g: Any) -> Any:
        return g


def clone(input: Tensor) -> Tensor:
    """A copy through which gradients flow. PyTorch: `clone`."""
    return Clone.apply(input)


def contiguous(input: Tensor) -> Tensor:
    """A copy in C order."""
    return Clone.apply(input, "C")


def overwrite(x: Any, source: Any, name: str) -> Any:
    """Write source, an array or Tensor that broadcasts to x, into x, and record it. Raises with nothing written."""
    check_inplace(x, name)
    buffer, value = x._buffer(), raw(source)
    if not buffer.flags.writeable:
        raise RuntimeError(f"{name}: the array of {describe(x)} is read-only; clone() the tensor first")
    tensor = isinstance(source, TensorCore)  # a number may go where several elements are one location
    if value is not buffer and (tensor and overlaps_itself(buffer) or overlaps_partly(buffer, np.asarray(value))):
        raise RuntimeError(
            f"{name}: unsupported operation: several elements of {describe(x)}, or elements of it and of what is written "
            "into it, share one memory location (expand, or views of one tensor). clone() it first."
        )
    try:
        if np.ndim(value) > buffer.ndim:
            raise ValueError("it has more dimensions")
        buffer[...] = value
    except ValueError as error:
        raise ShapeError(f"{name}: {describe(source)} cannot be broadcast into {describe(x)}: {error}") from None
    edges = (edge_of(x), edge_of(source) if isinstance(source, TensorCore) else None)
    wrote(x)
    if is_recording() and edges != (None, None):
        if edges[1] is not None and value.dtype != buffer.dtype:
            source = Cast.apply(source, buffer.dtype)
            edges = edges[0], source._node
        node: Any = record(Copy, (x, source), edges, None)
        if np.shape(value) != buffer.shape:
            node.extra = Extra((buffer.shape, np.shape(value)))
        rebase(x, node)
    return x


class CopyMethods:
    """Copying as methods of Tensor."""

    __slots__ = ()
    _data: Any

    clone = clone

    def copy_(self: T, src: Any, non_blocking: bool = False) -> T:
        """Overwrite self by src, broadcast and cast to self's shape and dtype. PyTorch: `copy_`."""
        if not isinstance(src, TensorCore):
            raise TypeError(f"copy_: src must be a tensor, not {type(src).__name__}")
        return overwrite(self, src, "copy_")

    def fill_(self: T, value: Any) -> T:
        """Every element becomes value, a number or a 0-d tensor. PyTorch: `fill_`."""
        if not isinstance(value, TensorCore):
            value = fitting("fill_", number("fill_", "value", value), self._data.dtype)
        elif value._data.ndim:
            raise RuntimeError(f"fill_: value must be a number or a 0-d tensor, not of shape {value._data.shape}")
        return overwrite(self, value, "fill_")

    def zero_(self: T) -> T:
        """Every element becomes 0. PyTorch: `zero_`."""
        return overwrite(self, self._data.dtype.type(0), "zero_")

    def to(
        self: T,
        *args: Any,
        dtype: Any = None,
        device: Any = None,
        non_blocking: bool = False,
        copy: bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        """self as another dtype or like another tensor; itself if nothing changes. Devices other than 'cpu' raise.

        PyTorch: `to(dtype)`, `to(device)`, `to(device, dtype)`, `to(other)`.
        """
        from minigrad.device import Device, check_device

        for a in args:
            if isinstance(a, TensorCore):
                dtype = a._data.dtype
            elif isinstance(a, (str, Device)):
                device = a
            elif isinstance(a, bool) or a is None:
                continue
            else:
                dtype = a
        check_device(device, "to")
        wanted = self._data.dtype if dtype is None else dtypes.as_numpy(dtype)
        if wanted != self._data.dtype:
            return Cast.apply(self, wanted)
        return Clone.apply(self) if copy else self  # type: ignore[return-value]

    def type(self: T, dtype: Any = None, non_blocking: bool = False) -> Any:
        """self in another dtype, also named 'minigrad.LongTensor' and the like; without one, that name of self's own."""
        if dtype is None:
            return f"minigrad.{LEGACY[self._data.dtype.name]}"
        if isinstance(dtype, str):
            named = dtype.rpartition(".")[2]
            found = [name for name, legacy in LEGACY.items() if legacy == named]
            if not found:
                raise ValueError(f"type: invalid type {dtype!r}; one of {', '.join(LEGACY.values())}")
            dtype = np.dtype(found[0])
        return self.to(getattr(dtype, "dtype", dtype))

    def type_as(self, other: Tensor) -> Tensor:
        """self in other's dtype. PyTorch: `type_as`."""
        return self.to(other._data.dtype)

    def float(self) -> Tensor:
        """self as float32."""
        return self.to(dtypes.float32)

    def double(self) -> Tensor:
        """self as float64."""
        return self.to(dtypes.float64)

    def half(self) -> Tensor:
        """self as float16."""
        return self.to(dtypes.float16)

    def long(self) -> Tensor:
        """self as int64."""
        return self.to(dtypes.int64)

    def int(self) -> Tensor:
        """self as int32."""
        return self.to(dtypes.int32)

    def short(self) -> Tensor:
        """self as int16."""
        return self.to(dtypes.int16)

    def char(self) -> Tensor:
        """self as int8."""
        return self.to(dtypes.int8)

    def byte(self) -> Tensor:
        """self as uint8."""
        return self.to(dtypes.uint8)

    def bool(self) -> Tensor:
        """self as bool: whether not zero."""
        return self.to(dtypes.boolean)

    def cpu(self: T) -> Tensor:
        """self: all tensors are on the CPU."""
        return self.to("cpu")

    def cuda(self: T, device: Any = None, non_blocking: Any = False) -> Tensor:
        """Raises RuntimeError: there is no GPU here."""
        return self.to("cuda")
