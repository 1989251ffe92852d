"""Products of tall matrices, cut into the pieces that BLAS multiplies fastest.

OpenBLAS copies what it multiplies into an order of its own. On processors with AVX-512 it leaves that out where there are
at most a million multiplications: 113 GFLOP/s instead of 78 for 16 filters, instead of 99 for 64, on one core. So a tall
matrix is multiplied a few rows at a time there, by one call of NumPy's, which does not hold the interpreter's lock.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from minigrad.kernels.threads import blas

Array = np.ndarray[Any, Any]

MOST = 10**6  # multiplications of a product that OpenBLAS does not copy for
FEWEST = 16  # rows below which a product of its own costs more than it saves


def in_pieces_of(rows: int, each: int) -> int:
    """How many rows, each of so many multiplications, are multiplied at a time: all, or a part that is not copied."""
    if not blas.has_small_products or rows * each <= MOST or FEWEST * each > MOST:
        return rows
    return rows // -(-rows * each // MOST)


def tall(a: Array, b: Array, out: Array) -> Array:
    """a (n, k) @ b (k, m) into out (n, m). Fast if b is contiguous."""
    n, k = a.shape
    m = b.shape[1]
    some = in_pieces_of(n, k * m)
    if some == n:
        np.matmul(a, b, out=out)
        return out
    count = n // some
    whole = count * some
    np.matmul(a[:whole].reshape(count, some, k), b, out=out[:whole].reshape(count, some, m))
    if whole < n:
        np.matmul(a[whole:], b, out=out[whole:])
    return out


def crossed(a: Array, b: Array) -> Array:
    """a.T @ b of tall matrices a (n, p) and b (n, q)."""
    n, p = a.shape
    q = b.shape[1]
    some = in_pieces_of(n, p * q)
    if some == n or 4 * p * q > some * max(p, q):  # then adding up takes as long as is saved
        return cast(Array, np.matmul(a.T, b))
    count = n // some
    whole = count * some
    each = np.matmul(a[:whole].reshape(count, some, p).swapaxes(1, 2), b[:whole].reshape(count, some, q))
    total: Array = np.add.reduce(each, axis=0)
    if whole < n:
        total += np.matmul(a[whole:].T, b[whole:])
    return total
