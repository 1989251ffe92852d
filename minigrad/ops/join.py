"""Joins and parts: tensors put side by side, repeated, reversed, and taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.domains import Drawn, Reals, Source
from minigrad.errors import DimensionError, ShapeError
from minigrad.families import Several, Variadic
from minigrad.function import Function, TensorCore, raw
from minigrad.ops.dims import Shape, one_dim, sizes_of, some_dims

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

__all__ = [
    "cat",
    "chunk",
    "concat",
    "concatenate",
    "flip",
    "split",
    "stack",
    "unbind",
]


class Flip(Function):
    """The order along dims reversed, a copy. PyTorch: `flip`."""

    symbol, domain, rejects = "flip", (Reals(), Drawn(lambda source, x: _distinct(source, x))), ((np.ones(2), (1,)),)

    def forward(x: Any, dims: Shape) -> Any:
        return np.flip(x, some_dims(dims, x.ndim, "flip")[: x.ndim]).copy()

    def oracle(x: Any, dims: Shape) -> Any:
        for d in dims:
            x = x.take(range(x.shape[d])[::-1], axis=d)
        return x

    def dx(g: Any, dims: Shape) -> Any:
        return Flip.apply(g, dims)


def _distinct(source: Source, x: Any) -> Shape:
    return tuple(
        d - x.ndim if source.choice((True, False)) else d for d in range(x.ndim) if source.choice((True, False))
    )


class Repeat(Function):
    """x laid side by side, repeats times along each dimension, new ones in front. PyTorch: `repeat`."""

    symbol, rejects = "repeat", ((np.ones((2, 3)), (2,)), (np.ones(2), (-1,)))
    domain = Reals(), Drawn(lambda source, x: tuple(source.integer(0, 2) for _ in range(x.ndim + source.integer(0, 1))))

    def forward(x: Any, repeats: Shape) -> Any:
        if len(repeats) < x.ndim or any(n < 0 for n in repeats):
            raise ShapeError(
                f"repeat: one number >= 0 for each of the {x.ndim} dimensions of x is needed, got {repeats}"
            )
        return np.tile(x, repeats)

    def oracle(x: Any, repeats: Shape) -> Any:
        sizes = (1,) * (len(repeats) - x.ndim) + x.shape
        x = x.reshape(sizes)
        for d, n in enumerate(repeats):
            x = x.take(np.arange(n * sizes[d]) % max(1, sizes[d]), axis=d)
        return x

    def dx(g: Any, x_shape: Any, repeats: Shape) -> Any:
        sizes = (1,) * (len(repeats) - len(x_shape)) + x_shape
        pairs = [k for pair in zip(repeats, sizes, strict=True) for k in pair]
        return np.reshape(np.sum(np.reshape(g, tuple(pairs)), axis=tuple(range(0, len(pairs), 2))), x_shape)


class Cat(Variadic):
    """Tensors joined along a dimension that exists. PyTorch: `cat`."""

    symbol, rejects = "cat", ((0, np.ones((2, 3)), np.ones((2, 4))), (2, np.ones((2, 3))), (0, np.ones(())))
    domain = (
        Drawn(lambda source: source.choice((0, 1, -1))),
        Reals(shape=lambda source, dim: (source.integer(0, 3), source.integer(1, 3))),
        Reals(shape=lambda source, dim, x: (source.integer(1, 3), x.shape[1]) if dim == 0 else (len(x), 2)),
    )

    def forward(dim: int, *tensors: Any) -> Any:
        if not tensors:
            raise ShapeError("cat: expected a non-empty list of tensors")
        if any(not t.ndim for t in tensors):
            raise ShapeError("cat: zero-dimensional tensors cannot be concatenated; use stack")
        if any(t.shape == (0,) for t in tensors):  # PyTorch lets empty vectors pass whatever the other shapes
            tensors = tuple(t for t in tensors if t.shape != (0,)) or tensors[:1]
            if tensors[0].shape == (0,):
                return tensors[0].copy()
        return np.concatenate(tensors, axis=one_dim(dim, tensors[0].ndim, "cat"))

    def oracle(dim: int, *tensors: Any) -> Any:
        return np.vstack(tensors) if dim == 0 else np.hstack(tensors)

    def dtensors(g: Any, tensors_shape: Any, dim: int) -> Any:
        starts, parts = 0, []
        for shape in tensors_shape:
            if shape == (0,):
                parts.append(np.zeros(shape, raw(g).dtype))
                continue
            index = [slice(None)] * g.ndim
            index[dim] = slice(starts, starts + shape[dim])
            parts.append(g[tuple(index)])
            starts += shape[dim]
        return parts


class Stack(Variadic):
    """Tensors of one shape joined along a new dimension. PyTorch: `stack`."""

    symbol, rejects = "stack", ((0, np.ones((2, 3)), np.ones((2, 4))), (3, np.ones((2, 3))))
    domain = (
        Drawn(lambda source: source.choice((0, 1, -1))),
        Reals(shape=lambda source, dim: (source.integer(0, 3), source.integer(1, 3))),
        Reals(shape=lambda source, dim, x: x.shape),
    )

    def forward(dim: int, *tensors: Any) -> Any:
        if not tensors:
            raise ShapeError("stack: expected a non-empty list of tensors")
        shape = tensors[0].shape
        place = one_dim(dim, len(shape) + 1, "stack")
        if any(t.shape != shape for t in tensors):
            raise ShapeError(f"stack expects each tensor to be equal size, but got {[t.shape for t in tensors]}")
        return np.concatenate([t.reshape((*shape[:place], 1, *shape[place:])) for t in tensors], axis=place)

    def oracle(dim: int, *tensors: Any) -> Any:
        return np.concatenate([np.expand_dims(t, dim) for t in tensors], axis=dim)

    def dtensors(g: Any, tensors_shape: Any, dim: int) -> Any:
        lead = (slice(None),) * (dim % g.ndim)
        return [g[(*lead, i)] for i in range(len(tensors_shape))]


class Split(Several):
    """Consecutive parts of x along dim, of the given sizes. PyTorch: `split`."""

    symbol, rejects = "split", ((np.ones(4), (3, 2), 0), (np.ones(4), (2, 2), 1))
    domain = (
        Reals(shape=lambda source: (source.integer(2, 4), source.integer(1, 3))),
        Drawn(lambda source, x: (1, len(x) - 1)),
        Drawn(lambda source, x, sizes: source.choice((0, -2))),
    )

    def forward(x: Any, sizes: Shape, dim: int) -> Any:
        axis = one_dim(dim, x.ndim, "split")
        if not x.ndim or sum(sizes) != x.shape[axis] or any(n < 0 for n in sizes):
            raise ShapeError(
                f"split: sizes {sizes} must be >= 0 and sum to {x.shape[axis] if x.ndim else 0}, the size of dim {dim}"
            )
        ends = np.cumsum(sizes).tolist()
        lead = (slice(None),) * axis
        return [x[(*lead, slice(end - n, end))] for n, end in zip(sizes, ends, strict=True)]

    def oracle(x: Any, sizes: Shape, dim: int) -> Any:
        return x[: sizes[0]], x[sizes[0] :]

    def dx(gs: Any, dim: int) -> Any:
        return np.concatenate(gs, axis=dim)


class Unbind(Several):
    """The slices of x along dim, without that dimension. PyTorch: `unbind`."""

    symbol, rejects = "unbind", ((np.ones((2, 3)), 2),)
    domain = Reals(shape=lambda source: (source.integer(1, 3), source.integer(0, 3))), Drawn(lambda source, x: 0)

    def forward(x: Any, dim: int) -> Any:
        if not x.ndim:
            raise DimensionError("unbind: a 0-d tensor has no dimension to unbind")
        moved = np.moveaxis(x, one_dim(dim, x.ndim, "unbind"), 0)
        return [moved[i, ...] for i in range(len(moved))]

    def oracle(x: Any, dim: int) -> Any:
        return [x.take(i, axis=dim) for i in range(x.shape[dim])]

    def dx(gs: Any, dim: int) -> Any:
        return np.stack(gs, axis=dim)


# ------------------------------------------------------------------ functions


def flip(input: Tensor, dims: int | Sequence[int]) -> Tensor:
    """A copy with the order along dims reversed. PyTorch: `flip`."""
    return Flip.apply(input, tuple(dims) if isinstance(dims, (tuple, list)) else (dims,))


def cat(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Tensors joined along dim. PyTorch: `cat`. Raises ShapeError unless all other sizes are equal."""
    return Cat.apply(dim if axis is None else axis, *listed(tensors, "cat"))


