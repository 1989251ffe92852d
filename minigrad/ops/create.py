"""Making tensors from a size and a value, and as sequences. `minigrad.ops.sampling` makes them from random numbers.

Names, arguments, defaults and dtypes are PyTorch's. `device` may be None or 'cpu'.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minigrad import dtypes
from minigrad.dtypes import DtypeLike, as_numpy
from minigrad.errors import DtypeError, ShapeError
from minigrad.ops import sampling
from minigrad.ops.arguments import (
    array_of,
    empty_as,
    fitting,
    integer,
    made,
    natural,
    number,
    numeric,
    size_of,
    tuple_of,
)
from minigrad.ops.sampling import *  # noqa: F403
from minigrad.ops.sampling import RandomMethods as RandomMethods
from minigrad.random import Array

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

__all__ = [
    "arange",
    "cartesian_prod",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "linspace",
    "logspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tril_indices",
    "triu_indices",
    "zeros",
    "zeros_like",
    *sampling.__all__,
]

# -------------------------------------------------------------------- a size and a value


def empty(
    *sizes: Any, size: Any = None, dtype: DtypeLike | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of the given size whose elements are whatever was in memory. PyTorch: `empty`."""
    return made("empty", np.empty(size_of("empty", sizes, size), as_numpy(dtype)), device, requires_grad)


