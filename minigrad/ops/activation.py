"""Activation functions, element by element, with PyTorch's derivatives at their kinks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.domains import OneOf, Reals
from minigrad.families import Unary
from minigrad.function import Function, raw
from minigrad.ops.elementwise import Sigmoid, select


class Softplus(Unary):
    """log(1 + exp(x)), element by element, exact at both ends; its derivative is the sigmoid."""

    symbol, domain = "softplus", (Reals(-30, 30),)

    def forward(x: Any) -> Any:
        return np.logaddexp(x, 0)

    def oracle(x: Any) -> Any:
        return np.log(1 + np.exp(x))

    def dx(g: Any, x: Any) -> Any:
        return g * Sigmoid.apply(x)


class Hardtanh(Function):
    """x limited to [low, high]; the derivative at both is 0, unlike that of clamp. PyTorch: `hardtanh`, `relu6`."""

    symbol, domain = "hardtanh", (Reals(-8, 8, avoid=(-1, 1, 0, 6)), OneOf(-1.0), OneOf(1.0, 6.0))

    def forward(x: Any, low: float, high: float) -> Any:
        return np.clip(x, low, high)

    def oracle(x: Any, low: float, high: float) -> Any:
        return np.where(x < low, low, np.where(x > high, high, x))

    def dx(g: Any, x: Any, low: float, high: float) -> Any:
        return select(g, (raw(x) > low) & (raw(x) < high))


class Elu(Function):
    """scale * x where x > 0, scale * alpha * (exp(slope * x) - 1) elsewhere. PyTorch: `elu`, `selu`, `celu`."""

    symbol, domain = "elu", (Reals(avoid=(0,)), OneOf(1.0, 0.5), OneOf(1.0, 1.5), OneOf(1.0, 2.0))

    def forward(x: Any, alpha: float, scale: float, slope: float) -> Any:
        return np.where(x > 0, x * scale, np.expm1(np.minimum(x, 0) * slope) * (alpha * scale))[()]

    def oracle(x: Any, alpha: float, scale: float, slope: float) -> Any:
        return scale * np.where(x > 0, x, alpha * (np.exp(slope * x) - 1))

    def dx(g: Any, x: Any, alpha: float, scale: float, slope: float) -> Any:
        above = x > 0
        return g * np.where(above, scale, np.exp(np.where(x >= 0, 0.0, x) * slope) * (alpha * scale * slope))


class Silu(Unary):
    """x * sigmoid(x). PyTorch: `silu`."""

    symbol, domain = "silu", (Reals(),)

    def forward(x: Any) -> Any:
        return x * Sigmoid.forward(x)

    def oracle(x: Any) -> Any:
        return x / (1 + np.exp(-x))

    def dx(g: Any, x: Any) -> Any:
        s = Sigmoid.apply(x)
        return g * (s * (1 + x * (1 - s)))


class Hardswish(Unary):
    """x * relu6(x + 3) / 6: 0 up to -3, x from 3 on. PyTorch: `hardswish`."""

    symbol, domain = "hardswish", (Reals(-5, 5, avoid=(-3, 3)),)

    def forward(x: Any) -> Any:
        return x * (np.clip(x + 3, 0, 6) / 6)

    def oracle(x: Any) -> Any:
        return np.where(x > 3, x, np.where(x < -3, 0, x * (x + 3) / 6))

    def dx(g: Any, x: Any) -> Any:
        return g * ((x >= 3) + (x / 3 + 0.5) * ((x > -3) & (x < 3)))


class Erf(Unary):
    """The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x. PyTorch: `erf`."""

    symbol, domain = "erf", (Reals(),)

    def forward(x: Any) -> Any:
        return np.asarray(np.frompyfunc(math.erf, 1, 1)(x)).astype(x.dtype)[()]

    def oracle(x: Any) -> Any:
        nodes, weights = np.polynomial.legendre.leggauss(60)
        t = np.multiply.outer(x, (nodes + 1) / 2)
        return x / math.sqrt(math.pi) * (np.exp(-t * t) @ weights)

    def dx(g: Any, x: Any) -> Any:
        return g * (np.exp(-x * x) * (2 / math.sqrt(math.pi)))
