"""Element-wise passes over large arrays, split over the cores in the order of memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.kernels.overlap import is_dense
from minigrad.kernels.threads import split

Array = np.ndarray[Any, Any]

LARGE = 1 << 17  # elements below which a second thread costs more than it saves
BLOCK = 1 << 15  # elements at a time, so that a mask stays in the cache


def flat(a: Array) -> Array:
    """A dense array's elements in the order of memory, as a view."""
    order = sorted(range(a.ndim), key=lambda d: -a.strides[d])
    return a.transpose(order).reshape(-1)


def is_large(a: Any) -> bool:
    """Whether splitting an array pays: many elements without gaps."""
    return a.__class__ is np.ndarray and a.size >= LARGE and is_dense(a)


def relu(x: Array) -> Array:
    """max(x, 0)."""
    if not is_large(x):
        return np.maximum(x, 0)
    out = np.empty_like(x)
    source, target = flat(x), flat(out)
    split(x.size, lambda a, b: np.maximum(source[a:b], 0, out=target[a:b]), LARGE // 2)
    return out


def relu_gradient(g: Array, out: Array) -> Array:
    """g where out is not 0, else 0."""
    if not is_large(out) or g.shape != out.shape or g.strides != out.strides or not is_dense(g):
        kept: Array = g * (out != 0)
        return kept
    found = np.empty_like(g)
    upstream, result, target = flat(g), flat(out), flat(found)

    def part(first: int, last: int) -> None:
        for a in range(first, last, BLOCK):
            b = min(a + BLOCK, last)
            np.multiply(upstream[a:b], result[a:b] != 0, out=target[a:b])

    split(g.size, part, LARGE // 2)
    return found
