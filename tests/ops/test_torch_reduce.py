"""Reductions against PyTorch: every way to say `dim`, dtypes, empty inputs, gradients, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

random = np.random.default_rng(3)
CUBE = random.uniform(-2, 2, (2, 3, 4))
TIES = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
INPUTS = [
    CUBE,
    CUBE[0].astype(np.float32),
    CUBE[0].astype(np.float16),
    TIES,
    np.array([[1, 0, 3], [2, 2, 2]]),
    np.array([[1, 0, 3], [2, 2, 2]], np.int32),
    np.array([[1, 0, 3], [2, 2, 2]], np.uint8),
    np.array([[True, False], [True, True]]),
    np.array(2.5),
    np.array(3),
    np.array(True),
    np.zeros((0,)),
    np.zeros((0, 3)),
    np.zeros((2, 0)),
    np.zeros((0,), np.int64),
    np.array([[np.nan, 1.0], [np.inf, -np.inf]]),
    np.array([[-np.inf, -np.inf], [1.0, 2.0]]),
]
DIMS: list[Any] = [None, 0, 1, -1, -2, 2, -3, (0, 1), (0, -1), (), (0, 0), 1.0]


@pytest.mark.parametrize("name", ["sum", "mean", "var", "std", "amax", "amin", "all", "any", "logsumexp"])
def test_with_dim(same: Any, name: str) -> None:
    for x in INPUTS:
        for dim in DIMS:
            if name == "logsumexp" and dim == ():
                continue  # an error of PyTorch's own making
            # PyTorch's own gradient is wrong for var(dim=()), and NaN at every element for amax of a NaN (docs/kinks.md).
            grad = not (name in ("var", "std") and dim == () or name in ("amax", "amin") and np.isnan(x).any())
            order = 1 if name == "var" and not x.ndim else 2
            for keepdim in (False, True):
                same(lambda m, x, d, k: getattr(m, name)(x, d, keepdim=k), x, dim, keepdim, grad=grad, order=order)
            same(lambda m, x, dim: getattr(x, name)(dim=dim), x, dim, grad=grad, order=order)


@pytest.mark.parametrize(
    "name", "sum mean var std amax amin max min argmax argmin all any count_nonzero logsumexp".split()
)
def test_of_everything(same: Any, name: str) -> None:
    for x in INPUTS:
        grad = not (name in ("amax", "amin") and np.isnan(x).any())
        order = 1 if name == "var" and not x.ndim else 2
        same(lambda m, x: getattr(m, name)(x), x, grad=grad, order=order)
        same(lambda m, x: getattr(x, name)(), x, grad=grad, order=order)


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin", "softmax", "log_softmax", "count_nonzero"])
def test_with_one_dim(same: Any, name: str) -> None:
    for x in INPUTS:
        if "softmax" in name and x.dtype.kind != "f" and not x.size:
            continue  # PyTorch looks at the dtype only where there are elements
        for dim in (0, 1, -1, -2, 2, -3, 1.0):
            same(lambda m, x, dim: getattr(m, name)(x, dim), x, dim)
            same(lambda m, x, dim: getattr(x, name)(dim=dim), x, dim)
            if name in ("max", "min", "argmax", "argmin"):
                same(lambda m, x, dim: getattr(m, name)(x, dim, keepdim=True), x, dim)
        if name.startswith("arg"):
            same(lambda m, x: getattr(m, name)(x, None, True), x)


@pytest.mark.parametrize(
    "name",
    "sum mean var std amax amin max min argmax argmin all any count_nonzero softmax log_softmax logsumexp".split(),
)
@pytest.mark.parametrize("other", [2.0, None, "a", [1.0, 2.0]], ids=str)
def test_what_is_no_tensor(same: Any, name: str, other: Any) -> None:
    same(lambda m, x: getattr(m, name)(x, 0), other)
    same(lambda m: getattr(m, name)(m.ones(2, 2), "a"))


@pytest.mark.parametrize("name", ["max", "min"])
def test_extremes_of_two_tensors_and_as_named_tuple(same: Any, name: str) -> None:
    same(lambda m, x, y: getattr(m, name)(x, y), TIES, TIES[:, ::-1].copy())
    same(lambda m, x, y: getattr(x, name)(y), TIES, np.array([2, 3, 1]))
    same(lambda m, x: getattr(x, name)(1).values, TIES)
    same(lambda m, x: getattr(x, name)(1).indices, TIES)


@pytest.mark.parametrize("name", ["sum", "mean"])
def test_dtype_argument(same: Any, name: str) -> None:
    for x in INPUTS:
        for dtype in ("float16", "float32", "float64", "int64", "int32", "bool"):
            grad = dtype.startswith("float")  # PyTorch raises for other sums of what requires grad
            same(lambda m, x, d=dtype: getattr(m, name)(x, dtype=getattr(m, d)), x, grad=grad)
            same(lambda m, x, d=dtype: getattr(m, name)(x, 0, dtype=getattr(m, d)), x, grad=grad)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_dtype_argument_of_softmax(same: Any, name: str) -> None:
    for x in INPUTS:
        same(lambda m, x: getattr(m, name)(x, -1, dtype=m.float64), x)
        if x.dtype.kind == "f" or x.size:
            same(lambda m, x: getattr(m, name)(x, dim=-1), x)


@pytest.mark.parametrize("name", ["var", "std"])
def test_correction(same: Any, name: str) -> None:
    for x in INPUTS:
        for arguments in (
            {"unbiased": False},
            {"unbiased": True},
            {"correction": 0},
            {"correction": 2},
            {"correction": 9},
        ):
            # Otherwise it is NaN or infinite throughout, and which of both differs.
            grad = x.ndim > 0 and x.size > 0 and arguments.get("correction") != 9
            same(lambda m, x, a=arguments: getattr(m, name)(x, **a), x, grad=grad)
            same(lambda m, x, a=arguments: getattr(m, name)(x, dim=-1, **a), x, grad=grad)
        same(lambda m, x: getattr(m, name)(x, False), x, order=1)
        same(lambda m, x: getattr(x, name)(0, True), x, order=1)
        same(lambda m, x: getattr(x, name)(0, True, True), x, order=1)


def test_sums_do_not_drift(same: Any) -> None:
    many = np.full(70_000, 1.0, np.float16)
    same(lambda m, x: x.sum(), many)  # inf: more than float16 holds
    same(lambda m, x: x.mean(), many)
    same(lambda m, x: x.var(), many)
    same(lambda m, x: x.softmax(0), many, order=1)
