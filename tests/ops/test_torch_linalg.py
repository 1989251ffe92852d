"""Products against PyTorch: all combinations of dimensions, dtypes, equations, gradients, errors."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

SHAPES = [
    (),
    (3,),
    (4,),
    (0,),
    (2, 3),
    (3, 4),
    (3, 3),
    (0, 3),
    (3, 0),
    (2, 2, 3),
    (2, 3, 4),
    (1, 3, 2),
    (5, 1, 3, 2),
    (4, 1),
]


def drawn(shape: tuple[int, ...], dtype: str = "float64", seed: int = 0) -> Any:
    x = np.asarray(np.random.default_rng(seed).uniform(-3, 3, shape))
    return x.astype(dtype)


@pytest.mark.parametrize("name", ["matmul", "mm", "bmm", "dot", "mv", "outer"])
def test_all_shapes(same: Any, name: str) -> None:
    for a, b in itertools.product(SHAPES, SHAPES):
        same(lambda m, x, y: getattr(m, name)(x, y), drawn(a), drawn(b, seed=1))


def test_operator_and_methods(same: Any) -> None:
    for a, b in itertools.product(SHAPES, SHAPES):
        same(lambda m, x, y: x @ y, drawn(a), drawn(b, seed=1), order=1)
    matrix, vector, batch = drawn((3, 3)), drawn((3,), seed=1), drawn((2, 3, 3), seed=2)
    same(lambda m, x, y: x.matmul(y), matrix, vector)
    same(lambda m, x, y: x.mm(y), matrix, matrix)
    same(lambda m, x, y: x.bmm(y), batch, batch)
    same(lambda m, x, y: x.dot(y), vector, vector)
    same(lambda m, x, y: x.mv(y), matrix, vector)
    same(lambda m, x, y: x.outer(y), vector, vector)


def test_one_tensor_as_both_factors(same: Any) -> None:
    for call in (lambda m, x: x @ x, lambda m, x: x @ x.T, lambda m, x: m.einsum("ij,kj->ik", x, x)):
        same(call, drawn((3, 3)))
    same(lambda m, x: x @ x, drawn((3,)))


@pytest.mark.parametrize("name", ["matmul", "mm"])
def test_dtypes(same: Any, name: str) -> None:
    dtypes = ("float16", "float32", "float64", "int64", "int32", "uint8")
    for a, b in itertools.product(dtypes, dtypes):
        same(lambda m, x, y: getattr(m, name)(x, y), drawn((2, 3), a), drawn((3, 2), b, 1))


@pytest.mark.parametrize("name", ["matmul", "mm", "bmm", "dot", "mv", "outer"])
def test_functions_of_what_is_no_tensor(same: Any, name: str) -> None:
    for other in (2, 2.5, None, "a", [1.0, 2.0, 3.0]):
        same(lambda m, x, y: getattr(m, name)(x, y), drawn((3,)), other)
        same(lambda m, x, y: getattr(m, name)(y, x), drawn((3,)), other)


def test_what_is_no_tensor(same: Any) -> None:
    for other in (2, 2.5, None, "a", [1.0, 2.0, 3.0]):
        same(lambda m, x, y: m.matmul(x, y), drawn((3,)), other)
        same(lambda m, x, y: x @ y, drawn((3,)), other)
        same(lambda m, x, y: y @ x, drawn((3,)), other)


def test_half_precision_sums_do_not_overflow_or_drift(same: Any) -> None:
    same(lambda m, x: x @ x, np.full(4000, 0.125, np.float16), order=1)
    same(lambda m, x: x @ x.T, np.full((2, 3000), 0.25, np.float16), order=1)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("ij,jk", [(2, 3), (3, 4)]),
        ("ba,ac", [(2, 3), (3, 4)]),
        ("i,i->", [(3,), (3,)]),
        ("i,j->ij", [(3,), (2,)]),
        ("ij->ji", [(2, 3)]),
        ("ij->", [(2, 3)]),
        ("ij->j", [(2, 3)]),
        ("ii->i", [(3, 3)]),
        ("ii", [(3, 3)]),
        ("ii->", [(3, 3)]),
        ("iij->ij", [(2, 2, 3)]),
        ("bij,bjk->bik", [(2, 2, 3), (2, 3, 2)]),
        ("bij,jk->bik", [(2, 2, 3), (3, 2)]),
        ("...ij,...jk->...ik", [(2, 2, 3), (3, 2)]),
        ("...ij,...jk->...ik", [(5, 1, 2, 3), (2, 3, 2)]),
        ("...i->...", [(2, 3)]),
        ("i...->...", [(2, 3)]),
        ("...,...->...", [(2, 3), (3,)]),
        ("bhid,bhjd->bhij", [(1, 2, 3, 2), (1, 2, 4, 2)]),
        ("ij,jk,kl->il", [(2, 3), (3, 2), (2, 4)]),
        ("ij,ij,ij->i", [(2, 3), (2, 3), (2, 3)]),
        (" i j , j k -> i k ", [(2, 3), (3, 4)]),
        ("Ij,jK->IK", [(2, 3), (3, 4)]),
        ("ij,jk->ik", [(0, 3), (3, 4)]),
        ("ij,jk->ik", [(2, 0), (0, 4)]),
        ("ij,jk->ik", [(2, 1), (3, 4)]),
        (",->", [(), ()]),
        ("i,->i", [(3,), ()]),
        ("ij,jk->ik", [(2, 3), (2, 3)]),
        ("ij,jk->iq", [(2, 3), (3, 4)]),
        ("ij->ijj", [(2, 3)]),
        ("ij,jk->ik", [(2, 3)]),
        ("ijk->i", [(2, 3)]),
        ("i?->i", [(2, 3)]),
        ("ii->ii", [(2, 2)]),
        ("", []),
        ("i->i", [(3,), (3,)]),
    ],
)
def test_einsum(same: Any, equation: str, shapes: list[tuple[int, ...]]) -> None:
    operands = [drawn(shape, seed=i) for i, shape in enumerate(shapes)]
    same(lambda m, *xs: m.einsum(equation, *xs), *operands)
    same(lambda m, *xs: m.einsum(equation, list(xs)), *operands)


def test_einsum_of_integers_and_mixed_dtypes(same: Any) -> None:
    for a, b in (("int64", "int64"), ("float32", "float32"), ("float16", "float16"), ("float32", "float64")):
        same(lambda m, x, y: m.einsum("ij,jk->ik", x, y), drawn((2, 3), a), drawn((3, 2), b, 1))
