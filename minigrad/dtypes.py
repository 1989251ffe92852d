"""Data types under PyTorch's names, and how they combine.

Python scalars are weak, 0-d tensors do not promote within their category, and integers meeting a
Python float become the default dtype: PyTorch's rules, which differ from NumPy's.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, TypeAlias

import numpy as np


class dtype:
    """The type of a tensor's elements, as `torch.dtype`. `numpy` is the NumPy dtype behind it."""

    __slots__ = ("is_floating_point", "is_signed", "itemsize", "name", "numpy")

    def __init__(self, name: str, numpy: np.dtype[Any]) -> None:
        self.name = name
        self.numpy = numpy
        self.itemsize = numpy.itemsize
        self.is_floating_point = numpy.kind == "f"
        self.is_signed = numpy.kind in "if"

    @property
    def is_complex(self) -> bool:
        return False

    @property
    def dtype(self) -> np.dtype[Any]:
        """What lets NumPy take this object wherever it takes a dtype."""
        return self.numpy

    def __repr__(self) -> str:
        return f"minigrad.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return from_numpy_dtype, (self.numpy,)


float16 = dtype("float16", np.dtype(np.float16))
float32 = dtype("float32", np.dtype(np.float32))
float64 = dtype("float64", np.dtype(np.float64))
int8 = dtype("int8", np.dtype(np.int8))
int16 = dtype("int16", np.dtype(np.int16))
int32 = dtype("int32", np.dtype(np.int32))
int64 = dtype("int64", np.dtype(np.int64))
uint8 = dtype("uint8", np.dtype(np.uint8))
boolean = dtype("bool", np.dtype(np.bool_))

ALL = (float16, float32, float64, int8, int16, int32, int64, uint8, boolean)
BY_NUMPY: dict[np.dtype[Any], dtype] = {d.numpy: d for d in ALL}
PYTHON: dict[Any, dtype] = {float: float64, int: int64, bool: boolean}  # what Python's types name, as in PyTorch

DtypeLike: TypeAlias = dtype | np.dtype[Any] | type | str

_default: ContextVar[dtype] = ContextVar("default_dtype", default=float32)


def from_numpy_dtype(d: np.dtype[Any]) -> dtype:
    """The minigrad dtype of a NumPy dtype. Raises TypeError for one that tensors cannot hold."""
    try:
        return BY_NUMPY[d]
    except KeyError:
        raise TypeError(
            f"tensors cannot hold elements of NumPy dtype {d}; convert to one of {', '.join(d.name for d in ALL)}"
        ) from None


def as_numpy(d: DtypeLike | None) -> np.dtype[Any]:
    """The NumPy dtype of anything that names one; None is the default dtype. Raises TypeError for anything else."""
    if d is None:
        return _default.get().numpy
    if isinstance(d, dtype):
        return d.numpy
    if d in PYTHON:
        return PYTHON[d].numpy
    try:
        found = np.dtype(d)
    except TypeError:
        raise TypeError(f"not a dtype: {d!r}; use minigrad.float32, minigrad.int64, ...") from None
    return from_numpy_dtype(found.newbyteorder("=")).numpy


def get_default_dtype() -> dtype:
    """The dtype of new tensors made from Python floats. PyTorch: `get_default_dtype`."""
    return _default.get()


def set_default_dtype(d: DtypeLike, /) -> None:
    """Set the dtype of new tensors made from Python floats, in the current context. Raises TypeError unless floating."""
    found = from_numpy_dtype(as_numpy(d))
    if not found.is_floating_point:
        raise TypeError(f"set_default_dtype: only floating-point types are supported as the default, not {found}")
    _default.set(found)


def category(d: np.dtype[Any]) -> int:
    """0 bool, 1 integer, 2 floating."""
    return 2 if d.kind == "f" else 0 if d.kind == "b" else 1


def promote(a: np.dtype[Any] | None, b: np.dtype[Any] | None) -> np.dtype[Any] | None:
    """The dtype that holds both: the higher category's, and within one category NumPy's. None is absence."""
    if a is None or b is None:
        return a if b is None else b
    if (category(a) == 2) != (category(b) == 2):
        return a if category(a) == 2 else b
    return np.promote_types(a, b)


def common(values: Any) -> np.dtype[Any]:
    """The dtype in which arrays, 0-d arrays and Python scalars meet, by PyTorch's rules."""
    sized: np.dtype[Any] | None = None
    zero: np.dtype[Any] | None = None
    weak: np.dtype[Any] | None = None
    for v in values:
        if isinstance(v, (np.ndarray, np.generic)):
            if v.ndim:
                sized = promote(sized, v.dtype)
            else:
                zero = promote(zero, v.dtype)
        elif v is not None:
            weak = promote(weak, _default.get().numpy if isinstance(v, float) else as_numpy(type(v)))
    found = _combine(_combine(sized, zero), weak)
    return _default.get().numpy if found is None else found


def _combine(strong: np.dtype[Any] | None, weak: np.dtype[Any] | None) -> np.dtype[Any] | None:
    if strong is None or weak is None:
        return strong if weak is None else weak
    return strong if category(strong) >= category(weak) else promote(strong, weak)


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that holds both. PyTorch: `promote_types`."""
    found = promote(as_numpy(type1), as_numpy(type2))
    assert found is not None
    return from_numpy_dtype(found)


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether an in-place operation may store `from_` into `to`: never from a higher category into a lower one."""
    return category(as_numpy(from_)) <= category(as_numpy(to))


class finfo:
    """Limits of a floating-point dtype: bits, eps, max, min, tiny, smallest_normal, resolution. PyTorch: `finfo`.

    Raises TypeError for other dtypes.
    """

    def __init__(self, type: DtypeLike | None = None) -> None:
        wanted = as_numpy(type)
        if wanted.kind != "f":
            raise TypeError(f"finfo: expected a floating-point dtype, got {wanted}; use iinfo")
        info = np.finfo(wanted)
        self.dtype = str(info.dtype)
        self.bits = info.bits
        self.eps, self.max, self.min = info.eps.item(), info.max.item(), info.min.item()
        self.tiny = self.smallest_normal = info.tiny.item()
        self.resolution = 10.0**-info.precision

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """Limits of an integer dtype: bits, max, min. PyTorch: `iinfo`. Raises TypeError for other dtypes."""

    def __init__(self, type: DtypeLike) -> None:
        wanted = as_numpy(type)
        if wanted.kind not in "iu":
            raise TypeError(f"iinfo: expected an integer dtype, got {wanted}; use finfo")
        info = np.iinfo(wanted)
        self.dtype = str(info.dtype)
        self.bits, self.max, self.min = info.bits, int(info.max), int(info.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


def result_type(*values: Any) -> dtype:
    """The dtype in which tensors and numbers meet in an operation. PyTorch: `result_type`."""
    return from_numpy_dtype(common([getattr(v, "_data", v) for v in values]))
