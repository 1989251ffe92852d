"""Element-wise operations against PyTorch: values, promotion of dtypes, gradients, errors."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

FLOATS = ("float16", "float32", "float64")
DTYPES = (*FLOATS, "uint8", "int8", "int16", "int32", "int64", "bool")


def sample(dtype: str, zero: bool = False) -> Any:
    """Small numbers of a dtype, all positive unless it has signs; with `zero` only one, of no dimension."""
    x = np.array([[1.5, -2.25, 0.75], [2.5, 3.0, -1.0]]) if dtype in FLOATS else np.array([[1, 3, 2], [2, 1, 4]])
    x = x.astype(dtype)
    return x[1, 0][...].copy() if zero else x


EVERY = [sample(d) for d in DTYPES]
OPERANDS = [*EVERY, *(np.asarray(sample(d, True)) for d in DTYPES), 2, 2.5, True]

UNARY = """neg abs absolute sign floor ceil round exp log sqrt sin cos tanh sigmoid relu square
isnan isinf isfinite logical_not""".split()
BINARY = """add sub mul div pow remainder maximum minimum floor_divide eq ne lt le gt ge logical_and logical_or
logical_xor""".split()
ALIASES = "subtract multiply divide true_divide".split()
OPERATORS = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "//": lambda x, y: x // y,
    "%": lambda x, y: x % y,
    "**": lambda x, y: x**y,
    "==": lambda x, y: x == y,
    "!=": lambda x, y: x != y,
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
    "&": lambda x, y: x & y,
    "|": lambda x, y: x | y,
    "^": lambda x, y: x ^ y,
}


def pairs(name: str) -> Iterator[tuple[Any, Any]]:
    """All pairs of operands of which one is a tensor."""
    for x, y in itertools.product(OPERANDS, OPERANDS):
        if x is True or y is True:
            if name in ("sub", "subtract", "-"):
                continue  # PyTorch refuses True here, minigrad takes it for 1
            if name in ("pow", "**") and getattr(x, "dtype", None) == np.bool_:
                continue  # PyTorch's pow(bool, True) exists, its pow(bool, bool) does not
        if isinstance(x, np.ndarray) or isinstance(y, np.ndarray):
            yield x, y


@pytest.mark.parametrize("name", UNARY)
def test_unary(same: Any, name: str) -> None:
    for x in (
        *EVERY,
        *(np.asarray(sample(d, True)) for d in DTYPES),
        np.zeros((0, 2), np.float32),
        np.zeros((0,), bool),
    ):
        same(lambda m, x: getattr(m, name)(x), x)
        same(lambda m, x: getattr(x, name)(), x)


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("other", [2.0, None, "a", [1.0, 2.0]], ids=str)
def test_what_is_no_tensor(same: Any, name: str, other: Any) -> None:
    same(lambda m, x: getattr(m, name)(x), other)


@pytest.mark.parametrize("name", [*BINARY, *ALIASES])
def test_binary(same: Any, name: str) -> None:
    for x, y in pairs(name):
        same(lambda m, x, y: getattr(m, name)(x, y), x, y, order=1)
        if isinstance(x, np.ndarray):
            same(lambda m, x, y: getattr(x, name)(y), x, y, order=1)


@pytest.mark.parametrize("operator", OPERATORS)
def test_operators(same: Any, operator: str) -> None:
    for x, y in pairs(operator):
        same(lambda m, x, y: OPERATORS[operator](x, y), x, y, order=1)
