"""Shapes: views of the same memory, where NumPy can make one."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.domains import Dim, Dims, Drawn, Reals, Source
from minigrad.dtypes import as_numpy
from minigrad.errors import ShapeError, describe
from minigrad.function import LEAF, Function, TensorCore, is_recording, raw
from minigrad.memory import check_inplace, detached, wrote
from minigrad.ops.copy import contiguous
from minigrad.ops.dims import Shape, filled, one_dim, sizes_of, some_dims
from minigrad.ops.join import cat as cat
from minigrad.ops.join import chunk, concat, concatenate, flip, split, unbind
from minigrad.ops.join import stack as stack

if TYPE_CHECKING:
    from minigrad.tensor import Size, Tensor

__all__ = [
    "cat",
    "chunk",
    "concat",
    "concatenate",
    "flip",
    "split",
    "stack",
    "unbind",
    "broadcast_shapes",
    "broadcast_tensors",
    "broadcast_to",
    "flatten",
    "moveaxis",
    "movedim",
    "permute",
    "ravel",
    "reshape",
    "squeeze",
    "swapaxes",
    "swapdims",
    "t",
    "transpose",
    "unflatten",
    "unsqueeze",
]


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
        return x.reshape(shape)

    def oracle(x: Any, shape: Shape) -> Any:
        return np.array(list(x.flat)).reshape(shape)

    def dx(g: Any, x_shape: Any) -> Any:
        return np.reshape(g, x_shape)


class Transpose(Function):
    """Two dimensions exchanged. PyTorch: `transpose`. Book 5.6.1."""

    symbol, is_view, domain, rejects = "ᵀ", True, (Reals(), Dim, Dim), ((np.ones((2, 3)), 0, 2),)

    def forward(x: Any, dim0: int, dim1: int) -> Any:
        if not x.ndim:
            one_dim(dim0, 0, "transpose"), one_dim(dim1, 0, "transpose")
            return x.reshape(())
        return x.swapaxes(dim0, dim1)

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
        if len(dims) != x.ndim:
            raise ShapeError(f"permute: dims {dims} must name each of the {x.ndim} dimensions of shape {x.shape} once")
        return x.transpose(dims)

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
        out = np.broadcast_to(x, sizes)
        if isinstance(x, np.ndarray):
            out.flags.writeable = (
                x.flags.writeable
            )  # writes are refused where they matter, see minigrad.kernels.overlap
        return out

    def oracle(x: Any, shape: Shape) -> Any:
        lead = len(shape) - x.ndim
        return x * np.ones([x.shape[i - lead] if n == -1 else n for i, n in enumerate(shape)])

    def dx(g: Any) -> Any:
        return g


class Squeeze(Function):
    """Dimensions of size 1 dropped: all (dim None), or those in dim that have it. PyTorch: `squeeze`."""

    symbol, is_view, domain, rejects = "squeeze", True, (Reals(), Dims), ((np.ones((2, 3)), 2),)

    def forward(x: Any, dim: Any) -> Any:
        dims = range(x.ndim) if dim is None else some_dims(dim, x.ndim, "squeeze")
        return x.reshape([n for i, n in enumerate(x.shape) if n != 1 or i not in dims])

    def oracle(x: Any, dim: Any) -> Any:
        dims = [range(x.ndim)[d] for d in np.atleast_1d(range(x.ndim) if dim is None else dim) if x.ndim]
        return np.squeeze(x, axis=tuple(int(d) for d in dims if x.shape[d] == 1))

    def dx(g: Any, x_shape: Any) -> Any:
        return np.reshape(g, x_shape)


class Unsqueeze(Function):
    """A new dimension of size 1 at dim. PyTorch: `unsqueeze`."""

    symbol, is_view, rejects = "unsqueeze", True, ((np.ones((2, 3)), 3), (np.ones((2, 3)), -4))
    domain = Reals(), Drawn(lambda source, x: source.integer(-x.ndim - 1, x.ndim))

    def forward(x: Any, dim: int) -> Any:
        place = one_dim(dim, x.ndim + 1, "unsqueeze")
        return x.reshape((*x.shape[:place], 1, *x.shape[place:]))

    def oracle(x: Any, dim: int) -> Any:
        shape = list(x.shape)
        shape.insert(dim % (x.ndim + 1), 1)
        return x.reshape(shape)

    def dx(g: Any, x_shape: Any) -> Any:
        return np.reshape(g, x_shape)


# ------------------------------------------------------------------ functions


def reshape(input: Tensor, shape: Sequence[int]) -> Tensor:
    """input with another shape, one size may be -1; a view where possible. PyTorch: `reshape`."""
    sizes = sizes_of((), tuple_of("reshape", shape), "reshape")
    return Reshape.apply(input, filled(sizes, raw(input).size, "reshape"))


def ravel(input: Tensor) -> Tensor:
    """All elements as a vector. PyTorch: `ravel`."""
    return reshape(input, (-1,))


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions start_dim to end_dim made one. PyTorch: `flatten`."""
    shape = raw(input).shape
    start, end = one_dim(start_dim, len(shape), "flatten"), one_dim(end_dim, len(shape), "flatten")
    if start > end:
        raise RuntimeError(f"flatten() has invalid args: start_dim {start_dim} cannot come after end_dim {end_dim}")
    if start == end and shape:
        return input
    return Reshape.apply(input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dimension made several, one size may be -1. PyTorch: `unflatten`."""
    shape = raw(input).shape
    d = one_dim(dim, len(shape), "unflatten")
    if not sizes or not shape:
        raise RuntimeError(f"unflatten: sizes and the shape must not be empty, got {sizes} and {tuple(shape)}")
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


swapaxes = swapdims = transpose


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; vectors and scalars as they are. PyTorch: `t`."""
    if raw(input).ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {raw(input).ndim}D")
    return Transpose.apply(input, 0, -1)


def permute(input: Tensor, dims: Sequence[int]) -> Tensor:
    """The dimensions in another order, a view. PyTorch: `permute`."""
    return Permute.apply(input, sizes_of((), tuple_of("permute", dims), "permute"))


def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Dimensions moved to other places, the rest in their order, a view. PyTorch: `movedim`."""
    ndim = raw(input).ndim
    sources, places = some_dims(source, ndim, "movedim"), some_dims(destination, ndim, "movedim")
    if len(sources) != len(places):
        raise RuntimeError(f"movedim: source {source} and destination {destination} must name as many dimensions")
    order = [d for d in range(ndim) if d not in sources]
    for place, d in sorted(zip(places, sources, strict=True)):
        order.insert(place, d)
    return Permute.apply(input, tuple(order) if ndim else ())


moveaxis = movedim


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """Sizes of 1 repeated without copying. PyTorch: `broadcast_to`."""
    return Expand.apply(input, sizes_of((), tuple_of("broadcast_to", size), "broadcast_to"))


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape in which tensors of these shapes meet. PyTorch: `broadcast_shapes`."""
    from minigrad.tensor import Size

    try:
        return Size(np.broadcast_shapes(*shapes))
    except ValueError as error:
        raise ShapeError(f"broadcast_shapes: {error}") from None


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors expanded to the shape in which they meet. PyTorch: `broadcast_tensors`."""
    shape = broadcast_shapes(*(raw(x).shape for x in tensors))
    return tuple(x if raw(x).shape == shape else Expand.apply(x, tuple(shape)) for x in tensors)


def tuple_of(name: str, sizes: Any) -> Any:
    if not isinstance(sizes, (tuple, list)):
        raise TypeError(f"{name}(): expected a tuple of ints, got {sizes!r:.60}")
    return sizes


def is_channels_last(x: Any) -> bool:
    """Whether x is a result, no view of anything, whose memory is (N, ..., C) while it is logically (N, C, ...)."""
    a = x._data
    if not 3 <= a.ndim <= 5 or x._alias is not None and x._alias.base is not None:
        return False
    return bool(np.moveaxis(a, 1, -1).flags.c_contiguous)


class ShapeMethods:
    """The functions above, and what PyTorch has only as methods."""

    __slots__ = ()
    _data: Any

    ravel, flatten, unflatten = ravel, flatten, unflatten
    squeeze, unsqueeze, transpose, swapaxes, swapdims, t = squeeze, unsqueeze, transpose, transpose, transpose, t
    movedim, moveaxis, broadcast_to = movedim, movedim, broadcast_to

    def reshape(self, *sizes: Any, shape: Any = None) -> Tensor:
        """Another shape, one size may be -1; a view where possible. PyTorch: `Tensor.reshape`."""
        return Reshape.apply(self, filled(sizes_of(sizes, shape, "reshape"), self._data.size, "reshape"))

    def view(self, *sizes: Any, size: Any = None, dtype: Any = None) -> Tensor:
        """As `reshape`, but always a view: raises RuntimeError where the memory does not allow one.

        Results of convolutions and pools are channels-last in memory where PyTorch's are not: of them it is a copy.

        With a dtype the same bytes as elements of that type. PyTorch: `Tensor.view`.
        """
        if (
            dtype is not None
            or len(sizes) == 1
            and not isinstance(sizes[0], (int, np.integer, tuple, list, TensorCore))
        ):
            return reinterpreted(self, sizes[0] if dtype is None else dtype)
        out = Reshape.apply(self, filled(sizes_of(sizes, size, "view"), self._data.size, "view"))
        if out._data.size and not np.may_share_memory(out._data, self._data):
            if is_channels_last(self):
                return out
            raise RuntimeError(
                "view size is not compatible with input tensor's size and stride (at least one dimension spans across "
                f"two contiguous subspaces): {self._data.shape} with strides {self.stride()}. Use .reshape(...) instead."
            )
        return out

    def permute(self, *sizes: Any, dims: Any = None) -> Tensor:
        """The dimensions in another order, a view. PyTorch: `Tensor.permute`."""
        return Permute.apply(self, sizes_of(sizes, dims, "permute"))

    def expand(self, *sizes: Any, size: Any = None, implicit: bool = False) -> Tensor:
        """Sizes of 1 repeated without copying; -1 keeps a size. PyTorch: `Tensor.expand`."""
        return Expand.apply(self, sizes_of(sizes, size, "expand"))

    def view_as(self, other: Tensor) -> Tensor:
        """A view with other's shape."""
        return self.view(other.shape)

    def reshape_as(self, other: Tensor) -> Tensor:
        """Reshaped to other's shape."""
        return self.reshape(other.shape)

    def expand_as(self, other: Tensor) -> Tensor:
        """Expanded to other's shape."""
        return self.expand(other.shape)

    @property
    def T(self) -> Tensor:
        """The dimensions in reverse order."""
        return Permute.apply(self, tuple(range(self._data.ndim))[::-1])

    @property
    def H(self) -> Tensor:
        """The transpose of a matrix; a 0-d tensor as it is. Raises RuntimeError for other numbers of dimensions."""
        if self._data.ndim not in (0, 2):
            raise RuntimeError(f"tensor.H is only supported on matrices, got a {self._data.ndim}-d tensor")
        return self.mT

    @property
    def mT(self) -> Tensor:
        """The last two dimensions exchanged; a 0-d tensor as it is. Raises RuntimeError for a vector."""
        if self._data.ndim == 1:
            raise RuntimeError("tensor.mT is only supported on matrices and batches of them, got a vector")
        return Transpose.apply(self, -2, -1) if self._data.ndim else self  # type: ignore[return-value]

    def is_contiguous(self) -> bool:
        """Whether the memory is in C order."""
        return not self._data.ndim or bool(self._data.flags.c_contiguous)

    def contiguous(self) -> Tensor:
        """self if its memory is in C order, else a copy that is."""
        return self if self.is_contiguous() else contiguous(self)  # type: ignore[arg-type, return-value]

    def stride(self, dim: int | None = None) -> Any:
        """The steps in memory, in elements, from one index to the next along each dimension."""
        steps = tuple(s // self._data.itemsize for s in self._data.strides)
        return steps if dim is None else steps[one_dim(dim, len(steps), "stride")]

    def squeeze_(self, dim: int | tuple[int, ...] | None = None) -> Tensor:
        """`squeeze` in place: the same tensor with another shape."""
        return become(self, Squeeze, (dim,))

    def unsqueeze_(self, dim: int) -> Tensor:
        """`unsqueeze` in place: the same tensor with another shape."""
        return become(self, Unsqueeze, (dim,))

    def transpose_(self, dim0: int, dim1: int) -> Tensor:
        """`transpose` in place: the same tensor with another shape."""
        return become(self, Transpose, (dim0, dim1))

    def t_(self) -> Tensor:
        """`t` in place: the same tensor with another shape."""
        t(self)  # type: ignore[arg-type]
        return become(self, Transpose, (0, -1))


def reinterpreted(x: Any, dtype: Any) -> Any:
    """The bytes of x as elements of another dtype, of the last dimension where the sizes differ; no gradient."""
    wanted = as_numpy(dtype)
    out = detached(x)
    try:
        out._data = out._data.view(wanted)
    except (ValueError, TypeError) as error:
        raise ShapeError(f"view: the last dimension of {describe(x)} cannot be seen as {wanted}: {error}") from None
    return out


def become(x: Any, operation: type[Function], static: tuple[Any, ...]) -> Any:
    """x in place as the view that the operation takes of it. Raises RuntimeError if others share the memory as it was."""
    name = f"{operation.__name__.lower()}_"
    check_inplace(x, name)
    alias = x._alias
    is_base = alias is None or alias.base is None
    if alias is not None and is_base and sys.getrefcount(alias.version) > 2 + knows(x._node, alias.version):
        raise RuntimeError(f"{name}: the tensor has views, which would lose their place in it; take a new view instead")
    out = operation.apply(x, *static)
    if not is_recording() and isinstance(x._node, Function):
        raise RuntimeError(f"{name}: the shape of a result cannot change under no_grad(); use detach() first")
    wrote(x)
    if not is_base:
        x._alias = out._alias
    x._alias.synced = x._alias.version.stamp
    x._data = out._data
    if x._node is not LEAF:
        x._node = out._node
    return x


def knows(node: Any, version: Any) -> bool:
    """Whether a node of x's own history holds the write counter, in case its result is saved."""
    while isinstance(node, Function):
        if node.extra is not None and node.extra.version is version:
            return True
        node = node.edges[0] if node.edges else None
    return False
