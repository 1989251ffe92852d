"""Pooling: windows of images reduced to their largest element or their mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.domains import Drawn, OneOf, Reals, Source
from minigrad.errors import ShapeError
from minigrad.function import RESULT, Function, Recomputed, TensorCore, may_defer, raw, unsaved, unsaved_result
from minigrad.kernels import pooling as kernel
from minigrad.kernels.images import Geometry, Shape
from minigrad.ops.index import IndexAdd


def _image(source: Source) -> Shape:
    dims = source.choice((1, 2, 2))
    return (source.integer(0, 2), source.integer(1, 2), *(source.integer(3, 5) for _ in range(dims)))


def _window(source: Source, x: Any) -> Shape:
    return tuple(source.integer(1, 3) for _ in x.shape[2:])


def _geometry(source: Source, x: Any, window: Shape) -> Geometry:
    """Strides, paddings of at most half a window, dilations with which it fits."""
    stride = tuple(source.integer(1, 3) for _ in window)
    padding = tuple(source.integer(0, f // 2) for f in window)
    dilation = tuple(source.integer(1, 2) if 2 * (f - 1) < n else 1 for n, f in zip(x.shape[2:], window, strict=True))
    return Geometry(stride, padding, dilation)


def _size(source: Source, x: Any, window: Shape, geometry: Geometry) -> Shape:
    return pooled_size(x.shape[2:], window, geometry, source.choice((False, True)))


def pooled_size(size: Shape, window: Shape, geometry: Geometry, ceil_mode: bool) -> Shape:
    """The size of a pool's result. With ceil_mode also windows that begin in the image and end beyond its border."""
    found = []
    for n, s, p, f in zip(size, geometry.stride, geometry.padding, geometry.spans(window), strict=True):
        o = (n + 2 * p - f + (s - 1 if ceil_mode else 0)) // s + 1
        found.append(o - 1 if ceil_mode and (o - 1) * s >= n + p else o)
    return tuple(found)


class MaxPool(Function):
    """The largest element of each window of x (N, C, *size). Ties go to the first, as PyTorch's. Book 7.3."""

    symbol = "max pool"
    domain = Reals(shape=_image, distinct=True), Drawn(_window), Drawn(_geometry), Drawn(_size), OneOf(None)
    rejects = ((np.ones((1, 1, 4, 4)), (2, 2), Geometry((1, 1), (0, 0), (1, 1)), (0, 3), None),)

    def forward(x: Any, window: Shape, geometry: Geometry, size: Shape, winners: Any = None) -> Any:
        if min(size, default=1) < 1:
            raise ShapeError(f"maxpool: Output size is too small: {size} for a window {window} over images {x.shape}")
        return kernel.max_pool(x, window, size, geometry, winners)

    def oracle(x: Any, window: Shape, geometry: Geometry, size: Shape, winners: Any = None) -> Any:
        return np.max(_seen(x, window, geometry, size, -np.inf), axis=2)

    def dx(g: Any, x: Any, out: Any, window: Shape, geometry: Geometry, winners: Any) -> Any:
        return kernel.MaxPoolGradient(g, x, out, window, geometry, winners).array()

    def pull(self, g: Any, edges: Any) -> Sequence[Any]:
        """The gradient, deferred if nothing but a ReLU or a convolution reads it."""
        saved = dict(zip(self.slots, self.saved, strict=True))
        x, window, geometry, winners = (saved[self._slot(name)] for name in ("x", "window", "geometry", "winners"))
        if isinstance(g, TensorCore):
            return super().pull(g, edges)
        deferred = g.dtype.char in "fd" and may_defer(self, edges, x if isinstance(x, TensorCore) else None)
        x = x if x.__class__ is Recomputed else unsaved(self, x, g)  # whose elements nobody reads: there are winners
        gradient = kernel.MaxPoolGradient(g, x, unsaved_result(self, saved[RESULT], g), window, geometry, winners)
        return (gradient if deferred else gradient.array(),)

    def composed_dx(g: Any, x: Any, window: Shape, geometry: Geometry, size: Shape) -> Any:
        return scattered(g, kernel.max_pool_indices(raw(x), window, size, geometry), x.shape)


