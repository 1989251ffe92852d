"""Indexing: picking elements and putting them back, repeated indices included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from minigrad.domains import Drawn, Reals, Source
from minigrad.errors import DimensionError, DtypeError, ShapeError, describe
from minigrad.function import Function, TensorCore, raw, wrap
from minigrad.memory import check_inplace, inplace
from minigrad.ops.arguments import array_of, fitting, number
from minigrad.ops.dims import Shape, one_dim
from minigrad.ops.getitem import FULL, fixed, halves, is_basic, normalised, normalised_entry, put, taken
from minigrad.ops.getitem import Getitem as Getitem
from minigrad.ops.getitem import IndexAdd as IndexAdd
from minigrad.ops.shape import broadcast_shapes

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

__all__ = [
    "argwhere",
    "gather",
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_select",
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "narrow",
    "nonzero",
    "scatter",
    "scatter_add",
    "select",
    "take_along_dim",
]

T = TypeVar("T", bound="IndexMethods")


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
        return np.atleast_1d(x)[lines(x.shape, dim, index, "gather")].reshape(index.shape)[()]

    def oracle(x: Any, dim: int, index: Any) -> Any:
        out = np.empty(index.shape)
        for i, j in np.ndindex(index.shape):
            out[i, j] = x[index[i, j], j] if dim == 0 else x[i, index[i, j]]
        return out

    def dx(g: Any, x_shape: Any, dim: int, index: Any) -> Any:
        place = lines(x_shape, dim, index, "gather")
        values = np.reshape(g, place[0].shape if len(place) == 1 else index.shape)
        return np.reshape(IndexAdd.apply(values, x_shape or (1,), place), x_shape)


# ------------------------------------------------------------------ reading indices


def lines(shape: Any, dim: int, index: Any, name: str) -> tuple[Any, ...]:
    """The NumPy index of what `gather` picks from an array of that shape (0-d as 1-d). Raises if it does not fit."""
    index = positions(index, name)
    axis = one_dim(dim, len(shape), name)
    shape = tuple(shape) or (1,)
    if not index.size:
        return (np.zeros(index.shape, np.int64),) * len(shape)
    index = np.atleast_1d(index)
    if index.ndim != len(shape) or any(n > m for i, (n, m) in enumerate(zip(index.shape, shape)) if i != axis):  # noqa: B905
        raise ShapeError(
            f"{name}: index of shape {index.shape} must have as many dimensions as {shape} and be no larger "
            f"apart from dimension {axis}"
        )
    inside(index, shape[axis], axis, name)
    return tuple(
        index if i == axis else np.arange(n).reshape((n,) + (1,) * (index.ndim - 1 - i))
        for i, n in enumerate(index.shape)
    )


def positions(index: Any, name: str) -> Any:
    """An array of int64 or int32, `fixed`. Raises DtypeError for other dtypes."""
    if index.dtype != np.int64 and index.dtype != np.int32:
        raise DtypeError(f"{name}(): Expected dtype int32 or int64 for index, got {index.dtype}")
    return fixed(index)


def inside(index: Any, length: int, axis: int, name: str) -> None:
    """Raise DimensionError unless all positions are in [0, length)."""
    if index.size and (index.min() < 0 or index.max() >= length):
        bad = index[(index < 0) | (index >= length)].flat[0]
        raise DimensionError(f"{name}: index {bad} is out of bounds for dimension {axis} with size {length}")


def along(x: Any, dim: int, index: Any, name: str, negative: bool = False) -> tuple[Any, ...]:
    """The NumPy index of the slices of x along dim that a vector (or one number) names. Raises if it does not fit."""
    index, shape = np.atleast_1d(positions(array_of(name, "index", index), name)), x._data.shape
    axis = one_dim(dim, len(shape), name)
    if index.ndim > 1:
        raise DimensionError(f"{name}(): Index is supposed to be a vector, got shape {index.shape}")
    length = shape[axis] if shape else 1
    inside(np.where(index < 0, index + length, index) if negative else index, length, axis, name)
    if shape:
        return (FULL,) * axis + (index,)
    if index.size != 1:
        raise DimensionError(f"{name}(): Index to scalar can have only 1 value, got {index.size} value(s)")
    return (Ellipsis,)


def alike(x: Any, values: Any, name: str, argument: str = "src") -> None:
    """Raise unless values is a Tensor of x's dtype."""
    if array_of(name, argument, values).dtype != x._data.dtype:
        raise DtypeError(
            f"{name}(): Expected {argument} of the dtype of {describe(x)}, got {describe(values)}; convert it first"
        )


