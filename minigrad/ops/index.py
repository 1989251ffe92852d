"""Indexing: picking elements and putting them back, repeated indices included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from minigrad.domains import Drawn, Index, Reals, Source
from minigrad.errors import DimensionError, DtypeError, ShapeError, describe
from minigrad.function import Function, TensorCore, edge_of, is_recording, raw, record, wrap
from minigrad.kernels.scatter import add_at
from minigrad.memory import check_inplace, inplace, rebase, wrote

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

__all__ = [
    "gather",
    "index_select",
    "masked_fill",
    "masked_select",
    "narrow",
    "nonzero",
    "select",
]

T = TypeVar("T", bound="IndexMethods")


def is_basic(index: Any) -> bool:
    """Whether NumPy answers with a view: slices, integers, None and Ellipsis only."""
    entries = index if isinstance(index, tuple) else (index,)
    return all(
        e is None or e is Ellipsis or isinstance(e, (slice, int, np.integer)) and not isinstance(e, bool)
        for e in entries
    )


class Getitem(Function):
    """x[index], basic (a view), integer, boolean and mixed, as NumPy and PyTorch mean it."""

    symbol, is_view, domain = "[ ]", True, (Reals(), Index)
    rejects = ((np.ones(3), (3,)), (np.ones(3), (0, 0)), (np.ones(3), (np.array([3]),)))

    def forward(x: Any, index: Any) -> Any:
        return x[(*index, Ellipsis)] if is_basic(index) and Ellipsis not in index else x[index]

    def oracle(x: Any, index: Any) -> Any:
        return x.reshape(-1)[np.arange(x.size).reshape(x.shape)[index]]

    def dx(g: Any, x_shape: Any, index: Any) -> Any:
        return IndexAdd.apply(g, x_shape, index)


class IndexAdd(Function):
    """Zeros of a shape with values added at an index, repeated ones adding up: the adjoint of indexing."""

    symbol = "[ ]+="
    domain = (
        Reals(shape=lambda source: (source.integer(0, 4), 2)),
        Drawn(lambda source, values: (3, 2)),
        Drawn(lambda source, values, shape: (np.array([source.integer(-3, 2) for _ in values], dtype=np.int64),)),
    )

    def forward(values: Any, shape: Any, index: Any) -> Any:
        out = np.zeros(shape, values.dtype)
        if is_basic(index):
            out[index] = values
        else:
            add_at(out, index, values)
        return out

    def oracle(values: Any, shape: Any, index: Any) -> Any:
        out = np.zeros(shape)
        for i, v in zip(index[0], values, strict=True):
            out[i] += v
        return out

    def dvalues(g: Any, index: Any) -> Any:
        return g[index]


class IndexPut(Function):
    """x with x[index] = values: the rest keeps its gradient, values get that of the elements they became."""

    symbol = "[ ]="
    domain = (
        Reals(shape=lambda source: (3, 2)),
        Reals(shape=lambda source, x: source.choice(((2, 2), (2,), (1,), ()))),
        Drawn(lambda source, x, values: (np.array([source.choice((0, 1)), 2]),)),
    )
    rejects = ((np.ones(3), np.ones(2), (slice(None),)), (np.ones(3), np.ones(()), (5,)))

    def forward(x: Any, values: Any, index: Any) -> Any:
        out = np.array(x)
        out[index] = values
        return out

    def oracle(x: Any, values: Any, index: Any) -> Any:
        out = x.copy()
        for i, row in zip(index[0], np.broadcast_to(values, (len(index[0]), 2)), strict=True):
            out[i] = row
        return out

    def dx(g: Any, index: Any) -> Any:
        return IndexPut.apply(g, np.zeros((), raw(g).dtype), index)

    def dvalues(g: Any, values_shape: Any, index: Any) -> Any:
        from minigrad.kernels.sums import sum_to

        picked = g[index]
        while picked.ndim < len(values_shape):  # assignment drops leading ones
            picked = np.expand_dims(picked, 0)
        return sum_to(picked, values_shape)


def _lines(source: Source, x: Any, dim: int) -> Any:
    shape = list(x.shape)
    shape[dim] = source.integer(0, 4)
    size = int(np.prod(shape))
    return np.array([source.integer(0, x.shape[dim] - 1) for _ in range(size)], dtype=np.int64).reshape(shape)


MATRIX = Reals(shape=lambda source: (source.integer(1, 3), source.integer(1, 3)))
EITHER = Drawn(lambda source, x: source.choice((0, 1)))


class Gather(Function):
    """out[i][j] = x[index[i][j]][j] for dim 0, and so on. PyTorch: `gather`."""

    symbol, domain = "gather", (MATRIX, EITHER, Drawn(_lines))
    rejects = (
        (np.ones((2, 2)), 0, np.array([[2]])),
        (np.ones((2, 2)), 2, np.array([[0]])),
        (np.ones((2, 2)), 0, np.array([0])),
    )

    def forward(x: Any, dim: int, index: Any) -> Any:
        return x[lines(x.shape, dim, raw(index), "gather")][()]

    def oracle(x: Any, dim: int, index: Any) -> Any:
        out = np.empty(index.shape)
        for i, j in np.ndindex(index.shape):
            out[i, j] = x[index[i, j], j] if dim == 0 else x[i, index[i, j]]
        return out

    def dx(g: Any, x_shape: Any, dim: int, index: Any) -> Any:
        return IndexAdd.apply(g, x_shape, lines(x_shape, dim, raw(index), "gather"))


def lines(shape: Any, dim: int, index: Any, name: str) -> Any:
    """The full NumPy index of what `gather` picks. Raises for an index that does not fit."""
    from minigrad.ops.reduce import one_dim

    if index.dtype.kind not in "iu":
        raise DtypeError(f"{name}(): Expected dtype int64 for index, got {index.dtype}")
    axis = one_dim(dim, len(shape), name)
    if not shape:
        return (np.zeros(np.shape(index), np.int64),)[:0] if not np.ndim(index) else index * 0
    if np.ndim(index) != len(shape) or any(
        n > m for i, (n, m) in enumerate(zip(index.shape, shape, strict=True)) if i != axis
    ):
        raise ShapeError(
            f"{name}: index of shape {index.shape} must have as many dimensions as {tuple(shape)} and be no larger "
            f"apart from dimension {axis}"
        )
    if index.size and (index.min() < 0 or index.max() >= shape[axis]):
        raise DimensionError(f"{name}: index out of bounds for dimension {axis} with size {shape[axis]}")
    grid = list(np.ix_(*map(np.arange, index.shape)))
    grid[axis] = index
    return tuple(grid)


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Elements picked along dim by an int64 index of the same number of dimensions. PyTorch: `gather`."""
    return Gather.apply(input, dim, raw(index))


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices along dim that a 1-d index names. PyTorch: `index_select`."""
    from minigrad.ops.reduce import one_dim

    axis = one_dim(dim, raw(input).ndim, "index_select")
    if raw(index).ndim > 1:
        raise DimensionError(f"index_select(): Index is supposed to be a vector, got shape {raw(index).shape}")
    return Getitem.apply(input, ((slice(None),) * axis + (np.atleast_1d(raw(index)),)))


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """value where mask is true, input elsewhere. PyTorch: `masked_fill`."""
    from minigrad.ops.elementwise import Where

    return Where.apply(mask, value, input)


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where mask is true, as a vector. PyTorch: `masked_select`."""
    shape = np.broadcast_shapes(raw(input).shape, raw(mask).shape)
    return Getitem.apply(input.expand(shape), (np.broadcast_to(raw(mask), shape),))


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not zero: (n, ndim), or a tuple of one vector a dimension. PyTorch: `nonzero`."""
    found = np.nonzero(np.atleast_1d(raw(input)))
    if as_tuple:
        return tuple(wrap(i) for i in found)
    return wrap(np.stack(found, axis=1) if raw(input).ndim else np.empty((int(bool(raw(input))), 0), np.int64))


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """x[start : start + length] along dim, a view. PyTorch: `narrow`."""
    from minigrad.ops.reduce import one_dim

    axis = one_dim(dim, raw(input).ndim, "narrow")
    n = raw(input).shape[axis]
    start = start + n if start < 0 else start
    if not 0 <= start <= start + length <= n:
        raise RuntimeError(f"narrow: start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return Getitem.apply(input, (slice(None),) * axis + (slice(start, start + length),))


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The slice at one index along dim, a view. PyTorch: `select`."""
    from minigrad.ops.reduce import one_dim

    return Getitem.apply(input, (slice(None),) * one_dim(dim, raw(input).ndim, "select") + (index,))


