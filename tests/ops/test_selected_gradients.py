"""Gradients that an operation keeps back are 0 whatever comes from above: 0 times inf would be NaN."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad

VALUES = [-3.5, -1.0, 0.5, 0.25, 1.0, 2.0, 3.0, 7.0]

# Called with the library (minigrad or torch) and a vector of eight numbers.
FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "relu": lambda t, x: t.relu(x),
    "relu_": lambda t, x: (x * 1).relu_(),
    "relu6": lambda t, x: t.nn.functional.relu6(x),
    "hardtanh": lambda t, x: t.nn.functional.hardtanh(x),
    "hardsigmoid": lambda t, x: t.nn.functional.hardsigmoid(x),
    "clamp": lambda t, x: t.clamp(x, 0, 2.5),
    "clamp, bounds": lambda t, x: t.clamp(t.zeros(8), min=x),
    "where": lambda t, x: t.where(x > 0, x, t.zeros(8)),
    "masked_fill": lambda t, x: x.masked_fill(x < 1, 3.0),
    "maximum": lambda t, x: t.maximum(x, t.full((8,), 0.5)),
    "minimum": lambda t, x: t.minimum(t.full((8,), 0.5), x),
    "max": lambda t, x: x.max(),
    "min": lambda t, x: x.min(),
    "max over a dimension": lambda t, x: x.reshape(2, 4).max(1).values,
    "sign": lambda t, x: t.sign(x),
    "floor": lambda t, x: t.floor(x),
    "round": lambda t, x: t.round(x),
    "pow 0": lambda t, x: x**0,
    "pow, tensors": lambda t, x: t.pow(x, t.tensor([0.0, 2] * 4)),
    "index": lambda t, x: x[2:4],
    "max_pool1d": lambda t, x: t.nn.functional.max_pool1d(x.reshape(1, 1, 8), 2),
    "max_pool2d": lambda t, x: t.nn.functional.max_pool2d(x.reshape(1, 1, 2, 4), 2),
    "max_pool2d, padded": lambda t, x: t.nn.functional.max_pool2d(x.reshape(1, 1, 2, 4), 2, 1, 1),
    "adaptive_max_pool1d": lambda t, x: t.nn.functional.adaptive_max_pool1d(x.reshape(1, 1, 8), 4),
    "pool of relu": lambda t, x: t.nn.functional.max_pool2d(t.relu(x.reshape(1, 1, 2, 4)), 2),
}


def gradient(library: Any, name: str, values: Any, upstream: float, dtype: str = "float32") -> Any:
    x = library.tensor(values, dtype=getattr(library, dtype), requires_grad=True)
    y = FUNCTIONS[name](library, x)
    y.backward(library.full(tuple(y.shape), upstream, dtype=y.dtype))
    return np.array(x.grad.tolist())


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("upstream", [math.inf, -math.inf, math.nan])
def test_what_is_kept_back_is_zero(name: str, upstream: float) -> None:
    kept = gradient(minigrad, name, VALUES, 1.0)
    expected = [k and k * upstream for k in kept.tolist()]
    np.testing.assert_array_equal(gradient(minigrad, name, VALUES, upstream), expected)


@pytest.mark.parametrize("name", FUNCTIONS)
@given(values=st.lists(st.sampled_from([*VALUES, 0.0, 6.5]), min_size=8, max_size=8))
def test_as_in_pytorch(torch: Any, name: str, values: list[float]) -> None:
    np.testing.assert_array_equal(gradient(minigrad, name, values, math.inf), gradient(torch, name, values, math.inf))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_root_of_a_relu(dtype: str) -> None:
    x = minigrad.tensor([-2.0, -1.0, 4.0], dtype=getattr(minigrad, dtype), requires_grad=True)
    for made in (minigrad.sqrt(minigrad.relu(x)), minigrad.sqrt(minigrad.relu(x.reshape(1, 1, 3)))):
        (first,) = minigrad.autograd.grad(made.sum(), x, create_graph=True)
        (second,) = minigrad.autograd.grad(first.sum(), x)
        assert first.tolist() == [0, 0, 0.25]
        assert second.tolist() == [0, 0, -1 / 32]
