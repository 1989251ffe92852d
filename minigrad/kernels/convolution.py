"""Convolution in any number of dimensions, with its two adjoints.

Arrays are logically (N, C, *size), results channels-last in memory: (N, *size, C) seen through a transposed view, whose
order NumPy's element-wise loops keep. The images pass in blocks that stay in the cache: padded, their windows copied out
as the rows of a matrix ("columns", im2col), multiplied with the weights, bias added. The batch is split over the cores.
Nothing is kept for the backward pass: columns are made anew, block by block, which costs less than the memory would.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.kernels.threads import split

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

BLOCK = 1 << 20  # bytes of columns at a time
SMALL = 1 << 16  # multiplications below which a second thread costs more than it saves


class Geometry(NamedTuple):
    """How a window moves over an image: one entry per dimension each, and the groups that channels are cut into."""

    stride: Shape
    padding: Shape
    dilation: Shape
    groups: int = 1

    def spans(self, window: Shape) -> Shape:
        """How far the window reaches, dilation included."""
        return tuple(d * (f - 1) + 1 for f, d in zip(window, self.dilation, strict=True))

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
    window, groups = weight.shape[2:], geometry.groups
    size = geometry.output(x.shape[2:], window)
    dtype = x.dtype
    x, weight, bias = precise(x), precise(weight), None if bias is None else precise(bias)
    out = np.empty((len(x), *size, len(weight)), x.dtype)
    if not out.size or not weight.size:
        out[...] = 0 if bias is None else bias
        return channels_first(out.astype(dtype, copy=False))
    matrices = by_group(weight, groups)
    images = channels_last(x)

    def part(first: int, last: int) -> None:
        for place, columns in blocks(images, window, size, geometry, first, last):
            rows = out[place].reshape(-1, out.shape[-1])  # a view: whole images, or whole rows of one
            if groups == 1:
                np.matmul(columns[0], matrices[0], out=rows)
            else:
                rows.reshape(len(rows), groups, -1)[...] = np.matmul(columns, matrices).transpose(1, 0, 2)
            if bias is not None:
                rows += bias

    split(len(x), part, least_images(out, weight))
    return channels_first(out.astype(dtype, copy=False))


def input_gradient(g: Array, weight: Array, size: Shape, geometry: Geometry) -> Array:
    """What g (N, K, *output) sends back to the input (N, C, *size) of a convolution; a transposed convolution of g."""
    window, groups = weight.shape[2:], geometry.groups
    reach = tuple(span - 1 - p for span, p in zip(geometry.spans(window), geometry.padding, strict=True))
    if all(s == 1 for s in geometry.stride) and min(reach, default=0) >= 0:
        flipped = np.flip(weight, tuple(range(2, weight.ndim)))
        per_group = flipped.reshape(groups, -1, *weight.shape[1:]).swapaxes(1, 2)
        turned = per_group.reshape(-1, len(weight) // groups, *window)
        if geometry._replace(padding=reach).output(g.shape[2:], window) == tuple(size):
            return convolve(g, turned, None, geometry._replace(padding=reach))
    dtype = g.dtype
    g, weight = precise(g), precise(weight)
    out = np.zeros((len(g), *size, weight.shape[1] * groups), g.dtype)
    if g.size and weight.size and out.size:
        matrices = np.ascontiguousarray(by_group(weight, groups).transpose(0, 2, 1))
        rows_of = channels_last(g)

        def part(first: int, last: int) -> None:
            row = 4 * math.prod(g.shape[2:]) * weight.size // len(weight) * groups
            step = max(1, BLOCK // max(1, row))
            for a in range(first, last, step):
                block = np.ascontiguousarray(rows_of[a : min(a + step, last)])
                taps = np.matmul(block.reshape(-1, groups, len(weight) // groups).swapaxes(0, 1), matrices)
                columns = taps.reshape(groups, *block.shape[:-1], *window, weight.shape[1])
                fold_into(out[a : a + len(block)], columns, geometry)

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

        def part(first: int, last: int) -> Array:
            sums = np.zeros(shape, x.dtype)
            for place, columns in blocks(images, window, g.shape[2:], geometry, first, last):
                rows = np.ascontiguousarray(upstream[place]).reshape(-1, groups, outputs // groups)
                sums += np.matmul(columns.swapaxes(1, 2), rows.swapaxes(0, 1))
            return sums

        total = sum(split(len(x), part, least_images(g, total)), total)
    gradient = total.reshape(groups, *window, channels, -1)
    last = gradient.ndim - 1
    gradient = gradient.transpose(0, last, last - 1, *range(1, last - 1)).reshape(outputs, channels, *window)
    return np.array(gradient, dtype, order="C")


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


def blocks(
    images: Array, window: Shape, size: Shape, geometry: Geometry, first: int, last: int
) -> Iterator[tuple[Any, Array]]:
    """(place in the result, columns there) of images[first:last], a few images or a few rows of one at a time.

    Columns are (groups, positions, window * channels), a buffer that the next block overwrites.
    """
    channels, groups = images.shape[-1], geometry.groups
    width = math.prod(window) * channels
    row = max(1, math.prod(size[1:]) * width * images.itemsize)
    rows = min(size[0], max(1, BLOCK // row))
    count = min(last - first, max(1, BLOCK // (row * size[0]))) if rows == size[0] else 1
    padded = Padded(count, images, geometry)
    wide = min(width, window[-1] * channels if groups == 1 and geometry.dilation[-1] == 1 else channels // groups)
    by_tap = groups == 1 and wide < 12
    buffer = np.empty(count * rows * math.prod(size[1:]) * width, images.dtype)
    for a in range(first, last, count):
        b = min(a + count, last)
        frame = padded.of(images[a:b])
        for top in range(0, size[0], rows):
            here = (min(rows, size[0] - top), *size[1:])
            view = windows(frame[:, top * geometry.stride[0] :], window, here, geometry)
            dims = view.ndim  # images, positions..., taps..., channels
            taps = tuple(range(1 + len(size), dims - 1))
            if groups > 1:
                view = view.reshape(*view.shape[:-1], groups, channels // groups)
                order = (dims - 1, *range(1 + len(size)), *taps, dims)
                view = view.transpose(order)
            elif by_tap:
                view = view.transpose(*taps, dims - 1, *range(1 + len(size)))
            columns = buffer[: view.size].reshape(view.shape)
            np.copyto(columns, view)
            if by_tap:
                columns = columns.reshape(width, -1).T
            place = (slice(a, b), slice(top, top + here[0])) if rows < size[0] else slice(a, b)
            yield place, columns.reshape(groups, -1, width // groups)


class Padded:
    """A buffer of `count` images with zeros around them."""

    def __init__(self, count: int, images: Array, geometry: Geometry) -> None:
        padding = geometry.padding
        self.inner: Any = None
        if any(padding) or not images.flags.c_contiguous:
            size = (n + 2 * p for n, p in zip(images.shape[1:-1], padding, strict=True))
            self.frame = np.zeros((count, *size, images.shape[-1]), images.dtype)
            self.inner = self.frame[
                (slice(None), *(slice(p, p + n) for n, p in zip(images.shape[1:-1], padding, strict=True)))
            ]

    def of(self, images: Array) -> Array:
        """The images, padded; a view of the buffer, or the images themselves where there is nothing to do."""
        if self.inner is None:
            return images
        self.inner[: len(images)] = images
        return self.frame[: len(images)]


def windows(frame: Array, window: Shape, size: Shape, geometry: Geometry) -> Array:
    """The (N, *size, *window, C) view of all windows of padded images (N, *, C)."""
    steps = frame.strides[1:-1]
    return as_strided(
        frame,
        (len(frame), *size, *window, frame.shape[-1]),
        (
            frame.strides[0],
            *(step * s for step, s in zip(steps, geometry.stride, strict=True)),
            *(step * d for step, d in zip(steps, geometry.dilation, strict=True)),
            frame.strides[-1],
        ),
    )


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
    out += frame[(slice(None), *(slice(p, p + n) for n, p in zip(out.shape[1:-1], geometry.padding, strict=True)))]


def unfold(x: Array, window: Shape, geometry: Geometry) -> Array:
    """The windows of x (N, C, *size) as an (N, C, *window, *output) array."""
    padded = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in geometry.padding)))
    view = windows(channels_last(padded), window, geometry.output(x.shape[2:], window), geometry)
    dims = len(window)
    return np.ascontiguousarray(view.transpose(0, 1 + 2 * dims, *range(1 + dims, 1 + 2 * dims), *range(1, 1 + dims)))


def fold(columns: Array, size: Shape, geometry: Geometry) -> Array:
    """The adjoint of `unfold`: (N, C, *window, *output) added up into (N, C, *size)."""
    dims = len(size)
    last = columns.transpose(0, *range(2 + dims, 2 + 2 * dims), *range(2, 2 + dims), 1)
    out = np.zeros((len(columns), *size, columns.shape[1]), precise(columns).dtype)
    fold_into(out, last[None], geometry)
    return np.ascontiguousarray(channels_first(out), columns.dtype)
