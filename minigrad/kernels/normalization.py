"""BatchNorm in few passes over channels-last rows.

Sums over tall matrices are products with ones, up to 20 times faster than `x.sum(0)`; a row of few channels is laid side
by side to a few hundred elements before it is broadcast.
"""

from __future__ import annotations

import math

import numpy as np

from minigrad.kernels.convolution import Array, channels_first, channels_last
from minigrad.kernels.sums import sum_rows
from minigrad.kernels.threads import split

BLOCK = 1 << 16  # elements at a time
WIDE = 256  # elements of a row that broadcasts well


def rows_of(x: Array) -> Array:
    """x (N, C, *size) as a contiguous (N * size, C) matrix; no copy if the memory is channels-last."""
    return np.ascontiguousarray(channels_last(x)).reshape(-1, x.shape[1])


def images_of(rows: Array, like: Array) -> Array:
    """Rows as the logical (N, C, *size) of `like`."""
    return channels_first(rows.reshape(len(like), *like.shape[2:], like.shape[1]))


def tiling(rows: int, channels: int) -> int:
    """How many rows may be laid side by side: a divisor of their number that makes them about WIDE elements."""
    return math.gcd(rows, 1 << max(0, (WIDE // max(1, channels)).bit_length() - 1)) or 1


def moments(x: Array) -> tuple[Array, Array]:
    """Mean and (biased) variance of each channel of x (N, C, *size), in float32 at least."""
    rows = rows_of(x.astype(np.float32) if x.dtype == np.float16 else x)
    count = max(1, len(rows))
    step = max(1, BLOCK // max(1, rows.shape[1]))
    mean = sum(split(len(rows), lambda a, b: sum_rows(rows[a:b]), step)) / rows.dtype.type(count)

    def part(first: int, last: int) -> Array:
        total = np.zeros(rows.shape[1], rows.dtype)
        for a in range(first, last, step):
            d = rows[a : min(a + step, last)] - mean
            total += np.einsum("ij,ij->j", d, d)
        return total

    return mean, sum(split(len(rows), part, step)) / rows.dtype.type(count)


def scaled(x: Array, scale: Array, shift: Array) -> Array:
    """x * scale + shift, one number a channel each."""
    return combined(x, scale, None, None, shift)


def combined(x: Array, a: Array, y: Array | None, b: Array | None, c: Array) -> Array:
    """x * a + y * b + c of arrays (N, C, *size), one number a channel each; block by block, over the cores."""
    rows = rows_of(x)
    tile = tiling(len(rows), x.shape[1])
    wide = (len(rows) // tile, tile * x.shape[1])
    rows = rows.reshape(wide)
    out = np.empty(wide, x.dtype)
    others = None if y is None else rows_of(y).reshape(wide)
    a, c = np.tile(a, tile), np.tile(c, tile)
    b = None if b is None else np.tile(b, tile)
    step = max(1, BLOCK // max(1, wide[1]))

    def part(first: int, last: int) -> None:
        for start in range(first, last, step):
            stop = min(start + step, last)
            here = rows[start:stop] * a
            if others is not None:
                here += others[start:stop] * b
            np.add(here, c, out=out[start:stop], casting="same_kind")

    split(len(rows), part, step)
    return images_of(out, x)


def sums(g: Array, x: Array, mean: Array) -> tuple[Array, Array]:
    """The sums over all but the channels of g and of g * (x - mean)."""
    rows, images = rows_of(g), rows_of(x)
    step = max(1, BLOCK // max(1, rows.shape[1]))

    def part(first: int, last: int) -> tuple[Array, Array]:
        plain, weighted = np.zeros_like(mean), np.zeros_like(mean)
        for a in range(first, last, step):
            b = min(a + step, last)
            plain += sum_rows(rows[a:b])
            weighted += np.einsum("ij,ij->j", rows[a:b], images[a:b] - mean)
        return plain, weighted

    parts = split(len(rows), part, step)
    return sum(p for p, _ in parts), sum(w for _, w in parts)
