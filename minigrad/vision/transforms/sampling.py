"""The arithmetic of resizing, turning and colours, on planes of pixels (..., H, W)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.vision.transforms.images import Array, Planes, as_dtype, as_float, dtype_of


def _triangle(x: Array) -> Array:
    return np.where(np.abs(x) < 1, 1 - np.abs(x), 0)


def _cubic(a: float) -> Callable[[Array], Array]:
    """Keys 1981."""

    def kernel(x: Array) -> Array:
        x = np.abs(x)
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = (((x - 5) * x + 8) * x - 4) * a
        return np.where(x < 1, near, np.where(x < 2, far, 0))

    return kernel


def _box(x: Array) -> Array:
    return np.asarray((x > -0.5) & (x <= 0.5), np.float64)


def _hamming(x: Array) -> Array:
    return np.where(np.abs(x) < 1, np.sinc(x) * (0.54 + 0.46 * np.cos(np.pi * x)), 0)


def _lanczos(x: Array) -> Array:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


FILTERS: dict[str, tuple[Callable[[Array], Array], int]] = {
    "bilinear": (_triangle, 1),
    "bicubic": (_cubic(-0.5), 2),
    "box": (_box, 1),
    "hamming": (_hamming, 1),
    "lanczos": (_lanczos, 3),
}


def weights(inputs: int, outputs: int, mode: str, antialias: bool) -> Array:
    """The matrix (outputs, inputs) that resizes one side.

    With `antialias` the filter is as wide as the pixels that become one, and cut off at the border (Pillow); without,
    it is always one pixel wide, the border pixel goes on outside, and the cubic is the sharper one (PyTorch).
    """
    kernel, reach = FILTERS[mode]
    scale = inputs / outputs
    centre = (np.arange(outputs)[:, None] + 0.5) * scale
    if antialias:
        found: Array = kernel((np.arange(inputs) + 0.5 - centre) / max(scale, 1.0))
        found /= found.sum(1, keepdims=True)
        return found
    if mode == "bicubic":
        kernel = _cubic(-0.75)
    found = kernel(np.arange(-reach, inputs + reach) + 0.5 - centre)
    found[:, reach] += found[:, :reach].sum(1)
    found[:, -reach - 1] += found[:, -reach:].sum(1)
    return found[:, reach:-reach]


def nearest(inputs: int, outputs: int, shift: float) -> Array:
    """Which pixel each one of a resized side shows; `shift` 0.5 looks from the middle of pixels, 0 from their corner."""
    return np.minimum(((np.arange(outputs) + shift) * (inputs / outputs)).astype(np.int64), inputs - 1)


def forward_matrix(angle: float, scale: float, shear: Sequence[float]) -> Array:
    """Shear, scale and turn clockwise (degrees; y points down): 2 x 2."""
    rotation, x, y = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    a = math.cos(rotation - y) / math.cos(y)
    b = -math.cos(rotation - y) * math.tan(x) / math.cos(y) - math.sin(rotation)
    c = math.sin(rotation - y) / math.cos(y)
    d = -math.sin(rotation - y) * math.tan(x) / math.cos(y) + math.cos(rotation)
    return np.round(np.array([[a, b], [c, d]]), 15) * scale  # quarter turns are exact


def inverse(matrix: Array, center: Sequence[float], translate: Sequence[float]) -> Array:
    """From a place in the result to the place in the image, 2 x 3, where `matrix` acts about `center` and then moves."""
    (a, b), (c, d) = matrix
    back = np.array([[d, -b], [-c, a]]) / (a * d - b * c)
    middle = np.asarray(center, np.float64)
    return np.column_stack([back, middle - back @ (middle + np.asarray(translate, np.float64))])


def enclosing(matrix: Array, height: int, width: int) -> tuple[int, int]:
    """The size that holds a turned image."""
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) - [width / 2, height / 2]
    turned = corners @ matrix.T + [width / 2, height / 2]
    columns, rows = np.ceil(turned.max(0).round(9)) - np.floor(turned.min(0).round(9))
    return int(rows), int(columns)


def sampled(x: Planes, matrix: Array, size: tuple[int, int], mode: str, fill: Any) -> Planes:
    """Planes of another size, each pixel looked up at its place by `matrix` (2 x 3), `fill` where that is outside."""
    height, width = x.shape[-2:]
    row, column = np.arange(size[0])[:, None] + 0.5, np.arange(size[1]) + 0.5
    u = matrix[0, 0] * column + matrix[0, 1] * row + matrix[0, 2]
    v = matrix[1, 0] * column + matrix[1, 1] * row + matrix[1, 2]
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)

    def at(rows: Array, columns: Array) -> Planes:
        return x[..., np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]

    if mode == "nearest":
        return np.where(inside, at(np.floor(v).astype(np.int64), np.floor(u).astype(np.int64)), fill)
    u, v = u - 0.5, v - 0.5
    left, top = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    pixel = as_float(x)
    dtype = dtype_of(pixel)
    across, down = (u - left).astype(dtype), (v - top).astype(dtype)
    upper = as_float(at(top, left)) * (1 - across) + as_float(at(top, left + 1)) * across
    lower = as_float(at(top + 1, left)) * (1 - across) + as_float(at(top + 1, left + 1)) * across
    return np.where(inside, as_dtype(upper * (1 - down) + lower * down, x.dtype, rounded=True), fill)


def turned_hue(x: Planes, turn: float) -> Planes:
    """RGB planes in 0..1 with their hues turned by a share of the circle."""
    red, green, blue = x[..., 0, :, :], x[..., 1, :, :], x[..., 2, :, :]
    value = np.maximum(np.maximum(red, green), blue)
    chroma = value - np.minimum(np.minimum(red, green), blue)
    divisor = np.where(chroma > 0, chroma, 1)
    sixths = np.where(
        value == red,
        (green - blue) / divisor,
        np.where(value == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    hue = sixths + 6 * (turn + 1)

    def channel(n: int) -> Planes:
        k = (hue + n) % 6
        return value - chroma * np.clip(np.minimum(k, 4 - k), 0, 1)

    return np.stack([channel(5), channel(3), channel(1)], axis=-3)
