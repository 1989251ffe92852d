"""dropout: what it zeroes, how it scales, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.nn import functional as F


@given(st.floats(0, 0.99) | st.just(1.0), st.sampled_from(["float16", "float32", "float64"]), st.integers(0, 2**32))
def test_elements_are_zero_or_scaled_and_the_gradient_is_the_mask(p: float, dtype: str, seed: int) -> None:
    minigrad.manual_seed(seed)
    x = minigrad.from_numpy(np.full((20, 20), 2, dtype)).requires_grad_()
    out = F.dropout(x, p)
    out.backward(minigrad.from_numpy(np.ones((20, 20), dtype)))
    assert out.dtype is x.dtype
    values, mask = out.detach().numpy(), x.grad.numpy()
    assert np.array_equal(values, 2 * mask)
    if p < 1:
        scale = np.ones((), dtype) / np.asarray(1 - p, dtype) if p else 1
        kept = values != 0
        np.testing.assert_allclose(mask[kept].astype(float), float(scale), rtol=2e-3)
    zeros = (values == 0).sum()
    assert abs(zeros - 400 * p) <= 5 * np.sqrt(400 * p * (1 - p)) + (5 if 0 < p < 1 else 0)  # rare ones are Poisson's


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_in_evaluation_the_input_itself_comes_back(p: float) -> None:
    x = minigrad.tensor([1.0, 2.0])
    assert F.dropout(x, p, training=False) is x


def test_the_seed_decides() -> None:
    x = minigrad.from_numpy(np.ones((5, 5)))
    found = []
    for seed in (1, 1, 2):
        minigrad.manual_seed(seed)
        found.append(F.dropout(x).numpy())
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_in_place() -> None:
    x = minigrad.from_numpy(np.ones((5, 5)))
    assert F.dropout(x, 0.5, inplace=True) is x
    assert set(x.numpy().ravel()) <= {0.0, 2.0}


@pytest.mark.parametrize("p", [-0.1, 1.5])
def test_a_probability_out_of_range_raises(p: float) -> None:
    with pytest.raises(ValueError, match="dropout probability has to be between 0 and 1"):
        F.dropout(minigrad.tensor([1.0]), p)


@pytest.mark.parametrize(("p", "training"), [(0.5, True), (0.0, True), (1.0, True), (0.5, False)])
def test_integers_as_pytorch(compare: Any, p: float, training: bool) -> None:
    compare(lambda lib, x: lib.nn.functional.dropout(x, p, training), np.array([1, 2]))


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_the_ends_as_pytorch(compare: Any, p: float) -> None:
    compare(lambda lib, x: lib.nn.functional.dropout(x, p), np.array([1.0, -2.0]))
    compare(lambda lib, x: lib.nn.functional.dropout(x, 0.5), np.zeros((0, 3)))
