"""Whether arrays share memory in a way that makes the result of a write depend on its order."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def overlaps_itself(a: Array) -> bool:
    """Whether several elements are one memory location, as in a broadcast array."""
    return (
        bool(a.size > 1) and 0 in a.strides and any(s == 0 and n > 1 for s, n in zip(a.strides, a.shape, strict=True))
    )


def overlaps_partly(written: Array, read: Array) -> bool:
    """Whether two arrays without gaps share some memory, but not each element with its own counterpart.

    As PyTorch, which does not look into arrays with gaps (`x[:, 1:]`).
    """
    if written is read or not np.may_share_memory(written, read) or not (is_dense(written) and is_dense(read)):
        return False
    return bool(_layout(written) != _layout(read))


def is_dense(a: Array) -> bool:
    """Whether the elements fill their stretch of memory, each location once, in whatever order of the dimensions."""
    if a.flags.c_contiguous or a.flags.f_contiguous:
        return True
    expected = a.itemsize
    for stride, n in sorted((s, n) for s, n in zip(a.strides, a.shape, strict=True) if n != 1):
        if stride != expected:
            return False
        expected *= n
    return True


def _layout(a: Array) -> Any:
    return (
        a.__array_interface__["data"][0],
        a.dtype,
        [(s, n) for s, n in zip(a.strides, a.shape, strict=True) if n != 1],
    )
