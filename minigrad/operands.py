"""What may stand beside a tensor: numbers and arrays as operands, the dtype at which they meet, and complaints about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad import dtypes
from minigrad.errors import DimensionError, DtypeError, ShapeError, describe, describe_all
from minigrad.function import Function, TensorCore, raw

ndarray = np.ndarray


def weak(x: Any) -> Any:
    """A NumPy scalar of the user's as the Python number it stands for, which promotes nothing within its category."""
    return x.item() if isinstance(x, np.generic) else x


def meeting_dtype(cls: type[Function], arrays: Sequence[Any]) -> np.dtype[Any] | None:
    """The dtype to which the differentiable arguments must be cast before the operation runs; None if they all have it."""
    values = arrays if cls.variadic else [arrays[i] for i in cls.inputs]
    if cls.refuses_bool is not None and cls.refuses_bool(
        getattr(v, "dtype", np.dtype(type(v))).kind == "b" for v in values
    ):
        raise DtypeError(f"{cls.__name__.lower()}: not defined for booleans, got {describe_all(values)}")
    wanted = dtypes.common(values)
    if cls.to_float and wanted.kind != "f":
        wanted = dtypes.as_numpy(None)
    if all(getattr(v, "dtype", wanted) == wanted for v in values):
        return None
    return wanted


def cast(x: Any, wanted: np.dtype[Any]) -> Any:
    """x in another dtype, recorded; Python scalars stay weak, but integers meeting floats become floats."""
    if isinstance(x, TensorCore):
        if x._data.dtype == wanted:
            return x
        from minigrad.ops.copy import Cast

        return Cast.apply(x, wanted)
    if isinstance(x, (ndarray, np.generic)):
        return x.astype(wanted)
    return x


ARRAYS = (ndarray, np.generic)
OPERANDS = (ndarray, np.generic, float, int)  # what may stand beside a tensor


def refuse(cls: type[Function], x: Any) -> Any:
    """Raise TypeError for an operand that is no tensor, array or number."""
    raise TypeError(f"{cls.__name__.lower()}: expected a tensor, an array or a number, got {describe(x)}")


def complaint(cls: type[Function], args: Sequence[Any], error: Exception) -> Exception:
    """The error of a failed forward, with the operation, shapes and dtypes."""
    label = f"{cls.__name__.lower()}({describe_all(args)})"
    if type(error) is IndexError or isinstance(error, np.exceptions.AxisError):
        return DimensionError(f"{label}: {error}")
    if isinstance(error, (ShapeError, DtypeError, IndexError)):
        return type(error)(f"{label}: {error}") if cls.__name__.lower() not in str(error) else error
    if isinstance(error, TypeError):
        return DtypeError(f"{label}: {error}")
    shapes = [np.shape(raw(a)) for a in args if isinstance(raw(a), ndarray)]
    if "broadcast" in str(error) and len(shapes) > 1:
        return ShapeError(
            f"{label}: shapes {' and '.join(map(str, shapes))} cannot be broadcast together; compared from the right, "
            "sizes must be equal or 1. Use unsqueeze() or view() to line them up."
        )
    return ShapeError(f"{label}: {error}")
