"""A convolution, perhaps its ReLU, and the max pool behind them in one pass: what lies between is nowhere.

The convolution's results are computed in the order of the pool's planes (what all windows see at one of their places), so
that the maximum goes through the product as it is. For images of one channel, where copying windows costs as much as
multiplying them, all places of a pool's window share one: a larger window, multiplied with every weight at each of its
places there (`Wide`), which is a convolution of `math.prod(pool)` times as many filters with a stride as long as the pool's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache, partial, reduce
from typing import Any, NamedTuple

import numpy as np

from minigrad.kernels.columns import Block, Columns, blocks, in_pieces, takes_ones
from minigrad.kernels.convolution import Job, added, by_group, do
from minigrad.kernels.elementwise import rectify, select
from minigrad.kernels.images import Array, Geometry, Shape, channels_first, channels_last
from minigrad.kernels.pooling import MaxPoolGradient, Winners, first_largest, settle
from minigrad.kernels.products import crossed, tall
from minigrad.kernels.threads import split

WASTE = 2  # times as much to multiply as the windows need: beyond it, wide ones do not pay


def fits(x: Array, weight: Array, geometry: Geometry) -> bool:
    """Whether `convolve` takes them: one group, and floats that are multiplied as they are."""
    return bool(geometry.groups == 1 and x.dtype == weight.dtype and x.dtype.char in "fd" and x.size and weight.size)


class Wide(NamedTuple):
    """The convolution of one channel that computes another one's results at all places of a pool's window."""

    window: Shape
    geometry: Geometry
    parts: tuple[tuple[Any, ...], ...]  # for each place, where the other one's window is in this one's

    def weight(self, weight: Array) -> Array:
        """(places * K, 1, *window): the weight (K, 1, ...) at each place, zeros around it."""
        found = np.zeros((len(self.parts), len(weight), 1, *self.window), weight.dtype)
        for each, part in zip(found, self.parts, strict=True):
            each[part] = weight
        return found.reshape(-1, 1, *self.window)

    def gathered(self, gradient: Array) -> Array:
        """The adjoint of `weight`, (K, 1, ...), from (places * K, numbers in the window)."""
        each = gradient.reshape(len(self.parts), -1, 1, *self.window)
        return reduce(added, (there[part].copy() for there, part in zip(each, self.parts, strict=True)))


@lru_cache(maxsize=64)
def wide(weight: Shape, geometry: Geometry, pool: Shape) -> Wide | None:
    """What computes a convolution with a weight of that shape; None where that does not pay."""
    if weight[1] > 1 or set(geometry.dilation) != {1}:
        return None
    window = tuple(f + (n - 1) * s for f, n, s in zip(weight[2:], pool, geometry.stride, strict=True))
    if not 1 < math.prod(window) <= WASTE * math.prod(weight[2:]):
        return None
    apart = tuple(n * s for n, s in zip(pool, geometry.stride, strict=True))
    parts = []
    for at in np.ndindex(*pool):
        part = (slice(p * s, p * s + f) for p, s, f in zip(at, geometry.stride, weight[2:], strict=True))
        parts.append((slice(None), slice(None), *part))
    return Wide(window, geometry._replace(stride=apart), tuple(parts))


def convolve(
    x: Array,
    weight: Array,
    bias: Array | None,
    geometry: Geometry,
    rectified: bool,
    pool: Shape,
    size: Shape,
    winners: Winners | None = None,
) -> Array:
    """The largest element of each window `pool`, side by side, of what `convolution.convolve` gives. Fills `winners`."""
    images, places, outputs = channels_last(x), math.prod(pool), len(weight)
    whole, found = wide(weight.shape, geometry, pool), None
    if whole is not None and not np.isfinite(x).all():  # its zeros would make NaN of inf
        whole = None
    if whole is None:
        out = best = np.empty((len(x), *size, outputs), x.dtype)
        if winners is not None:
            found = np.empty((places, *out.shape), np.bool_)
        job = partial(by_place, out, found, images, weight, bias, geometry, rectified, pool)
    else:
        out = np.empty((len(x), outputs, *size), x.dtype)
        best = out.swapaxes(0, 1)
        if winners is not None:
            found = np.empty((places, *best.shape), np.bool_)
        job = partial(at_once, out, found, images, weight, bias, whole, rectified)
    do([job(careful=False)])
    if winners is not None and found is not None:
        if not settle(found, best, rectified):
            do([job(careful=True)])
        winners.found = found if whole is None else np.moveaxis(found, 1, -1)
        winners.rectified, winners.wide = rectified, whole
    return channels_first(out) if whole is None else out


def by_place(
    out: Array,
    found: Array | None,
    images: Array,
    weight: Array,
    bias: Array | None,
    geometry: Geometry,
    rectified: bool,
    pool: Shape,
    careful: bool,
) -> Job:
    """What computes out (N, *size, K), and the winners, from a window of the images for each place of the pool's."""
    places, window, size, outputs = math.prod(pool), weight.shape[2:], out.shape[1:-1], len(weight)
    ones = bias is not None and takes_ones(window, 1)
    (matrix,) = by_group(weight, 1, bias if ones else None)
    every = blocks(images, weight.shape, size, pool)

    def start() -> Callable[[Block], None]:
        columns = Columns(images, window, size, geometry, every, ones, pool)
        buffer = np.empty((places * every.images * every.rows * math.prod(size[1:]), outputs), out.dtype)

        def compute(block: Block) -> None:
            seen, best = columns.at(block)[0], out[block.place]
            rows = tall(seen, matrix, buffer[: len(seen)])
            if bias is not None and not ones:
                rows += bias
            noted = None if found is None else found[(slice(None), *block.place)].reshape(places, -1)
            reduce_planes(rows.reshape(places, -1), best.reshape(-1), rectified, noted, careful)

        return compute

    return every.each, start