def normalised(index: Any, name: str) -> tuple[Any, ...]:
    """An index as NumPy's: Tensors and lists as arrays, always a tuple. Raises for entries that index nothing."""
    entries = []
    for e in index if isinstance(index, tuple) else (index,):
        if isinstance(e, TensorCore):
            e = e._data
            if e.dtype.kind == "f":
                raise DimensionError(
                    f"{name}: tensors used as indices must be long, int, byte or bool tensors, got {e.dtype}"
                )
            if e.dtype == np.uint8:
                e = e.astype(bool)
            e = int(e) if not e.ndim and e.dtype.kind != "b" else np.asarray(e)
        elif isinstance(e, (list, range)):
            e = np.asarray([raw(i) for i in e], dtype=None if len(e) else np.int64)
        elif isinstance(e, slice):
            e = slice(*(None if s is None else int(s) for s in (e.start, e.stop, e.step)))
            if e.step is not None and e.step <= 0:
                raise ValueError(f"{name}: step must be greater than zero, got {e.step}; use flip()")
        elif not (e is None or e is Ellipsis or isinstance(e, (int, np.integer, np.ndarray, bool, np.bool_))):
            raise TypeError(
                f"{name}: only integers, slices (`:`), ellipsis (`...`), None and long or bool tensors are valid "
                f"indices (got {type(e).__name__})"
            )
        if isinstance(e, np.ndarray) and e.dtype.kind not in "iub":
            raise DimensionError(f"{name}: arrays used as indices must be integers or booleans, got {e.dtype}")
        entries.append(e)
    return tuple(entries)