concat = concatenate = cat


def stack(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Tensors of one shape joined along a new dim. PyTorch: `stack`. Raises ShapeError if shapes differ."""
    return Stack.apply(dim if axis is None else axis, *listed(tensors, "stack"))


def listed(tensors: Any, name: str) -> Sequence[Any]:
    if isinstance(tensors, TensorCore) or not isinstance(tensors, (list, tuple)):
        raise TypeError(
            f"{name}(): argument 'tensors' must be a tuple or list of tensors, not {type(tensors).__name__}"
        )
    if not tensors:
        raise ShapeError(f"{name}(): expected a non-empty list of tensors")
    for i, x in enumerate(tensors):
        if not isinstance(x, (TensorCore, np.ndarray)):
            raise TypeError(f"{name}(): expected Tensor as element {i} in argument 0, but got {type(x).__name__}")
    return tensors


def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of one size (the last may be smaller), or of the given sizes, along dim; views. PyTorch: `split`."""
    shape, sizes = raw(tensor).shape, split_size_or_sections
    length = shape[one_dim(dim, len(shape), "split")] if shape else 0
    if isinstance(sizes, (int, np.integer)):
        if sizes < 0 or (sizes == 0 and length):
            raise RuntimeError(f"split: split_size must be positive, not {sizes}")
        sizes = [min(sizes, length - start) for start in range(0, length, sizes)] if length else [0]
    parts: tuple[Tensor, ...] = Split.apply(tensor, tuple(sizes), dim)
    return parts


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` parts of equal size (the last may be smaller) along dim; views. PyTorch: `chunk`."""
    shape = raw(input).shape
    if not shape or chunks <= 0:
        raise RuntimeError(f"chunk expects chunks > 0 and at least 1 dimension, got {chunks} of shape {tuple(shape)}")
    length = shape[one_dim(dim, len(shape), "chunk")]
    return split(input, -(-length // chunks) if length else [0] * chunks, dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along dim; views. PyTorch: `unbind`."""
    parts: tuple[Tensor, ...] = Unbind.apply(input, dim)
    return parts


class JoinMethods:
    """The functions above as methods, and what PyTorch has only as a method."""

    __slots__ = ()

    chunk, unbind = chunk, unbind

    def repeat(self, *sizes: Any, repeats: Any = None) -> Tensor:
        """Copies side by side, so many times along each dimension. PyTorch: `Tensor.repeat`."""
        return Repeat.apply(self, sizes_of(sizes, repeats, "repeat"))

    def flip(self, *sizes: Any, dims: Any = None) -> Tensor:
        """A copy with the order along dims reversed. PyTorch: `Tensor.flip`."""
        return Flip.apply(self, sizes_of(sizes, dims, "flip"))

    def split(self, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
        """Parts of one size (the last may be smaller), or of the given sizes; views. PyTorch: `Tensor.split`."""
        return split(self, split_size, dim)  # type: ignore[arg-type]
