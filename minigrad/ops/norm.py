"""Normalisation fused into one node where that pays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.domains import OneOf, Reals
from minigrad.errors import ShapeError
from minigrad.function import KEPT, Function
from minigrad.kernels import normalization as kernel


class Moments:
    """Mean and inverse standard deviation of each channel, and, during one backward step, the sums its rules share."""

    __slots__ = ("found", "inverse", "mean", "upstream")

    def __init__(self, mean: Any, inverse: Any) -> None:
        self.mean, self.inverse = mean, inverse
        self.upstream: Any = None
        self.found: Any = None

    def forget(self) -> None:
        self.upstream = self.found = None

    def sums(self, g: Any, x: Any) -> Any:
        """Over all but the channels: the sums of g and of g times normalised x."""
        if self.upstream is not g:
            plain, weighted = kernel.sums(g, x, self.mean)
            self.upstream, self.found = g, (plain, weighted * self.inverse)
        return self.found


class BatchNorm(Function):
    """(x - mean) / sqrt(variance + eps) * weight + bias for each channel of x (N, C, *size). Book 6.3.

    Mean and variance are those of all images; `moments` has them if they are known already.
    """

    symbol = "batch norm"
    domain = (
        Reals(shape=lambda source: source.choice(((2, 1), (4, 3), (3, 2, 2), (2, 2, 1, 3)))),
        Reals(shape=lambda source, x: x.shape[1:2]),
        Reals(shape=lambda source, x, weight: x.shape[1:2]),
        OneOf(1e-5, 0.1),
        OneOf(None),
    )
    rejects = ((np.ones((2, 3)), np.ones(2), np.ones(3), 1e-5, None), (np.ones(3), np.ones(3), np.ones(3), 1e-5, None))

    def forward(x: Any, weight: Any, bias: Any, eps: float, moments: Any) -> Any:
        channels = x.shape[1:2]
        if any(v is not None and v.shape != channels or not channels for v in (weight, bias)):
            raise ShapeError(f"batchnorm: expected weight and bias of shape {channels} for an input of shape {x.shape}")
        mean, variance = kernel.moments(x) if moments is None else moments
        inverse = 1 / np.sqrt(variance + variance.dtype.type(eps))
        scale = inverse if weight is None else inverse * weight
        shift = -mean * scale if bias is None else bias - mean * scale
        return kernel.combined(x, scale, None, None, shift), Moments(mean, inverse)

    def oracle(x: Any, weight: Any, bias: Any, eps: float, moments: Any) -> Any:
        axes, shape = (0, *range(2, x.ndim)), (1, -1, *(1,) * (x.ndim - 2))
        normal = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)
        return normal * weight.reshape(shape) + bias.reshape(shape)

    def dx(g: Any, x: Any, weight: Any, kept: Any) -> Any:
        plain, weighted = kept.sums(g, x)
        count = g.size // max(1, g.shape[1])
        scale = kept.inverse if weight is None else kept.inverse * weight
        slope = -scale * weighted * kept.inverse / count
        return kernel.combined(g, scale, x, slope, -scale * plain / count - slope * kept.mean)

    def dweight(g: Any, x: Any, kept: Any) -> Any:
        return kept.sums(g, x)[1].astype(g.dtype)

    def dbias(g: Any, x: Any, kept: Any) -> Any:
        return kept.sums(g, x)[0].astype(g.dtype)

    def composed_dx(g: Any, x: Any, weight: Any, eps: float) -> Any:
        axes, normal, inverse = _normal(x, eps)
        if weight is not None:
            g = g * np.reshape(weight, (1, -1, *(1,) * (x.ndim - 2)))
        return inverse * (
            g - np.mean(g, axis=axes, keepdims=True) - normal * np.mean(g * normal, axis=axes, keepdims=True)
        )

    def composed_dweight(g: Any, x: Any, eps: float) -> Any:
        axes, normal, _ = _normal(x, eps)
        return np.sum(g * normal, axis=axes)

    def composed_dbias(g: Any) -> Any:
        return np.sum(g, axis=(0, *range(2, g.ndim)))

    def pull(self, g: Any, edges: Any) -> Sequence[Any]:
        try:
            return super().pull(g, edges)
        finally:
            self.saved[self.slots.index(KEPT)].forget()


def _normal(x: Any, eps: float) -> Any:
    """The axes of a channel's elements, x normalised, and its inverse standard deviation."""
    axes = (0, *range(2, x.ndim))
    centred = x - np.mean(x, axis=axes, keepdims=True)
    inverse = (np.mean(centred * centred, axis=axes, keepdims=True) + eps) ** -0.5
    return axes, centred * inverse, inverse