class IndexMethods:
    """Indexing as methods and operators of Tensor."""

    __slots__ = ()

    gather, index_select, masked_fill, masked_select = gather, index_select, masked_fill, masked_select
    nonzero, narrow, select = nonzero, narrow, select

    def __getitem__(self, index: Any) -> Tensor:
        return Getitem.apply(self, normalised(index, "getitem"))

    def __setitem__(self, index: Any, value: Any) -> None:
        check_inplace(self, "setitem")  # type: ignore[arg-type]
        index = normalised(index, "setitem")
        buffer: Any = self._buffer()  # type: ignore[attr-defined]
        if not isinstance(value, TensorCore):
            value = wrap(np.asarray(value, dtype=buffer.dtype))
        elif value._data.dtype != buffer.dtype:
            value = value.to(buffer.dtype)
        if not buffer.flags.writeable:
            raise RuntimeError(f"setitem: the buffer of {describe(self)} cannot be written; clone() it first")
        try:
            before = value._data
            buffer[index] = np.array(before) if np.may_share_memory(before, buffer) else before
        except ValueError as error:
            raise ShapeError(
                f"setitem: {describe(value)} does not fit into the index of a {describe(self)}: {error}"
            ) from None
        except IndexError as error:
            raise DimensionError(f"setitem: {describe(self)}: {error}") from None
        edges = (edge_of(self), edge_of(value)) if is_recording() else (None, None)  # type: ignore[arg-type]
        wrote(self)  # type: ignore[arg-type]
        if edges != (None, None):
            rebase(self, record(IndexPut, (self, value, index), edges, None))  # type: ignore[arg-type]

    def masked_fill_(self: T, mask: Tensor, value: Any) -> T:
        """value where mask is true. PyTorch: `masked_fill_`."""
        check_inplace(self, "masked_fill_")  # type: ignore[arg-type]
        self[np.broadcast_to(raw(mask), self._data.shape)] = value  # type: ignore[attr-defined]
        return self

    def scatter_add_(self: T, dim: int, index: Tensor, src: Tensor) -> T:
        """Add src's elements at the places along dim that index names. PyTorch: `scatter_add_`."""
        from minigrad.ops.elementwise import Add

        index_ = raw(index)
        part = src[tuple(slice(0, n) for n in index_.shape)]
        shape = self._data.shape  # type: ignore[attr-defined]
        return inplace(
            Add, self, IndexAdd.apply(part, shape, lines(shape, dim, index_, "scatter_add_")), name="scatter_add_"
        )

    def index_add_(self: T, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> T:
        """Add the slices of source to those along dim that index names. PyTorch: `index_add_`."""
        from minigrad.ops.elementwise import Add

        shape = self._data.shape  # type: ignore[attr-defined]
        place = (slice(None),) * (dim % len(shape)) + (raw(index),)
        scaled = source if alpha == 1 else source * alpha
        return inplace(Add, self, IndexAdd.apply(scaled, shape, place), name="index_add_")
