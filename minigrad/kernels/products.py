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
COLUMNS = 16  # that are multiplied at a time where a matrix is wide


def tall(a: Array, b: Array, out: Array) -> Array:
    """a (n, k) @ b (k, m) into out (n, m). Fast if b is contiguous."""
    n, k = a.shape
    m = b.shape[1]
    count = -(-n * k * m // MOST)
    if not blas.has_small_products or count < 2 or n < FEWEST * count:
        np.matmul(a, b, out=out)
        return out
    some = n // count
    whole = count * some
    np.matmul(a[:whole].reshape(count, some, k), b, out=out[:whole].reshape(count, some, m))
    if whole < n:
        np.matmul(a[whole:], b, out=out[whole:])
    return out


def crossed(a: Array, b: Array) -> Array:
    """a.T @ b of tall matrices a (n, p) and b (n, q)."""
    n, p = a.shape
    q = b.shape[1]
    wide = COLUMNS if q >= 4 * COLUMNS else q
    count = -(-n * p * wide // MOST)
    if not blas.has_small_products or n * p * q <= MOST or n < FEWEST * count:
        return cast(Array, np.matmul(a.T, b))
    some, columns = n // count, q // wide * wide
    whole = count * some
    each = np.empty((count, p, q), a.dtype)  # is added up: the fewer, the better
    left = a[:whole].reshape(count, 1, some, p).swapaxes(2, 3)
    right = b[:whole, :columns].reshape(count, some, -1, wide).swapaxes(1, 2)
    np.matmul(left, right, out=each[..., :columns].reshape(count, p, -1, wide).swapaxes(1, 2))
    if columns < q:
        np.matmul(left[:, 0], b[:whole, columns:].reshape(count, some, -1), out=each[..., columns:])
    total: Array = np.add.reduce(each, axis=0) if count > 1 else each[0]
    if whole < n:
        total += np.matmul(a[whole:].T, b[whole:])
    return total
