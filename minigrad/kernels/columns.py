"""Windows of images copied out as the rows of a matrix ("columns", im2col), and added up again (col2im). Book 7.4.2."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minigrad.kernels.images import Array, Deferred, Geometry, Shape, channels_first, precise

BLOCK = 3 << 19  # bytes of columns at a time


def rows_at_a_time(window: Shape, size: Shape, channels: int, itemsize: int) -> int:
    """How many rows of the result have their columns made together."""
    return min(size[0], max(1, BLOCK // max(1, math.prod((*size[1:], *window)) * channels * itemsize)))


def in_strips(window: Shape, size: Shape, images: Array | Deferred) -> bool:
    """Whether `blocks` of channels-last images are a few rows of one: an image's columns would be too large at once."""
    return rows_at_a_time(window, size, images.shape[-1], images.dtype.itemsize) < size[0]


def blocks(
    images: Array | Deferred, window: Shape, size: Shape, geometry: Geometry, first: int, last: int
) -> Iterator[tuple[Any, Array, Array]]:
    """(place in the result, columns there, images padded) of images[first:last], a few or a few rows of one at a time.

    Columns are (groups, positions, window * channels / groups), in a buffer that the next block overwrites.
    """
    channels, groups = images.shape[-1], geometry.groups
    width = math.prod(window) * channels
    if not width:
        return
    rows = rows_at_a_time(window, size, channels, images.dtype.itemsize)
    row = max(1, math.prod(size[1:]) * width * images.dtype.itemsize)
    count = min(last - first, max(1, BLOCK // (row * size[0]))) if rows == size[0] else 1
    padded = Padded(images, count, geometry.reach(window, size), geometry.padding)
    places = (
        (a, min(a + count, last), top, min(top + rows, size[0]))
        for a in range(first, last, count)
        for top in range(0, size[0], rows)
    )
    if width == channels and groups == 1 and padded.inner is None and size == images.shape[1:-1]:
        for a, b, top, bottom in places:  # a window of one element: the images are the columns
            seen = padded.frame[a:b, top:bottom]
            yield (slice(a, b), slice(top, bottom)), seen.reshape(1, -1, channels), seen
        return
    view = windows(padded.frame, window, size, geometry)
    dims = len(size)
    order = tuple(range(view.ndim))
    if channels == 1:  # positions last in memory: long runs, where those of one channel would be short
        order = (*range(1 + dims, view.ndim), *range(1 + dims))
    elif groups > 1:
        order = (view.ndim - 1, *range(view.ndim - 1))
    buffer = np.empty(count * rows * math.prod(size[1:]) * math.prod(view.shape[1 + dims :]), view.dtype)
    known: Any = None
    for a, b, top, bottom in places:
        padded.fill(a, b)
        if (
            known != (b - a, top, bottom) or padded.inner is None
        ):  # else all is where it was: less to do with the lock held
            known = b - a, top, bottom
            frame = padded.seen(padded.frame, a, b)
            seen = padded.seen(view, a, b)[:, top:bottom].transpose(order)
            copied = buffer[: seen.size]
            target, columns = copied.reshape(seen.shape), copied.view(images.dtype)
            columns = (
                columns.reshape(width, -1).T[None] if channels == 1 else columns.reshape(groups, -1, width // groups)
            )
        target[...] = seen
        yield (slice(a, b), slice(top, bottom)), columns, frame


def windows(frame: Array, window: Shape, size: Shape, geometry: Geometry) -> Array:
    """What all windows see of contiguous images: a view (N, *size, *runs of one window).

    A run is what lies together, as one element of that many bytes: NumPy copies it twice as fast as its numbers.
    """
    channels = frame.shape[-1]
    strides = frame.strides[1:-1]
    taps, jumps = window, tuple(n * d for n, d in zip(strides, geometry.dilation, strict=True))
    run = channels // geometry.groups
    if geometry.groups > 1:
        taps, jumps = (*taps, geometry.groups), (*jumps, run * frame.itemsize)
    elif channels > 1 and geometry.dilation[-1] == 1:
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
