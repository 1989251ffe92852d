"""Dtypes against PyTorch: how they meet, what may be cast to what, and their limits."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import minigrad
from tests.agreement import agree, expression

DTYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")
PAIRS = list(itertools.product(DTYPES, DTYPES))


def test_promote_types(torch: Any) -> None:
    agree(torch, lambda L: [str(L.promote_types(getattr(L, a), getattr(L, b))).split(".")[1] for a, b in PAIRS])


def test_can_cast(torch: Any) -> None:
    agree(torch, lambda L: [L.can_cast(getattr(L, a), getattr(L, b)) for a, b in PAIRS])


def test_result_type(torch: Any) -> None:
    """Tensors of any dimension and numbers, two at a time."""

    def operands(L: Any) -> Any:
        tensors = [L.ones(shape, dtype=getattr(L, d)) for d in DTYPES for shape in ((), (2,))]
        return [*tensors, 1, 2.5, True]

    def program(L: Any) -> Any:
        found = operands(L)
        return [
            str(L.result_type(x, y)).split(".")[1]
            for x, y in itertools.product(found, found)
            if isinstance(x, L.Tensor) or isinstance(y, L.Tensor)
        ]

    agree(torch, program)


@pytest.mark.parametrize("dtype", DTYPES)
def test_limits(torch: Any, dtype: str) -> None:
    names = ("bits", "max", "min", "dtype")
    agree(torch, lambda L: [getattr(L.iinfo(getattr(L, dtype)), n) for n in names])
    floats = (*names, "eps", "tiny", "smallest_normal", "resolution")
    agree(torch, lambda L: [getattr(L.finfo(getattr(L, dtype)), n) for n in floats])


@pytest.mark.parametrize("dtype", DTYPES)
def test_attributes(torch: Any, dtype: str) -> None:
    names = ("is_floating_point", "is_signed", "is_complex", "itemsize")
    agree(torch, lambda L: [getattr(getattr(L, dtype), n) for n in names])
    agree(
        torch,
        lambda L: (
            repr(getattr(L, dtype)).split(".")[1],
            getattr(L, dtype) == dtype,
            len({getattr(L, d) for d in DTYPES}),
        ),
    )


LINES = """
    L.half is L.float16, L.float is L.float32, L.double is L.float64
    L.short is L.int16, L.int is L.int32, L.long is L.int64
    L.finfo().dtype
    L.iinfo()
    L.promote_types(L.float32)
    L.promote_types(L.float32, 3)
    L.can_cast(L.float32, 3.5)
    L.result_type("a", 2)
    isinstance(L.float32, L.dtype), isinstance(3, L.dtype)
    L.float32 == L.float64, L.float32 != L.float64
    L.set_default_dtype(L.float16); x = L.get_default_dtype(); L.set_default_dtype(L.float32); x
"""


@pytest.mark.parametrize("line", [line.strip() for line in LINES.strip().splitlines()])
def test_line(torch: Any, line: str) -> None:
    try:
        agree(torch, expression(line))
    finally:
        torch.set_default_dtype(torch.float32)
        minigrad.set_default_dtype(minigrad.float32)
