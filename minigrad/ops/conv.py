"""Convolution, its transpose and its weight gradient: three operations whose rules name each other.

So every order of derivative follows from the three forwards. Likewise im2col (`Unfold`) and col2im (`Fold`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from minigrad import modes
from minigrad.domains import Drawn, OneOf, Reals, Source
from minigrad.errors import OutOfMemory, ShapeError
from minigrad.function import Function, TensorCore, unsaved
from minigrad.kernels import columns as im2col
from minigrad.kernels import convolution as kernel
from minigrad.kernels import pooled
from minigrad.kernels.images import Deferred, Geometry, Shape
from minigrad.kernels.pooling import MaxPoolGradient
from minigrad.kernels.sums import sum_channels


def _image(source: Source) -> Shape:
    dims = source.choice((1, 2, 2))
    return (source.integer(0, 2), source.choice((1, 2, 4)), *(source.integer(3, 5) for _ in range(dims)))


def _weight(source: Source, x: Any) -> Shape:
    groups = source.choice([n for n in (1, 2, 4) if x.shape[1] % n == 0])
    return (groups * source.integer(1, 2), x.shape[1] // groups, *(source.integer(1, 3) for _ in x.shape[2:]))


def _geometry(source: Source, x: Any, weight: Any, *_: Any) -> Geometry:
    """A geometry whose window fits into the padded image."""
    stride = tuple(source.integer(1, 3) for _ in x.shape[2:])
    padding = tuple(source.integer(0, 2) for _ in x.shape[2:])
    dilation = tuple(
        source.integer(1, 2) if 2 * (f - 1) < n else 1 for n, f in zip(x.shape[2:], weight.shape[2:], strict=True)
    )
    return Geometry(stride, padding, dilation, x.shape[1] // weight.shape[1])


def _result(source: Source, x: Any, weight: Any, geometry: Geometry) -> Shape:
    return (len(x), len(weight), *geometry.output(x.shape[2:], weight.shape[2:]))


def _transposed_weight(source: Source, y: Any) -> Shape:
    return (y.shape[1], source.integer(1, 2), *(source.integer(1, 3) for _ in y.shape[2:]))


def _steps(n: int, m: int, f: int) -> list[Any]:
    """(stride, padding, dilation) by which a window of f has m places in an image of n."""
    return [
        (s, p, d)
        for s in (1, 2, 3)
        for p in (0, 1, 2)
        for d in (1, 2)
        if n + 2 * p > d * (f - 1) and (n + 2 * p - d * (f - 1) - 1) // s + 1 == m
    ]


def _source_size(source: Source, y: Any, weight: Any) -> Shape:
    """The size of an image from which a convolution makes something as large as y."""
    pairs = zip(y.shape[2:], weight.shape[2:], strict=True)
    return tuple(source.choice([n for n in range(1, 12) if _steps(n, m, f)]) for m, f in pairs)


def _source_window(source: Source, y: Any, x: Any) -> Shape:
    """A window that has as many places in x as y has elements."""
    pairs = zip(x.shape[2:], y.shape[2:], strict=True)
    return tuple(source.choice([f for f in range(1, n + 1) if _steps(n, m, f)][:3]) for n, m in pairs)


def _between(source: Source, size: Shape, output: Shape, window: Shape) -> Geometry:
    each = [source.choice(_steps(n, m, f)) for n, m, f in zip(size, output, window, strict=True)]
    stride, padding, dilation = (tuple(steps[k] for steps in each) for k in range(3))
    return Geometry(stride, padding, dilation, source.choice((1, 2)))


class Convolution(Function):
    """Correlation of x (N, C, *size) with weight (K, C / groups, *window), plus bias (K,). Book 7.2, 7.4.

    The rules of input and weight are each an operation whose rules name the other two.
    """

    symbol = "∗"
    domain = (
        Reals(shape=_image),
        Reals(shape=_weight),
        Reals(shape=lambda source, x, weight: weight.shape[:1]),
        Drawn(lambda source, x, weight, bias: _geometry(source, x, weight)),
        OneOf(False),
        OneOf(None),
    )
    rejects = (
        (np.ones((1, 2, 4, 4)), np.ones((3, 3, 2, 2)), np.ones(3), Geometry((1, 1), (0, 0), (1, 1))),
        (np.ones((1, 2, 4, 4)), np.ones((3, 2, 5, 2)), np.ones(3), Geometry((1, 1), (0, 0), (1, 1))),
        (np.ones((1, 2, 4, 4)), np.ones((3, 1, 2, 2)), np.ones(3), Geometry((1, 1), (0, 0), (1, 1), 2)),
        (np.ones((1, 2, 4, 4)), np.ones((3, 2, 2, 2)), np.ones(4), Geometry((1, 1), (0, 0), (1, 1))),
    )

    def forward(x: Any, weight: Any, bias: Any, geometry: Geometry, rectified: bool = False, pool: Any = None) -> Any:
        check_fit(x.shape, weight.shape, None if bias is None else bias.shape, geometry)
        if pool is not None:
            return roomy(pooled.convolve, x, weight, bias, geometry, rectified, *pool)
        return roomy(kernel.convolve, x, weight, bias, geometry, rectified)

    def oracle(x: Any, weight: Any, bias: Any, geometry: Geometry, rectified: bool = False, pool: Any = None) -> Any:
        window, groups = weight.shape[2:], geometry.groups
        padded = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in geometry.padding)))
        out = np.empty((len(x), len(weight), *geometry.output(x.shape[2:], window)))
        for place in np.ndindex(*out.shape):
            n, k, *position = place
            seen = padded[n].reshape(groups, -1, *padded.shape[2:])[k * groups // len(weight)]
            for d, (i, f) in enumerate(zip(position, window, strict=True)):
                seen = seen.take(i * geometry.stride[d] + geometry.dilation[d] * np.arange(f), axis=1 + d)
            out[place] = np.sum(seen * weight[k]) + bias[k]
        return out

    def dx(g: Any, weight: Any, x_shape: Any, geometry: Geometry) -> Any:
        return ConvolutionInput.apply(g, weight, x_shape[2:], geometry)

    def dweight(g: Any, x: Any, weight_shape: Any, geometry: Geometry) -> Any:
        return ConvolutionWeight.apply(g, x, weight_shape[2:], geometry)

    def dbias(g: Any) -> Any:
        return sum_channels(g)

    def composed_dbias(g: Any) -> Any:
        return np.sum(g, axis=(0, *range(2, g.ndim)))

    reads_deferred = True

    def pull(self, g: Any, edges: Any) -> Sequence[Any]:
        """All gradients in one pass over the images, where that of the weight is wanted, and as an array."""
        saved = dict(zip(self.slots, self.saved, strict=True))
        shape, geometry = saved[self._slot("weight_shape")], saved[self._slot("geometry")]
        if isinstance(g, TensorCore) or edges[1] is None or 0 in shape:
            return super().pull(g.array() if isinstance(g, Deferred) else g, edges)
        x, biased = unsaved(self, saved[0], g), edges[2] is not None
        if edges[0] is not None:
            return kernel.gradients(g, x, unsaved(self, saved[1], g), geometry, biased)
        if isinstance(g, MaxPoolGradient) and g.winners is not None and g.winners.wide is not None:
            return (None, *pooled.weight_and_bias_gradient(g, g.winners, x, shape[0], biased))
        return (None, *kernel.weight_and_bias_gradient(g, x, shape[2:], geometry, biased))


class ConvolutionInput(Function):
    """What y, shaped as a convolution's result, sends back to the convolution's input of that size.

    The convolution's adjoint: a transposed convolution. PyTorch: `conv_transpose2d`.
    """

    symbol = "∗ᵀ"
    domain = (
        Reals(shape=lambda source: (source.integer(0, 2), source.choice((2, 4)), *_image(source)[2:])),
        Reals(shape=lambda source, y: _transposed_weight(source, y)),
        Drawn(_source_size),
        Drawn(lambda source, y, weight, size: _between(source, size, y.shape[2:], weight.shape[2:])),
    )

    def forward(y: Any, weight: Any, size: Shape, geometry: Geometry) -> Any:
        return roomy(kernel.input_gradient, y, weight, size, geometry)

    def oracle(y: Any, weight: Any, size: Shape, geometry: Geometry) -> Any:
        groups = geometry.groups
        padded = np.zeros(
            (len(y), weight.shape[1] * groups, *(n + 2 * p for n, p in zip(size, geometry.padding, strict=True)))
        )
        for n, k, *position in np.ndindex(*y.shape):
            group = k * groups // len(weight)
            for c, *tap in np.ndindex(*weight.shape[1:]):
                place = (
                    i * s + t * d for i, s, t, d in zip(position, geometry.stride, tap, geometry.dilation, strict=True)
                )
                padded[(n, group * weight.shape[1] + c, *place)] += y[(n, k, *position)] * weight[(k, c, *tap)]
        inner = (slice(p, p + n) for n, p in zip(size, geometry.padding, strict=True))
        return padded[(slice(None), slice(None), *inner)]

    def dy(g: Any, y_shape: Any, weight: Any, geometry: Geometry) -> Any:
        return cropped(Convolution.apply(g, weight, None, geometry), y_shape)

    def dweight(g: Any, y: Any, weight_shape: Any, geometry: Geometry) -> Any:
        return ConvolutionWeight.apply(y, g, weight_shape[2:], geometry)


def cropped(result: Any, shape: Any) -> Any:
    """A convolution's result without the last positions, which output_padding can add beyond the stride."""
    return result if result.shape == tuple(shape) else result[tuple(slice(0, n) for n in shape)]


