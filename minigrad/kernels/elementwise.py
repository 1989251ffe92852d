"""Element-wise passes over large arrays, split over the cores in the order of memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, cast

import numpy as np

from minigrad.kernels.images import Array, Deferred, channels_last
from minigrad.kernels.overlap import is_dense
from minigrad.kernels.threads import cut, split

LARGE = 1 << 18  # elements below which a second thread costs more than it saves
BLOCK = 1 << 18  # elements at a time: shorter calls let threads wait for the interpreter's lock
ROW = 1 << 12  # zeros that many elements are compared with


def flat(a: Array) -> Array:
    """A dense array's elements in the order of memory, as a view."""
    order = sorted(range(a.ndim), key=lambda d: -a.strides[d])
    return a.transpose(order).reshape(-1)


def is_large(a: Any) -> bool:
    """Whether splitting an array pays: many elements without gaps."""
    return a.__class__ is np.ndarray and a.size >= LARGE and is_dense(a)


def in_parts(work: Callable[..., None], *arrays: Array) -> None:
    """work(*arrays), which goes through arrays of one shape element by element; over the cores if they are large."""
    if arrays[0].size < LARGE or not all(a.flags.c_contiguous for a in arrays):
        work(*arrays)
        return
    rows = [a.reshape(-1) for a in arrays]

    def parts(ranges: Iterator[tuple[int, int]]) -> None:
        for first, last in ranges:
            work(*(row[first:last] for row in rows))

    split(cut(rows[0].size, BLOCK, LARGE // 2), parts)


def relu(x: Array) -> Array:
    """max(x, 0)."""
    if not is_large(x):
        if x.__class__ is np.ndarray and x.size <= ROW << 2 and x.flags.c_contiguous:
            return np.maximum(x, zeros(x.shape, x.dtype))
        return np.maximum(x, 0)
    out = np.empty_like(x)
    source, target = flat(x), flat(out)

    def work(ranges: Iterator[tuple[int, int]]) -> None:
        for first, last in ranges:
            rectify(source[first:last], target[first:last])

    split(cut(x.size, BLOCK, LARGE // 2), work)
    return out


def rectify(x: Array, out: Array) -> None:
    """out = max(x, 0) of contiguous arrays. The zeros are an array, since NumPy compares with a scalar three times as slowly."""
    source, target, row = x.reshape(-1), out.reshape(-1), zeros((ROW,), x.dtype)
    end = source.size // ROW * ROW
    np.maximum(source[:end].reshape(-1, ROW), row, out=target[:end].reshape(-1, ROW))
    if end < source.size:
        np.maximum(source[end:], row[: source.size - end], out=target[end:])


BITS = {size: np.dtype(f"i{size}") for size in (2, 4, 8)}  # integers as wide as a float


def select(g: Any, kept: Any, out: Array | None = None) -> Any:
    """g (floats) where kept (booleans that broadcast against it), else 0, whatever g is there.

    A product would give NaN for 0 * inf, as in the gradient of sqrt(relu(x)). So what is multiplied by 0 or 1 is the bits, as
    integers, which takes as long; np.where takes ten times as long.
    """
    if not g.ndim or kept.__class__ is not np.ndarray:
        return np.where(kept, g, g.dtype.type(0))[()]
    bits = BITS[g.itemsize]
    found: Array = np.multiply(kept, g.view(bits), out=None if out is None else out.view(bits))
    return found.view(g.dtype)


@lru_cache(maxsize=64)
def zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Zeros, kept and not to be written into."""
    found = np.zeros(shape, dtype)
    found.flags.writeable = False
    return found


class ReluGradient(Deferred):
    """`relu_gradient` of images, where whoever needs it reads them: out is (N, C, *size), and g, unless it is deferred."""

    def __init__(self, g: Array | Deferred, out: Array) -> None:
        self.upstream = g if isinstance(g, Deferred) else channels_last(g)
        self.result = channels_last(out)
        super().__init__(self.result.shape, out.dtype)

    def fill(self, out: Array, first: int, last: int) -> None:
        upstream: Any = self.upstream
        if isinstance(upstream, Deferred):
            upstream.fill(out, first, last)
            upstream = out
        else:
            upstream = upstream[first:last]
        select(upstream, self.result[first:last] != 0, out)


def relu_gradient(g: Array, out: Array) -> Array:
    """g where out is not 0, else 0."""
    if not is_large(out) or g.shape != out.shape or g.strides != out.strides or not is_dense(g):
        return cast(Array, select(g, out != 0))
    found = np.empty_like(g)
    upstream, result, target = flat(g), flat(out), flat(found)

    def work(ranges: Iterator[tuple[int, int]]) -> None:
        for a, b in ranges:
            select(upstream[a:b], result[a:b] != 0, target[a:b])

    split(cut(g.size, BLOCK, LARGE // 2), work)
    return found
