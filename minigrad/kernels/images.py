"""Images as the kernels have them: channels-last in memory, passed a few at a time, their gradients on demand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from minigrad.kernels.threads import cut, split

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

BLOCK = 1 << 21  # bytes of images at a time: shorter calls let threads wait for the interpreter's lock
SMALL = 1 << 17  # elements below which a second thread costs more than it saves


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


def precise(x: Array) -> Array:
    """float16 as float32, in which it is multiplied and added; anything else as it is."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def few(images: Array) -> list[tuple[int, int]]:
    """The images in ranges of a few, some for each thread."""
    each = max(1, images.size // max(1, len(images)))
    return cut(len(images), max(1, BLOCK // (each * images.itemsize)), -(-SMALL // each))


class Deferred:
    """A gradient by images (N, *size, C) that is computed a few images at a time, while the kernel that needs it reads them.

    The gradient of a pool, then that of a ReLU, would each be written out as large as the images and read again; this way
    they stay in the cache: with it a SimpleConvNet's step takes 13 ms instead of 17.
    """

    def __init__(self, shape: Shape, dtype: Any) -> None:
        self.shape, self.dtype = shape, dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, place: tuple[slice, ...]) -> Array:
        """The gradient by some of the images, in a new array."""
        first, last = place[0].start, place[0].stop
        out = np.empty((last - first, *self.shape[1:]), self.dtype)
        self.fill(out, first, last)
        return out

    def fill(self, out: Array, first: int, last: int) -> None:
        """Write the gradient by images first to last into out."""
        raise NotImplementedError

    def rectify(self, out: Array) -> bool:
        """Be also the gradient by what a ReLU made `out` of, if that costs less than it would afterwards."""
        return False

    def array(self) -> Array:
        """All of it, as a logical (N, C, *size), over the cores."""
        found = np.empty(self.shape, self.dtype)

        def work(ranges: Iterator[tuple[int, int]]) -> None:
            for first, last in ranges:
                self.fill(found[first:last], first, last)

        if found.size:
            split(few(found), work)
        return channels_first(found)