def places(index: Any) -> Any:
    """The NumPy index of the picked elements in images with flattened size."""
    flat = index.reshape(*index.shape[:2], math.prod(index.shape[2:]))
    return np.arange(len(flat))[:, None, None], np.arange(flat.shape[1])[:, None], flat


def scattered(g: Any, index: Any, shape: Any) -> Any:
    """g added to zeros of `shape` at positions of the flattened images; the adjoint of picking them."""
    where = places(index)
    spread = IndexAdd.apply(np.reshape(g, where[2].shape), (*shape[:2], math.prod(shape[2:])), where)
    return np.reshape(spread, tuple(shape))


def _seen(x: Any, window: Shape, geometry: Geometry, size: Shape, border: float) -> Any:
    """What the windows see, (N, C, places in the window, *size), element by element."""
    out = np.full((*x.shape[:2], math.prod(window), *size), float(border))
    for k, tap in enumerate(np.ndindex(*window)):
        for at in np.ndindex(*size):
            position = tuple(
                i * s - p + t * d
                for i, s, p, t, d in zip(at, geometry.stride, geometry.padding, tap, geometry.dilation, strict=True)
            )
            if all(0 <= i < n for i, n in zip(position, x.shape[2:], strict=True)):
                out[(slice(None), slice(None), k, *at)] = x[(slice(None), slice(None), *position)]
    return out


class AvgPool(Function):
    """The sum of each window of x (N, C, *size) divided by `divisor`, a number or one for each place of the result."""

    symbol = "avg pool"
    domain = (
        Reals(shape=_image),
        Drawn(_window),
        Drawn(_geometry),
        Drawn(_size),
        Drawn(lambda source, *given: _divisor(source, given[-1])),
    )

    def forward(x: Any, window: Shape, geometry: Geometry, size: Shape, divisor: Any) -> Any:
        if min(size, default=1) < 1:
            raise ShapeError(f"avgpool: Output size is too small: {size} for a window {window} over images {x.shape}")
        total = kernel.sum_pool(x, window, size, geometry)
        total /= divisor
        return total.astype(x.dtype, copy=False)

    def oracle(x: Any, window: Shape, geometry: Geometry, size: Shape, divisor: Any) -> Any:
        return np.sum(_seen(x, window, geometry, size, 0), axis=2) / divisor

    def dx(g: Any, x_shape: Any, window: Shape, geometry: Geometry, divisor: Any) -> Any:
        return AvgPoolInput.apply(g, window, geometry, x_shape[2:], divisor)


def _divisor(source: Source, size: Shape) -> Any:
    return source.choice((4, np.arange(1, 1 + math.prod(size)).reshape(size)))


class AvgPoolInput(Function):
    """Each element of y divided by `divisor` and added to all of its window in images of that size: AvgPool's adjoint."""

    symbol = "avg poolᵀ"
    domain = (
        Reals(shape=lambda source: (source.integer(0, 2), source.integer(1, 2), 3, 2)),
        Drawn(lambda source, y: (2, 3)),
        Drawn(lambda source, y, window: Geometry((1, 2), (1, 0), (1, 1))),
        Drawn(lambda source, y, window, geometry: (2, 5)),
        Drawn(lambda source, y, *_: _divisor(source, y.shape[2:])),
    )

    def forward(y: Any, window: Shape, geometry: Geometry, size: Shape, divisor: Any) -> Any:
        shares = np.divide(y, divisor, dtype=y.dtype)
        return kernel.sum_pool_input(shares, window, size, geometry).astype(y.dtype, copy=False)

    def oracle(y: Any, window: Shape, geometry: Geometry, size: Shape, divisor: Any) -> Any:
        count = math.prod(size)
        units = np.eye(count).reshape(1, count, *size)
        return np.tensordot(
            y, AvgPool.oracle(units, window, geometry, y.shape[2:], divisor)[0], ((2, 3), (1, 2))
        ).reshape(*y.shape[:2], *size)

    def dy(g: Any, y_shape: Any, window: Shape, geometry: Geometry, divisor: Any) -> Any:
        return AvgPool.apply(g, window, geometry, y_shape[2:], divisor)