def at_once(
    out: Array,
    found: Array | None,
    images: Array,
    weight: Array,
    bias: Array | None,
    whole: Wide,
    rectified: bool,
    careful: bool,
) -> Job:
    """What computes out (N, K, *size), and the winners (places in the pool's window, K, N, *size), from wide windows."""
    places, size, outputs = len(whole.parts), out.shape[2:], out.shape[1]
    (matrix,) = by_group(whole.weight(weight), 1, None if bias is None else np.tile(bias, places))
    every = blocks(images, (places * outputs, 1, *whole.window), size)

    def start() -> Callable[[Block], None]:
        columns = Columns(images, whole.window, size, whole.geometry, every, bias is not None)
        most = every.images * every.rows * math.prod(size[1:]) * outputs
        buffer, largest = np.empty(places * most, out.dtype), np.empty(most, out.dtype)

        def compute(block: Block) -> None:
            first, last, top, bottom = block
            target = out[first:last, :, top:bottom].swapaxes(0, 1)
            planes = buffer[: places * target.size].reshape(places, outputs, -1)
            tall(columns.at(block)[0], matrix, planes.reshape(places * outputs, -1).T)
            best = largest[: target.size].reshape(outputs, -1)
            noted = None if found is None else found[:, :, first:last, top:bottom].reshape(planes.shape)
            reduce_planes(planes, best, rectified, noted, careful)
            target[...] = best.reshape(target.shape)

        return compute

    return every.each, start


def reduce_planes(planes: Array, best: Array, rectified: bool, noted: Array | None, careful: bool) -> None:
    """The largest elements of the planes, or their ReLU, into `best`; into `noted` which planes have them.

    Several may, and none where it is NaN; only the first, and the NaN, if `careful`.
    """
    np.maximum.reduce(planes, axis=0, out=best)
    if rectified:
        rectify(best, best)
    if noted is not None:
        if careful:
            first_largest(planes, best, rectified, noted)
        else:
            np.equal(planes, best, out=noted)


def weight_and_bias_gradient(
    g: MaxPoolGradient, winners: Winners, x: Array, outputs: int, biased: bool
) -> tuple[Array, Array | None]:
    """`convolution.weight_and_bias_gradient` of what `convolve` computed as a wide convolution."""
    images, upstream = channels_last(x), channels_first(g.upstream)
    won, whole = np.moveaxis(winners.found, -1, 1), winners.wide
    places, taps, size = len(won), math.prod(whole.window), g.size
    product = places * outputs, 1, *whole.window
    every = blocks(images, product, size)
    pieces = in_pieces(every.each, math.prod(product) * x.itemsize)
    sums: list[Any] = [None] * len(pieces)

    def work(tasks: Iterator[int]) -> None:
        columns = Columns(images, whole.window, size, whole.geometry, every, biased, by_row=True)
        most = every.images * every.rows * math.prod(size[1:]) * outputs
        buffer, compact = np.empty(places * most, x.dtype), np.empty(most, x.dtype)
        for i in tasks:
            for block in pieces[i]:
                first, last, top, bottom = block
                kept = won[:, :, first:last, top:bottom]
                here = compact[: kept[0].size].reshape(kept.shape[1:])
                here[...] = upstream[first:last, :, top:bottom].swapaxes(0, 1)
                planes = select(here, kept, buffer[: kept.size].reshape(kept.shape))
                rows = planes.reshape(places * outputs, -1).T
                sums[i] = added(sums[i], crossed(rows, columns.at(block)[0]))

    split(range(len(pieces)), work)
    total = reduce(added, sums)
    by_bias = total[:, taps].reshape(places, outputs).sum(0) if biased else None
    return whole.gathered(np.ascontiguousarray(total[:, :taps])), by_bias
