"""Borders around tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.domains import Drawn, OneOf, Reals, Source
from minigrad.errors import ShapeError
from minigrad.function import Function

Widths = tuple[tuple[int, int], ...]


def _widths(source: Source, x: Any) -> Widths:
    return tuple((source.integer(-min(1, n), 2), source.integer(0, 2)) for n in x.shape)


class Pad(Function):
    """x with `value` before and after it along each dimension; negative widths cut off. PyTorch: `pad`, constant."""

    symbol, domain, rejects = "pad", (Reals(), Drawn(_widths), OneOf(0.0, 1.5)), ((np.ones(2), ((-1, -2),), 0.0),)

    def forward(x: Any, widths: Widths, value: float) -> Any:
        shape = tuple(n + a + b for n, (a, b) in zip(x.shape, widths, strict=True))
        if min(shape, default=0) < 0:
            raise ShapeError(f"pad: the widths {widths} cut more than there is off an array of shape {x.shape}")
        order = sorted(range(x.ndim), key=lambda d: -abs(x.strides[d]))  # the result's memory is ordered as x's
        out = np.full([shape[d] for d in order], value, x.dtype).transpose(np.argsort(order))
        inner = tuple(slice(max(a, 0), n - max(b, 0)) for n, (a, b) in zip(shape, widths, strict=True))
        kept = tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, widths, strict=True))
        out[inner] = x[kept]
        return out[()]

    def oracle(x: Any, widths: Widths, value: float) -> Any:
        kept = tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, widths, strict=True))
        if not x.ndim:
            return x
        return np.pad(x[kept], [(max(a, 0), max(b, 0)) for a, b in widths], constant_values=value)

    def dx(g: Any, widths: Widths) -> Any:
        return Pad.apply(g, tuple((-a, -b) for a, b in widths), 0.0)
