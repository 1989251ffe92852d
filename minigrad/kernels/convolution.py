"""Convolution in any number of dimensions, with its two adjoints.

Arrays are logically (N, C, *size), results channels-last in memory: (N, *size, C) seen through a transposed view, whose
order NumPy's element-wise loops keep. The images pass in blocks that stay in the cache: padded, their windows copied out
as the rows of a matrix ("columns", im2col), multiplied with the weights, bias added. The batch is split over the cores.
Nothing is kept for the backward pass: columns are made anew, block by block, which costs less than the memory would.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minigrad.kernels.sums import sum_channels, sum_rows
from minigrad.kernels.threads import split

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

BLOCK = 3 << 19  # bytes of columns at a time
SMALL = 1 << 16  # multiplications below which a second thread costs more than it saves


class Geometry(NamedTuple):
    """How a window moves over an image: one entry per dimension each, and the groups that channels are cut into.

    A padding below 0, which only these kernels use, leaves out the first rows.
    """

    stride: Shape
    padding: Shape
    dilation: Shape
    groups: int = 1

    def spans(self, window: Shape) -> Shape:
        """How far the window reaches, dilation included."""
        return tuple(d * (f - 1) + 1 for f, d in zip(window, self.dilation, strict=True))

    def reach(self, window: Shape, size: Shape) -> Shape:
        """How much of a padded image a window at `size` places sees."""
        return tuple((o - 1) * s + f for o, s, f in zip(size, self.stride, self.spans(window), strict=True))

    def output(self, size: Shape, window: Shape) -> Shape:
        """The size of the result: floor((H + 2 P - FH) / S) + 1 for each dimension."""
        return tuple(
            (n + 2 * p - f) // s + 1
            for n, p, f, s in zip(size, self.padding, self.spans(window), self.stride, strict=True)
        )


def channels_last(x: Array) -> Array:
    """The (N, *size, C) view of a logical (N, C, *size)."""
    return x.transpose(0, *range(2, x.ndim), 1)


def channels_first(x: Array) -> Array:
    """The logical (N, C, *size) view of (N, *size, C)."""
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))


def convolve(x: Array, weight: Array, bias: Array | None, geometry: Geometry) -> Array:
    """Correlation of x (N, C, *size) with weight (K, C / groups, *window), plus bias (K,)."""
    size, dtype = geometry.output(x.shape[2:], weight.shape[2:]), x.dtype
    x, weight, bias = precise(x), precise(weight), None if bias is None else precise(bias)
    out = np.empty((len(x), *size, len(weight)), x.dtype)
    if not out.size or not weight.size:
        out[...] = 0 if bias is None else bias
        return channels_first(out.astype(dtype, copy=False))
    split(len(x), correlation(out, channels_last(x), weight, bias, geometry), least_images(out, weight))
    return channels_first(out.astype(dtype, copy=False))


def correlation(
    out: Array, images: Array, weight: Array, bias: Array | None, geometry: Geometry
) -> Callable[[int, int], None]:
    """What computes images first to last of out (N, *size, K), all channels-last."""
    if is_depthwise(weight, geometry):
        return partial(convolve_channels, out, images, weight, bias, geometry)
    window, size = weight.shape[2:], out.shape[1:-1]
    matrices = by_group(weight, geometry.groups)
    line = None if bias is None else np.tile(bias, size[-1])  # rows of a few hundred elements add faster

    def part(first: int, last: int) -> None:
        for place, columns in blocks(images, window, size, geometry, first, last):
            multiply(columns, matrices, out[place])
            if line is not None:
                lines = out[place].reshape(-1, len(line))
                lines += line

    return part


class Phase(NamedTuple):
    """Every s-th row of an image, s being the stride: what a convolution sends back to them is a correlation of stride 1.

    It has every s-th tap of the window, turned round.
    """

    place: tuple[Any, ...]  # of these rows in (N, *size, C)
    size: Shape  # how many they are
    taps: tuple[Any, ...]  # of theirs in (K, C / groups, *window)
    geometry: Geometry  # how the turned taps move over the convolution's result


def phases(window: Shape, size: Shape, geometry: Geometry) -> list[Phase]:
    """The phases of images of that size which any tap reaches."""
    ways: list[list[Any]] = []
    for f, n, s, p, d in zip(window, size, geometry.stride, geometry.padding, geometry.dilation, strict=True):
        common = math.gcd(s, d)
        way = []
        for start in range(min(s, n)):
            row, phase = divmod(start + p, s)
            first = next((t for t in range(f) if (t * d - phase) % s == 0), None)
            if first is not None:
                taps = slice(first, None, s // common)
                reach = d // common * (len(range(f)[taps]) - 1)
                before = reach + (first * d - phase) // s - row
                way.append((slice(start, None, s), len(range(start, n, s)), taps, before, d // common))
        ways.append(way)
    every = slice(None)
    found = []
    for each in itertools.product(*ways):
        columns: Any = zip(*each, strict=True)
        places, sizes, taps, before, dilation = columns
        around = Geometry((1,) * len(size), before, dilation, geometry.groups)
        found.append(Phase((every, *places), sizes, (every, every, *taps), around))
    return found


def empty_unless_missed(shape: Shape, dtype: Any, each: list[Phase], geometry: Geometry) -> Array:
    """Channels-last images to be filled phase by phase: zeros if some phase has no tap."""
    every = math.prod(min(s, n) for s, n in zip(geometry.stride, shape[1:-1], strict=True))
    return np.empty(shape, dtype) if len(each) == every else np.zeros(shape, dtype)


def input_gradient(g: Array, weight: Array, size: Shape, geometry: Geometry) -> Array:
    """What g (N, K, *output) sends back to the input (N, C, *size) of a convolution; a transposed convolution of g."""
    groups, dtype = geometry.groups, g.dtype
    g, weight = precise(g), precise(weight)
    each = phases(weight.shape[2:], size, geometry) if g.size and weight.size else []
    out = empty_unless_missed((len(g), *size, weight.shape[1] * groups), g.dtype, each, geometry)
    parts = [
        correlation(out[phase.place], channels_last(g), turned(weight[phase.taps], groups), None, phase.geometry)
        for phase in each
    ]

    def part(first: int, last: int) -> None:
        for each in parts:
            each(first, last)

    split(len(g), part, least_images(g, weight))
    return channels_first(out.astype(dtype, copy=False))


def weight_gradient(g: Array, x: Array, window: Shape, geometry: Geometry) -> Array:
    """The gradient (K, C / groups, *window) by a convolution's weight, from g (N, K, *output) and its input x."""
    groups, dtype = geometry.groups, x.dtype
    g, x = precise(g), precise(x)
    outputs, channels = g.shape[1], x.shape[1] // groups
    shape = (groups, math.prod(window) * channels, outputs // groups)
    total = np.zeros(shape, x.dtype)
    if g.size and x.size:
        images, upstream = channels_last(x), channels_last(g)
        if is_depthwise(np.empty((outputs, channels)), geometry):
            parts = split(len(x), partial(weigh_channels, upstream, images, window, geometry), least_images(g, total))
            return np.array(sum(parts).T.reshape(outputs, 1, *window), dtype, order="C")

        def part(first: int, last: int) -> Array:
            sums = np.zeros(shape, x.dtype)
            for place, columns in blocks(images, window, g.shape[2:], geometry, first, last):
                sums += np.matmul(columns.swapaxes(1, 2), grouped_rows(upstream[place], groups))
            return sums

        total = sum(split(len(x), part, least_images(g, total)), total)
    by_tap = total.reshape(groups, *window, channels, outputs // groups)
    order = (0, by_tap.ndim - 1, by_tap.ndim - 2, *range(1, 1 + len(window)))
    return np.array(by_tap.transpose(order).reshape(outputs, channels, *window), dtype, order="C")


def gradients(g: Array, x: Array, weight: Array, geometry: Geometry, biased: bool) -> tuple[Array, Array, Array | None]:
    """`input_gradient`, `weight_gradient` and the bias's (K,) if wanted: the first two are products with the same columns."""
    groups, dtype = geometry.groups, x.dtype
    if not g.size or not weight.size or is_depthwise(weight, geometry):
        by_weight = weight_gradient(g, x, weight.shape[2:], geometry)
        return input_gradient(g, weight, x.shape[2:], geometry), by_weight, sum_channels(g) if biased else None
    g, x, weight = precise(g), precise(x), precise(weight)
    outputs, channels = len(weight) // groups, weight.shape[1]
    images, upstream = channels_last(x), channels_last(g)
    each = phases(weight.shape[2:], x.shape[2:], geometry)
    out = empty_unless_missed(images.shape, x.dtype, each, geometry)
    weights = [turned(weight[phase.taps], groups) for phase in each]
    matrices = [by_group(seen, groups) for seen in weights]

    def part(first: int, last: int) -> list[Array]:
        found = []
        for phase, seen, matrix in zip(each, weights, matrices, strict=True):
            sums = np.zeros((groups, channels, matrix.shape[1]), x.dtype)
            here, back = images[phase.place], out[phase.place]
            for place, columns in blocks(upstream, seen.shape[2:], phase.size, phase.geometry, first, last):
                multiply(columns, matrix, back[place])
                sums += np.matmul(grouped_rows(here[place], groups).swapaxes(1, 2), columns)
            found.append(sums)
        if biased:
            found.append(sum_rows(np.ascontiguousarray(upstream[first:last]).reshape(-1, len(weight))))
        return found

    parts: Any = zip(*split(len(x), part, least_images(g, weight)), strict=True)
    totals: list[Any] = [sum(found) for found in parts]
    by_bias = totals.pop().astype(dtype, copy=False) if biased else None
    found = np.zeros(weight.shape, dtype)
    for phase, seen, total in zip(each, weights, totals, strict=True):
        window = seen.shape[2:]
        by_tap = np.flip(total.reshape(groups, channels, *window, outputs), tuple(range(2, 2 + len(window))))
        order = (0, by_tap.ndim - 1, 1, *range(2, 2 + len(window)))
        found[phase.taps] = by_tap.transpose(order).reshape(len(weight), channels, *window)
    return channels_first(out.astype(dtype, copy=False)), found, by_bias


def multiply(columns: Array, matrices: Array, out: Array) -> None:
    """Columns (groups, positions, width) times a matrix a group, into channels-last images or rows of one."""
    if len(columns) > 1:
        out[...] = np.matmul(columns, matrices).transpose(1, 0, 2).reshape(out.shape)
    elif out.flags.c_contiguous:
        np.matmul(columns[0], matrices[0], out=out.reshape(-1, out.shape[-1]))
    else:
        out[...] = np.matmul(columns[0], matrices[0]).reshape(out.shape)


def grouped_rows(images: Array, groups: int) -> Array:
    """Channels-last images as (groups, positions, channels / groups)."""
    rows = np.ascontiguousarray(images).reshape(-1, groups, images.shape[-1] // groups)
    return rows.swapaxes(0, 1)


def turned(weight: Array, groups: int) -> Array:
    """The weights of the convolution that goes back: channels exchanged within each group, windows turned round."""
    flipped = np.flip(weight, tuple(range(2, weight.ndim)))
    exchanged = flipped.reshape(groups, len(weight) // groups, *weight.shape[1:]).swapaxes(1, 2)
    return exchanged.reshape(-1, len(weight) // groups, *weight.shape[2:])


def precise(x: Array) -> Array:
    """float16 as float32, in which it is multiplied and added; anything else as it is."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def by_group(weight: Array, groups: int) -> Array:
    """The weights as one (window * channels, K / groups) matrix a group, in the order of the columns."""
    split_up = weight.reshape(groups, len(weight) // groups, *weight.shape[1:])
    ordered = split_up.transpose(0, *range(3, split_up.ndim), 2, 1)
    return np.ascontiguousarray(ordered).reshape(groups, -1, len(weight) // groups)


def least_images(out: Array, weight: Array) -> int:
    """How many images make a part worth a thread."""
    work = out.size // max(1, len(out)) * (weight.size // max(1, len(weight)))
    return max(1, SMALL // max(1, work))


# ------------------------------------------------------------------ one filter for each channel


def is_depthwise(weight: Array, geometry: Geometry) -> bool:
    """Whether each channel has a filter of its own: products with one column, slower than a pass for each tap."""
    return weight.shape[1] == 1 and 1 < geometry.groups == len(weight)


def taps(window: Shape, size: Shape, geometry: Geometry) -> Iterator[tuple[Any, Shape]]:
    """(index of padded images, place in the window): what all windows see at each of their places."""
    for tap in np.ndindex(*window):
        yield (
            (
                slice(None),
                *(
                    slice(i * d, i * d + s * (o - 1) + 1, s)
                    for i, d, s, o in zip(tap, geometry.dilation, geometry.stride, size, strict=True)
                ),
            ),
            tap,
        )


def convolve_channels(
    out: Array, images: Array, weight: Array, bias: Array | None, geometry: Geometry, first: int, last: int
) -> None:
    """Depthwise convolution of images[first:last] into out, one image at a time."""
    size, window = out.shape[1:-1], weight.shape[2:]
    padded = Padded(images, 1, geometry.reach(window, size), geometry.padding)
    rows = {tap: np.tile(weight[(slice(None), 0, *tap)], size[-1]).reshape(size[-1], -1) for tap in np.ndindex(*window)}
    product = np.empty((1, *size, out.shape[-1]), out.dtype)
    for a in range(first, last):
        seen, total = padded.seen(padded.frame, a, a + 1), out[a : a + 1]
        total[...] = 0 if bias is None else bias
        for place, tap in taps(window, size, geometry):
            total += np.multiply(seen[place], rows[tap], out=product)


def weigh_channels(upstream: Array, images: Array, window: Shape, geometry: Geometry, first: int, last: int) -> Array:
    """The gradient (window, channels) by the weight of a depthwise convolution, from images[first:last]."""
    size, channels = upstream.shape[1:-1], upstream.shape[-1]
    padded = Padded(images, 1, geometry.reach(window, size), geometry.padding)
    total = np.zeros((math.prod(window), channels), images.dtype)
    for a in range(first, last):
        seen, g = padded.seen(padded.frame, a, a + 1), np.ascontiguousarray(upstream[a : a + 1])
        for k, (place, _) in enumerate(taps(window, size, geometry)):
            total[k] += sum_rows((seen[place] * g).reshape(-1, channels))
    return total


# ------------------------------------------------------------------ windows as columns


def blocks(
    images: Array, window: Shape, size: Shape, geometry: Geometry, first: int, last: int
) -> Iterator[tuple[Any, Array]]:
    """(place in the result, columns there) of images[first:last], a few images or a few rows of one at a time.

    Columns are (groups, positions, window * channels / groups), in a buffer that the next block overwrites.
    """
    channels, groups = images.shape[-1], geometry.groups
    width = math.prod(window) * channels
    row = max(1, math.prod(size[1:]) * width * images.itemsize)
    rows = min(size[0], max(1, BLOCK // row))
    count = min(last - first, max(1, BLOCK // (row * size[0]))) if rows == size[0] else 1
    padded = Padded(images, count, geometry.reach(window, size), geometry.padding)
    places = (
        (a, min(a + count, last), top, min(top + rows, size[0]))
        for a in range(first, last, count)
        for top in range(0, size[0], rows)
    )
    if width == channels and groups == 1 and padded.inner is None and size == images.shape[1:-1]:
        for a, b, top, bottom in places:  # a window of one element: the images are the columns
            yield (slice(a, b), slice(top, bottom)), images[a:b, top:bottom].reshape(1, -1, channels)
        return
    view = windows(padded.frame, window, size, geometry)
    dims = len(size)
    order = tuple(range(view.ndim))
    if channels == 1:  # positions last in memory: long runs, where those of one channel would be short
        order = (*range(1 + dims, view.ndim), *range(1 + dims))
    elif groups > 1:
        order = (view.ndim - 1, *range(view.ndim - 1))
    buffer = np.empty(count * rows * math.prod(size[1:]) * math.prod(view.shape[1 + dims :]), view.dtype)
    for a, b, top, bottom in places:
        seen = padded.seen(view, a, b)[:, top:bottom]
        copied = buffer[: seen.size]
        seen = seen.transpose(order)
        copied.reshape(seen.shape)[...] = seen
        columns = copied.view(images.dtype)
        place = slice(a, b), slice(top, bottom)
        if channels == 1:
            yield place, columns.reshape(width, -1).T[None]
        else:
            yield place, columns.reshape(groups, -1, width // groups)


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

    def __init__(self, images: Array, count: int, size: Shape, padding: Shape) -> None:
        self.images, self.frame = images, images
        self.inner: Any = None
        shape = images.shape[1:-1]
        if any(padding) or not images.flags.c_contiguous or any(m > n for m, n in zip(size, shape, strict=True)):
            seen = [(max(0, -p), min(n, m - p)) for n, m, p in zip(shape, size, padding, strict=True)]
            self.kept = tuple(slice(a, max(a, b)) for a, b in seen)
            self.frame = np.zeros((count, *size, images.shape[-1]), images.dtype)
            places = (slice(k.start + p, k.stop + p) for k, p in zip(self.kept, padding, strict=True))
            self.inner = self.frame[(slice(None), *places)]
            self.filled: Any = None

    def seen(self, view: Array, first: int, last: int) -> Array:
        """The part of a view of the frame that shows images first to last."""
        if self.inner is None:
            return view[first:last]
        if self.filled != first:
            self.inner[: last - first] = self.images[(slice(first, last), *self.kept)]
            self.filled = first
        return view[: last - first]


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
