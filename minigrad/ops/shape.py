"""Shapes: views of the same memory where NumPy can make one, joins and parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.domains import Dim, Drawn, Reals, Source
from minigrad.errors import DimensionError, ShapeError
from minigrad.function import Function, Several, TensorCore, Variadic, raw
from minigrad.memory import check_inplace
from minigrad.ops.reduce import all_dims, one_dim

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

__all__ = [
    "broadcast_to",
    "cat",
    "chunk",
    "expand",
    "flatten",
    "movedim",
    "permute",
    "reshape",
    "split",
    "squeeze",
    "stack",
    "t",
    "transpose",
    "unbind",
    "unflatten",
    "unsqueeze",
    "view",
]

Shape = tuple[int, ...]


def _regrouped(source: Source, x: Any) -> Shape:
    """A shape with as many elements as x."""
    rest, shape = x.size, []
    while rest > 1 and source.choice((True, True, False)):
        factor = source.choice([k for k in range(1, rest + 1) if rest % k == 0])
        shape.append(factor)
        rest //= factor
    return (*shape, rest)


class Reshape(Function):
    """x with another shape and the same elements in order. PyTorch: `reshape`."""

    symbol, is_view, domain, rejects = "reshape", True, (Reals(), Drawn(_regrouped)), ((np.ones(6), (4, 2)),)

    def forward(x: Any, shape: Shape) -> Any:
        return np.reshape(x, shape)

    def oracle(x: Any, shape: Shape) -> Any:
        return np.array(list(x.flat)).reshape(shape)

    def dx(g: Any, x_shape: Any) -> Any:
        return np.reshape(g, x_shape)


class Transpose(Function):
    """Two dimensions exchanged. PyTorch: `transpose`. Book 5.6.1."""

    symbol, is_view, domain, rejects = "ᵀ", True, (Reals(), Dim, Dim), ((np.ones((2, 3)), 0, 2),)

    def forward(x: Any, dim0: int, dim1: int) -> Any:
        d0, d1 = one_dim(dim0, x.ndim, "transpose"), one_dim(dim1, x.ndim, "transpose")
        return np.swapaxes(x, d0, d1) if x.ndim else x.view()

    def oracle(x: Any, dim0: int, dim1: int) -> Any:
        order = list(range(x.ndim))
        if order:
            order[dim0], order[dim1] = order[dim1], order[dim0]
        return np.transpose(x, order)

    def dx(g: Any, dim0: int, dim1: int) -> Any:
        return Transpose.apply(g, dim0, dim1)


class Permute(Function):
    """The dimensions in another order. PyTorch: `permute`."""

    symbol, is_view = "permute", True
    domain = (
        Reals(),
        Drawn(lambda source, x: tuple(sorted(range(x.ndim), key=lambda _: source.integer(0, 9)))),
    )
    rejects = ((np.ones((2, 3)), (0, 0)), (np.ones((2, 3)), (0, 1, 2)))

    def forward(x: Any, dims: Shape) -> Any:
        order = tuple(one_dim(d, x.ndim, "permute") for d in dims)
        if sorted(order) != list(range(x.ndim)):
            raise ShapeError(f"permute: dims {dims} must name each of the {x.ndim} dimensions of shape {x.shape} once")
        return np.transpose(x, order)

    def oracle(x: Any, dims: Shape) -> Any:
        return np.moveaxis(x, dims, range(x.ndim))

    def dx(g: Any, dims: Shape) -> Any:
        return np.transpose(g, tuple(int(i) for i in np.argsort([d % len(dims) for d in dims])))


class Expand(Function):
    """Dimensions of size 1, and new ones in front, repeated without copying; -1 keeps a size. PyTorch: `expand`."""

    symbol, is_view, broadcasts, rejects = "expand", True, True, ((np.ones(3), (2,)), (np.ones((2, 3)), (3,)))
    domain = (
        Reals(),
        Drawn(
            lambda source, x: (
                tuple(source.integer(0, 3) for _ in range(source.integer(0, 2)))
                + tuple(source.integer(0, 3) if n == 1 else source.choice((n, -1)) for n in x.shape)
            )
        ),
    )

    def forward(x: Any, shape: Shape) -> Any:
        lead = len(shape) - x.ndim
        sizes = tuple(x.shape[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(shape))
        if lead < 0 or -1 in sizes:
            raise ShapeError(f"expand: the expanded size {shape} does not fit a tensor of shape {x.shape}")
        return np.broadcast_to(x, sizes)

    def oracle(x: Any, shape: Shape) -> Any:
        lead = len(shape) - x.ndim
        return x * np.ones([x.shape[i - lead] if n == -1 else n for i, n in enumerate(shape)])

    def dx(g: Any) -> Any:
        return g


class Squeeze(Function):
    """Dimensions of size 1 dropped: all (dim None), or those in dim that have it. PyTorch: `squeeze`."""

    symbol, is_view, domain, rejects = "squeeze", True, (Reals(), Dim), ((np.ones((2, 3)), 2),)

    def forward(x: Any, dim: Any) -> Any:
        dims = all_dims(dim, x.ndim, "squeeze")
        return np.reshape(x, tuple(n for i, n in enumerate(x.shape) if n != 1 or (dims is not None and i not in dims)))

    def oracle(x: Any, dim: Any) -> Any:
        return np.squeeze(x, axis=dim) if x.ndim and x.shape[dim] == 1 else x

    def dx(g: Any, x_shape: Any) -> Any:
        return np.reshape(g, x_shape)


class Unsqueeze(Function):
    """A new dimension of size 1 at dim. PyTorch: `unsqueeze`."""

    symbol, is_view, rejects = "unsqueeze", True, ((np.ones((2, 3)), 3), (np.ones((2, 3)), -4))
    domain = Reals(), Drawn(lambda source, x: source.integer(-x.ndim - 1, x.ndim))

    def forward(x: Any, dim: int) -> Any:
        return np.expand_dims(x, one_dim(dim, x.ndim + 1, "unsqueeze"))

    def oracle(x: Any, dim: int) -> Any:
        shape = list(x.shape)
        shape.insert(dim % (x.ndim + 1), 1)
        return x.reshape(shape)

    def dx(g: Any, x_shape: Any) -> Any:
        return np.reshape(g, x_shape)


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
        if any(np.ndim(t) == 0 for t in tensors):
            raise ShapeError("cat: zero-dimensional tensors cannot be concatenated; use stack")
        if any(np.shape(t) == (0,) for t in tensors):  # PyTorch lets empty vectors pass whatever the other shapes
            tensors = tuple(t for t in tensors if np.shape(t) != (0,)) or tensors[:1]
        return np.concatenate(tensors, axis=one_dim(dim, tensors[0].ndim, "cat"))

    def oracle(dim: int, *tensors: Any) -> Any:
        return np.vstack(tensors) if dim == 0 else np.hstack(tensors)

    def dtensors(g: Any, tensors_shape: Any, dim: int) -> Any:
        starts, parts = 0, []
        for shape in tensors_shape:
            if shape == (0,) and g.ndim != 1:
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
        return np.stack(tensors, axis=one_dim(dim, np.ndim(tensors[0]) + 1, "stack"))

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
        if not x.ndim or math.fsum(sizes) != x.shape[axis] or any(n < 0 for n in sizes):
            raise ShapeError(
                f"split: sizes {sizes} must be >= 0 and sum to {x.shape[axis] if x.ndim else 0}, the size of dim {dim}"
            )
        return np.split(x, np.cumsum(sizes)[:-1], axis=axis)

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


def sizes_of(shape: tuple[Any, ...]) -> Shape:
    """The sizes given as f(2, 3), f((2, 3)) or f(torch-like Size)."""
    if len(shape) == 1 and not isinstance(shape[0], (int, np.integer)) and not isinstance(shape[0], TensorCore):
        shape = tuple(shape[0])
    return tuple(int(n) for n in shape)


def filled(shape: Shape, size: int, name: str) -> Shape:
    """shape with its -1 worked out. Raises ShapeError if it cannot hold `size` elements."""
    known = math.prod(n for n in shape if n != -1)
    unknown = shape.count(-1)
    if unknown > 1:
        raise ShapeError(f"{name}: only one dimension of shape {shape} can be -1 and inferred")
    if any(n < -1 for n in shape):
        raise ShapeError(f"{name}: invalid shape dimension in {shape}; sizes are >= 0, or -1 once")
    if unknown and known and size % known == 0:
        return tuple(size // known if n == -1 else n for n in shape)
    if unknown or known != size:
        raise ShapeError(f"{name}: shape {shape} is invalid for input of size {size}")
    return shape


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """input with another shape, one size may be -1; a view where possible. PyTorch: `reshape`."""
    return Reshape.apply(input, filled(sizes_of(shape), raw(input).size, "reshape"))


def view(input: Tensor, *shape: Any) -> Tensor:
    """As `reshape`, but always a view: raises RuntimeError where the memory does not allow one. PyTorch: `view`."""
    if len(shape) == 1 and not isinstance(shape[0], (int, np.integer, tuple, list)):
        return input.to(shape[0]) if input.dtype == shape[0] else _reinterpret(input, shape[0])
    out = Reshape.apply(input, filled(sizes_of(shape), raw(input).size, "view"))
    if out._data.size and not np.may_share_memory(out._data, raw(input)):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            f"contiguous subspaces): {tuple(input.shape)} with strides {input.stride()}. Use .reshape(...) instead."
        )
    return out


def _reinterpret(x: Any, dtype: Any) -> Any:
    from minigrad.dtypes import as_numpy
    from minigrad.memory import detached

    out = detached(x)
    out._data = out._data.view(as_numpy(dtype))
    return out


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions start_dim to end_dim made one. PyTorch: `flatten`."""
    shape = raw(input).shape
    start, end = one_dim(start_dim, len(shape), "flatten"), one_dim(end_dim, len(shape), "flatten")
    if not shape:
        return Reshape.apply(input, (1,))
    if start > end:
        raise RuntimeError(f"flatten() has invalid args: start_dim {start_dim} cannot come after end_dim {end_dim}")
    return Reshape.apply(input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dimension made several, one size may be -1. PyTorch: `unflatten`."""
    shape = raw(input).shape
    d = one_dim(dim, len(shape), "unflatten")
    return Reshape.apply(input, (*shape[:d], *filled(tuple(sizes), shape[d], "unflatten"), *shape[d + 1 :]))


def squeeze(input: Tensor, dim: int | tuple[int, ...] | None = None) -> Tensor:
    """Without dimensions of size 1 (all, or those in dim). PyTorch: `squeeze`."""
    return Squeeze.apply(input, dim)


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a new dimension of size 1 at dim. PyTorch: `unsqueeze`."""
    return Unsqueeze.apply(input, dim)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged, a view. PyTorch: `transpose`."""
    return Transpose.apply(input, dim0, dim1)


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; vectors and scalars as they are. PyTorch: `t`."""
    if raw(input).ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {raw(input).ndim}D")
    return Transpose.apply(input, 0, -1)


def permute(input: Tensor, *dims: Any) -> Tensor:
    """The dimensions in another order, a view. PyTorch: `permute`."""
    return Permute.apply(input, sizes_of(dims))


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to other places, a view. PyTorch: `movedim`."""
    order = np.moveaxis(np.empty((1,) * raw(input).ndim), source, destination)
    del order
    axes = list(range(raw(input).ndim))
    sources = [source] if isinstance(source, int) else list(source)
    targets = [destination] if isinstance(destination, int) else list(destination)
    sources, targets = (
        [one_dim(d, len(axes), "movedim") for d in sources],
        [one_dim(d, len(axes), "movedim") for d in targets],
    )
    rest = [d for d in axes if d not in sources]
    for place, d in sorted(zip(targets, sources, strict=True)):
        rest.insert(place, d)
    return Permute.apply(input, tuple(rest))


def expand(input: Tensor, *sizes: Any) -> Tensor:
    """Sizes of 1 repeated without copying; -1 keeps a size. PyTorch: `expand`."""
    return Expand.apply(input, sizes_of(sizes))


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """`expand`. PyTorch: `broadcast_to`."""
    return Expand.apply(input, tuple(size))


def cat(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Tensors joined along dim. PyTorch: `cat`. Raises ShapeError unless all other sizes are equal."""
    return Cat.apply(_dim(dim, axis), *listed(tensors, "cat"))


def stack(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Tensors of one shape joined along a new dim. PyTorch: `stack`. Raises ShapeError if shapes differ."""
    return Stack.apply(_dim(dim, axis), *listed(tensors, "stack"))


def _dim(dim: int, axis: int | None) -> int:
    return dim if axis is None else axis


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
    length = raw(tensor).shape[one_dim(dim, raw(tensor).ndim, "split")] if raw(tensor).ndim else 0
    sizes = split_size_or_sections
    if isinstance(sizes, (int, np.integer)):
        if sizes < 0 or (sizes == 0 and length):
            raise RuntimeError(f"split: split_size must be positive, not {sizes}")
        sizes = [int(sizes)] * (length // sizes) + ([length % sizes] if length % sizes else []) if length else [0]
    parts: tuple[Tensor, ...] = Split.apply(tensor, tuple(sizes), dim)
    return parts


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` parts of equal size (the last may be smaller) along dim; views. PyTorch: `chunk`."""
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    length = raw(input).shape[one_dim(dim, raw(input).ndim, "chunk")]
    return split(input, -(-length // chunks) or 1, dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along dim; views. PyTorch: `unbind`."""
    parts: tuple[Tensor, ...] = Unbind.apply(input, dim)
    return parts


class ShapeMethods:
    """The functions above as methods of Tensor."""

    __slots__ = ()
    _data: Any

    reshape, view, flatten, unflatten = reshape, view, flatten, unflatten
    squeeze, unsqueeze, transpose, swapaxes, t = squeeze, unsqueeze, transpose, transpose, t
    permute, movedim, expand, broadcast_to = permute, movedim, expand, broadcast_to
    split, chunk, unbind = split, chunk, unbind

    @property
    def T(self) -> Tensor:
        """The dimensions in reverse order."""
        return Permute.apply(self, tuple(range(self._data.ndim))[::-1])

    @property
    def mT(self) -> Tensor:
        """The last two dimensions exchanged."""
        return Transpose.apply(self, -2, -1)

    def view_as(self, other: Tensor) -> Tensor:
        """A view with other's shape."""
        return view(self, other.shape)  # type: ignore[arg-type]

    def reshape_as(self, other: Tensor) -> Tensor:
        """Reshaped to other's shape."""
        return reshape(self, other.shape)  # type: ignore[arg-type]

    def expand_as(self, other: Tensor) -> Tensor:
        """Expanded to other's shape."""
        return expand(self, other.shape)  # type: ignore[arg-type]

    def contiguous(self) -> Tensor:
        """self if its memory is in C order, else a copy that is."""
        from minigrad.ops.copy import Clone

        if self.is_contiguous():
            return self  # type: ignore[return-value]
        out: Tensor = Clone.apply(self)
        out._data = np.ascontiguousarray(out._data)
        return out

    def is_contiguous(self) -> bool:
        """Whether the memory is in C order."""
        return not self._data.ndim or bool(self._data.flags.c_contiguous)

    def stride(self, dim: int | None = None) -> Any:
        """The steps in memory, in elements, from one index to the next along each dimension."""
        steps = tuple(s // self._data.itemsize for s in self._data.strides)
        return steps if dim is None else steps[dim]

    def squeeze_(self, dim: int | None = None) -> Tensor:
        """`squeeze` in place: the same tensor with another shape."""
        return _reshaped_inplace(self, squeeze(self, dim), "squeeze_")  # type: ignore[arg-type]

    def unsqueeze_(self, dim: int) -> Tensor:
        """`unsqueeze` in place: the same tensor with another shape."""
        return _reshaped_inplace(self, unsqueeze(self, dim), "unsqueeze_")  # type: ignore[arg-type]


def _reshaped_inplace(x: Any, out: Any, name: str) -> Any:
    check_inplace(x, name)
    x._data, x._node, x._alias = out._data, out._node, None if out._alias.base is x else out._alias
    return x