class ConvolutionWeight(Function):
    """The gradient by a convolution's weight of that window, from y, shaped as its result, and its input x."""

    symbol = "∗w"
    domain = (
        Reals(shape=lambda source: (source.integer(0, 2), source.choice((2, 4)), *_image(source)[2:])),
        Reals(shape=lambda source, y: (len(y), source.choice((2, 4)), *(n + 1 for n in y.shape[2:]))),
        Drawn(_source_window),
        Drawn(lambda source, y, x, window: _between(source, x.shape[2:], y.shape[2:], window)),
    )

    def forward(y: Any, x: Any, window: Shape, geometry: Geometry) -> Any:
        return roomy(kernel.weight_gradient, y, x, window, geometry)

    def oracle(y: Any, x: Any, window: Shape, geometry: Geometry) -> Any:
        groups = geometry.groups
        padded = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in geometry.padding)))
        out = np.empty((y.shape[1], x.shape[1] // groups, *window))
        for k, c, *tap in np.ndindex(*out.shape):
            seen = padded[:, k * groups // len(out) * out.shape[1] + c]
            for d, (t, n) in enumerate(zip(tap, y.shape[2:], strict=True)):
                seen = seen.take(t * geometry.dilation[d] + geometry.stride[d] * np.arange(n), axis=1 + d)
            out[(k, c, *tap)] = np.sum(seen * y[:, k])
        return out

    def dy(g: Any, y_shape: Any, x: Any, geometry: Geometry) -> Any:
        return cropped(Convolution.apply(x, g, None, geometry), y_shape)

    def dx(g: Any, y: Any, x_shape: Any, geometry: Geometry) -> Any:
        return ConvolutionInput.apply(y, g, x_shape[2:], geometry)


class Unfold(Function):
    """The windows of x (N, C, *size), one a column: (N, C * window, positions). im2col, book 7.4.2. PyTorch: `unfold`."""

    symbol = "im2col"
    domain = (
        Reals(shape=_image),
        Drawn(lambda source, x: tuple(source.integer(1, 3) for _ in x.shape[2:])),
        Drawn(lambda source, x, window: _geometry(source, x, np.empty((1, x.shape[1], *window)))),
    )
    rejects = ((np.ones((1, 2, 4, 4)), (5, 1), Geometry((1, 1), (0, 0), (1, 1))),)

    def forward(x: Any, window: Shape, geometry: Geometry) -> Any:
        check_fit(x.shape, (1, x.shape[1], *window), None, geometry)
        output = geometry.output(x.shape[2:], window)
        return im2col.unfold(x, window, geometry).reshape(len(x), x.shape[1] * prod(window), prod(output))

    def oracle(x: Any, window: Shape, geometry: Geometry) -> Any:
        taps = np.eye(prod(window) * x.shape[1]).reshape(-1, x.shape[1], *window)
        out = Convolution.oracle(x, taps, np.zeros(len(taps)), geometry._replace(groups=1))
        return out.reshape(*out.shape[:2], prod(out.shape[2:]))

    def dx(g: Any, x_shape: Any, window: Shape, geometry: Geometry) -> Any:
        return Fold.apply(g, x_shape[2:], window, geometry)


class Fold(Function):
    """Columns added up where `Unfold` took them from, (N, C, *size). col2im, book 7.4.2. PyTorch: `fold`."""

    symbol = "col2im"
    domain = (
        Reals(shape=lambda source: (source.integer(0, 2), 2 * 4, 2 * 3)),
        Drawn(lambda source, columns: (3, 4)),
        Drawn(lambda source, columns, size: (2, 2)),
        Drawn(lambda source, columns, size, window: Geometry((1, 1), (0, 0), (1, 1))),
    )
    rejects = ((np.ones((1, 8, 11)), (4, 5), (2, 2), Geometry((1, 1), (0, 0), (1, 1))),)

    def forward(columns: Any, size: Shape, window: Shape, geometry: Geometry) -> Any:
        taps, output = prod(window), geometry.output(size, window)
        if columns.ndim != 3 or columns.shape[1] % taps or columns.shape[2] != prod(output):
            raise ShapeError(
                f"fold: expected columns (N, C * {taps}, {prod(output)}) for a window {window} at "
                f"{' x '.join(map(str, output))} positions in an image of {size}, got {columns.shape}"
            )
        spread = columns.reshape(len(columns), columns.shape[1] // taps, *window, *output)
        return im2col.fold(spread, size, geometry)

    def oracle(columns: Any, size: Shape, window: Shape, geometry: Geometry) -> Any:
        out = np.zeros((len(columns), columns.shape[1] // prod(window), *size))
        spread = columns.reshape(*out.shape[:2], *window, *geometry.output(size, window))
        for n, c, i, j, y, x in np.ndindex(*spread.shape):
            out[n, c, y + i, x + j] += spread[n, c, i, j, y, x]
        return out

    def dcolumns(g: Any, window: Shape, geometry: Geometry) -> Any:
        return Unfold.apply(g, window, geometry)


# ------------------------------------------------------------------ checks


def check_fit(x: Shape, weight: Shape, bias: Shape | None, geometry: Geometry) -> None:
    """Raise ShapeError unless an image, a weight and a bias of these shapes go together."""
    groups, window = geometry.groups, weight[2:]
    if len(x) != len(weight):
        raise ShapeError(f"convolution: input {x} and weight {weight} must have as many dimensions")
    if groups < 1 or weight[0] % groups or x[1] % groups:
        raise ShapeError(
            f"convolution: groups = {groups} must divide the channels of the input {x} ({x[1]}) and of the result, "
            f"weight {weight} ({weight[0]})"
        )
    if x[1] != weight[1] * groups:
        raise ShapeError(
            f"convolution: Given groups={groups}, weight of size {weight}, expected input{x} to have "
            f"{weight[1] * groups} channels, but got {x[1]} channels instead"
        )
    if bias is not None and bias != weight[:1]:
        raise ShapeError(f"convolution: weight {weight} needs a bias of shape {weight[:1]}, got {bias}")
    check_window("convolution", x[2:], window, geometry)


def check_window(name: str, size: Shape, window: Shape, geometry: Geometry) -> None:
    """Raise ShapeError unless the window fits into the padded image; in strict mode also unless the stride divides."""
    padded = tuple(n + 2 * p for n, p in zip(size, geometry.padding, strict=True))
    spans = geometry.spans(window)
    if any(f > n for f, n in zip(spans, padded, strict=True)):
        raise ShapeError(
            f"{name}: Calculated padded input size per channel: ({' x '.join(map(str, padded))}). Kernel size: "
            f"({' x '.join(map(str, spans))}, dilation included). Kernel size can't be greater than actual input size"
        )
    if modes.strict.get():
        check_division(name, size, spans, geometry.stride, geometry.padding)


def check_division(name: str, size: Shape, spans: Shape, stride: Shape, padding: Shape) -> None:
    """Raise ShapeError if (H + 2 P - FH) / S is no whole number in some dimension: the book's rule (7.2.4)."""
    for d, (h, p, fh, s) in enumerate(zip(size, padding, spans, stride, strict=True)):
        if (h + 2 * p - fh) % s:
            raise ShapeError(
                f"{name}: the output size along dimension {d} of the image is no whole number: (H + 2 P - FH) / S + 1 = "
                f"({h} + 2 * {p} - {fh}) / {s} + 1 = {(h + 2 * p - fh) / s + 1:g}, with H = {h}, P = {p}, FH = {fh}, "
                f"S = {s}; choose sizes that divide, or leave strict_sizes() for PyTorch's floor"
            )


def roomy(kernel: Any, *args: Any) -> Any:
    """kernel(*args), with an error that says so if its result does not fit into memory."""
    try:
        return kernel(*args)
    except (MemoryError, ValueError) as error:
        if isinstance(error, MemoryError) or "too large" in str(error) or "too big" in str(error):
            raise OutOfMemory(f"convolution: {error}; use a smaller batch or image") from error
        raise
