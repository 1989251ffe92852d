"""Windows of images copied out as the rows of a matrix ("columns", im2col), and added up again (col2im). Book 7.4.2."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minigrad.kernels.images import Array, Deferred, Geometry, Shape, channels_first, precise
from minigrad.kernels.threads import available, cut

T = TypeVar("T")

BLOCK = 1 << 21  # bytes of columns at a time
SMALL = 1 << 22  # multiplications below which a second thread costs more than it saves


class Block(NamedTuple):
    """What is computed at a time of a convolution's result (N, *size, K): some images, or some rows of one."""

    first: int
    last: int
    top: int
    bottom: int

    @property
    def place(self) -> tuple[slice, slice]:
        return slice(self.first, self.last), slice(self.top, self.bottom)


class Blocks(NamedTuple):
    """The blocks of a convolution, and the most images and rows that one has."""

    each: tuple[Block, ...]
    images: int
    rows: int

    @property
    def in_strips(self) -> bool:
        """Whether several are of one image."""
        return self.each[-1].top > 0


def blocks(images: Array | Deferred, weight: Shape, size: Shape, pool: Shape = ()) -> Blocks:
    """Blocks whose columns, of channels-last images for a weight (K, C / groups, *window), take at most BLOCK bytes.

    With `pool`, `size` and the blocks are those of what a pool of that window makes of the result.
    """
    rest = math.prod((*size[1:], *pool))
    row = math.prod(weight[2:]) * images.shape[-1] * images.dtype.itemsize * rest
    rows, least = max(1, BLOCK // row), -(-SMALL // (rest * math.prod(weight)))
    return _blocks(len(images), size[0], rows, least, available())


@lru_cache(maxsize=64)
def _blocks(count: int, height: int, rows: int, least: int, threads: int) -> Blocks:
    if rows >= height and count >= threads:
        counted = cut(count, rows // height, -(-least // height))
        each = tuple(Block(first, last, 0, height) for first, last in counted)
    else:
        strips = cut(height, rows, least)
        each = tuple(Block(a, a + 1, top, bottom) for a in range(count) for top, bottom in strips)
    return Blocks(each, max(b.last - b.first for b in each), max(b.bottom - b.top for b in each))


def in_pieces(every: Sequence[T], one: int) -> list[Sequence[T]]:
    """The tasks cut into runs that each have a sum, of `one` bytes: who does what then changes no digit of the total.

    As many as the sums fit into the cache, so that no thread waits long for the last.
    """
    return [every[first:last] for first, last in cut(len(every), max(1, len(every) * one // BLOCK))]


def takes_ones(window: Shape, groups: int) -> bool:
    """Whether `Columns` can have one of ones: neither where the images are the columns, nor for each group."""
    return groups == 1 < math.prod(window)


class Columns:
    """One thread's columns of channels-last images, a block at a time, in a buffer that the next block overwrites.

    With `ones` there is one more, of ones, by which the product adds a bias. With `pool`, a window, and `size` what it makes
    of the result, the positions come in the order (place in the pool's window, image, place of the pool). In memory the
    columns of one channel come one after the other, unless `by_row`: their rows are short, but products like them better.
    """

    def __init__(
        self,
        images: Array | Deferred,
        window: Shape,
        size: Shape,
        geometry: Geometry,
        blocks: Blocks,
        ones: bool = False,
        pool: Shape = (),
        by_row: bool = False,
    ) -> None:
        channels, groups, dims = images.shape[-1], geometry.groups, len(size)
        seen = tuple(o * n for o, n in zip(size, pool, strict=True)) if pool else size
        self.padded = Padded(images, blocks.images, geometry.reach(window, seen), geometry.padding)
        is_whole = self.padded.inner is None and seen == images.shape[1:-1]
        self.are_images = groups == math.prod(window) == 1 and is_whole and not pool
        if self.are_images:
            return
        self.by_row = by_row or channels > 1
        self.view = windows(self.padded.frame, window, seen, geometry, self.by_row)
        places = tuple(range(1 + dims))
        if pool:
            apart = (n for pair in zip(size, pool, strict=True) for n in pair)
            self.view = self.view.reshape(len(self.view), *apart, *self.view.shape[1 + dims :])
            places = *range(2, 2 + 2 * dims, 2), 0, *range(1, 1 + 2 * dims, 2)
        self.places = len(places)
        taps = range(self.places, self.view.ndim)
        self.width = math.prod(window) * channels // groups
        shape = groups, blocks.images * blocks.rows * math.prod((*size[1:], *pool)), self.width + ones
        if self.by_row:
            self.order = *taps[len(taps) - (groups > 1) :], *places, *taps[: len(taps) - (groups > 1)]
            self.buffer = np.empty(shape, images.dtype)
        else:
            self.order = *taps, *places
            self.buffer = np.empty((1, *shape[:0:-1]), images.dtype).swapaxes(1, 2)
        self.buffer[..., self.width :] = 1
        self.known: dict[Any, tuple[Array, Array, Array]] = {}

    def at(self, block: Block) -> Array:
        """(groups, positions, window * channels / groups), and ones, of what the block's windows see."""
        first, last, top, bottom = block
        padded = self.padded
        padded.fill(first, last)
        if self.are_images:
            seen = padded.frame[first:last, top:bottom]
            return seen.reshape(1, -1, seen.shape[-1])
        key = last - first, top, bottom
        found = self.known.get(key) if padded.inner is not None else None  # less to do with the interpreter's lock held
        if found is None:
            seen = padded.seen(self.view, first, last)[:, top:bottom]
            columns = self.buffer[:, : math.prod(seen.shape[: self.places])]
            target = columns[..., : self.width] if self.by_row else columns[0, :, : self.width].T
            seen = seen.transpose(self.order)
            target = target.reshape(*seen.shape, seen.itemsize // columns.itemsize).view(seen.dtype)[..., 0]
            found = self.known[key] = target, seen, columns
        target, seen, columns = found
        target[...] = seen
        return columns


def windows(frame: Array, window: Shape, size: Shape, geometry: Geometry, in_runs: bool) -> Array:
    """What all windows see of contiguous images: a view (N, *size, *window), or (N, *size, *runs of one window).

    A run is what lies together, as one element of that many bytes: NumPy copies it twice as fast as its numbers.
    """
    channels = frame.shape[-1]
    strides = frame.strides[1:-1]
    taps, jumps = window, tuple(n * d for n, d in zip(strides, geometry.dilation, strict=True))
    run = channels // geometry.groups
    if geometry.groups > 1:
        taps, jumps = (*taps, geometry.groups), (*jumps, run * frame.itemsize)
    elif in_runs and geometry.dilation[-1] == 1:
        taps, jumps, run = taps[:-1], jumps[:-1], run * window[-1]
    moves = (n * s for n, s in zip(strides, geometry.stride, strict=True))
    element = np.dtype((np.void, run * frame.itemsize))
    return np.ndarray((len(frame), *size, *taps), element, frame, 0, (frame.strides[0], *moves, *jumps))


class Padded:
    """Channels-last images of a size that begins `padding` before them, `count` at a time, zeros where they are not.

    Themselves where there is nothing to do.
    """

    def __init__(self, images: Array | Deferred, count: int, size: Shape, padding: Shape) -> None:
        self.images = images
        self.inner: Any = None
        shape = images.shape[1:-1]
        if (
            isinstance(images, Deferred)
            or any(padding)
            or any(m > n for m, n in zip(size, shape, strict=True))
            or not images.flags.c_contiguous
        ):
            seen = [(max(0, -p), min(n, m - p)) for n, m, p in zip(shape, size, padding, strict=True)]
            self.kept = tuple(slice(a, max(a, b)) for a, b in seen)
            self.frame = np.zeros((count, *size, images.shape[-1]), images.dtype)
            places = (slice(k.start + p, k.stop + p) for k, p in zip(self.kept, padding, strict=True))
            self.inner = self.frame[(slice(None), *places)]
            self.filled: Any = None
        else:
            self.frame = images

    def seen(self, view: Array, first: int, last: int) -> Array:
        """The part of a view of the frame that shows images first to last, once it is filled with them."""
        return view[first:last] if self.inner is None else view[: last - first]

    def fill(self, first: int, last: int) -> None:
        """Fill the frame with images first to last, if it is not these already."""
        if self.inner is None or self.filled == first:
            return
        self.filled = first
        if isinstance(self.images, Deferred):
            self.images.fill(self.inner[: last - first], first, last)
        else:
            self.inner[: last - first] = self.images[(slice(first, last), *self.kept)]


def inside(size: Shape, padding: Shape) -> tuple[slice, ...]:
    """Where images are within their border."""
    return tuple(slice(p, p + n) for n, p in zip(size, padding, strict=True))


def fold_into(out: Array, columns: Array, geometry: Geometry) -> None:
    """Add columns (groups, N, *output, *window, C / groups) to out (N, *size, C) where they came from."""
    dims = out.ndim - 2
    size, window = columns.shape[2 : 2 + dims], columns.shape[2 + dims : -1]
    frame = np.zeros(
        (len(out), *(n + 2 * p for n, p in zip(out.shape[1:-1], geometry.padding, strict=True)), out.shape[-1]),
        out.dtype,
    )
    grouped = frame.reshape(*frame.shape[:-1], len(columns), columns.shape[-1])
    taps = np.moveaxis(columns, 0, -2)
    for tap in np.ndindex(*window):
        place = tuple(
            slice(i * d, i * d + s * (n - 1) + 1, s)
            for i, d, s, n in zip(tap, geometry.dilation, geometry.stride, size, strict=True)
        )
        grouped[(slice(None), *place)] += taps[(slice(None),) * (1 + dims) + tap]
    out += frame[(slice(None), *inside(out.shape[1:-1], geometry.padding))]


def unfold(x: Array, window: Shape, geometry: Geometry) -> Array:
    """The windows of x (N, C, *size) as an (N, C, *window, *output) array."""
    dims = len(window)
    padded = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in geometry.padding)))
    axes = tuple(range(2, 2 + dims))
    steps = tuple(slice(None, None, s) for s in geometry.stride)
    reach = tuple(slice(None, None, d) for d in geometry.dilation)
    view = sliding_window_view(padded, geometry.spans(window), axes)[(slice(None), slice(None), *steps, *reach)]
    return np.ascontiguousarray(view.transpose(0, 1, *range(2 + dims, 2 + 2 * dims), *axes))


def fold(columns: Array, size: Shape, geometry: Geometry) -> Array:
    """The adjoint of `unfold`: (N, C, *window, *output) added up into (N, C, *size)."""
    dims = len(size)
    last = columns.transpose(0, *range(2 + dims, 2 + 2 * dims), *range(2, 2 + dims), 1)
    out = np.zeros((len(columns), *size, columns.shape[1]), precise(columns).dtype)
    fold_into(out, last[None], geometry)
    return np.ascontiguousarray(channels_first(out), columns.dtype)