def zeros(
    *sizes: Any, size: Any = None, dtype: DtypeLike | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of zeros. PyTorch: `zeros`."""
    return made("zeros", np.zeros(size_of("zeros", sizes, size), as_numpy(dtype)), device, requires_grad)


def ones(
    *sizes: Any, size: Any = None, dtype: DtypeLike | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of ones. PyTorch: `ones`."""
    return made("ones", np.ones(size_of("ones", sizes, size), as_numpy(dtype)), device, requires_grad)


def full(
    size: Any, fill_value: Any, *, dtype: DtypeLike | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor filled with a number, whose kind gives the dtype: bool, int64 or the default. PyTorch: `full`."""
    value = number("full", "fill_value", fill_value)
    if dtype is None:
        dtype = dtypes.boolean if isinstance(value, bool) else _numbers_dtype((value,))
    wanted = as_numpy(dtype)
    return made("full", np.full(tuple_of("full", size), fitting("full", value, wanted)), device, requires_grad)


def empty_like(
    input: Tensor, *, dtype: DtypeLike | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """An uninitialised tensor of input's shape and dtype. PyTorch: `empty_like`."""
    return made("empty_like", empty_as("empty_like", input, dtype), device, requires_grad)


def zeros_like(
    input: Tensor, *, dtype: DtypeLike | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Zeros of input's shape and dtype. PyTorch: `zeros_like`."""
    out = empty_as("zeros_like", input, dtype)
    out.fill(0)
    return made("zeros_like", out, device, requires_grad)


def ones_like(
    input: Tensor, *, dtype: DtypeLike | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Ones of input's shape and dtype. PyTorch: `ones_like`."""
    out = empty_as("ones_like", input, dtype)
    out.fill(1)
    return made("ones_like", out, device, requires_grad)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: DtypeLike | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of input's shape and dtype filled with a number. PyTorch: `full_like`."""
    out = empty_as("full_like", input, dtype)
    out.fill(fitting("full_like", number("full_like", "fill_value", fill_value), out.dtype))
    return made("full_like", out, device, requires_grad)


def eye(
    n: int, m: int | None = None, *, dtype: DtypeLike | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Ones on the diagonal of an (n, m) matrix of zeros; m is n by default. PyTorch: `eye`."""
    rows = natural("eye", "n", n)
    columns = rows if m is None else natural("eye", "m", m)
    return made("eye", np.eye(rows, columns, dtype=as_numpy(dtype)), device, requires_grad)


# -------------------------------------------------------------------- sequences and grids


def _numbers_dtype(values: tuple[Any, ...]) -> np.dtype[Any]:
    """int64 for ints alone, else the default dtype."""
    return as_numpy(None if any(isinstance(v, float) for v in values) else dtypes.int64)


def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: DtypeLike | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step, ... up to but without end; `arange(end)` starts from 0. PyTorch: `arange`.

    Ints give int64, a float among them the default dtype. Raises RuntimeError if step is 0 or leads away from end.
    """
    first, last = (0, start) if end is None else (0 if start is None else start, end)
    values = tuple(number("arange", *pair) for pair in (("start", first), ("end", last), ("step", step)))
    wanted = numeric("arange", _numbers_dtype(values) if dtype is None else as_numpy(dtype))
    if not all(map(math.isfinite, values)):
        raise RuntimeError(f"arange: start, end and step must be finite, got {values}")
    if wanted == np.int64:
        values = tuple(map(int, values))
    low, high, by = values
    if by == 0:
        raise RuntimeError(f"arange: step must be nonzero, got {step} for dtype {wanted}")
    if (high - low) * by < 0:
        raise RuntimeError(f"arange: a step of {by} does not lead from {low} to {high}")
    count = -((low - high) // by) if wanted == np.int64 else math.ceil((high - low) / by)
    if wanted.kind != "f":
        low, by = int(low), int(by)
    elements = (np.arange(count, dtype=np.float64 if wanted.kind == "f" else np.int64) * by + low).astype(wanted)
    return made("arange", elements, device, requires_grad)


def _between(name: str, start: Any, end: Any, steps: Any, dtype: np.dtype[Any]) -> Array:
    """`steps` numbers from start to end, counted from both ends as PyTorch does; float64 for integer dtypes."""
    bounds = number(name, "start", start), number(name, "end", end)
    if dtype.kind != "f":
        bounds = fitting(name, bounds[0], dtype), fitting(name, bounds[1], dtype)
    work = dtype if dtype.kind == "f" else np.dtype(np.float64)
    first, last = work.type(bounds[0]), work.type(bounds[1])
    count = natural(name, "steps", steps)
    if count < 2:
        return np.full(count, first)
    step, index = (last - first) / work.type(count - 1), np.arange(count).astype(work)
    half = count // 2
    return np.concatenate([first + step * index[:half], last - step * index[: count - half][::-1]])


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: DtypeLike | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers at equal distances from start to end, both included. PyTorch: `linspace`."""
    wanted = numeric("linspace", as_numpy(dtype))
    return made("linspace", _between("linspace", start, end, steps, wanted).astype(wanted), device, requires_grad)


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: DtypeLike | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers from base**start to base**end, both included, at equal ratios. PyTorch: `logspace`."""
    wanted = numeric("logspace", as_numpy(dtype))
    exponents = _between("logspace", start, end, steps, wanted)
    powers = np.power(exponents.dtype.type(number("logspace", "base", base)), exponents)
    return made("logspace", powers.astype(wanted), device, requires_grad)


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: DtypeLike | None = dtypes.int64, device: Any = None
) -> Tensor:
    """Where a (row, col) matrix is on or below the diagonal: rows and columns, (2, N). PyTorch: `tril_indices`."""
    below = _diagonals("tril_indices", row, col, offset)
    return made("tril_indices", _places("tril_indices", below, dtype), device, False)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: DtypeLike | None = dtypes.int64, device: Any = None
) -> Tensor:
    """Where a (row, col) matrix is on or above the diagonal: rows and columns, (2, N). PyTorch: `triu_indices`."""
    above = ~_diagonals("triu_indices", row, col, integer("triu_indices", "offset", offset) - 1)
    return made("triu_indices", _places("triu_indices", above, dtype), device, False)


def _diagonals(name: str, row: Any, col: Any, offset: Any) -> NDArray[np.bool_]:
    return np.tri(natural(name, "row", row), natural(name, "col", col), integer(name, "offset", offset), np.bool_)


def _places(name: str, inside: NDArray[np.bool_], dtype: DtypeLike | None) -> Array:
    wanted = as_numpy(dtypes.int64 if dtype is None else dtype)
    if wanted not in (np.int64, np.int32):
        raise DtypeError(f"{name}: not possible for {wanted}, only for int64 and int32")
    return np.array(np.nonzero(inside), wanted)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """N one-dimensional tensors as N coordinate grids, views of shape (len(first), len(second), ...).

    indexing="xy" exchanges the first two dimensions, as for pictures. PyTorch: `meshgrid`.
    """
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    if not tensors:
        raise RuntimeError("meshgrid: expects at least one tensor")
    arrays = [array_of("meshgrid", "tensors", t) for t in tensors]
    if any(a.ndim > 1 for a in arrays):
        raise ShapeError(f"meshgrid: expects tensors of 0 or 1 dimensions, got shapes {[a.shape for a in arrays]}")
    if len({a.dtype for a in arrays}) > 1:
        raise DtypeError(f"meshgrid: expects tensors of one dtype, got {', '.join(str(a.dtype) for a in arrays)}")
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f"meshgrid: indexing must be 'ij' or 'xy', not {indexing!r}")
    shape = tuple(a.size for a in arrays)
    grids = [t.reshape([-1 if i == d else 1 for i in range(len(shape))]).expand(shape) for d, t in enumerate(tensors)]
    return tuple(g.transpose(0, 1) if indexing == "xy" and len(grids) > 1 else g for g in grids)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """Every choice of one element from each 1-d tensor, shape (N, number of tensors). PyTorch: `cartesian_prod`."""
    if any(array_of("cartesian_prod", "tensors", t).ndim != 1 for t in tensors):
        raise ShapeError("cartesian_prod: expects tensors of one dimension")
    columns = [grid.reshape(-1, 1) for grid in meshgrid(*tensors)]
    if len(columns) == 1:
        return tensors[0]
    from minigrad.ops.shape import cat

    return cat(columns, 1)


class CreateMethods:
    """Making tensors like self, as methods of Tensor."""

    __slots__ = ()
    _data: Any

    def new_empty(
        self,
        *sizes: Any,
        size: Any = None,
        dtype: DtypeLike | None = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """An uninitialised tensor of self's dtype. PyTorch: `new_empty`."""
        return empty(*sizes, size=size, dtype=dtype or self._data.dtype, device=device, requires_grad=requires_grad)

    def new_zeros(
        self,
        *sizes: Any,
        size: Any = None,
        dtype: DtypeLike | None = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """Zeros of self's dtype. PyTorch: `new_zeros`."""
        return zeros(*sizes, size=size, dtype=dtype or self._data.dtype, device=device, requires_grad=requires_grad)

    def new_ones(
        self,
        *sizes: Any,
        size: Any = None,
        dtype: DtypeLike | None = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """Ones of self's dtype. PyTorch: `new_ones`."""
        return ones(*sizes, size=size, dtype=dtype or self._data.dtype, device=device, requires_grad=requires_grad)

    def new_full(
        self,
        size: Any,
        fill_value: Any,
        *,
        dtype: DtypeLike | None = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """A tensor of self's dtype filled with a number. PyTorch: `new_full`."""
        return full(size, fill_value, dtype=dtype or self._data.dtype, device=device, requires_grad=requires_grad)

    def new_tensor(
        self, data: Any, *, dtype: DtypeLike | None = None, device: Any = None, requires_grad: bool = False
    ) -> Tensor:
        """A tensor with a copy of data, of self's dtype. PyTorch: `new_tensor`."""
        from minigrad.tensor import tensor

        return tensor(data, dtype=dtype or self._data.dtype, device=device, requires_grad=requires_grad)