def element(x: Any, value: Any, name: str) -> Any:
    """A number or 0-d tensor as an element of x."""
    if not isinstance(value, TensorCore):
        return fitting(name, number(name, "value", value), x._data.dtype)
    if value._data.ndim:
        raise ShapeError(f"{name} only supports a 0-dimensional value tensor, but got {describe(value)}")
    return value.to(x._data.dtype)  # type: ignore[attr-defined]


# ------------------------------------------------------------------ functions


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """Elements picked along dim by an integer index of the same number of dimensions. PyTorch: `gather`.

    Raises DimensionError for positions out of range (negative ones too), ShapeError for an index that does not fit.
    """
    return Gather.apply(input, dim, fixed(array_of("gather", "index", index)))


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """`gather` with an index that broadcasts; without dim from input as a vector. PyTorch: `take_along_dim`."""
    index = array_of("take_along_dim", "indices", indices)
    if dim is None:
        return Gather.apply(input.reshape(-1), 0, fixed(index.reshape(-1)))
    x = raw(input)
    axis = one_dim(dim, x.ndim, "take_along_dim")
    if index.ndim != x.ndim:
        raise ShapeError(
            f"take_along_dim: input and indices should have as many dimensions, got {x.shape} and {index.shape}"
        )
    shape, wide = list(x.shape), list(index.shape)
    shape[axis] = wide[axis] = 1
    shape = wide = list(broadcast_shapes(tuple(shape), tuple(wide)))
    source = input.expand([*shape[:axis], x.shape[axis], *shape[axis + 1 :]])
    index = np.broadcast_to(index, [*wide[:axis], index.shape[axis], *wide[axis + 1 :]])
    return Gather.apply(source, axis, np.where(index < 0, index + x.shape[axis], index))


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices along dim that a 1-d index names. PyTorch: `index_select`."""
    return Getitem.apply(input, along(input, dim, index, "index_select"))


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """value, a number or 0-d tensor, where mask is true, input elsewhere. PyTorch: `masked_fill`."""
    from minigrad.ops.elementwise import Where

    return Where.apply(truth(mask, "masked_fill"), element(input, value, "masked_fill"), input)


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where mask is true, as a vector. PyTorch: `masked_select`."""
    shape = tuple(broadcast_shapes(raw(input).shape, array_of("masked_select", "mask", mask).shape))
    return Getitem.apply(
        input.expand(shape).reshape(shape or (1,)), (np.broadcast_to(truth(mask, "masked_select"), shape or (1,)),)
    )


def truth(mask: Any, name: str) -> Any:
    """The array of a boolean mask, `fixed`."""
    if array_of(name, "mask", mask).dtype != bool:
        raise DtypeError(f"{name}: expected a boolean mask, got {describe(mask)}")
    return fixed(raw(mask))


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not zero: (n, ndim), or a tuple of one vector a dimension. PyTorch: `nonzero`."""
    x = raw(input)
    found = np.nonzero(np.atleast_1d(x))
    if as_tuple:
        return tuple(map(wrap, found))
    return wrap(np.stack(found, axis=1) if x.ndim else np.empty((len(found[0]), 0), np.int64))


def argwhere(input: Tensor) -> Tensor:
    """The indices of the elements that are not zero, one row each. PyTorch: `argwhere`."""
    return nonzero(input)


def narrow(input: Tensor, dim: int, start: int | Tensor, length: int) -> Tensor:
    """x[start : start + length] along dim, a view. PyTorch: `narrow`."""
    shape, begin = raw(input).shape, int(start)
    if not shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    axis = one_dim(dim, len(shape), "narrow")
    n = shape[axis]
    if not -n <= begin <= n:
        raise DimensionError(f"narrow: start out of range (expected to be in range of [{-n}, {n}], but got {begin})")
    begin += n if begin < 0 else 0
    if length < 0 or begin + length > n:
        raise RuntimeError(f"narrow: start ({begin}) + length ({length}) exceeds dimension size ({n}).")
    return Getitem.apply(input, (FULL,) * axis + (slice(begin, begin + length),))


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The slice at one index along dim, a view. PyTorch: `select`."""
    return Getitem.apply(input, (FULL,) * one_dim(dim, raw(input).ndim, "select") + (int(index),))


