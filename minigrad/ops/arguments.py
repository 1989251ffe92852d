"""How creation functions read their arguments, with PyTorch's types and errors. `name` is the function's, for messages."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.device import check_device
from minigrad.dtypes import DtypeLike, as_numpy
from minigrad.errors import DtypeError, ShapeError, describe
from minigrad.function import TensorCore, edge_of, wrap
from minigrad.random import Array, Shape

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


def made(name: str, array: Array, device: Any, requires_grad: bool) -> Tensor:
    """The tensor that a creation function gives, over a new array."""
    check_device(device, name)
    out = wrap(array if array.ndim else array[()])
    return out.requires_grad_() if requires_grad else out


def integer(name: str, argument: str, value: Any) -> int:
    """An int, or what stands for one. Raises TypeError for bool and the rest."""
    if not isinstance(value, bool):
        try:
            return operator.index(value)
        except TypeError:
            pass
    raise TypeError(f"{name}: '{argument}' must be an int, not {type(value).__name__} {value!r:.60}")


def natural(name: str, argument: str, value: Any) -> int:
    """An int that is not negative. Else raises TypeError or ShapeError."""
    found = integer(name, argument, value)
    if found < 0:
        raise ShapeError(f"{name}: '{argument}' must not be negative, got {found}")
    return found


def size_of(name: str, sizes: tuple[Any, ...], size: Any = None) -> Shape:
    """The shape that f(2, 3), f((2, 3)) or f(size=(2, 3)) asks for."""
    if size is not None:
        sizes = (*sizes, size)
    elif not sizes:
        raise TypeError(f"{name}: 'size' is missing; give {name}(2, 3), or {name}(()) for a 0-d tensor")
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = tuple(sizes[0])
    return tuple(natural(name, "size", n) for n in sizes)


def tuple_of(name: str, size: Any) -> Shape:
    """The shape, where it has to come as one tuple."""
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"{name}: 'size' must be a tuple of ints, not {type(size).__name__} {size!r:.60}")
    return size_of(name, (size,))


def number(name: str, argument: str, value: Any) -> Any:
    """A Python number from a number, a NumPy scalar or a 0-d tensor."""
    plain = value._data if isinstance(value, TensorCore) and edge_of(value) is None else value
    if isinstance(plain, (np.generic, np.ndarray)) and not plain.ndim:
        plain = plain.item()
    if not isinstance(plain, (int, float)):
        raise TypeError(f"{name}: '{argument}' must be a number, not {describe(value)}")
    return plain


def range_of(dtype: np.dtype[Any]) -> tuple[int, int]:
    """The smallest and the largest number of a dtype."""
    if dtype.kind == "b":
        return 0, 1
    limits: Any = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return int(limits.min), int(limits.max)


def fitting(name: str, value: Any, dtype: np.dtype[Any]) -> Any:
    """A number as an element of `dtype`. Raises RuntimeError if it is out of its range; fractions are cut off."""
    lowest, highest = range_of(dtype)
    if dtype.kind == "b":
        return np.bool_(value)
    if dtype.kind == "u" and isinstance(value, int):
        lowest = -highest  # as in C, and in PyTorch, a negative int stands for the one that differs by 2**bits
    if lowest <= value <= highest:
        return np.array(value).astype(dtype)[()]
    if dtype.kind == "f" and not math.isfinite(value):
        return dtype.type(value)
    raise RuntimeError(f"{name}: value {value} cannot be converted to type {dtype} without overflow")


def array_of(name: str, argument: str, value: Any) -> Any:
    """The array of a tensor argument."""
    if not isinstance(value, TensorCore):
        raise TypeError(f"{name}: '{argument}' must be a Tensor, not {type(value).__name__}")
    return np.asarray(value._data)


def floating(name: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype. Raises DtypeError unless it is floating."""
    if dtype.kind != "f":
        raise DtypeError(f"{name}: not possible for {dtype}, only for floating dtypes; pass dtype=minigrad.float32")
    return dtype


def numeric(name: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype. Raises DtypeError if it is bool."""
    if dtype.kind == "b":
        raise DtypeError(f"{name}: not possible for bool; pass dtype=minigrad.int64 and compare")
    return dtype


def empty_as(name: str, input: Any, dtype: DtypeLike | None) -> Array:
    """An uninitialised array with the shape, the order in memory and, by default, the dtype of a tensor."""
    array = array_of(name, "input", input)
    order: Any = "C" if 0 in array.strides else "K"  # an expanded tensor has no order of its own
    return np.empty_like(array, array.dtype if dtype is None else as_numpy(dtype), order)
