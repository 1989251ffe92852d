"""Losses that are one node, where that pays."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.domains import Drawn, OneOf, Reals
from minigrad.errors import DimensionError, ShapeError
from minigrad.function import Function, raw
from minigrad.kernels.sums import ones, row_maxima, row_starts, row_sums
from minigrad.ops.index import IndexAdd
from minigrad.ops.reduce import Softmax

# NumPy's module is slow to look into.
subtract, exp, log, uint64 = np.subtract, np.exp, np.log, np.uint64


class CrossEntropy(Function):
    """-log(softmax(x))[target] of logits x (N, C) and classes target (N), summed and divided by `divisor`.

    The SoftmaxWithLoss layer of book 5.6.3 and appendix A: its gradient is (softmax - one-hot) / divisor.
    """

    symbol = "softmax+CE"
    domain = (
        Reals(shape=lambda source: (source.integer(1, 3), source.integer(1, 4))),
        Drawn(lambda source, x: np.array([source.integer(0, x.shape[1] - 1) for _ in x])),
        OneOf(1, 3),
    )
    rejects = ((np.ones((2, 3)), np.array([0, 3]), 1), (np.ones((2, 3)), np.array([0, 1, 2]), 1))

    def forward(x: Any, target: Any, divisor: float) -> Any:
        if x.ndim != 2 or target.shape != x.shape[:1]:
            raise ShapeError(f"expected logits (N, C) and targets (N), got {x.shape} and {target.shape}")
        unsigned = target.astype(uint64)  # negative ones become huge
        if target.size and unsigned[unsigned.argmax()] >= x.shape[1]:  # a third of what max() costs
            raise DimensionError(
                f"target out of bounds: classes are 0 to {x.shape[1] - 1}, got {target.min()} to {target.max()}"
            )
        p = x.astype(np.float32) if x.dtype.char == "e" else x
        p = subtract(p, row_maxima(p), order="C")
        places = row_starts(*p.shape) + target  # of each row's target, in the flattened matrix
        picked = p.take(places)
        exp(p, p)
        total = row_sums(p)
        loss = (log(total) - picked).dot(ones(len(total), total.dtype)) / divisor  # a third of what sum() costs
        return loss if loss.dtype is x.dtype else x.dtype.type(loss), (p, total, places)

    def oracle(x: Any, target: Any, divisor: float) -> Any:
        return -np.sum(np.log(Softmax.oracle(x, 1))[np.arange(len(x)), target]) / divisor

    def dx(g: Any, divisor: float, kept: Any) -> Any:
        p, total, places = kept  # softmax is p / total
        scale = g / divisor
        d = p * (scale / total)[:, None]
        d.reshape(-1)[places] -= scale
        return d if d.dtype is g.dtype else d.astype(g.dtype)

    def composed_dx(g: Any, x: Any, target: Any, divisor: float) -> Any:
        rows = np.ones(len(x), raw(x).dtype) * (g / divisor)
        return Softmax.apply(x, 1) * (g / divisor) - IndexAdd.apply(rows, x.shape, (np.arange(len(x)), raw(target)))


class BinaryCrossEntropy(Function):
    """-(t log x + (1 - t) log(1 - x)), element by element, logarithms cut off at -100 as PyTorch does."""

    symbol, broadcasts = "bce", True
    domain = Reals(0.1, 0.9), Reals(0.1, 0.9)

    def forward(x: Any, t: Any) -> Any:
        with np.errstate(divide="ignore"):
            return -(t * np.maximum(np.log(x), -100) + (1 - t) * np.maximum(np.log1p(-x), -100))

    def oracle(x: Any, t: Any) -> Any:
        return -(t * np.log(x) + (1 - t) * np.log(1 - x))

    def dx(g: Any, x: Any, t: Any) -> Any:
        return g * (x - t) / np.maximum(x * (1 - x), 1e-12)

    def dt(g: Any, x: Any) -> Any:
        return g * (np.log(1 - x) - np.log(x))  # not cut off, as in PyTorch
