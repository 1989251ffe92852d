"""Pooling in any number of dimensions, as one element-wise pass per place in the window.

Channels-last as in `convolution`: what all windows see at one of their places is copied together ("plane"), in runs of one
position's channels, so that a 2x2 maximum is three `np.maximum` of whole planes: 1.4 ms on 6.9 MB with one thread, against
31 ms of `reshape(...).max(axis=(3, 5))` and 11 ms of argmax over columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.kernels.convolution import taps
from minigrad.kernels.elementwise import select
from minigrad.kernels.images import Array, Deferred, Geometry, Shape, channels_first, channels_last, few
from minigrad.kernels.threads import split


def lowest(dtype: Any) -> Any:
    """What loses against every other number."""
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


class Frame:
    """A border of one value around images (N, *sides, C), wide enough for the windows at all places of the result."""

    def __init__(self, sides: Shape, window: Shape, size: Shape, geometry: Geometry, border: Any) -> None:
        self.border, self.needed = border, geometry.reach(window, size)
        self.inner = tuple(
            slice(p, min(p + n, m)) for p, n, m in zip(geometry.padding, sides, self.needed, strict=True)
        )
        self.kept = (slice(None), *(slice(0, i.stop - i.start) for i in self.inner))
        self.bare = not any(geometry.padding) and all(n >= m for n, m in zip(sides, self.needed, strict=True))

    def around(self, images: Array) -> Array:
        """These images, bordered; themselves where no border is needed and the memory is in order."""
        if self.bare:
            return np.ascontiguousarray(images)
        frame = np.full((len(images), *self.needed, images.shape[-1]), self.border, images.dtype)
        frame[(slice(None), *self.inner)] = images[self.kept]
        return frame


def planes_of(frame: Array, window: Shape, size: Shape, geometry: Geometry) -> Array:
    """A view (*window, N, *size) of contiguous images: what all windows see at each of their places.

    A position's channels are one element of that many bytes: NumPy copies it faster than its numbers.
    """
    strides = frame.strides[1:-1]
    steps = (n * d for n, d in zip(strides, geometry.dilation, strict=True))
    moves = (n * s for n, s in zip(strides, geometry.stride, strict=True))
    element = np.dtype((np.void, frame.shape[-1] * frame.itemsize))
    return np.ndarray((*window, len(frame), *size), element, frame, 0, (*steps, frame.strides[0], *moves))


class Winners:
    """Which element of each window `max_pool` took: booleans (places in the window, N, *size, C), one true in each window.

    It is a quarter of the images' memory, and the gradient need not read them again. Where `pooled.convolve` found them,
    nothing wins that its ReLU made 0 (`rectified`); if that was a `wide` convolution, the memory is in the order
    (places, C, N, *size).
    """

    __slots__ = ("found", "rectified", "wide")
    found: Array
    rectified: bool
    wide: Any

    def __init__(self) -> None:
        self.rectified, self.wide = False, None


def max_pool(x: Array, window: Shape, size: Shape, geometry: Geometry, winners: Winners | None = None) -> Array:
    """The largest element of each window of x (N, C, *size); NaN wins. Fills `winners`."""
    images = channels_last(x)
    out = np.empty((len(x), *size, x.shape[1]), x.dtype)
    frame = Frame(x.shape[2:], window, size, geometry, lowest(x.dtype))
    if winners is not None:
        winners.found = np.empty((math.prod(window), *out.shape), np.bool_)

    def work(ranges: Iterator[tuple[int, int]]) -> None:
        for a, b in ranges:
            planes = planes_of(frame.around(images[a:b]), window, size, geometry).copy().view(x.dtype)
            planes, best = planes.reshape(math.prod(window), -1), out[a:b].reshape(-1)
            np.maximum.reduce(planes, axis=0, out=best)
            if winners is not None:
                first_largest(planes, best, out=winners.found[:, a:b].reshape(len(planes), -1))

    if out.size:
        split(few(images), work)
    return channels_first(out)


def first_largest(planes: Array, best: Array, rectified: bool = False, out: Array | None = None) -> Array:
    """Whether each window's first largest element, or last NaN, is in each of the planes.

    If `rectified`, best is the ReLU of the largest element, and no element of a window counts where that is 0.
    """
    largest = np.equal(planes, best, out=out)
    if not settle(largest, best, rectified):  # no number equals NaN
        later = np.zeros(best.shape, np.bool_)
        for here, seen in zip(largest[::-1], planes[::-1], strict=True):
            missing = seen != seen
            here |= missing > later
            later |= missing
    return largest


def settle(largest: Array, best: Array, rectified: bool) -> bool:
    """Leave each window only the first of its largest elements, where several planes have them; False if some are NaN.

    Or none, if `rectified` and best is 0.
    """
    alive = np.not_equal(best, 0, order="C") if rectified else None
    is_clear = not (best != best).any()
    if not is_clear or np.count_nonzero(largest) != (best.size if alive is None else np.count_nonzero(alive)):
        if alive is not None:
            largest &= alive
        found = largest[0].copy()
        for here in largest[1:]:
            np.greater(here, found, out=here)
            found |= here
    return is_clear


class MaxPoolGradient(Deferred):
    """What g sends back through `max_pool`: each window's to its first largest element, in the order of memory."""

    def __init__(
        self, g: Array, x: Any, out: Array, window: Shape, geometry: Geometry, winners: Winners | None = None
    ) -> None:
        super().__init__((len(out), *x.shape[2:], out.shape[1]), g.dtype)
        self.results, self.upstream = channels_last(out), channels_last(g)
        self.x, self.rectified, self.winners = x, False, winners
        self.window, self.geometry, self.size = window, geometry, out.shape[2:]
        self.frame = Frame(x.shape[2:], window, self.size, geometry, lowest(out.dtype))
        self.apart = all(s >= f for s, f in zip(geometry.stride, geometry.spans(window), strict=True))
        self.side_by_side = self.frame.bare and geometry.stride == window == geometry.spans(window)

    def rectify(self, out: Array) -> bool:
        self.rectified = out is self.x  # then all that gets a gradient is a window's largest: fewer to look at
        return self.rectified

    def fill(self, out: Array, first: int, last: int) -> None:
        window, geometry, size, frame = self.window, self.geometry, self.size, self.frame
        won = self.won(first, last)
        taken = select(self.upstream[first:last], won, np.empty(won.shape, self.dtype))
        if self.side_by_side:
            if frame.needed != self.shape[1:-1]:
                out[...] = 0
            element = np.dtype((np.void, taken.shape[-1] * taken.itemsize))
            tiles = out[(slice(None), *map(slice, frame.needed))].view(element)
            tiles = tiles.reshape(len(out), *(n for pair in zip(size, window, strict=True) for n in pair))
            dims = len(size)
            planes = tiles.transpose(*range(2, 2 + 2 * dims, 2), 0, *range(1, 1 + 2 * dims, 2))
            planes[...] = taken.view(element).reshape(planes.shape)
            return
        around = self.shape[1:-1] if frame.bare else frame.needed
        spread = np.zeros((last - first, *around, self.shape[-1]), self.dtype)
        if self.apart:
            planes = planes_of(spread, window, size, geometry)
            planes[...] = taken.view(planes.dtype).reshape(planes.shape)
        else:
            for (place, _), each in zip(taps(window, size, geometry), taken, strict=True):
                spread[place] += each
        if frame.bare:
            out[...] = spread
        else:
            out[...] = 0
            out[frame.kept] = spread[(slice(None), *frame.inner)]

    def won(self, first: int, last: int) -> Array:
        """Which elements of these images' windows get a gradient: booleans (places in the window, N, *size, C)."""
        winners, results = self.winners, self.results[first:last]
        if winners is None:
            best = np.ascontiguousarray(results)
            seen = self.frame.around(channels_last(self.x)[first:last])
            planes = planes_of(seen, self.window, self.size, self.geometry).copy().view(best.dtype)
            found = first_largest(planes.reshape(-1, *best.shape), best)
        else:
            found = winners.found[:, first:last]
        known = winners is not None and winners.rectified
        if known == self.rectified:
            return found
        if known:  # where all are 0 the first of them gets the gradient, if no ReLU keeps it back
            return np.concatenate((found[:1] | (results == 0), found[1:]))
        won: Array = found & (results != 0)
        return won


