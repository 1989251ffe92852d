"""The in-place forms of element-wise operations against PyTorch: values, gradients, and what they refuse."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

X = np.array([[0.5, 1.5, 2.5], [1.0, 2.0, 3.0]])
UNARY = "neg_ abs_ sign_ floor_ ceil_ round_ exp_ log_ sqrt_ sin_ cos_ tanh_ sigmoid_ relu_".split()
BINARY = "add_ sub_ mul_ div_ pow_ remainder_".split()


@pytest.mark.parametrize("name", UNARY)
def test_unary(same: Any, name: str) -> None:
    for x in (X, X.astype(np.float16), np.array([1, -2]), np.array(0.25), np.zeros((0, 2))):
        same(lambda m, x: getattr(x * 1, name)(), x)
        same(lambda m, x: getattr(x, name)(), x, grad=False)
    same(lambda m, x: getattr(x, name)(), X)  # a leaf
    same(lambda m, x: getattr((x * 1)[0], name)(), X)  # a view
    same(lambda m, x: getattr(x * 1, name)() * x, X)


@pytest.mark.parametrize("name", BINARY)
def test_binary(same: Any, name: str) -> None:
    others = [
        X,
        X[:1],
        np.array(2.0),
        2,
        2.5,
        np.array([1, 2, 3]),
        X.astype(np.float32),
        np.ones((3, 2)),
        np.ones((4, 2, 3)),
    ]
    for x, y in itertools.product((X, X.astype(np.float32), np.array([[1, 2, 3], [4, 5, 6]])), others):
        same(lambda m, x, y: getattr(x * 1, name)(y), x, y)
    same(lambda m, x, y: getattr(x, name)(y), X, 2.0)  # a leaf
    same(lambda m, x: (lambda y: getattr(y, name)(y))(x * 1), X, order=1)  # with itself


def test_operators(same: Any) -> None:
    def apply(symbol: str) -> Any:
        def call(m: Any, x: Any, y: Any) -> Any:
            z = x * 1
            kept = z
            if symbol == "+":
                z += y
            elif symbol == "-":
                z -= y
            elif symbol == "*":
                z *= y
            elif symbol == "/":
                z /= y
            elif symbol == "**":
                z **= y
            else:
                z %= y
            assert z is kept
            return z

        return call

    for symbol, y in itertools.product(("+", "-", "*", "/", "**", "%"), (X, 2, 2.5, X[0])):
        same(apply(symbol), X, y)


def test_clamp(same: Any) -> None:
    for low, high in ((1.0, 2.0), (None, 2.0), (1, None), (None, None)):
        same(lambda m, x, low, high: (x * 1).clamp_(low, high), X, low, high)
        same(lambda m, x, low, high: (x * 1).clamp_(min=low, max=high), X, low, high)


def test_rounding(same: Any) -> None:
    for mode, y in itertools.product(("floor", "trunc", None, "up"), (2, -1.5, X[0], np.ones((3, 2, 3)))):
        same(lambda m, x, y, mode: (x * 1).div_(y, rounding_mode=mode), X - 1.7, y, mode)
        same(lambda m, x, y, mode: (x * 1).div_(y, rounding_mode=mode), np.array([[5, -7, 3]]), y, mode)
    for decimals in (0, 1, -1):
        same(lambda m, x, decimals: (x * 1).round_(decimals=decimals), X * 1.23, decimals)
    same(lambda m, x: (x * 1).pow_(exponent=2), X)


def test_alpha(same: Any) -> None:
    same(lambda m, x: (x * 1).add_(x, alpha=2), X)
    same(lambda m, x: (x * 1).sub_(3, alpha=0.5), X)
    same(lambda m, x: (x * 1).add_(x, alpha=0.5), np.array([1, 2]))
