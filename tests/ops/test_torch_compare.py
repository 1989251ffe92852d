"""Comparisons, logic and bits against PyTorch."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

NAN, INF = np.nan, np.inf
COMPARISONS = ["eq", "ne", "lt", "le", "gt", "ge"]


@pytest.mark.parametrize("name", COMPARISONS)
def test_what_decides_is_the_tensor_with_dimensions(same: Any, name: str) -> None:
    """0.1 in float32 and in float64 differ; a 0-d tensor and a number are first rounded to the other's dtype."""
    tenth = np.array([0.1], np.float32)
    for other in (np.array(0.1), np.array([0.1]), 0.1, np.array(0.1, np.float16), np.array([0.1], np.float16)):
        same(lambda m, x, y: getattr(m, name)(x, y), tenth, other)
    same(lambda m, x, y: getattr(m, name)(x, y), np.array([2**24 + 1]), np.array([2.0**24], np.float32))
    same(lambda m, x, y: getattr(m, name)(x, y), np.array([2**24 + 1]), 2.0**24)


@pytest.mark.parametrize("name", COMPARISONS)
def test_shapes_and_special_values(same: Any, name: str) -> None:
    x = np.array([[0.0, -0.0, 1.0], [NAN, INF, -INF]])
    for other in (x, x.T.copy(), x[:1], np.array(NAN), NAN, INF, np.zeros((3, 0, 3)), np.zeros((2, 2))):
        same(lambda m, x, y: getattr(m, name)(x, y), x, other)
        same(lambda m, x, y: getattr(x, name)(y), x, other)


@pytest.mark.parametrize("other", [None, "a", [1.0, 2.0], {}, 1j], ids=str)
def test_operators_with_what_is_no_number(same: Any, other: Any) -> None:
    x = np.array([1.0, 2.0])
    for call in (
        lambda m, x: x == other,
        lambda m, x: x != other,
        lambda m, x: x < other,
        lambda m, x: other >= x,
        lambda m, x: x & other,
        lambda m, x: x + other,
        lambda m, x: other * x,
        lambda m, x: m.eq(x, other),
    ):
        if not (other == 1j or isinstance(other, list)):  # complex numbers and lists mean something to NumPy alone
            same(call, x)


@pytest.mark.parametrize("name", ["isclose", "allclose", "equal"])
def test_closeness(same: Any, name: str) -> None:
    x = np.array([1.0, NAN, INF, 0.0])
    for y in (x, x + 1e-9, x * (1 + 1e-4), x[::-1].copy(), np.array([1.0]), np.ones((2, 1)), np.ones(3), np.array(1.0)):
        same(lambda m, x, y: getattr(m, name)(x, y), x, y)
        if name != "equal":
            same(lambda m, x, y: getattr(m, name)(x, y, equal_nan=True), x, y)
            same(lambda m, x, y: getattr(x, name)(y, rtol=1e-3, atol=0.1), x, y)
            same(lambda m, x, y: getattr(m, name)(x, y, rtol=-1.0), x, y)
    for a, b in itertools.product(("float32", "float64", "int64", "bool"), repeat=2):
        same(lambda m, x, y: getattr(m, name)(x, y), np.ones(2, a), np.ones(2, b))
    for other in (1.0, None):
        same(lambda m, x, y: getattr(m, name)(x, y), x, other)


@pytest.mark.parametrize("symbol", ["&", "|", "^", "<<", ">>"])
def test_bits(same: Any, symbol: str) -> None:
    calls = {
        "&": lambda m, x, y: x & y,
        "|": lambda m, x, y: x | y,
        "^": lambda m, x, y: x ^ y,
        "<<": lambda m, x, y: x << y,
        ">>": lambda m, x, y: x >> y,
    }
    kinds = ("int64", "int32", "uint8", "float32") + (("bool",) if symbol in "&|^" else ())
    for a, b in itertools.product(kinds, repeat=2):
        same(calls[symbol], np.array([1, 2, 5]).astype(a), np.array([1, 3, 2]).astype(b))
        same(calls[symbol], np.array([1, 2, 5]).astype(a), np.array(3).astype(b))
        same(calls[symbol], np.array([1, 2, 5]).astype(a), 3)
        same(calls[symbol], 3, np.array([1, 2, 5]).astype(b))
    same(calls[symbol], np.ones((2, 3), int), np.ones((2, 4), int))


def test_not(same: Any) -> None:
    for kind in ("int64", "uint8", "bool", "float32"):
        same(lambda m, x: ~x, np.array([0, 1, 5]).astype(kind))
        same(lambda m, x: m.logical_not(x), np.array([0, 1, 5]).astype(kind))


@pytest.mark.parametrize("name", ["logical_and", "logical_or", "logical_xor"])
def test_logic_of_mixed_dtypes(same: Any, name: str) -> None:
    for a, b in itertools.product(("float32", "int64", "uint8", "bool"), repeat=2):
        x, y = np.array([0, 0, 1, 2]).astype(a), np.array([0, 1, 0, 1]).astype(b)
        same(lambda m, x, y: getattr(m, name)(x, y), x, y)
        same(lambda m, x, y: getattr(x, name)(y), x, y)
    same(lambda m, x, y: getattr(m, name)(x, y), np.array([NAN, 0.0]), np.array([1.0, 1.0]))


@pytest.mark.parametrize("name", ["isnan", "isinf", "isfinite"])
def test_tests_of_elements(same: Any, name: str) -> None:
    for x in (np.array([0.0, NAN, INF, -INF]), np.array([NAN, 1.0], np.float16), np.array([1, 2]), np.array([True])):
        same(lambda m, x: getattr(m, name)(x), x)
        same(lambda m, x: getattr(x, name)(), x)
    same(lambda m: getattr(m, name)(1.0))