def max_pool_indices(x: Array, window: Shape, size: Shape, geometry: Geometry) -> Array:
    """Where each window's first largest element is, counted along the flattened image: (N, C, *size) of int64.

    As PyTorch, the last NaN counts as largest.
    """
    images = channels_last(x)
    frame = Frame(x.shape[2:], window, size, geometry, lowest(x.dtype))
    best = np.full((len(x), *size, x.shape[1]), lowest(x.dtype), x.dtype)
    index = np.zeros(best.shape, np.int64)
    seen = frame.around(images)
    starts = [np.arange(o) * s - p for o, s, p in zip(size, geometry.stride, geometry.padding, strict=True)]
    first = [s + -(-np.maximum(-s, 0) // d) * d for s, d in zip(starts, geometry.dilation, strict=True)]
    index[...] = flat(first, x.shape[2:])
    for place, tap in taps(window, size, geometry):
        here = seen[place]
        better = (here > best) | (here != here)
        np.copyto(best, here, where=better)
        at = [s + i * d for s, i, d in zip(starts, tap, geometry.dilation, strict=True)]
        np.copyto(index, flat(at, x.shape[2:]), where=better)
    return np.ascontiguousarray(channels_first(index))


def flat(places: list[Array], size: Shape) -> Array:
    """Rows and columns as positions along the flattened image, broadcast against (N, *, C)."""
    total: Any = 0
    for d, (at, n) in enumerate(zip(places, size, strict=True)):
        total = total * n + at.reshape(-1, *(1,) * (len(size) - d))
    return np.asarray(total)


def adaptive_windows(n: int, o: int) -> list[tuple[int, int]]:
    """The o windows that cover n elements as evenly as can be: [floor(i n / o), ceil((i + 1) n / o))."""
    return [(i * n // o, -(-(i + 1) * n // o)) for i in range(o)]


def adaptive_max_indices(x: Array, size: Shape) -> Array:
    """Where the largest element of each adaptive window is, counted along the flattened image: (N, C, *size)."""
    index = np.empty((*x.shape[:2], *size), np.int64)
    bounds = [adaptive_windows(n, o) for n, o in zip(x.shape[2:], size, strict=True)]
    positions = np.arange(math.prod(x.shape[2:])).reshape(x.shape[2:])
    for place in np.ndindex(*size):
        here = tuple(slice(*bounds[d][i]) for d, i in enumerate(place))
        seen = x[(slice(None), slice(None), *here)].reshape(*x.shape[:2], positions[here].size)
        index[(slice(None), slice(None), *place)] = positions[here].reshape(-1)[seen.argmax(-1)]
    return index


def sum_pool(x: Array, window: Shape, size: Shape, geometry: Geometry) -> Array:
    """The sum of each window of x (N, C, *size), zeros around it."""
    images = channels_last(x)
    out = np.zeros((len(x), *size, x.shape[1]), np.float32 if x.dtype == np.float16 else x.dtype)
    frame = Frame(x.shape[2:], window, size, geometry, 0)

    def work(ranges: Iterator[tuple[int, int]]) -> None:
        for a, b in ranges:
            seen, total = frame.around(images[a:b]), out[a:b]
            for place, _ in taps(window, size, geometry):
                total += seen[place]

    if out.size:
        split(few(images), work)
    return channels_first(out)


def sum_pool_input(g: Array, window: Shape, size: Shape, geometry: Geometry) -> Array:
    """The adjoint of `sum_pool`: each element of g (N, C, *output) added to all of its window, in images of that size."""
    upstream = channels_last(g)
    found = np.zeros((len(g), *size, g.shape[1]), np.float32 if g.dtype == np.float16 else g.dtype)
    frame = Frame(size, window, g.shape[2:], geometry, 0)

    def work(ranges: Iterator[tuple[int, int]]) -> None:
        for a, b in ranges:
            spread = found[a:b] if frame.bare else frame.around(found[a:b])
            rows = np.ascontiguousarray(upstream[a:b])
            for place, _ in taps(window, g.shape[2:], geometry):
                spread[place] += rows
            if not frame.bare:
                found[a:b][frame.kept] = spread[(slice(None), *frame.inner)]

    if g.size and found.size:
        split(few(found), work)
    return channels_first(found)
