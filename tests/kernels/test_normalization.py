"""BatchNorm's passes are their formulas, whatever is done at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.kernels import normalization as kernel


@st.composite
def images(draw: Any) -> Any:
    """(x, g, and three arrays of one number a channel), channels-last in memory or not, far from 0 or not."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    dims = draw(st.integers(0, 2))
    shape = draw(st.integers(1, 9)), draw(st.integers(1, 5)), *(draw(st.integers(1, 6)) for _ in range(dims))
    dtype = draw(st.sampled_from((np.float32, np.float64)))
    far = draw(st.sampled_from((0, 0, 100)))
    x, g = ((rng.normal(size=shape) + far).astype(dtype) for far in (far, 0))
    if draw(st.booleans()):
        x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    return x, g, [rng.normal(size=shape[1]).astype(dtype) for _ in range(3)]


@pytest.fixture(scope="module", params=[True, False], ids=["small blocks", "one block"], autouse=True)
def block(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param:
            for name, value in (("BLOCK", 16), ("SMALL", 4), ("TALL", 8), ("WIDE", 8)):
                patch.setattr(kernel, name, value)
        yield


def along(v: Any, x: Any) -> Any:
    return v.reshape(-1, *(1,) * (x.ndim - 2))


def close(found: Any, wanted: Any, x: Any) -> None:
    tolerance = 1e-10 if x.dtype == np.float64 else 2e-4
    assert found.dtype == x.dtype
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


@given(images())
def test_moments(case: Any) -> None:
    x, _, _ = case
    axes, wide = (0, *range(2, x.ndim)), x.astype(np.float64)
    mean, variance = kernel.moments(x)
    close(mean, wide.mean(axes), x)
    close(variance, wide.var(axes), x)


@given(images())
def test_combined(case: Any) -> None:
    x, g, (a, b, c) = case
    close(kernel.combined(g, a, None, None, c), g * along(a, x) + along(c, x), x)
    close(kernel.combined(g, a, x, b, c), g * along(a, x) + x * along(b, x) + along(c, x), x)


@given(images())
def test_sums(case: Any) -> None:
    x, g, (mean, _, _) = case
    axes = (0, *range(2, x.ndim))
    plain, weighted = kernel.sums(g, x, mean)
    close(plain, g.astype(np.float64).sum(axes), x)
    wanted = (g.astype(np.float64) * (x - along(mean, x))).sum(axes)
    scale = max(1, np.abs(x - along(mean, x)).max())
    close(weighted / scale, wanted / scale, x)