def index_put(input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False) -> Tensor:
    """`index_put_` on a copy."""
    return input.clone().index_put_(indices, values, accumulate)


def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:
    """`scatter_` on a copy."""
    return input.clone().scatter_(dim, index, src, value=value, reduce=reduce)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """`scatter_add_` on a copy."""
    return input.clone().scatter_add_(dim, index, src)


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """`index_add_` on a copy."""
    return input.clone().index_add_(dim, index, source, alpha=alpha)


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """`index_copy_` on a copy."""
    return input.clone().index_copy_(dim, index, source)


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """`index_fill_` on a copy."""
    return input.clone().index_fill_(dim, index, value)


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """`masked_scatter_` on a copy."""
    return input.clone().masked_scatter_(mask, source)


class IndexMethods:
    """Indexing as methods and operators of Tensor."""

    __slots__ = ()
    _data: Any

    gather, take_along_dim, index_select, masked_fill = gather, take_along_dim, index_select, masked_fill
    masked_select, nonzero, argwhere, narrow, select = masked_select, nonzero, argwhere, narrow, select
    index_put, scatter, scatter_add, index_add = index_put, scatter, scatter_add, index_add
    index_copy, index_fill, masked_scatter = index_copy, index_fill, masked_scatter

    def __getitem__(self, index: Any) -> Tensor:
        place = normalised(index, "getitem")
        parts = halves(place)
        if parts is None:
            return Getitem.apply(self, place)
        return Getitem.apply(Getitem.apply(self, parts[0]), parts[1])

    def __setitem__(self, index: Any, value: Any) -> None:
        place, x = normalised(index, "setitem"), self
        parts = halves(place)
        if parts is not None:
            check_inplace(self, "setitem")  # type: ignore[arg-type]
            x, place = Getitem.apply(self, parts[0]), parts[1]
        if isinstance(value, TensorCore):
            by_mask = value._data.size == 1 and all(getattr(e, "dtype", None) == np.bool_ for e in place)
            if not is_basic(place) and not by_mask:
                alike(x, value, "setitem", "value")
        elif isinstance(value, np.ndarray):
            value = value.astype(x._data.dtype)
        else:
            value = fitting("setitem", number("setitem", "value", value), x._data.dtype)
        put(x, place, value, "setitem")

    def index_put_(self: T, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False) -> T:
        """self[indices] = values, or += with repeated indices adding up. PyTorch: `index_put_`."""
        place = tuple(normalised_entry(array_of("index_put_", "indices", i), "index_put_") for i in indices)
        alike(self, values, "index_put_", "values")
        if sum(map(taken, place)) > self._data.ndim:
            raise DimensionError(f"index_put_: too many indices for {describe(self)}")
        if not accumulate:
            return put(self, place, values, "index_put_")
        return self._add_at(place, values, "index_put_")

    def scatter_(
        self: T, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
    ) -> T:
        """Write src's elements, or one value, to the places along dim that index names. PyTorch: `scatter_`."""
        if reduce is not None:
            raise NotImplementedError("scatter_: reduce is not supported; use scatter_add_ to add")
        place = lines(self._data.shape, dim, array_of("scatter_", "index", index), "scatter_")
        if isinstance(src, TensorCore) and value is None:
            alike(self, src, "scatter_")
            new: Any = corner(src, raw(index), "scatter_")
        else:
            new = element(self, src if value is None else value, "scatter_")
        if not raw(index).size:
            return self
        if not self._data.ndim:
            place, new = (Ellipsis,), new.reshape(-1)[-1] if np.ndim(raw(new)) else new
        return put(self, place, new, "scatter_")

    def scatter_add_(self: T, dim: int, index: Tensor, src: Tensor) -> T:
        """Add src's elements at the places along dim that index names. PyTorch: `scatter_add_`."""
        place = lines(self._data.shape, dim, array_of("scatter_add_", "index", index), "scatter_add_")
        alike(self, src, "scatter_add_")
        return self._add_at(place, corner(src, raw(index), "scatter_add_"), "scatter_add_")

    def index_add_(self: T, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> T:
        """Add alpha times the slices of source to those along dim that index names. PyTorch: `index_add_`."""
        place = along(self, dim, index, "index_add_")
        alike(self, source, "index_add_", "source")
        slices(source, self, place, "index_add_")
        return self._add_at(place, source if alpha == 1 else source * alpha, "index_add_")

    def _add_at(self: T, place: Any, values: Any, name: str) -> T:
        from minigrad.ops.elementwise import Add

        shape = self._data.shape
        picked = np.broadcast_to(np.empty((), bool), shape or (1,))[place].shape
        try:
            values = values.expand(picked)
        except RuntimeError as error:
            raise ShapeError(
                f"{name}: {describe(values)} does not fit into the index of a {describe(self)}: {error}"
            ) from None
        added = IndexAdd.apply(values, shape or (1,), place).reshape(shape)
        return inplace(Add, self, added, name=name)

    def index_copy_(self: T, dim: int, index: Tensor, source: Tensor) -> T:
        """Write the slices of source over those along dim that index names. PyTorch: `index_copy_`."""
        place = along(self, dim, index, "index_copy_")
        alike(self, source, "index_copy_", "source")
        if source._data.size == 1 and source._data.ndim < 2 and self._data.ndim < 2:  # one number, 0-d or not
            source = source.reshape((1,) * self._data.ndim)
        slices(source, self, place, "index_copy_")
        return put(self, place, source, "index_copy_")

    def index_fill_(self: T, dim: int, index: Tensor, value: Any) -> T:
        """Every element of the slices along dim that index names becomes value. PyTorch: `index_fill_`."""
        *lead, places = along(self, dim, index, "index_fill_", negative=True)
        if self._data.ndim:
            places = np.unique(places % self._data.shape[len(lead)])  # a repeated one takes the value's gradient once
        return put(self, (*lead, places), element(self, value, "index_fill_"), "index_fill_")

    def masked_fill_(self: T, mask: Tensor, value: Any) -> T:
        """value, a number or 0-d tensor, where mask is true. PyTorch: `masked_fill_`."""
        return put(self, (wide(mask, self, "masked_fill_"),), element(self, value, "masked_fill_"), "masked_fill_")

    def masked_scatter_(self: T, mask: Tensor, source: Tensor) -> T:
        """The first elements of source, in order, where mask is true. PyTorch: `masked_scatter_`."""
        alike(self, source, "masked_scatter_", "source")
        place = wide(mask, self, "masked_scatter_")
        count = int(np.count_nonzero(place))
        if raw(source).size < count:
            raise ShapeError(
                f"masked_scatter_: {describe(source)} has fewer elements than the {count} that the mask has"
            )
        return put(self, (place,), source.reshape(-1)[:count], "masked_scatter_")


def wide(mask: Any, x: Any, name: str) -> Any:
    """The array of a mask, broadcast to x."""
    try:
        return np.broadcast_to(truth(mask, name), x._data.shape)
    except ValueError:
        raise ShapeError(f"{name}: {describe(mask)} does not broadcast to {describe(x)}") from None


def corner(source: Any, index: Any, name: str) -> Any:
    """The part of source that an index of this shape covers."""
    shape = source._data.shape
    if not index.size:
        return source.reshape(-1)[:0].reshape(index.shape)
    if (len(shape) or 1) != (index.ndim or 1) or any(n > m for n, m in zip(index.shape, shape, strict=False)):
        raise ShapeError(f"{name}: index of shape {index.shape} must be no larger than {describe(source)}")
    return source[tuple(slice(0, n) for n in index.shape)] if shape else source


def slices(source: Any, x: Any, place: tuple[Any, ...], name: str) -> None:
    """Raise DimensionError unless source has one slice for each that the index of `along` names."""
    shape = x._data.shape
    wanted: Shape = (*shape[: len(place) - 1], place[-1].size, *shape[len(place) :]) if shape else ()
    if source._data.shape != wanted:
        raise DimensionError(
            f"{name}: expected a source of shape {wanted}, one slice for each index, got {describe(source)}"
        )
